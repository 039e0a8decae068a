//! Files of variables: the project's own, of a service, in the raw format, and of labels.

#![no_main]

use compose_operator_fuzz::compose::ProjectTree;
use compose_operator_fuzz::{file, load, object, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let document = serde_json::json!({"services": {
        "a": {"image": "x:$A", "env_file": "e.env"},
        "b": {"image": "x", "env_file": {"path": "e.env", "format": "raw"}},
        "c": {"image": "x", "label_file": "e.env"},
    }});
    let mut files = ProjectTree::default();
    files.insert("/project/e.env".to_owned(), file(data, data.first() == Some(&b'#')));
    let mut options = options(vec![object(document)]);
    drop(load(&files, &options, data));
    files.insert("/project/.env".to_owned(), file(data, false));
    options.environment.clear();
    drop(load(&files, &options, data));
});
