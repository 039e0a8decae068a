//! Generated projects are loaded alike by both loaders.

use std::collections::BTreeMap;

use crate::compare::{ask, ask_again};
use crate::coverage::Coverage;
use crate::faults;
use crate::generate;
use crate::oracle_client::Oracle;
use crate::project::Project;
use crate::schema::{Form, Path, Shape};
use crate::shrink::shrink;

const SEED: u64 = 2_016_002;
/// How many projects a soak takes, and how often each form of each path is in them at least.
const SOAK: usize = 10_000;
const TIMES: usize = 20;
/// How many different divergences are shown.
const SHOWN: usize = 12;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

struct Run {
    coverage: Coverage,
    divergences: BTreeMap<String, String>,
}

/// `ORACLE_PROJECTS` tells how many projects to load, `ORACLE_FIRST` the number of the first one, `ORACLE_STOP` not to
/// make the first divergence smaller and look for others, `ORACLE_ERRORS` to print why projects fail.
#[test]
fn generated_projects_load_as_the_reference_does() {
    let Some(mut oracle) = Oracle::start_or_say("no generated project was compared") else { return };
    let shape = Shape::read(&oracle.schema());
    let forms: Vec<(Path, Form)> = shape
        .paths()
        .into_iter()
        .flat_map(|(path, forms)| forms.into_iter().map(move |form| (path.clone(), form)))
        .collect();
    let (first, count) = (number("ORACLE_FIRST", 0), number("ORACLE_PROJECTS", 500));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let mut runs = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (shape, forms) = (&shape, &forms);
                scope.spawn(move || run(shape, forms, (first + thread..first + count).step_by(threads)))
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    let mut all = runs.remove(0);
    for run in runs {
        all.coverage.merge(run.coverage);
        all.divergences.extend(run.divergences);
    }
    println!("{}", all.coverage);
    for divergence in all.divergences.values() {
        println!("{divergence}");
    }
    assert!(all.divergences.is_empty(), "{} kinds of divergences", all.divergences.len());
    if std::env::var_os("ORACLE_STOP").is_some() {
        return;
    }
    let missing = all.coverage.missing(&shape, TIMES * count / SOAK);
    assert!(missing.is_empty(), "the projects do not contain enough:\n{}", missing.join("\n"));
}

fn run(shape: &Shape, forms: &[(Path, Form)], numbers: impl Iterator<Item = usize>) -> Run {
    let mut oracle = Oracle::start().unwrap();
    let mut run = Run { coverage: Coverage::default(), divergences: BTreeMap::new() };
    for number in numbers {
        let mut project = generate::project(shape, forms, SEED, number);
        run.coverage.add(&project, shape);
        // A fault is planted into a project that loads, so that nothing else can be what fails.
        let mut planted = None;
        if number % 5 == 4 && oracle.load(&project.load()).project.is_some() {
            planted = Some(faults::plant(&mut project, SEED, number));
        }
        let verdict = ask(&mut oracle, &project.load(), planted.is_some());
        run.coverage.projects += 1;
        if let Some(known) = verdict.known {
            *run.coverage.known.entry(known).or_default() += 1;
        }
        run.coverage.by_chance += usize::from(verdict.by_chance);
        if verdict.expected.project.is_some() {
            run.coverage.loaded += 1;
        } else {
            *run.coverage.failed.entry(verdict.expected.class.clone()).or_default() += 1;
        }
        if std::env::var_os("ORACLE_ERRORS").is_some() && verdict.expected.project.is_none() && planted.is_none() {
            println!("#{number} {}", verdict.expected.error.lines().take(3).collect::<Vec<_>>().join(" "));
        }
        if !verdict.differences.is_empty() && std::env::var_os("ORACLE_STOP").is_some() {
            run.divergences.insert(String::new(), format!("==== project {number}\n{}", verdict.differences.join("\n")));
            return run;
        }
        if !verdict.differences.is_empty() && run.divergences.len() < SHOWN {
            let kind = kind(&verdict.differences);
            if run.divergences.keys().any(|known| *known == kind) {
                continue;
            }
            let mut fails = |project: &Project| {
                let found = ask_again(&mut oracle, &project.load(), planted.is_some(), 5).differences;
                !found.is_empty() && self::kind(&found) == kind
            };
            let small = shrink(&project, &mut fails);
            let found = ask(&mut oracle, &small.load(), planted.is_some()).differences;
            let planted = planted.map_or_else(String::new, |fault| format!(" with the fault {fault}"));
            let text = format!("==== project {number}{planted}, as small as it gets:\n{small}{}\n", found.join("\n"));
            run.divergences.insert(kind, text);
        }
    }
    run
}

/// What a divergence is about: its first path without names and places, or what fails.
fn kind(differences: &[String]) -> String {
    let first = differences[0].lines().next().unwrap_or_default();
    if first.starts_with("it must") {
        let class = first.split('(').next_back().unwrap_or_default();
        return format!("{}{class}", &first[..12.min(first.len())]);
    }
    let path = first.split(": expected").next().unwrap_or_default();
    let mut parts: Vec<&str> = path.split(['.', '[']).collect();
    if parts.len() > 2 {
        parts[2] = "*";
    }
    parts.retain(|part| !part.ends_with(']'));
    parts.truncate(5);
    parts.join(".")
}
