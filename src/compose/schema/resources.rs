//! The top level of a document, and what it defines besides services and jobs.

use super::service::{JOB, SERVICE};
use super::{
    ANY_STRING, BOOL, BOOLEAN, INTEGER, Keys, LIST_OR_DICT, NULL, OPTIONS, Object, STRING, STRING_OR_LIST, STRINGS,
    Shape,
};

pub(super) static DOCUMENT: Object = Object::of(&[&[
    ("version", ANY_STRING),
    ("name", ANY_STRING),
    ("include", Shape::List(&INCLUDE)),
    ("services", Shape::Entries(&Shape::Object(&SERVICE), Keys::Names)),
    ("jobs", Shape::Entries(&Shape::Object(&JOB), Keys::Names)),
    ("models", Shape::Entries(&Shape::Object(&MODEL), Keys::Names)),
    ("networks", Shape::Entries(&NETWORK, Keys::Names)),
    ("volumes", Shape::Entries(&VOLUME, Keys::Names)),
    ("secrets", Shape::Entries(&Shape::Object(&SECRET), Keys::Names)),
    ("configs", Shape::Entries(&Shape::Object(&CONFIG), Keys::Names)),
]]);

const INCLUDE: Shape = Shape::Either(&[
    ANY_STRING,
    Shape::Object(
        &Object::of(&[&[("path", STRING_OR_LIST), ("env_file", STRING_OR_LIST), ("project_directory", ANY_STRING)]])
            .closed(),
    ),
]);

const EXTERNAL: Shape =
    Shape::Either(&[Shape::Scalar(BOOLEAN.or(STRING)), Shape::Object(&Object::of(&[&[("name", ANY_STRING)]]))]);

/// The same, where the schema forgot to refuse other keys.
const LOOSE_EXTERNAL: Shape = Shape::Either(&[
    Shape::Scalar(BOOLEAN.or(STRING)),
    Shape::Object(&Object { open: true, ..Object::of(&[&[("name", ANY_STRING)]]) }),
]);

const STRING_ENTRIES: Shape = Shape::Entries(&ANY_STRING, Keys::Any);

const NETWORK: Shape = Shape::Either(&[
    Shape::Scalar(NULL),
    Shape::Object(&Object::of(&[&[
        ("name", ANY_STRING),
        ("driver", ANY_STRING),
        ("driver_opts", OPTIONS),
        (
            "ipam",
            Shape::Object(&Object::of(&[&[
                ("driver", ANY_STRING),
                (
                    "config",
                    Shape::List(&Shape::Object(&Object::of(&[&[
                        ("subnet", ANY_STRING),
                        ("ip_range", ANY_STRING),
                        ("gateway", ANY_STRING),
                        ("aux_addresses", STRING_ENTRIES),
                    ]]))),
                ),
                ("options", STRING_ENTRIES),
            ]])),
        ),
        ("external", EXTERNAL),
        ("internal", BOOL),
        ("enable_ipv4", BOOL),
        ("enable_ipv6", BOOL),
        ("attachable", BOOL),
        ("labels", LIST_OR_DICT),
    ]])),
]);

const VOLUME: Shape = Shape::Either(&[
    Shape::Scalar(NULL),
    Shape::Object(&Object::of(&[&[
        ("name", ANY_STRING),
        ("driver", ANY_STRING),
        ("driver_opts", OPTIONS),
        ("external", EXTERNAL),
        ("labels", LIST_OR_DICT),
    ]])),
]);

static SECRET: Object = Object::of(&[&[
    ("name", ANY_STRING),
    ("environment", ANY_STRING),
    ("file", ANY_STRING),
    ("external", LOOSE_EXTERNAL),
    ("labels", LIST_OR_DICT),
    ("driver", ANY_STRING),
    ("driver_opts", OPTIONS),
    ("template_driver", ANY_STRING),
]]);

static CONFIG: Object = Object::of(&[&[
    ("name", ANY_STRING),
    ("content", ANY_STRING),
    ("environment", ANY_STRING),
    ("file", ANY_STRING),
    ("external", LOOSE_EXTERNAL),
    ("labels", LIST_OR_DICT),
    ("template_driver", ANY_STRING),
]]);

static MODEL: Object = Object::of(&[&[
    ("name", ANY_STRING),
    ("model", ANY_STRING),
    ("context_size", Shape::Scalar(INTEGER)),
    ("runtime_flags", STRINGS),
]])
.requiring(&["model"]);
