# Names of Services and pods.

start_dns() {
  sed "s/DNS_ADDRESS/$dns_address/" "$here/manifests/dns.yaml" | kubectl apply -f - >"$state/logs/dns.log"
  await 60 kubelet "CoreDNS to be ready" kubectl -n kube-system wait --for condition=Available deployment/coredns --timeout 1s
  await 30 kube-proxy "the DNS address $dns_address to answer" \
    "${inside[@]}" /bin/busybox nslookup kubernetes.default.svc.cluster.local "$dns_address"
}
