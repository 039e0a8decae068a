//! A command line to words, as the reference implementation splits `command` and `entrypoint`: quotes and
//! backslashes count, no shell runs, and everything from an unquoted `;`, `&`, `|`, `<` or `>` on is cut off.

/// The words, and the character at which the rest was cut off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) words: Vec<String>,
    pub(super) cut: Option<char>,
}

/// A quote or a parenthesis that does not close, or a parenthesis where a shell would need one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unbalanced;

#[derive(Default)]
struct Quotes {
    escaped: bool,
    double: bool,
    single: bool,
    back: bool,
    dollar: bool,
}

impl Quotes {
    fn any(&self) -> bool {
        self.double || self.single || self.back || self.dollar
    }
}

/// Splits a command line.
pub(super) fn split(line: &str) -> Result<Words, Unbalanced> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut begun = false;
    let mut quotes = Quotes::default();
    let mut cut = None;
    for c in line.chars() {
        if quotes.escaped {
            word.push(c);
            quotes.escaped = false;
            begun = true;
            continue;
        }
        if c == '\\' {
            if quotes.single {
                word.push(c);
            } else {
                quotes.escaped = true;
            }
            continue;
        }
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            if quotes.any() {
                word.push(c);
            } else if begun {
                words.push(std::mem::take(&mut word));
                begun = false;
            }
            continue;
        }
        match c {
            '`' if !quotes.single && !quotes.double && !quotes.dollar => quotes.back = !quotes.back,
            ')' if !quotes.single && !quotes.double && !quotes.back => quotes.dollar = !quotes.dollar,
            '(' if !quotes.single && !quotes.double && !quotes.back => {
                if quotes.dollar || !word.ends_with('$') {
                    return Err(Unbalanced);
                }
                quotes.dollar = true;
                word.push('(');
                continue;
            }
            '"' if !quotes.single && !quotes.dollar => {
                begun |= quotes.double;
                quotes.double = !quotes.double;
                continue;
            }
            '\'' if !quotes.double && !quotes.dollar => {
                begun |= quotes.single;
                quotes.single = !quotes.single;
                continue;
            }
            ';' | '&' | '|' | '<' | '>' if !quotes.any() => {
                // A digit before `>` is the number of a file descriptor, no word.
                if c == '>' && word.starts_with(|c: char| c.is_ascii_digit()) {
                    begun = false;
                }
                cut = Some(c);
                break;
            }
            _ => {}
        }
        begun = true;
        word.push(c);
    }
    if begun {
        words.push(word);
    }
    if quotes.escaped || quotes.any() {
        return Err(Unbalanced);
    }
    Ok(Words { words, cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_the_reference_does() {
        for (line, words, cut) in [
            ("a b  c", vec!["a", "b", "c"], None),
            ("sh -c 'echo \"$X\" done'", vec!["sh", "-c", "echo \"$X\" done"], None),
            ("a\\ b \"c d\"", vec!["a b", "c d"], None),
            ("echo a && b", vec!["echo", "a"], Some('&')),
            ("a 2>&1 b", vec!["a"], Some('>')),
            ("a > b", vec!["a"], Some('>')),
            ("echo '' x", vec!["echo", "", "x"], None),
            ("echo $(date +%s)", vec!["echo", "$(date +%s)"], None),
            ("echo `a b`", vec!["echo", "`a b`"], None),
            ("echo # x", vec!["echo", "#", "x"], None),
            ("", vec![], None),
            ("echo 'a;b'", vec!["echo", "a;b"], None),
        ] {
            let expected = Words { words: words.into_iter().map(str::to_owned).collect(), cut };
            assert_eq!(split(line), Ok(expected), "{line}");
        }
        for line in ["echo 'a", "echo \"a", "echo (a)", "a \\", "echo $(a"] {
            assert_eq!(split(line), Err(Unbalanced), "{line}");
        }
    }
}
