//! How long the stages of a conversion take within the process, from a loaded project to its text: `cargo bench`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may fail")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;

use compose_operator::api::v1alpha1::ComposeStackSpec;
use compose_operator::compose::{Document, DocumentBody, LoadOptions, Project, ProjectTree, load};
use compose_operator::parallel::Threads;
use compose_operator::policy::Policy;
use compose_operator::translate::{Facts, PROJECT_DIRECTORY, Plan, Stack, translate_on};
use compose_operator::yaml::{Kubernetes, Out, append};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Services with a port, a volume and a dependency each, as those of `make bench`.
fn project(services: usize) -> Project {
    let mut text = "name: bench\nservices:\n".to_owned();
    for number in 0..services {
        write!(
            text,
            "  service-{number}:\n    image: registry.example.com/team/service-{number}:1.{number}\n    \
             ports: [\"{}:8080\"]\n    volumes: [\"data-{number}:/var/lib/data\"]\n",
            10_000 + number
        )
        .unwrap();
        if number > 0 {
            writeln!(text, "    depends_on: [service-{}]", number - 1).unwrap();
        }
    }
    text += "volumes:\n";
    for number in 0..services {
        writeln!(text, "  data-{number}: {{}}").unwrap();
    }
    let options = LoadOptions {
        documents: vec![Document { name: "compose.yaml".to_owned(), body: DocumentBody::Text(text), secret: false }],
        project_directory: PROJECT_DIRECTORY.to_owned(),
        ..LoadOptions::default()
    };
    load(&ProjectTree::default(), &options).unwrap()
}

fn stack() -> Stack {
    Stack {
        name: "bench".to_owned(),
        namespace: String::new(),
        uid: None,
        spec: ComposeStackSpec::default(),
        files: ProjectTree::default(),
        environment: BTreeMap::new(),
        hash_key: b"bench".to_vec(),
    }
}

fn written(plan: &Plan) -> String {
    let mut out = Out::default();
    for object in plan.objects() {
        append::<Kubernetes>(&mut out, &object).unwrap();
    }
    out.text
}

fn convert(criterion: &mut Criterion) {
    let (stack, facts, policy) = (stack(), Facts::default(), Policy::default());
    let mut group = criterion.benchmark_group("convert");
    for services in [3, 100, 1000] {
        let project = project(services);
        let translated = |threads| translate_on(threads, black_box(&project), &stack, &facts, &policy);
        for (stage, threads) in [("translate", Threads::One), ("translate in parallel", Threads::EachProcessor)] {
            group.throughput(Throughput::Elements(services as u64));
            group.bench_function(BenchmarkId::new(stage, services), |bencher| bencher.iter(|| translated(threads)));
        }
        let plan = translated(Threads::One);
        group.throughput(Throughput::Bytes(written(&plan).len() as u64));
        group.bench_with_input(BenchmarkId::new("yaml", services), &plan, |bencher, plan| {
            bencher.iter(|| written(black_box(plan)));
        });
    }
    group.finish();
}

criterion_group!(benches, convert);
criterion_main!(benches);
