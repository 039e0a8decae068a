//! Where a stage stands in the tree: an attribute path that lives on the stack.

use std::fmt;
use std::ops::Deref;

/// The longest path that rules are written for.
const LONGEST: usize = 10;

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Item(usize),
}

/// An attribute path such as `services.web.ports[0]`; it borrows from the caller's, so that descending is free.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    parent: Option<&'a Self>,
    step: Step<'a>,
}

impl<'a> At<'a> {
    /// The document itself.
    pub(super) const ROOT: At<'static> = At { parent: None, step: Step::Root };

    /// An attribute of this place.
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        At { parent: Some(self), step: Step::Key(key) }
    }

    /// An item of this place.
    pub(super) fn item(&'a self, index: usize) -> Self {
        At { parent: Some(self), step: Step::Item(index) }
    }

    /// The steps from the root, for matching against a rule; items are all `[]`.
    pub(super) fn pattern(&self) -> Pattern<'a> {
        let mut pattern = Pattern { steps: [""; LONGEST], length: 0 };
        let mut place = Some(self);
        let mut reversed = [""; LONGEST];
        let mut length = 0;
        while let Some(at) = place {
            let text = match at.step {
                Step::Root => break,
                Step::Key(key) => key,
                Step::Item(_) => "[]",
            };
            if length == LONGEST {
                return pattern;
            }
            reversed[length] = text;
            length += 1;
            place = at.parent;
        }
        for (to, from) in pattern.steps.iter_mut().zip(reversed[..length].iter().rev()) {
            *to = from;
        }
        pattern.length = length;
        pattern
    }

    /// The attribute's own name; an item of a list has none.
    pub(super) fn name(&self) -> Option<&'a str> {
        match self.step {
            Step::Key(key) => Some(key),
            Step::Root | Step::Item(_) => None,
        }
    }

    /// How many steps it is from the root.
    pub(super) fn depth(&self) -> usize {
        match self.step {
            Step::Root => 0,
            _ => 1 + self.parent.map_or(0, At::depth),
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Item(index) => write!(f, "[{index}]"),
            Step::Key(key) => {
                if self.parent.is_some_and(|parent| !matches!(parent.step, Step::Root)) {
                    f.write_str(".")?;
                }
                f.write_str(key)
            }
        }
    }
}

/// The steps of a path; empty for the root, and for places deeper than any rule reaches.
pub(super) struct Pattern<'a> {
    steps: [&'a str; LONGEST],
    length: usize,
}

impl<'a> Deref for Pattern<'a> {
    type Target = [&'a str];

    fn deref(&self) -> &Self::Target {
        &self.steps[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_prints_as_a_path_and_matches_as_steps() {
        let services = At::ROOT.key("services");
        let web = services.key("web");
        let ports = web.key("ports");
        let first = ports.item(0);
        let target = first.key("target");
        assert_eq!(target.to_string(), "services.web.ports[0].target");
        assert!(matches!(*target.pattern(), ["services", _, "ports", "[]", "target"]));
        assert_eq!(target.depth(), 5);
        assert_eq!(At::ROOT.to_string(), "");
    }
}
