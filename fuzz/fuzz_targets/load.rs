//! Whole projects of several files. A line `=== NAME` begins a file; names that begin with `compose` are documents,
//! `secret` in a name makes it a file from a Secret, the rest are files of the project.

#![no_main]

use compose_operator_fuzz::compose::{Document, DocumentBody, ProjectTree};
use compose_operator_fuzz::{file, load, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut documents = Vec::new();
    let mut files = ProjectTree::default();
    for (index, part) in text.split("=== ").enumerate() {
        let (name, content) = if index == 0 { ("compose.yaml", part) } else { part.split_once('\n').unwrap_or((part, "")) };
        let secret = name.contains("secret");
        if name.starts_with("compose") && documents.len() < 4 {
            let body = match serde_json::from_str(content) {
                Ok(value) => DocumentBody::Object(value),
                Err(_) => DocumentBody::Text(content.to_owned()),
            };
            documents.push(Document { name: name.to_owned(), body, secret });
        }
        files.insert(format!("/project/{name}"), file(content.as_bytes(), secret));
    }
    let mut options = options(documents);
    if text.contains("%all") {
        options.profiles.push("*".to_owned());
    }
    drop(load(&files, &options, data));
});
