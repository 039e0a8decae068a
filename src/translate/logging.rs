//! `logging`: nodes keep the logs of all containers, and collectors of the cluster send them on.

use std::collections::BTreeMap;

use super::context::{Context, Unit};
use super::notes::Notes;
use super::shared_pod;

/// The annotations by which collectors leave the logs of a pod out (Fluent Bit, "Kubernetes filter"; Datadog, "Container
/// discovery management"; Splunk Connect for Kubernetes).
const EXCLUDING_ANNOTATIONS: [&str; 3] =
    ["fluentbit.io/exclude", "ad.datadoghq.com/logs_exclude", "splunk.com/exclude"];
/// The label by which they do (Vector, "kubernetes_logs").
const EXCLUDING_LABEL: &str = "vector.dev/exclude";

/// The annotations of a pod none of whose containers is to be logged.
pub(super) fn exclusion_annotations(context: &Context, unit: &Unit) -> BTreeMap<String, String> {
    if !is_excluded(context, unit) {
        return BTreeMap::new();
    }
    EXCLUDING_ANNOTATIONS.map(|key| (key.to_owned(), "true".to_owned())).into()
}

/// The labels of such a pod.
pub(super) fn exclusion_labels(context: &Context, unit: &Unit) -> Option<(String, String)> {
    is_excluded(context, unit).then(|| (EXCLUDING_LABEL.to_owned(), "true".to_owned()))
}

fn driver<'a>(unit: &'a Unit) -> &'a str {
    unit.service.container.logging.as_ref().map_or("", |logging| logging.driver.as_str())
}

/// Collectors leave out whole pods.
fn is_excluded(context: &Context, unit: &Unit) -> bool {
    std::iter::once(unit).chain(shared_pod::members(context, unit)).all(|unit| driver(unit) == "none")
}

/// Says what differs from the driver and the options of the file.
pub(super) fn note_differences(unit: &Unit, notes: &mut Notes) {
    let Some(logging) = &unit.service.container.logging else { return };
    let path = format!("{}.logging", unit.path);
    let driver = logging.driver.as_str();
    match driver {
        "" | "json-file" | "local" | "journald" => {}
        "none" => notes.approximated(
            format!("{path}.driver"),
            "nodes keep the log all the same, for `kubectl logs`; Fluent Bit, Vector, Datadog and Splunk leave a pod out \
             of which no container is to be logged",
        ),
        _ => notes.approximated(
            format!("{path}.driver"),
            format!("the log is kept by the node, and goes to `{driver}` only by a collector of the cluster"),
        ),
    }
    for option in logging.options.keys() {
        let path = format!("{path}.options.{option}");
        match option.as_str() {
            "max-size" | "max-file" | "compress" => {
                notes.ignored(path, "nodes rotate logs by the kubelet's containerLogMaxSize and containerLogMaxFiles");
            }
            "mode" | "max-buffer-size" => notes.ignored(path, "containers do not wait for what collects their logs"),
            "labels" | "labels-regex" => {
                notes.approximated(path, "is up to the collector, which finds the labels in the pod's annotations");
            }
            "env" | "env-regex" => notes.approximated(
                path,
                "is not honoured: collectors do not see variables, so write what they are to add as a label",
            ),
            "tag" => notes.approximated(path, "is up to the collector, which knows the names of pod and container"),
            _ => notes.approximated(path, "is not honoured: how logs are sent on is said to the collector"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn noted(logging: &str) -> (bool, Vec<String>) {
        let text = format!("services: {{web: {{image: x, logging: {logging}}}}}");
        fixture::with(&text, |context, notes| {
            let unit = &context.units["web"];
            note_differences(unit, notes);
            (exclusion_labels(context, unit).is_some(), std::mem::take(notes).summary())
        })
    }

    #[test]
    fn nodes_keep_logs() {
        let (excluded, notes) = noted("{driver: json-file, options: {max-size: 10m, env: A}}");
        assert_eq!(
            (excluded, notes),
            (
                false,
                vec![
                    "services.web.logging.options.env: Approximated".to_owned(),
                    "services.web.logging.options.max-size: Ignored".to_owned()
                ]
            )
        );
        let (_, notes) = noted("{driver: gelf, options: {gelf-address: \"udp://logs:1\"}}");
        assert_eq!(
            notes,
            ["services.web.logging.driver: Approximated", "services.web.logging.options.gelf-address: Approximated"]
        );
    }

    #[test]
    fn collectors_leave_out_what_nobody_wants_logged() {
        assert!(noted("{driver: none}").0);
        let text =
            "services: {web: {image: x, logging: {driver: none}}, side: {image: x, network_mode: \"service:web\"}}";
        fixture::with(text, |context, _| assert!(exclusion_annotations(context, &context.units["web"]).is_empty()));
    }
}
