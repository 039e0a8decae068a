//! Several questions asked by one command: each start of a program in a container takes as long as many questions.

use std::fmt::Write as _;

use super::questions::{Question, Subject};

const MARK: &str = "=-=-=";

/// What stands for the answer to a question that nobody answered. An empty answer is one.
pub const UNANSWERED: &str = "(no answer)";

/// The questions by who is asked, for questions with these indices: one call for each.
pub fn by_service<'a>(
    subject: &'a Subject,
    indices: &[usize],
    key: impl Fn(&'a Question) -> &'a str,
) -> Vec<(&'a str, Vec<usize>)> {
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    for index in indices {
        let service = key(&subject.questions[*index]);
        if service.is_empty() {
            continue;
        }
        match groups.iter_mut().find(|(known, _)| *known == service) {
            Some((_, group)) => group.push(*index),
            None => groups.push((service, vec![*index])),
        }
    }
    groups
}

/// A shell script that answers the questions one after the other.
pub fn of(subject: &Subject, indices: &[usize]) -> String {
    let mut script = String::new();
    for index in indices {
        let command = subject.questions[*index].run.replace('\'', r"'\''");
        writeln!(script, "sh -c '{command}' </dev/null 2>/dev/null; code=$?; echo; echo '{MARK}' $code").unwrap();
    }
    script
}

/// The answers in what the script printed; where it did not get so far, they are [`UNANSWERED`].
pub fn answers(subject: &Subject, indices: &[usize], output: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text = String::new();
    for line in output.lines() {
        if let Some(code) = line.strip_prefix(MARK) {
            match code.trim() {
                "0" => {}
                code => write!(text, "exit {code}").unwrap(),
            }
            texts.push(std::mem::take(&mut text));
        } else {
            text += line;
            text.push('\n');
        }
    }
    texts.resize(indices.len(), UNANSWERED.to_owned());
    indices.iter().zip(texts).map(|(index, text)| subject.questions[*index].normalised(&text)).collect()
}
