//! The attributes of a build.

use super::{
    ANY_STRING, BOOL, BOOLEAN, EXTRA_HOSTS, FILE_REFERENCES, INT, LIST_OR_DICT, Object, STRING, STRING_OR_LIST,
    STRINGS, Shape, ULIMITS,
};

pub(super) const BUILD: Shape = Shape::Either(&[ANY_STRING, Shape::Object(&ATTRIBUTES)]);

const ATTESTATION: Shape = Shape::Scalar(STRING.or(BOOLEAN));

static ATTRIBUTES: Object = Object::of(&[&[
    ("context", ANY_STRING),
    ("dockerfile", ANY_STRING),
    ("dockerfile_inline", ANY_STRING),
    ("entitlements", STRINGS),
    ("args", LIST_OR_DICT),
    ("ssh", LIST_OR_DICT),
    ("labels", LIST_OR_DICT),
    ("cache_from", STRINGS),
    ("cache_to", STRINGS),
    ("no_cache", BOOL),
    ("no_cache_filter", STRING_OR_LIST),
    ("additional_contexts", LIST_OR_DICT),
    ("network", ANY_STRING),
    ("provenance", ATTESTATION),
    ("sbom", ATTESTATION),
    ("pull", BOOL),
    ("target", ANY_STRING),
    ("shm_size", INT),
    ("extra_hosts", EXTRA_HOSTS),
    ("isolation", ANY_STRING),
    ("privileged", BOOL),
    ("secrets", FILE_REFERENCES),
    ("tags", STRINGS),
    ("ulimits", ULIMITS),
    ("platforms", STRINGS),
]]);
