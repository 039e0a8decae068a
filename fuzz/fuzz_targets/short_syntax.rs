//! The short forms of attributes, one a line: a port, a mount, a duration, a size, a command, a device, a host.

#![no_main]

use compose_operator_fuzz::compose::ProjectTree;
use compose_operator_fuzz::{load, object, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or("1");
    let document = serde_json::json!({"services": {"a": {
        "image": "x",
        "ports": [line()],
        "volumes": [line()],
        "stop_grace_period": line(),
        "mem_limit": line(),
        "command": line(),
        "devices": [line()],
        "extra_hosts": [line()],
        "expose": [line()],
        "environment": [line()],
        "env_file": [line()],
        "cpus": line(),
        "ulimits": {"nofile": line()},
        "build": {"context": line(), "ssh": [line()]},
    }}});
    drop(load(&ProjectTree::default(), &options(vec![object(document)]), data));
});
