//! The hash by which Docker Compose tells whether a service's containers are out of date.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::model::Service;
use super::write::{WriteError, compact_json};

/// The order of attributes in what is hashed: that of the releases of Docker Compose before 5.6, which it keeps so that
/// no container is made anew. What is not listed follows in the order of names.
const ORDER: [&str; 83] = [
    "profiles",
    "annotations",
    "attach",
    "build",
    "develop",
    "blkio_config",
    "cap_add",
    "cap_drop",
    "cgroup_parent",
    "cgroup",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpus",
    "cpuset",
    "cpu_shares",
    "command",
    "configs",
    "container_name",
    "credential_spec",
    "deploy",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "dockerfile",
    "domainname",
    "entrypoint",
    "provider",
    "environment",
    "env_file",
    "expose",
    "extends",
    "external_links",
    "extra_hosts",
    "group_add",
    "gpus",
    "hostname",
    "healthcheck",
    "image",
    "init",
    "ipc",
    "isolation",
    "labels",
    "label_file",
    "links",
    "logging",
    "log_driver",
    "log_opt",
    "mem_limit",
    "mem_reservation",
    "memswap_limit",
    "mem_swappiness",
    "mac_address",
    "models",
    "net",
    "network_mode",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "privileged",
    "pull_policy",
    "read_only",
    "restart",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
];

/// The attributes after [`ORDER`].
const ORDER_END: [&str; 15] = [
    "tty",
    "ulimits",
    "use_api_socket",
    "user",
    "userns_mode",
    "uts",
    "volume_driver",
    "volumes",
    "volumes_from",
    "working_dir",
    "pre_start",
    "post_start",
    "pre_stop",
    "pull_refresh_after",
    "umask",
];

/// The hash of a service, in hexadecimal digits: what is built, how many containers run and which services come first
/// does not go into it.
///
/// # Errors
/// When the service has no JSON form.
pub fn service_hash(service: &Service) -> Result<String, WriteError> {
    let mut service = service.clone();
    service.workload.build = None;
    service.workload.depends_on.clear();
    service.container.pull_policy.clear();
    service.scale = None;
    service.profiles.clear();
    if let Some(deploy) = &mut service.deploy {
        deploy.replicas = None;
    }
    let text = compact_json(&service)?;
    let mut attributes = attributes(&text);
    let listed = ORDER.iter().chain(&ORDER_END).filter_map(|name| attributes.remove_entry(*name)).collect::<Vec<_>>();
    let ordered: Vec<String> =
        listed.into_iter().chain(attributes).map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let ordered = format!("{{{}}}", ordered.join(","));
    let digest = Sha256::digest(ordered.as_bytes());
    let mut hexadecimal = String::with_capacity(64);
    for byte in digest {
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    Ok(hexadecimal)
}

/// The attributes of an object in compact JSON with their text, to the byte. Names of attributes need no escapes.
fn attributes(object: &str) -> BTreeMap<&str, &str> {
    let mut attributes = BTreeMap::new();
    let (mut depth, mut within_text, mut escaped) = (0, false, false);
    let (mut start, mut colon) = (1, None);
    for (index, byte) in object.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => within_text = !within_text,
            _ if within_text => {}
            b':' if depth == 1 => colon = colon.or(Some(index)),
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' => {
                if depth == 1
                    && let Some(colon) = colon.take()
                {
                    attributes.insert(object[start..colon].trim_matches('"'), &object[colon + 1..index]);
                    start = index + 1;
                }
                depth -= i32::from(byte != b',');
            }
            _ => {}
        }
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::super::model::ContainerSpec;
    use super::*;

    #[test]
    fn attributes_keep_their_text() {
        let found = attributes(r#"{"a":{"b":[1,"x,}\""]},"c":null,"d":"e:f"}"#);
        assert_eq!(found, BTreeMap::from([("a", r#"{"b":[1,"x,}\""]}"#), ("c", "null"), ("d", r#""e:f""#)]));
    }

    /// The expected hash is what `docker compose config --hash web` of Docker Compose 5.6 prints for
    /// `services: {web: {image: nginx, cpus: 1, labels: {a: "<b>"}, network_mode: none}}`.
    #[test]
    fn the_hash_is_that_of_docker_compose() {
        let container = ContainerSpec {
            image: "nginx".to_owned(),
            cpus: 1.0,
            labels: BTreeMap::from([("a".to_owned(), "<b>".to_owned())]),
            network_mode: "none".to_owned(),
            ..ContainerSpec::default()
        };
        let mut service = Service { container, ..Service::default() };
        let expected = "e4074cdf354588d4b5429cdb6deb9d35ae9c93501a1e9bd4c13771bb4353418e";
        assert_eq!(service_hash(&service).unwrap(), expected);
        service.scale = Some(3);
        service.profiles = vec!["x".to_owned()];
        assert_eq!(service_hash(&service).unwrap(), expected, "what does not count");
        service.container.image = "nginx:2".to_owned();
        assert_ne!(service_hash(&service).unwrap(), expected);
    }
}
