//! The attributes of services and jobs besides those of their containers.

use super::build::BUILD;
use super::container::CONTAINER;
use super::deploy::DEPLOY;
use super::{
    ANY_STRING, Attribute, BOOL, BOOLEAN, COMMAND, DECIMAL, INT, Keys, LIST_OR_DICT, NULL, NUMBER, Object, STRING,
    STRING_OR_LIST, STRING_SET, STRINGS, Shape,
};

pub(super) static SERVICE: Object = Object::of(&[CONTAINER, WORKLOAD, OWN]);

pub(super) static JOB: Object =
    Object::of(&[CONTAINER, WORKLOAD, &[("profiles", STRING_SET), ("triggers", Shape::Object(&TRIGGERS))]])
        .requiring(&["triggers"]);

const OWN: &[Attribute] = &[
    ("deploy", DEPLOY),
    ("develop", Shape::Either(&[Shape::Scalar(NULL), Shape::Object(&DEVELOP)])),
    ("profiles", STRING_SET),
    ("restart", ANY_STRING),
    ("scale", INT),
    ("attach", BOOL),
    (
        "container_name",
        Shape::Text(
            is_container_name,
            "a name with at least two of letters, digits and '_.-'",
            "[a-zA-Z0-9][a-zA-Z0-9_.-]",
        ),
    ),
    ("provider", Shape::Object(&PROVIDER)),
    (
        "extends",
        Shape::Either(&[
            ANY_STRING,
            Shape::Object(
                &Object::of(&[&[("service", ANY_STRING), ("file", ANY_STRING)]]).requiring(&["service"]).closed(),
            ),
        ]),
    ),
    ("links", STRING_SET),
    ("external_links", STRING_SET),
    ("pre_start", Shape::List(&Shape::Object(&Object::of(&[CONTAINER, &[("per_replica", BOOL)]])))),
    ("post_start", Shape::List(&HOOK)),
    ("pre_stop", Shape::List(&HOOK)),
];

/// The schema asks for a name somewhere in the text, not for the text to be one.
fn is_container_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes
        .windows(2)
        .any(|pair| pair[0].is_ascii_alphanumeric() && (pair[1].is_ascii_alphanumeric() || b"_.-".contains(&pair[1])))
}

const HOOK: Shape = Shape::Object(
    &Object::of(&[&[
        ("command", COMMAND),
        ("user", ANY_STRING),
        ("privileged", BOOL),
        ("working_dir", ANY_STRING),
        ("environment", LIST_OR_DICT),
    ]])
    .requiring(&["command"]),
);

const WORKLOAD: &[Attribute] = &[
    ("build", BUILD),
    ("depends_on", Shape::Either(&[STRING_SET, Shape::Entries(&DEPENDENCY, Keys::Names)])),
    ("healthcheck", Shape::Object(&HEALTHCHECK)),
    ("ports", Shape::Set(&Shape::Either(&[Shape::Scalar(NUMBER.or(STRING)), Shape::Object(&PORT)]))),
    ("expose", Shape::Set(&DECIMAL)),
    ("stdin_open", BOOL),
    ("tty", BOOL),
];

const DEPENDENCY: Shape = Shape::Object(
    &Object::of(&[&[
        ("restart", BOOL),
        ("required", Shape::Scalar(BOOLEAN)),
        ("condition", Shape::Word(&["service_started", "service_healthy", "service_completed_successfully"])),
    ]])
    .requiring(&["condition"]),
);

static HEALTHCHECK: Object = Object::of(&[&[
    ("disable", BOOL),
    ("interval", ANY_STRING),
    ("retries", DECIMAL),
    ("test", Shape::Either(&[ANY_STRING, STRINGS])),
    ("timeout", ANY_STRING),
    ("start_period", ANY_STRING),
    ("start_interval", ANY_STRING),
]]);

static PORT: Object = Object::of(&[&[
    ("name", ANY_STRING),
    ("mode", ANY_STRING),
    ("host_ip", ANY_STRING),
    ("target", INT),
    ("published", INT),
    ("protocol", ANY_STRING),
    ("app_protocol", ANY_STRING),
]]);

const OPTION: Shape = Shape::Scalar(STRING.or(NUMBER).or(BOOLEAN));

static PROVIDER: Object = Object::of(&[&[
    ("type", ANY_STRING),
    ("options", Shape::Entries(&Shape::Either(&[OPTION, Shape::List(&OPTION)]), Keys::Any)),
]])
.requiring(&["type"]);

static DEVELOP: Object = Object::of(&[&[(
    "watch",
    Shape::List(&Shape::Object(
        &Object::of(&[&[
            ("ignore", STRING_OR_LIST),
            ("include", STRING_OR_LIST),
            ("path", ANY_STRING),
            ("action", Shape::Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"])),
            ("target", ANY_STRING),
            ("exec", HOOK),
            ("initial_sync", Shape::Scalar(BOOLEAN)),
        ]])
        .requiring(&["path", "action"]),
    )),
)]]);

static TRIGGERS: Object = Object {
    any_of: &["manual", "schedule"],
    ..Object::of(&[&[
        ("manual", BOOL),
        ("schedule", Shape::List(&Shape::Either(&[ANY_STRING, Shape::Object(&SCHEDULE)]))),
    ]])
};

static SCHEDULE: Object = Object::of(&[&[
    ("cron", ANY_STRING),
    ("timezone", ANY_STRING),
    ("concurrency", Shape::Word(&["forbid", "queue"])),
    ("missed_fires", Shape::Word(&["one", "skip"])),
]])
.requiring(&["cron"]);
