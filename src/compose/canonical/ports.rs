//! The short syntax of ports (Compose Specification, "ports"): `[[HOST_IP:]PUBLISHED:]TARGET[/PROTOCOL]`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::attribute::At;
use super::super::diagnostic::ErrorClass;
use super::super::limits;
use super::super::node::{Map, Node, Value};
use super::super::report::Report;

/// What a port counts for: a mapping and its five attributes.
const PORT_BYTES: usize = limits::MAP_BYTES + 6 * (limits::NODE_BYTES + limits::ENTRY_BYTES);

/// A port as its short form says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Port {
    address: String,
    published: String,
    target: u16,
    protocol: String,
}

/// Makes long forms of short ones; a range of targets becomes one port each.
pub(super) fn canonical(node: &mut Node, at: &At<'_>, report: &mut Report) {
    let Some(items) = node.as_list_mut() else { return };
    let mut ports = Vec::with_capacity(items.len());
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        if !matches!(item.value, Value::Int(_) | Value::String(_)) {
            if matches!(item.value, Value::Map(_) | Value::Broken) {
                ports.push(item);
            } else {
                let message = format!("expected a port, and this is {}; put it into quotes", item.kind());
                report.error(&at.item(index), item.mark, ErrorClass::Decode, "InvalidPort", message);
                ports.push(item.like(Value::Broken));
            }
            continue;
        }
        // A range makes many ports of one text.
        if report.is_spent() {
            ports.push(item.like(Value::Broken));
            continue;
        }
        match parse(&item.printed()) {
            Ok(parsed)
                if parsed.len() > 1
                    && !report.spend(parsed.len() * PORT_BYTES, &at.item(index), item.mark, ErrorClass::Decode) =>
            {
                ports.push(item.like(Value::Broken));
            }
            Ok(parsed) => ports.extend(parsed.iter().map(|port| long(port, &item))),
            Err(reason) => {
                let message =
                    format!("{} is no port: {reason}; write [[IP:]PUBLISHED:]TARGET[/PROTOCOL]", report.shown(&item));
                report.error(&at.item(index), item.mark, ErrorClass::Decode, "InvalidPort", message);
                ports.push(item.like(Value::Broken));
            }
        }
    }
    node.value = Value::List(ports);
}

fn long(port: &Port, origin: &Node) -> Node {
    let mut map = Map::with_capacity(5);
    map.insert("mode".to_owned(), Node { tainted: false, ..origin.text_like("ingress") });
    map.insert("protocol".to_owned(), origin.text_like(port.protocol.as_str()));
    // Port 0 is none, and missed later.
    if port.target != 0 {
        map.insert("target".to_owned(), origin.like(Value::Int(port.target.into())));
    }
    for (key, text) in [("host_ip", &port.address), ("published", &port.published)] {
        if !text.is_empty() {
            map.insert(key.to_owned(), origin.text_like(text.as_str()));
        }
    }
    Node { value: Value::Map(map), mark: origin.mark, key_mark: None, tainted: false }
}

fn parse(text: &str) -> Result<Vec<Port>, &'static str> {
    let mut parts: Vec<&str> = text.split(':').collect();
    let last = parts.pop().unwrap_or_default();
    let published = parts.pop().unwrap_or_default();
    let address = strip_brackets(&parts.join(":"))?;
    if !address.is_empty() && !is_ip(&address) {
        return Err("the host address is no IP address");
    }
    let (target, protocol) = target_and_protocol(last);
    if target.is_empty() {
        return Err("the container's port is missing");
    }
    let (first, end) = range(target).ok_or("the container's port is no number from 0 to 65535")?;
    let (host_first, host_end) = if published.is_empty() {
        (0, 0)
    } else {
        range(published).ok_or("the published port is no number from 0 to 65535")?
    };
    if !published.is_empty() && end - first != host_end - host_first && first != end {
        return Err("the ranges of published and container ports differ in length");
    }
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err("the protocol is none of tcp, udp and sctp");
    }
    let mut expanded: Vec<Port> = (first..=end)
        .map(|target| {
            let published = match (published.is_empty(), first == end && host_first != host_end) {
                (true, _) => String::new(),
                (false, true) => format!("{host_first}-{host_end}"),
                (false, false) => (host_first + (target - first)).to_string(),
            };
            Port { address: address.clone(), published, target, protocol: protocol.clone() }
        })
        .collect();
    // The reference implementation orders the ports of a range as texts.
    expanded.sort_by_cached_key(|port| port.target.to_string());
    Ok(expanded)
}

/// An IPv6 address stands in brackets; without them its colons would be separators.
fn strip_brackets(address: &str) -> Result<String, &'static str> {
    if let Some(inner) = address.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or("the bracket of the address does not close")?;
        return Ok(inner.to_owned());
    }
    if address.contains(':') {
        return Err("an IPv6 address must stand in brackets");
    }
    if address.contains(['[', ']']) {
        return Err("the host address is no IP address");
    }
    Ok(address.to_owned())
}

/// Whether the text is an address of either kind, without a zone.
pub(in super::super) fn is_ip(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok() || text.parse::<Ipv6Addr>().is_ok()
}

fn target_and_protocol(text: &str) -> (&str, &str) {
    let mut parts = text.split('/');
    let target = parts.next().unwrap_or_default();
    if target.is_empty() {
        return ("", "");
    }
    (target, parts.next().filter(|protocol| !protocol.is_empty()).unwrap_or("tcp"))
}

fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let mut parts = text.split('-');
    let first = number(parts.next()?)?;
    let last = parts.next().map_or(Some(first), number)?;
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, u16, String)> {
        let ports = parse(text).unwrap();
        ports.into_iter().map(|port| (port.address, port.published, port.target, port.protocol)).collect()
    }

    fn port(address: &str, published: &str, target: u16, protocol: &str) -> (String, String, u16, String) {
        (address.to_owned(), published.to_owned(), target, protocol.to_owned())
    }

    #[test]
    fn short_forms_are_read() {
        assert_eq!(read("80"), [port("", "", 80, "tcp")]);
        assert_eq!(read("8080:80/UDP"), [port("", "8080", 80, "udp")]);
        assert_eq!(read("127.0.0.1::5000"), [port("127.0.0.1", "", 5000, "tcp")]);
        assert_eq!(read("[::1]:6001:6001"), [port("::1", "6001", 6001, "tcp")]);
        assert_eq!(read("3000-3001:80"), [port("", "3000-3001", 80, "tcp")]);
        assert_eq!(read("8000-8001:90-91"), [port("", "8000", 90, "tcp"), port("", "8001", 91, "tcp")]);
        assert_eq!(read("9-10"), [port("", "", 10, "tcp"), port("", "", 9, "tcp")], "in the order of texts");
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in ["", "http", "80:", "99999", "-1", "80/foo", "localhost:80:80", "::1:6000:6000", "4-5:1-3", "5-4"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
