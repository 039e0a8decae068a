# The commands that start, stop and show a cluster.

up() {
  local began=$SECONDS wanted=node
  if [[ -n ${COMPOSE_OPERATOR_TEST_KUBECONFIG:-} ]]; then
    use_existing
    return
  fi
  [[ -z $control_plane_only ]] || wanted=control-plane
  if [[ $wanted == node ]] && ((EUID != 0)); then
    say "not root: starting the control plane alone. Not run: pods, DNS, volumes, network policies."
    wanted=control-plane
  fi
  lock
  if [[ -r $state/settings ]]; then
    read_settings
    if ((nodes < wanted_nodes)) || [[ -z $multus && -n $wanted_multus || -z $dual_stack && -n $wanted_dual_stack ]]; then
      fail "cluster $name is up with $nodes node(s)${multus:+ and Multus}${dual_stack:+ and IPv6}" "stop it first: $self down --name $name"
    fi
    if [[ $mode != "$wanted" && ! ($wanted == control-plane && $mode == node) ]]; then
      fail "cluster $name is up as another kind: $mode" "stop it first: $self down --name $name"
    fi
    if healthy; then
      say "cluster $name is up already"
      return
    fi
    say "cluster $name is broken: starting afresh"
    take_down
  fi

  if [[ $wanted == control-plane ]]; then
    install_programs control-plane
    choose_settings control-plane
    make_credentials
    start_control_plane
    [[ -z $wanted_scheduler ]] || start_scheduler
  else
    install_programs all
    make_images
    choose_settings node
    make_credentials
    each_node make_network
    each_node start_containerd
    # Meanwhile the control plane starts.
    local import
    each_node import_node_images 9>&- >"$state/logs/import.log" 2>&1 &
    import=$!
    start_control_plane
    [[ -z $multus ]] || define_attachments
    start_scheduler
    each_node start_node
    each_node await_node
    each_node start_network_policy
    wait "$import" || fail "cannot import the images" "see $state/logs/import.log"
    start_dns
    start_storage
  fi
  touch "$state/ready"
  say "cluster $name is up after $(elapsed $((SECONDS - began))): eval \"\$($self env --name $name)\""
}

down() {
  lock
  if [[ ! -d $state ]]; then
    say "cluster $name is not up"
    return
  fi
  take_down
  say "cluster $name is down"
}

lock() {
  mkdir -p "$states"
  exec 9>"$states/$name.lock"
  flock -w 600 9 || fail "another $self is at work on cluster $name for more than 10 minutes" "it holds $states/$name.lock"
}

# A cluster that failed half way has no settings or no namespace yet; every step must do without the ones before it.
take_down() {
  local component each
  mode=none
  [[ ! -r $state/settings ]] || read_settings
  if [[ $mode == node ]]; then
    # The first one's directories hold the others'.
    for ((each = nodes; each >= 1; each--)); do
      on_node "$each"
      stop_node
    done
  fi
  for component in local-path-provisioner kube-scheduler kube-controller-manager kube-apiserver etcd; do
    stop "$component"
  done
  if [[ $mode == node ]]; then
    each_node remove_network
  fi
  rm -rf --one-file-system "$state"
}

healthy() {
  local pidfile
  [[ -e $state/ready ]] || return 1
  for pidfile in "$state"/pids/*; do
    recorded "${pidfile##*/}" >/dev/null || return 1
  done
  kubectl get --raw /readyz >/dev/null 2>&1
}

print_env() {
  read_settings
  printf 'export KUBECONFIG=%q\n' "$state/kubeconfig"
  printf 'export COMPOSE_OPERATOR_OPERATOR_KUBECONFIG=%q\n' "$state/operator.kubeconfig"
  printf 'export COMPOSE_OPERATOR_DEV_KUBECONFIG=%q\n' "$state/dev.kubeconfig"
  printf 'export COMPOSE_OPERATOR_CLUSTER=%q\n' "$name"
  printf 'export COMPOSE_OPERATOR_CLUSTER_MODE=%q\n' "$mode"
  if [[ $mode == existing ]]; then
    printf 'unset COMPOSE_OPERATOR_AUDIT_LOG\n'
  else
    printf 'export COMPOSE_OPERATOR_AUDIT_LOG=%q\n' "$state/audit.log"
  fi
}

run_inside() {
  (($# > 0)) || fail "exec wants a command" "$self exec --name $name -- COMMAND..."
  read_settings
  if [[ $mode != existing ]] || ! command -v kubectl >/dev/null; then
    PATH=$(dirname "$(program kubectl)"):$PATH
  fi
  exec "${inside[@]}" "$@"
}

forward() {
  local port=$1 namespace=${2%%/*} service=${2#*/} address
  read_settings
  [[ $mode == node ]] || fail "only a cluster with a node has Services to reach" "use: $self kubectl port-forward"
  address=$(kubectl -n "$namespace" get service "${service%:*}" -o 'jsonpath={.spec.clusterIP}')
  [[ $address =~ ^[0-9.]+$ ]] || fail "Service $namespace/${service%:*} has no address of its own: $address" "name a pod: $self kubectl port-forward"
  say "127.0.0.1:$port reaches $namespace/$service until interrupted"
  exec "$(program netns-forward)" --netns "/run/netns/$netns" --listen "127.0.0.1:$port" --dial "$address:${service##*:}"
}

print_status() {
  local pidfile component pid
  read_settings
  printf 'cluster %s (%s), API server %s\n' "$name" "$mode" "$(awk '$1 == "server:" {print $2}' "$state/kubeconfig")"
  for pidfile in "$state"/pids/*; do
    [[ -e $pidfile ]] || continue
    component=${pidfile##*/}
    if pid=$(recorded "$component"); then
      printf '  %-24s pid %-8s %5s MiB\n' "$component" "$pid" "$(awk '/^VmRSS:/ {print int($2 / 1024)}' "/proc/$pid/status")"
    else
      printf '  %-24s has ended: %s logs --name %s %s\n' "$component" "$self" "$name" "$component"
    fi
  done
  kubectl get nodes,pods --all-namespaces 2>&1 | sed 's/^/  /'
}

print_logs() {
  if (($# == 0)); then
    ls "$state/logs"
  else
    [[ -r $state/logs/$1.log ]] || fail "no log of $1" "there are: $(cd "$state/logs" && echo *.log)"
    cat "$state/logs/$1.log"
  fi
}
