//! Documents that arrive as objects, after kubectl read them as YAML 1.1 and dropped what is null.

use serde_json::json;

use super::Fixture;
use crate::compose::DocumentBody;

fn object(value: serde_json::Value) -> Fixture {
    let mut fixture = Fixture::default().document(DocumentBody::Object(value), false);
    fixture.options.project_directory = "/project".to_owned();
    fixture.options.project_name = Some("demo".to_owned());
    fixture
}

#[test]
fn an_object_loads_as_its_text_does() {
    let value = json!({
        "services": {"a": {"image": "x", "ports": ["8080:80", 81], "environment": ["A=b"], "scale": 2}},
        "volumes": {"v": null},
    });
    let text = serde_json::to_string(&value).unwrap();
    let from_object = object(value).project();
    assert_eq!(serde_json::to_value(&from_object).unwrap(), Fixture::new(&text).json());
    assert!(from_object.positions.get("services").is_none(), "an object has no lines");
}

#[test]
fn restart_no_arrives_as_false() {
    let project = object(json!({"services": {"a": {"image": "x", "restart": false}}})).project();
    assert_eq!(project.services["a"].restart, "no");
}

#[test]
fn booleans_in_the_environment_are_explained() {
    let project = object(json!({"services": {"a": {"image": "x", "environment": {"ON": true}}}})).project();
    assert_eq!(project.services["a"].container.environment["ON"].as_deref(), Some("true"));
    let [warning] = project.warnings.as_slice() else { panic!("one warning is expected: {:?}", project.warnings) };
    assert_eq!((warning.reason, warning.path.as_str()), ("BooleanInEnvironment", "services.a.environment.ON"));
    assert!(warning.message.contains("quotes"));
    let text = Fixture::new("services: {a: {image: x, environment: {ON: true}}}\n").project();
    assert!(text.warnings.is_empty(), "a text says what it says");
}

#[test]
fn a_definition_that_was_dropped_on_the_way_is_explained() {
    let value = json!({"services": {"a": {"image": "x", "volumes": ["data:/x"], "networks": ["back"]}}, "volumes": {}});
    let fixture = object(value);
    let complaint = fixture.complaint();
    for cure in ["data: {}", "back: {}", "composeFile", "--server-side"] {
        assert!(complaint.contains(cure), "{cure}: {complaint}");
    }
    let text = Fixture::new("services: {a: {image: x, volumes: ['data:/x']}}\n").complaint();
    assert!(!text.contains("kubectl"), "{text}");
}
