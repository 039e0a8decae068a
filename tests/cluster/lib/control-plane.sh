# etcd, the API server and the controllers: enough for everything that needs no pod.

start_control_plane() {
  write_audit_policy
  start_etcd
  start_apiserver
  start_controllers
  # A pod cannot be created, and so no test can begin, before the namespace's default ServiceAccount is there.
  await 60 kube-controller-manager "the default ServiceAccount" kubectl -n default get serviceaccount default
  await 30 kube-controller-manager "the root certificate in namespace default" kubectl -n default get configmap kube-root-ca.crt
}

start_etcd() {
  # Nobody needs this data after a crash, and syncing it to disk is what makes etcd slow.
  start etcd "${inside[@]}" "$(program etcd)" --name "$name" --data-dir "$state/etcd" --unsafe-no-fsync \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$etcd_peer_port" --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer_port" \
    --initial-cluster "$name=http://127.0.0.1:$etcd_peer_port" --quota-backend-bytes $((4 << 30)) \
    --auto-compaction-mode periodic --auto-compaction-retention 10m --log-level warn
}

write_audit_policy() {
  # Only those who can tell a test something: the cluster's own controllers would drown them.
  local level=Metadata
  [[ -z $wanted_requests ]] || level=Request
  cat >"$state/config/audit-policy.yaml" <<EOF
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  userGroups: ["system:serviceaccounts:kube-system"]
- level: $level
  users: [compose-operator]
- level: Metadata
  users: [admin, dev]
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
EOF
}

start_apiserver() {
  # Endpoints may not hold a loopback address, and without a node nobody needs the Service "kubernetes".
  local reconciler=lease
  [[ $mode == node ]] || reconciler=none
  # The audit log blocks: a test reads it right after its request and must find it there.
  start kube-apiserver "${inside[@]}" "$(program kube-apiserver)" \
    --etcd-servers "http://127.0.0.1:$etcd_port" \
    --bind-address "$api_bind" --secure-port "$api_port" --advertise-address "$api_address" \
    --endpoint-reconciler-type "$reconciler" \
    --tls-cert-file "$state/pki/apiserver.crt" --tls-private-key-file "$state/pki/apiserver.key" \
    --client-ca-file "$state/pki/ca.crt" --token-auth-file "$state/pki/tokens.csv" \
    --kubelet-client-certificate "$state/pki/apiserver-to-kubelet.crt" --kubelet-client-key "$state/pki/apiserver-to-kubelet.key" \
    --kubelet-certificate-authority "$state/pki/ca.crt" --kubelet-preferred-address-types InternalIP \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$state/pki/service-accounts.pub" --service-account-signing-key-file "$state/pki/service-accounts.key" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged \
    --service-cluster-ip-range "$service_ranges" \
    --audit-policy-file "$state/config/audit-policy.yaml" --audit-log-path "$state/audit.log" --audit-log-mode blocking \
    --audit-log-maxsize 500 --audit-log-maxbackup 1 --profiling=false
  await 120 kube-apiserver "the API server's /readyz" kubectl get --raw /readyz
}

start_controllers() {
  start kube-controller-manager "${inside[@]}" "$(program kube-controller-manager)" \
    --kubeconfig "$state/config/kube-controller-manager.kubeconfig" --secure-port 0 --leader-elect=false --use-service-account-credentials \
    --service-account-private-key-file "$state/pki/service-accounts.key" --root-ca-file "$state/pki/ca.crt" \
    --cluster-signing-cert-file "$state/pki/ca.crt" --cluster-signing-key-file "$state/pki/ca.key" \
    --kube-api-qps 5000 --kube-api-burst 10000 --profiling=false \
    --concurrent-deployment-syncs 20 --concurrent-replicaset-syncs 20 --concurrent-service-endpoint-syncs 20
}
