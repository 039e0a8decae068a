//! What is generated: the files of a project, still as trees.

use std::collections::BTreeMap;

use crate::oracle_client::Load;
use crate::yaml::Yaml;

/// A file of a project.
#[derive(Clone, Debug, PartialEq)]
pub enum File {
    /// A Compose file of one or more documents.
    Compose(Vec<Yaml>),
    Raw(String),
}

/// A project as trees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    pub files: BTreeMap<String, File>,
    pub documents: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub profiles: Vec<String>,
    pub name: Option<String>,
}

impl Project {
    /// The project as text.
    pub fn load(&self) -> Load {
        let text = |file: &File| match file {
            File::Compose(documents) => documents.iter().map(Yaml::document).collect::<Vec<_>>().join("---\n"),
            File::Raw(text) => text.clone(),
        };
        Load {
            files: self.files.iter().map(|(path, file)| (path.clone(), text(file))).collect(),
            documents: self.documents.clone(),
            env: self.env.clone(),
            profiles: self.profiles.clone(),
            project: self.name.clone(),
        }
    }

    /// The trees of the Compose files.
    pub fn trees(&self) -> impl Iterator<Item = &Yaml> {
        self.files.values().flat_map(|file| match file {
            File::Compose(documents) => documents.as_slice(),
            File::Raw(_) => &[],
        })
    }

    /// The first document of a Compose file.
    pub fn tree_mut(&mut self, path: &str) -> &mut Yaml {
        match self.files.get_mut(path) {
            Some(File::Compose(documents)) => &mut documents[0],
            _ => panic!("{path} is no Compose file"),
        }
    }
}

impl std::fmt::Display for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let load = self.load();
        writeln!(
            f,
            "documents {:?}, profiles {:?}, name {:?}, env {:?}",
            load.documents, load.profiles, load.project, load.env
        )?;
        for (path, text) in &load.files {
            writeln!(f, "--- {path}\n{text}")?;
        }
        Ok(())
    }
}
