//! Which project a command is about: the options that every command shares, as those of `docker compose`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use clap::Args;

use super::ClientError;
use super::discovery;
use super::disk::{Disk, whole, whole_file};
use super::findings;
use crate::compose::{
    Diagnostics, Document, DocumentBody, Limits, LoadOptions, Project, Skip, Variable, add_env_files, load,
};
use crate::parallel::Threads;

#[derive(Args, Clone, Debug, Default)]
pub(super) struct ProjectArgs {
    /// A Compose file, each merged onto those before it; - for standard input
    #[arg(short, long = "file")]
    files: Vec<PathBuf>,
    /// The project directory [default: that of the first file]
    #[arg(long)]
    project_directory: Option<PathBuf>,
    /// The project's name [default: the file's name, else that of the directory]
    #[arg(short, long)]
    project_name: Option<String>,
    /// A profile to enable; may be repeated, * for all [default: those of COMPOSE_PROFILES]
    #[arg(id = "profile", long = "profile")]
    profiles: Vec<String>,
    /// A file of variables for interpolation; may be repeated [default: .env of the project directory]
    #[arg(long = "env-file")]
    env_files: Vec<PathBuf>,
}

/// What the process was started in.
struct Surroundings {
    variables: BTreeMap<String, Variable>,
    directory: PathBuf,
}

impl Surroundings {
    fn of_this_process() -> Result<Self, ClientError> {
        let directory = std::env::current_dir()
            .map_err(|error| ClientError::Usage(format!("cannot tell the current directory: {error}")))?;
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .map(|(name, value)| (name, Variable { value, secret: false }))
            .collect();
        Ok(Self { variables, directory })
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|variable| variable.value.as_str())
    }

    /// A path from the current directory, without `.` and `..`.
    fn absolute(&self, path: &Path) -> PathBuf {
        let mut clean = PathBuf::new();
        for component in self.directory.join(path).components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => {
                    clean.pop();
                }
                other => clean.push(other),
            }
        }
        clean
    }
}

impl ProjectArgs {
    /// What to load: the documents with their text, and the variables of the process with those of `.env` files.
    pub(super) fn options(&self) -> Result<LoadOptions, ClientError> {
        self.options_in(Surroundings::of_this_process()?)
    }

    fn options_in(&self, mut surroundings: Surroundings) -> Result<LoadOptions, ClientError> {
        let current = surroundings.directory.clone();
        let entry = ("PWD".to_owned(), Variable { value: text(&current)?, secret: false });
        surroundings.variables.entry(entry.0).or_insert(entry.1);
        let given = self.given_env_files(&surroundings);
        let disabled = given.is_empty() && env_file_disabled(&surroundings)?;

        // A `.env` may name the Compose files, and the Compose files may bring a `.env` of their own.
        let mut files = self.files.clone();
        self.add_variables(&given, disabled, &files, &mut surroundings)?;
        if files.is_empty() {
            files = discovery::files(&surroundings.variables, &self.project_directory(&[], &surroundings))?;
            self.add_variables(&given, disabled, &files, &mut surroundings)?;
        }
        let directory = self.project_directory(&files, &surroundings);
        let documents = files.iter().map(|file| document(file)).collect::<Result<Vec<_>, _>>()?;
        Ok(LoadOptions {
            documents,
            project_directory: text(&directory)?,
            project_name: self.project_name.clone(),
            default_project_name: directory_name(&directory),
            environment: surroundings.variables,
            profiles: self.profiles.clone(),
            services: Vec::new(),
            skip: Skip { env_file: true, ..Skip::default() },
            limits: Limits::LOCAL,
            threads: Threads::EachProcessor,
        })
    }

    fn given_env_files(&self, surroundings: &Surroundings) -> Vec<PathBuf> {
        if !self.env_files.is_empty() {
            return self.env_files.clone();
        }
        let named = surroundings.value("COMPOSE_ENV_FILES").unwrap_or_default();
        named.split(',').filter(|file| !file.is_empty()).map(PathBuf::from).collect()
    }

    fn add_variables(
        &self,
        given: &[PathBuf],
        disabled: bool,
        files: &[PathBuf],
        surroundings: &mut Surroundings,
    ) -> Result<(), ClientError> {
        let default = self.project_directory(files, surroundings).join(".env");
        let paths = if !given.is_empty() {
            given.iter().map(|file| text(&surroundings.absolute(file))).collect::<Result<_, _>>()?
        } else if disabled || !default.is_file() {
            Vec::new()
        } else {
            vec![text(&default)?]
        };
        Ok(add_env_files(&Disk, &paths, &mut surroundings.variables)?)
    }

    /// The directory as given, else that of the first file, else the current one.
    fn project_directory(&self, files: &[PathBuf], surroundings: &Surroundings) -> PathBuf {
        if let Some(directory) = &self.project_directory {
            return surroundings.absolute(directory);
        }
        let first = files.iter().find(|file| *file != Path::new("-"));
        first.map_or_else(
            || surroundings.directory.clone(),
            |file| surroundings.absolute(file).parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf),
        )
    }
}

/// Loads a project from disk; what is noteworthy, or in the way, is printed.
pub(super) fn load_project(options: &LoadOptions) -> Result<Project, ClientError> {
    let project = reported(load(&Disk, options), options)?;
    findings::print(&project.warnings, options);
    Ok(project)
}

/// What was loaded, or its errors printed.
pub(super) fn reported<T>(result: Result<T, Diagnostics>, options: &LoadOptions) -> Result<T, ClientError> {
    result.map_err(|diagnostics| {
        findings::print(&diagnostics.0, options);
        ClientError::Invalid
    })
}

fn env_file_disabled(surroundings: &Surroundings) -> Result<bool, ClientError> {
    match surroundings.value("COMPOSE_DISABLE_ENV_FILE") {
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(other) => {
            Err(ClientError::Usage(format!("COMPOSE_DISABLE_ENV_FILE is {other:?}; set it to true or false")))
        }
    }
}

fn document(path: &Path) -> Result<Document, ClientError> {
    let (name, content) = if path == Path::new("-") {
        ("standard input".to_owned(), whole(std::io::stdin(), 0))
    } else {
        (path.display().to_string(), whole_file(path))
    };
    let content = content.and_then(|content| {
        let kind = if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = content[..] { "UTF-16" } else { "not UTF-8 text" };
        String::from_utf8(content).map_err(|_| std::io::Error::other(format!("it is {kind}; save it as UTF-8")))
    });
    let content = content.map_err(|error| ClientError::Usage(format!("cannot read {name}: {error}")))?;
    Ok(Document { name: text(path)?, body: DocumentBody::Text(content), secret: false })
}

fn text(path: &Path) -> Result<String, ClientError> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| ClientError::Usage(format!("{}: the path is not UTF-8 text", path.display())))
}

/// The directory's name as a project name: lower case, without what a name may not hold.
fn directory_name(directory: &Path) -> Option<String> {
    let name: String = directory
        .file_name()?
        .to_str()?
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-' || *c == '_')
        .collect();
    let name = name.trim_start_matches(['-', '_']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with files, removed in the end.
    struct Stage(PathBuf);

    impl Stage {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("compose-operator-{name}-{}", std::process::id()));
            for (path, content) in files {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            Self(root)
        }

        fn options(&self, directory: &str, variables: &[(&str, &str)], args: &ProjectArgs) -> LoadOptions {
            self.try_options(directory, variables, args).unwrap()
        }

        fn try_options(
            &self,
            directory: &str,
            variables: &[(&str, &str)],
            args: &ProjectArgs,
        ) -> Result<LoadOptions, ClientError> {
            let variables = variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Variable { value: (*value).to_owned(), secret: false }))
                .collect();
            args.options_in(Surroundings { variables, directory: self.0.join(directory) })
        }

        fn path(&self, path: &str) -> String {
            self.0.join(path).to_str().unwrap().to_owned()
        }
    }

    impl Drop for Stage {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn names(options: &LoadOptions) -> Vec<&str> {
        options.documents.iter().map(|document| document.name.as_str()).collect()
    }

    #[test]
    fn the_nearest_directory_with_a_compose_file_is_the_project() {
        let stage = Stage::new(
            "nearest",
            &[
                ("Shop.1/compose.yml", ""),
                ("Shop.1/docker-compose.yml", ""),
                ("Shop.1/compose.override.yaml", ""),
                ("Shop.1/.env", "A=shop"),
                ("Shop.1/deep/er/note", ""),
                ("Shop.1/deep/er/.env", "A=deep\nB=deep"),
            ],
        );
        let options = stage.options("Shop.1/deep/er", &[("B", "process")], &ProjectArgs::default());
        assert_eq!(names(&options), [stage.path("Shop.1/compose.yml"), stage.path("Shop.1/compose.override.yaml")]);
        assert_eq!(options.project_directory, stage.path("Shop.1"));
        assert_eq!(options.default_project_name.as_deref(), Some("shop1"));
        assert_eq!(options.environment["A"].value, "deep", "the .env beside the caller is read first");
        assert_eq!(options.environment["B"].value, "process");
    }

    #[test]
    fn variables_name_the_files_and_a_dotenv_may_set_them() {
        let stage =
            Stage::new("named", &[("a.yaml", ""), ("sub/b.yaml", ""), (".env", "COMPOSE_FILE=sub/b.yaml;a.yaml")]);
        let (a, b) = (stage.path("a.yaml"), stage.path("sub/b.yaml"));
        let joined = format!("{a}:{b}");
        let options = stage.options("", &[("COMPOSE_FILE", &joined)], &ProjectArgs::default());
        assert_eq!(names(&options), [a.clone(), b.clone()]);
        let joined = format!("{b};{a}");
        let variables = [("COMPOSE_FILE", joined.as_str()), ("COMPOSE_PATH_SEPARATOR", ";")];
        let options = stage.options("", &variables, &ProjectArgs::default());
        assert_eq!(names(&options), [b, a]);
        assert_eq!(options.project_directory, stage.path("sub"));
    }

    #[test]
    fn files_of_variables_are_chosen_by_option_then_variable_then_default() {
        let stage = Stage::new(
            "variables",
            &[("compose.yaml", ""), (".env", "A=default"), ("one", "A=one\nB=one"), ("two", "A=two-$B")],
        );
        let value = |options: &LoadOptions| options.environment.get("A").map(|variable| variable.value.clone());
        let none = ProjectArgs::default();
        assert_eq!(value(&stage.options("", &[], &none)).as_deref(), Some("default"));
        assert_eq!(value(&stage.options("", &[("COMPOSE_DISABLE_ENV_FILE", "1")], &none)), None);
        let both = format!("{},{}", stage.path("one"), stage.path("two"));
        assert_eq!(value(&stage.options("", &[("COMPOSE_ENV_FILES", &both)], &none)).as_deref(), Some("two-one"));
        let given = ProjectArgs { env_files: vec!["one".into()], ..ProjectArgs::default() };
        assert_eq!(value(&stage.options("", &[("COMPOSE_ENV_FILES", "two")], &given)).as_deref(), Some("one"));
        let missing = ProjectArgs { env_files: vec!["none".into()], ..ProjectArgs::default() };
        let error = stage.try_options("", &[], &missing).unwrap_err().to_string();
        assert!(error.contains("/none: no such file"), "{error}");
        let error = stage.try_options("", &[("COMPOSE_DISABLE_ENV_FILE", "maybe")], &none).unwrap_err().to_string();
        assert!(error.contains("set it to true or false"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let stage = Stage::new("absent", &[("note", "")]);
        let variables = [("COMPOSE_FILE", "nowhere.yaml")];
        let error = stage.try_options("", &variables, &ProjectArgs::default()).unwrap_err().to_string();
        assert!(error.contains("nowhere.yaml") && error.contains("COMPOSE_FILE"), "{error}");
        let given = ProjectArgs { files: vec![stage.0.join("gone.yaml")], ..ProjectArgs::default() };
        let error = stage.try_options("", &[], &given).unwrap_err().to_string();
        assert!(error.contains("gone.yaml"), "{error}");
    }
}
