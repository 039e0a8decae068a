//! `kubectl compose`: Docker Compose applications on Kubernetes, from the command line.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Loads and translations are many short-lived texts on several threads, for which glibc's allocator takes a sixth longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    compose_operator::client::main()
}
