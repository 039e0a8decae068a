//! Values from Secrets are in Secrets alone, whatever goes wrong: known ones are planted in every way in, and looked for
//! in everything that may be read without the right to read Secrets.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::collector::Collector;
use crate::harness::registry::TestRegistry;
use crate::harness::{Cluster, Namespace, Operator, cluster, wait_for};

const VARIABLE: &str = "Zq1-planted-variable";
const TOKEN: &str = "Zq2-planted-token";
const ENV_FILE: &str = "Zq3-planted-env-file";
const CONFIG_FILE: &str = "Zq4-planted-config-file";
const SECRET_FILE: &str = "Zq5-planted-secret-file";
const DOCUMENT: &str = "Zq6-planted-document";
const EXTERNAL: &str = "Zq7-planted-external";
const PULL: &str = "Zq8-planted-pull";
/// What is in no Secret, and has to be found.
const OPEN: &str = "Zq9-planted-in-the-open";

/// With what the operator generates Secrets of.
const GENERATED: [&str; 6] = [VARIABLE, TOKEN, ENV_FILE, CONFIG_FILE, SECRET_FILE, DOCUMENT];

/// What a service can have wrong with a value from a Secret in it: further lines of the service, and a word of what is
/// said about it.
const FAULTS: [(&str, &str); 13] = [
    ("command: [serve, \"${PASSWORD}\"]", "command"),
    ("image: \"x:${PASSWORD}\"", "image"),
    ("ports: [\"${PASSWORD}:80\"]", "ports"),
    ("healthcheck: {test: [CMD, x], interval: \"${PASSWORD}\"}", "interval"),
    ("volumes: [\"/${PASSWORD}:/x\"]", "volumes"),
    ("volumes: [\"${PASSWORD}:/x\"]", "volumes"),
    ("labels: {a: \"${PASSWORD}\"}", "labels"),
    ("environment: {A: \"${MISSING:?ask ${PASSWORD}}\"}", "MISSING"),
    ("depends_on: [\"${PASSWORD}\"]", "depends_on"),
    ("deploy: {resources: {limits: {memory: \"${PASSWORD}\"}}}", "memory"),
    ("hostname: \"${PASSWORD}\"", "hostname"),
    ("env_file: [broken.env]", "broken.env"),
    ("environment: {A: \"${PASSWORD}\", ]", ""),
];

fn compose(service: &str, image: &str, inline: &str, further: &str) -> String {
    // A key that is given again has to take the place of the first.
    let own = |key: &str, text: String| if further.starts_with(key) { String::new() } else { format!("    {text}\n") };
    format!(
        "services:\n  {service}:\n{}{}{}    configs: [site]\n    secrets: [file, variable, outside]\n    {further}\n\
         configs: {{site: {{file: ./site.conf}}}}\nsecrets:\n  file: {{file: ./token}}\n  \
         variable: {{environment: TOKEN}}\n  outside: {{external: true}}\n",
        own("image", format!("image: {image}")),
        own("environment", format!("environment: {{URL: \"db://u:${{PASSWORD}}@db/x\", INLINE: {inline}}}")),
        own("env_file", "env_file: [secret.env]".to_owned()),
    )
}

#[test]
fn values_of_secrets_are_nowhere_but_in_secrets() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("planted");
    let registry = TestRegistry::start(Some(&format!("user:{PULL}")));
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"ExposedPorts": {"80/tcp": {}}}});
    let image = registry.push("team/app", &config);
    let mut ground = Ground { cluster, namespace: &namespace, kinds: kinds(&namespace), read: String::new(), pass: 0 };
    ground.plant(&registry.address.to_string());
    let collector = Collector::start();
    let args = ["--image-configs", "on", "--log-level", "debug", "--otlp-endpoint", &collector.url()];
    let mut operator = Operator::start(cluster, &[&namespace], &args);
    let none = json!({});
    let plain = |further: &str| [compose("back", &image, DOCUMENT, further), compose("web", &image, OPEN, further)];
    ground.offer(&plain(""), &none);
    generated_secrets_hold(&namespace, &GENERATED);
    assert!(!registry.asked().is_empty(), "the pull secret was not used");

    for (fault, word) in FAULTS {
        for status in ground.offer(&plain(fault), &none) {
            let said = json!([status["conditions"], status["warnings"]]).to_string();
            assert!(said.contains(word), "{fault}: {word:?} is not spoken of in {said}");
        }
    }
    // A registry that refuses, an API server that refuses a Secret, an account without rights, and a Secret that is gone.
    ground.offer(&plain("").map(|text| text.replace("team/app", "team/none")), &none);
    namespace.ok(&["create", "quota", "no-secrets", "--hard=secrets=1"]);
    ground.offer(&plain("").map(|text| text.replace("URL:", "LINK:")), &none);
    namespace.ok(&["delete", "quota", "no-secrets"]);
    namespace.ok(&["create", "serviceaccount", "nobody"]);
    ground.offer(&plain(""), &json!({"serviceAccountName": "nobody"}));
    namespace.ok(&["delete", "secret", "variables"]);
    ground.offer(&plain(""), &none);
    ground.plant(&registry.address.to_string());

    // It is put right, meddled with, restarted, emptied and deleted.
    ground.offer(&plain(""), &none);
    namespace.ok(&["delete", "deployment,service", "--all"]);
    wait_for("the repair", 20, || namespace.get("deployment", "web"));
    ground.hear(&operator);
    operator.terminate();
    let mut operator = Operator::start(cluster, &[&namespace], &args);
    // Both name the service alike, so that one of them has a conflict.
    let emptied = "services: {other: {image: x, environment: {A: \"${PASSWORD}\"}}}\n".to_owned();
    ground.offer(&[emptied.clone(), emptied], &none);
    namespace.ok(&["delete", "composestacks", "--all", "--cascade=foreground", "--timeout=60s"]);
    ground.hear(&operator);
    operator.terminate();
    ground.read.push_str(&collector.everything());
    ground.nothing_is_planted_in_what_was_read();
}

/// Where values are planted, and what could be read of it so far without the right to read Secrets.
struct Ground<'a> {
    cluster: &'a Cluster,
    namespace: &'a Namespace,
    kinds: String,
    read: String,
    pass: usize,
}

impl Ground<'_> {
    fn secret(&self, name: &str, kind: &str, data: &Value) {
        let metadata = json!({"name": name});
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": data});
        // Not by kubectl's own kind of apply, which puts the values into an annotation.
        let args = ["-n", &self.namespace.name, "apply", "--server-side", "-f", "-"];
        self.cluster.ok_with(&args, &secret.to_string());
    }

    fn plant(&self, registry: &str) {
        let pull = json!({"auths": {(registry): {"username": "user", "password": PULL}}});
        self.secret("pull", "kubernetes.io/dockerconfigjson", &json!({".dockerconfigjson": pull.to_string()}));
        self.secret("variables", "Opaque", &json!({"PASSWORD": VARIABLE, "TOKEN": TOKEN}));
        let broken = format!("{ENV_FILE} has no sign='{ENV_FILE}\n");
        let env = format!("FROM_FILE={ENV_FILE}\n");
        self.secret(
            "files",
            "Opaque",
            &json!({"env": env, "site": CONFIG_FILE, "token": SECRET_FILE, "broken": broken}),
        );
        self.secret("outside", "Opaque", &json!({"outside": EXTERNAL}));
    }

    /// Offers two documents, one as a Secret and one that everybody reads, with further fields of the specs, and returns
    /// the statuses once they are handled.
    fn offer(&mut self, documents: &[String; 2], further: &Value) -> [Value; 2] {
        self.pass += 1;
        let pass = self.pass.to_string();
        let [hidden, open] = documents;
        self.secret("document", "Opaque", &json!({"compose.yaml": hidden}));
        let sources = [
            ("hidden", json!({"composeFrom": [{"secretKeyRef": {"name": "document", "key": "compose.yaml"}}]})),
            ("open", json!({"composeFile": open})),
        ];
        let statuses = sources.map(|(name, mut spec)| {
            let common = json!({
                "envFrom": [{"secretRef": {"name": "variables"}}],
                "filesFrom": [{"secretRef": {"name": "files", "items": [
                    {"key": "env", "path": "secret.env"}, {"key": "site", "path": "site.conf"},
                    {"key": "token", "path": "token"}, {"key": "broken", "path": "broken.env"},
                ]}}],
                "imagePullSecrets": [{"name": "pull"}],
            });
            for fields in [&common, further] {
                spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            }
            let annotations = json!({"reconcile.compose-operator.dev/requestedAt": pass});
            let stack = json!({
                "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack",
                "metadata": {"name": name, "annotations": annotations}, "spec": spec,
            });
            let args = ["-n", &self.namespace.name, "apply", "--server-side", "-f", "-"];
            self.cluster.ok_with(&args, &stack.to_string());
            wait_for(&format!("{name} to be handled"), 30, || {
                let object = self.namespace.get("composestack", name)?;
                let conditions = object["status"]["conditions"].as_array()?;
                let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
                let handled = object["status"]["lastHandledReconcileAt"] == pass
                    && ready["observedGeneration"] == object["metadata"]["generation"];
                handled.then(|| object["status"].clone())
            })
        });
        self.look();
        statuses
    }

    fn look(&mut self) {
        self.read.push_str(&self.namespace.ok(&["get", &self.kinds, "-o", "yaml", "--show-managed-fields"]));
    }

    fn hear(&mut self, operator: &Operator) {
        self.look();
        self.read.push_str(&operator.get("/metrics").unwrap());
        self.read.push_str(&operator.log());
    }

    fn nothing_is_planted_in_what_was_read(&self) {
        let text = &self.read;
        for part in [OPEN, "DEBUG", "compose_operator_apply_total", "kind: Event", "fieldsV1", "load compose"] {
            assert!(text.contains(part), "{part} was not read");
        }
        let planted = GENERATED.into_iter().chain([EXTERNAL, PULL]);
        let mut hits = String::new();
        for value in planted.clone() {
            for needle in needles(value) {
                for (at, _) in text.match_indices(needle.as_str()) {
                    let before = text.floor_char_boundary(at.saturating_sub(300));
                    write!(hits, "--- {value}\n{}\n", &text[before..text.ceil_char_boundary(at + 100)]).unwrap();
                }
            }
        }
        assert!(hits.is_empty(), "{hits}");
        let passes = 2 * self.pass;
        println!("{} planted values in {passes} passes, none in {} bytes", planted.count(), text.len());
    }
}

/// All kinds of a namespace but Secrets.
fn kinds(namespace: &Namespace) -> String {
    let kinds = namespace.ok(&["api-resources", "--verbs=list", "--namespaced", "-o", "name"]);
    let kinds: Vec<&str> = kinds.lines().filter(|kind| *kind != "secrets").collect();
    assert!(kinds.contains(&"events.events.k8s.io"), "{kinds:?}");
    kinds.join(",")
}

/// The looking is worth nothing if the values are not there at all.
fn generated_secrets_hold(namespace: &Namespace, values: &[&str]) {
    let mut decoded = String::new();
    for secret in namespace.list("secrets", "compose-operator.dev/stack") {
        for value in secret["data"].as_object().unwrap().values() {
            let bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
            decoded.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    for value in values {
        assert!(decoded.contains(value), "{value} is in no generated Secret");
    }
}

/// A value as it is, and what of its base64 does not depend on what is around it.
fn needles(value: &str) -> Vec<String> {
    let mut needles = vec![value.to_owned()];
    for (before, cut) in [0, 2, 3].into_iter().enumerate() {
        let encoded = STANDARD.encode(format!("{}{value}", " ".repeat(before)));
        needles.push(encoded[cut..encoded.len() - 4].to_owned());
    }
    needles
}
