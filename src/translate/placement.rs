//! Which nodes pods run on.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinity, PodAffinityTerm,
    PodAntiAffinity, PodSpec, Toleration, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::claim::{self, Backing};
use super::context::{Context, Unit};
use super::dns_label::{is_label_value, is_qualified_name};
use super::kind::Kind;
use super::notes::Notes;
use super::{extension, labels, windows};
use crate::api::names;
use crate::api::v1alpha1::AccessMode;
use crate::compose::model::Placement;

const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";
const HOST_NAME: &str = "kubernetes.io/hostname";
const OS: &str = "kubernetes.io/os";
const ARCH: &str = "kubernetes.io/arch";

/// Writes the service's placement into its pods.
pub(super) fn place(context: &Context, unit: &Unit, pod: &mut PodSpec, notes: &mut Notes) {
    platform(unit, pod, notes);
    let mut affinity = Affinity::default();
    constraints(context, unit, &mut affinity, pod, notes);
    if let Some(deploy) = &unit.service.deploy {
        spread(context, unit, &deploy.placement, pod, notes);
        per_node(context, unit, &deploy.placement, &mut affinity, pod, notes);
    }
    if !unit.colocated.is_empty() {
        affinity.pod_affinity = Some(PodAffinity {
            required_during_scheduling_ignored_during_execution: Some(vec![PodAffinityTerm {
                label_selector: Some(services_selector(context, &unit.colocated)),
                topology_key: HOST_NAME.to_owned(),
                ..PodAffinityTerm::default()
            }]),
            ..PodAffinity::default()
        });
    }
    pod.affinity = (affinity != Affinity::default()).then_some(affinity);
}

/// For each service, the services with which it has to share a node because a claim that only one node can mount
/// links them, directly or over others; the whole group in each, or the scheduler could place two halves apart.
pub(super) fn colocated<'a>(context: &Context<'a>, kinds: &BTreeMap<&'a str, Kind>) -> BTreeMap<&'a str, Vec<String>> {
    let mut groups: Vec<BTreeSet<&str>> = Vec::new();
    let mut group_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (key, backing) in &context.backings {
        let Backing::Claim { external, .. } = backing else { continue };
        let users = context.users_of(key).filter(|unit| kinds.get(unit.key) != Some(&Kind::DaemonSet));
        let users: BTreeSet<&str> = users.map(|unit| unit.host).collect();
        // What else uses a claim that is there already, and how, is not known: pods of one service may have spread over
        // nodes ever since, unless the file says that they cannot.
        let is_unknown = *external && !is_said(context, key);
        // One pod is with itself.
        let is_one = users.len() < 2 && !users.iter().any(|host| context.units[host].is_several());
        if is_one || may_be_on_several_nodes(context, key) || (is_unknown && users.len() < 2) {
            continue;
        }
        // The largest of the groups that the volume links takes the others in.
        let linked: BTreeSet<usize> = users.iter().filter_map(|host| group_of.get(host).copied()).collect();
        let largest = linked.iter().copied().max_by_key(|group| groups[*group].len()).unwrap_or_else(|| {
            groups.push(BTreeSet::new());
            groups.len() - 1
        });
        let joining = linked.into_iter().filter(|group| *group != largest);
        let joining: Vec<&str> = joining.flat_map(|group| std::mem::take(&mut groups[group])).chain(users).collect();
        for host in joining {
            group_of.insert(host, largest);
            groups[largest].insert(host);
        }
    }
    let mut colocated = BTreeMap::new();
    for group in groups {
        let several = group.len() > 1 || group.iter().any(|key| context.units[key].is_several());
        if !several {
            continue;
        }
        let labels: Vec<String> = group.iter().map(|key| context.units[key].pod_label.clone()).collect();
        for (key, _) in group.iter().filter_map(|key| context.units.get_key_value(key)) {
            colocated.insert(*key, labels.clone());
        }
    }
    colocated
}

/// Whether pods of several nodes can mount a volume's claim.
fn may_be_on_several_nodes(context: &Context, key: &str) -> bool {
    let by_several = |mode: &AccessMode| matches!(mode, AccessMode::ReadWriteMany | AccessMode::ReadOnlyMany);
    claim::access_modes(context, key).iter().any(by_several)
}

/// Whether the file says how a volume's claim can be mounted.
fn is_said(context: &Context, key: &str) -> bool {
    context.project.volumes.get(key).is_some_and(|volume| extension::access_modes(volume).is_some())
}

/// Says which services share a node because of a claim that is there already, and whose pods may not.
pub(super) fn note_external_claims(context: &Context, notes: &mut Notes) {
    for (key, backing) in &context.backings {
        let Backing::Claim { name, external: true } = backing else { continue };
        let users = context.users_of(key).filter(|unit| unit.kind != Kind::DaemonSet);
        let users: BTreeSet<&str> = users.map(|unit| unit.host).collect();
        if may_be_on_several_nodes(context, key) {
            continue;
        }
        let path = format!("volumes.{key}.external");
        let users: Vec<&str> = users.into_iter().collect();
        if users.len() > 1 {
            notes.approximated(
                path,
                format!(
                    "the pods of {} share a node, since one node alone may be able to mount `{name}`: say `x-kubernetes: \
                     {{accessModes: [ReadWriteMany]}}` if several can",
                    users.join(", ")
                ),
            );
        } else if let [user] = users.as_slice()
            && context.units.get(user).is_some_and(Unit::is_several)
            && !is_said(context, key)
            && !context.facts.shared_claims.contains(name)
        {
            notes.approximated(
                path,
                format!(
                    "the pods of {user} need not share a node, and wait where `{name}` cannot be mounted by several: say \
                     `x-kubernetes: {{accessModes: [ReadWriteOnce]}}` to keep them on one, or [ReadWriteMany] if it can"
                ),
            );
        }
    }
}

/// Says what cannot work because of a claim that only one node can mount.
pub(super) fn note_exclusive_claims(context: &Context, unit: &Unit, notes: &mut Notes) {
    if unit.kind != Kind::DaemonSet {
        return;
    }
    for (index, mount) in unit.service.container.volumes.iter().enumerate() {
        let source = mount.source.as_str();
        if let Some(Backing::Claim { name, external: true }) = context.backings.get(source)
            && !may_be_on_several_nodes(context, source)
            && !context.facts.shared_claims.contains(name)
        {
            notes.approximated(
                unit.mount_path(index),
                format!(
                    "each node had a volume of its own in Docker, here all share the claim `{name}`, and the pods of all \
                     nodes but one wait unless several nodes can mount it: say `x-kubernetes: {{accessModes: \
                     [ReadWriteMany]}}` on the volume if they can"
                ),
            );
        }
        if let Some(Backing::Claim { external: false, .. }) = context.backings.get(source)
            && !claim::access_modes(context, source).contains(&AccessMode::ReadWriteMany)
        {
            notes.approximated(
                unit.mount_path(index),
                "each node had a volume of its own in Docker, here all share one claim: set spec.volumes.accessModes, or \
                 `x-kubernetes.accessModes` of the volume, to ReadWriteMany, or the pods of all nodes but one wait",
            );
        }
    }
}

fn services_selector(context: &Context, services: &[String]) -> LabelSelector {
    LabelSelector {
        match_labels: Some(BTreeMap::from([
            (names::LABEL_STACK.to_owned(), context.stack.name.clone()),
            (names::LABEL_COMPONENT.to_owned(), names::COMPONENT_SERVICE.to_owned()),
        ])),
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: names::LABEL_SERVICE.to_owned(),
            operator: "In".to_owned(),
            values: Some(services.to_vec()),
        }]),
    }
}

fn platform(unit: &Unit, pod: &mut PodSpec, notes: &mut Notes) {
    let platform = unit.service.container.platform.as_str();
    if platform.is_empty() {
        if windows::is_windows(&unit.service.container) {
            pod.node_selector = Some(BTreeMap::from([(OS.to_owned(), windows::WINDOWS.to_owned())]));
        }
        return;
    }
    let mut parts = platform.split('/');
    let mut selector = BTreeMap::new();
    if let Some(os) = parts.next().filter(|os| !os.is_empty()) {
        selector.insert(OS.to_owned(), os.to_lowercase());
    }
    if let Some(arch) = parts.next() {
        selector.insert(ARCH.to_owned(), architecture(arch));
    }
    if parts.next().is_some() {
        notes.approximated(
            format!("{}.platform", unit.path),
            "nodes are chosen by system and architecture, not by the variant",
        );
    }
    pod.node_selector = Some(selector);
}

/// Go's word for an architecture, which nodes are labelled with.
fn architecture(text: &str) -> String {
    match text.to_lowercase().as_str() {
        "x86_64" | "x86-64" => "amd64".to_owned(),
        "aarch64" => "arm64".to_owned(),
        "armhf" | "armv7l" => "arm".to_owned(),
        other => other.to_owned(),
    }
}

/// The service's constraints, and those of the services that its pods have to share a node with: the first of them to
/// get a node takes it for all.
fn constraints(context: &Context, unit: &Unit, affinity: &mut Affinity, pod: &mut PodSpec, notes: &mut Notes) {
    let of = |unit: &Unit| unit.service.deploy.iter().flat_map(|deploy| deploy.placement.constraints.clone()).collect();
    let mut requirements = Vec::new();
    let own: Vec<String> = of(unit);
    for (index, constraint) in own.iter().enumerate() {
        match requirement(constraint) {
            Ok(requirement) => requirements.push(requirement),
            Err(problem) => notes.rejected(format!("{}.deploy.placement.constraints[{index}]", unit.path), problem),
        }
    }
    // Most share nothing, and need not be compared with all.
    let all = (!unit.colocated.is_empty()).then(|| context.units.values()).into_iter().flatten();
    let others = all.filter(|other| other.host == other.key && other.path != unit.path);
    for other in others.filter(|other| unit.colocated.contains(&other.pod_label)) {
        let theirs: Vec<String> = of(other);
        for requirement in theirs.iter().filter_map(|constraint| requirement(constraint).ok()) {
            if !requirements.contains(&requirement) {
                requirements.push(requirement);
            }
        }
    }
    if requirements.is_empty() {
        return;
    }
    if requirements.iter().any(|requirement| requirement.key == CONTROL_PLANE && requirement.operator == "Exists") {
        pod.tolerations.get_or_insert_default().push(Toleration {
            key: Some(CONTROL_PLANE.to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some("NoSchedule".to_owned()),
            ..Toleration::default()
        });
    }
    affinity.node_affinity = Some(NodeAffinity {
        required_during_scheduling_ignored_during_execution: Some(NodeSelector {
            node_selector_terms: vec![NodeSelectorTerm {
                match_expressions: Some(requirements),
                ..NodeSelectorTerm::default()
            }],
        }),
        ..NodeAffinity::default()
    });
}

/// A constraint of Swarm (`node.role == manager`, with or without spaces) as a requirement of Kubernetes.
fn requirement(constraint: &str) -> Result<NodeSelectorRequirement, String> {
    let (key, equal, value) = if let Some((key, value)) = constraint.split_once("==") {
        (key.trim(), true, value.trim())
    } else if let Some((key, value)) = constraint.split_once("!=") {
        (key.trim(), false, value.trim())
    } else {
        return Err(format!("`{constraint}` is no constraint: write it like `node.labels.disk == ssd`"));
    };
    if key == "node.role" {
        let manager = match value {
            "manager" => equal,
            "worker" => !equal,
            _ => return Err(format!("`{value}` is no role: a node is a `manager` or a `worker`")),
        };
        let operator = if manager { "Exists" } else { "DoesNotExist" };
        return Ok(NodeSelectorRequirement {
            key: CONTROL_PLANE.to_owned(),
            operator: operator.to_owned(),
            values: None,
        });
    }
    let (key, value) = match key {
        "node.hostname" => (HOST_NAME.to_owned(), value.to_owned()),
        "node.platform.os" => (OS.to_owned(), value.to_lowercase()),
        "node.platform.arch" => (ARCH.to_owned(), architecture(value)),
        _ => match key.strip_prefix("node.labels.") {
            Some(label) if is_qualified_name(label) && is_label_value(value) => (label.to_owned(), value.to_owned()),
            Some(_) => return Err(format!("`{key} == {value}` is no valid label of a Kubernetes node")),
            None => {
                return Err(format!(
                    "`{key}` has no counterpart in Kubernetes: use node.labels.*, node.hostname, node.role or \
                     node.platform.*"
                ));
            }
        },
    };
    let operator = if equal { "In" } else { "NotIn" };
    Ok(NodeSelectorRequirement { key, operator: operator.to_owned(), values: Some(vec![value]) })
}

fn spread(context: &Context, unit: &Unit, placement: &Placement, pod: &mut PodSpec, notes: &mut Notes) {
    for (index, preference) in placement.preferences.iter().enumerate() {
        let key = match preference.spread.as_str() {
            "node.hostname" | "node.id" => HOST_NAME,
            other => match other.strip_prefix("node.labels.") {
                Some(label) if is_qualified_name(label) => label,
                _ => {
                    notes.rejected(
                        format!("{}.deploy.placement.preferences[{index}].spread", unit.path),
                        "pods are spread over labels of nodes only: use node.labels.*",
                    );
                    continue;
                }
            },
        };
        let constraints = pod.topology_spread_constraints.get_or_insert_default();
        if constraints.iter().any(|constraint| constraint.topology_key == key) {
            continue;
        }
        constraints.push(TopologySpreadConstraint {
            label_selector: Some(LabelSelector {
                match_labels: Some(labels::selector(context, unit)),
                ..LabelSelector::default()
            }),
            max_skew: 1,
            topology_key: key.to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            ..TopologySpreadConstraint::default()
        });
    }
}

fn per_node(
    context: &Context,
    unit: &Unit,
    placement: &Placement,
    affinity: &mut Affinity,
    pod: &mut PodSpec,
    notes: &mut Notes,
) {
    let label_selector =
        Some(LabelSelector { match_labels: Some(labels::selector(context, unit)), ..LabelSelector::default() });
    match placement.max_replicas_per_node {
        0 => {}
        1 => {
            affinity.pod_anti_affinity = Some(PodAntiAffinity {
                required_during_scheduling_ignored_during_execution: Some(vec![PodAffinityTerm {
                    label_selector,
                    topology_key: HOST_NAME.to_owned(),
                    ..PodAffinityTerm::default()
                }]),
                ..PodAntiAffinity::default()
            });
        }
        count if unit.replicas().is_some_and(|replicas| u64::try_from(replicas).is_ok_and(|all| all <= count)) => {}
        _ if !unit.colocated.is_empty() => notes.rejected(
            format!("{}.deploy.placement.max_replicas_per_node", unit.path),
            "the pods share a node with those that mount the same volume: leave it out",
        ),
        // Nodes that differ by one pod at most have no more than they may, while they are enough for all pods.
        count => {
            pod.topology_spread_constraints.get_or_insert_default().push(TopologySpreadConstraint {
                label_selector,
                max_skew: 1,
                topology_key: HOST_NAME.to_owned(),
                when_unsatisfiable: "DoNotSchedule".to_owned(),
                node_taints_policy: Some("Honor".to_owned()),
                ..TopologySpreadConstraint::default()
            });
            notes.approximated(
                format!("{}.deploy.placement.max_replicas_per_node", unit.path),
                format!(
                    "pods are spread evenly over the nodes, and a node has more than {count} only when there are too \
                     few nodes"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Facts, fixture};

    fn placed(service: &str) -> (PodSpec, Vec<String>) {
        fixture::with(&format!("services: {{web: {{image: x, {service}}}}}"), |context, notes| {
            let mut pod = PodSpec::default();
            place(context, &context.units["web"], &mut pod, notes);
            (pod, std::mem::take(notes).summary())
        })
    }

    #[test]
    fn constraints_with_and_without_spaces() {
        for text in ["node.labels.disk==ssd", "node.labels.disk == ssd", " node.labels.disk  ==  ssd "] {
            let requirement = requirement(text).unwrap();
            assert_eq!((requirement.key.as_str(), requirement.operator.as_str()), ("disk", "In"));
            assert_eq!(requirement.values.unwrap(), ["ssd"]);
        }
        for (text, key, operator) in [
            ("node.role == manager", CONTROL_PLANE, "Exists"),
            ("node.role!=manager", CONTROL_PLANE, "DoesNotExist"),
            ("node.role==worker", CONTROL_PLANE, "DoesNotExist"),
            ("node.hostname != n1", HOST_NAME, "NotIn"),
            ("node.platform.arch==x86_64", ARCH, "In"),
        ] {
            let requirement = requirement(text).unwrap();
            assert_eq!((requirement.key.as_str(), requirement.operator.as_str()), (key, operator), "{text}");
        }
        for text in ["node.id == x", "engine.labels.a == b", "node.role", "node.role == king", "node.labels.a == b c"] {
            assert!(requirement(text).is_err(), "{text}");
        }
    }

    #[test]
    fn managers_tolerate_the_taint_of_the_control_plane() {
        let (pod, notes) = placed("deploy: {placement: {constraints: [node.role == manager]}}");
        assert_eq!(pod.tolerations.unwrap()[0].key.as_deref(), Some(CONTROL_PLANE));
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn platforms_select_nodes() {
        let (pod, notes) = placed("platform: linux/arm64/v8");
        let selector = pod.node_selector.unwrap();
        assert_eq!((selector[OS].as_str(), selector[ARCH].as_str()), ("linux", "arm64"));
        assert_eq!(notes, ["services.web.platform: Approximated"]);
    }

    #[test]
    fn spreading_and_limits_per_node() {
        let (pod, notes) = placed(
            "deploy: {placement: {max_replicas_per_node: 1, preferences: [{spread: node.labels.zone}, {spread: x}]}}",
        );
        assert_eq!(pod.topology_spread_constraints.unwrap()[0].topology_key, "zone");
        assert!(pod.affinity.unwrap().pod_anti_affinity.is_some());
        assert_eq!(notes, ["services.web.deploy.placement.preferences[1].spread: Rejected"]);
    }

    #[test]
    fn more_than_one_on_a_node() {
        let of = |replicas: u32| {
            placed(&format!("deploy: {{replicas: {replicas}, placement: {{max_replicas_per_node: 2}}}}"))
        };
        let (pod, notes) = of(3);
        let constraint = pod.topology_spread_constraints.unwrap().remove(0);
        assert_eq!((constraint.max_skew, constraint.when_unsatisfiable.as_str()), (1, "DoNotSchedule"));
        assert_eq!(notes, ["services.web.deploy.placement.max_replicas_per_node: Approximated"]);
        let (pod, notes) = of(2);
        assert_eq!((pod.topology_spread_constraints, notes), (None, vec![]));
    }

    #[test]
    fn services_of_a_claim_that_is_there_share_a_node_unless_it_is_known_to_be_on_several() {
        let volumes = "image: x, volumes: [{type: volume, source: data, target: /d}]";
        let look = |services: &str, volume: &str| {
            let text = format!("services: {{{services}}}\nvolumes: {{data: {{name: pool, external: true{volume}}}}}");
            fixture::with(&text, |context, notes| {
                note_external_claims(context, notes);
                (context.units["a"].colocated.clone(), std::mem::take(notes).summary())
            })
        };
        let two = format!("a: {{{volumes}}}, b: {{{volumes}}}");
        let noted = vec!["volumes.data.external: Approximated".to_owned()];
        assert_eq!(look(&two, ""), (vec!["a".to_owned(), "b".to_owned()], noted));
        let none = (Vec::new(), Vec::<String>::new());
        assert_eq!(look(&two, ", x-kubernetes: {accessModes: [ReadWriteMany]}"), none);
        // Nobody knows of the pods of one service whether they can be on several nodes, until somebody says so.
        let several = format!("a: {{{volumes}, deploy: {{replicas: 2}}}}");
        let noted = vec!["volumes.data.external: Approximated".to_owned()];
        assert_eq!(look(&several, ""), (Vec::new(), noted));
        assert_eq!(look(&several, ", x-kubernetes: {accessModes: [ReadWriteMany]}"), none);
        let together = (vec!["a".to_owned()], Vec::new());
        assert_eq!(look(&several, ", x-kubernetes: {accessModes: [ReadWriteOnce]}"), together);
        assert_eq!(look(&format!("a: {{{volumes}}}"), ""), none);
        let facts = Facts { shared_claims: BTreeSet::from(["pool".to_owned()]), ..Facts::default() };
        let text = format!("services: {{{several}}}\nvolumes: {{data: {{name: pool, external: true}}}}");
        fixture::with_facts(&text, &fixture::stack(), &facts, |context, notes| {
            note_external_claims(context, notes);
            assert_eq!(std::mem::take(notes).summary(), Vec::<String>::new());
        });
    }

    #[test]
    fn a_claim_that_is_there_and_that_the_pods_of_all_nodes_mount_is_noted() {
        let noted = |shared: &[&str], volume: &str| {
            let shared_claims = shared.iter().map(|claim| (*claim).to_owned()).collect();
            let facts = Facts { shared_claims, ..Facts::default() };
            let text = format!(
                "services: {{a: {{image: x, deploy: {{mode: global}}, volumes: [{{type: volume, source: data, target: \
                 /d}}]}}}}\nvolumes: {{data: {{name: pool, external: true{volume}}}}}"
            );
            fixture::with_facts(&text, &fixture::stack(), &facts, |context, notes| {
                note_exclusive_claims(context, &context.units["a"], notes);
                std::mem::take(notes).summary()
            })
        };
        assert_eq!(noted(&[], ""), ["services.a.volumes[0]: Approximated"]);
        assert_eq!(noted(&["pool"], ""), Vec::<String>::new());
        for mode in ["ReadWriteMany", "ReadOnlyMany"] {
            assert_eq!(noted(&[], &format!(", x-kubernetes: {{accessModes: [{mode}]}}")), Vec::<String>::new());
        }
    }

    #[test]
    fn the_constraints_of_one_hold_for_all_who_share_its_node() {
        let volumes = "volumes: [{type: volume, source: data, target: /d}]";
        let text = format!(
            "services: {{a: {{image: x, {volumes}, deploy: {{placement: {{constraints: [node.role == manager]}}}}}}, b: \
             {{image: x, {volumes}, deploy: {{placement: {{constraints: [node.role == manager, node.labels.d == s]}}}}}}, c: \
             {{image: x, {volumes}}}, d: {{image: x}}}}\nvolumes: {{data: {{name: p_data}}}}"
        );
        fixture::with(&text, |context, notes| {
            for (service, count) in [("a", 2), ("b", 2), ("c", 2), ("d", 0)] {
                let mut pod = PodSpec::default();
                place(context, &context.units[service], &mut pod, notes);
                let node = pod.affinity.and_then(|affinity| affinity.node_affinity);
                let terms = node.and_then(|node| node.required_during_scheduling_ignored_during_execution);
                let terms = terms.map_or(Vec::new(), |selector| selector.node_selector_terms);
                let requirements = terms.iter().flat_map(|term| term.match_expressions.iter().flatten());
                assert_eq!(requirements.count(), count, "{service}");
                assert_eq!(pod.tolerations.map_or(0, |tolerations| tolerations.len()), count.min(1), "{service}");
            }
        });
    }

    #[test]
    fn users_of_a_claim_share_a_node_with_all_whom_it_links() {
        let mount = |volume: &str| format!("{{type: volume, source: {volume}, target: /{volume}}}");
        let text = format!(
            "services: {{a: {{image: x, volumes: [{one}]}}, b: {{image: x, volumes: [{one}, {two}]}}, c: {{image: x, \
             volumes: [{two}]}}, d: {{image: x, volumes: [{three}]}}}}\nvolumes: {{one: {{}}, two: {{}}, three: {{}}}}",
            one = mount("one"),
            two = mount("two"),
            three = mount("three")
        );
        fixture::with(&text, |context, _| {
            for key in ["a", "b", "c"] {
                assert_eq!(context.units[key].colocated, ["a", "b", "c"]);
            }
            assert_eq!(context.units["d"].colocated, Vec::<String>::new());
        });
        let stack = fixture::stack_with(|spec| spec.volumes.access_modes = vec![AccessMode::ReadWriteMany]);
        fixture::with_stack(&text, &stack, |context, _| assert!(context.units["a"].colocated.is_empty()));
    }
}
