//! The name that a pod has for itself: `hostname` and `domainname`.

use k8s_openapi::api::core::v1::PodSpec;

use super::context::{Context, Unit};
use super::dns_label;
use super::kind::Kind;
use super::notes::Notes;
use super::swarm_template::{self, Field, Part};

/// The longest host name (Linux, `__NEW_UTS_LEN`; Kubernetes, `hostnameOverride`).
const MAX_HOST_NAME: usize = 64;

/// Gives the pod its name, as far as the cluster takes it: pods have labels for host names, and those of StatefulSets
/// their own names, unless it knows `hostnameOverride`.
pub(super) fn give(context: &Context, unit: &Unit, pod: &mut PodSpec, notes: &mut Notes) {
    let container = &unit.service.container;
    if container.hostname.is_empty() && container.domainname.is_empty() {
        return;
    }
    let path = format!("{}.hostname", unit.path);
    let name = filled(context, unit, &path, notes);
    let full = name.as_deref().and_then(|name| with_domain(context, unit, pod, name));
    note_domain(unit, full.as_deref(), notes);
    let Some(name) = &name else { return };
    if pod.host_network == Some(true) {
        notes.approximated(path, "the host name is the node's, whose network the service uses");
        return;
    }
    if name.len() > dns_label::MAX_LABEL || !dns_label::is_host_name(name) {
        let problem = "the host name is the pod's: Kubernetes takes only lower case letters, digits, hyphens and dots";
        notes.approximated(path, problem);
        return;
    }
    let (dotted, ordinal) = (name.contains('.'), unit.kind == Kind::StatefulSet);
    if context.facts.hostname_override {
        pod.hostname_override = full.or_else(|| (dotted || ordinal).then(|| name.clone()));
    } else if dotted {
        notes.approximated(path, "the host name is the pod's: Kubernetes takes dots from version 1.35 on");
    } else if ordinal {
        notes.approximated(
            path,
            format!("is a name for others, and `{}-0` the host name inside, before Kubernetes 1.35", unit.name),
        );
    }
    pod.hostname = (!dotted).then(|| name.clone());
}

/// `hostname` with Swarm's placeholders filled in; none when the pod keeps its own.
fn filled(context: &Context, unit: &Unit, path: &str, notes: &mut Notes) -> Option<String> {
    let hostname = &unit.service.container.hostname;
    match swarm_template::parts(context, unit, hostname) {
        None => Some(hostname.clone()).filter(|name| !name.is_empty()),
        Some(Ok(parts)) => match parts.as_slice() {
            // It is the pod's without further ado.
            [Part::Field(Field::Name)] => None,
            [Part::Text(text)] => Some(text.clone()),
            _ if unit.kind == Kind::StatefulSet && swarm_template::has_numbered_host_names(unit) => None,
            _ => {
                let problem = "the host name is the pod's: Kubernetes gives all pods of a service the same, or none";
                notes.approximated(path, problem);
                None
            }
        },
        Some(Err(problem)) => {
            notes.rejected(path, problem);
            None
        }
    }
}

/// The host name with the domain behind it, where a pod may be called so; none without a domain.
fn with_domain(context: &Context, unit: &Unit, pod: &PodSpec, name: &str) -> Option<String> {
    let domain = unit.service.container.domainname.as_str();
    if domain.is_empty() || !context.facts.hostname_override || pod.host_network == Some(true) {
        return None;
    }
    let is_within = name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let full = if is_within { name.to_owned() } else { format!("{name}.{domain}") };
    (full.len() <= MAX_HOST_NAME && dns_label::is_host_name(&full)).then_some(full)
}

/// Says what became of `domainname`. Docker sets it beside the host name, for which Kubernetes has nothing
/// (`kernel.domainname` is none of the parameters that the kubelet lets pods have); programs that ask for the full name
/// get the same.
fn note_domain(unit: &Unit, full: Option<&str>, notes: &mut Notes) {
    if unit.service.container.domainname.is_empty() {
        return;
    }
    let path = format!("{}.domainname", unit.path);
    match full {
        Some(full) => notes.approximated(
            path,
            format!("is a part of the host name, `{full}`, for Kubernetes has no domain name beside it"),
        ),
        None => notes.approximated(
            path,
            "is not honoured: from Kubernetes 1.35 on, it is a part of the host name where `hostname` gives one",
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::translate::generated::Generated;
    use crate::translate::pod::template;
    use crate::translate::{Facts, fixture};

    #[test]
    fn host_names_are_what_the_cluster_takes() {
        let volume = "volumes: [{type: volume, source: data, target: /d}]";
        let named = |service: &str, hostname_override: bool| {
            let facts = Facts { hostname_override, ..Facts::default() };
            let text = format!("services: {{web: {{image: x, {service}}}}}\nvolumes: {{data: {{name: p_data}}}}");
            fixture::with_facts(&text, &fixture::stack(), &facts, |context, notes| {
                let template = template(context, &context.units["web"], None, &mut Generated::default(), notes);
                let pod = template.spec.unwrap();
                let noted = std::mem::take(notes).summary().contains(&"services.web.hostname: Approximated".to_owned());
                (pod.hostname.unwrap_or_default(), pod.hostname_override.unwrap_or_default(), noted)
            })
        };
        let stateful = format!("hostname: box-1, {volume}");
        for (service, knows, expected) in [
            ("hostname: box-1", false, ("box-1", "", false)),
            ("hostname: box-1", true, ("box-1", "", false)),
            ("hostname: box.local", false, ("", "", true)),
            ("hostname: box.local", true, ("", "box.local", false)),
            ("hostname: Box", true, ("", "", true)),
            ("hostname: box-1, network_mode: host", true, ("", "", true)),
            (&stateful, false, ("box-1", "", true)),
            (&stateful, true, ("box-1", "box-1", false)),
        ] {
            let (name, full, noted) = expected;
            assert_eq!(named(service, knows), (name.to_owned(), full.to_owned(), noted), "{service}, {knows}");
        }
    }

    #[test]
    fn a_domain_is_a_part_of_the_host_name() {
        let named = |service: &str, hostname_override: bool| {
            let facts = Facts { hostname_override, ..Facts::default() };
            let text = format!("services: {{web: {{image: x, {service}}}}}");
            fixture::with_facts(&text, &fixture::stack(), &facts, |context, notes| {
                let pod =
                    template(context, &context.units["web"], None, &mut Generated::default(), notes).spec.unwrap();
                let noted = std::mem::take(notes).summary();
                assert!(noted.contains(&"services.web.domainname: Approximated".to_owned()), "{noted:?}");
                pod.hostname_override.unwrap_or_default()
            })
        };
        let long = "a".repeat(60);
        for (service, knows, expected) in [
            ("hostname: mail, domainname: example.com", true, "mail.example.com"),
            ("hostname: mail.example.com, domainname: example.com", true, "mail.example.com"),
            ("hostname: mail, domainname: example.com", false, ""),
            ("domainname: example.com", true, ""),
            ("hostname: mail, domainname: example.com, network_mode: host", true, ""),
            (&format!("hostname: {long}, domainname: example.com"), true, ""),
            ("hostname: mail, domainname: \"a_b\"", true, ""),
        ] {
            assert_eq!(named(service, knows), expected, "{service}, {knows}");
        }
    }
}
