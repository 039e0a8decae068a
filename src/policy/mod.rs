//! What a plan may contain, judged on the finished plan so that no override is a way round it.

/// What the operator's administrator allows stacks to do. By default, nothing that reaches beyond the stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Host directories that may be mounted, with everything below them.
    pub host_path_prefixes: Vec<String>,
    /// Whether containers may be privileged.
    pub privileged: bool,
    /// Whether pods may use the host's network, process and IPC namespaces.
    pub host_namespaces: bool,
    /// Capabilities that containers may add, without the prefix `CAP_`; `*` for all.
    pub capabilities: Vec<String>,
    /// Whether containers may bind ports of the node.
    pub host_ports: bool,
    /// Whether Services may be load balancers.
    pub load_balancers: bool,
    /// Whether Services may open ports on every node.
    pub node_ports: bool,
    /// Registries that images may come from; any when empty.
    pub registries: Vec<String>,
}

/// Judges a plan.
pub fn judge(_plan: &crate::translate::Plan, _policy: &Policy) -> Vec<crate::translate::Note> {
    Vec::new()
}
