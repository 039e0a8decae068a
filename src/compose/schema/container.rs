//! The attributes of a container: of services, jobs and `pre_start` hooks.

use super::{
    ANY_STRING, Attribute, BOOL, BOOLEAN, COMMAND, DECIMAL, EXTRA_HOSTS, FILE_REFERENCES, INT, INTEGER, Keys,
    LIST_OR_DICT, NULL, NUMBER, OPTIONS, Object, STRING, STRING_OR_LIST, STRING_OR_NULL, STRING_SET, STRINGS, Shape,
    ULIMITS,
};

pub(super) const CONTAINER: &[Attribute] = &[
    ("annotations", LIST_OR_DICT),
    ("blkio_config", Shape::Object(&BLKIO)),
    ("cap_add", STRING_SET),
    ("cap_drop", STRING_SET),
    ("cgroup", Shape::Word(&["host", "private"])),
    ("cgroup_parent", ANY_STRING),
    ("command", COMMAND),
    ("configs", FILE_REFERENCES),
    ("cpu_count", Shape::Bounded(INTEGER.or(STRING), 0, i64::MAX)),
    ("cpu_percent", Shape::Bounded(INTEGER.or(STRING), 0, 100)),
    ("cpu_shares", DECIMAL),
    ("cpu_quota", DECIMAL),
    ("cpu_period", DECIMAL),
    ("cpu_rt_period", DECIMAL),
    ("cpu_rt_runtime", DECIMAL),
    ("cpus", DECIMAL),
    ("cpuset", ANY_STRING),
    ("credential_spec", Shape::Object(&CREDENTIAL_SPEC)),
    ("device_cgroup_rules", STRING_SET),
    ("devices", Shape::List(&Shape::Either(&[ANY_STRING, Shape::Object(&DEVICE)]))),
    ("dns", STRING_OR_LIST),
    ("dns_opt", STRING_SET),
    ("dns_search", STRING_OR_LIST),
    ("domainname", ANY_STRING),
    ("entrypoint", COMMAND),
    ("env_file", ENV_FILE),
    ("label_file", Shape::Either(&[ANY_STRING, STRINGS])),
    ("environment", LIST_OR_DICT),
    ("extra_hosts", EXTRA_HOSTS),
    ("gpus", GPUS),
    ("group_add", Shape::Set(&Shape::Scalar(STRING.or(NUMBER)))),
    ("hostname", ANY_STRING),
    ("image", ANY_STRING),
    ("init", BOOL),
    ("ipc", ANY_STRING),
    ("isolation", ANY_STRING),
    ("labels", LIST_OR_DICT),
    ("logging", Shape::Object(&LOGGING)),
    ("mac_address", ANY_STRING),
    ("mem_limit", DECIMAL),
    ("mem_reservation", INT),
    ("mem_swappiness", INT),
    ("memswap_limit", DECIMAL),
    ("network_mode", ANY_STRING),
    ("models", Shape::Either(&[STRING_SET, Shape::Entries(&MODEL, Keys::LooseNames)])),
    ("networks", Shape::Either(&[STRING_SET, Shape::Entries(&NETWORK, Keys::Names)])),
    ("oom_kill_disable", BOOL),
    ("oom_score_adj", Shape::Bounded(INTEGER.or(STRING), -1000, 1000)),
    ("pid", STRING_OR_NULL),
    ("pids_limit", DECIMAL),
    ("platform", ANY_STRING),
    ("privileged", BOOL),
    ("pull_policy", Shape::Text(is_pull_policy, PULL_POLICIES, PULL_POLICY)),
    ("pull_refresh_after", ANY_STRING),
    ("read_only", BOOL),
    ("runtime", ANY_STRING),
    ("security_opt", STRING_SET),
    ("shm_size", DECIMAL),
    ("secrets", FILE_REFERENCES),
    ("sysctls", LIST_OR_DICT),
    ("stop_grace_period", ANY_STRING),
    ("stop_signal", ANY_STRING),
    ("storage_opt", Shape::Entries(&Shape::Any, Keys::Any)),
    ("tmpfs", STRING_OR_LIST),
    ("ulimits", ULIMITS),
    ("umask", Shape::Bounded(INTEGER.or(STRING).or(NULL), 0, 4_294_967_295)),
    ("use_api_socket", Shape::Scalar(BOOLEAN)),
    ("user", ANY_STRING),
    ("uts", ANY_STRING),
    ("userns_mode", ANY_STRING),
    ("volumes", Shape::Set(&Shape::Either(&[ANY_STRING, Shape::Object(&MOUNT)]))),
    ("volumes_from", STRING_SET),
    ("working_dir", ANY_STRING),
];

const PULL_POLICIES: &str =
    "always, never, build, missing, if_not_present, refresh, daily, weekly or every_ with a span such as every_12h";

/// The same as [`is_pull_policy`].
const PULL_POLICY: &str = "^(always|never|build|missing|if_not_present|refresh|daily|weekly|every_([0-9]+[wdhms])+)$";

fn is_pull_policy(text: &str) -> bool {
    if let Some(span) = text.strip_prefix("every_") {
        let mut digits = 0;
        for c in span.chars() {
            match c {
                '0'..='9' => digits += 1,
                'w' | 'd' | 'h' | 'm' | 's' if digits > 0 => digits = 0,
                _ => return false,
            }
        }
        return !span.is_empty() && digits == 0;
    }
    matches!(text, "always" | "never" | "build" | "if_not_present" | "missing" | "refresh" | "daily" | "weekly")
}

const BLKIO_LIMITS: Shape =
    Shape::List(&Shape::Object(&Object::of(&[&[("path", ANY_STRING), ("rate", INT)]]).closed()));

static BLKIO: Object = Object::of(&[&[
    ("device_read_bps", BLKIO_LIMITS),
    ("device_read_iops", BLKIO_LIMITS),
    ("device_write_bps", BLKIO_LIMITS),
    ("device_write_iops", BLKIO_LIMITS),
    ("weight", INT),
    ("weight_device", Shape::List(&Shape::Object(&Object::of(&[&[("path", ANY_STRING), ("weight", INT)]]).closed()))),
]])
.closed();

static CREDENTIAL_SPEC: Object =
    Object::of(&[&[("config", ANY_STRING), ("file", ANY_STRING), ("registry", ANY_STRING)]]);

static DEVICE: Object = Object::of(&[&[("source", ANY_STRING), ("target", ANY_STRING), ("permissions", ANY_STRING)]])
    .requiring(&["source"]);

const ENV_FILE: Shape = Shape::Either(&[
    ANY_STRING,
    Shape::List(&Shape::Either(&[
        ANY_STRING,
        Shape::Object(
            &Object::of(&[&[("path", ANY_STRING), ("format", ANY_STRING), ("required", BOOL)]])
                .requiring(&["path"])
                .closed(),
        ),
    ])),
]);

/// What a request for devices says.
pub(super) const DEVICE_REQUEST: &[Attribute] = &[
    ("capabilities", STRING_SET),
    ("count", INT),
    ("device_ids", STRING_SET),
    ("driver", ANY_STRING),
    ("options", LIST_OR_DICT),
];

const GPUS: Shape = Shape::Either(&[
    Shape::Word(&["all"]),
    Shape::List(&Shape::Object(&Object { open: true, ..Object::of(&[DEVICE_REQUEST]) })),
]);

static LOGGING: Object = Object::of(&[&[
    ("driver", ANY_STRING),
    ("options", Shape::Entries(&Shape::Scalar(STRING.or(NUMBER).or(NULL)), Keys::Any)),
]]);

const MODEL: Shape = Shape::Either(&[
    Shape::Scalar(NULL),
    Shape::Object(&Object::of(&[&[("endpoint_var", ANY_STRING), ("model_var", ANY_STRING)]])),
]);

const NETWORK: Shape = Shape::Either(&[
    Shape::Scalar(NULL),
    Shape::Object(&Object::of(&[&[
        ("aliases", STRING_SET),
        ("interface_name", ANY_STRING),
        ("ipv4_address", ANY_STRING),
        ("ipv6_address", ANY_STRING),
        ("link_local_ips", STRING_SET),
        ("mac_address", ANY_STRING),
        ("driver_opts", OPTIONS),
        ("priority", Shape::Scalar(NUMBER)),
        ("gw_priority", Shape::Scalar(NUMBER)),
        ("use_service_name_alias", BOOL),
    ]])),
]);

static MOUNT: Object = Object::of(&[&[
    ("type", Shape::Word(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"])),
    ("source", ANY_STRING),
    ("target", ANY_STRING),
    ("read_only", BOOL),
    ("consistency", ANY_STRING),
    (
        "bind",
        Shape::Object(&Object::of(&[&[
            ("propagation", ANY_STRING),
            ("create_host_path", BOOL),
            ("recursive", Shape::Word(&["enabled", "disabled", "writable", "readonly"])),
            ("selinux", Shape::Word(&["z", "Z"])),
        ]])),
    ),
    ("volume", Shape::Object(&Object::of(&[&[("labels", LIST_OR_DICT), ("nocopy", BOOL), ("subpath", ANY_STRING)]]))),
    (
        "tmpfs",
        Shape::Object(&Object::of(&[&[("size", Shape::Bounded(INTEGER.or(STRING), 0, i64::MAX)), ("mode", DECIMAL)]])),
    ),
    ("image", Shape::Object(&Object::of(&[&[("subpath", ANY_STRING)]]))),
]])
.requiring(&["type"]);
