//! What generated documents contain.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::Project;
use crate::schema::{Form, Path, Shape};
use crate::yaml::Yaml;

/// What a project uses beyond attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    Overrides,
    Extends,
    Include,
    Interpolation,
}

/// Counts over projects.
#[derive(Debug, Default)]
pub struct Coverage {
    pub projects: usize,
    pub loaded: usize,
    pub failed: BTreeMap<String, usize>,
    pub by_chance: usize,
    pub known: BTreeMap<&'static str, usize>,
    pub features: BTreeMap<Feature, usize>,
    pub forms: BTreeMap<(Path, Form), usize>,
}

impl Coverage {
    /// Counts what a project contains: a path once, however often it is there.
    pub fn add(&mut self, project: &Project, shape: &Shape) {
        let mut found = BTreeSet::new();
        for tree in project.trees() {
            walk(tree, shape, &mut Vec::new(), &mut found);
        }
        for form in found {
            *self.forms.entry(form).or_default() += 1;
        }
        let text = |feature| match feature {
            Feature::Overrides => project.documents.len() > 1,
            Feature::Extends => project.trees().any(|tree| {
                let services = tree.get("services");
                services.is_some_and(|services| {
                    services.keys().iter().any(|name| services.get(name).is_some_and(|s| s.get("extends").is_some()))
                })
            }),
            Feature::Include => project.trees().any(|tree| tree.get("include").is_some()),
            Feature::Interpolation => project.trees().any(interpolates),
        };
        for feature in [Feature::Overrides, Feature::Extends, Feature::Include, Feature::Interpolation] {
            if text(feature) {
                *self.features.entry(feature).or_default() += 1;
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.projects += other.projects;
        self.loaded += other.loaded;
        self.by_chance += other.by_chance;
        for (class, count) in other.failed {
            *self.failed.entry(class).or_default() += count;
        }
        for (class, count) in other.known {
            *self.known.entry(class).or_default() += count;
        }
        for (feature, count) in other.features {
            *self.features.entry(feature).or_default() += count;
        }
        for (form, count) in other.forms {
            *self.forms.entry(form).or_default() += count;
        }
    }

    /// What was found less often than it has to be.
    pub fn missing(&self, shape: &Shape, times: usize) -> Vec<String> {
        let mut missing = Vec::new();
        for (path, forms) in shape.paths() {
            for form in forms {
                let count = self.forms.get(&(path.clone(), form)).copied().unwrap_or(0);
                if count < times {
                    missing.push(format!("{} as {form:?}: {count} times", path.join(".")));
                }
            }
        }
        for feature in [Feature::Overrides, Feature::Extends, Feature::Include, Feature::Interpolation] {
            let count = self.features.get(&feature).copied().unwrap_or(0);
            if count * 3 < self.projects {
                missing.push(format!("{feature:?}: {count} times"));
            }
        }
        missing
    }
}

impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} projects: {} load, the others fail: {:?}", self.projects, self.loaded, self.failed)?;
        writeln!(f, "where the reference decides by chance: {}; known divergences: {:?}", self.by_chance, self.known)?;
        writeln!(f, "features: {:?}", self.features)?;
        let least = self.forms.values().min().copied().unwrap_or(0);
        writeln!(f, "{} forms of paths, each at least {least} times", self.forms.len())
    }
}

/// Every form of a path that a node contains.
pub fn walk(node: &Yaml, shape: &Shape, path: &mut Path, found: &mut BTreeSet<(Path, Form)>) {
    let Some(form) = node.form() else { return };
    if !path.is_empty() && shape.forms.contains(&form) {
        found.insert((path.clone(), form));
    }
    match node.bare() {
        Yaml::Map(entries) => {
            for (key, value) in entries {
                let (name, below) = match (shape.keys.get(key), &shape.entries) {
                    (Some(below), _) => (key.as_str(), below),
                    (None, _) if shape.extensions && key.starts_with("x-") => {
                        path.push("x-".to_owned());
                        if let Some(form @ (Form::Str | Form::Map)) = value.form() {
                            found.insert((path.clone(), form));
                        }
                        path.pop();
                        continue;
                    }
                    (None, Some(below)) => ("*", &**below),
                    (None, None) => continue,
                };
                path.push(name.to_owned());
                walk(value, below, path, found);
                path.pop();
            }
        }
        Yaml::List(items) => {
            let Some(below) = &shape.items else { return };
            path.push("[]".to_owned());
            for item in items {
                walk(item, below, path, found);
            }
            path.pop();
        }
        _ => {}
    }
}

fn interpolates(node: &Yaml) -> bool {
    match node.bare() {
        Yaml::Text(text) => text.replace("$$", "").contains('$'),
        Yaml::List(items) => items.iter().any(interpolates),
        Yaml::Map(entries) => entries.iter().any(|(_, value)| interpolates(value)),
        _ => false,
    }
}
