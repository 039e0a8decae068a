//! How long the loader's stages take within the process: `cargo bench`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may fail")]

use std::fmt::Write as _;
use std::hint::black_box;

use compose_operator::compose::{
    Document, DocumentBody, FileError, LoadOptions, ProjectFile, ProjectFiles, load, load_document, project_to_json,
    project_to_yaml,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// A project of one document.
struct NoFiles;

impl ProjectFiles for NoFiles {
    fn read(&self, _: &str) -> Result<ProjectFile, FileError> {
        Err(FileError::NotFound)
    }
}

/// Services as people write them: an anchor and a merge key, a base to extend, defaults of variables, short forms.
fn document(services: usize) -> String {
    let mut text = "name: bench\nx-environment: &environment {LOG_LEVEL: \"${LOG_LEVEL:-info}\", REGION: eu-1}\n\
                    services:\n  base: {image: base, restart: unless-stopped}\n"
        .to_owned();
    for number in 0..services {
        write!(
            text,
            "  service-{number}:\n    extends: {{service: base}}\n    image: team/service-{number}:${{TAG:-1.0}}\n    \
             environment: {{<<: *environment, NAME: service-{number}}}\n    ports: [\"{}:80\"]\n    \
             volumes: [\"data:/data\", \"./conf:/etc/conf:ro\"]\n    networks: [front, back]\n    \
             healthcheck: {{test: [CMD, check], interval: 10s}}\n    labels: {{com.example.number: \"{number}\"}}\n",
            8000 + number
        )
        .unwrap();
        if number > 0 {
            writeln!(text, "    depends_on: [service-{}]", number - 1).unwrap();
        }
    }
    text + "networks: {front: {}, back: {internal: true}}\nvolumes: {data: {}}\n"
}

fn options(text: &str) -> LoadOptions {
    let body = DocumentBody::Text(text.to_owned());
    LoadOptions {
        documents: vec![Document { name: "compose.yaml".to_owned(), body, secret: false }],
        project_directory: "/project".to_owned(),
        ..LoadOptions::default()
    }
}

fn loader(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loader");
    for services in [3, 100, 1000] {
        let text = document(services);
        let options = options(&text);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("document", services), &options, |bencher, options| {
            bencher.iter(|| load_document(&NoFiles, black_box(options)).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("project", services), &options, |bencher, options| {
            bencher.iter(|| load(&NoFiles, black_box(options)).unwrap());
        });
        let project = load(&NoFiles, &options).unwrap();
        group.bench_with_input(BenchmarkId::new("json", services), &project, |bencher, project| {
            bencher.iter(|| project_to_json(black_box(project)).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("yaml", services), &project, |bencher, project| {
            bencher.iter(|| project_to_yaml(black_box(project)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, loader);
criterion_main!(benches);
