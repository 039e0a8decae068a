//! The commands of `kubectl compose`: what people run on their own machine, without the operator.

mod config;
mod convert;
mod discovery;
mod disk;
mod findings;
mod project;
mod schema;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::parallel;

/// Docker Compose applications on Kubernetes
#[derive(Parser, Debug)]
#[command(name = "kubectl compose", bin_name = "kubectl compose", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show the project as it is understood: merged, interpolated, in its canonical form
    Config(config::ConfigArgs),
    /// Write the Kubernetes objects that the operator would apply, or a ComposeStack; needs no cluster
    Convert(Box<convert::ConvertArgs>),
    /// Print the JSON schema of Compose files, or of ComposeStacks, for editors
    Schema(schema::SchemaArgs),
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The command line names something that is not there, or asks for what cannot be.
    #[error("{0}")]
    Usage(String),
    /// The variables of the command line cannot be read.
    #[error(transparent)]
    Variables(#[from] crate::compose::Diagnostics),
    /// The Compose files do not make a project; what is wrong was printed.
    #[error("the Compose files do not make a project: correct the errors above")]
    Invalid,
    /// The result cannot be written.
    #[error("cannot write the result: {0}")]
    Output(String),
    /// What is wrong was said already.
    #[error("there are errors")]
    Reported,
    /// The result has no text form.
    #[error("the project cannot be written as text: {0}")]
    Write(#[from] crate::compose::WriteError),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// What the person at the command line has to put right.
    pub fn run(self) -> Result<(), ClientError> {
        match self.command {
            Command::Config(args) => config::config(&args),
            Command::Convert(args) => convert::convert(&args),
            Command::Schema(args) => schema::schema(&args),
        }
    }
}

/// Whether a program that was called by this name or path is `kubectl compose`: kubectl finds a plugin by its file's name.
pub fn is_called(name: &OsStr) -> bool {
    Path::new(name).file_name().is_some_and(|name| name == "kubectl-compose")
}

/// Runs the command that the program's arguments name.
pub fn main() -> ExitCode {
    parallel::have_main_thread_work();
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(ClientError::Reported) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. A reader that has enough and leaves, as `head` does, is no error.
fn print(text: &str) -> Result<(), ClientError> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(ClientError::Output(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_commands_and_their_options_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
