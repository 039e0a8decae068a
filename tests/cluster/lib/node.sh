# The node: containerd, the kubelet, the scheduler, and the proxy that makes Service addresses work.

pause_image=compose-operator.test/pause:1

make_cgroup() {
  local hierarchy file
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    mkdir -p "/sys/fs/cgroup/$cgroup"
    local controllers
    controllers=$(sed 's/[a-z]\+/+&/g' "/sys/fs/cgroup/$cgroup/cgroup.controllers")
    echo "$controllers" >"/sys/fs/cgroup/$cgroup/cgroup.subtree_control"
    return
  fi
  for hierarchy in /sys/fs/cgroup/*/; do
    mkdir -p "$hierarchy$cgroup" 2>/dev/null || continue
    # A new cpuset is empty, and nothing can run in it.
    for file in cpuset.cpus cpuset.mems; do
      [[ ! -e $hierarchy$cgroup/$file ]] || cat "$hierarchy$file" >"$hierarchy$cgroup/$file"
    done
  done
}

start_containerd() {
  make_cgroup
  configure_cni
  # Without CAP_SYS_RESOURCE a process cannot lower its score for the OOM killer, and runc would die trying: hence
  # restrict_oom_score_adj. Namespaces of pods are kept here so that `down` finds them.
  cat >"$state/config/containerd$suffix.toml" <<EOF
version = 2
root = "$node_state/containerd"
state = "$node_state/containerd-run"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
address = "$containerd_socket"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$pause_image"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$cni_plugins"
conf_dir = "$node_state/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
EOF
  start "containerd$suffix" "${on[@]}" containerd --config "$state/config/containerd$suffix.toml"
  await 30 "containerd$suffix" "containerd's socket" ctr --address "$containerd_socket" version
}

start_scheduler() {
  start kube-scheduler "${inside[@]}" "$(program kube-scheduler)" --kubeconfig "$state/config/kube-scheduler.kubeconfig" \
    --leader-elect=false --secure-port 0 --kube-api-qps 5000 --kube-api-burst 10000
}

start_node() {
  start_kubelet
  # This kernel may have no IPVS; nftables is the mode that Kubernetes recommends anyhow.
  start "kube-proxy$suffix" "${on[@]}" "$(program kube-proxy)" --kubeconfig "$state/config/kube-proxy.kubeconfig" \
    --hostname-override "$node" --proxy-mode nftables --cluster-cidr "$pod_ranges" --conntrack-max-per-core 0
}

await_node() {
  await 60 "kubelet$suffix" "node $node to be Ready" kubectl wait --for condition=Ready "node/$node" --timeout 1s
}

start_kubelet() {
  printf 'nameserver %s\n' "$dns_address" >"$state/config/resolv.conf"
  # The machine's disks and swap are not the tests' business, so none of them evicts a pod or keeps the kubelet from starting.
  cat >"$state/config/kubelet$suffix.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $state/pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $state/pki/kubelet-serving$suffix.crt
tlsPrivateKeyFile: $state/pki/kubelet-serving$suffix.key
containerRuntimeEndpoint: unix://$containerd_socket
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
clusterDNS: [$dns_address]
clusterDomain: cluster.local
resolvConf: $state/config/resolv.conf
podLogsDir: $node_state/pod-logs
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
imageMinimumGCAge: 24h
serializeImagePulls: false
# The questions of tests/parity are asked in more pods than the 110 that a node has place for by default.
maxPods: 240
kubeAPIQPS: 200
kubeAPIBurst: 400
EOF
  start "kubelet$suffix" "${on[@]}" "$(program kubelet)" --config "$state/config/kubelet$suffix.yaml" \
    --kubeconfig "$state/config/kubelet$suffix.kubeconfig" --hostname-override "$node" --node-ip "$node_addresses" \
    --root-dir "$node_state/kubelet" --cert-dir "$state/pki"
}

# The kubelet goes first, or it would start again what is being stopped.
stop_node() {
  local task shim sockets mount link
  stop "kubelet$suffix"
  # Shims listen outside the state directory, and one that is killed leaves its socket there.
  mapfile -t sockets < <(grep -ohs '/run/containerd/s/[0-9a-f]*' "$node_state"/containerd-run/io.containerd.runtime.v2.task/k8s.io/*/address | sort -u)
  if recorded "containerd$suffix" >/dev/null; then
    while read -r task; do
      # Ends the container's processes, and with a pod's last container its shim.
      timeout 20 ctr --address "$containerd_socket" --namespace k8s.io tasks delete --force "$task" >/dev/null 2>&1 9>&- &
    done < <(ctr --address "$containerd_socket" --namespace k8s.io tasks list --quiet 2>/dev/null)
    wait
  fi
  stop "containerd$suffix" 5
  end_leftovers
  for shim in "${sockets[@]}"; do
    rm -f -- "$shim"
  done
  # Deepest first.
  awk -v root="$node_state/" 'index($2, root) == 1 {print $2}' /proc/self/mounts | sort -r | while read -r mount; do
    umount --lazy "$(printf '%b' "$mount")" || true
  done
  for link in /var/log/containers/*; do
    [[ $(readlink "$link") != "$state"/* ]] || rm -f "$link"
  done
  rmdir /var/log/containers 2>/dev/null || true
  # The one directory that a kubelet shares with every other on the machine.
  if ! pgrep -x kubelet >/dev/null; then
    rm -f /var/lib/kubelet/device-plugins/kubelet.sock
    rmdir /var/lib/kubelet/device-plugins /var/lib/kubelet 2>/dev/null || true
  fi
  remove_cgroup
  local component
  for component in kube-router kube-proxy api-forward; do
    stop "$component$suffix"
  done
}

# What is still in the cluster's control groups, and shims that know containerd by our socket: only when containerd died before.
end_leftovers() {
  local file pid
  {
    find /sys/fs/cgroup -path "*/$cgroup/*" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    for file in /proc/[0-9]*/cmdline; do
      pid=${file#/proc/}
      if tr '\0' '\n' 2>/dev/null <"$file" | grep -qxF -- "$containerd_socket"; then
        printf '%s\n' "${pid%/cmdline}"
      fi
    done
  } | sort -u | while read -r pid; do
    kill -KILL "$pid" 2>/dev/null || true
  done
  # Runc freezes a container to kill all of it. If its shim ended meanwhile, the processes cannot die before they are thawed.
  find /sys/fs/cgroup -path "*/$cgroup/*" -name freezer.state 2>/dev/null | while read -r file; do
    echo THAWED >"$file" 2>/dev/null || true
  done
}

remove_cgroup() {
  local attempt
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" \( -path "*/$cgroup" -o -path "*/$cgroup/*" \) -exec rmdir {} + 2>/dev/null && return
    # A group stays busy until the kernel has taken its last process apart.
    sleep 0.2
  done
  say "some control groups called $cgroup could not be removed (after $attempt attempts): find /sys/fs/cgroup -name $cgroup"
}
