//! The operator: `compose-operator run`, and what it needs to be installed. Called by the name of `kubectl compose`, it is that.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use compose_operator::telemetry::{Endpoint, LogFormat, Telemetry};
use compose_operator::{api, client, controller, seed};

/// Runs Docker Compose applications on Kubernetes, and keeps them running
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watch ComposeStacks and bring the cluster to what they say
    // What an overlay or a chart's extra arguments append wins over what is there.
    #[command(args_override_self = true)]
    Run {
        /// What is logged: a level, or directives such as compose_operator=debug,kube=info
        #[arg(long, env = "COMPOSE_OPERATOR_LOG_LEVEL", default_value = "info")]
        log_level: String,
        /// How it is logged
        #[arg(long, env = "COMPOSE_OPERATOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
        log_format: LogFormat,
        /// The collector that traces are sent to by OTLP over HTTP, such as http://collector.monitoring:4318; none when empty
        #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", default_value = "", hide_default_value = true)]
        otlp_endpoint: Endpoint,
        #[command(flatten)]
        args: Box<controller::RunArgs>,
    },
    /// Print the CustomResourceDefinition
    Crd,
    /// Fill a new volume with a directory of the image that this runs in
    #[command(hide = true)]
    Seed {
        /// The directory
        #[arg(long)]
        from: PathBuf,
        /// The volume's directory
        #[arg(long)]
        to: PathBuf,
    },
    /// Copy this program
    #[command(hide = true)]
    Install {
        /// Where to
        #[arg(long)]
        to: PathBuf,
    },
}

fn main() -> ExitCode {
    // The image holds one program under both names, for most of their code is the same.
    if std::env::args_os().next().is_some_and(|name| client::is_called(&name)) {
        return client::main();
    }
    operator()
}

#[tokio::main]
async fn operator() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run { log_level, log_format, otlp_endpoint, args } => {
            match Telemetry::start(&log_level, log_format, &otlp_endpoint) {
                Ok(telemetry) => {
                    let ended = controller::run(*args).await.map_err(|error| chain(&error));
                    telemetry.end();
                    ended
                }
                Err(error) => Err(chain(&error)),
            }
        }
        Command::Crd => api::definition_yaml().map(|text| print!("{text}")).map_err(|error| error.to_string()),
        Command::Seed { from, to } => match seed::seed(&from, &to) {
            Ok(seeded) => {
                println!("{} to {}: {seeded}", from.display(), to.display());
                Ok(())
            }
            Err(error) => Err(chain(&error)),
        },
        Command::Install { to } => seed::install(&to).map_err(|error| chain(&error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes: the outermost says what was being done, the innermost what is wrong.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
