//! The work of a conversion grows with the project, and not faster.
//!
//! Allocations are counted, which is the same in every run; what allocates nothing, such as a search through all services
//! for each of them, shows in the time that the thread has a processor, which other programs hardly add to.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

#[path = "harness/not_run.rs"]
mod not_run;

use std::fmt::Write as _;

use compose_operator::api::v1alpha1::{ComposeStackSpec, Unsupported};
use compose_operator::compose::{Document, DocumentBody, LoadOptions, Project, ProjectFile, ProjectTree, load};
use compose_operator::parallel::Threads;
use compose_operator::policy::Policy;
use compose_operator::translate::{Facts, PROJECT_DIRECTORY, Stack, translate, translate_on};
use not_run::not_run;

const SMALL: u32 = 150;
const TIMES: u32 = 4;

/// Services that have to do with each other, each with a few others, and with all that the project has at its top: a
/// network, a volume, a config.
fn document(services: u32) -> String {
    let mut text = "configs: {site: {content: hello}}\nvolumes:\n".to_owned();
    for group in 0..=services / 10 {
        writeln!(text, "  data-{group}:").unwrap();
    }
    text += "networks: {front: {}, back: {internal: true, labels: {team: shop}}}\nservices:\n";
    for index in 0..services {
        write!(
            text,
            "  service-{index}:\n    image: registry.example.com/service:{index}\n    command: [serve, --number, '{index}']\n    \
             environment: {{NUMBER: '{index}', NEXT: 'http://service-{next}:80', URL: '$$(x)'}}\n    expose: ['80']\n    \
             ports: ['{port}:80']\n    networks: {{front: {{aliases: [alias-{index}, shared-{group}]}}, back: {{}}}}\n    \
             volumes: ['data-{group}:/data', /anonymous]\n    configs: [site]\n    tmpfs: [/run]\n    stop_signal: \
             SIGINT\n    container_name: container-{index}\n    healthcheck: {{test: [CMD, check]}}\n    labels: \
             {{com.example.number: '{index}'}}\n    deploy: {{resources: {{limits: {{memory: 64M}}}}}}\n",
            next = (index + 1) % services,
            port = 10_000 + index,
            group = index / 10,
        )
        .unwrap();
        if index > 0 {
            writeln!(text, "    depends_on: [service-{}]\n    links: ['service-0:link-{index}']", index - 1).unwrap();
        }
        if index % 10 == 9 {
            writeln!(text, "    volumes_from: [service-{}]", index - 1).unwrap();
        }
    }
    text
}

/// Services that are written by way of anchors, of another file, and of a file with their environment.
fn referring(services: u32) -> String {
    let mut text = "x-base: &base {image: x, environment: {A: 1, B: 2}, labels: [l=1]}\nservices:\n".to_owned();
    for index in 0..services {
        let base = if index > 0 { ", extends: {file: base.yaml, service: b}" } else { "" };
        writeln!(text, "  s{index}: {{<<: *base, ports: ['80'], env_file: e.env{base}}}").unwrap();
    }
    text
}

fn files() -> ProjectTree {
    let mut files = ProjectTree::default();
    let base = "services: {b: {image: y, command: run it, depends_on: {s0: {condition: service_started}}}}\n";
    for (name, content) in [("base.yaml", base), ("e.env", "K=${A}\n")] {
        files.insert(
            format!("{PROJECT_DIRECTORY}/{name}"),
            ProjectFile { content: content.into(), mode: None, secret: false },
        );
    }
    files
}

fn loaded(text: &str) -> Project {
    let body = DocumentBody::Text(text.to_owned());
    let options = LoadOptions {
        documents: vec![Document { name: "compose.yaml".to_owned(), body, secret: false }],
        project_directory: PROJECT_DIRECTORY.to_owned(),
        project_name: Some("growth".to_owned()),
        ..LoadOptions::default()
    };
    load(&files(), &options).unwrap()
}

fn stack() -> Stack {
    let spec = ComposeStackSpec { unsupported: Unsupported::Warn, ..ComposeStackSpec::default() };
    Stack {
        name: "growth".to_owned(),
        namespace: "default".to_owned(),
        uid: None,
        spec,
        files: ProjectTree::default(),
        environment: std::collections::BTreeMap::new(),
        hash_key: b"growth".to_vec(),
    }
}

/// Translates a project, and writes its objects; how many there are.
fn converted(project: &Project, stack: &Stack) -> usize {
    let plan = translate(project, stack, &Facts::default(), &Policy::default());
    plan.children().map(|child| child.unwrap().object.to_string().len().min(1)).sum()
}

/// How long this thread has had a processor, in ns (Linux, "Scheduler Statistics"); none where the kernel does not tell.
fn processor_time() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

fn time_of(task: impl FnOnce()) -> Option<u64> {
    let before = processor_time()?;
    task();
    Some(processor_time()?.saturating_sub(before))
}

/// Four times the project may be at most six times the work; a square would be sixteen.
fn compare(what: &str, mut small: impl FnMut(), mut large: impl FnMut()) {
    let is_even = |unit: &str, small: u64, large: u64| {
        println!("{what}: {small} {unit}, {large} for {TIMES} times the services");
        small > 0 && large <= small * 6
    };
    let allocations = [allocation_counter::measure(&mut small), allocation_counter::measure(&mut large)];
    let [few, many] = &allocations;
    assert!(is_even("allocations", few.count_total, many.count_total), "{what}: {few:?} grow to {many:?}");
    assert!(is_even("bytes", few.bytes_total, many.bytes_total), "{what}: {few:?} grow to {many:?}");
    // What else runs takes more from a long run than from a short one, but not each time.
    let tries = (0..10).map(|_| Some((time_of(&mut small)?, time_of(&mut large)?)));
    match tries
        .map(|try_| try_.map(|(small, large)| is_even("ns of a processor", small, large)))
        .find(|it| *it != Some(false))
    {
        Some(None) => not_run(&format!("{what}: the kernel does not tell how long a thread has had a processor")),
        even => assert!(even.is_some(), "{what}: the time of a processor grows as the lines above say"),
    }
}

#[test]
fn what_is_referred_to_is_not_read_more_often_than_that() {
    let [small, large] = [SMALL, SMALL * TIMES].map(referring);
    assert_eq!(loaded(&large).services.len(), (SMALL * TIMES) as usize);
    compare("loading with references", || drop(loaded(&small)), || drop(loaded(&large)));
}

#[test]
fn four_times_the_services_are_not_much_more_than_four_times_the_work() {
    let stack = stack();
    let [small, large] = [SMALL, SMALL * TIMES].map(document);
    compare("loading", || drop(loaded(&small)), || drop(loaded(&large)));
    let (small, large) = (loaded(&small), loaded(&large));
    let (few, many) = (converted(&small, &stack), converted(&large, &stack));
    assert!(few > SMALL as usize * 5 && many > few * 3, "{few} and {many} objects");
    compare("translating", || _ = converted(&small, &stack), || _ = converted(&large, &stack));
}

#[test]
fn several_threads_come_to_the_same_plan() {
    let (project, stack) = (loaded(&document(SMALL * TIMES)), stack());
    let told = |threads| {
        let plan = translate_on(threads, &project, &stack, &Facts::default(), &Policy::default());
        let children: Vec<_> = plan.children().map(Result::unwrap).collect();
        (children, plan.notes)
    };
    let (children, notes) = told(Threads::EachProcessor);
    let (expected, said) = told(Threads::One);
    assert!(children == expected && notes == said, "several threads come to another plan than one");
    if std::thread::available_parallelism().unwrap().get() == 1 {
        not_run("there is one processor, so several threads were not compared");
    }
}
