//! Collects what there is to say about a translation.

use super::plan::{Note, NoteLevel};

/// The notes of a translation, in the order in which they come up.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    /// An attribute that has no meaning in a cluster.
    pub(super) fn ignored(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.push(path.into(), NoteLevel::Ignored, "NoMeaning", message.into());
    }

    /// An attribute that works, with a difference.
    pub(super) fn approximated(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.push(path.into(), NoteLevel::Approximated, "Differs", message.into());
    }

    /// An attribute that cannot be honoured.
    pub(super) fn rejected(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.push(path.into(), NoteLevel::Rejected, "Unsupported", message.into());
    }

    /// Something that stops the translation.
    pub(super) fn error(&mut self, path: impl Into<String>, reason: &'static str, message: impl Into<String>) {
        self.push(path.into(), NoteLevel::Error, reason, message.into());
    }

    /// A note that was made elsewhere.
    pub(super) fn add(&mut self, note: Note) {
        self.0.push(note);
    }

    /// Notes that were collected elsewhere.
    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// The same for those of many parts, for which room is made once.
    pub(super) fn append_all(&mut self, parts: Vec<Self>) {
        self.0.reserve(parts.iter().map(|part| part.0.len()).sum());
        for part in parts {
            self.append(part);
        }
    }

    /// Puts the notes in order, which takes little more once parts of them are.
    pub(super) fn sort(&mut self) {
        self.0.sort();
    }

    /// The notes by path, each said once.
    pub(super) fn sorted(mut self) -> Vec<Note> {
        self.sort();
        self.0.dedup();
        self.0
    }

    fn push(&mut self, path: String, level: NoteLevel, reason: &'static str, message: String) {
        self.0.push(Note { path, level, reason, message });
    }
}

/// How many words of a list a message has.
const FEW: usize = 5;

/// The first words of a list and how many more there are: people read messages, and lists may be long.
pub(super) fn first_few<T: AsRef<str>>(words: &[T]) -> String {
    let few: Vec<&str> = words.iter().take(FEW).map(AsRef::as_ref).collect();
    let few = few.join(", ");
    if words.len() > FEW { format!("{few} and {} more", words.len() - FEW) } else { few }
}

#[cfg(test)]
impl Notes {
    /// The notes as `path: Level`, to compare with in tests.
    pub(super) fn summary(self) -> Vec<String> {
        self.sorted().iter().map(|note| format!("{}: {}", note.path, note.level.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_short() {
        let words: Vec<String> = (0..500).map(|number| format!("s{number}")).collect();
        assert_eq!(first_few(&words[..1]), "s0");
        assert_eq!(first_few(&words[..5]), "s0, s1, s2, s3, s4");
        assert_eq!(first_few(&words), "s0, s1, s2, s3, s4 and 495 more");
    }
}
