# Volumes for claims, in the state directory.

start_storage() {
  mkdir -p "$state/volumes"
  kubectl apply -f "$here/manifests/storage.yaml" >"$state/logs/storage.log"
  printf '{"nodePathMap":[{"node":"DEFAULT_PATH_FOR_NON_LISTED_NODES","paths":["%s"]}]}\n' "$state/volumes" >"$state/config/local-path.json"
  start local-path-provisioner "${inside[@]}" "$(program local-path-provisioner)" start \
    --kubeconfig "$state/config/local-path-provisioner.kubeconfig" --config "$state/config/local-path.json" \
    --provisioner-name rancher.io/local-path --namespace local-path-storage --configmap-name local-path-config \
    --service-account-name default --helper-image docker.io/library/busybox:latest --helper-pod-file "$here/manifests/storage-pod.yaml"
}
