//! `kubectl compose config`.

use clap::{Args, ValueEnum};

use super::ClientError;
use super::project::ProjectArgs;

#[derive(Args, Debug)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    project: ProjectArgs,
    /// The format of the output
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
    /// Only check the files
    #[arg(short, long)]
    quiet: bool,
    /// Only print the services, one a line
    #[arg(long, conflicts_with_all = ["volumes", "images"])]
    services: bool,
    /// Only print the volumes, one a line
    #[arg(long, conflicts_with = "images")]
    volumes: bool,
    /// Only print the images, one a line
    #[arg(long)]
    images: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Format {
    Yaml,
    Json,
}

pub(super) fn config(args: &ConfigArgs) -> Result<(), ClientError> {
    let project = args.project.load()?;
    if args.quiet {
    } else if args.services {
        project.services.keys().for_each(|name| println!("{name}"));
    } else if args.volumes {
        project.volumes.keys().for_each(|name| println!("{name}"));
    } else if args.images {
        project.services.values().for_each(|service| println!("{}", service.container.image));
    } else {
        let text = match args.format {
            Format::Json => serde_json::to_string_pretty(&project).map_err(|error| error.to_string()),
            Format::Yaml => serde_saphyr::to_string(&project).map_err(|error| error.to_string()),
        };
        println!("{}", text.map_err(ClientError::Output)?.trim_end());
    }
    Ok(())
}
