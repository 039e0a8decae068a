//! The bugs that `make loader-mutants` plants still fit the loader.

use std::path::Path;

#[test]
fn every_bug_has_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let edits: Vec<_> = std::fs::read_dir(root.join("tests/loader_mutants")).unwrap().collect();
    assert_eq!(edits.len(), 20);
    for edit in edits {
        let edit = edit.unwrap().path();
        let text = std::fs::read_to_string(&edit).unwrap();
        let (file, rest) = text.split_once("\n<<<<\n").unwrap();
        let (old, rest) = rest.split_once("\n====\n").unwrap();
        assert!(rest.ends_with(">>>>\n"), "{}", edit.display());
        let source = std::fs::read_to_string(root.join(file)).unwrap();
        assert_eq!(source.matches(old).count(), 1, "{}: the text to replace has to be in {file} once", edit.display());
    }
}
