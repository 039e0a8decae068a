//! Routers that labels describe to Traefik. Where a stack is published by HTTP, they say under which hosts and paths.

use super::context::Unit;
use super::notes::Notes;
use super::route::{MAX_PLACES, Place, Via, is_host, is_path, is_path_of_a_url, too_many};

/// How deep the parentheses of a rule may stand in each other: people write two or three.
const MAX_DEPTH: usize = 32;

/// What labels say of a service's routers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Routers {
    /// The service is not to be reached by them (`traefik.enable: "false"`).
    Off,
    /// They say nothing.
    None,
    /// They lead here.
    Given {
        places: Vec<Place>,
        /// The port of the container, if they name one.
        port: Option<i32>,
    },
}

/// Reads the labels, for what leads to the places.
pub(super) fn routers(unit: &Unit, via: Via, notes: &mut Notes) -> Routers {
    let mut places = Vec::new();
    let mut port = None;
    for (path, key, value) in labels(unit) {
        let parts: Vec<&str> = key.split('.').skip(1).collect();
        match parts.as_slice() {
            ["enable"] if value.eq_ignore_ascii_case("false") => return Routers::Off,
            ["http", "routers", _, "rule"] => match rule(value) {
                Ok(found) if places.len() + found.len() > MAX_PLACES => {
                    notes.rejected(path, format!("is one rule too many: {}", too_many()));
                }
                Ok(found) => match found.iter().find(|place| via == Via::Gateway && !is_path_of_a_url(&place.path)) {
                    Some(place) => notes.rejected(path, no_path(&place.path)),
                    None => places.extend(found),
                },
                Err(problem) => notes.rejected(path, problem),
            },
            ["http", "services", _, "loadbalancer", "server", "port"] => match value.trim().parse::<i32>() {
                Ok(number @ 1..=65535) => port = Some(number),
                _ => notes.error(path, "Invalid", format!("`{value}` is no port")),
            },
            // Which service, which of Traefik's own ports and which network: there is one of each here.
            ["enable"]
            | ["docker" | "swarm", "network"]
            | ["docker", "lbswarm"]
            | ["http", "routers", _, "service" | "entrypoints" | "priority"] => {}
            ["http", "routers", _, "tls", ..] => {
                notes.approximated(path, "certificates come from spec.publish.tlsSecretName, or from the controller");
            }
            _ => notes.approximated(path, "is not honoured: of Traefik's labels, rules and ports are understood"),
        }
    }
    places.sort();
    places.dedup();
    if places.is_empty() && port.is_none() { Routers::None } else { Routers::Given { places, port } }
}

/// Says that routers are there and not used.
pub(super) fn note_unasked(unit: &Unit, notes: &mut Notes) {
    for (path, key, _) in labels(unit) {
        if matches!(key.split('.').collect::<Vec<_>>().as_slice(), ["traefik", "http", "routers", _, "rule"]) {
            notes.ignored(path, "is honoured when spec.publish.type is Ingress or Gateway");
        }
    }
}

/// Labels of Traefik with their paths: on the container, and in Swarm on the service.
fn labels<'a>(unit: &Unit<'a>) -> impl Iterator<Item = (String, &'a str, &'a str)> {
    let path = unit.path.clone();
    let deploy = unit.service.deploy.iter().flat_map(|deploy| &deploy.labels).map(|label| ("deploy.labels", label));
    let container = unit.service.container.labels.iter().map(|label| ("labels", label));
    container
        .chain(deploy)
        .filter(|(_, (key, _))| key.starts_with("traefik."))
        .map(move |(attribute, (key, value))| (format!("{path}.{attribute}.{key}"), key.as_str(), value.as_str()))
}

/// The places of a rule: `Host` and `PathPrefix`, joined by `&&` and `||`.
fn rule(text: &str) -> Result<Vec<Place>, String> {
    let mut rest = text.trim();
    let conditions = alternatives(&mut rest, 0)?;
    if !rest.is_empty() {
        return Err(unreadable(rest));
    }
    let place =
        |condition: Condition| Place { host: condition.host, path: condition.path.unwrap_or_else(|| "/".to_owned()) };
    Ok(conditions.into_iter().map(place).collect())
}

#[derive(Clone, Debug, Default)]
struct Condition {
    host: Option<String>,
    path: Option<String>,
}

fn alternatives(rest: &mut &str, depth: usize) -> Result<Vec<Condition>, String> {
    let mut all = conjunction(rest, depth)?;
    while eat(rest, "||") {
        all.extend(bounded(conjunction(rest, depth)?, all.len())?);
    }
    Ok(all)
}

fn conjunction(rest: &mut &str, depth: usize) -> Result<Vec<Condition>, String> {
    let mut all = matcher(rest, depth)?;
    while eat(rest, "&&") {
        let right = matcher(rest, depth)?;
        if all.len() * right.len() > MAX_PLACES {
            return Err(too_many());
        }
        let mut both = Vec::new();
        for (left, right) in all.iter().flat_map(|left| right.iter().map(move |right| (left, right))) {
            if left.host.is_some() && right.host.is_some() || left.path.is_some() && right.path.is_some() {
                return Err("asks for two hosts, or two paths, at once".to_owned());
            }
            both.push(Condition {
                host: left.host.clone().or_else(|| right.host.clone()),
                path: left.path.clone().or_else(|| right.path.clone()),
            });
        }
        all = both;
    }
    Ok(all)
}

fn matcher(rest: &mut &str, depth: usize) -> Result<Vec<Condition>, String> {
    if eat(rest, "(") {
        // Each one is a call upon the stack of the thread, and the text may be a megabyte of them.
        if depth >= MAX_DEPTH {
            return Err(format!("has parentheses more than {MAX_DEPTH} deep: write the rule with fewer"));
        }
        let all = alternatives(rest, depth + 1)?;
        return if eat(rest, ")") { Ok(all) } else { Err("lacks a closing parenthesis".to_owned()) };
    }
    let (name, after) = rest.split_once('(').ok_or_else(|| unreadable(rest))?;
    let (arguments, after) = after.split_once(')').ok_or_else(|| "lacks a closing parenthesis".to_owned())?;
    let values = arguments.split(',').map(|value| value.trim().trim_matches(['`', '"', '\'']).to_owned());
    let make: fn(String) -> Condition = match name.trim() {
        "Host" => |host| Condition { host: Some(host.to_ascii_lowercase()), path: None },
        "PathPrefix" => |path| Condition { host: None, path: Some(path) },
        other => {
            let other = begin(other);
            return Err(format!("`{other}` has no counterpart: only Host and PathPrefix are understood"));
        }
    };
    let all = bounded(values.map(make).collect(), 0)?;
    if all.iter().any(|one| one.path.as_ref().is_some_and(|path| !path.starts_with('/'))) {
        return Err("has a path that does not begin with a slash".to_owned());
    }
    if let Some(path) = all.iter().filter_map(|one| one.path.as_deref()).find(|path| !is_path(path)) {
        let path = begin(path);
        return Err(format!(
            "asks for the path `{path}`, which no way in can have: write one of a URL, such as `/api`"
        ));
    }
    if let Some(host) = all.iter().filter_map(|one| one.host.as_deref()).find(|host| !is_host(host)) {
        let host = begin(host);
        return Err(format!("asks for `{host}`, which is no DNS name: use letters, digits and hyphens between dots"));
    }
    *rest = after.trim_start();
    Ok(all)
}

/// The conditions, where they and so many others are not too many.
fn bounded(conditions: Vec<Condition>, others: usize) -> Result<Vec<Condition>, String> {
    if conditions.len() + others > MAX_PLACES { Err(too_many()) } else { Ok(conditions) }
}

fn no_path(path: &str) -> String {
    format!("asks for the path `{}`, which no way in can have: write one of a URL, such as `/api`", begin(path))
}

fn unreadable(rest: &str) -> String {
    format!("cannot be read from `{}` on", begin(rest))
}

/// As much of a text as helps to find it.
fn begin(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(end, _)| &text[..end])
}

fn eat(rest: &mut &str, word: &str) -> bool {
    let Some(after) = rest.trim_start().strip_prefix(word) else { return false };
    *rest = after.trim_start();
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn places(text: &str) -> Vec<String> {
        let text_of = |place: Place| format!("{}{}", place.host.unwrap_or_default(), place.path);
        rule(text).map_or_else(|error| vec![format!("error: {error}")], |all| all.into_iter().map(text_of).collect())
    }

    #[test]
    fn rules_are_hosts_and_paths() {
        assert_eq!(places("Host(`a.com`)"), ["a.com/"]);
        assert_eq!(places("Host(`A.com`, `b.com`) && PathPrefix(`/x`)"), ["a.com/x", "b.com/x"]);
        assert_eq!(places("Host(`a`)||Host(`b`) && PathPrefix(`/x`)"), ["a/", "b/x"]);
        assert_eq!(
            places("(Host(`a`) || Host(`b`)) && (PathPrefix(`/x`) || PathPrefix(`/y`))"),
            ["a/x", "a/y", "b/x", "b/y"]
        );
        assert_eq!(places("PathPrefix(`/x`)"), ["/x"]);
    }

    #[test]
    fn what_has_no_counterpart_is_said() {
        for (text, part) in [
            ("HostRegexp(`.*`)", "HostRegexp"),
            ("Host(`a`) && Headers(`a`, `b`)", "Headers"),
            ("!Host(`a`)", "!Host"),
            ("Host(`a`) && Host(`b`)", "two hosts"),
            ("Host(`a`", "parenthesis"),
            ("(Host(`a`)", "parenthesis"),
            ("Host(`a`) PathPrefix(`/b`)", "PathPrefix"),
            ("PathPrefix(`b`)", "slash"),
            ("PathPrefix(`/a//b`)", "no way in"),
            ("Host(`a`) && PathPrefix(`/b/../c`)", "no way in"),
            ("Host(`a_b.com`)", "no DNS name"),
            ("Host(`10.0.0.1`) || Host(`a.com`)", "no DNS name"),
            ("Host(`::1`)", "no DNS name"),
            ("Host(``)", "no DNS name"),
            ("", "cannot be read"),
        ] {
            assert!(
                places(text)[0].starts_with("error: ") && places(text)[0].contains(part),
                "{text}: {:?}",
                places(text)
            );
        }
    }

    #[test]
    fn hostile_rules_are_refused_soon() {
        let hosts = |count: usize| (0..count).map(|host| format!("`{host}.a`")).collect::<Vec<_>>().join(",");
        let paths = |count: usize| (0..count).map(|path| format!("`/{path}`")).collect::<Vec<_>>().join(",");
        let and = |host: usize, path: usize| format!("Host({}) && PathPrefix({})", hosts(host), paths(path));
        for (text, part) in [
            ("(".repeat(1 << 20), "deep"),
            (format!("{}Host(`a`){}", "(".repeat(33), ")".repeat(33)), "deep"),
            (format!("Host({})", hosts(257)), "at most"),
            (["Host(`a`)"; 257].join(" || "), "at most"),
            (and(20_000, 20_000), "at most"),
            (and(16, 17), "at most"),
            ("x".repeat(1 << 20), "cannot be read"),
            (format!("{}(`a`)", "x".repeat(1 << 20)), "no counterpart"),
            (format!("PathPrefix(`/{}`)", "x".repeat(1 << 20)), "no way in"),
        ] {
            let places = places(&text);
            assert!(places[0].starts_with("error: ") && places[0].contains(part), "{part}: {}", places[0]);
            assert!(places[0].len() < 200, "{part}: {}", places[0].len());
        }
        assert_eq!(places(&format!("{}Host(`a`){}", "(".repeat(32), ")".repeat(32))), ["a/"]);
        assert_eq!(places(&and(16, 16)).len(), 256);
    }

    #[test]
    fn an_ingress_has_paths_that_an_http_route_has_not() {
        let text = "services: {web: {image: x, labels: {traefik.http.routers.a.rule: \"PathPrefix(`/a|b`)\"}}}";
        fixture::with(text, |context, _| {
            for (via, count, said) in [(Via::Ingress, 1, 0), (Via::Gateway, 0, 1)] {
                let mut notes = Notes::default();
                let places = match routers(&context.units["web"], via, &mut notes) {
                    Routers::Given { places, .. } => places.len(),
                    _ => 0,
                };
                assert_eq!((places, notes.summary().len()), (count, said), "{via:?}");
            }
        });
    }

    #[test]
    fn the_places_of_all_rules_are_bounded() {
        let hosts: Vec<String> = (0..200).map(|host| format!("`{host}.a`")).collect();
        let rule = |name: &str| format!("traefik.http.routers.{name}.rule: \"Host({})\"", hosts.join(","));
        let text = format!("services: {{web: {{image: x, labels: {{{}, {}}}}}}}", rule("a"), rule("b"));
        fixture::with(&text, |context, _| {
            let mut notes = Notes::default();
            let Routers::Given { places, .. } = routers(&context.units["web"], Via::Ingress, &mut notes) else {
                panic!("no places")
            };
            assert_eq!(places.len(), 200);
            assert_eq!(notes.summary(), ["services.web.labels.traefik.http.routers.b.rule: Rejected"]);
        });
    }

    #[test]
    fn labels_that_mean_nothing_here_are_said() {
        let text = "services: {web: {image: x, labels: {traefik.enable: \"true\", traefik.http.middlewares.m.compress: \
                    \"true\", traefik.http.routers.w.tls.certresolver: le}}, off: {image: x, deploy: {labels: \
                    {traefik.enable: \"false\"}}}}";
        fixture::with(text, |context, _| {
            let mut notes = Notes::default();
            assert_eq!(routers(&context.units["web"], Via::Ingress, &mut notes), Routers::None);
            assert_eq!(routers(&context.units["off"], Via::Ingress, &mut notes), Routers::Off);
            let expected = [
                "services.web.labels.traefik.http.middlewares.m.compress: Approximated",
                "services.web.labels.traefik.http.routers.w.tls.certresolver: Approximated",
            ];
            assert_eq!(notes.summary(), expected);
        });
    }
}
