//! docs/compose-support.md, and the proof that what it promises is held.
//!
//! A row of the attribute table that promises something is held by a golden case when that case comes out differently as
//! soon as the attribute is taken out of the project: then it would also notice that the mapping is gone. What is made has
//! to differ, unless the row promises no more than that something is said.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use compose_operator::compose::Project;
use compose_operator::translate::{ATTRIBUTES, Plan, Treatment};
use serde_json::Value;

use super::golden_case::row::{promises, remove, steps};
use super::golden_case::{Case, cases};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/compose-support.md");

/// Rows that no plan shows, with the test that holds each: its file and its name.
const HELD_ELSEWHERE: &[(&str, (&str, &str))] =
    &[("secrets.*.content", ("src/translate/file_object.rs", "a_content_becomes_what_its_kind_is_kept_in"))];

/// Rows that depend on the value, and of which the values that are honoured are what Kubernetes does anyway: without the
/// attribute, the same is made. They are held by what is said of other values.
const NOTHING_TO_MAKE: &[(&str, &str)] = &[
    ("jobs.*.triggers.manual", "a job without a schedule waits to be started by hand"),
    ("jobs.*.triggers.schedule[].concurrency", "runs of a schedule never overlap"),
    ("services.*.cgroup", "`private` is what pods have"),
    ("services.*.configs[].gid", "the file belongs to root, whoever is named"),
    ("services.*.configs[].uid", "the file belongs to root, whoever is named"),
    ("services.*.credential_spec.registry", "it is rejected"),
    ("services.*.deploy.rollback_config.max_failure_ratio", "0 is what the way back keeps to"),
    ("services.*.device_cgroup_rules", "a privileged container may use all devices"),
    ("services.*.isolation", "`default` and `process` are what pods have"),
    ("services.*.logging.options", "collectors of the cluster send logs on, nodes rotate them"),
    ("services.*.memswap_limit", "no swap is what pods have"),
    ("services.*.secrets[].gid", "the file belongs to root, whoever is named"),
    ("services.*.secrets[].uid", "the file belongs to root, whoever is named"),
    ("services.*.uts", "who uses the node's network has its name"),
    ("services.*.volumes[].bind.create_host_path", "a missing directory is created"),
    ("services.*.volumes[].tmpfs.mode", "everybody may write to the directory"),
];

/// The case that holds each row: the one that the page names, so that it stays; else the one that uses the fewest
/// attributes.
fn held() -> &'static BTreeMap<&'static str, String> {
    static HELD: OnceLock<BTreeMap<&'static str, String>> = OnceLock::new();
    HELD.get_or_init(|| {
        let page = std::fs::read_to_string(PAGE).unwrap_or_default();
        let named = |row: &str, case: &str| {
            let (row, case) = (format!("| `{row}` |"), format!("| [{case}](../tests/golden/"));
            page.lines().any(|line| line.starts_with(&row) && line.contains(&case))
        };
        let mut cases: Vec<(usize, Case)> = cases()
            .into_iter()
            .map(|case| (ATTRIBUTES.iter().filter(|(row, _)| without(&case.project, row).is_some()).count(), case))
            .collect();
        cases.sort_by(|(a, first), (b, second)| (a, &first.name).cmp(&(b, &second.name)));
        let mut held = BTreeMap::new();
        for by_name in [true, false] {
            for (_, case) in &cases {
                let open = ATTRIBUTES.iter().filter(|(row, _)| !held.contains_key(row));
                let open: Vec<_> = open.filter(|(row, _)| !by_name || named(row, &case.name)).collect();
                let noticed =
                    open.into_iter().filter(|(row, treatment)| notices(case, row, outcome_of(row, *treatment)));
                held.extend(noticed.map(|(row, _)| (*row, case.name.clone())));
            }
        }
        held
    })
}

/// What of a case's outcome is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// What is made, without what is said.
    Made,
    /// All of it.
    MadeAndSaid,
}

/// What a row promises. Where a mapping is gone, a note may still say so: that holds nothing that is to be made.
fn outcome_of(row: &str, treatment: Treatment) -> Outcome {
    let is_made = matches!(treatment, Treatment::Mapped | Treatment::ByValue(_));
    let is_made = is_made && !NOTHING_TO_MAKE.iter().any(|(other, _)| *other == row);
    if is_made { Outcome::Made } else { Outcome::MadeAndSaid }
}

/// Whether a case comes out differently without an attribute.
fn notices(case: &Case, row: &str, outcome: Outcome) -> bool {
    let plan = case.plan(&case.project);
    assert!(plan == case.plan(&again(&case.project, json(&case.project))), "{}: its JSON form differs", case.name);
    let looked_at = |mut plan: Plan| {
        if outcome == Outcome::Made {
            plan.notes.clear();
        }
        plan
    };
    let plan = looked_at(plan);
    let differs = |project: Option<Project>| project.is_some_and(|project| looked_at(case.plan(&project)) != plan);
    // What the loader resolves itself, such as env_file, has to be taken out of the file.
    differs(without(&case.project, row)) || differs(case.loaded_without(row, |file| remove(file, &steps(row))))
}

fn json(project: &Project) -> Value {
    serde_json::to_value(project).unwrap()
}

/// A project without an attribute; none when it does not use it.
fn without(project: &Project, row: &str) -> Option<Project> {
    let mut value = json(project);
    remove(&mut value, &steps(row)).then(|| again(project, value))
}

/// A project from its JSON form, with what that leaves out.
fn again(project: &Project, value: Value) -> Project {
    let mut again: Project = serde_json::from_value(value).unwrap();
    again.models.clone_from(&project.models);
    again.disabled_services.clone_from(&project.disabled_services);
    again.working_dir.clone_from(&project.working_dir);
    again.warnings.clone_from(&project.warnings);
    again.tainted.clone_from(&project.tainted);
    again.positions.clone_from(&project.positions);
    for (name, service) in &mut again.services {
        service.extensions.clone_from(&project.services[name].extensions);
    }
    for (name, job) in &mut again.jobs {
        job.extensions.clone_from(&project.jobs[name].extensions);
    }
    for (to, from) in [(&mut again.secrets, &project.secrets), (&mut again.configs, &project.configs)] {
        for (key, object) in to {
            object.value.clone_from(&from[key].value);
            object.extensions.clone_from(&from[key].extensions);
        }
    }
    for (key, volume) in &mut again.volumes {
        volume.extensions.clone_from(&project.volumes[key].extensions);
    }
    for (key, network) in &mut again.networks {
        network.extensions.clone_from(&project.networks[key].extensions);
    }
    again
}

fn word(treatment: Treatment) -> (&'static str, &'static str) {
    match treatment {
        Treatment::Mapped => ("Mapped", ""),
        Treatment::ByValue(what) => ("By value", what),
        Treatment::Approximated(what) => ("Approximated", what),
        Treatment::Ignored("") => ("Ignored", "means nothing to what runs"),
        Treatment::Ignored(why) => ("Ignored", why),
        Treatment::Rejected(why) => ("Rejected", why),
    }
}

/// The page.
fn page(held: &BTreeMap<&str, String>) -> String {
    let count = |wanted: &str| ATTRIBUTES.iter().filter(|(_, treatment)| word(*treatment).0 == wanted).count();
    let mut page = format!(
        "<!-- Generated from src/translate/attributes/table.rs by `make docs`; do not edit. -->\n\
         # Compose support\n\n\
         Every attribute of the Compose Specification, and what becomes of it. Of {} rows, {} are mapped, {} depend on \
         the value, {} are approximated, {} are ignored and {} are rejected. Whatever is not honoured to the letter is \
         reported by its path: in the stack's `status.warnings`, and by `kubectl compose convert`.\n\n\
         | word | meaning |\n| --- | --- |\n\
         | Mapped | means the same as in Docker Compose |\n\
         | By value | the values that are named are honoured; for others, a diagnostic says what differs |\n\
         | Approximated | works, with the difference that is named |\n\
         | Ignored | has no meaning in a cluster |\n\
         | Rejected | cannot be honoured; `unsupported: Warn` goes on without it |\n\n\
         `*` stands for a name that you choose, `[]` for an item of a list. A row stands for all below it. The last \
         column names the case below tests/golden that fails when the row's mapping is taken out.\n",
        ATTRIBUTES.len(),
        count("Mapped"),
        count("By value"),
        count("Approximated"),
        count("Ignored"),
        count("Rejected"),
    );
    let mut section = "";
    for (row, treatment) in ATTRIBUTES {
        let top = row.split('.').next().unwrap();
        if top != section {
            section = top;
            let _ =
                write!(page, "\n## {top}\n\n| attribute | treatment | what | held by |\n| --- | --- | --- | --- |\n");
        }
        let (word, what) = word(*treatment);
        let by = match (held.get(row), HELD_ELSEWHERE.iter().find(|(elsewhere, _)| elsewhere == row)) {
            (Some(case), _) => format!("[{case}](../tests/golden/{case}/compose.yaml)"),
            (None, Some((_, (file, test)))) => format!("[{test}](../{file})"),
            (None, None) => String::new(),
        };
        let _ = writeln!(page, "| `{row}` | {word} | {} | {by} |", what.replace('|', "\\|"));
    }
    page
}

#[test]
fn every_promise_is_held() {
    let held = held();
    let promised: Vec<&str> =
        ATTRIBUTES.iter().filter(|(_, treatment)| promises(*treatment)).map(|(row, _)| *row).collect();
    for (row, (file, test)) in HELD_ELSEWHERE {
        let text = std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(text.contains(&format!("fn {test}(")), "{row}: {file} has no test {test}");
        assert!(promised.contains(row) && !held.contains_key(row), "{row} needs no test elsewhere");
    }
    let is_held = |row: &str| held.contains_key(row) || HELD_ELSEWHERE.iter().any(|(elsewhere, _)| *elsewhere == row);
    let open: Vec<&str> = promised.iter().copied().filter(|row| !is_held(row)).collect();
    println!(
        "rows that promise something: {}; held by golden cases: {}, by other tests: {}, not held: {}",
        promised.len(),
        promised.iter().filter(|row| held.contains_key(*row)).count(),
        HELD_ELSEWHERE.len(),
        open.len()
    );
    assert!(
        open.is_empty(),
        "no golden case changes when these attributes are taken out: write one that uses them\n{}",
        open.join("\n")
    );
}

#[test]
fn rows_with_nothing_to_make_make_nothing() {
    for (row, reason) in NOTHING_TO_MAKE {
        let treatment = ATTRIBUTES.iter().find(|(other, _)| other == row).map(|(_, treatment)| *treatment);
        assert!(matches!(treatment, Some(Treatment::ByValue(_))), "{row}");
        let made = cases().into_iter().find(|case| notices(case, row, Outcome::Made));
        assert!(made.is_none(), "{row}: {} makes something else without it, and not: {reason}", made.unwrap().name);
    }
}

#[test]
fn the_support_matrix_is_current() {
    let page = page(held());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
        return;
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    if found != page {
        let diff = similar::TextDiff::from_lines(&found, &page);
        panic!("docs/compose-support.md is stale: run `make docs`\n{}", diff.unified_diff().context_radius(0));
    }
}
