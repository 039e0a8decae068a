# What tells one cluster from another, chosen once on `up` and read by every other command.
# shellcheck disable=SC2034

# Nothing outside the cluster's own network namespace sees these, so all clusters use the same.
first_address=10.200.0.1
node_gateway=10.200.0.254
pod_range=10.201.0.0/16
service_prefix=10.96
service_range=$service_prefix.0.0/16
dns_address=$service_prefix.0.10
# With --dual-stack, beside these.
node_gateway_6=fd00:10:200::fe
pod_range_6=fd00:10:201::/48
service_range_6=fd00:10:96::/112

choose_settings() {
  local chosen=$1
  mkdir -p "$state/config" "$state/logs" "$state/pids"
  choose_ports
  {
    printf 'mode=%s\nnodes=%s\nmultus=%s\ndual_stack=%s\n' "$chosen" "$wanted_nodes" "$wanted_multus" "$wanted_dual_stack"
    printf 'api_port=%s\netcd_port=%s\netcd_peer_port=%s\n' "$api_port" "$etcd_port" "$etcd_peer_port"
  } >"$state/settings"
  read_settings
}

read_settings() {
  [[ -r $state/settings ]] || fail "there is no cluster called $name" "start it: $self up --name $name"
  dual_stack=
  # shellcheck source=/dev/null
  source "$state/settings"
  netns=compose-operator-$name
  inside=()
  api_bind=127.0.0.1
  api_address=127.0.0.1
  if [[ $mode == node ]]; then
    # Not `ip netns exec`: that mounts a new /sys, without the control groups that the container runtime works with.
    inside=(nsenter "--net=/run/netns/$netns")
    api_bind=0.0.0.0
    api_address=$first_address
  fi
  service_ranges=$service_range pod_ranges=$pod_range
  if [[ -n $dual_stack ]]; then
    service_ranges+=,$service_range_6 pod_ranges+=,$pod_range_6
  fi
  on_node 1
  export KUBECONFIG=$state/kubeconfig
}

# on_node NUMBER
# Tells the functions that make, start and stop a node which one. The first one has the namespace of the cluster.
on_node() {
  number=$1
  # No name of a cluster has a dot.
  suffix='' node_state=$state
  if ((number > 1)); then
    suffix=.$number node_state=$state/node-$number
  fi
  node=node-$number
  node_address=10.200.0.$number
  node_pods=10.201.$number.0/24
  node_address_6=fd00:10:200::$number
  node_pods_6=fd00:10:201:$number::/64
  node_addresses=$node_address
  [[ -z $dual_stack ]] || node_addresses+=,$node_address_6
  node_netns=$netns$suffix
  cgroup=compose-operator-$name$suffix
  containerd_socket=$node_state/containerd.sock
  on=(nsenter "--net=/run/netns/$node_netns")
}

# each_node COMMAND...
each_node() {
  local each
  for ((each = 1; each <= nodes; each++)); do
    on_node "$each"
    "$@"
  done
  on_node 1
}

kubectl() {
  if [[ $mode == existing ]] && command -v kubectl >/dev/null; then
    command kubectl "$@"
  else
    "$(program kubectl)" "$@"
  fi
}

# Ports that neither a process nor another cluster's settings hold. Below the range from which the kernel takes ports for connections.
choose_ports() {
  local port=16443 found=()
  exec 7>"$states/ports.lock"
  flock 7
  while ((${#found[@]} < 3)); do
    if ! grep -qsE "=$port\$" "$states"/*/settings && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      found+=("$port")
    fi
    port=$((port + 1))
    ((port < 32000)) || fail "no free port between 16443 and 32000 on 127.0.0.1"
  done
  api_port=${found[0]} etcd_port=${found[1]} etcd_peer_port=${found[2]}
  printf 'api_port=%s\netcd_port=%s\netcd_peer_port=%s\n' "${found[@]}" >"$state/settings"
  exec 7>&-
}
