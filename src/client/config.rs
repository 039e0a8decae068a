//! `kubectl compose config`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ClientError;
use super::disk::Disk;
use super::project::{ProjectArgs, load_project, reported};
use crate::compose::graph::Graph;
use crate::compose::model::Service;
use crate::compose::{
    Project, Skip, document_to_json, document_to_yaml, load_document, project_to_json, project_to_yaml, service_hash,
};

mod variables;

#[derive(Args, Debug)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    project: ProjectArgs,
    /// The format of the output [default: yaml; a table for --variables]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only check the files
    #[arg(short, long)]
    quiet: bool,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    listing: Listing,
    /// Also show networks, volumes, secrets, configs and models that no service uses
    #[arg(long)]
    all_resources: bool,
    /// Leave variables as they are written
    #[arg(long)]
    no_interpolate: bool,
    /// Leave what the files do not say unsaid: the default network, names of resources
    #[arg(long)]
    no_normalize: bool,
    /// Leave relative paths relative
    #[arg(long)]
    no_path_resolution: bool,
    /// Do not check whether references lead anywhere
    #[arg(long)]
    no_consistency: bool,
    /// Do not read the files of env_file
    #[arg(long)]
    no_env_resolution: bool,
    /// The services to show, with what they depend upon [default: all]
    services: Vec<String>,
}

/// What is printed instead of the project, one a line.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct Listing {
    /// Print the names of the services, each after those that it depends upon
    #[arg(long = "services")]
    names: bool,
    /// Print the names of the volumes
    #[arg(long)]
    volumes: bool,
    /// Print the names of the networks
    #[arg(long)]
    networks: bool,
    /// Print the models
    #[arg(long)]
    models: bool,
    /// Print the images
    #[arg(long)]
    images: bool,
    /// Print the names of the profiles
    #[arg(long)]
    profiles: bool,
    /// Print the hashes of services, separated by commas, * for all
    #[arg(long, value_name = "SERVICES")]
    hash: Option<String>,
    /// Print the variables that the files mention
    #[arg(long)]
    variables: bool,
    /// Print the variables that interpolation has
    #[arg(long)]
    environment: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Yaml,
    Json,
}

pub(super) fn config(args: &ConfigArgs) -> Result<(), ClientError> {
    let text = args.text()?;
    if args.quiet {
        return Ok(());
    }
    match &args.output {
        Some(path) => {
            std::fs::write(path, text).map_err(|error| ClientError::Output(format!("{}: {error}", path.display())))
        }
        None => super::print(&text),
    }
}

impl ConfigArgs {
    fn text(&self) -> Result<String, ClientError> {
        if self.listing.variables {
            return self.variables();
        }
        if self.no_interpolate {
            return self.document();
        }
        let mut options = self.project.options()?;
        options.skip = self.skip();
        // Where only names are wanted, a missing file of variables is no reason to fail.
        options.skip.environment |= self.listing.are_names();
        if let Some(named) = self.listing.hashed() {
            options.services = named;
        } else {
            options.services.clone_from(&self.services);
        }
        let mut project = load_project(&options)?;
        if !self.all_resources {
            project = project.without_unnecessary_resources();
        }
        if self.listing.environment {
            let lines = options.environment.iter().map(|(name, variable)| format!("{name}={}", variable.value));
            return Ok(lines_of(
                lines.chain([format!("COMPOSE_PROJECT_NAME={}", project.name)]).collect::<BTreeSet<_>>(),
            ));
        }
        match self.listing.text(&project)? {
            Some(text) => Ok(text),
            None => match self.format {
                Some(Format::Json) => doubled(project_to_json(&project)?),
                _ => doubled(project_to_yaml(&project)?),
            },
        }
    }

    fn skip(&self) -> Skip {
        Skip {
            env_file: true,
            interpolation: false,
            validation: false,
            paths: self.no_path_resolution,
            normalization: self.no_normalize,
            consistency: self.no_consistency,
            environment: self.no_env_resolution,
            jobs: true,
        }
    }

    /// The document with its variables as they are written.
    fn document(&self) -> Result<String, ClientError> {
        let mut options = self.project.options()?;
        options.skip = Skip { interpolation: true, ..self.skip() };
        let document = reported(load_document(&Disk, &options), &options)?;
        if self.listing.names {
            let services = document["services"].as_object();
            return Ok(lines_of(services.into_iter().flat_map(serde_json::Map::keys)));
        }
        match self.format {
            Some(Format::Json) => Ok(document_to_json(&document)?),
            _ => Ok(document_to_yaml(&document)?),
        }
    }

    fn variables(&self) -> Result<String, ClientError> {
        let mut options = self.project.options()?;
        options.skip = Skip { interpolation: true, validation: true, ..self.skip() };
        let mentions = variables::mentions(&reported(load_document(&Disk, &options), &options)?);
        match self.format {
            None => Ok(variables::table(&mentions)),
            Some(Format::Json) => Ok(document_to_json(&serde_json::json!(mentions))?),
            Some(Format::Yaml) => Ok(document_to_yaml(&serde_json::json!(mentions))?),
        }
    }
}

impl Listing {
    fn are_names(&self) -> bool {
        self.names || self.volumes || self.networks || self.models
    }

    /// The services whose hashes are asked for; none of them means all.
    fn hashed(&self) -> Option<Vec<String>> {
        let named = self.hash.as_deref()?;
        Some(if named == "*" { Vec::new() } else { named.split(',').map(str::to_owned).collect() })
    }

    fn text(&self, project: &Project) -> Result<Option<String>, ClientError> {
        let text = if self.names {
            let graph = Graph::new(project);
            match graph.order() {
                Ok(order) => lines_of(order),
                Err(_) => lines_of(project.services.keys()),
            }
        } else if self.volumes {
            lines_of(project.volumes.keys())
        } else if self.networks {
            lines_of(project.networks.keys())
        } else if self.models {
            lines_of(project.models.values().map(|model| &model.model).filter(|model| !model.is_empty()))
        } else if self.images {
            lines_of(images(project))
        } else if self.profiles {
            let services = project.services.values().chain(project.disabled_services.values());
            lines_of(services.flat_map(|service| &service.profiles).collect::<BTreeSet<_>>())
        } else if let Some(named) = self.hashed() {
            let mut lines = Vec::new();
            for (name, service) in &project.services {
                if named.is_empty() || named.contains(name) {
                    lines.push(format!("{name} {}", service_hash(service)?));
                }
            }
            lines_of(lines)
        } else {
            return Ok(None);
        };
        Ok(Some(text))
    }
}

/// The images of services and jobs; one that is only built is called after its project and service.
fn images(project: &Project) -> Vec<String> {
    let named = |name: &str, image: &str| {
        if image.is_empty() { format!("{}-{name}", project.name) } else { image.to_owned() }
    };
    let mut images = Vec::new();
    for (name, service) in &project.services {
        let own = named(name, &service.container.image);
        images.push(own.clone());
        let hooks = |service: &Service| -> Vec<String> {
            service.pre_start.iter().map(|hook| hook.container.image.clone()).collect()
        };
        images.extend(hooks(service).into_iter().filter(|image| !image.is_empty() && *image != own));
    }
    images.extend(project.jobs.iter().map(|(name, job)| named(name, &job.container.image)));
    images
}

fn lines_of<T: std::fmt::Display>(lines: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// What is read again is interpolated again, so a dollar sign is doubled.
#[allow(clippy::unnecessary_wraps, reason = "the end of a chain of results")]
fn doubled(text: String) -> Result<String, ClientError> {
    Ok(if text.contains('$') { text.replace('$', "$$") } else { text })
}
