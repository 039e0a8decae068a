//! Credentials of registries, as pull secrets hold them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::super::reader::Data;
use super::reference::Reference;

/// A user of a registry.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credential {
    /// The registry, whose labels may be `*`, and the repositories that it is for: those that begin with the path.
    host: String,
    path: String,
    pub(super) user: String,
    pub(super) password: String,
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Entry {
    username: String,
    password: String,
    auth: String,
}

/// The credentials of a Secret of the type kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg; none of what
/// cannot be read.
pub(super) fn parse(data: &Data) -> Vec<Credential> {
    let entries = match (data.get(".dockerconfigjson"), data.get(".dockercfg")) {
        (Some(bytes), _) => serde_json::from_slice::<DockerConfig>(bytes).map(|config| config.auths),
        (None, Some(bytes)) => serde_json::from_slice(bytes),
        (None, None) => return Vec::new(),
    };
    entries.unwrap_or_default().into_iter().filter_map(|(server, entry)| credential(&server, entry)).collect()
}

fn credential(server: &str, entry: Entry) -> Option<Credential> {
    let (user, password) = if entry.auth.is_empty() {
        (entry.username, entry.password)
    } else {
        let text = String::from_utf8(STANDARD.decode(entry.auth.trim()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        (user.to_owned(), password.trim_end_matches('\0').to_owned())
    };
    let server = server.split_once("://").map_or(server, |(_, rest)| rest);
    let (host, path) = server.split_once('/').unwrap_or((server, ""));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    };
    // The path of Docker's old API is no part of a repository's name.
    let path = path.trim_matches('/');
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    (!user.is_empty()).then(|| Credential { host: host.to_owned(), path: path.to_owned(), user, password })
}

/// The credential for an image: of those that fit, the one for the fewest repositories.
pub(super) fn matching<'a>(credentials: &'a [Credential], reference: &Reference) -> Option<&'a Credential> {
    let fits = |credential: &&Credential| {
        let below = reference.repository.strip_prefix(&credential.path);
        covers(&credential.host, &reference.registry)
            && (credential.path.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    credentials.iter().filter(fits).max_by_key(|credential| credential.path.len())
}

/// Whether a pattern such as `*.example.com:5000` stands for a registry: label by label, and the port must be the same.
fn covers(pattern: &str, registry: &str) -> bool {
    let split = |text: &str| match text.rsplit_once(':') {
        Some((host, port)) => (host.to_owned(), port.to_owned()),
        None => (text.to_owned(), String::new()),
    };
    let ((pattern, pattern_port), (host, port)) = (split(pattern), split(registry));
    let (patterns, labels): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), host.split('.').collect());
    let label_fits = |(pattern, label): (&&str, &&str)| match pattern.split_once('*') {
        Some((begin, end)) => label.len() + 1 >= pattern.len() && label.starts_with(begin) && label.ends_with(end),
        None => pattern == label,
    };
    pattern_port == port && patterns.len() == labels.len() && patterns.iter().zip(&labels).all(label_fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_of(config: &str, image: &str) -> Option<String> {
        let data = Data::from([(".dockerconfigjson".to_owned(), config.as_bytes().to_vec())]);
        let credentials = parse(&data);
        matching(&credentials, &Reference::parse(image).unwrap()).map(|c| format!("{}:{}", c.user, c.password))
    }

    #[test]
    fn a_credential_is_found_by_its_registry_and_path() {
        let config = format!(
            r#"{{"auths": {{"https://index.docker.io/v1/": {{"auth": "{}"}}, "*.example.com": {{"username": "wide", "password": "w"}},
                "reg.example.com/team/app": {{"username": "team", "password": "t"}}, "broken": {{"auth": "?"}}}}}}"#,
            STANDARD.encode("hub:p:w")
        );
        for (image, expected) in [
            ("nginx", Some("hub:p:w")),
            ("reg.example.com/other", Some("wide:w")),
            ("reg.example.com/team/app:1", Some("team:t")),
            ("reg.example.com/team/application", Some("wide:w")),
            ("example.com/a", None),
            ("a.b.example.com/a", None),
            ("reg.example.com:5000/a", None),
        ] {
            assert_eq!(user_of(&config, image).as_deref(), expected, "{image}");
        }
        assert_eq!(user_of("no JSON", "nginx"), None);
    }

    #[test]
    fn the_old_form_is_read_too() {
        let data =
            Data::from([(".dockercfg".to_owned(), br#"{"reg.io": {"username": "u", "password": "p"}}"#.to_vec())]);
        assert_eq!(parse(&data).len(), 1);
        assert!(parse(&Data::new()).is_empty());
    }
}
