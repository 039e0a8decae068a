//! Interpolation: a template, and after a NUL the value of a variable V.

#![no_main]

use compose_operator_fuzz::compose::{ProjectTree, Variable};
use compose_operator_fuzz::{load, object, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (template, value) = text.split_once('\0').unwrap_or((text, ""));
    let document = serde_json::json!({"services": {"a": {"image": "x", "hostname": template, "labels": [template]}}});
    let mut options = options(vec![object(document)]);
    options.environment.insert("V".to_owned(), Variable { value: value.to_owned(), secret: false });
    let outcome = load(&ProjectTree::default(), &options, data);
    if let (Ok(project), false) = (&outcome, template.contains('$')) {
        assert_eq!(project.services["a"].container.hostname, template);
    }
    let doubled = template.replace('$', "$$");
    let document = serde_json::json!({"services": {"a": {"image": "x", "hostname": doubled}}});
    options.documents = vec![object(document)];
    let project = load(&ProjectTree::default(), &options, data).expect("doubled dollars are plain ones");
    assert_eq!(project.services["a"].container.hostname, template);
});
