//! The commands of `kubectl compose`: what people run on their own machine, without the operator.

mod config;
mod convert;
mod discovery;
mod disk;
mod findings;
mod project;
mod schema;

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand};

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
    Config(Deferred<config::ConfigArgs>),
    /// Write the Kubernetes objects that the operator would apply, or a ComposeStack; needs no cluster
    Convert(Box<Deferred<convert::ConvertArgs>>),
    /// Print the JSON schema of Compose files, or of ComposeStacks, for editors
    Schema(Deferred<schema::SchemaArgs>),
}

/// The options of a command, which are described when they are asked for: those of all commands are a twentieth of what is done
/// for a small project.
#[derive(Debug)]
struct Deferred<A>(A);

impl<A: Args> Deferred<A> {
    /// The command with the options. What they say about themselves is not what the command is about.
    fn described(command: clap::Command) -> clap::Command {
        let (about, long_about) = (command.get_about().cloned(), command.get_long_about().cloned());
        A::augment_args(command).about(Resettable::from(about)).long_about(Resettable::from(long_about))
    }
}

impl<A: Args> Args for Deferred<A> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(Self::described)
    }

    // Nobody parses a command line over another one.
    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl<A: FromArgMatches> FromArgMatches for Deferred<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        A::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
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
            Command::Config(args) => config::config(&args.0),
            Command::Convert(args) => convert::convert(&args.0),
            Command::Schema(args) => schema::schema(&args.0),
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

/// Writes to standard output.
fn print(text: &str) -> Result<(), ClientError> {
    printed(std::io::stdout().lock().write_all(text.as_bytes()))
}

/// What came of writing to standard output. A reader that has enough and leaves, as `head` does, is no error.
fn printed(written: io::Result<()>) -> Result<(), ClientError> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
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

    #[test]
    fn a_command_is_about_what_it_does() {
        let mut cli = super::Cli::command();
        cli.build();
        for (name, about) in [("config", "Show the project"), ("convert", "Write the Kubernetes objects")] {
            let command = cli.find_subcommand(name).unwrap();
            assert!(command.get_about().unwrap().to_string().starts_with(about));
            assert!(command.get_long_about().is_none());
            assert!(command.get_arguments().count() > 10);
        }
    }
}
