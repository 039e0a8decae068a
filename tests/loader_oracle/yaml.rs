//! YAML documents as trees that keep how they are written, and their text.

use std::fmt::Write as _;

use crate::schema::Form;

/// A node with what YAML adds to its value.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    /// A scalar as it is written, whose type its looks tell.
    Plain(String),
    /// A text, in quotes where it has to be.
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
    Tagged(&'static str, Box<Self>),
    Anchored(String, Box<Self>),
    Alias(String),
    /// In braces and brackets from here on.
    Flow(Box<Self>),
}

impl Yaml {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn plain(text: impl Into<String>) -> Self {
        Self::Plain(text.into())
    }

    pub fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// The node without tags, anchors and style.
    pub fn bare(&self) -> &Self {
        match self {
            Self::Tagged(_, node) | Self::Anchored(_, node) | Self::Flow(node) => node.bare(),
            node => node,
        }
    }

    pub fn bare_mut(&mut self) -> &mut Self {
        match self {
            Self::Tagged(_, node) | Self::Anchored(_, node) | Self::Flow(node) => node.bare_mut(),
            node => node,
        }
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        match self.bare() {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self.bare_mut() {
            Self::Map(entries) => entries.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Sets an entry of a mapping.
    pub fn set(&mut self, key: &str, value: Self) {
        if let Some(place) = self.get_mut(key) {
            *place = value;
        } else if let Self::Map(entries) = self.bare_mut() {
            entries.push((key.to_owned(), value));
        }
    }

    pub fn remove(&mut self, key: &str) {
        if let Self::Map(entries) = self.bare_mut() {
            entries.retain(|(name, _)| name != key);
        }
    }

    pub fn keys(&self) -> Vec<String> {
        match self.bare() {
            Self::Map(entries) => entries.iter().map(|(name, _)| name.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// The form of its value; none for an alias.
    pub fn form(&self) -> Option<Form> {
        Some(match self.bare() {
            Self::Plain(text) => match text.as_str() {
                "" | "~" | "null" | "Null" => Form::Null,
                "true" | "false" | "True" => Form::Bool,
                text if text.parse::<i64>().is_ok() || text.starts_with("0x") || text.starts_with("0o") => Form::Int,
                text if text.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok() => Form::Float,
                _ => Form::Str,
            },
            Self::Text(_) => Form::Str,
            Self::List(_) => Form::List,
            Self::Map(_) => Form::Map,
            _ => return None,
        })
    }

    /// The text of the document.
    pub fn document(&self) -> String {
        let mut out = String::new();
        self.block(&mut out, 0, true);
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out
    }

    /// Writes in block style, after `key:` or `-` unless it is at the top.
    fn block(&self, out: &mut String, indent: usize, top: bool) {
        let pad = "  ".repeat(indent);
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                if !top {
                    out.push('\n');
                }
                for (key, value) in entries {
                    out.push_str(&pad);
                    out.push_str(&key_text(key));
                    out.push(':');
                    value.block(out, indent + 1, false);
                    if !out.ends_with('\n') {
                        out.push('\n');
                    }
                }
            }
            Self::List(items) if !items.is_empty() => {
                if !top {
                    out.push('\n');
                }
                for item in items {
                    out.push_str(&pad);
                    out.push('-');
                    item.block(out, indent + 1, false);
                    if !out.ends_with('\n') {
                        out.push('\n');
                    }
                }
            }
            Self::Tagged(tag, node) => {
                out.push_str(if top { "" } else { " " });
                out.push_str(tag);
                node.block(out, indent, false);
            }
            Self::Anchored(name, node) => {
                out.push_str(if top { "" } else { " " });
                out.push('&');
                out.push_str(name);
                node.block(out, indent, false);
            }
            Self::Text(text) if text.ends_with('\n') && literal(text) => {
                out.push_str(" |");
                for line in text.lines() {
                    out.push('\n');
                    out.push_str(&pad);
                    out.push_str(line);
                }
                out.push('\n');
            }
            node => {
                out.push_str(if top { "" } else { " " });
                node.flow(out);
            }
        }
    }

    fn flow(&self, out: &mut String) {
        match self {
            Self::Plain(text) => out.push_str(text),
            Self::Text(text) => out.push_str(&quoted(text)),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    // Nothing at all between commas is no item.
                    match item {
                        Self::Plain(text) if text.is_empty() => out.push_str("null"),
                        item => item.flow(out),
                    }
                }
                out.push(']');
            }
            Self::Map(entries) => {
                out.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    out.push_str(&key_text(key));
                    out.push_str(": ");
                    value.flow(out);
                }
                out.push('}');
            }
            Self::Tagged(tag, node) => {
                out.push_str(tag);
                out.push(' ');
                node.flow(out);
            }
            Self::Anchored(name, node) => {
                out.push('&');
                out.push_str(name);
                out.push(' ');
                node.flow(out);
            }
            Self::Alias(name) => {
                out.push('*');
                out.push_str(name);
                // A colon or comma would belong to the name.
                out.push(' ');
            }
            Self::Flow(node) => node.flow(out),
        }
    }
}

fn literal(text: &str) -> bool {
    let mut lines = text.lines();
    lines.next().is_some_and(|line| !line.is_empty() && !line.starts_with(' '))
        && !text.ends_with("\n\n")
        && text.chars().all(|c| c == '\n' || (c >= ' ' && c != '\u{7f}'))
}

fn key_text(key: &str) -> String {
    if key == "<<" { key.to_owned() } else { quoted(key) }
}

/// The text as a scalar; how it is quoted depends on the text alone, so that a document is written the same again.
fn quoted(text: &str) -> String {
    let mut choice = text.bytes().fold(text.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(byte as usize)) % 5;
    let simple = text.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let lower = text.to_lowercase();
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&lower.as_str());
    if simple && !word && choice < 3 {
        return text.to_owned();
    }
    if text.chars().any(|c| c < ' ' || c == '\u{7f}' || c == '\u{feff}') {
        choice = 4;
    }
    if choice % 2 == 1 {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' || c == '\u{7f}' || c == '\u{feff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
