//! What the Applications went through, seen by a watch: sampling would miss a state that lasts a moment.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::argocd::NAMESPACE;
use crate::harness::Cluster;

/// A state of an Application: whether it is synced, and its health.
pub type State = (String, String);

pub struct Watch {
    child: Child,
    output: PathBuf,
}

impl Watch {
    /// Begins to watch all Applications.
    pub fn start(cluster: &Cluster, output: PathBuf) -> Self {
        let child = Command::new("kubectl")
            .env("KUBECONFIG", &cluster.kubeconfig)
            .args(["-n", NAMESPACE, "get", "applications.argoproj.io", "--watch", "-o", "json"])
            .stdin(Stdio::null())
            .stdout(File::create(&output).unwrap())
            .spawn()
            .unwrap();
        Self { child, output }
    }

    /// How many events were seen.
    pub fn mark(&mut self) -> usize {
        assert!(self.child.try_wait().unwrap().is_none(), "the watch has ended");
        self.events().len()
    }

    /// The states that each Application went through since a mark, in order, each named once in a row.
    pub fn states_since(&mut self, mark: usize) -> BTreeMap<String, Vec<State>> {
        assert!(self.child.try_wait().unwrap().is_none(), "the watch has ended");
        let mut states: BTreeMap<String, Vec<State>> = BTreeMap::new();
        for event in self.events().into_iter().skip(mark) {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let state = (text(&event["status"]["sync"]["status"]), text(&event["status"]["health"]["status"]));
            let of_one = states.entry(text(&event["metadata"]["name"])).or_default();
            if of_one.last() != Some(&state) {
                of_one.push(state);
            }
        }
        states
    }

    /// Kubectl prints one object after the other; the last may be under way.
    fn events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.output).unwrap();
        serde_json::Deserializer::from_str(&text).into_iter::<Value>().map_while(Result::ok).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
