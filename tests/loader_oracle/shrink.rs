//! Makes a project smaller while it keeps what is wrong with it.

use crate::project::{File, Project};
use crate::yaml::Yaml;

/// The smallest project found that still fails.
pub fn shrink(project: &Project, fails: &mut dyn FnMut(&Project) -> bool) -> Project {
    let mut smallest = project.clone();
    let mut tries = 0;
    loop {
        let mut progress = false;
        let mut at = 0;
        while let Some(smaller) = step(&smallest, at) {
            tries += 1;
            if tries > 4000 {
                return smallest;
            }
            if smaller != smallest && fails(&smaller) {
                smallest = smaller;
                progress = true;
            } else {
                at += 1;
            }
        }
        if !progress {
            return smallest;
        }
    }
}

/// The project with its nth part taken out or made simpler.
fn step(project: &Project, at: usize) -> Option<Project> {
    let mut at = at;
    let mut smaller = project.clone();
    for index in 1..project.documents.len() {
        if take(&mut at) {
            smaller.documents.remove(index);
            return Some(smaller);
        }
    }
    for path in project.files.keys().filter(|path| !project.documents.contains(path)) {
        if take(&mut at) {
            smaller.files.remove(path);
            return Some(smaller);
        }
    }
    for name in project.env.keys() {
        if take(&mut at) {
            smaller.env.remove(name);
            return Some(smaller);
        }
    }
    if !project.profiles.is_empty() && take(&mut at) {
        smaller.profiles.clear();
        return Some(smaller);
    }
    for file in smaller.files.values_mut() {
        match file {
            File::Compose(documents) => {
                if documents.len() > 1 && take(&mut at) {
                    documents.pop();
                    return Some(smaller);
                }
                for document in documents {
                    if reduce(document, &mut at) {
                        return Some(smaller);
                    }
                }
            }
            File::Raw(text) => {
                let lines: Vec<&str> = text.split_inclusive('\n').collect();
                for index in 0..lines.len() {
                    if take(&mut at) {
                        *text = lines
                            .iter()
                            .enumerate()
                            .filter(|(line, _)| *line != index)
                            .map(|(_, line)| *line)
                            .collect();
                        return Some(smaller);
                    }
                }
            }
        }
    }
    None
}

fn take(at: &mut usize) -> bool {
    if *at == 0 {
        return true;
    }
    *at -= 1;
    false
}

fn reduce(node: &mut Yaml, at: &mut usize) -> bool {
    match node {
        Yaml::Map(entries) => {
            for index in 0..entries.len() {
                if take(at) {
                    entries.remove(index);
                    return true;
                }
                if reduce(&mut entries[index].1, at) {
                    return true;
                }
            }
            false
        }
        Yaml::List(items) => {
            for index in 0..items.len() {
                if take(at) {
                    items.remove(index);
                    return true;
                }
                if reduce(&mut items[index], at) {
                    return true;
                }
            }
            false
        }
        Yaml::Tagged(_, inner) | Yaml::Anchored(_, inner) | Yaml::Flow(inner) => {
            if take(at) {
                *node = (**inner).clone();
                return true;
            }
            reduce(inner, at)
        }
        Yaml::Text(text) if text.len() > 1 => {
            if take(at) {
                "a".clone_into(text);
                return true;
            }
            false
        }
        _ => false,
    }
}
