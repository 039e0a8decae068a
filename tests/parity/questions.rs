//! The subjects below `tests/parity`: a Compose file each, with what is asked of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;
use serde::{Deserialize, Serialize};

/// Docker's answers, by subject and question.
pub type Answers = BTreeMap<String, BTreeMap<String, String>>;

/// `docker.json`: what Docker answered, and which Docker.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub asked: String,
    pub answers: Answers,
}

/// A Compose file, its project directory, and the questions.
pub struct Subject {
    pub name: String,
    pub directory: PathBuf,
    /// Fields of the stack's spec beside the files.
    pub spec: serde_json::Map<String, serde_json::Value>,
    /// Flags that the operator needs.
    pub operator: Vec<String>,
    /// Whether the operator's own image has to be on the node.
    pub needs_image: bool,
    /// Whether something in it fails, so that the stack is never ready as a whole.
    pub never_ready: bool,
    pub questions: Vec<Question>,
    replaced: Vec<(usize, String)>,
}

/// `questions.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    spec: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    operator: Vec<String>,
    #[serde(default)]
    needs_image: bool,
    #[serde(default)]
    never_ready: bool,
    questions: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Question(Question),
    Replace(Replace),
}

/// A step between two questions: the service's container is replaced.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    replace: String,
}

/// What is asked, of whom and how.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question in words, which tells it from the others.
    pub ask: String,
    /// A service, in whose container `run` runs.
    #[serde(default, rename = "in")]
    pub inside: String,
    /// A service, which `run` reaches at `$HOST`, from beside the containers.
    #[serde(default)]
    pub outside: String,
    /// A service, of which the states of its containers are asked.
    #[serde(default)]
    pub state: String,
    /// A service, of which the log is asked.
    #[serde(default)]
    pub logs: String,
    /// A shell command.
    #[serde(default)]
    pub run: String,
    /// Regular expressions, and what becomes of what they match: answers that hold chance are made comparable.
    #[serde(default)]
    pub replace: BTreeMap<String, String>,
    /// How the operator's answer differs, and why.
    #[serde(default)]
    pub differs: Option<Difference>,
}

/// A documented difference.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    pub here: String,
    pub because: String,
}

impl Question {
    /// The text without what `replace` takes out of it, and without space at its ends.
    pub fn normalised(&self, text: &str) -> String {
        let replaced = self.replace.iter().fold(text.to_owned(), |text, (pattern, with)| {
            Regex::new(pattern).unwrap().replace_all(&text, with.as_str()).into_owned()
        });
        replaced.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned()
    }
}

/// Questions that may be asked in any order, and what comes before them.
pub struct Stage<'a> {
    pub replace: Option<&'a str>,
    pub questions: Vec<usize>,
}

impl Subject {
    fn read(directory: PathBuf) -> Self {
        let text = std::fs::read_to_string(directory.join("questions.yaml")).unwrap();
        let file: File =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let mut questions = Vec::new();
        let mut replaced = Vec::new();
        for item in file.questions {
            match item {
                Item::Question(question) => questions.push(question),
                Item::Replace(Replace { replace }) => replaced.push((questions.len(), replace)),
            }
        }
        let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let mut known = BTreeSet::new();
        for question in &questions {
            let ways = [&question.inside, &question.outside, &question.state, &question.logs];
            let one = ways.iter().filter(|way| !way.is_empty()).count() == 1;
            let runs = !question.inside.is_empty() || !question.outside.is_empty();
            assert!(one && runs != question.run.is_empty(), "{name}: {}: ask in one way", question.ask);
            assert!(known.insert(&question.ask), "{name}: {}: asked twice", question.ask);
        }
        let File { spec, operator, needs_image, never_ready, .. } = file;
        Self { name, directory, spec, operator, needs_image, never_ready, questions, replaced }
    }

    pub fn question(&self, ask: &str) -> &Question {
        self.questions.iter().find(|question| question.ask == ask).unwrap()
    }

    /// The questions in the order of the file, parted where a container is replaced.
    pub fn stages(&self) -> Vec<Stage<'_>> {
        let mut stages = Vec::new();
        let mut first = 0;
        let mut replace = None;
        for (index, service) in &self.replaced {
            stages.push(Stage { replace, questions: (first..*index).collect() });
            (first, replace) = (*index, Some(service.as_str()));
        }
        stages.push(Stage { replace, questions: (first..self.questions.len()).collect() });
        stages
    }

    /// The files of the project directory beside the Compose file, by their paths in it.
    pub fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut directories = vec![self.directory.clone()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(&directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                    continue;
                }
                let name = path.strip_prefix(&self.directory).unwrap().to_str().unwrap().to_owned();
                if !["compose.yaml", "questions.yaml"].contains(&name.as_str()) {
                    files.insert(name, std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        files
    }

    pub fn compose_file(&self) -> String {
        std::fs::read_to_string(self.directory.join("compose.yaml")).unwrap()
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity")
}

/// All subjects, by name.
pub fn subjects() -> Vec<Subject> {
    let mut directories: Vec<_> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("questions.yaml").is_file())
        .collect();
    directories.sort();
    directories.into_iter().map(Subject::read).collect()
}

/// The subjects that `PARITY_SUBJECTS=a,b` names, or all of them.
pub fn wanted() -> Vec<Subject> {
    let wanted = std::env::var("PARITY_SUBJECTS").ok();
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|it| it == name));
    subjects().into_iter().filter(|subject| is_wanted(&subject.name)).collect()
}

/// Docker's answers as they were recorded.
pub fn recorded() -> Record {
    std::fs::read_to_string(directory().join("docker.json"))
        .map(|text| serde_json::from_str(&text).unwrap())
        .unwrap_or_default()
}

/// The answers to the questions of some subjects alone.
pub fn of(answers: &Answers, subjects: &[Subject]) -> Answers {
    subjects
        .iter()
        .map(|subject| {
            let known = answers.get(&subject.name);
            let answers = subject.questions.iter().map(|question| {
                let answer = known.and_then(|known| known.get(&question.ask));
                let answer = answer.unwrap_or_else(|| panic!("{}: {}: not recorded", subject.name, question.ask));
                (question.ask.clone(), answer.clone())
            });
            (subject.name.clone(), answers.collect())
        })
        .collect()
}

/// Writes the answers of subjects over those that were recorded before, which have to be of the same Docker if any is left.
pub fn record(mut recorded: Record, asked: String, answers: &Answers) {
    recorded.answers.extend(answers.clone());
    recorded.answers.retain(|subject, _| directory().join(subject).join("questions.yaml").is_file());
    let all_anew = recorded.answers.keys().all(|subject| answers.contains_key(subject));
    assert!(
        all_anew || recorded.asked == asked,
        "the other answers are of {}, not of {asked}: record all subjects",
        recorded.asked
    );
    recorded.asked = asked;
    let text = serde_json::to_string_pretty(&recorded).unwrap() + "\n";
    std::fs::write(directory().join("docker.json"), text).unwrap();
}
