//! Changes of a ComposeStack's spec: every field of it, every value of those that have few, and what is wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::catalogue::{BASE, object};

/// What a change leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// To another declared state.
    On,
    /// To the same declared state: it is about when, not about what.
    Nowhere,
    /// To an error with this reason, which speaks of this. What runs is left alone.
    ToError(&'static str, &'static str),
    /// Not past the API server, which speaks of this.
    ToRefusal(&'static str),
}

impl Leads {
    /// Whether it is wrong.
    pub fn is_wrong(self) -> bool {
        matches!(self, Self::ToError(..) | Self::ToRefusal(_))
    }
}

/// A change of the spec.
#[derive(Clone, Debug)]
pub struct Change {
    pub name: &'static str,
    /// Changes of one group exclude each other.
    pub group: &'static str,
    pub patch: Value,
    pub leads: Leads,
}

/// What the changes refer to, for every namespace.
pub fn inputs() -> Vec<Value> {
    let document = BASE.replace("db:1", "db:from-a-reference");
    vec![
        object("ConfigMap", "walk-documents", &json!({"data": {"compose.yaml": document}})),
        object("Secret", "walk-documents", &json!({"stringData": {"compose.yaml": document}})),
        object("ConfigMap", "walk-files", &json!({"data": {"mapped.env": "MAPPED=1", "other": "MAPPED=2"}})),
        object("Secret", "walk-files", &json!({"stringData": {"secret.env": "HIDDEN=1", "other": "HIDDEN=2"}})),
        object("ConfigMap", "walk-env", &json!({"data": {"COLOUR": "blue", "TAG": "2"}})),
        object("Secret", "walk-env", &json!({"stringData": {"COLOUR": "red"}})),
        object("Service", "walk-foreign", &json!({"spec": {"ports": [{"port": 1}]}})),
    ]
}

/// Every change.
pub fn changes() -> Vec<Change> {
    let mut changes = Vec::new();
    let mut on = |name, group, patch| changes.push(Change { name, group, patch, leads: Leads::On });
    documents(&mut on);
    inputs_and_settings(&mut on);
    surroundings(&mut on);
    let mut elsewhere = |name, group, patch, leads| changes.push(Change { name, group, patch, leads });
    elsewhere("interval 30m", "interval", json!({"interval": "30m"}), Leads::Nowhere);
    elsewhere("progressDeadline 5m", "progressDeadline", json!({"progressDeadline": "5m"}), Leads::Nowhere);
    elsewhere("unsupported Fail", "unsupported", json!({"unsupported": "Fail"}), Leads::Nowhere);
    elsewhere("suspend", "suspend", json!({"suspend": true, "env": {"TAG": "held-back"}}), Leads::Nowhere);
    elsewhere("prune false", "prune", json!({"prune": false}), Leads::Nowhere);
    errors(&mut elsewhere);
    changes
}

fn documents(on: &mut impl FnMut(&'static str, &'static str, Value)) {
    let object: Value = serde_saphyr::from_str(&BASE.replace("db:1", "db:as-an-object")).unwrap();
    on("composeFile", "document", json!({"composeFile": BASE.replace("db:1", "db:another")}));
    on("compose", "document", json!({"composeFile": null, "compose": object}));
    for (name, reference) in [("composeFrom ConfigMap", "configMapKeyRef"), ("composeFrom Secret", "secretKeyRef")] {
        let source = json!({reference: {"name": "walk-documents", "key": "compose.yaml"}});
        on(name, "document", json!({"composeFile": null, "composeFrom": [source]}));
    }
    let replaced = json!({"services": {"web": {"image": "registry.example.com/web:override"}}});
    on("overrides object", "overrides", json!({"overrides": [replaced]}));
    let one_less = "services: {web: {depends_on: !reset null}, db: !reset null}";
    on("overrides text", "overrides", json!({"overrides": [one_less]}));
    let kept = json!({"prune": false, "overrides": [one_less]});
    on("a service less, kept", "overrides", kept);
    let job = json!({"services": {"walk-job": {"image": "x", "restart": "no", "networks": ["front"]}}, "networks": {"front": {}}});
    on("a job more", "overrides", json!({"overrides": [job]}));
    let node = json!({"services": {"web": {"deploy": {"mode": "global"}}}});
    on("another kind of workload", "overrides", json!({"overrides": [node]}));
    let socket = json!({"services": {"web": {"use_api_socket": true, "image": "registry.example.com/web:socket"}}});
    on("unsupported Warn", "overrides", json!({"overrides": [socket], "unsupported": "Warn"}));
}

fn inputs_and_settings(on: &mut impl FnMut(&'static str, &'static str, Value)) {
    on("files", "files", json!({"files": {"web.env": "PLAIN=1"}}));
    on("binaryFiles", "files", json!({"binaryFiles": {"binary.env": STANDARD.encode("BINARY=1")}}));
    let item = |path| json!([{"key": "other", "path": path, "mode": 256}]);
    on("filesFrom ConfigMap", "filesFrom", json!({"filesFrom": [{"configMapRef": {"name": "walk-files"}}]}));
    let items = json!({"name": "walk-files", "items": item("mapped.env")});
    on("filesFrom ConfigMap items", "filesFrom", json!({"filesFrom": [{"configMapRef": items}]}));
    on("filesFrom Secret", "filesFrom", json!({"filesFrom": [{"secretRef": {"name": "walk-files"}}]}));
    let items = json!({"name": "walk-files", "items": item("secret.env")});
    on("filesFrom Secret items", "filesFrom", json!({"filesFrom": [{"secretRef": items}]}));
    on("env", "env", json!({"env": {"COLOUR": "green"}}));
    on("envFrom ConfigMap", "envFrom", json!({"envFrom": [{"configMapRef": {"name": "walk-env"}}]}));
    on("envFrom Secret", "envFrom", json!({"envFrom": [{"secretRef": {"name": "walk-env"}}]}));
    on("profiles", "profiles", json!({"profiles": ["debug"]}));
    on("all profiles", "profiles", json!({"profiles": ["*"]}));
    let model = json!({"services": {"web": {"models": ["walk-llm"]}}, "models": {"walk-llm": {"model": "ai/x"}}});
    let endpoint = json!({"walk-llm": {"endpoint": "http://llm.models.svc/v1"}});
    on("models", "overrides", json!({"overrides": [model], "models": endpoint}));
    let account = json!({"serviceAccountName": "walk-deployer", "env": {"TAG": "by-account"}});
    on("serviceAccountName", "serviceAccountName", account);
    let term = json!({"spec": {"nodeSelector": {"disk": "ssd"}}});
    on("serviceOverrides", "serviceOverrides", json!({"serviceOverrides": {"web": {"template": term}}}));
}

fn surroundings(on: &mut impl FnMut(&'static str, &'static str, Value)) {
    // A claim keeps what it was made with, so each has a volume of its own.
    for (name, volume, settings) in [
        ("volumes.reclaim Delete", "deleted", json!({"reclaim": "Delete"})),
        ("volumes.reclaim Retain", "retained", json!({"reclaim": "Retain"})),
        ("volumes.size", "large", json!({"size": "2Gi"})),
        ("volumes.storageClassName", "classy", json!({"storageClassName": "fast"})),
        ("volumes.accessModes many", "many", json!({"accessModes": ["ReadWriteMany", "ReadOnlyMany"]})),
        ("volumes.accessModes one", "one", json!({"accessModes": ["ReadWriteOncePod"]})),
        ("volumes.accessModes node", "node", json!({"accessModes": ["ReadWriteOnce"]})),
        ("volumes.volumeMode Block", "block", json!({"volumeMode": "Block"})),
        ("volumes.volumeMode Filesystem", "filesystem", json!({"volumeMode": "Filesystem"})),
    ] {
        let named = json!({"volumes": {"data": {"name": format!("walk-{volume}")}}});
        on(name, "overrides", json!({"volumes": settings, "overrides": [named]}));
    }
    for (name, publish) in [
        ("publish ClusterIP", json!({"type": "ClusterIP", "annotations": {"example.com/owner": "shop"}})),
        ("publish NodePort", json!({"type": "NodePort"})),
        ("publish LoadBalancer", json!({"type": "LoadBalancer", "className": "example.com/internal"})),
        (
            "publish Ingress",
            json!({"type": "Ingress", "className": "nginx", "host": "shop.example.com", "tlsSecretName": "shop"}),
        ),
        ("publish Gateway", json!({"type": "Gateway", "className": "infra/public", "host": "shop.example.com"})),
    ] {
        on(name, "publish", json!({"publish": publish}));
    }
    on("networkPolicy Off", "networkPolicy", json!({"networkPolicy": {"mode": "Off"}}));
    on(
        "networkPolicy Enforce",
        "networkPolicy",
        json!({"networkPolicy": {"mode": "Enforce", "publishedFrom": peers(), "allowFrom": peers()}}),
    );
    on("resources.defaultRequests", "resources", json!({"resources": {"defaultRequests": {"cpu": "70m"}}}));
    on("resources.requestFromLimit", "resources", json!({"resources": {"requestFromLimit": "0.5"}}));
    on("security Restricted", "security", json!({"security": "Restricted"}));
    let unconfined =
        json!({"services": {"web": {"image": "registry.example.com/web:baseline", "cap_add": ["NET_ADMIN"]}}});
    on(
        "security Baseline",
        "overrides",
        json!({"security": "Baseline", "unsupported": "Warn", "overrides": [unconfined]}),
    );
    let unset = json!({"services": {"web": {"image": "registry.example.com/web:unset"}}});
    on("security Unset", "overrides", json!({"security": "Unset", "overrides": [unset]}));
    on("liveness", "liveness", json!({"liveness": true}));
    on("imagePullSecrets", "imagePullSecrets", json!({"imagePullSecrets": [{"name": "registry"}]}));
}

/// A peer of each form that a NetworkPolicy has.
fn peers() -> Value {
    let selector = json!({
        "matchLabels": {"team": "shop"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}],
    });
    json!([
        {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.1/32"]}},
        {"namespaceSelector": selector, "podSelector": selector},
    ])
}

fn errors(elsewhere: &mut impl FnMut(&'static str, &'static str, Value, Leads)) {
    let mut error = |name, patch, reason, says| elsewhere(name, "error", patch, Leads::ToError(reason, says));
    let with = |service: Value| json!({"overrides": [{"services": {"walk-wrong": service}}]});
    let invalid = "InvalidCompose";
    error("a broken text", json!({"overrides": ["services: {web: {image: ["]}), invalid, "spec.overrides[");
    error("an unknown attribute", with(json!({"image": "x", "imagee": "x"})), invalid, "services.walk-wrong.imagee");
    error("an undefined volume", with(json!({"image": "x", "volumes": ["walk-none:/x"]})), invalid, "walk-none");
    error("an undefined network", with(json!({"image": "x", "networks": ["walk-none"]})), invalid, "walk-none");
    error("no such dependency", with(json!({"image": "x", "depends_on": ["walk-none"]})), invalid, "walk-none");
    error("neither image nor build", with(json!({"user": "1"})), invalid, "services.walk-wrong");
    error(
        "a port out of range",
        with(json!({"image": "x", "ports": ["80:99999"]})),
        invalid,
        "services.walk-wrong.ports",
    );
    error("no such file", with(json!({"image": "x", "env_file": ["none.env"]})), invalid, "none.env");
    let circle = json!({
        "walk-a": {"image": "x", "depends_on": ["walk-b"]}, "walk-b": {"image": "x", "depends_on": ["walk-a"]},
    });
    error("a circle", json!({"overrides": [{"services": circle}]}), invalid, "walk-a");
    let field = json!({"serviceOverrides": {"walk-none": {"template": {}}}});
    error("overrides of no service", field, invalid, "walk-none");
    let socket = json!({"unsupported": "Fail", "overrides": [{"services": {"walk-wrong": {"image": "x", "use_api_socket": true}}}]});
    error("what cannot be honoured", socket, "Unsupported", "services.walk-wrong.use_api_socket");
    let policy = "PolicyViolation";
    let admin = json!({"image": "x", "x-kubernetes": {"serviceAccountName": "walk-admin"}});
    error("an account of others", with(admin), policy, "--allow-service-account");
    error("a path of the node", with(json!({"image": "x", "volumes": ["/etc:/host"]})), policy, "--allow-host-path");
    for severity in ["Low", "Medium", "High", "Critical"] {
        let build = json!({"registry": "r.example.com", "pushSecret": {"name": "push"}, "scan": {"failOn": severity}});
        error("build", json!({"build": build}), "FieldNotSupported", "spec.build");
    }
    let missing = json!({"envFrom": [{"secretRef": {"name": "walk-none"}}]});
    error("an input that is not there", missing, "InputNotFound", "walk-none");
    let foreign = with(json!({"image": "x", "container_name": "walk-foreign"}));
    error("a stranger's name", foreign, "NameConflict", "walk-foreign");
    let nobody = json!({"serviceAccountName": "walk-nobody", "envFrom": [{"secretRef": {"name": "walk-env"}}]});
    let forbidden = Leads::ToError("Forbidden", "walk-nobody");
    elsewhere("an account without rights", "serviceAccountName", nobody, forbidden);
    let mut refusal = |name, patch, says| elsewhere(name, "error", patch, Leads::ToRefusal(says));
    refusal("an interval that is none", json!({"interval": "soon"}), "spec.interval");
    refusal("an interval that never ends", json!({"interval": "0s"}), "spec.interval");
    refusal("two sources", json!({"composeFile": "a", "compose": {}}), "set exactly one of");
    refusal("an unknown field", json!({"colour": "red"}), "colour");
}
