# A network namespace holds the whole cluster, but for further nodes, each of which has one: addresses, firewall rules and ports touch
# nothing else, and deleting it removes all.

make_network() {
  ip netns add "$node_netns"
  if ((number == 1)); then
    # A bridge, so that further nodes can be joined to it.
    "${inside[@]}" ip link add eth0 type bridge
  else
    "${inside[@]}" ip link add "$node" type veth peer name eth0 netns "$node_netns"
    "${inside[@]}" ip link set "$node" master eth0 up
  fi
  "${on[@]}" bash -euo pipefail -c '
    ip link set lo up
    ip address add "$0/24" dev eth0
    ip link set eth0 up
    # Programs look for the interface of the default route; nothing answers at its other end.
    ip route add default via "$1"
    echo 1 >/proc/sys/net/ipv4/ip_forward
    # Packets between two pods of one node must pass the firewall too.
    [[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
  ' "$node_address" "$node_gateway" || fail "cannot set up network namespace $node_netns" "this needs root and the kernel module bridge"
  [[ -z $dual_stack ]] || add_ipv6
  local other
  for ((other = 1; other < number; other++)); do
    "${on[@]}" ip route add "10.201.$other.0/24" via "10.200.0.$other"
    nsenter "--net=/run/netns/$netns$( ((other == 1)) || echo ".$other")" ip route add "$node_pods" via "$node_address"
  done
  if ((number == 1)); then
    start api-forward "$(program netns-forward)" --netns "/run/netns/$netns" --listen "127.0.0.1:$api_port" --dial "127.0.0.1:$api_port"
  else
    # Every kubeconfig says 127.0.0.1.
    start "api-forward$suffix" "${on[@]}" "$(program netns-forward)" --netns "/run/netns/$netns" --listen "127.0.0.1:$api_port" \
      --dial "127.0.0.1:$api_port"
  fi
}

# One bridge holds all nodes, and routes from one to another's pods are not needed: stacks that ask for IPv6 have one node.
add_ipv6() {
  "${on[@]}" bash -euo pipefail -c '
    ip -6 address add "$0/64" dev eth0 nodad
    ip -6 route add default via "$1" dev eth0
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
    [[ ! -e /proc/sys/net/bridge/bridge-nf-call-ip6tables ]] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables
  ' "$node_address_6" "$node_gateway_6" || fail "cannot give network namespace $node_netns addresses of IPv6" "this needs a kernel with IPv6"
}

# How pods get their interfaces. With Multus, pods may ask for networks beside the cluster's.
configure_cni() {
  cni_plugins=/usr/lib/cni
  mkdir -p "$node_state/cni"
  if [[ -z $multus ]]; then
    pod_network >"$node_state/cni/10-pods.conflist"
    return
  fi
  cni_plugins=$state/cni-plugins
  mkdir -p "$cni_plugins"
  ln -sf /usr/lib/cni/* "$(program multus)" "$cni_plugins"
  # Not by clusterNetwork: of a list in a file of its own, Multus 4.2 forgets the ranges, and no pod can be removed.
  cat >"$node_state/cni/00-multus.conf" <<EOF
{
  "cniVersion": "0.3.1", "name": "multus", "type": "multus", "capabilities": {"portMappings": true},
  "kubeconfig": "$state/config/multus.kubeconfig", "binDir": "$cni_plugins", "cniDir": "$node_state/multus",
  "delegates": [$(pod_network)]
}
EOF
}

pod_network() {
  local ranges="[{\"subnet\": \"$node_pods\"}]" routes='{"dst": "0.0.0.0/0"}'
  if [[ -n $dual_stack ]]; then
    ranges+=", [{\"subnet\": \"$node_pods_6\"}]" routes+=', {"dst": "::/0"}'
  fi
  cat <<EOF
{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [
    {
      "type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
      "ipam": {
        "type": "host-local", "dataDir": "$node_state/cni-addresses",
        "ranges": [$ranges], "routes": [$routes]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
EOF
}

remove_network() {
  [[ ! -e /run/netns/$node_netns ]] || ip netns delete "$node_netns"
}

# The objects by which pods ask for networks beside the cluster's.
define_attachments() {
  kubectl apply --server-side -f "$here/manifests/network-attachments.yaml" >"$state/logs/attachments.log"
}

# NetworkPolicies, and nothing else of what kube-router can do.
start_network_policy() {
  local ipv6=()
  [[ -z $dual_stack ]] || ipv6=(--enable-ipv6=true --service-cluster-ip-range "$service_range_6")
  start "kube-router$suffix" "${on[@]}" "$(program kube-router)" --kubeconfig "$state/config/kube-router.kubeconfig" \
    --hostname-override "$node" --run-firewall=true --run-router=false --run-service-proxy=false \
    --service-cluster-ip-range "$service_range" "${ipv6[@]}" --iptables-sync-period 1m --metrics-port 0 --v 1
}
