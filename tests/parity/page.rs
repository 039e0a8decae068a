//! `docs/parity.md`: what was asked, and where the answers differ.

use std::fmt::Write as _;

use super::questions::{recorded, subjects};

pub const PATH: &str = "docs/parity.md";

/// The page, made from the questions and Docker's recorded answers.
pub fn text() -> String {
    let (subjects, recorded) = (subjects(), recorded());
    let asked: usize = subjects.iter().map(|subject| subject.questions.len()).sum();
    let mut rows = String::new();
    let mut list = String::new();
    let mut differences = 0;
    for subject in &subjects {
        let name = &subject.name;
        let count = subject.questions.len();
        writeln!(
            list,
            "| [{name}](../tests/parity/{name}/compose.yaml) | [{count}](../tests/parity/{name}/questions.yaml) |"
        )
        .unwrap();
        for question in &subject.questions {
            let Some(difference) = &question.differs else { continue };
            differences += 1;
            let docker =
                recorded.answers.get(name).and_then(|answers| answers.get(&question.ask)).cloned().unwrap_or_default();
            writeln!(
                rows,
                "| {name} | {} | {} | {} | {} |",
                question.ask,
                cell(&docker),
                cell(&difference.here),
                difference.because
            )
            .unwrap();
        }
    }
    format!(
        "<!-- Generated from tests/parity by `make parity`; do not edit. -->
# Parity with Docker Compose

The same Compose files run under Docker Compose and under the operator, and programs inside are asked the same
questions: what they can reach and by which names, what is in their environment and file systems, whom they run as, what they
may do, when they start, stop and start again. Of {asked} questions, {same} are answered as in Docker, to the letter. The other
{differences} are the differences below; the test fails when one of them changes or is gone. Docker's answers are those of
{docker}.

`make parity` asks both sides and writes Docker's answers to
[docker.json](../tests/parity/docker.json); `make test` asks the operator, and Docker as well where it is there.

## Differences

| subject | question | Docker | here | why |
| --- | --- | --- | --- | --- |
{rows}
## Subjects

| subject and its Compose file | questions |
| --- | --- |
{list}",
        same = asked - differences,
        docker = recorded.asked
    )
}

/// An answer in a cell of a table.
fn cell(text: &str) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    text.lines().map(|line| format!("`{}`", line.replace('|', r"\|"))).collect::<Vec<_>>().join("<br>")
}

pub fn write() {
    std::fs::write(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH), text()).unwrap();
}
