//! Texts as YAML scalars, in the style that go-yaml gives them: plain where nothing is lost, else quoted, and several
//! lines as a literal block.

use std::fmt::Write as _;

use super::super::node::Value;
use super::super::yaml_scalar;

/// Lines are folded at the first space after so many characters.
const WIDTH: usize = 80;

/// Appends a text. `indent` is that of its further lines; without one, as in keys, there are none.
pub(super) fn write(out: &mut String, text: &str, indent: Option<usize>) {
    let form = Form::of(text);
    if text.contains('\n') {
        match indent {
            Some(indent) if form.block && text.chars().any(|c| !c.is_whitespace()) => literal(out, text, indent),
            _ => double(out, text, indent),
        }
    } else if is_of_yaml_1_1(text) {
        if form.single { single(out, text, indent) } else { double(out, text, indent) }
    } else if means_something_else(text) {
        double(out, text, indent);
    } else if form.plain {
        folded(out, text, indent);
    } else if form.single {
        single(out, text, indent);
    } else {
        double(out, text, indent);
    }
}

/// Which styles can carry a text.
struct Form {
    plain: bool,
    single: bool,
    block: bool,
}

impl Form {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        if bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'.'))
            && !text.starts_with("...")
        {
            return Self { plain: true, single: true, block: true };
        }
        let blank = |byte: Option<&u8>| matches!(byte, None | Some(b' ' | b'\t'));
        let mut form = Self { plain: true, single: true, block: true };
        let starts_badly = match bytes.first() {
            Some(
                b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@'
                | b'`',
            ) => true,
            Some(b'?' | b':' | b'-') => blank(bytes.get(1)),
            _ => false,
        };
        let ends_in_space = bytes.last() == Some(&b' ');
        if starts_badly
            || text.starts_with("---")
            || text.starts_with("...")
            || bytes.first().is_some_and(|byte| matches!(byte, b' ' | b'\n'))
            || matches!(bytes.last(), Some(b' ' | b'\n'))
        {
            form.plain = false;
        }
        let mut before = None;
        for (index, c) in text.char_indices() {
            let space_then_break = c == '\n' && before == Some(' ');
            let break_then_space = c == ' ' && before == Some('\n');
            let special = c != '\t' && (!is_printable(c) || is_odd_break(c));
            match c {
                ':' if blank(bytes.get(index + 1)) => form.plain = false,
                '#' if before.is_some_and(|before| matches!(before, ' ' | '\t' | '\n')) => form.plain = false,
                '\n' => form.plain = false,
                _ => {}
            }
            if space_then_break || break_then_space || special || c == '\t' {
                form.plain = false;
                form.single = false;
            }
            form.block &= !(space_then_break || special);
            before = Some(c);
        }
        form.block &= !ends_in_space;
        form
    }
}

/// Breaks of lines besides the line feed.
fn is_odd_break(c: char) -> bool {
    matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// Words and numbers that only YAML 1.1 reads as something else than a text.
fn is_of_yaml_1_1(text: &str) -> bool {
    let word = matches!(
        text,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF"
    );
    word || text == "<<" || is_sexagesimal(text)
}

/// Numbers to the base of 60, such as `10:20`.
fn is_sexagesimal(text: &str) -> bool {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut places = whole.strip_prefix(['-', '+']).unwrap_or(whole).split(':');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let first = places.next().is_some_and(|first| first.starts_with(|c: char| c.is_ascii_digit()) && digits(first));
    let mut several = false;
    let rest = places.all(|place| {
        several = true;
        matches!(place.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
    });
    first && rest && several && fraction.is_none_or(digits)
}

/// Whether the plain text is a number, a date, a boolean or null.
fn means_something_else(text: &str) -> bool {
    match text.as_bytes().first() {
        None => true,
        Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b't' | b'T' | b'f' | b'F' | b'n' | b'N' | b'~') => {
            !matches!(yaml_scalar::resolve(text), Value::String(_))
        }
        Some(_) => false,
    }
}

/// The line that is written at the end of a text.
struct Line<'o> {
    out: &'o mut String,
    /// How many characters are on it.
    column: usize,
    indent: Option<usize>,
}

impl<'o> Line<'o> {
    fn new(out: &'o mut String, indent: Option<usize>) -> Self {
        let start = out.rfind('\n').map_or(0, |end| end + 1);
        let column = out[start..].chars().count();
        Self { out, column, indent }
    }

    fn push(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    /// Whether the line is full, and may be folded.
    fn is_full(&self) -> bool {
        self.indent.is_some() && self.column > WIDTH
    }

    fn fold(&mut self) {
        let indent = self.indent.unwrap_or_default();
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }
}

/// A text as it is, on as many lines as it takes: a single space may become the end of a line.
fn folded(out: &mut String, text: &str, indent: Option<usize>) {
    if indent.is_none() || !text.contains(' ') {
        out.push_str(text);
        return;
    }
    let mut line = Line::new(out, indent);
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let after = rest.clone().next();
        let may_fold = c == ' ' && before.is_some_and(|c| c != ' ') && after.is_some_and(|c| c != ' ');
        if may_fold && line.is_full() {
            line.fold();
        } else {
            line.push(c);
        }
        before = Some(c);
    }
}

fn single(out: &mut String, text: &str, indent: Option<usize>) {
    out.push('\'');
    folded(out, &text.replace('\'', "''"), indent);
    out.push('\'');
}

fn double(out: &mut String, text: &str, indent: Option<usize>) {
    let mut line = Line::new(out, indent);
    line.push('"');
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let after = rest.clone().next();
        if c == ' ' && before.is_some_and(|c| c != ' ') && after.is_some() && line.is_full() {
            line.fold();
            if after == Some(' ') {
                line.push('\\');
            }
        } else {
            escape(&mut line, c);
        }
        before = Some(c);
    }
    line.push('"');
}

fn escape(line: &mut Line<'_>, c: char) {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        c if is_printable(c) => return line.push(c),
        c => {
            let code = u32::from(c);
            let before = line.out.len();
            let _ = match code {
                0..=0xff => write!(line.out, "\\x{code:02X}"),
                0x100..=0xffff => write!(line.out, "\\u{code:04X}"),
                _ => write!(line.out, "\\U{code:08X}"),
            };
            line.column += line.out.len() - before;
            return;
        }
    };
    line.push('\\');
    line.push(short);
}

/// The block ends without the line feed that ends every value.
fn literal(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if text.starts_with(' ') {
        out.push('2');
    }
    match text.strip_suffix('\n') {
        None => out.push('-'),
        Some(rest) if rest.ends_with('\n') => out.push('+'),
        Some(_) => {}
    }
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_folded_at_a_space() {
        let long = format!("{} x  y z", "a".repeat(WIDTH));
        let written = |text: &str, indent| {
            let mut out = String::from("k: ");
            write(&mut out, text, indent);
            out
        };
        let a = "a".repeat(WIDTH);
        assert_eq!(written(&long, Some(2)), format!("k: {a}\n  x  y z"));
        assert_eq!(written(&format!("{long}:"), Some(2)), format!("k: '{a}\n  x  y z:'"));
        assert_eq!(written(&format!("{a}\t  b c"), Some(2)), format!("k: \"{a}\\t\n  \\ b c\""));
        assert_eq!(written(&long, None), format!("k: {long}"));
    }

    #[test]
    fn texts_take_the_style_that_loses_nothing() {
        for (text, written) in [
            ("plain", "plain"),
            ("a b", "a b"),
            ("", "\"\""),
            ("123", "\"123\""),
            ("1.10", "\"1.10\""),
            ("1.2.3", "1.2.3"),
            ("0x1F", "\"0x1F\""),
            ("2024-01-01", "\"2024-01-01\""),
            ("true", "\"true\""),
            ("~", "\"~\""),
            ("yes", "'yes'"),
            ("n", "'n'"),
            ("10:20", "'10:20'"),
            ("80:80", "80:80"),
            ("<<", "'<<'"),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("a:", "'a:'"),
            ("#x", "'#x'"),
            ("a #x", "'a #x'"),
            ("a#x", "a#x"),
            ("-", "'-'"),
            ("-x", "-x"),
            ("- x", "'- x'"),
            ("--- x", "'--- x'"),
            ("*x", "'*x'"),
            ("{x}", "'{x}'"),
            ("it's", "it's"),
            ("'it's'", "'''it''s'''"),
            (" x", "' x'"),
            ("a\tb", "\"a\\tb\""),
            ("é", "é"),
            ("\u{1f600}", "\"\\U0001F600\""),
            ("\u{7f}", "\"\\x7F\""),
            ("a\r\nb", "\"a\\r\\nb\""),
            ("\n", "\"\\n\""),
            ("a \nb", "\"a \\nb\""),
            ("a\nb", "|-\n  a\n  b"),
            ("a\n\nb\n", "|\n  a\n\n  b"),
            ("a\n\n", "|+\n  a\n"),
            (" a\nb\n", "|2\n   a\n  b"),
        ] {
            let mut out = String::new();
            write(&mut out, text, Some(2));
            assert_eq!(out, written, "{text:?}");
        }
        let mut out = String::new();
        write(&mut out, "a\nb", None);
        assert_eq!(out, "\"a\\nb\"", "a key is on one line");
    }
}
