//! `kubectl compose`: Docker Compose applications on Kubernetes, from the command line.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use compose_operator::client::{Cli, ClientError};

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(ClientError::Reported) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
