//! Files of variables: the dotenv syntax that Compose reads `.env` and `env_file` with, and the plain format `raw`.

use std::collections::BTreeMap;

use super::Variable;
use super::diagnostic::ErrorClass;
use super::limits;
use super::template::{self, Lookup, TemplateError};

/// Variables by name.
pub(super) type Variables = BTreeMap<String, Variable>;

/// Where a file breaks the syntax, and how; the message shows nothing of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DotenvError {
    /// The line, from 1.
    pub(super) line: u32,
    pub(super) class: ErrorClass,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// Adds the variables of a file to those of the files before it. `secret` says that the file came from a Secret;
/// `lookup` is asked before the variables so far.
pub(super) fn parse(
    text: &str,
    secret: bool,
    variables: &mut Variables,
    lookup: &Lookup<'_>,
) -> Result<(), DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { rest: text, whole: text, secret, lookup, made: 0 };
    while reader.skip_to_statement() {
        reader.statement(variables)?;
    }
    Ok(())
}

/// Adds the variables of a file of `NAME=value` lines without quotes, escapes or interpolation.
pub(super) fn parse_raw(
    text: &str,
    secret: bool,
    variables: &mut Variables,
    lookup: &Lookup<'_>,
) -> Result<(), DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(DotenvError {
                line: u32::try_from(index + 1).unwrap_or(u32::MAX),
                class: ErrorClass::Dotenv,
                reason: "InvalidEnvFile",
                message: "a line must be NAME=value, and a name has no white space".to_owned(),
            });
        }
        let variable = match value {
            Some(value) => Some(Variable { value: value.to_owned(), secret }),
            None => lookup(name).cloned(),
        };
        if let Some(variable) = variable {
            variables.insert(name.to_owned(), variable);
        }
    }
    Ok(())
}

struct Reader<'t, 'l, 'v> {
    rest: &'t str,
    whole: &'t str,
    secret: bool,
    lookup: &'l Lookup<'v>,
    /// The bytes of the values so far: each may repeat those before it.
    made: usize,
}

/// White space within a line.
fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

impl Reader<'_, '_, '_> {
    fn error(&self, class: ErrorClass, reason: &'static str, message: impl Into<String>) -> DotenvError {
        let read = &self.whole[..self.whole.len() - self.rest.len()];
        let line = 1 + read.bytes().filter(|byte| *byte == b'\n').count();
        DotenvError { line: u32::try_from(line).unwrap_or(u32::MAX), class, reason, message: message.into() }
    }

    /// Goes past blank lines and comments; false at the end of the file.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
    }

    fn statement(&mut self, variables: &mut Variables) -> Result<(), DotenvError> {
        if let Some(tail) = self.rest.strip_prefix("export").filter(|tail| tail.starts_with(char::is_whitespace)) {
            self.rest = tail.trim_start_matches(is_space);
        }
        let mut name = "";
        let mut inherited = false;
        for (index, c) in self.rest.char_indices() {
            match c {
                '=' | ':' | '\n' => {
                    name = self.rest[..index].trim_end();
                    inherited = c == '\n';
                    if name.contains(' ') {
                        return Err(self.error(
                            ErrorClass::Dotenv,
                            "InvalidEnvFile",
                            "the name of a variable has a space; take it out",
                        ));
                    }
                    self.rest = &self.rest[index + 1..];
                    break;
                }
                '_' | '.' | '-' | '[' | ']' => {}
                c if is_space(c) || c.is_alphanumeric() => {}
                _ => {
                    let message = "the name of a variable has a character other than letters, digits and _ . - [ ]; \
                                   lines are NAME=value";
                    return Err(self.error(ErrorClass::Dotenv, "InvalidEnvFile", message));
                }
            }
        }
        if inherited {
            if let Some(variable) = (self.lookup)(name) {
                variables.insert(name.to_owned(), variable.clone());
            }
            return Ok(());
        }
        self.rest = self.rest.trim_start_matches(is_space);
        let value = self.value(variables)?;
        self.made += value.value.len();
        if self.made > limits::ENV_FILE_BYTES {
            return Err(self.error(
                ErrorClass::Dotenv,
                "LimitExceeded",
                "the values of the file grow beyond the limit of 1 MiB",
            ));
        }
        variables.insert(name.to_owned(), value);
        Ok(())
    }

    fn value(&mut self, variables: &Variables) -> Result<Variable, DotenvError> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let Some(quote) = quote else {
            let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
            let value = line.split(" #").next().unwrap_or_default().trim_end();
            let expanded = self.expand(value, variables)?;
            self.rest = rest;
            return Ok(expanded);
        };
        let mut text = String::new();
        let mut escaped = false;
        for (index, c) in self.rest.char_indices().skip(1) {
            if c != quote {
                if !escaped && c == '\\' {
                    escaped = true;
                    continue;
                }
                if escaped {
                    text.push('\\');
                    escaped = false;
                }
                text.push(c);
            } else if escaped {
                escaped = false;
                text.push(c);
            } else {
                let value = if quote == '"' {
                    self.expand(&unescape(&text), variables)?
                } else {
                    Variable { value: text, secret: self.secret }
                };
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(self.error(ErrorClass::Dotenv, "InvalidEnvFile", "the quotes around a value do not close"))
    }

    fn expand(&self, text: &str, variables: &Variables) -> Result<Variable, DotenvError> {
        let lookup = |name: &str| (self.lookup)(name).or_else(|| variables.get(name));
        match template::expand(text, &lookup) {
            Ok(expansion) => Ok(Variable { value: expansion.text, secret: self.secret || expansion.secret }),
            Err(TemplateError::Invalid) => Err(self.error(
                ErrorClass::Interpolation,
                "InvalidInterpolation",
                "a ${…} in a value does not follow the syntax; write $$ for a plain dollar sign",
            )),
            Err(TemplateError::Missing { variable, reason }) => {
                let reason = if reason.is_empty() || self.secret { String::new() } else { format!(": {reason}") };
                Err(self.error(
                    ErrorClass::Interpolation,
                    "MissingVariable",
                    format!("variable {variable} is required and not set{reason}"),
                ))
            }
            Err(TemplateError::TooLong) => {
                Err(self.error(ErrorClass::Interpolation, "LimitExceeded", "a value grows beyond the limit"))
            }
        }
    }
}

/// The escapes of double quotes; `\$` becomes `$$`, which interpolation takes for a plain dollar sign.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(slash) = rest.find('\\') {
        out.push_str(&rest[..slash]);
        rest = &rest[slash + 1..];
        let Some(c) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        let plain = match c {
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            '"' | '\\' => Some(c),
            _ => None,
        };
        if let Some(plain) = plain {
            out.push(plain);
            rest = &rest[1..];
        } else if c == '$' {
            out.push_str("$$");
            rest = &rest[1..];
        } else if c == '0' {
            let length = rest[1..].bytes().take(3).take_while(u8::is_ascii_digit).count();
            let digits = &rest[1..=length];
            match u8::from_str_radix(digits, 8) {
                Ok(code) if length == 3 => out.push(char::from(code)),
                _ => {
                    out.push('\\');
                    out.push_str(digits);
                }
            }
            rest = &rest[length + 1..];
        } else {
            out.push('\\');
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, DotenvError> {
        let outer = Variables::from([("OUT".to_owned(), Variable { value: "out".to_owned(), secret: true })]);
        let mut variables = Variables::new();
        parse(text, false, &mut variables, &|name| outer.get(name))?;
        Ok(variables.into_iter().map(|(name, variable)| (name, variable.value)).collect())
    }

    fn one(text: &str) -> String {
        read(text).unwrap().remove(0).1
    }

    #[test]
    fn values_are_plain_or_quoted() {
        for (line, value) in [
            ("A=b", "b"),
            ("export A=b", "b"),
            ("A: b", "b"),
            ("A = b c # d", "b c"),
            ("A=b#c", "b#c"),
            ("A='$B \\' x'", "$B ' x"),
            ("A=\"x\\ty\\\"z\\$B\"", "x\ty\"z$B"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=\"\\0123\"", "S"),
            ("A=$OUT/${NOPE:-d}", "out/d"),
            ("A=", ""),
            ("\u{feff}A=b\r\n", "b"),
            ("# c\n\nA=b", "b"),
        ] {
            assert_eq!(one(line), value, "{line:?}");
        }
    }

    #[test]
    fn a_bare_name_is_inherited_and_later_lines_see_earlier_ones() {
        let read = read("OUT\nNOPE\nA=1\nB=${A}2\n").unwrap();
        let pairs: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("B", "12"), ("OUT", "out")]);
    }

    #[test]
    fn errors_have_a_line_and_show_nothing_of_the_file() {
        assert_eq!(read("A=1\nB C=2\n").unwrap_err().line, 2);
        assert_eq!(read("A=1\n\nB=\"x").unwrap_err().line, 3);
        let error = read("A=${hunter2").unwrap_err();
        assert_eq!((error.line, error.reason), (1, "InvalidInterpolation"));
        assert!(!error.message.contains("hunter2"));
    }

    #[test]
    fn text_from_a_secret_taints_what_is_made_of_it() {
        let outer = Variables::from([("S".to_owned(), Variable { value: "x".to_owned(), secret: true })]);
        let mut variables = Variables::new();
        parse("A=${S}\nB=${A}\nC=1\n", false, &mut variables, &|name| outer.get(name)).unwrap();
        let secret: Vec<_> = variables.iter().filter(|(_, v)| v.secret).map(|(name, _)| name.as_str()).collect();
        assert_eq!(secret, ["A", "B"]);
    }

    #[test]
    fn the_raw_format_takes_lines_as_they_are() {
        let mut variables = Variables::new();
        parse_raw("A='$X' # y\n#c\n", false, &mut variables, &|_| None).unwrap();
        assert_eq!(variables["A"].value, "'$X' # y");
        assert!(parse_raw("A B=1", false, &mut variables, &|_| None).is_err());
    }
}
