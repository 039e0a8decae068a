//! The command line of `compose-operator run`. Every flag is an environment variable and, in the chart, a value.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;

use crate::policy::Policy;

/// How `compose-operator run` behaves.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Namespaces to watch, separated by commas; all when absent
    #[arg(long, env = "COMPOSE_OPERATOR_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// The operator's own namespace, which holds the key of its hashes [default: that of the kubeconfig or pod]
    #[arg(long, env = "COMPOSE_OPERATOR_NAMESPACE")]
    pub namespace: Option<String>,
    /// Let one of several operators act, by a Lease in the operator's own namespace
    #[arg(long, env = "COMPOSE_OPERATOR_LEADER_ELECT")]
    pub leader_elect: bool,
    /// Into how many shards the stacks are divided: several operators act then, each for its own; needs --leader-elect
    #[arg(long, env = "COMPOSE_OPERATOR_SHARDS", default_value_t = 1, requires = "leader_elect", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub shards: u16,
    /// Where /healthz, /readyz and /metrics are served
    #[arg(long, env = "COMPOSE_OPERATOR_LISTEN", default_value = "[::]:8080")]
    pub listen: SocketAddr,
    /// How many stacks are reconciled at a time
    #[arg(long, env = "COMPOSE_OPERATOR_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// How many seconds one reconciliation may take
    #[arg(long, env = "COMPOSE_OPERATOR_RECONCILE_TIMEOUT", default_value = "120", value_parser = seconds)]
    pub reconcile_timeout: Duration,
    /// Watch Secrets too: a deleted one is back, and a changed input is used, at once; needs list and watch on Secrets
    #[arg(long, env = "COMPOSE_OPERATOR_WATCH_SECRETS")]
    pub watch_secrets: bool,
    /// Whether this cluster enforces NetworkPolicies; unknown adds a warning where isolation is asked for
    #[arg(long, env = "COMPOSE_OPERATOR_NETWORK_POLICY_ENFORCED", value_enum, default_value_t = Known::Unknown)]
    pub network_policy_enforced: Known,
    /// The operator's own image, for the pods that fill new volumes from images; without it, these stay empty
    #[arg(long, env = "OPERATOR_IMAGE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub operator_image: Option<String>,
    /// Whether what images say of themselves, such as EXPOSE and HEALTHCHECK, is read from their registries
    #[arg(long, env = "COMPOSE_OPERATOR_IMAGE_CONFIGS", value_enum, default_value_t = Switch::On)]
    pub image_configs: Switch,
    /// Whether the status shows the vulnerabilities of images that Trivy Operator reports, where it is installed
    #[arg(long, env = "COMPOSE_OPERATOR_VULNERABILITY_REPORTS", value_enum, default_value_t = Switch::On)]
    pub vulnerability_reports: Switch,
    /// The cluster's DNS servers as a JSON list of NetworkPolicyPeers; port 53 is open to any address when absent
    #[arg(long, env = "COMPOSE_OPERATOR_DNS_PEERS", value_parser = peers, default_value = "[]", hide_default_value = true)]
    pub dns_peers: Peers,
    /// The domain of the cluster's names
    #[arg(long, env = "COMPOSE_OPERATOR_CLUSTER_DOMAIN", default_value = "cluster.local")]
    pub cluster_domain: String,
    /// The StorageClass that keeps the volumes of a driver of Docker's, as DRIVER=CLASS; may be repeated
    #[arg(long = "volume-driver", env = "COMPOSE_OPERATOR_VOLUME_DRIVER", value_delimiter = ',', value_parser = driver)]
    pub volume_drivers: Vec<(String, String)>,
    /// What stacks are reconciled as.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// What stacks may do beyond their own namespace.
    #[command(flatten)]
    pub policy: Policy,
}

/// What stacks are reconciled as.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Identity")]
pub struct IdentityArgs {
    /// The ServiceAccount, of the stack's namespace, that stacks are reconciled as which name none; without it, the operator itself
    #[arg(long, env = "COMPOSE_OPERATOR_DEFAULT_SERVICE_ACCOUNT")]
    pub default_service_account: Option<String>,
    /// Refuse stacks that would be reconciled as the operator itself
    #[arg(long, env = "COMPOSE_OPERATOR_REQUIRE_SERVICE_ACCOUNT")]
    pub require_service_account: bool,
}

/// A list of peers, as one value of the command line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peers(pub Vec<NetworkPolicyPeer>);

/// An answer that may not be known.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// Nobody said.
    #[default]
    Unknown,
}

/// Something that is done or not.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// It is done.
    On,
    /// It is not done.
    Off,
}

impl From<Known> for Option<bool> {
    fn from(known: Known) -> Self {
        match known {
            Known::Yes => Some(true),
            Known::No => Some(false),
            Known::Unknown => None,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => Err("expected a number of seconds, at least 1".to_owned()),
    }
}

fn driver(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((driver, class)) if !driver.is_empty() && !class.is_empty() => Ok((driver.to_owned(), class.to_owned())),
        _ => Err("expected DRIVER=CLASS".to_owned()),
    }
}

fn peers(text: &str) -> Result<Peers, String> {
    serde_json::from_str(text)
        .map(Peers)
        .map_err(|error| format!("expected a JSON list of NetworkPolicyPeers: {error}"))
}
