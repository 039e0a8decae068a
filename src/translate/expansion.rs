//! Protects text from the expansion of `$(NAME)`.
//!
//! Compose has interpolated already; Kubernetes would do it once more in commands, arguments, the values of variables
//! and exec probes, where `$$` stands for `$` (Kubernetes, "Define dependent environment variables"). Lifecycle hooks
//! and the content of ConfigMaps and Secrets are not expanded.

/// The text, so written that Kubernetes hands it over unchanged.
pub(super) fn literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        escaped.push(c);
        if c == '$' && matches!(rest.peek(), Some('$' | '(')) {
            escaped.push('$');
        }
    }
    escaped
}

/// Each of the words as [`literal`].
pub(super) fn literals(words: &[String]) -> Vec<String> {
    words.iter().map(|word| literal(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Kubernetes does (k8s.io/kubernetes/third_party/forked/golang/expansion), with every name undefined.
    fn expand(text: &str) -> String {
        let mut out = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '$' && chars.peek() == Some(&'$') {
                chars.next();
                out.push('$');
            } else if c == '$' && chars.peek() == Some(&'(') && chars.clone().any(|c| c == ')') {
                chars.find(|c| *c == ')');
                out.push_str("EXPANDED");
            } else {
                out.push(c);
            }
        }
        out
    }

    #[test]
    fn text_survives() {
        for text in ["", "$", "$$", "$$$", "$(id)", "$$(id)", "a$b", "$x$(", "echo $$ $(date) ${HOME} $1", "$($(x))"] {
            assert_eq!(expand(&literal(text)), text, "{text:?} as {:?}", literal(text));
        }
        assert_eq!(literal("${HOME}"), "${HOME}");
    }
}
