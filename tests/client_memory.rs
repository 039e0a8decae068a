//! The functions that the static client is linked with in place of the C library's: hack/client-memory.c.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use std::path::Path;
use std::process::Command;

#[test]
fn they_do_what_those_of_the_c_library_do() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).current_dir(directory).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{program}, which comes with the linker: {error}"));
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let of = |file: &str| root.join(file).to_str().unwrap().to_owned();
    let (functions, check) = (of("hack/client-memory.c"), of("tests/client_memory/check.c"));
    let alone = ["-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-c"];
    run("cc", &[&alone[..], &[&functions, "-o", "client-memory.o"]].concat());
    run("objcopy", &["--prefix-symbols=ours_", "client-memory.o"]);
    // Calls of the C library, and not what the compiler takes for them.
    let with = ["-O2", "-Wall", "-Wextra", "-Werror", "-fno-builtin"];
    run("cc", &[&with[..], &[&check, "client-memory.o", "-o", "client-memory"]].concat());
    let checked = Command::new(directory.join("client-memory")).output().unwrap();
    assert!(checked.status.success(), "differs: {}", String::from_utf8_lossy(&checked.stdout));
}
