//! The attributes of a deployment.

use super::container::DEVICE_REQUEST;
use super::{ANY_STRING, DECIMAL, INT, LIST_OR_DICT, NULL, Object, STRINGS, Shape};

pub(super) const DEPLOY: Shape = Shape::Either(&[Shape::Scalar(NULL), Shape::Object(&ATTRIBUTES)]);

static ATTRIBUTES: Object = Object::of(&[&[
    ("mode", ANY_STRING),
    ("endpoint_mode", ANY_STRING),
    ("replicas", INT),
    ("labels", LIST_OR_DICT),
    ("rollback_config", Shape::Object(&UPDATE)),
    ("update_config", Shape::Object(&UPDATE)),
    ("resources", Shape::Object(&RESOURCES)),
    (
        "restart_policy",
        Shape::Object(&Object::of(&[&[
            ("condition", ANY_STRING),
            ("delay", ANY_STRING),
            ("max_attempts", INT),
            ("window", ANY_STRING),
        ]])),
    ),
    (
        "placement",
        Shape::Object(&Object::of(&[&[
            ("constraints", STRINGS),
            ("preferences", Shape::List(&Shape::Object(&Object::of(&[&[("spread", ANY_STRING)]])))),
            ("max_replicas_per_node", INT),
        ]])),
    ),
]]);

static UPDATE: Object = Object::of(&[&[
    ("parallelism", INT),
    ("delay", ANY_STRING),
    ("failure_action", ANY_STRING),
    ("monitor", ANY_STRING),
    ("max_failure_ratio", DECIMAL),
    ("order", Shape::Word(&["start-first", "stop-first"])),
]]);

static RESOURCES: Object = Object::of(&[&[
    ("limits", Shape::Object(&Object::of(&[&[("cpus", DECIMAL), ("memory", ANY_STRING), ("pids", INT)]]))),
    (
        "reservations",
        Shape::Object(&Object::of(&[&[
            ("cpus", DECIMAL),
            ("memory", ANY_STRING),
            ("generic_resources", Shape::List(&Shape::Object(&GENERIC_RESOURCE))),
            ("devices", Shape::List(&Shape::Object(&Object::of(&[DEVICE_REQUEST]).requiring(&["capabilities"])))),
        ]])),
    ),
]]);

static GENERIC_RESOURCE: Object = Object::of(&[&[(
    "discrete_resource_spec",
    Shape::Object(&Object::of(&[&[("kind", ANY_STRING), ("value", DECIMAL)]])),
)]]);
