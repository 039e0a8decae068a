//! Networks, and how services join them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::form::{empty_in_yaml, only_in_yaml};
use super::{Extensions, is_default};

/// A network (Compose Specification, "networks").
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// The engine's name of the network: `<project>_<key>`, or the `name` that the file gives.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// The driver, such as `bridge`.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: String,
    /// Its options.
    #[serde(skip_serializing_if = "is_default")]
    pub driver_opts: BTreeMap<String, String>,
    /// How addresses are given out.
    #[serde(skip_serializing_if = "empty_in_yaml")]
    pub ipam: Ipam,
    /// Whether the network is there already.
    #[serde(skip_serializing_if = "is_default")]
    pub external: bool,
    /// Whether the network has no way out.
    #[serde(skip_serializing_if = "is_default")]
    pub internal: bool,
    /// Whether containers outside of the project may join.
    #[serde(skip_serializing_if = "is_default")]
    pub attachable: bool,
    /// Labels of the network.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// Whether containers get IPv4 addresses.
    #[serde(skip_serializing_if = "is_default")]
    pub enable_ipv4: Option<bool>,
    /// Whether containers get IPv6 addresses.
    #[serde(skip_serializing_if = "is_default")]
    pub enable_ipv6: Option<bool>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// How addresses are given out.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipam {
    /// The driver.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: String,
    /// The pools.
    #[serde(skip_serializing_if = "is_default")]
    pub config: Vec<IpamPool>,
    /// Options of the driver.
    #[serde(skip_serializing_if = "is_default")]
    pub options: BTreeMap<String, String>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A pool of addresses.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpamPool {
    /// The subnet in CIDR notation.
    #[serde(skip_serializing_if = "is_default")]
    pub subnet: String,
    /// The gateway's address.
    #[serde(skip_serializing_if = "is_default")]
    pub gateway: String,
    /// The range that containers get addresses of.
    #[serde(skip_serializing_if = "is_default")]
    pub ip_range: String,
    /// Addresses that are taken, by host name.
    #[serde(skip_serializing_if = "is_default")]
    pub aux_addresses: BTreeMap<String, String>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// How a service joins a network.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceNetwork {
    /// Further names of the service in this network.
    #[serde(skip_serializing_if = "is_default")]
    pub aliases: Vec<String>,
    /// Options of the driver.
    #[serde(skip_serializing_if = "is_default")]
    pub driver_opts: BTreeMap<String, String>,
    /// The priority of this network's gateway.
    #[serde(skip_serializing_if = "is_default")]
    pub gw_priority: i64,
    /// The interface's name in the container.
    #[serde(skip_serializing_if = "is_default")]
    pub interface_name: String,
    /// A fixed IPv4 address.
    #[serde(skip_serializing_if = "is_default")]
    pub ipv4_address: String,
    /// A fixed IPv6 address.
    #[serde(skip_serializing_if = "is_default")]
    pub ipv6_address: String,
    /// Link-local addresses.
    #[serde(skip_serializing_if = "is_default")]
    pub link_local_ips: Vec<String>,
    /// The interface's hardware address.
    #[serde(skip_serializing_if = "is_default")]
    pub mac_address: String,
    /// The order in which networks are joined.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i64,
    /// Whether the service's own name resolves in this network; absent means yes.
    #[serde(skip_serializing_if = "is_default")]
    pub use_service_name_alias: Option<bool>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}
