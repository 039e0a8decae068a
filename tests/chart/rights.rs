//! The rights of each way to install, beside those of the default one, which tests/rights.rs compares with what the operator asks
//! for: a setting gives and takes the rights of what it turns on and off, by the argument that goes with it, and no other.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::helm::{Helm, documents, helm};

/// Verb, API group and resource.
type Right = (String, String, String);

/// What an operator may do: where its stacks are, in each of these namespaces or everywhere, and in its own namespace.
struct Rights {
    stacks: BTreeSet<Right>,
    home: BTreeSet<Right>,
    namespaces: Vec<String>,
    args: Vec<String>,
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn granted(role: &Value) -> BTreeSet<Right> {
    let mut granted = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                // A right on one object is another than the same on all.
                let names = texts(&rule["resourceNames"]);
                let resource = if names.is_empty() { resource } else { format!("{resource}/{}", names.join(",")) };
                granted.extend(texts(&rule["verbs"]).into_iter().map(|verb| (verb, group.clone(), resource.clone())));
            }
        }
    }
    granted
}

fn rights(helm: &Helm, values: &[&str]) -> Rights {
    let set: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    let rendered = documents(&helm.template(&[&["--set", "crds.enabled=false"], &set[..]].concat()));
    let of = |kind: &'static str| rendered.iter().filter(move |it| it["kind"] == kind);
    let name = |it: &Value| it["metadata"]["name"].as_str().unwrap().to_owned();
    // Whatever is bound to the operator's account counts, whoever it is named after.
    let mut found = Rights { stacks: BTreeSet::new(), home: BTreeSet::new(), namespaces: Vec::new(), args: Vec::new() };
    for binding in of("ClusterRoleBinding").chain(of("RoleBinding")) {
        assert_eq!(binding["subjects"][0]["name"], "compose-operator", "{binding}");
        let kind = binding["roleRef"]["kind"].as_str().unwrap();
        let namespace = &binding["metadata"]["namespace"];
        let mut roles = rendered.iter().filter(|it| it["kind"] == kind && name(it) == binding["roleRef"]["name"]);
        let role = roles.find(|it| it["metadata"]["namespace"] == *namespace).unwrap();
        if name(role).ends_with("-installation") {
            assert_eq!(namespace, "compose-operator");
            found.home.extend(granted(role));
            continue;
        }
        let here = granted(role);
        assert!(found.stacks.is_empty() || found.stacks == here, "{values:?}: the same in each namespace");
        found.stacks = here;
        found.namespaces.extend(namespace.as_str().map(str::to_owned));
    }
    let deployment = of("Deployment").next().unwrap();
    found.args = texts(&deployment["spec"]["template"]["spec"]["containers"][0]["args"]);
    found
}

/// Values, and what they give (`+`) and take (`-`): `where verb group/resource`, and the argument that they set.
type Variant<'a> = (&'a [&'a str], &'a [&'a str], &'a str);

const VARIANTS: [Variant<'static>; 9] = [
    (&["watchSecrets=true"], &["+stacks list /secrets", "+stacks watch /secrets"], "--watch-secrets"),
    (&["watchNamespaces={a,b}"], &["-stacks list /namespaces"], "--watch-namespaces=a,b"),
    (
        &["vulnerabilityReports=false"],
        &[
            "-stacks list aquasecurity.github.io/vulnerabilityreports",
            "-stacks watch aquasecurity.github.io/vulnerabilityreports",
        ],
        "--vulnerability-reports=off",
    ),
    (&["identity.impersonate=false"], &["-stacks impersonate /serviceaccounts"], ""),
    (
        &["leaderElection=false"],
        &[
            "-home create coordination.k8s.io/leases",
            "-home get coordination.k8s.io/leases",
            "-home list coordination.k8s.io/leases",
            "-home update coordination.k8s.io/leases",
        ],
        "",
    ),
    (&["shards=3", "replicas=3"], &[], "--shards=3"),
    (&["seedVolumes=false", "imageConfigs=false"], &[], "--image-configs=off"),
    (
        &["watchNamespaces={a,b}", "watchSecrets=true", "vulnerabilityReports=false", "shards=3"],
        &[
            "+stacks list /secrets",
            "+stacks watch /secrets",
            "-stacks list /namespaces",
            "-stacks list aquasecurity.github.io/vulnerabilityreports",
            "-stacks watch aquasecurity.github.io/vulnerabilityreports",
        ],
        "--watch-namespaces=a,b",
    ),
    (&["policy.privileged=true", "policy.hostNamespaces=true", "policy.loadBalancers=true"], &[], "--allow-privileged"),
];

#[test]
fn each_way_to_install_has_the_rights_of_what_it_turns_on() {
    let Some(helm) = helm() else { return };
    let default = rights(&helm, &[]);
    assert!(default.stacks.len() > 50 && default.home.len() > 4, "too little was found");
    assert!(default.namespaces.is_empty());
    for (values, expected, argument) in VARIANTS {
        let variant = rights(&helm, values);
        let mut changes = BTreeSet::new();
        for (place, before, after) in
            [("stacks", &default.stacks, &variant.stacks), ("home", &default.home, &variant.home)]
        {
            let text = |sign, (verb, group, resource): &Right| format!("{sign}{place} {verb} {group}/{resource}");
            changes.extend(after.difference(before).map(|it| text('+', it)));
            changes.extend(before.difference(after).map(|it| text('-', it)));
        }
        let expected: BTreeSet<String> = expected.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(changes, expected, "{values:?}");
        assert!(argument.is_empty() || variant.args.iter().any(|it| it == argument), "{values:?}: {:?}", variant.args);
        let some = values.iter().any(|value| value.starts_with("watchNamespaces"));
        assert_eq!(variant.namespaces, if some { &["a", "b"][..] } else { &[] }, "{values:?}");
    }
    let alone = rights(&helm, &["leaderElection=false"]);
    assert!(!alone.args.iter().any(|it| it == "--leader-elect"), "{:?}", alone.args);
}
