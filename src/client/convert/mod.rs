//! `kubectl compose convert`: what the operator would apply, without an operator and without a cluster.
//!
//! The way is the operator's own: the same loader, the same translation, the same policy. What differs is where the
//! inputs come from, and that nobody is asked about the cluster: facts about it are assumed, said, and may be given.

mod explain;
mod known;
mod output;
mod project_disk;
mod report;
mod settings;
mod stack;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::project::ProjectArgs;
use super::{ClientError, print};
use crate::compose::{LoadOptions, Project, load};
use crate::parallel::Threads;
use crate::policy::{FORBIDDEN, Policy};
use crate::translate::{
    Documents, NoteLevel, PROJECT_DIRECTORY, Plan, Stack, documents_on, not_honoured, translate_on,
};
use project_disk::ProjectDisk;
use report::{Finding, Form, Report};

/// The hash key of a conversion: there is no installation, and the output has to be the same everywhere.
const HASH_KEY: &[u8] = b"kubectl compose convert";

#[derive(Args, Debug)]
pub(super) struct ConvertArgs {
    #[command(flatten)]
    project: ProjectArgs,
    /// The namespace of the objects [default: none is named, and that of kubectl's context holds]
    #[arg(short, long)]
    namespace: Option<String>,
    /// The form of the output: YAML documents, a JSON list, or a directory with one file per object and a
    /// kustomization.yaml
    #[arg(short, long, value_enum, default_value_t = Output::Yaml)]
    output: Output,
    /// The directory that `--output dir` writes to
    #[arg(long, value_name = "DIR", default_value = "manifests")]
    output_dir: PathBuf,
    /// Write a ComposeStack, with the files that the project refers to, instead of the objects that it becomes
    #[arg(long)]
    stack: bool,
    /// Tell for each attribute of the project how it is treated, instead of converting
    #[arg(long, conflicts_with = "stack")]
    explain: bool,
    /// The form of what is said on standard error; JSON is one object a line
    #[arg(long, value_enum, default_value_t = Form::Text)]
    warnings: Form,
    /// A field of the ComposeStack's spec, such as publish.type=NodePort; the value is YAML. May be repeated
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    settings: Vec<String>,
    /// A YAML file with what is known of the cluster
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// What an attribute that cannot be honoured does
    #[arg(long, value_enum)]
    unsupported: Option<OnUnsupported>,
    /// A file with the key of the hashes in the names of ConfigMaps and Secrets [default: a key that everybody knows]
    #[arg(long, value_name = "FILE")]
    hash_key: Option<PathBuf>,
    #[command(flatten)]
    policy: Policy,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Yaml,
    Json,
    Dir,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum OnUnsupported {
    /// Nothing is written
    Fail,
    /// The conversion goes on without the attribute
    Warn,
}

pub(super) fn convert(args: &ConvertArgs) -> Result<(), ClientError> {
    let mut report = Report::new(args.warnings);
    let mut options = args.project.options()?;
    let disk = ProjectDisk::new(&options.project_directory);
    PROJECT_DIRECTORY.clone_into(&mut options.project_directory);
    let project = loaded(&disk, &mut options, &mut report)?;
    let (files, unreadable) = disk.referred_to(&project);

    let mut set = settings::parse(&args.settings)?;
    if let Some(unsupported) = args.unsupported {
        let word = if unsupported == OnUnsupported::Warn { "Warn" } else { "Fail" };
        set.insert("unsupported".to_owned(), word.into());
    }
    let mut spec = settings::spec(&set)?;
    spec.profiles.clone_from(&options.profiles);
    let facts = known::facts(args.facts.as_deref())?;
    let hash_key = match &args.hash_key {
        Some(path) => known::read(path)?,
        None => HASH_KEY.to_vec(),
    };
    let stack = Stack {
        name: project.name.clone(),
        namespace: args.namespace.clone().unwrap_or_default(),
        uid: None,
        spec,
        files,
        environment: options.environment.clone(),
        hash_key,
    };
    let threads = Threads::EachProcessor;
    // What only has to become text need not be there as objects.
    let (translated, notes) = if args.output == Output::Yaml && !args.stack && !args.explain {
        let mut documents = documents_on(threads, &project, &stack, &facts, &args.policy)?;
        let notes = std::mem::take(&mut documents.notes);
        (Translated::Documents(documents), notes)
    } else {
        let mut plan = translate_on(threads, &project, &stack, &facts, &args.policy);
        let notes = std::mem::take(&mut plan.notes);
        (Translated::Plan(plan), notes)
    };
    if args.explain {
        return print(&explain::explain(&project, &notes, args.output)?);
    }

    report.known(&facts, args.facts.is_some())?;
    report.loaded(&project.warnings);
    let stops = notes.iter().chain(&unreadable).filter(|note| note.level.stops(stack.spec.unsupported)).count();
    report.notes(threads, &notes, &project);
    report.notes(threads, &unreadable, &project);
    let fields = not_honoured(&stack.spec);
    for line in &fields {
        report.field(line);
    }
    if notes.iter().any(|note| note.reason == FORBIDDEN) {
        report.say(&Finding::about_policy());
    }
    if stops + fields.len() > 0 {
        return Err(report.refusal(stops + fields.len(), rejected_only(&notes, &fields)));
    }
    report.flush();
    let namespace = args.namespace.as_deref();
    if args.stack {
        let object = stack::compose_stack(namespace, &options, &disk, &project, set, &mut report)?;
        return output::write(&[object], args.output, &args.output_dir, namespace);
    }
    match &translated {
        Translated::Documents(documents) => output::write_documents(documents)?,
        Translated::Plan(plan) => {
            let objects: Vec<_> = plan.objects().collect();
            output::write(&objects, args.output, &args.output_dir, namespace)?;
        }
    }
    // The process ends here: to give thousands of objects back one by one would take a tenth of its time.
    std::mem::forget((translated, project));
    Ok(())
}

/// What a project has become.
enum Translated {
    Plan(Plan),
    Documents(Documents),
}

/// Whether `--unsupported=warn` would help.
fn rejected_only(notes: &[crate::translate::Note], fields: &[String]) -> bool {
    fields.is_empty() && notes.iter().all(|note| note.level != NoteLevel::Error)
}

/// Loads the project as the operator would: the stack's name is the project's.
fn loaded(disk: &ProjectDisk, options: &mut LoadOptions, report: &mut Report) -> Result<Project, ClientError> {
    let mut project = load(disk, options).map_err(|errors| report.failed(&errors))?;
    let name = stack::name(&project.name)?;
    if name != project.name {
        report.say(&Finding::renamed(&project.name, &name));
        options.project_name = Some(name);
        project = load(disk, options).map_err(|errors| report.failed(&errors))?;
    }
    Ok(project)
}
