//! The short syntax of mounts (Compose Specification, "volumes"): `[SOURCE:]TARGET[:OPTIONS]`.

use super::super::attribute::At;
use super::super::diagnostic::ErrorClass;
use super::super::node::{Map, Node, Value};
use super::super::path;
use super::super::report::Report;

/// A mount as its short form says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Volume {
    pub(in super::super) source: String,
    pub(in super::super) target: String,
    read_only: bool,
    nocopy: bool,
    propagation: String,
    selinux: String,
    /// Whether the text is too short to have parts: then it has no options either.
    bare: bool,
}

/// Makes long forms of short ones.
pub(super) fn canonical(node: &mut Node, at: &At<'_>, report: &mut Report) {
    let Some(items) = node.as_list_mut() else { return };
    for (index, item) in items.iter_mut().enumerate() {
        let Some(text) = item.as_str() else { continue };
        match parse(text) {
            Ok(volume) => *item = long(&volume, item),
            Err(reason) => {
                let message = format!("{} is no mount: {reason}; write [SOURCE:]TARGET[:OPTIONS]", report.shown(item));
                report.error(&at.item(index), item.mark, ErrorClass::Decode, "InvalidVolume", message);
                item.value = Value::Broken;
            }
        }
    }
}

fn long(volume: &Volume, origin: &Node) -> Node {
    let text = |text: &str| origin.text_like(text);
    let plain = |value: Value| Node { tainted: false, ..origin.like(value) };
    let mut map = Map::with_capacity(4);
    let mut add = |key: &str, node: Node| map.insert(key.to_owned(), node);
    if !volume.source.is_empty() {
        add("source", text(&volume.source));
    }
    if !volume.target.is_empty() {
        add("target", text(&path::clean(&volume.target)));
    }
    if volume.read_only {
        add("read_only", plain(Value::Bool(true)));
    }
    let is_path = is_path(&volume.source);
    let mut bind = Map::new();
    for (key, option) in [("propagation", &volume.propagation), ("selinux", &volume.selinux)] {
        if !option.is_empty() {
            bind.insert(key.to_owned(), text(option));
        }
    }
    if is_path {
        // The old tools created missing host paths, and the short form still means that.
        bind.insert("create_host_path".to_owned(), plain(Value::Bool(true)));
    }
    if is_path || !bind.is_empty() {
        add("bind", plain(Value::Map(bind)));
    }
    if volume.nocopy || !(is_path || volume.bare) {
        let mut options = Map::new();
        if volume.nocopy {
            options.insert("nocopy".to_owned(), plain(Value::Bool(true)));
        }
        add("volume", plain(Value::Map(options)));
    }
    add("type", Node { tainted: false, ..text(if is_path { "bind" } else { "volume" }) });
    Node { value: Value::Map(map), mark: origin.mark, key_mark: None, tainted: false }
}

/// Splits a short form.
pub(in super::super) fn parse(text: &str) -> Result<Volume, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() <= 2 {
        return Ok(Volume { target: text.to_owned(), bare: true, ..Volume::default() });
    }
    let mut volume = Volume::default();
    let mut part = String::new();
    let mut substitutions = 0_u32;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '$' && characters.peek() == Some(&'{') {
            substitutions += 1;
        } else if c == '}' && substitutions > 0 {
            substitutions -= 1;
        } else if c == ':' && substitutions == 0 && !is_drive(&part) {
            add_part(&mut volume, std::mem::take(&mut part), false)?;
            continue;
        }
        part.push(c);
    }
    if substitutions == 0 {
        add_part(&mut volume, part, true)?;
    }
    Ok(volume)
}

fn add_part(volume: &mut Volume, part: String, last: bool) -> Result<(), &'static str> {
    if part.is_empty() {
        return Err("there is nothing between two colons");
    }
    if volume.source.is_empty() {
        if last {
            volume.target = part;
        } else {
            volume.source = part;
        }
        return Ok(());
    }
    if volume.target.is_empty() {
        volume.target = part;
        return Ok(());
    }
    if !last {
        return Err("it has too many colons");
    }
    for option in part.split(',') {
        match option {
            "ro" => volume.read_only = true,
            "rw" => volume.read_only = false,
            "nocopy" => volume.nocopy = true,
            "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                option.clone_into(&mut volume.propagation);
            }
            "z" | "Z" => option.clone_into(&mut volume.selinux),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a colon after the text makes a Windows drive of it.
fn is_drive(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(char::is_alphabetic) && characters.next().is_none()
}

/// Whether a source is a path of the host, and no name of a volume.
fn is_path(source: &str) -> bool {
    if source.starts_with(['.', '/', '~']) || source.starts_with("\\\\") {
        return true;
    }
    let mut characters = source.chars();
    characters.next().is_some_and(char::is_alphabetic) && characters.next() == Some(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> serde_json::Value {
        long(&parse(text).unwrap(), &Node::null()).to_json()
    }

    #[test]
    fn short_forms_become_long_ones() {
        use serde_json::json;
        assert_eq!(
            json("data:/var/lib"),
            json!({"type": "volume", "source": "data", "target": "/var/lib", "volume": {}})
        );
        assert_eq!(
            json("./src/:/app/:ro,z"),
            json!({"type": "bind", "source": "./src/", "target": "/app", "read_only": true,
                   "bind": {"create_host_path": true, "selinux": "z"}})
        );
        assert_eq!(json("/var/lib"), json!({"type": "volume", "target": "/var/lib", "volume": {}}));
        assert_eq!(
            json("data:/x:nocopy"),
            json!({"type": "volume", "source": "data", "target": "/x", "volume": {"nocopy": true}})
        );
        assert_eq!(json("v:/data"), json!({"type": "volume", "target": "v:/data", "volume": {}}), "a drive");
        assert_eq!(json("e:/w:ro")["source"], "e:/w");
        assert_eq!(json("/x")["type"], "volume");
    }

    #[test]
    fn what_is_no_mount_is_refused() {
        for text in ["", ":/x.txt", "aa:/b:ro:d", "data::ro"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
