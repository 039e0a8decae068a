//! Networks that lie on an interface of the nodes: `macvlan` and `ipvlan`.
//!
//! Their members have an interface of their own in the network that the nodes are in, beside the cluster's. As in
//! Docker (libnetwork, drivers macvlan and ipvlan), `parent` names the interface of the node, and a network without one
//! connects its members only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde_json::{Value, json};

use super::Facts;
use super::context::Unit;
use super::notes::Notes;
use crate::compose::Project;
use crate::compose::model::{IpamPool, Network};

/// The longest name of a network interface (Linux, `IFNAMSIZ` without the terminating zero).
const MAX_INTERFACE: usize = 15;

/// A network on an interface of the nodes.
#[derive(Debug)]
pub(super) struct NodeNetwork<'a> {
    /// `macvlan` or `ipvlan`; the CNI plugins have the same names.
    pub(super) driver: &'a str,
    parent: &'a str,
    mode: &'a str,
    pools: Vec<Pool>,
}

/// A subnet, and which of its addresses are given out.
#[derive(Debug)]
struct Pool {
    subnet: IpNet,
    /// The part from which members get addresses; the whole subnet by default.
    range: IpNet,
    gateway: Option<IpAddr>,
    /// Addresses that others have.
    taken: BTreeSet<IpAddr>,
}

/// Whether a network of this driver lies on an interface of the nodes (`macvlan`, `ipvlan`).
pub fn is_driver(driver: &str) -> bool {
    matches!(driver, "macvlan" | "ipvlan")
}

/// Whether the network is on no interface of the nodes: then its members reach each other and nothing else.
pub(super) fn is_isolated(network: &Network) -> bool {
    is_driver(&network.driver) && parent(network).is_empty()
}

/// The networks of these drivers that services use and that the cluster can provide, by key; the others are ordinary.
pub(super) fn in_use<'a, 'u>(
    project: &'a Project,
    facts: &Facts,
    units: impl Iterator<Item = &'u Unit<'a>>,
    notes: &mut Notes,
) -> BTreeMap<&'a str, NodeNetwork<'a>>
where
    'a: 'u,
{
    let used: BTreeSet<&str> =
        units.flat_map(|unit| unit.service.container.networks.keys()).map(String::as_str).collect();
    let networks = used.into_iter().filter_map(|key| project.networks.get_key_value(key));
    let mut found = BTreeMap::new();
    for (key, network) in networks.filter(|(_, network)| is_driver(&network.driver) && !is_isolated(network)) {
        if !facts.network_attachments {
            notes.rejected(
                format!("networks.{key}.driver"),
                format!(
                    "`{}` gives pods a second network, for which this cluster has no k8s.cni.cncf.io/v1: install Multus, \
                     or leave the driver out for an ordinary network",
                    network.driver
                ),
            );
        } else if let Some(read) = read(key, network, notes) {
            notes.approximated(
                format!("networks.{key}.driver"),
                "is a further interface of the pods: names lead to the addresses in the cluster's network, which is the \
                 way out too",
            );
            found.insert(key.as_str(), read);
        }
    }
    found
}

impl NodeNetwork<'_> {
    /// The network as a plugin's configuration (Container Network Interface 0.3.1), without the way in which addresses
    /// are given out.
    pub(super) fn config(&self, name: &str) -> Value {
        json!({
            "cniVersion": "0.3.1",
            "name": name,
            "type": self.driver,
            "master": self.parent,
            "mode": self.mode,
        })
    }

    /// Addresses that each node gives out by itself, without those that are somebody's.
    pub(super) fn host_local(&self, fixed: &BTreeSet<IpAddr>) -> Value {
        let set = |is_ipv4: bool| -> Vec<Value> {
            let pools = self.pools.iter().filter(|pool| pool.subnet.addr().is_ipv4() == is_ipv4);
            pools.flat_map(|pool| pool.ranges(fixed)).collect()
        };
        let sets: Vec<_> = [set(true), set(false)].into_iter().filter(|set| !set.is_empty()).collect();
        json!({"type": "host-local", "ranges": sets})
    }

    /// An address with the length of its subnet's prefix, `192.168.1.5/24`; none when it is in no subnet.
    pub(super) fn in_subnet(&self, address: IpAddr) -> Option<String> {
        let pool = self.pools.iter().find(|pool| pool.subnet.contains(&address))?;
        Some(format!("{address}/{}", pool.subnet.prefix_len()))
    }

    /// Whether members have addresses of both kinds.
    pub(super) fn is_dual(&self) -> bool {
        let is_ipv4 = |pool: &Pool| pool.subnet.addr().is_ipv4();
        self.pools.iter().any(is_ipv4) && !self.pools.iter().all(is_ipv4)
    }
}

impl Pool {
    /// What is left of the range, as the plugin `host-local` reads it.
    fn ranges(&self, fixed: &BTreeSet<IpAddr>) -> Vec<Value> {
        let (mut from, mut to) = (number(self.range.network()), number(self.range.broadcast()));
        // The first address of a subnet and the last one are nobody's.
        from = from.max(number(self.subnet.network()).saturating_add(1));
        to = to.min(number(self.subnet.broadcast()).saturating_sub(1));
        let taken: BTreeSet<u128> = self
            .taken
            .iter()
            .chain(fixed)
            .chain(&self.gateway)
            .filter(|address| self.subnet.contains(*address))
            .map(|address| number(*address))
            .collect();
        let mut ranges = Vec::new();
        for end in taken.range(from..=to.max(from)).copied().chain([to + 1]) {
            if from < end {
                let (start, end) = (self.address(from), self.address(end - 1));
                let mut range =
                    json!({"subnet": self.subnet.trunc().to_string(), "rangeStart": start, "rangeEnd": end});
                if let Some(gateway) = self.gateway {
                    range["gateway"] = json!(gateway);
                }
                ranges.push(range);
            }
            from = end.saturating_add(1);
        }
        ranges
    }

    fn address(&self, number: u128) -> IpAddr {
        match u32::try_from(number) {
            Ok(number) if self.subnet.addr().is_ipv4() => Ipv4Addr::from(number).into(),
            _ => Ipv6Addr::from(number).into(),
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn parent(network: &Network) -> &str {
    network.driver_opts.get("parent").map_or("", String::as_str)
}

/// Reads a network, and says what of it cannot be.
fn read<'a>(key: &str, network: &'a Network, notes: &mut Notes) -> Option<NodeNetwork<'a>> {
    let path = format!("networks.{key}");
    let parent = parent(network);
    let mut fine = true;
    if parent == "lo" || parent.len() > MAX_INTERFACE || parent.contains(|c: char| c == '/' || c.is_whitespace()) {
        notes.error(
            format!("{path}.driver_opts.parent"),
            "Invalid",
            format!("`{parent}` is no interface of a node that a network can be on, such as `eth0`"),
        );
        fine = false;
    } else if parent.contains('.') {
        notes.approximated(
            format!("{path}.driver_opts.parent"),
            format!(
                "`{parent}` has to be there on the nodes: Docker makes the interface of a VLAN, a cluster does not"
            ),
        );
    }
    let (option, modes): (_, &[&str]) = match network.driver.as_str() {
        "macvlan" => ("macvlan_mode", &["bridge", "private", "vepa", "passthru"]),
        _ => ("ipvlan_mode", &["l2", "l3", "l3s"]),
    };
    let mode = network.driver_opts.get(option).map_or("", String::as_str);
    let mode = if mode.is_empty() { modes[0] } else { mode };
    if !modes.contains(&mode) {
        notes.error(
            format!("{path}.driver_opts.{option}"),
            "Invalid",
            format!("`{mode}` is not known: use one of {}", modes.join(", ")),
        );
        fine = false;
    }
    for (name, value) in &network.driver_opts {
        if name == "ipvlan_flag" && network.driver == "ipvlan" {
            if !matches!(value.as_str(), "" | "bridge") {
                notes.rejected(
                    format!("{path}.driver_opts.{name}"),
                    format!("`{value}` is not supported by the cluster's plugin: use `bridge`, or another mode"),
                );
            }
        } else if name != "parent" && name != option {
            notes.approximated(
                format!("{path}.driver_opts.{name}"),
                format!("is not honoured: a network of the driver {} has no such option", network.driver),
            );
        }
    }
    let pools = pools(&path, network, notes);
    let pools = pools.filter(|_| fine)?;
    Some(NodeNetwork { driver: &network.driver, parent, mode, pools })
}

/// The subnets from which members have addresses.
fn pools(path: &str, network: &Network, notes: &mut Notes) -> Option<Vec<Pool>> {
    let ipam = &network.ipam;
    if !matches!(ipam.driver.as_str(), "" | "default") {
        notes.rejected(
            format!("{path}.ipam.driver"),
            format!("`{}` is not known here: leave it out, and nodes give out the addresses", ipam.driver),
        );
        return None;
    }
    for option in ipam.options.keys() {
        notes.approximated(
            format!("{path}.ipam.options.{option}"),
            "is not honoured: addresses are given out without options",
        );
    }
    let mut pools = Vec::new();
    let mut fine = true;
    for (index, config) in ipam.config.iter().enumerate().filter(|(_, config)| !config.subnet.is_empty()) {
        match pool(config) {
            Ok(pool) => pools.push(pool),
            Err(problem) => {
                notes.error(format!("{path}.ipam.config[{index}]"), "Invalid", problem);
                fine = false;
            }
        }
    }
    let (ipv4, ipv6) = (network.enable_ipv4 != Some(false), network.enable_ipv6 == Some(true));
    pools.retain(|pool| if pool.subnet.addr().is_ipv4() { ipv4 } else { ipv6 });
    if pools.is_empty() && fine {
        notes.rejected(
            format!("{path}.ipam"),
            "Docker would make a subnet up, which nobody else in the nodes' network knows: give one by \
             `ipam.config[].subnet`",
        );
    }
    (fine && !pools.is_empty()).then_some(pools)
}

fn pool(config: &IpamPool) -> Result<Pool, String> {
    let net = |text: &str| text.parse::<IpNet>().map_err(|_| format!("`{text}` is no subnet, such as 192.168.1.0/24"));
    let subnet = net(&config.subnet)?;
    let within = |text: &str| match text.parse::<IpAddr>() {
        Ok(address) if subnet.contains(&address) => Ok(address),
        Ok(_) => Err(format!("`{text}` is not in the subnet {subnet}")),
        Err(_) => Err(format!("`{text}` is no address")),
    };
    let range = if config.ip_range.is_empty() { subnet } else { net(&config.ip_range)? };
    if !subnet.contains(&range) {
        return Err(format!("`{range}` is not in the subnet {subnet}"));
    }
    let gateway = if config.gateway.is_empty() { None } else { Some(within(&config.gateway)?) };
    let taken = config.aux_addresses.values().map(|address| within(address)).collect::<Result<_, _>>()?;
    Ok(Pool { subnet, range, gateway, taken })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        serde_saphyr::from_str(text).unwrap()
    }

    fn ranges(config: &str, fixed: &[&str]) -> Vec<String> {
        let config: IpamPool = serde_saphyr::from_str(config).unwrap();
        let fixed = fixed.iter().map(|address| address.parse().unwrap()).collect();
        let range = |value: &Value| {
            let part = |key: &str| value[key].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", part("rangeStart"), part("rangeEnd"), part("gateway"))
        };
        pool(&config).unwrap().ranges(&fixed).iter().map(range).collect()
    }

    #[test]
    fn addresses_of_others_are_never_given_out() {
        assert_eq!(ranges("{subnet: 10.0.0.0/29}", &[]), ["10.0.0.1 10.0.0.6 -"]);
        assert_eq!(
            ranges("{subnet: 10.0.0.0/29, gateway: 10.0.0.1, aux_addresses: {a: 10.0.0.4}}", &["10.0.0.6", "10.9.9.9"]),
            ["10.0.0.2 10.0.0.3 10.0.0.1", "10.0.0.5 10.0.0.5 10.0.0.1"]
        );
        assert_eq!(
            ranges("{subnet: 10.0.0.0/24, ip_range: 10.0.0.192/27}", &["10.0.0.5"]),
            ["10.0.0.192 10.0.0.223 -"]
        );
        assert_eq!(
            ranges("{subnet: \"fd00::/64\", ip_range: \"fd00::10/124\"}", &["fd00::12"]),
            ["fd00::10 fd00::11 -", "fd00::13 fd00::1f -"]
        );
        assert_eq!(ranges("{subnet: 10.0.0.0/30, gateway: 10.0.0.1}", &["10.0.0.2"]), Vec::<String>::new());
        for subnet in ["10.0.0.7/32", "255.255.255.255/32", "10.0.0.0/31"] {
            assert_eq!(ranges(&format!("{{subnet: {subnet}}}"), &[]), Vec::<String>::new(), "{subnet}");
        }
        let whole = ranges("{subnet: \"::/0\"}", &[]);
        assert_eq!(whole, ["::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe -"]);
    }

    #[test]
    fn what_cannot_be_is_told_by_its_path() {
        let subnet = "ipam: {config: [{subnet: 10.0.0.0/24}]}";
        for (text, expected) in [
            (format!("driver_opts: {{parent: eth0}}, {subnet}"), vec![]),
            (
                format!("driver_opts: {{parent: eth0.5, macvlan_mode: private, x: \"1\"}}, {subnet}"),
                vec!["networks.n.driver_opts.parent: Approximated", "networks.n.driver_opts.x: Approximated"],
            ),
            (format!("driver_opts: {{parent: lo}}, {subnet}"), vec!["networks.n.driver_opts.parent: Error"]),
            (
                format!("driver_opts: {{parent: eth0, macvlan_mode: l2}}, {subnet}"),
                vec!["networks.n.driver_opts.macvlan_mode: Error"],
            ),
            ("driver_opts: {parent: eth0}".to_owned(), vec!["networks.n.ipam: Rejected"]),
            ("driver_opts: {parent: eth0}, ipam: {driver: other}".to_owned(), vec!["networks.n.ipam.driver: Rejected"]),
            (
                "driver_opts: {parent: eth0}, ipam: {options: {a: b}, config: [{subnet: x}, {subnet: 10.0.0.0/24, \
                 gateway: 10.0.1.1}]}"
                    .to_owned(),
                vec![
                    "networks.n.ipam.config[0]: Error",
                    "networks.n.ipam.config[1]: Error",
                    "networks.n.ipam.options.a: Approximated",
                ],
            ),
            (
                "driver_opts: {parent: eth0}, ipam: {config: [{subnet: \"fd00::/64\"}]}".to_owned(),
                vec!["networks.n.ipam: Rejected"],
            ),
            (
                "driver_opts: {parent: eth0}, enable_ipv6: true, ipam: {config: [{subnet: \"fd00::/64\"}]}".to_owned(),
                vec![],
            ),
        ] {
            let mut notes = Notes::default();
            let network = network(&format!("{{driver: macvlan, {text}}}"));
            let stops = expected.iter().any(|note| note.ends_with("Error") || note.ends_with("Rejected"));
            assert_eq!(read("n", &network, &mut notes).is_none(), stops, "{text}");
            assert_eq!(notes.summary(), expected, "{text}");
        }
    }

    #[test]
    fn flags_of_ipvlan_are_those_of_the_plugin() {
        let mut notes = Notes::default();
        let text = "{driver: ipvlan, driver_opts: {parent: eth0, ipvlan_mode: l3, ipvlan_flag: vepa}, ipam: {config: \
                    [{subnet: 10.0.0.0/24}]}}";
        let network = network(text);
        let read = read("n", &network, &mut notes).unwrap();
        assert_eq!(read.config("c")["mode"], "l3");
        assert_eq!(read.in_subnet("10.0.0.9".parse().unwrap()).as_deref(), Some("10.0.0.9/24"));
        assert_eq!(read.in_subnet("10.0.1.9".parse().unwrap()), None);
        assert_eq!(notes.summary(), ["networks.n.driver_opts.ipvlan_flag: Rejected"]);
    }
}
