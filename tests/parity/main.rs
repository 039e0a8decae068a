//! Parity with Docker Compose: the Compose files of `tests/parity/*/` run under Docker Compose and under the operator,
//! the same questions are asked in both, and the answers have to be equal, or to differ as the question says and
//! `docs/parity.md` lists. A difference that is listed and no longer there fails as well.
//!
//! `hack/parity` starts both sides. Without Docker Engine the operator's answers are compared with those of Docker that
//! `docker.json` holds; `hack/parity --record`, which is `make parity`, writes that file and the page.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod docker;
#[path = "../harness/mod.rs"]
mod harness;
mod operator;
mod page;
mod questions;
mod script;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use docker::Docker;
use harness::{Cluster, Namespace, Operator, cluster, not_run};
use operator::Stack;
use questions::{Answers, Subject, subjects};
use script::UNANSWERED;
use verdict::Verdict;

/// A side that answers questions.
trait Side {
    /// The answers to the questions with these indices, in their order.
    fn ask(&self, subject: &Subject, indices: &[usize]) -> Vec<String>;
    /// Replaces the container of a service by a new one of the same definition.
    fn replace(&self, subject: &Subject, service: &str);
}

/// How long an answer may take to become what it has to be: policies and health checks need a moment, and more of it on a busy
/// machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// How often a question is asked at least: where all pods start at once, a single round of questions can outlast
/// [`PATIENCE`], and a name server that has no time then is no answer.
const ROUNDS: u32 = 4;

/// Asks all questions of a subject, each as often as it takes until its answer is `expected`, or until it rests where
/// nothing is expected.
fn ask_all(side: &impl Side, subject: &Subject, expected: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let mut answers: Vec<String> = vec![UNANSWERED.to_owned(); subject.questions.len()];
    // Nothing has waited for a stack that never is ready.
    let patience = if subject.never_ready { PATIENCE * 2 } else { PATIENCE };
    for stage in subject.stages() {
        if let Some(service) = stage.replace {
            side.replace(subject, service);
        }
        let start = Instant::now();
        let mut open = stage.questions;
        let mut rounds = 0;
        while !open.is_empty() && (rounds < ROUNDS || start.elapsed() < patience) {
            rounds += 1;
            let mut left = Vec::new();
            for (index, answer) in open.iter().zip(side.ask(subject, &open)) {
                let rests = expected(&subject.questions[*index].ask)
                    .map_or_else(|| answers[*index] == answer && answer != UNANSWERED, |expected| expected == answer);
                if !rests {
                    left.push(*index);
                }
                answers[*index] = answer;
            }
            open = left;
            if !open.is_empty() {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
    subject.questions.iter().map(|question| question.ask.clone()).zip(answers).collect()
}

/// Runs a task for each item, a few at a time.
fn each<T: Sync, R: Send>(items: &[T], task: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(0..items.len());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(index) = next.lock().unwrap().next() else { break };
                    let result = task(&items[index]);
                    results.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn ask_docker(docker: &Docker, subjects: &[Subject], recorded: Option<&Answers>) -> Answers {
    let answers = each(subjects, |subject| {
        let project = docker.start(subject);
        let recorded = recorded.and_then(|recorded| recorded.get(&subject.name));
        ask_all(&project, subject, |question| recorded.and_then(|recorded| recorded.get(question).cloned()))
    });
    subjects.iter().map(|subject| subject.name.clone()).zip(answers).collect()
}

fn ask_operator(cluster: &'static Cluster, subjects: &[Subject], docker: &Answers) -> Vec<BTreeMap<String, String>> {
    let namespaces: Vec<_> = subjects.iter().map(|subject| cluster.namespace(&subject.name)).collect();
    let pairs: Vec<_> = subjects.iter().zip(&namespaces).collect();
    // Those that need the operator's image have an operator that knows of it: it fills new volumes.
    let (filled, empty): (Vec<_>, Vec<_>) = pairs.iter().partition(|(subject, _)| subject.needs_image);
    let start = |pairs: &[&(&Subject, &Namespace)]| {
        let namespaces: Vec<&Namespace> = pairs.iter().map(|(_, namespace)| *namespace).collect();
        let mut flags: Vec<&str> =
            pairs.iter().flat_map(|(subject, _)| &subject.operator).map(String::as_str).collect();
        flags.sort_unstable();
        flags.dedup();
        (!namespaces.is_empty()).then(|| Operator::start(cluster, &namespaces, &flags))
    };
    let _operators = (start(&filled), start(&empty));
    each(&pairs, |(subject, namespace)| {
        let stack = Stack::start(namespace, subject);
        ask_all(&stack, subject, |ask| {
            let question = subject.question(ask);
            Some(question.differs.as_ref().map_or_else(|| docker[&subject.name][ask].clone(), |it| it.here.clone()))
        })
    })
}

#[test]
fn programs_see_what_they_see_in_docker() {
    let Some(cluster) = cluster() else { return };
    let record = std::env::var_os("UPDATE_PARITY").is_some();
    let image = std::env::var_os("COMPOSE_OPERATOR_IMAGE_LOADED").is_some();
    let (subjects, left_out): (Vec<_>, Vec<_>) =
        questions::wanted().into_iter().partition(|subject| image || !subject.needs_image);
    let recorded = questions::recorded();
    let start = Instant::now();
    let docker = Docker::from_environment();
    match &docker {
        Some(docker) => println!("compared with: {}", docker.version()),
        None => println!(
            "compared with: the recorded answers of {}, for Docker Engine was not started (`make parity` does)",
            recorded.asked
        ),
    }
    let expected = match &docker {
        Some(docker) if record => {
            let answers = ask_docker(docker, &subjects, None);
            questions::record(recorded, docker.version(), &answers);
            answers
        }
        _ => questions::of(&recorded.answers, &subjects),
    };
    let (live, ours) = std::thread::scope(|scope| {
        let docker = docker.as_ref().filter(|_| !record);
        let live = docker.map(|docker| scope.spawn(|| ask_docker(docker, &subjects, Some(&expected))));
        let ours = ask_operator(cluster, &subjects, &expected);
        (live.map(|live| live.join().unwrap()), ours)
    });
    println!("asked for {} s", start.elapsed().as_secs());
    let verdicts: Vec<Verdict> = subjects
        .iter()
        .zip(&ours)
        .flat_map(|(subject, ours)| verdict::judge(subject, &expected[&subject.name], ours))
        .collect();
    verdict::print(&verdicts);
    for subject in &left_out {
        not_run(&format!(
            "the {} questions of {}, which need the operator's image (COMPOSE_OPERATOR_IMAGE_LOADED)",
            subject.questions.len(),
            subject.name
        ));
    }
    if record {
        page::write();
    }
    if let Some(live) = live {
        assert_eq!(live, expected, "Docker does not answer as recorded in docker.json: `make parity` writes it");
    }
    let failures = verdicts.iter().filter(|verdict| verdict.is_failure()).count();
    assert_eq!(failures, 0, "answers that are neither equal nor different as documented");
}

#[test]
fn the_record_and_the_page_are_of_these_questions() {
    let recorded = questions::recorded().answers;
    let subjects = subjects();
    let asked: BTreeMap<_, Vec<_>> = subjects
        .iter()
        .map(|subject| {
            let mut questions: Vec<_> = subject.questions.iter().map(|question| question.ask.as_str()).collect();
            questions.sort_unstable();
            (subject.name.as_str(), questions)
        })
        .collect();
    let answered: BTreeMap<_, Vec<_>> = recorded
        .iter()
        .map(|(subject, answers)| (subject.as_str(), answers.keys().map(String::as_str).collect()))
        .collect();
    assert_eq!(answered, asked, "docker.json is stale: `make parity` writes it");
    assert_eq!(harness::read(page::PATH), page::text(), "{} is stale: `make parity` writes it", page::PATH);
}
