//! Projects made up from the schema: documents with overrides, `extends`, `include`, interpolation, anchors, tags, and
//! the files that they refer to.

use std::collections::{BTreeMap, BTreeSet};

use crate::attributes::fails;
use crate::coverage::walk;
use crate::project::{File, Project};
use crate::random::Random;
use crate::schema::{Form, Path, Shape};
use crate::yaml::Yaml;

/// How many forms of paths each project must contain, besides what chance puts there.
const TARGETS: usize = 8;
/// Attributes of a service that do not go together.
const EXCLUSIVE: [(&[&str], &[&str]); 3] = [
    (&["deploy"], &["cpus", "mem_limit", "mem_reservation", "pids_limit", "scale", "container_name"]),
    (&["network_mode"], &["networks", "links"]),
    (&["container_name"], &["scale", "deploy"]),
];

pub struct Generator<'a> {
    pub shape: &'a Shape,
    pub random: Random,
    pub project: Project,
    pub targets: Vec<(Path, Form)>,
    /// The directory of the file that is generated, with a slash at its end.
    pub directory: String,
    /// Names that a resource has to have, by section.
    pub references: BTreeMap<&'static str, BTreeSet<String>>,
    /// Services that may be referred to.
    services: Vec<String>,
    /// The services of the base document, by name.
    base: Yaml,
    pub banned: Vec<&'static str>,
    pub interpolating: bool,
    pub variables: usize,
}

/// The project of a number: the same one each time.
pub fn project(shape: &Shape, forms: &[(Path, Form)], seed: u64, number: usize) -> Project {
    let mut random = Random::new(seed ^ (number as u64).wrapping_mul(0x2545_F491_4F6C_DD1D));
    // A stride without a common divisor goes through all forms, and mixes them.
    let stride = (forms.len() / 3 + 1..forms.len()).find(|stride| common(*stride, forms.len()) == 1).unwrap();
    let targets = (0..TARGETS).map(|index| forms[(number * TARGETS + index) * stride % forms.len()].clone()).collect();
    let interpolating = random.chance(60);
    let mut generator = Generator {
        shape,
        random,
        project: Project::default(),
        targets,
        directory: String::new(),
        references: BTreeMap::new(),
        services: Vec::new(),
        base: Yaml::Map(Vec::new()),
        banned: Vec::new(),
        interpolating,
        variables: 1,
    };
    generator.run();
    generator.project
}

fn common(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common(b, a % b) }
}

impl Generator<'_> {
    fn run(&mut self) {
        self.project.env.insert("V1".to_owned(), "value".to_owned());
        self.project.env.insert("EMPTY".to_owned(), String::new());
        self.project.name = if self.random.chance(60) { Some("demo".to_owned()) } else { None };
        if self.random.chance(20) {
            self.project.files.insert(".env".to_owned(), File::Raw("FROM_FILE=f\nV1=lost\nW=${V1}-w\n".to_owned()));
        }
        if self.random.chance(15) {
            self.project.profiles = vec![self.random.word(&["p", "*", "none"])];
        }
        if self.random.chance(30) {
            self.project.env.insert("HOME".to_owned(), "/home/me".to_owned());
        }
        let mut documents = vec![self.document(0)];
        let overrides = if self.random.chance(45) { 1 + self.random.below(2) } else { 0 };
        for index in 1..=overrides {
            let document = self.document(index);
            documents.push(document);
        }
        self.define(&mut documents[0]);
        for (index, mut document) in documents.into_iter().enumerate() {
            let path = if index == 0 { "compose.yaml".to_owned() } else { format!("over{index}.yaml") };
            if index > 0 {
                self.tag(&mut document, 0);
            }
            self.share(&mut document);
            let mut parts = vec![document];
            if self.random.chance(4) {
                parts.push(Yaml::map([("x-last", Yaml::text("document"))]));
            }
            self.project.files.insert(path.clone(), File::Compose(parts));
            self.project.documents.push(path);
        }
    }

    /// The base document, or an override.
    fn document(&mut self, index: usize) -> Yaml {
        let mut document = Yaml::Map(Vec::new());
        if index == 0 {
            if self.wants(&["name"]) || self.project.name.is_none() && self.random.chance(70) {
                let name = self.random.word(&["from-file", "With_Caps", "n${V1}"]);
                document.set("name", Yaml::text(name));
            }
            if self.wants(&["version"]) || self.random.chance(5) {
                document.set("version", Yaml::text("3.8"));
            }
            if self.wants(&["include"]) || self.random.chance(38) {
                let include = self.include();
                document.set("include", include);
            }
        }
        let mut services = Yaml::Map(Vec::new());
        self.services.clear();
        let count = if index == 0 { 1 + self.random.below(3) } else { 1 + self.random.below(2) };
        for number in 0..count {
            let name = format!("s{number}");
            self.repeat(&name);
            let service = self.service(&name, self.base.get(&name).is_none(), "services");
            services.set(&name, service);
            self.services.push(name);
        }
        if index == 0 {
            self.base = services.clone();
        }
        document.set("services", services);
        let jobs = if self.wants(&["jobs"]) && index == 0 { 1 } else { usize::from(self.random.chance(8)) };
        if jobs > 0 {
            let job = self.service("j0", true, "jobs");
            document.set("jobs", Yaml::map([("j0", job)]));
        }
        if self.wants(&["x-"]) || self.random.chance(10) {
            let value = self.extension(&["x-".to_owned()]);
            document.set("x-any", value);
        }
        document
    }

    /// Sees to it that an override has some of what the base document has of a service, with values of its own: merging
    /// is about what is on both sides.
    fn repeat(&mut self, service: &str) {
        let Some(service) = self.base.get(service).cloned() else { return };
        let shape = self.shape.keys["services"].entries.as_deref().unwrap();
        let mut forms = BTreeSet::new();
        for key in service.keys() {
            if let (Some(value), Some(below)) = (service.get(&key), shape.keys.get(&key))
                && key != "extends"
                && self.random.chance(40)
            {
                walk(value, below, &mut vec!["services".to_owned(), "*".to_owned(), key], &mut forms);
            }
        }
        // Most overrides are to load.
        forms.retain(|(path, form)| !fails(&path.iter().map(String::as_str).collect::<Vec<_>>(), *form));
        self.targets.extend(forms);
    }

    /// Whether something that has to be generated is at the path or below it.
    fn wants(&self, path: &[&str]) -> bool {
        self.targets
            .iter()
            .any(|(target, _)| target.len() >= path.len() && target.iter().zip(path).all(|(a, b)| a == b))
    }

    fn service(&mut self, name: &str, base: bool, section: &'static str) -> Yaml {
        let shape = self.shape.keys[section].entries.as_deref().unwrap();
        let wanted: Vec<String> = self
            .targets
            .iter()
            .filter(|(path, _)| path.len() > 2 && path[0] == section)
            .map(|(path, _)| path[2].clone())
            .collect();
        self.banned = Vec::new();
        for (one, others) in EXCLUSIVE {
            let others_wanted = others.iter().any(|key| wanted.iter().any(|want| want == key));
            let one_wanted = one.iter().any(|key| wanted.iter().any(|want| want == key));
            if !one_wanted && (others_wanted || name.ends_with('1')) {
                self.banned.extend(one);
            } else {
                self.banned.extend(others.iter().filter(|key| !wanted.iter().any(|want| want == *key)));
            }
        }
        let mut path = vec![section.to_owned(), "*".to_owned()];
        let mut service = self.map(shape, &mut path, 5);
        service.remove("extends");
        if section == "services" && (self.wants(&["services", "*", "extends"]) || self.random.chance(28)) {
            let extends = self.extends(base);
            if let Some(extends) = extends {
                service.set("extends", extends);
            }
        }
        if base && service.get("image").is_none() && service.get("provider").is_none() {
            service.set("image", Yaml::text("app"));
        }
        service
    }

    fn extends(&mut self, base: bool) -> Option<Yaml> {
        let form = self.take(&["services", "*", "extends"]);
        let file = self.take(&["services", "*", "extends", "file"]).is_some();
        self.take(&["services", "*", "extends", "service"]);
        if !file && self.random.chance(45) && !self.services.is_empty() {
            let name = self.random.pick(&self.services).clone();
            return Some(if form == Some(Form::Str) || form.is_none() && self.random.chance(50) {
                Yaml::text(name)
            } else {
                Yaml::map([("service", Yaml::text(name))])
            });
        }
        if form == Some(Form::Str) {
            return Some(Yaml::text(self.services.first()?.clone()));
        }
        if !base && self.random.chance(50) {
            return None;
        }
        // A file of its own, whose service may extend another one.
        let (directory, services) = (self.directory.clone(), std::mem::take(&mut self.services));
        let banned = self.banned.clone();
        let number = self.random.below(3);
        let file = format!("{}base{number}.yaml", if self.random.chance(50) { "sub/" } else { "" });
        let full = format!("{directory}{file}");
        // The reference takes equal names in different files for a ring now and then.
        let depth = full.matches("sub/").count();
        let (first_name, second_name) = (format!("b{number}{depth}"), format!("c{number}{depth}"));
        if !self.project.files.contains_key(&full) {
            self.project.files.insert(full.clone(), File::Compose(Vec::new()));
            full[..full.rfind('/').map_or(0, |at| at + 1)].clone_into(&mut self.directory);
            let mut first = self.service(&first_name, true, "services");
            first.remove("depends_on");
            self.services.push(first_name.clone());
            let mut second = self.service(&second_name, true, "services");
            if self.random.chance(30) {
                second.set("extends", Yaml::text(first_name.clone()));
            }
            let mut document = Yaml::map([("services", Yaml::map([(&*first_name, first), (&*second_name, second)]))]);
            self.share(&mut document);
            self.project.files.insert(full, File::Compose(vec![document]));
        }
        (self.directory, self.services, self.banned) = (directory, services, banned);
        let name = self.random.word(&[&first_name, &second_name]);
        Some(Yaml::map([("service", Yaml::text(name)), ("file", Yaml::text(file))]))
    }

    fn include(&mut self) -> Yaml {
        let mut items = Vec::new();
        for number in 0..=self.random.below(2) {
            let directory = self.random.word(&["", "inc/", "deep/er/"]);
            let path = format!("{directory}part{number}.yaml");
            let more = format!("{directory}more{number}.yaml");
            self.directory.clone_from(&directory);
            let mut document =
                Yaml::map([("services", Yaml::map([(&*format!("i{number}"), self.service("i0", true, "services"))]))]);
            self.share(&mut document);
            self.project.files.insert(path.clone(), File::Compose(vec![document]));
            if self.random.chance(30) {
                self.raw_file(".env", "V1=included\nINC=1\n".to_owned());
            }
            self.directory = String::new();
            let form = self.take(&["include", "[]"]);
            if form == Some(Form::Str) || form.is_none() && !self.wants(&["include", "[]"]) && self.random.chance(45) {
                items.push(Yaml::text(path));
                continue;
            }
            let mut item = Yaml::Map(Vec::new());
            let list = self.take(&["include", "[]", "path"]) == Some(Form::List)
                || self.take(&["include", "[]", "path", "[]"]).is_some()
                || self.random.chance(30);
            item.set(
                "path",
                if list {
                    let text =
                        format!("{{services: {{i{number}: {{labels: {{more: \"${{TAG:-none}} ${{V1}}\"}}}}}}}}\n");
                    self.project.files.insert(more.clone(), File::Raw(text));
                    Yaml::List(vec![Yaml::text(path), Yaml::text(more)])
                } else {
                    Yaml::text(path)
                },
            );
            if self.wants(&["include", "[]", "env_file"]) || self.random.chance(40) {
                let name = format!("{directory}inc{number}.env");
                self.project.files.insert(name.clone(), File::Raw("V1=by-include\nTAG=${V1}-tag\n".to_owned()));
                let list = self.take(&["include", "[]", "env_file"]) == Some(Form::List)
                    || self.take(&["include", "[]", "env_file", "[]"]).is_some()
                    || self.random.chance(30);
                item.set("env_file", if list { Yaml::List(vec![Yaml::text(name)]) } else { Yaml::text(name) });
            }
            if self.take(&["include", "[]", "project_directory"]).is_some() || self.random.chance(20) {
                let directory = directory.trim_end_matches('/');
                item.set("project_directory", Yaml::text(if directory.is_empty() { "." } else { directory }));
            }
            items.push(item);
        }
        Yaml::List(items)
    }

    /// Takes something off the list of what has to be generated.
    pub fn take(&mut self, path: &[&str]) -> Option<Form> {
        let place =
            self.targets.iter().position(|(target, _)| target.iter().map(String::as_str).eq(path.iter().copied()))?;
        Some(self.targets.remove(place).1)
    }

    /// Defines what was referred to, and more.
    fn define(&mut self, document: &mut Yaml) {
        if self.references.remove("services").is_some() {
            document.get_mut("services").unwrap().set("a", Yaml::map([("image", Yaml::text("a"))]));
        }
        for section in ["networks", "volumes", "secrets", "configs", "models"] {
            let mut names = self.references.remove(section).unwrap_or_default();
            // An external resource may have nothing else: what it has to have goes to one of its own.
            let outside = |target: &Path| target[0] == section && target.get(2).is_some_and(|key| key == "external");
            let (outside, targets): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.targets).into_iter().partition(|(target, _)| outside(target));
            self.targets = targets;
            let whole = self.targets.iter().any(|(target, _)| target[0] == section && target.len() > 2);
            if self.wants(&[section]) || self.random.chance(15) {
                names.insert("unused".to_owned());
            }
            let mut entries = Yaml::Map(Vec::new());
            for (index, name) in names.iter().enumerate() {
                let mut value = self.resource(section);
                if whole && index == 0 {
                    value.remove("external");
                }
                tidy(section, &mut value);
                entries.set(name, value);
            }
            if !outside.is_empty() {
                self.targets.extend(outside);
                let mut value = self.resource(section);
                tidy(section, &mut value);
                entries.set("outside", value);
            }
            if !entries.keys().is_empty() {
                document.set(section, entries);
            }
        }
    }

    fn resource(&mut self, section: &str) -> Yaml {
        let shape = self.shape.keys[section].entries.as_deref().unwrap();
        self.value(shape, &mut vec![section.to_owned(), "*".to_owned()])
    }

    /// A resource that is going to be defined.
    pub fn reference(&mut self, section: &'static str) -> String {
        let name = self.random.word(&["one", "two", "three.x"]);
        self.references.entry(section).or_default().insert(name.clone());
        name
    }

    pub fn service_reference(&mut self) -> Option<String> {
        if self.services.is_empty() { None } else { Some(self.random.pick(&self.services).clone()) }
    }

    /// A service that may be referred to, or one that is going to be defined.
    pub fn some_service(&mut self) -> String {
        self.service_reference().unwrap_or_else(|| {
            self.references.entry("services").or_default();
            "a".to_owned()
        })
    }

    /// Adds a file beside the one that is generated.
    pub fn raw_file(&mut self, name: &str, text: String) {
        self.project.files.insert(format!("{}{name}", self.directory), File::Raw(text));
    }
}

/// Makes a resource one that can be.
fn tidy(section: &str, value: &mut Yaml) {
    let external = value.get("external").map(Yaml::bare).cloned();
    let is_external = match &external {
        Some(Yaml::Map(_)) => true,
        Some(Yaml::Plain(text) | Yaml::Text(text)) => text.to_lowercase() == "true",
        _ => false,
    };
    if is_external {
        let keys = value.keys();
        for key in
            keys.iter().filter(|key| *key != "external" && (*key != "name" || matches!(external, Some(Yaml::Map(_)))))
        {
            value.remove(key);
        }
    } else if ["secrets", "configs"].contains(&section) {
        let sources = ["file", "environment", "content"];
        let given: Vec<&&str> = sources.iter().filter(|key| value.get(key).is_some()).collect();
        if given.is_empty() {
            value.set("file", Yaml::text("./f"));
        }
        for key in given.iter().skip(1) {
            value.remove(key);
        }
    }
}
