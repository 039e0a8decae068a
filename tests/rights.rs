//! The rights of `deploy/` against what the operator did while the other suites ran: nothing missing, nothing spare.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod harness;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use harness::{Cluster, cluster, not_run};
use serde_json::Value;

/// The operator's user, and where its own Secret and Lease are.
const OPERATOR: &str = "compose-operator";

/// The users of operators that watch Secrets. They have the operator's rights in one namespace only, by a RoleBinding, and
/// those that `watchSecrets` gives (tests/api/secrets.rs).
const WATCHING: &str = "watching-";

/// What only operators of all namespaces do, which no suite here runs: those of the chart do.
const ELSEWHERE: [(&str, &str, &str); 1] = [("list", "", "namespaces")];

/// What somebody may do, or did: verb, API group, resource with its subresource.
type Right = (String, String, String);

/// The cluster and the log of its requests, where the other suites have run.
fn audited() -> Option<(&'static Cluster, &'static Path)> {
    let cluster = cluster()?;
    let (Some(log), Some(_)) = (&cluster.audit_log, std::env::var_os("COMPOSE_OPERATOR_SUITES_RAN")) else {
        not_run("`make api-test` runs it behind the suites whose requests it compares, and reads their audit log");
        return None;
    };
    Some((cluster, log))
}

#[test]
fn the_operator_has_the_rights_that_it_uses_and_no_other() {
    let Some((cluster, log)) = audited() else { return };
    let mut used = Used::read(log, |event| event["user"]["username"] == OPERATOR);
    for (verb, group, resource) in ELSEWHERE {
        assert!(
            used.own.insert(right(verb, group, resource)),
            "the suites do {verb} {resource}: take it from the list"
        );
    }
    let children = rules(cluster, "clusterrole", "compose-operator-deployer");
    let everywhere = rules(cluster, "clusterrole", "compose-operator");
    let at_home = rules(cluster, "role", "compose-operator-installation");
    println!(
        "{} requests of the operator: {} kinds of requests as itself, {} as a stack's ServiceAccount, {} in its own namespace",
        used.requests,
        used.own.len(),
        used.impersonated.len(),
        used.home.len()
    );
    assert!(!used.own.is_empty() && !used.impersonated.is_empty() && !used.home.is_empty(), "too little was recorded");

    // Whoever acts for a stack makes the same requests about its children. The watches, with the lists that they begin with,
    // are the operator's own.
    let about_children: BTreeSet<Right> = used.own.union(&used.impersonated).cloned().collect();
    let watched = |(verb, group, resource): &Right| {
        verb == "watch" || verb == "list" && used.own.contains(&right("watch", group, resource))
    };
    let for_a_stack: BTreeSet<Right> =
        about_children.iter().filter(|it| used.impersonated.contains(it) || !watched(it)).cloned().collect();
    let mut faults = Vec::new();
    let mut compare = |role: &str, granted: &BTreeSet<Right>, uses: &BTreeSet<Right>, needed: &BTreeSet<Right>| {
        faults.extend(uses.difference(granted).map(|it| format!("{role} lacks {}", text(it))));
        faults.extend(granted.difference(needed).map(|it| format!("{role} grants {}, which nothing used", text(it))));
    };
    compare("ClusterRole compose-operator", &everywhere, &used.own, &about_children);
    compare("ClusterRole compose-operator-deployer", &children, &used.impersonated, &for_a_stack);
    compare("Role compose-operator-installation", &at_home, &used.home, &used.home);
    faults.extend(used.refused.iter().map(|it| format!("the operator was refused {}", text(it))));
    assert!(faults.is_empty(), "charts/compose-operator/templates/_rules.tpl, rbac.yaml:\n{}", faults.join("\n"));
}

/// What the chart gives for which setting is compared in tests/chart/rights.rs.
#[test]
fn an_operator_that_watches_secrets_in_one_namespace_uses_just_what_that_gives() {
    let Some((cluster, log)) = audited() else { return };
    // They are made of the administrator, who acts as them: no stack's ServiceAccount.
    let used = Used::read(log, |event| {
        let user = event["impersonatedUser"].take();
        user["username"].as_str().is_some_and(|user| user.starts_with(WATCHING))
    });
    let given = [right("list", "", "secrets"), right("watch", "", "secrets")];
    let everywhere = rules(cluster, "clusterrole", "compose-operator");
    let more: BTreeSet<Right> = used.own.difference(&everywhere).cloned().collect();
    assert_eq!(more, BTreeSet::from(given), "beside the rights of an operator that does not watch them");
    assert_eq!(used.refused, BTreeSet::new());
    assert!(used.own.len() > 20, "too little was recorded: {:?}", used.own);
}

/// What the audit log tells.
#[derive(Default)]
struct Used {
    requests: usize,
    /// As the operator itself, outside of its own namespace.
    own: BTreeSet<Right>,
    /// As the operator itself, in its own namespace.
    home: BTreeSet<Right>,
    /// As a stack's ServiceAccount, also what it was refused: tests take its rights away.
    impersonated: BTreeSet<Right>,
    /// What the operator itself was refused.
    refused: BTreeSet<Right>,
}

impl Used {
    fn read(log: &Path, counts: impl Fn(&mut Value) -> bool) -> Self {
        let mut used = Self::default();
        for line in BufReader::new(std::fs::File::open(log).unwrap()).lines() {
            let mut event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if counts(&mut event) {
                used.add(&event);
            }
        }
        used
    }

    fn add(&mut self, event: &Value) {
        let object = &event["objectRef"];
        let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        // Which APIs there are may be asked by everybody.
        if object["resource"].is_null() {
            return;
        }
        self.requests += 1;
        let resource = match object["subresource"].as_str() {
            Some(below) => format!("{}/{below}", of(&object["resource"])),
            None => of(&object["resource"]),
        };
        let made = (of(&event["verb"]), of(&object["apiGroup"]), resource);
        let allowed = event["annotations"]["authorization.k8s.io/decision"] == "allow";
        // An apply of what is not there needs the right to create as well, and the log has but one verb.
        let created =
            (made.0 == "patch" && event["responseStatus"]["code"] == 201).then(|| right("create", &made.1, &made.2));
        let is_home = object["namespace"] == OPERATOR;
        let uses = if event["impersonatedUser"].is_object() {
            self.own.insert(right("impersonate", "", "serviceaccounts"));
            &mut self.impersonated
        } else if !allowed {
            &mut self.refused
        } else if is_home {
            &mut self.home
        } else {
            &mut self.own
        };
        uses.insert(made);
        uses.extend(created);
    }
}

/// What a role grants, one right each.
fn rules(cluster: &Cluster, kind: &str, name: &str) -> BTreeSet<Right> {
    let role = cluster.get(OPERATOR, kind, name).unwrap_or_else(|| panic!("no {kind} {name}"));
    let mut granted = BTreeSet::new();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    for rule in role["rules"].as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    granted.insert((verb, group.clone(), resource.clone()));
                }
            }
        }
    }
    granted
}

fn right(verb: &str, group: &str, resource: &str) -> Right {
    (verb.to_owned(), group.to_owned(), resource.to_owned())
}

fn text((verb, group, resource): &Right) -> String {
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    format!("{verb} {resource}{group}")
}
