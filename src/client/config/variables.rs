//! The variables that a document mentions, as `docker compose config --variables` finds them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

/// A variable of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Mention {
    name: String,
    /// What takes its place when it is not set.
    default_value: String,
    /// What takes its place when it is set.
    presence_value: String,
    /// Whether nothing can be loaded without it.
    required: bool,
}

/// The variables of a document, by name.
pub(super) fn mentions(document: &Value) -> BTreeMap<String, Mention> {
    let mut mentions = BTreeMap::new();
    walk(document, &mut mentions);
    mentions
}

/// The table of the variables, in columns.
pub(super) fn table(mentions: &BTreeMap<String, Mention>) -> String {
    /// Columns are at least so wide, and so far apart.
    const WIDTH: usize = 20;
    const GAP: usize = 3;
    let heading = ["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"].map(str::to_owned);
    let rows = mentions.values().map(|mention| {
        let Mention { name, default_value, presence_value, required } = mention.clone();
        [name, required.to_string(), default_value, presence_value]
    });
    let rows: Vec<[String; 4]> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| {
        let longest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        WIDTH.max(longest + GAP)
    };
    let widths = [width(0), width(1), width(2)];
    let mut table = String::new();
    for [name, required, default, alternate] in &rows {
        let [first, second, third] = widths;
        let _ = writeln!(table, "{name:first$}{required:second$}{default:third$}{alternate}");
    }
    table
}

fn walk(value: &Value, mentions: &mut BTreeMap<String, Mention>) {
    match value {
        Value::String(text) => scan(text, mentions),
        Value::Array(items) => items.iter().for_each(|item| walk(item, mentions)),
        Value::Object(entries) => entries.values().for_each(|entry| walk(entry, mentions)),
        _ => {}
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn scan(text: &str, mentions: &mut BTreeMap<String, Mention>) {
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let Some(end) = closing(after) else { continue };
            braced(&after[..end], mentions);
            rest = &after[end + 1..];
        } else {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            if end > 0 && !rest.starts_with(|c: char| c.is_ascii_digit()) {
                add(Mention { name: rest[..end].to_owned(), ..Mention::default() }, mentions);
            }
            rest = &rest[end..];
        }
    }
}

/// The brace that closes the substitution that the text is the inside of.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    text.bytes().position(|byte| {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        open == 0
    })
}

fn braced(inside: &str, mentions: &mut BTreeMap<String, Mention>) {
    let (name, rest) = inside.split_at(inside.find(|c| !is_name(c)).unwrap_or(inside.len()));
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return;
    }
    let mut mention = Mention { name: name.to_owned(), ..Mention::default() };
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    if let Some(value) = rest.strip_prefix('-') {
        value.clone_into(&mut mention.default_value);
    } else if let Some(value) = rest.strip_prefix('+') {
        value.clone_into(&mut mention.presence_value);
    }
    mention.required = rest.starts_with('?');
    let operands = [mention.default_value.clone(), mention.presence_value.clone()];
    add(mention, mentions);
    for operand in operands {
        scan(&operand, mentions);
    }
}

/// Of several mentions of a variable, one that requires it is enough, and the first value of each kind counts.
fn add(mention: Mention, mentions: &mut BTreeMap<String, Mention>) {
    let Some(known) = mentions.get_mut(&mention.name) else {
        mentions.insert(mention.name.clone(), mention);
        return;
    };
    known.required |= mention.required;
    if known.default_value.is_empty() {
        known.default_value = mention.default_value;
    }
    if known.presence_value.is_empty() {
        known.presence_value = mention.presence_value;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_a_variable_is_found() {
        let document = json!({
            "a": "$PLAIN ${BRACED} $$ESCAPED ${NEEDED:?say} $1",
            "b": ["${DEFAULT:-x${INNER-y}}", {"c": "${SET+z}${PLAIN:-later}"}],
        });
        let found = mentions(&document);
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["BRACED", "DEFAULT", "INNER", "NEEDED", "PLAIN", "SET"]);
        assert!(found["NEEDED"].required);
        assert_eq!(found["DEFAULT"].default_value, "x${INNER-y}");
        assert_eq!(found["INNER"].default_value, "y");
        assert_eq!(found["SET"].presence_value, "z");
        assert_eq!(found["PLAIN"].default_value, "later");
    }

    #[test]
    fn the_table_has_columns() {
        let table = table(&mentions(&json!("${A:-b}")));
        assert_eq!(
            table,
            "NAME                REQUIRED            DEFAULT VALUE       ALTERNATE VALUE\n\
             A                   false               b                   \n"
        );
    }
}
