//! The syntax of interpolation (Compose Specification, "interpolation"): `$NAME`, `${NAME}`, and the operators
//! `:-`, `-`, `:?`, `?`, `:+`, `+` with nested templates; `$$` is a dollar sign.

use super::Variable;
use super::limits;

/// What a template came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expansion {
    pub(super) text: String,
    /// Whether a variable from a Secret went into it.
    pub(super) secret: bool,
    /// Variables without a value and without a default.
    pub(super) unset: Vec<String>,
}

/// Why a template came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TemplateError {
    /// A `${` that does not follow the syntax.
    Invalid,
    /// A variable that the template requires.
    Missing {
        variable: String,
        /// The message that the template gives; withheld when a Secret went into it.
        reason: String,
    },
    /// More text than the limit.
    TooLong,
}

/// Where variables come from.
pub(super) type Lookup<'v> = dyn Fn(&str) -> Option<&'v Variable> + 'v;

/// Expands a template.
pub(super) fn expand(template: &str, lookup: &Lookup<'_>) -> Result<Expansion, TemplateError> {
    let mut expansion = Expansion::default();
    expand_into(&mut expansion, template, lookup, 0)?;
    Ok(expansion)
}

fn expand_into(out: &mut Expansion, template: &str, lookup: &Lookup<'_>, depth: usize) -> Result<(), TemplateError> {
    if depth > limits::TEMPLATE_DEPTH {
        return Err(TemplateError::TooLong);
    }
    let mut rest = template;
    while let Some(dollar) = rest.find('$') {
        out.text.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(tail) = rest.strip_prefix('$') {
            out.text.push('$');
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix('{') {
            rest = braced(out, tail, lookup, depth)?;
        } else {
            let length = name_length(rest);
            if length == 0 {
                out.text.push('$');
            } else {
                plain(out, &rest[..length], lookup);
                rest = &rest[length..];
            }
        }
        if out.text.len() > limits::INTERPOLATED_BYTES {
            return Err(TemplateError::TooLong);
        }
    }
    out.text.push_str(rest);
    Ok(())
}

fn name_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
        return 0;
    }
    bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

fn plain(out: &mut Expansion, name: &str, lookup: &Lookup<'_>) {
    match lookup(name) {
        Some(variable) => {
            out.text.push_str(&variable.value);
            out.secret |= variable.secret;
        }
        None => out.unset.push(name.to_owned()),
    }
}

/// A substitution after its `${`; gives the text after its `}`.
fn braced<'t>(out: &mut Expansion, text: &'t str, lookup: &Lookup<'_>, depth: usize) -> Result<&'t str, TemplateError> {
    let length = name_length(text);
    if length == 0 {
        return Err(TemplateError::Invalid);
    }
    let (name, tail) = text.split_at(length);
    if let Some(rest) = tail.strip_prefix('}') {
        plain(out, name, lookup);
        return Ok(rest);
    }
    let (colon, after) = tail.strip_prefix(':').map_or((false, tail), |after| (true, after));
    let operator = after.chars().next().filter(|c| "-?+".contains(*c)).ok_or(TemplateError::Invalid)?;
    let after = &after[1..];
    let end = closing(after).ok_or(TemplateError::Invalid)?;
    let (operand, rest) = (&after[..end], &after[end + 1..]);

    let variable = lookup(name);
    let given = variable.filter(|variable| !colon || !variable.value.is_empty());
    match (operator, given) {
        ('-' | '?', Some(variable)) => {
            out.text.push_str(&variable.value);
            out.secret |= variable.secret;
        }
        ('-', None) | ('+', Some(_)) => expand_into(out, operand, lookup, depth + 1)?,
        ('?', None) => {
            let mut reason = Expansion::default();
            expand_into(&mut reason, operand, lookup, depth + 1)?;
            let reason = if reason.secret { String::new() } else { reason.text };
            return Err(TemplateError::Missing { variable: name.to_owned(), reason });
        }
        _ => {}
    }
    Ok(rest)
}

/// The brace that closes a substitution whose operand begins the text, on the same line: the one that matches, else the
/// last one. The character after an opening brace never counts, as in the reference implementation.
fn closing(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open = 1;
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(index);
                }
            }
            b'{' => {
                open += 1;
                index += usize::from(bytes.get(index + 1) != Some(&b'\n'));
            }
            b'\n' => break,
            _ => {}
        }
        index += 1;
    }
    text[..index.min(text.len())].rfind('}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn expanded(template: &str) -> Result<String, TemplateError> {
        let variables: BTreeMap<&str, Variable> = [("A", "a"), ("EMPTY", ""), ("B", "b")]
            .into_iter()
            .map(|(name, value)| (name, Variable { value: value.to_owned(), secret: name == "B" }))
            .collect();
        let lookup = |name: &str| variables.get(name);
        expand(template, &lookup).map(|expansion| expansion.text)
    }

    #[test]
    fn every_form_expands() {
        for (template, expected) in [
            ("$A", "a"),
            ("${A}x", "ax"),
            ("$A.$B", "a.b"),
            ("$$A", "$A"),
            ("$1 $- a$", "$1 $- a$"),
            ("${U-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${EMPTY:-d}", "d"),
            ("${A:-d}", "a"),
            ("${A:+d}", "d"),
            ("${EMPTY:+d}", ""),
            ("${EMPTY+d}", "d"),
            ("${U+d}", ""),
            ("${U:-${V:-${A}}}", "a"),
            ("${U:-$A-$B}", "a-b"),
            ("${U-a:?b}", "a:?b"),
            ("${U:-x} and ${A:-y}", "x and a"),
            ("${A:?needed}", "a"),
            ("$U", ""),
            ("${U:-{}}", "{}"),
        ] {
            assert_eq!(expanded(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_does_not_follow_the_syntax_is_an_error() {
        for template in ["${", "${}", "${1}", "${A!x}", "${A", "${A:-x", "${A/x/y}", "${A:-x\n}"] {
            assert_eq!(expanded(template), Err(TemplateError::Invalid), "{template}");
        }
    }

    #[test]
    fn a_required_variable_brings_its_message() {
        let missing = |variable: &str, reason: &str| {
            Err(TemplateError::Missing { variable: variable.to_owned(), reason: reason.to_owned() })
        };
        assert_eq!(expanded("${U:?set $A}"), missing("U", "set a"));
        assert_eq!(expanded("${EMPTY:?}"), missing("EMPTY", ""));
        assert_eq!(expanded("${U?$B}"), missing("U", ""), "text from a secret is withheld");
        assert_eq!(expanded("${EMPTY?x}").as_deref(), Ok(""));
    }

    #[test]
    fn nesting_has_a_limit() {
        let depth = limits::TEMPLATE_DEPTH + 2;
        let template = "${U:-".repeat(depth) + &"}".repeat(depth);
        assert_eq!(expanded(&template), Err(TemplateError::TooLong));
    }
}
