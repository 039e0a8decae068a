//! What is remembered about a child: in its annotation what was applied, in the inventory also what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hash::HashKey;
use super::kind::Kind;
use super::packed::Packed;
use crate::api::names::ANNOTATION_APPLIED_HASH;

/// The hashes of what was applied, the value of [`ANNOTATION_APPLIED_HASH`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Of the whole object.
    pub whole: Packed,
    /// Of a workload's pod template: gates hold back its change and nothing else.
    pub template: Option<Packed>,
}

impl Applied {
    /// The hashes of an object that is about to be applied, which must not yet have the annotation. `stable` holds
    /// the names of generated Secrets with the part of them that does not come from their content.
    pub(super) fn of(key: &HashKey, kind: Kind, object: &Value, stable: &BTreeMap<String, String>) -> Self {
        let template = match kind {
            // A Job runs once per definition. A rotated Secret has another name and is the same definition, or a
            // migration would run twice. Another stack is another definition, also when it has the name of a former
            // one and that one's status.
            Kind::Job => object
                .pointer("/spec/template")
                .map(|template| key.of(&json!([owners(object), renamed(template, stable)])).into()),
            Kind::CronJob => object.pointer("/spec/jobTemplate/spec/template").map(|template| key.of(template).into()),
            kind if kind.is_workload() => object.pointer("/spec/template").map(|template| key.of(template).into()),
            _ => None,
        };
        Self { whole: key.of(object).into(), template }
    }

    /// Reads the annotation. One that somebody garbled compares equal to nothing, and the object is applied again.
    pub fn parse(text: &str) -> Self {
        match text.split_once('.') {
            Some((whole, template)) => Self { whole: whole.into(), template: Some(template.into()) },
            None => Self { whole: text.into(), template: None },
        }
    }

    /// Writes the annotation into the object.
    pub(super) fn annotate(&self, object: &mut Value) {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
            && let Some(annotations) =
                metadata.entry("annotations").or_insert_with(|| Value::Object(serde_json::Map::new())).as_object_mut()
        {
            annotations.insert(ANNOTATION_APPLIED_HASH.to_owned(), Value::String(self.to_string()));
        }
    }
}

impl std::fmt::Display for Applied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.whole.fmt(f)?;
        match &self.template {
            Some(template) => write!(f, ".{template}"),
            None => Ok(()),
        }
    }
}

/// An update that failed, after which a workload has the pod template again that it had before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBack {
    /// The hash of the template that failed, as in [`Applied`]: while it is wanted, it is not tried again.
    pub template: String,
    /// The revision that is back, as its pods' label has it.
    pub to: String,
    /// What happened.
    pub message: String,
}

/// What the inventory remembers of a child: [`Applied`], the hash of the fields that the operator owned right after,
/// of a Job that it succeeded, and of what has replicas the revision that did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What was applied.
    pub applied: Applied,
    /// The fields of ours as they were in the server's answer.
    pub owned: Packed,
    /// The Job succeeded: this definition does not run again, even when the Job is cleaned up.
    pub done: bool,
    /// The last revision of a workload whose pods all got ready, as their label has it; kept where updates may go back.
    pub good: Option<String>,
}

impl Record {
    /// Reads `status.inventory[].hash`.
    pub fn parse(text: &str) -> Self {
        let (text, done) = match text.strip_suffix("/done") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (applied, rest) = text.split_once('/').unwrap_or((text, ""));
        let (owned, good) = match rest.split_once("/good:") {
            Some((owned, good)) => (owned, Some(good.to_owned())),
            None => (rest, None),
        };
        Self { applied: Applied::parse(applied), owned: owned.into(), done, good }
    }
}

impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.applied, self.owned)?;
        if let Some(good) = &self.good {
            write!(f, "/good:{good}")?;
        }
        f.write_str(if self.done { "/done" } else { "" })
    }
}

/// The uids of an object's owners: what else an ownerReference holds may change with the operator's version.
fn owners(object: &Value) -> Vec<&Value> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().filter_map(|owner| owner.get("uid")).collect()
}

fn renamed(value: &Value, names: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => Value::String(names.get(text).unwrap_or(text).clone()),
        Value::Array(items) => items.iter().map(|item| renamed(item, names)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), renamed(field, names)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jobs_definition_is_its_template_and_its_stack() {
        let key = HashKey::new(b"key");
        let stable =
            BTreeMap::from(["1", "2"].map(|hash| (format!("shop-password-{hash}"), "shop-password".to_owned())));
        let of = |uid: &str, controller: bool, secret: &str, image: &str| {
            let job = json!({
                "metadata": {"ownerReferences": [{"uid": uid, "controller": controller}]},
                "spec": {"template": {"image": image, "secret": secret}},
            });
            Applied::of(&key, Kind::Job, &job, &stable).template
        };
        let one = of("u1", true, "shop-password-1", "web:1");
        assert_eq!(of("u1", false, "shop-password-2", "web:1"), one);
        assert_ne!(of("u2", true, "shop-password-1", "web:1"), one);
        assert_ne!(of("u1", true, "shop-password-1", "web:2"), one);
    }

    #[test]
    fn records_survive_being_written() {
        for text in ["a/b", "a.t/b", "a.t/b/done", "a.t/b/good:6d4cf56db6", "a/"] {
            assert_eq!(Record::parse(text).to_string(), text);
        }
        assert_eq!(Record::parse(""), Record::default());
    }
}
