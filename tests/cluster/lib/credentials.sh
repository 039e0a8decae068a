# Who may speak to the API server: certificates for its own parts that need one, tokens for everybody else.

# user, groups. The last three have a kubeconfig; the audit log tells who of them did what.
users='
system:kube-controller-manager
system:kube-scheduler
system:kube-proxy
kube-router                     system:masters
multus                          system:masters
local-path-provisioner          system:masters
admin                           system:masters
compose-operator
dev
'

# certificate FILE SUBJECT EXTENSIONS
certificate() {
  local file=$state/pki/$1 subject=$2 extensions=$3
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$file.key" -subj "$subject" -out "$file.csr"
  openssl x509 -req -in "$file.csr" -CA "$state/pki/ca.crt" -CAkey "$state/pki/ca.key" -days 30 -out "$file.crt" -sha256 \
    -set_serial "0x$(openssl rand -hex 12)" -extfile <(printf '%s\n' "$extensions")
  rm "$file.csr"
}

make_certificates() {
  mkdir -p "$state/pki"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$state/pki/ca.key" -out "$state/pki/ca.crt" \
    -days 30 -subj /CN=compose-operator-test-ca
  certificate apiserver /CN=kube-apiserver "extendedKeyUsage=serverAuth
subjectAltName=IP:127.0.0.1,IP:$api_address,IP:$service_prefix.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  certificate apiserver-to-kubelet /O=system:masters/CN=kube-apiserver extendedKeyUsage=clientAuth
  each_node make_node_certificates
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$state/pki/service-accounts.key"
  openssl pkey -in "$state/pki/service-accounts.key" -pubout -out "$state/pki/service-accounts.pub"
}

make_node_certificates() {
  certificate "kubelet-serving$suffix" "/O=system:nodes/CN=system:node:$node" "extendedKeyUsage=serverAuth
subjectAltName=IP:$node_address,DNS:$node"
  certificate "kubelet$suffix" "/O=system:nodes/CN=system:node:$node" extendedKeyUsage=clientAuth
}

make_tokens() {
  local user groups
  while read -r user groups; do
    [[ -n $user ]] || continue
    printf '%s,%s,%s,"%s"\n' "$(openssl rand -hex 24)" "$user" "$user" "$groups"
  done <<<"$users" >"$state/pki/tokens.csv"
}

# kubeconfig FILE USER CREDENTIALS, where the credentials are the lines of a kubeconfig's user entry
kubeconfig() {
  cat >"$1" <<EOF
apiVersion: v1
kind: Config
current-context: $name
clusters:
- name: $name
  cluster:
    server: https://127.0.0.1:$api_port
    certificate-authority-data: $(base64 -w0 <"$state/pki/ca.crt")
contexts:
- name: $name
  context:
    cluster: $name
    user: $2
users:
- name: $2
  user:
$3
EOF
}

token_kubeconfig() {
  kubeconfig "$1" "$2" "    token: $(awk -F, -v user="$2" '$2 == user {print $1}' "$state/pki/tokens.csv")"
}

make_credentials() (
  umask 077
  mkdir -p "$state/config"
  make_certificates 2>"$state/logs/openssl.log" || fail "cannot make the certificates" "see $state/logs/openssl.log"
  make_tokens
  token_kubeconfig "$state/kubeconfig" admin
  token_kubeconfig "$state/operator.kubeconfig" compose-operator
  token_kubeconfig "$state/dev.kubeconfig" dev
  local user
  for user in system:kube-controller-manager system:kube-scheduler system:kube-proxy kube-router multus local-path-provisioner; do
    token_kubeconfig "$state/config/${user#system:}.kubeconfig" "$user"
  done
  each_node make_kubelet_kubeconfig
)

make_kubelet_kubeconfig() {
  kubeconfig "$state/config/kubelet$suffix.kubeconfig" kubelet "    client-certificate: $state/pki/kubelet$suffix.crt
    client-key: $state/pki/kubelet$suffix.key"
}
