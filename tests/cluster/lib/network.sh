# A network namespace holds the whole cluster: its addresses, firewall rules and ports touch nothing else, and deleting it removes all.

make_network() {
  ip netns add "$netns"
  "${inside[@]}" bash -euo pipefail -c '
    ip link set lo up
    # A bridge, so that a namespace with a second node can be joined to it.
    ip link add eth0 type bridge
    ip address add "$0/24" dev eth0
    ip link set eth0 up
    # Programs look for the interface of the default route; nothing answers at its other end.
    ip route add default via "$1"
    echo 1 >/proc/sys/net/ipv4/ip_forward
    # Packets between two pods of one node must pass the firewall too.
    [[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
  ' "$node_address" "$node_gateway" || fail "cannot set up network namespace $netns" "this needs root and the kernel module bridge"

  mkdir -p "$state/cni"
  cat >"$state/cni/10-pods.conflist" <<EOF
{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [
    {
      "type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
      "ipam": {
        "type": "host-local", "dataDir": "$state/cni-addresses",
        "ranges": [[{"subnet": "$pod_range"}]], "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
EOF
  start api-forward "$(program netns-forward)" --netns "/run/netns/$netns" --listen "127.0.0.1:$api_port" --dial "127.0.0.1:$api_port"
}

remove_network() {
  [[ ! -e /run/netns/$netns ]] || ip netns delete "$netns"
}

# NetworkPolicies, and nothing else of what kube-router can do.
start_network_policy() {
  start kube-router "${inside[@]}" "$(program kube-router)" --kubeconfig "$state/config/kube-router.kubeconfig" \
    --hostname-override "$node" --run-firewall=true --run-router=false --run-service-proxy=false \
    --service-cluster-ip-range "$service_range" --iptables-sync-period 1m --metrics-port 0 --v 1
}
