//! The policy as options of a command line.

use clap::Args;

use super::Policy;

/// What stacks may do beyond their own namespace; nothing by default.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Policy")]
pub struct PolicyArgs {
    /// A host directory that stacks may mount, with all below it; may be repeated
    #[arg(long = "allow-host-path", env = "COMPOSE_OPERATOR_ALLOW_HOST_PATH", value_delimiter = ',')]
    host_path_prefixes: Vec<String>,
    /// Allow privileged containers
    #[arg(long = "allow-privileged", env = "COMPOSE_OPERATOR_ALLOW_PRIVILEGED")]
    privileged: bool,
    /// Allow the host's network, process and IPC namespaces
    #[arg(long = "allow-host-namespaces", env = "COMPOSE_OPERATOR_ALLOW_HOST_NAMESPACES")]
    host_namespaces: bool,
    /// A capability that containers may add, or * for all; may be repeated
    #[arg(long = "allow-capability", env = "COMPOSE_OPERATOR_ALLOW_CAPABILITY", value_delimiter = ',')]
    capabilities: Vec<String>,
    /// Allow ports of the node
    #[arg(long = "allow-host-ports", env = "COMPOSE_OPERATOR_ALLOW_HOST_PORTS")]
    host_ports: bool,
    /// Allow Services of type LoadBalancer
    #[arg(long = "allow-load-balancers", env = "COMPOSE_OPERATOR_ALLOW_LOAD_BALANCERS")]
    load_balancers: bool,
    /// Allow Services of type NodePort
    #[arg(long = "allow-node-ports", env = "COMPOSE_OPERATOR_ALLOW_NODE_PORTS")]
    node_ports: bool,
    /// A registry that images may come from, any when absent; may be repeated
    #[arg(long = "allow-registry", env = "COMPOSE_OPERATOR_ALLOW_REGISTRY", value_delimiter = ',')]
    registries: Vec<String>,
    /// A ServiceAccount whose rights pods may have, or * for all; may be repeated
    #[arg(long = "allow-service-account", env = "COMPOSE_OPERATOR_ALLOW_SERVICE_ACCOUNT", value_delimiter = ',')]
    service_accounts: Vec<String>,
}

impl From<PolicyArgs> for Policy {
    fn from(args: PolicyArgs) -> Self {
        let PolicyArgs {
            host_path_prefixes,
            privileged,
            host_namespaces,
            capabilities,
            host_ports,
            load_balancers,
            node_ports,
            registries,
            service_accounts,
        } = args;
        Self {
            host_path_prefixes,
            privileged,
            host_namespaces,
            capabilities,
            host_ports,
            load_balancers,
            node_ports,
            registries,
            service_accounts,
            operator_image: None,
        }
    }
}
