//! `kubectl compose`: Docker Compose applications on Kubernetes, from the command line.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    compose_operator::client::main()
}
