//! Partial objects that are merged onto workloads: `x-kubernetes.patch`, then `spec.serviceOverrides`.
//!
//! They reach what Compose has no word for. What the operator finds its objects by stays as it is, and the policy
//! judges what comes out, so that no override is a way round it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::context::{Context, Unit};
use super::labels::is_ours;
use super::notes::Notes;
use super::plan::WorkloadObject;
use super::strategic_merge::{DIRECTIVE, merge};
use super::{pod_security, security, stop_signal};

/// The parts of an object that a patch may not change, as JSON pointers.
const FIXED: [&str; 6] =
    ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace", "/metadata/ownerReferences", "/spec/selector"];

/// Where pods have their template.
const TEMPLATE: &str = "/spec/template";
/// Where those of CronJobs do.
const JOB_TEMPLATE: &str = "/spec/jobTemplate/spec/template";

/// The workload of a service with what its document and its stack put on top.
pub(super) fn overlaid(context: &Context, unit: &Unit, object: WorkloadObject, notes: &mut Notes) -> WorkloadObject {
    let own = unit.drop_in.patch.as_ref().map(|patch| (format!("{}.x-kubernetes.patch", unit.path), patch));
    let stacks = context.stack.spec.service_overrides.get(unit.key);
    let stacks = stacks.map(|patch| (format!("spec.serviceOverrides.{}", unit.key), patch));
    let overlaid = own.into_iter().chain(stacks).fold(object, |object, (path, patch)| {
        let patched =
            match &object {
                WorkloadObject::Deployment(typed) => patched(typed.as_ref(), patch, unit, TEMPLATE)
                    .map(|typed| WorkloadObject::Deployment(Box::new(typed))),
                WorkloadObject::StatefulSet(typed) => patched(typed.as_ref(), patch, unit, TEMPLATE)
                    .map(|typed| WorkloadObject::StatefulSet(Box::new(typed))),
                WorkloadObject::DaemonSet(typed) => patched(typed.as_ref(), patch, unit, TEMPLATE)
                    .map(|typed| WorkloadObject::DaemonSet(Box::new(typed))),
                WorkloadObject::Job(typed) => {
                    patched(typed.as_ref(), patch, unit, TEMPLATE).map(|typed| WorkloadObject::Job(Box::new(typed)))
                }
                WorkloadObject::CronJob(typed) => patched(typed.as_ref(), patch, unit, JOB_TEMPLATE)
                    .map(|typed| WorkloadObject::CronJob(Box::new(typed))),
            };
        match patched {
            Ok(patched) => secured(context, unit, &path, &object, patched, notes),
            Err(problems) => {
                for (below, problem) in problems {
                    notes.error(format!("{path}{below}"), "InvalidOverride", problem);
                }
                object
            }
        }
    });
    with_both_names(overlaid)
}

/// The API server keeps the name of a pod's ServiceAccount in two fields and fills in the one from the other. Both have
/// to be ours, or the old field would outlive the new one, and with it the account's rights.
fn with_both_names(mut object: WorkloadObject) -> WorkloadObject {
    if let Some(pod) = object.template_mut().and_then(|template| template.spec.as_mut()) {
        let name = pod.service_account_name.take().or_else(|| pod.service_account.take());
        pod.service_account.clone_from(&name);
        pod.service_account_name = name;
    }
    object
}

/// The patched workload, whose pods still meet the stack's security level.
fn secured(
    context: &Context,
    unit: &Unit,
    path: &str,
    before: &WorkloadObject,
    mut patched: WorkloadObject,
    notes: &mut Notes,
) -> WorkloadObject {
    let before = before.template().and_then(|template| template.spec.as_ref());
    let pod = patched.template_mut().and_then(|template| template.spec.as_mut());
    if let (Some(before), Some(pod)) = (before, pod) {
        security::fit_node_network(pod);
        stop_signal::fit_processes(path, pod, notes);
        pod_security::meet_again(context, unit, &format!("{path}.template.spec"), before, pod, notes);
    }
    patched
}

/// Says which overrides are for no service.
pub(super) fn note_strangers(context: &Context, notes: &mut Notes) {
    for key in context.stack.spec.service_overrides.keys() {
        // One that its profile keeps off may be switched on later.
        if !context.project.services.contains_key(key) && !context.project.disabled_services.contains_key(key) {
            notes.error(
                format!("spec.serviceOverrides.{key}"),
                "InvalidOverride",
                format!("the Compose file has no service `{key}`: correct the name, or remove the override"),
            );
        }
    }
}

/// The image that a workload runs in the container of its service.
pub(super) fn image(unit: &Unit, object: &WorkloadObject) -> String {
    object
        .template()
        .and_then(|template| template.spec.as_ref())
        .and_then(|pod| pod.containers.iter().find(|container| container.name == unit.name))
        .and_then(|container| container.image.clone())
        .unwrap_or_default()
}

/// What is wrong with a patch: where below it, and what.
type Problems = Vec<(String, String)>;

fn patched<K: Serialize + DeserializeOwned>(
    object: &K,
    patch: &Value,
    unit: &Unit,
    template: &str,
) -> Result<K, Problems> {
    let whole = |error: serde_json::Error| vec![(String::new(), format!("does not fit the workload: {error}"))];
    let before = serde_json::to_value(object).map_err(whole)?;
    let merged = merge(before.clone(), &as_object(patch, template)?);
    let typed: K = serde_json::from_value(merged.clone()).map_err(whole)?;
    let after = serde_json::to_value(&typed).map_err(whole)?;
    let mut problems = Vec::new();
    lost(&merged, &after, "", &mut problems);
    touched(&before, &after, template, &mut problems);
    if !has_container(&after, template, &unit.name) {
        problems.push((
            format!("{template}/spec/containers"),
            format!("may not remove the container `{}`, which is the service", unit.name),
        ));
    }
    if problems.is_empty() {
        return Ok(typed);
    }
    let below = |pointer: &str| pointer.replacen(template, "/template", 1).replace('/', ".");
    Err(problems
        .into_iter()
        .map(|(pointer, problem)| match pointer.split_once(' ') {
            // A key of a map may hold a slash.
            Some((pointer, key)) => (format!("{}.{key}", below(pointer)), problem),
            None => (below(&pointer), problem),
        })
        .collect())
}

/// A patch of a whole object, from `{metadata, spec, template}`.
fn as_object(patch: &Value, template: &str) -> Result<Value, Problems> {
    let expected = "expected an object with `template`, `spec` and `metadata`";
    let Value::Object(entries) = patch else { return Err(vec![(String::new(), expected.to_owned())]) };
    let mut problems = Vec::new();
    for (key, value) in entries {
        match (key.as_str(), value) {
            ("spec", Value::Object(spec)) if spec.contains_key("template") || spec.contains_key("jobTemplate") => {
                problems.push((".spec.template".to_owned(), "write it as `template`, beside `spec`".to_owned()));
            }
            ("metadata" | "spec" | "template", Value::Object(below)) if !below.contains_key(DIRECTIVE) => {}
            ("metadata" | "spec" | "template", _) => {
                problems.push((format!(".{key}"), "expected an object, which is merged".to_owned()));
            }
            _ => problems.push((format!(".{key}"), expected.to_owned())),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut whole = patch.clone();
    if let Some(pods) = entries.get("template") {
        let mut place = &mut whole;
        for part in template.split('/').skip(1) {
            place = &mut place[part];
        }
        *place = pods.clone();
    }
    if let Some(whole) = whole.as_object_mut() {
        whole.remove("template");
    }
    Ok(whole)
}

/// What a type does not know it drops without a word, so it is looked for.
fn lost(merged: &Value, typed: &Value, pointer: &str, problems: &mut Problems) {
    match (merged, typed) {
        (Value::Object(merged), Value::Object(typed)) => {
            for (key, value) in merged {
                match typed.get(key) {
                    Some(typed) => lost(value, typed, &format!("{pointer}/{key}"), problems),
                    None => problems.push((format!("{pointer} {key}"), "Kubernetes has no such field here".to_owned())),
                }
            }
        }
        (Value::Array(merged), Value::Array(typed)) => {
            for (index, (item, typed)) in merged.iter().zip(typed).enumerate() {
                let name = item.get("name").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned);
                lost(item, typed, &format!("{pointer}[{name}]"), problems);
            }
        }
        _ => {}
    }
}

/// What a patch changed of that by which objects are found and owned.
fn touched(before: &Value, after: &Value, template: &str, problems: &mut Problems) {
    let name = format!("{template}/metadata/name");
    for pointer in FIXED.into_iter().chain([name.as_str()]) {
        if before.pointer(pointer) != after.pointer(pointer) {
            problems.push((pointer.to_owned(), "may not be changed: the operator finds its objects by it".to_owned()));
        }
    }
    for place in ["", template] {
        for map in ["labels", "annotations"] {
            let pointer = format!("{place}/metadata/{map}");
            let ours = |object: &Value| -> Map<String, Value> {
                let entries = object.pointer(&pointer).and_then(Value::as_object).into_iter().flatten();
                entries.filter(|(key, _)| is_ours(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
            };
            let (before, after) = (ours(before), ours(after));
            let changed = before.iter().chain(&after).find(|(key, _)| before.get(*key) != after.get(*key));
            if let Some((key, _)) = changed {
                let problem = "may not be changed: the operator sets this key itself".to_owned();
                problems.push((format!("{pointer} {key}"), problem));
            }
        }
    }
}

fn has_container(object: &Value, template: &str, name: &str) -> bool {
    let containers = object.pointer(&format!("{template}/spec/containers")).and_then(Value::as_array);
    containers.into_iter().flatten().any(|container| container.get("name").and_then(Value::as_str) == Some(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::Policy;
    use crate::translate::{Facts, Plan, fixture, translate};

    fn plan(service: &str, overrides: &Value) -> Plan {
        let stack = fixture::stack_with(|spec| {
            spec.service_overrides = serde_json::from_value(overrides.clone()).unwrap();
        });
        let text = format!("services: {{web: {{image: x, {service}}}}}");
        translate(&fixture::project(&text), &stack, &Facts::default(), &Policy::default())
    }

    fn workload(plan: &Plan) -> Value {
        plan.workloads[0].object.child().unwrap().object
    }

    fn errors(plan: &Plan) -> Vec<(String, &'static str)> {
        let errors = plan.notes.iter().filter(|note| note.level == crate::translate::NoteLevel::Error);
        errors.map(|note| (note.path.clone(), note.reason)).collect()
    }

    #[test]
    fn the_stacks_override_is_the_last_word() {
        let service = "x-kubernetes: {patch: {template: {spec: {priorityClassName: low, containers: [{name: web, \
                       workingDir: /x}]}}}}";
        let plan = plan(service, &json!({"web": {"template": {"spec": {"priorityClassName": "high"}}}}));
        assert_eq!(errors(&plan), []);
        let pod = &workload(&plan)["spec"]["template"]["spec"];
        assert_eq!((&pod["priorityClassName"], &pod["containers"][0]["workingDir"]), (&json!("high"), &json!("/x")));
        assert_eq!(pod["containers"][0]["image"], "x");
    }

    #[test]
    fn the_image_of_the_status_is_the_one_that_runs() {
        let overrides = json!({"web": {"template": {"spec": {"containers": [{"name": "web", "image": "y"}]}}}});
        assert_eq!(plan("", &overrides).workloads[0].image, "y");
    }

    #[test]
    fn in_the_nodes_network_a_pod_sets_no_parameter_of_it() {
        let context = |overrides: &Value| {
            let pod = workload(&plan("", overrides))["spec"]["template"]["spec"].clone();
            pod.pointer("/securityContext/sysctls").cloned()
        };
        assert!(context(&json!({})).is_some());
        assert_eq!(context(&json!({"web": {"template": {"spec": {"hostNetwork": true}}}})), None);
    }

    #[test]
    fn what_the_operator_finds_its_objects_by_stays() {
        let label = |key: &str, value: Value| json!({"metadata": {"labels": {key: value}}});
        for (patch, below) in [
            (json!({"metadata": {"name": "other"}}), "metadata.name"),
            (json!({"metadata": {"ownerReferences": null}}), "metadata.ownerReferences"),
            (json!({"spec": {"selector": {"matchLabels": {"a": "b"}}}}), "spec.selector"),
            (label("compose-operator.dev/stack", Value::Null), "metadata.labels.compose-operator.dev/stack"),
            (label("app.kubernetes.io/name", json!("x")), "metadata.labels.app.kubernetes.io/name"),
            (
                json!({"template": label("network.compose-operator.dev/other_db", json!("true"))}),
                "template.metadata.labels.network.compose-operator.dev/other_db",
            ),
            (
                json!({"template": {"spec": {"containers": [{"name": "web", "$patch": "delete"}]}}}),
                "template.spec.containers",
            ),
        ] {
            let plan = plan("", &json!({"web": patch}));
            assert_eq!(errors(&plan), [(format!("spec.serviceOverrides.web.{below}"), "InvalidOverride")], "{patch}");
            assert_eq!(workload(&plan)["metadata"]["name"], "web");
        }
    }

    #[test]
    fn labels_and_annotations_of_ones_own_may_be_added() {
        let mine = json!({"labels": {"team": "a"}, "annotations": {"example.com/x": "y"}});
        let plan = plan("", &json!({"web": {"metadata": mine, "template": {"metadata": mine}}}));
        assert_eq!(errors(&plan), []);
        for pointer in ["/metadata", "/spec/template/metadata"] {
            let metadata = workload(&plan).pointer(pointer).unwrap().clone();
            assert_eq!(
                (&metadata["labels"]["team"], &metadata["annotations"]["example.com/x"]),
                (&json!("a"), &json!("y"))
            );
        }
    }

    #[test]
    fn what_kubernetes_does_not_know_is_an_error() {
        for (patch, below) in [
            (json!({"template": {"spec": {"nodeSelektor": {"a": "b"}}}}), ".template.spec.nodeSelektor"),
            (
                json!({"template": {"spec": {"containers": [{"name": "web", "imag": "x"}]}}}),
                ".template.spec.containers[web].imag",
            ),
            (json!({"spec": {"replicas": "two"}}), ""),
            (json!({"spec": {"template": {}}}), ".spec.template"),
            (json!({"pod": {}}), ".pod"),
            (json!({"template": null}), ".template"),
        ] {
            let plan = plan("", &json!({"web": patch}));
            assert_eq!(errors(&plan), [(format!("spec.serviceOverrides.web{below}"), "InvalidOverride")], "{patch}");
        }
        let strangers = plan("", &json!({"wbe": {}}));
        assert_eq!(errors(&strangers), [("spec.serviceOverrides.wbe".to_owned(), "InvalidOverride")]);
    }

    #[test]
    fn the_pods_of_a_job_are_patched_where_a_cron_job_has_them() {
        let stack = fixture::stack_with(|spec| {
            let patch =
                json!({"nightly": {"spec": {"suspend": true}, "template": {"spec": {"priorityClassName": "low"}}}});
            spec.service_overrides = serde_json::from_value(patch).unwrap();
        });
        let text = "services: {}\njobs: {nightly: {image: x, triggers: {schedule: [{cron: \"0 3 * * *\"}]}}}";
        let plan = translate(&fixture::project(text), &stack, &Facts::default(), &Policy::default());
        assert_eq!(errors(&plan), []);
        let spec = &workload(&plan)["spec"];
        assert_eq!(spec["suspend"], true);
        assert_eq!(spec["jobTemplate"]["spec"]["template"]["spec"]["priorityClassName"], "low");
    }

    #[test]
    fn the_security_level_holds_after_overrides() {
        let pod = |patch: &Value, unsupported: &str| {
            let patch = json!({"web": {"template": {"spec": patch}}});
            let spec = json!({"security": "Restricted", "unsupported": unsupported, "serviceOverrides": patch});
            let stack = fixture::stack_with(|own| *own = serde_json::from_value(spec).unwrap());
            let text = "services: {web: {image: x, user: \"1\"}}";
            let plan = translate(&fixture::project(text), &stack, &Facts::default(), &Policy::default());
            let rejected = plan.notes.iter().filter(|note| note.level == crate::translate::NoteLevel::Rejected);
            let paths: Vec<String> = rejected.map(|note| note.path.clone()).collect();
            (workload(&plan)["spec"]["template"]["spec"].clone(), paths)
        };
        let (plain, _) = pod(&json!({}), "Warn");
        let container = |context: Value| json!({"containers": [{"name": "web", "securityContext": context}]});
        for patch in [
            json!({"hostNetwork": true}),
            json!({"hostPID": true}),
            container(json!({"privileged": true})),
            container(json!({"runAsUser": 0})),
            container(json!({"runAsNonRoot": false})),
            container(json!({"allowPrivilegeEscalation": true})),
            container(json!({"capabilities": {"add": ["SYS_ADMIN"]}})),
            container(json!({"seccompProfile": null})),
            container(json!({"capabilities": null})),
            json!({"volumes": [{"name": "host", "hostPath": {"path": "/"}}], "containers": [{"name": "web", "volumeMounts":
                [{"name": "host", "mountPath": "/host"}]}]}),
        ] {
            let (patched, rejected) = pod(&patch, "Warn");
            assert_eq!(rejected, ["spec.serviceOverrides.web.template.spec"], "{patch}");
            let without = |mut pod: Value| {
                // The refused user leaves the image's own.
                pod["containers"][0]["securityContext"].as_object_mut().unwrap().remove("runAsUser");
                pod
            };
            assert_eq!(without(patched), without(plain.clone()), "{patch}");
        }
        let sidecar = json!({"containers": [{"name": "side", "image": "y", "securityContext": {"runAsUser": 7}}]});
        let (patched, rejected) = pod(&sidecar, "Fail");
        assert_eq!(rejected, Vec::<String>::new());
        let side = patched["containers"].as_array().unwrap().iter().find(|one| one["name"] == "side").unwrap();
        assert_eq!(side["securityContext"]["runAsNonRoot"], true);
    }

    #[test]
    fn the_policy_judges_what_comes_out() {
        let overrides = json!({"web": {"template": {"spec": {"hostNetwork": true, "serviceAccountName": "admin"}}}});
        let plan = plan("", &overrides);
        let forbidden = plan.notes.iter().filter(|note| note.reason == crate::policy::FORBIDDEN);
        let flags: Vec<_> = forbidden.map(|note| note.message.rsplit(' ').next().unwrap_or_default()).collect();
        assert_eq!(flags, ["--allow-service-account=admin", "--allow-host-namespaces"]);
    }
}
