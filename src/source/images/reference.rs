//! References of images, as Docker writes them out (distribution/reference).

/// Docker Hub's name, and the host that answers for it.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The registry's name, with its port if there is one.
    pub(super) registry: String,
    /// The repository in it.
    pub(super) repository: String,
    /// The digest, else the tag.
    pub(super) version: String,
}

impl Reference {
    /// Reads `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`; of a tag and a digest, the digest counts.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((registry, rest)) if registry.contains(['.', ':']) || registry == "localhost" => (registry, rest),
            _ => (DOCKER_HUB.0, name),
        };
        let registry = if registry == "index.docker.io" { DOCKER_HUB.0 } else { registry };
        let repository = if registry == DOCKER_HUB.0 && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_owned()
        };
        let version = digest.or(tag).unwrap_or("latest").to_owned();
        // They become parts of a path.
        let is_plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:[]".contains(c));
        let whole = is_plain(registry) && is_plain(&repository) && is_plain(&version);
        let inside = !repository.split('/').any(|part| matches!(part, "" | "." | ".."));
        (whole && inside).then(|| Self { registry: registry.to_owned(), repository, version })
    }

    /// The host that answers for the registry.
    pub(super) fn host(&self) -> &str {
        if self.registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { &self.registry }
    }

    /// Whether the registry is this machine itself, which Docker talks to without TLS.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.registry)
    }
}

/// Whether an authority, with or without a port, is this machine itself.
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_written_out() {
        for (text, registry, repository, version) in [
            ("nginx", "docker.io", "library/nginx", "latest"),
            ("bitnami/redis:7", "docker.io", "bitnami/redis", "7"),
            ("docker.io/nginx", "docker.io", "library/nginx", "latest"),
            ("reg:5000/a/b", "reg:5000", "a/b", "latest"),
            ("localhost/a:1@sha256:00", "localhost", "a", "sha256:00"),
            ("ghcr.io/org/app:v1", "ghcr.io", "org/app", "v1"),
        ] {
            let reference = Reference::parse(text).unwrap();
            let parts = (reference.registry.as_str(), reference.repository.as_str(), reference.version.as_str());
            assert_eq!(parts, (registry, repository, version), "{text}");
        }
        assert_eq!(Reference::parse("nginx").unwrap().host(), "registry-1.docker.io");
        for text in ["", "a b", "reg.io/../x", "reg.io/a?x", "a@", "reg.io//a"] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }

    #[test]
    fn this_machine_is_told_apart() {
        for (authority, expected) in [
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("[::1]:5000", true),
            ("localhost", true),
            ("localhost.example.com", false),
            ("10.0.0.1:5000", false),
        ] {
            assert_eq!(is_loopback(authority), expected, "{authority}");
        }
    }
}
