//! Input that means harm: a clear error, soon, and in little memory.
//!
//! Each case is loaded by a process of its own, this very program, whose greatest memory and time on the processor the
//! kernel counts. An unoptimised build gets twenty times the time; `make hostile` measures an optimised one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use compose_operator::compose::{
    Document, DocumentBody, FileError, Level, LoadOptions, ProjectFile, ProjectFiles, Variable, load,
};

const CASE: &str = "HOSTILE_CASE";
const MILLISECONDS: u64 = if cfg!(debug_assertions) { 2_000 } else { 100 };
const KILOBYTES: u64 = 50_000;

/// Files that are made when they are asked for.
struct Made(fn(&str) -> Option<Vec<u8>>);

impl ProjectFiles for Made {
    fn read(&self, path: &str) -> Result<ProjectFile, FileError> {
        let content = (self.0)(path).ok_or(FileError::NotFound)?;
        Ok(ProjectFile { content, mode: None, secret: false })
    }
}

struct Input {
    documents: Vec<String>,
    files: fn(&str) -> Option<Vec<u8>>,
    variables: Vec<(String, String)>,
    /// The reason of the error that must be among those told.
    reason: &'static str,
}

fn text(document: impl Into<String>, reason: &'static str) -> Input {
    Input { documents: vec![document.into()], files: |_| None, variables: Vec::new(), reason }
}

/// So many lines, each of its number.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, index| {
        let _ = writeln!(text, "{}", line(index));
        text
    })
}

fn limit(document: impl Into<String>) -> Input {
    text(document, "LimitExceeded")
}

fn with_files(input: Input, files: fn(&str) -> Option<Vec<u8>>) -> Input {
    Input { files, ..input }
}

/// A megabyte less a little, of one text again and again.
fn filled(begin: &str, repeated: &str) -> String {
    let count = ((1 << 20) - 1_000) / repeated.len();
    format!("{begin}{}", repeated.repeat(count))
}

/// What a case is called, and how its input is made.
type Case = (&'static str, fn() -> Input);

const CASES: [Case; 44] = [
    ("aliases that double lists", || {
        let level =
            |level: usize| format!("x-{level}: &a{level} [{0}, {0}, {0}, {0}]", format!("*a{}", level.max(1) - 1));
        limit("x-: &a0 [x, x]\n".to_owned() + &lines(30, |index| level(index + 1)))
    }),
    ("aliases that double mappings", || {
        let level = |level: usize| format!("x-{level}: &a{level} {{a: *a{0}, b: *a{0}}}", level - 1);
        limit("x-: &a0 {k: v}\n".to_owned() + &lines(40, |index| level(index + 1)))
    }),
    ("aliases through merge keys", || {
        let level = |level: usize| format!("x-{level}: &a{level} {{<<: [*a{0}, *a{0}], k{level}: *a{0}}}", level - 1);
        limit("x-: &a0 {k: v}\n".to_owned() + &lines(40, |index| level(index + 1)))
    }),
    ("aliases of a long text", || {
        limit(format!("x-a: &a \"{}\"\nx-b: [{}]\n", "x".repeat(500_000), vec!["*a"; 50_000].join(",")))
    }),
    ("aliases in a chain", || {
        limit("x-: &a0 [1]\n".to_owned() + &lines(20_000, |index| format!("x-{index}: &a{} [*a{index}]", index + 1)))
    }),
    ("a cycle of aliases", || text("services: &s {a: {image: x, x-s: [*s, *s, *s]}}\n", "InvalidYaml")),
    ("flow sequences in each other", || text(filled("x-a: ", "["), "InvalidYaml")),
    ("flow mappings in each other", || limit(filled("x-a: ", "{a: "))),
    ("block sequences in each other", || limit(filled("x-a:\n", "- "))),
    ("block mappings in each other", || {
        limit("x-a:\n".to_owned() + &lines(1_400, |index| " ".repeat(index + 1) + "a:"))
    }),
    ("complex keys in each other", || limit(filled("", "? "))),
    ("a document of 30 MB", || limit("x".repeat(30_000_000))),
    ("many small values", || limit(filled("x-a: [", "a,") + "]\n")),
    ("many small mappings", || limit(filled("x-a: [", "{},") + "]\n")),
    ("many keys", || limit("services:\n".to_owned() + &lines(60_000, |index| format!("  s{index}: {{}}")))),
    ("an open quote", || text(filled("x-a: \"", "x\n "), "InvalidYaml")),
    ("many documents", || limit(filled("", "---\na\n"))),
    ("a key of half a megabyte", || {
        limit(
            format!("services:\n  ? {}\n  :\n", "k".repeat(500_000))
                + &lines(1_000, |index| format!("    u{index}: 1")),
        )
    }),
    ("a key defined again and again", || {
        text("x-a:\n".to_owned() + &lines(50_000, |_| "  k: v".to_owned()), "DuplicateKey")
    }),
    ("more errors than anybody reads", || {
        limit("services:\n  a:\n    image: x\n".to_owned() + &lines(40_000, |index| format!("    imag{index}: 1")))
    }),
    ("a misspelt attribute of 900 kB", || {
        text(format!("services: {{a: {{? {} : 1}}}}\n", "imag".repeat(225_000)), "UnknownAttribute")
    }),
    ("ranges of ports", || {
        limit(format!("services: {{a: {{image: x, ports: [{}]}}}}\n", vec!["\"1-65535\""; 50_000].join(",")))
    }),
    ("dependencies upon everything", || {
        let all: Vec<String> = (0..400).map(|index| format!("s{index}")).collect();
        let all = all.join(",");
        limit("services:\n".to_owned() + &lines(400, |index| format!("  s{index}: {{image: x, depends_on: [{all}]}}")))
    }),
    ("short forms of mounts", || {
        limit("services:\n  a:\n    volumes:\n".to_owned() + &lines(60_000, |index| format!("    - a:/{index}")))
    }),
    ("ring upon ring of dependencies", || {
        let all: Vec<String> = (0..80).map(|index| format!("s{index}")).collect();
        let all = all.join(",");
        text(
            "services:\n".to_owned() + &lines(80, |index| format!("  s{index}: {{image: x, depends_on: [{all}]}}")),
            "DependencyCycle",
        )
    }),
    ("includes that include a hundred each", || {
        with_files(limit("include: [r/a.yaml]\n"), |path| {
            let stem = path.strip_suffix(".yaml")?;
            Some(format!("include:\n{}", lines(100, |index| format!("- {stem}-{index}.yaml"))).into_bytes())
        })
    }),
    ("includes one below the other", || {
        with_files(limit("include: [a.yaml]\n"), |path| {
            let stem = path.strip_suffix(".yaml")?;
            Some(format!("include: [{stem}a.yaml]\n").into_bytes())
        })
    }),
    ("a file that includes itself a thousand times", || {
        with_files(text("include: [a.yaml]\n", "IncludeCycle"), |path| {
            (path == "/project/a.yaml")
                .then(|| format!("include: [{}]\n", vec!["a.yaml"; 1_000].join(",")).into_bytes())
        })
    }),
    ("one large file included a thousand times", || {
        with_files(limit(format!("include: [{}]\n", vec!["a.yaml"; 1_000].join(","))), |path| {
            let services = || lines(3_000, |index| format!("  s{index}: {{image: x, tty: true}}"));
            (path == "/project/a.yaml").then(|| ("services:\n".to_owned() + &services()).into_bytes())
        })
    }),
    ("includes with large files of variables", || {
        with_files(
            limit(format!(
                "include: [{}]\n",
                (0..500).map(|index| format!("d{index}/a.yaml")).collect::<Vec<_>>().join(",")
            )),
            |path| {
                if path.ends_with("/.env") {
                    return (path.len() > "/project/.env".len())
                        .then(|| format!("A={}\n", "x".repeat(900_000)).into_bytes());
                }
                Some(b"services: {a: {image: x}}\n".to_vec())
            },
        )
    }),
    ("services that extend each other in a long chain", || {
        text(
            "services:\n".to_owned() + &lines(9_000, |index| format!("  s{index}: {{extends: s{}}}", index + 1)),
            "LimitExceeded",
        )
    }),
    ("a large service extended a thousand times", || {
        let environment: Vec<String> = (0..500).map(|index| format!("K{index}: v")).collect();
        let base = format!("  base: {{image: x, environment: {{{}}}}}\n", environment.join(","));
        limit("services:\n".to_owned() + &base + &lines(2_000, |index| format!("  s{index}: {{extends: base}}")))
    }),
    ("a thousand files to extend from", || {
        with_files(
            limit(
                "services:\n".to_owned()
                    + &lines(9_000, |index| format!("  s{index}: {{extends: {{file: f{index}.yaml, service: a}}}}")),
            ),
            |_| Some(b"services: {a: {image: x}}\n".to_vec()),
        )
    }),
    ("hooks that repeat a large service", || {
        let hooks = vec!["{command: x}"; 5_000].join(",");
        let labels: Vec<String> = (0..2_000).map(|index| format!("l{index}: v")).collect();
        limit(format!("services: {{a: {{image: x, labels: {{{}}}, pre_start: [{hooks}]}}}}\n", labels.join(",")))
    }),
    ("defaults in defaults", || limit(format!("x-a: \"{}{}\"\n", "${A:-".repeat(100_000), "}".repeat(100_000)))),
    ("substitutions side by side", || {
        text(filled("services: {a: {image: x}}\nx-a: \"", "${A:-x}") + "${\"\n", "InvalidInterpolation")
    }),
    ("braces that do not match", || {
        text(filled("services: {a: {image: x}}\nx-a: \"", "${A:-{") + "\"\n", "InvalidInterpolation")
    }),
    ("a variable of 100 kB in many places", || Input {
        variables: vec![("V".to_owned(), "v".repeat(100_000))],
        ..limit(format!("x-a: [{}]\n", vec!["$V$V$V"; 20_000].join(",")))
    }),
    ("a variable of 100 kB named in many environments", || Input {
        variables: vec![("V".to_owned(), "v".repeat(100_000))],
        ..limit("services:\n".to_owned() + &lines(2_000, |index| format!("  s{index}: {{image: x, environment: [V]}}")))
    }),
    ("a file of variables that double", || {
        with_files(limit("services: {a: {image: x, env_file: e}}\n"), |path| {
            let double = |index: usize| format!("A{}=$A{index}$A{index}", index + 1);
            (path == "/project/e").then(|| ("A0=xxxxxxxx\n".to_owned() + &lines(1_000, double)).into_bytes())
        })
    }),
    ("a large file of variables for many services", || {
        with_files(
            limit("services:\n".to_owned() + &lines(2_000, |index| format!("  s{index}: {{image: x, env_file: e}}"))),
            |path| (path == "/project/e").then(|| lines(20_000, |index| format!("A{index}=x")).into_bytes()),
        )
    }),
    ("a file in UTF-16", || {
        with_files(text("include: [a.yaml]\n", "InvalidYaml"), |path| {
            path.ends_with("a.yaml").then(|| b"\xff\xfea\0:\0 \0b\0".to_vec())
        })
    }),
    ("a file that is no text", || {
        with_files(text("include: [a.yaml]\n", "InvalidYaml"), |path| {
            path.ends_with("a.yaml").then(|| vec![0x80; 500_000])
        })
    }),
    ("zero bytes", || text(filled("services: {a: {image: \"", "\0"), "InvalidYaml")),
];

/// A number that the kernel keeps of this process.
fn counted(file: &str, read: impl Fn(&str) -> Option<u64>) -> u64 {
    read(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
#[ignore = "loads the case that the other test asks for"]
fn one_case() {
    let name = std::env::var(CASE).expect("the case is named");
    let (_, make) = CASES.iter().find(|(case, _)| *case == name).unwrap();
    let input = make();
    let document = |(index, text): (usize, String)| Document {
        name: format!("compose-{index}.yaml"),
        body: DocumentBody::Text(text),
        secret: false,
    };
    let variable = |(name, value): (String, String)| (name, Variable { value, secret: false });
    let options = LoadOptions {
        documents: input.documents.into_iter().enumerate().map(document).collect(),
        project_directory: "/project".to_owned(),
        project_name: Some("demo".to_owned()),
        environment: input.variables.into_iter().map(variable).collect(),
        ..LoadOptions::default()
    };
    let nanoseconds = || counted("/proc/thread-self/schedstat", |text| text.split(' ').next()?.parse().ok());
    let began = nanoseconds();
    let outcome = load(&Made(input.files), &options);
    let milliseconds = (nanoseconds() - began) / 1_000_000;
    let kilobytes = counted("/proc/self/status", |text| {
        text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
    });
    let diagnostics = outcome.expect_err("the input is an error").0;
    assert!(diagnostics.len() <= 501, "{} diagnostics", diagnostics.len());
    assert!(diagnostics.iter().map(|diagnostic| diagnostic.to_string().len()).sum::<usize>() < 10_000_000);
    let told =
        diagnostics.iter().any(|diagnostic| diagnostic.level == Level::Error && diagnostic.reason == input.reason);
    let first: String = diagnostics[0].to_string().chars().take(300).collect();
    assert!(told, "{} was expected, and this is the first: {first}", input.reason);
    println!("\nmeasured {milliseconds} {kilobytes}");
}

#[test]
fn hostile_input_is_an_error_soon_and_in_little_memory() {
    let program = std::env::current_exe().unwrap();
    let mut wrong = Vec::new();
    for (name, _) in CASES {
        let child = Command::new(&program)
            .args(["--exact", "one_case", "--ignored", "--nocapture", "--test-threads=1"])
            .env(CASE, name)
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout).into_owned();
        let measured = output.lines().find_map(|line| line.strip_prefix("measured ")?.split_once(' '));
        let Some((milliseconds, kilobytes)) = measured.filter(|_| child.status.success()) else {
            let errors = String::from_utf8_lossy(&child.stderr);
            wrong.push(format!("{name}: {} {}", child.status, errors.chars().take(600).collect::<String>()));
            continue;
        };
        println!("{milliseconds:>6} ms {kilobytes:>8} kB  {name}");
        if milliseconds.parse::<u64>().unwrap() > MILLISECONDS || kilobytes.parse::<u64>().unwrap() > KILOBYTES {
            wrong.push(format!("{name}: {milliseconds} ms, {kilobytes} kB"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}
