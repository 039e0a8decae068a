//! What YAML and Compose let a document say in more than one way: tags, anchors, merge keys.

use crate::generate::Generator;
use crate::yaml::Yaml;

impl Generator<'_> {
    /// Tags some values of an override.
    pub fn tag(&mut self, node: &mut Yaml, depth: usize) {
        if let Yaml::Map(entries) = node.bare_mut() {
            for (_, value) in entries {
                if depth >= 2 && self.random.chance(4) {
                    let tag = self.random.pick(&["!reset", "!override"]);
                    let inner = if *tag == "!reset" && self.random.chance(50) {
                        Yaml::plain("null")
                    } else {
                        std::mem::replace(value, Yaml::plain("null"))
                    };
                    *value = Yaml::Tagged(tag, Box::new(inner));
                } else {
                    self.tag(value, depth + 1);
                }
            }
        }
    }

    /// Moves parts of services behind anchors.
    pub fn share(&mut self, document: &mut Yaml) {
        if !self.random.chance(30) {
            return;
        }
        let Some(services) = document.get_mut("services") else { return };
        let names = services.keys();
        let mut shared = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let Some(service) = services.get_mut(name) else { continue };
            let keys: Vec<String> = service.keys().into_iter().filter(|_| self.random.chance(35)).collect();
            let moved: Vec<(String, Yaml)> =
                keys.into_iter().filter_map(|key| service.get(&key).cloned().map(|value| (key, value))).collect();
            for (key, _) in &moved {
                service.remove(key);
            }
            let alias = Yaml::Alias(format!("a{index}"));
            let merged = match self.random.below(3) {
                0 if index > 0 => Yaml::List(vec![alias, Yaml::Alias("a0".to_owned())]),
                1 => Yaml::Flow(Box::new(Yaml::Map(moved.clone()))),
                _ => alias,
            };
            service.set("<<", merged);
            shared.push((format!("x-shared{index}"), Yaml::Anchored(format!("a{index}"), Box::new(Yaml::Map(moved)))));
        }
        if let Yaml::Map(entries) = document.bare_mut() {
            shared.append(entries);
            *entries = shared;
        }
    }
}
