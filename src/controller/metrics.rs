//! What the operator counts, in the OpenMetrics text format.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::census::Census;

/// The content type of the OpenMetrics text format.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The operator's metrics. No label holds a name that a user chose, so their number is bounded.
pub struct Metrics {
    registry: Registry,
    stacks: Family<StackLabels, Gauge>,
    /// Who knows the stacks, once they are watched.
    census: OnceLock<Box<dyn Fn() -> Census + Send + Sync>>,
    /// Held while the stacks are counted and written, so that two who ask do not get half of it each.
    counting: Mutex<()>,
    reconciliations: Family<ResultLabel, Counter>,
    reconcile_errors: Family<CategoryLabel, Counter>,
    reconcile_seconds: Histogram,
    applied: Family<ApplyLabels, Counter>,
    watch_errors: Family<KindLabel, Counter>,
    leader: Gauge,
    shards: Gauge,
    shards_held: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StackLabels {
    ready: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CategoryLabel {
    category: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApplyLabels {
    kind: String,
    action: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabel {
    kind: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("compose_operator");
        let stacks = Family::default();
        registry.register("stacks", "Stacks that this operator acts for, by their condition Ready", stacks.clone());
        let reconciliations = Family::default();
        registry.register("reconcile", "Reconciliations by their result", reconciliations.clone());
        let reconcile_errors = Family::default();
        registry.register("reconcile_errors", "What went wrong in reconciliations", reconcile_errors.clone());
        let reconcile_seconds =
            Histogram::new([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0]);
        registry.register("reconcile_duration_seconds", "How long reconciliations took", reconcile_seconds.clone());
        let applied = Family::default();
        registry.register("apply", "Writes to children by kind and action", applied.clone());
        let watch_errors = Family::default();
        registry.register("watch_errors", "Interrupted watches by kind", watch_errors.clone());
        let leader = Gauge::default();
        registry.register("leader", "Whether this operator acts for any stack", leader.clone());
        let shards = Gauge::default();
        registry.register("shards", "Into how many shards the stacks are divided", shards.clone());
        let shards_held = Gauge::default();
        registry.register("shards_held", "How many shards this operator acts for", shards_held.clone());
        registry.register(
            "build",
            "The version of the operator",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        Self {
            registry,
            stacks,
            census: OnceLock::new(),
            counting: Mutex::default(),
            reconciliations,
            reconcile_errors,
            reconcile_seconds,
            applied,
            watch_errors,
            leader,
            shards,
            shards_held,
        }
    }
}

impl Metrics {
    /// Counts one reconciliation.
    pub fn reconciled(&self, result: &'static str, took: Duration) {
        self.reconciliations.get_or_create(&ResultLabel { result }).inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
    }

    /// Counts one thing that went wrong.
    pub fn went_wrong(&self, category: &'static str) {
        self.reconcile_errors.get_or_create(&CategoryLabel { category }).inc();
    }

    /// Lets the stacks be counted by this, whenever somebody asks. Only the first who knows them is asked.
    pub(super) fn counts_stacks(&self, census: impl Fn() -> Census + Send + Sync + 'static) {
        // There is one set of stacks in a process.
        let _ = self.census.set(Box::new(census));
    }

    /// Counts one write to a child.
    pub fn applied(&self, kind: &str, action: &'static str) {
        self.applied.get_or_create(&ApplyLabels { kind: kind.to_owned(), action }).inc();
    }

    /// Counts one interruption of a watch.
    pub fn watch_failed(&self, kind: &str) {
        self.watch_errors.get_or_create(&KindLabel { kind: kind.to_owned() }).inc();
    }

    /// Notes into how many shards the stacks are divided.
    pub fn divides(&self, shards: u16) {
        self.shards.set(i64::from(shards));
    }

    /// Notes for how many shards this operator acts.
    pub fn leads(&self, shards: u16) {
        self.leader.set(i64::from(shards > 0));
        self.shards_held.set(i64::from(shards));
    }

    /// All metrics as text.
    ///
    /// # Errors
    /// Never: text can always be written to memory.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        self.stacks.clear();
        let census = self.census.get().map(|census| census()).unwrap_or_default();
        for ((ready, reason), count) in census.counts() {
            self.stacks.get_or_create(&StackLabels { ready, reason }).set(count);
        }
        let mut buffer = String::new();
        text::encode(&mut buffer, &self.registry)?;
        Ok(buffer)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("registry", &self.registry).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_encoded_with_their_labels() {
        let metrics = Metrics::default();
        metrics.reconciled("ready", Duration::from_millis(3));
        metrics.applied("Deployment", "created");
        metrics.watch_failed("Service");
        metrics.went_wrong("forbidden");
        let text = metrics.encode().unwrap();
        for line in [
            "compose_operator_reconcile_total{result=\"ready\"} 1",
            "compose_operator_reconcile_duration_seconds_bucket{le=\"0.005\"} 1",
            "compose_operator_apply_total{kind=\"Deployment\",action=\"created\"} 1",
            "compose_operator_reconcile_errors_total{category=\"forbidden\"} 1",
            "compose_operator_watch_errors_total{kind=\"Service\"} 1",
            "compose_operator_build_info{version=",
        ] {
            assert!(text.contains(line), "{line} is missing in:\n{text}");
        }
    }

    #[test]
    fn stacks_are_counted_when_somebody_asks_and_those_that_are_gone_are_not() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, Ordering};

        let metrics = Metrics::default();
        assert!(!metrics.encode().unwrap().contains("compose_operator_stacks{"));
        let there = Arc::new(AtomicBool::new(true));
        let is_there = Arc::clone(&there);
        metrics.counts_stacks(move || {
            let mut census = Census::default();
            let stack = crate::api::ComposeStack::new("app", crate::api::ComposeStackSpec::default());
            if is_there.load(Ordering::SeqCst) {
                census.add(&kube::core::DeserializeGuard(Ok(stack)));
            }
            census
        });
        let line = "compose_operator_stacks{ready=\"Unknown\",reason=\"Progressing\"} 1";
        assert!(metrics.encode().unwrap().contains(line));
        there.store(false, Ordering::SeqCst);
        assert!(!metrics.encode().unwrap().contains("compose_operator_stacks{"));
    }
}
