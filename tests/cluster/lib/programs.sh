# Where every program comes from. Kubernetes and its companions are built from Go modules: their sums are in go.sum, so every machine
# runs the same code, and no registry, download site or container engine is needed.

kubernetes_version=v1.35.4

# program, module under modules/, package, what a cold build takes on two cores
program_table='
kube-apiserver          kubernetes              k8s.io/kubernetes/cmd/kube-apiserver              5min
kube-controller-manager kubernetes              k8s.io/kubernetes/cmd/kube-controller-manager     1min
kubectl                 kubernetes              k8s.io/kubernetes/cmd/kubectl                     30s
kube-scheduler          kubernetes              k8s.io/kubernetes/cmd/kube-scheduler              20s
kubelet                 kubernetes              k8s.io/kubernetes/cmd/kubelet                     1min
kube-proxy              kubernetes              k8s.io/kubernetes/cmd/kube-proxy                  20s
etcd                    etcd                    go.etcd.io/etcd/server/v3                         1min
coredns                 coredns                 github.com/coredns/coredns                        2min
kube-router             kube-router             github.com/cloudnativelabs/kube-router/v2/cmd/kube-router 2min
local-path-provisioner  local-path-provisioner  github.com/rancher/local-path-provisioner         1min
multus                  multus                  gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus 1min
helm                    helm                    helm.sh/helm/v4/cmd/helm                          2min
promtool                promtool                github.com/prometheus/prometheus/cmd/promtool     4min
syft                    syft                    github.com/anchore/syft/cmd/syft                   4min
grype                   grype                   github.com/anchore/grype/cmd/grype                 4min
argocd                  argocd                  .                                                 5min
kustomize               kustomize               sigs.k8s.io/kustomize/kustomize/v5                20s
ociimage                ociimage                .                                                 20s
netns-forward            netns-forward            .                                                 10s
'
control_plane_programs=(kube-apiserver kube-controller-manager kubectl)
node_programs=(kube-scheduler kubelet kube-proxy coredns kube-router local-path-provisioner ociimage netns-forward)
node_packages=(containerd runc containernetworking-plugins iptables nftables conntrack ipset iproute2 socat debootstrap busybox-static)

# program NAME prints its path. The hash of what it is built from is in the path: another checkout or another Go never gets a stale one.
program() {
  local wanted=$1 module
  if [[ $wanted == etcd ]] && command -v etcd >/dev/null; then
    command -v etcd
    return
  fi
  module=$(awk -v p="$wanted" '$1 == p {print $2}' <<<"$program_table")
  [[ -n $module ]] || fail "no program is called $wanted" "the table is in $here/lib/programs.sh"
  printf '%s/programs/%s-%s/%s\n' "$cache" "$module" "$(module_hash "$module")" "$wanted"
}

declare -A module_hashes=()
module_hash() {
  local module=$1
  if [[ -z ${module_hashes[$module]:-} ]]; then
    command -v go >/dev/null || fail "Go is not installed" "the cluster's programs are built with it: install Go 1.25 or newer"
    module_hashes[$module]=$({
      cat "$here/modules/$module"/go.* "$here/modules/$module"/*.go
      go env GOVERSION GOARCH
      build_flags "$module"
    } | sha256sum | cut -c1-16)
  fi
  printf '%s\n' "${module_hashes[$module]}"
}

build_flags() {
  local flags='-s -w' version=k8s.io/component-base/version
  if [[ $1 == kubernetes ]]; then
    flags+=" -X $version.gitVersion=$kubernetes_version -X $version.gitMajor=1 -X $version.gitMinor=35 -X $version.gitTreeState=clean"
  fi
  printf '%s\n' "$flags"
}

build() {
  local wanted=$1 path module package about
  path=$(program "$wanted")
  [[ ! -x $path ]] || return 0
  read -r _ module package about < <(awk -v p="$wanted" '$1 == p' <<<"$program_table")
  mkdir -p "$(dirname "$path")"
  timed "building $wanted (about $about cold)" "$cache/logs/$wanted.log" \
    env -C "$here/modules/$module" CGO_ENABLED=0 GOWORK=off GOFLAGS= \
    go build -mod=readonly -trimpath -buildvcs=false -ldflags "$(build_flags "$module")" -o "$path.part" "$package"
  mv "$path.part" "$path"
}

build_program() {
  mkdir -p "$cache"
  build "$1"
  program "$1"
}

# install_programs all|control-plane
install_programs() {
  local wanted packages=()
  local programs=("${control_plane_programs[@]}")
  mkdir -p "$cache"
  # One build at a time, whoever asks: two at once would only take each other's processor.
  exec 8>"$cache/install.lock"
  flock 8

  if [[ $1 == all ]]; then
    programs+=("${node_programs[@]}")
    packages=(etcd-server "${node_packages[@]}")
  elif ! command -v etcd >/dev/null; then
    packages=(etcd-server)
  fi
  command -v openssl >/dev/null || packages+=(openssl)
  install_missing "${packages[@]}"
  command -v etcd >/dev/null || programs+=(etcd)

  [[ -z $wanted_multus ]] || programs+=(multus)
  [[ -z $wanted_scheduler || $1 == all ]] || programs+=(kube-scheduler)

  for wanted in "${programs[@]}"; do
    build "$wanted"
  done
  exec 8>&-
}

install_missing() {
  local missing=() package
  mkdir -p "$cache"
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
}

install_packages() {
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    # Etcd has a Go module to fall back on; nothing else of the control plane is a package.
    [[ $* == etcd-server ]] || fail "these are missing: $*" "install them with your package manager (as root: apt-get install $*)"
    return 0
  fi
  timed "installing $*" "$cache/logs/apt.log" apt_get_install "$@"
}

apt_get_install() {
  export DEBIAN_FRONTEND=noninteractive
  # The packages' own services must not start: the cluster runs containerd and etcd itself, with ports and sockets of its own.
  local policy=/usr/sbin/policy-rc.d made=
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=yes
  fi
  local status=0
  apt-get update && apt-get install -y --no-install-recommends "$@" || status=$?
  [[ -z $made ]] || rm -f "$policy"
  return "$status"
}
