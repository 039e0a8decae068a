//! What a comparison came to.

use std::collections::BTreeMap;

use super::questions::Subject;
use super::script::UNANSWERED;

/// An answer of the operator beside Docker's.
pub struct Verdict {
    subject: String,
    ask: String,
    docker: String,
    ours: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    Documented,
    /// Documented as different, and equal.
    Vanished,
    Different,
}

impl Verdict {
    pub fn is_failure(&self) -> bool {
        matches!(self.kind, Kind::Vanished | Kind::Different)
    }
}

/// Compares the answers to the questions of a subject.
pub fn judge(subject: &Subject, docker: &BTreeMap<String, String>, ours: &BTreeMap<String, String>) -> Vec<Verdict> {
    let judge = |question: &super::questions::Question| {
        let (docker, ours) = (docker[&question.ask].clone(), ours[&question.ask].clone());
        let kind = match &question.differs {
            _ if [&docker, &ours].into_iter().any(|answer| answer == UNANSWERED) => Kind::Different,
            Some(_) if ours == docker => Kind::Vanished,
            Some(difference) if difference.here == ours => Kind::Documented,
            None if ours == docker => Kind::Same,
            _ => Kind::Different,
        };
        Verdict { subject: subject.name.clone(), ask: question.ask.clone(), docker, ours, kind }
    };
    subject.questions.iter().map(judge).collect()
}

/// Prints a line for each question and the counts; what fails is shown in full.
pub fn print(verdicts: &[Verdict]) {
    let short = |text: &str| {
        let line = text.replace('\n', " | ");
        if line.chars().count() > 44 { line.chars().take(43).chain(['…']).collect() } else { line }
    };
    for verdict in verdicts {
        let word = match verdict.kind {
            Kind::Same => "same",
            Kind::Documented => "documented",
            Kind::Vanished => "VANISHED",
            Kind::Different => "DIFFERENT",
        };
        let question = format!("{}: {}", verdict.subject, verdict.ask);
        println!(
            "{word:10} {question:70} {:44} {}",
            short(&verdict.docker),
            if verdict.kind == Kind::Same { String::new() } else { short(&verdict.ours) }
        );
    }
    for verdict in verdicts.iter().filter(|verdict| verdict.is_failure()) {
        let indented = |text: &str| format!("    {}\n", text.replace('\n', "\n    "));
        println!("\n{}: {}", verdict.subject, verdict.ask);
        if verdict.kind == Kind::Vanished {
            println!("  documented as different, and equal: take `differs` out of the question, and run `make parity`");
        }
        print!("  docker:\n{}  operator:\n{}", indented(&verdict.docker), indented(&verdict.ours));
    }
    let count = |kind: Kind| verdicts.iter().filter(|verdict| verdict.kind == kind).count();
    println!(
        "\n{} questions: {} answered as in Docker, {} documented differences, {} documented and gone, {} different",
        verdicts.len(),
        count(Kind::Same),
        count(Kind::Documented),
        count(Kind::Vanished),
        count(Kind::Different)
    );
}
