//! Values of attributes, as the schema has them.

use crate::generate::Generator;
use crate::schema::{Form, Path, Shape};
use crate::yaml::Yaml;

/// Forms that always fail, by the end of their path: they are generated only where they have to be.
#[allow(clippy::unnested_or_patterns, reason = "one line for each")]
pub fn fails(path: &[&str], form: Form) -> bool {
    matches!(
        (path, form),
        ([.., "blkio_config", "weight"] | [.., "weight_device", "[]", "weight"] | [.., "tmpfs", "mode"], Form::Str)
            | ([.., "pid"], Form::Null)
            | ([.., "build", "ulimits", "*"] | [.., "build", "ulimits", "*", "soft" | "hard"], Form::Str)
            | ([.., "additional_contexts", "*"], Form::Null | Form::Bool | Form::Int | Form::Float)
            | ([.., "ssh", "*"], Form::Bool | Form::Int | Form::Float)
            | (["secrets", _, "driver_opts", "*"], Form::Int | Form::Float)
            | ([.., "secrets" | "configs", "[]", "mode"], Form::Float)
            | ([.., "oom_score_adj" | "replicas" | "mode"], Form::Float)
            | ([.., "expose" | "ports" | "group_add", "[]"], Form::Float)
    )
}

impl Generator<'_> {
    pub fn value(&mut self, shape: &Shape, path: &mut Path) -> Yaml {
        let exact = self.targets.iter().position(|(target, _)| target == path);
        let below = self.targets.iter().find(|(target, _)| target.len() > path.len() && target.starts_with(path));
        let form = match (below, exact) {
            (Some((target, _)), _) => {
                if target[path.len()] == "[]" {
                    Form::List
                } else {
                    Form::Map
                }
            }
            (None, Some(place)) => self.targets.remove(place).1,
            (None, None) => self.form(shape, path),
        };
        match form {
            Form::Null => Yaml::plain(self.random.word(&["", "null", "~"])),
            Form::Bool => Yaml::plain(self.random.word(&["true", "false", "True"])),
            Form::Int => Yaml::plain(self.integer(shape, path)),
            Form::Float => Yaml::plain(self.random.word(&["0.5", "2.0", "1.25", "3.7"])),
            Form::Str => self.string(shape, path),
            Form::List => self.list(shape, path),
            Form::Map => self.map(shape, path, 0),
        }
    }

    fn form(&mut self, shape: &Shape, path: &[String]) -> Form {
        let view: Vec<&str> = path.iter().map(String::as_str).collect();
        let forms: Vec<Form> = shape.forms.iter().copied().filter(|form| !fails(&view, *form)).collect();
        // Nulls in the place of lists and mappings mean little.
        let form = *self.random.pick(&forms);
        if form == Form::Null && self.random.chance(50) { *self.random.pick(&forms) } else { form }
    }

    fn integer(&mut self, shape: &Shape, path: &[String]) -> String {
        if let Some(most) = shape.most.filter(|most| *most <= 1000) {
            return self.random.below(usize::try_from(most).unwrap()).to_string();
        }
        match path.last().map(String::as_str) {
            Some("scale" | "replicas") => "1".to_owned(),
            Some("mode") => self.random.word(&["0440", "292", "0o400"]),
            Some("soft") => "10".to_owned(),
            Some("hard") => "20".to_owned(),
            _ => self.random.word(&["0", "1", "3", "80", "1024", "65535", "0x10"]),
        }
    }

    fn string(&mut self, shape: &Shape, path: &[String]) -> Yaml {
        let view: Vec<&str> = path.iter().map(String::as_str).collect();
        let text = if !shape.words.is_empty() {
            self.random.pick(&shape.words).clone()
        } else if shape.forms.contains(&Form::Bool)
            && !matches!(view.last(), Some(&("provenance" | "sbom" | "*" | "[]")))
        {
            self.random.word(&["true", "false", "true", "yes", "no", "TRUE"])
        } else if shape.forms.contains(&Form::Map) && view.last() == Some(&"external") {
            "true".to_owned()
        } else {
            let text = self.text(&view);
            if shape.forms.contains(&Form::Int)
                && text.starts_with(|c: char| !c.is_ascii_digit())
                && view.last() != Some(&"*")
            {
                self.random.word(&["1", "3", "80"])
            } else {
                text
            }
        };
        if view.last() == Some(&"*") && shape.forms.contains(&Form::Null) && self.random.chance(30) {
            return Yaml::plain(self.random.word(&[
                "yes",
                "No",
                "on",
                "0x1F",
                "1_000",
                "1e3",
                "2001-12-14",
                "+5",
                "0o17",
                "017",
                "12:30:45",
                "1.50",
                ".5",
                "5.",
                "-0",
                "0b11",
                "123456789012345678901",
                "=",
                "a b",
                "1.0e+21",
                "0.1e-7",
                "100000000.0",
                "Off",
                "y",
            ]));
        }
        Yaml::Text(self.interpolated(text))
    }

    /// The text, or a template that gives it.
    fn interpolated(&mut self, text: String) -> String {
        if text.contains('$') || !self.interpolating || !self.random.chance(18) {
            return text;
        }
        let name = format!("V{}", self.variables + 1);
        let plain = !text.contains(['}', '{', ':', '?', '+', '-', '\n', '"', '\'', '\t']);
        match self.random.below(if plain { 12 } else { 3 }) {
            0 => self.variable(&name, &text, &format!("${{{name}}}")),
            1 => self.variable(&name, &text, &format!("${name}")),
            2 => self.variable(&name, &text, &format!("${{{name}:?must be set}}")),
            3 => self.variable(&name, &text, &format!("${{{name}?must be set}}")),
            4 => self.variable(&name, &text, &format!("${{{name}:-other}}")),
            5 => self.variable(&name, &text, &format!("${{UNSET-${name}}}")),
            6 => self.variable(&name, &text, &format!("${{UNSET:-${{{name}}}}}")),
            7 => format!("${{V1:+{text}}}"),
            8 => format!("${{EMPTY+{text}}}${{UNSET+x}}${{EMPTY:+y}}${{EMPTY?z}}"),
            9 => format!("${{UNSET-{text}}}${{EMPTY-x}}"),
            10 => format!("{text}${{UNSET}}"),
            _ => format!("${{EMPTY:-{text}}}"),
        }
    }

    fn variable(&mut self, name: &str, text: &str, template: &str) -> String {
        self.variables += 1;
        self.project.env.insert(name.to_owned(), text.to_owned());
        template.to_owned()
    }

    fn list(&mut self, shape: &Shape, path: &mut Path) -> Yaml {
        let Some(item) = shape.items.as_deref() else { return Yaml::List(Vec::new()) };
        let view: Vec<&str> = path.iter().map(String::as_str).collect();
        let mut items = Vec::new();
        if view.ends_with(&["healthcheck", "test"]) {
            items.push(Yaml::text(self.random.word(&["CMD", "CMD-SHELL"])));
        }
        // Items must differ after interpolation too.
        let interpolating = self.interpolating;
        self.interpolating &= !shape.unique;
        path.push("[]".to_owned());
        let count = items.len() + self.random.below(3);
        for _ in 0..16 {
            if items.len() >= count && !self.targets.iter().any(|(target, _)| target.starts_with(path)) {
                break;
            }
            let value = self.value(item, path);
            if !shape.unique || !items.contains(&value) {
                items.push(value);
            }
        }
        path.pop();
        self.interpolating = interpolating;
        let items = Yaml::List(items);
        if self.random.chance(30) { Yaml::Flow(Box::new(items)) } else { items }
    }

    pub fn map(&mut self, shape: &Shape, path: &mut Path, few: usize) -> Yaml {
        let mut map = Yaml::Map(Vec::new());
        let likely = if few > 0 { few * 100 / shape.keys.len().max(1) } else { 40 };
        for (key, below) in &shape.keys {
            path.push(key.clone());
            let banned = path.len() == 3 && self.banned.contains(&key.as_str());
            let wanted = self.targets.iter().any(|(target, _)| target.starts_with(path));
            if wanted || shape.required.contains(key) || !banned && self.random.chance(likely) {
                let value = self.value(below, path);
                map.set(key, value);
            }
            path.pop();
        }
        if let Some(below) = shape.entries.as_deref() {
            path.push("*".to_owned());
            let mut count = 0;
            let most = self.random.below(3);
            while count < most || self.targets.iter().any(|(target, _)| target.starts_with(path)) && count < 8 {
                let mut key = self.key(path);
                if map.get(&key).is_some()
                    && !matches!(path[path.len() - 2].as_str(), "depends_on" | "networks" | "models")
                {
                    key.push(char::from(b'a' + u8::try_from(count).unwrap_or_default()));
                }
                let value = self.value(below, path);
                map.set(&key, value);
                count += 1;
            }
            path.pop();
        } else if shape.keys.is_empty() {
            map.set("free", Yaml::text("form"));
        }
        if shape.extensions {
            path.push("x-".to_owned());
            if self.targets.iter().any(|(target, _)| target == path) || self.random.chance(4) {
                let value = self.extension(path);
                map.set("x-more", value);
            }
            path.pop();
        }
        let view: Vec<&str> = path.iter().map(String::as_str).collect();
        self.tidy_attribute(&view, &mut map);
        if self.random.chance(15) { Yaml::Flow(Box::new(map)) } else { map }
    }

    pub fn extension(&mut self, path: &[String]) -> Yaml {
        let view: Vec<&str> = path.iter().map(String::as_str).collect();
        match self.take(&view) {
            Some(Form::Str) => Yaml::text("an extension"),
            Some(_) => {
                Yaml::map([("deep", Yaml::List(vec![Yaml::plain("1.5"), Yaml::text("${V1}"), Yaml::plain("~")]))])
            }
            None => Yaml::plain(self.random.word(&["1", "text", "[a, {b: 1.0}]", "1e3", "2001-12-14", "0o17"])),
        }
    }

    /// A key that the user chooses.
    fn key(&mut self, path: &[String]) -> String {
        let view: Vec<&str> = path.iter().map(String::as_str).collect();
        match view.as_slice() {
            [.., "depends_on", "*"] => self.some_service(),
            [.., "networks", "*"] => self.reference("networks"),
            [.., "models", "*"] => self.reference("models"),
            [.., "ulimits", "*"] => self.random.word(&["nproc", "nofile", "core"]),
            _ => self.random.word(&["A", "B", "C", "a.b/c", "V1", "UNSET", "x"]),
        }
    }
}

impl Generator<'_> {
    /// Takes out what excludes something else.
    fn tidy_attribute(&mut self, path: &[&str], map: &mut Yaml) {
        match path {
            [.., "gpus" | "devices", "[]"] if map.get("device_ids").is_some() => map.remove("count"),
            [.., "develop", "watch", "[]"] if map.get("target").is_none() => map.set("target", Yaml::text("/t")),
            [.., "volumes", "[]"] => {
                let kind = map.get("type").map(Yaml::bare).cloned();
                match kind {
                    Some(Yaml::Text(kind)) if kind == "bind" => map.set("source", Yaml::text("./src")),
                    Some(Yaml::Text(kind)) if kind == "tmpfs" => map.remove("source"),
                    _ => {}
                }
                if map.get("target").is_none() {
                    map.set("target", Yaml::text("/data"));
                }
            }
            [.., "ports", "[]"] if map.get("target").is_none() => map.set("target", Yaml::plain("80")),
            [.., "devices", "[]"] if map.get("source").is_some() && map.get("target").is_none() => {
                map.set("target", Yaml::text("/dev/t"));
            }
            [.., "secrets" | "configs", "[]"] if map.get("source").is_none() => {
                let section = if path[path.len() - 2] == "secrets" { "secrets" } else { "configs" };
                let name = self.reference(section);
                map.set("source", Yaml::text(name));
            }
            [.., "build"] if map.get("dockerfile").is_some() => map.remove("dockerfile_inline"),
            [.., "triggers"] if map.get("manual").is_none() => map.set("manual", Yaml::plain("true")),
            _ => {}
        }
    }
}
