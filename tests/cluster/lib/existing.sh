# A cluster that someone else runs (kind, k3d, a real one): use it, start nothing, stop nothing.

use_existing() {
  lock
  mkdir -p "$state/logs" "$state/pids"
  if [[ -r $state/settings ]]; then
    read_settings
    [[ $mode == existing ]] || fail "cluster $name is one of ours and is up" "stop it first: $self down --name $name"
  fi
  printf 'mode=existing\nnodes=0\nmultus=\n' >"$state/settings"
  mode=existing
  command -v kubectl >/dev/null || build kubectl
  (
    umask 077
    local user
    kubectl --kubeconfig "$COMPOSE_OPERATOR_TEST_KUBECONFIG" config view --flatten --minify >"$state/kubeconfig"
    # There is no second identity here, so the admin speaks in their names: authorization is then the same.
    for user in compose-operator dev; do
      sed "s/^  user:\( {}\)\?\$/  user:\n    as: $user/" "$state/kubeconfig" >"$state/${user#compose-}.kubeconfig"
    done
  )
  export KUBECONFIG=$state/kubeconfig
  kubectl get --raw /readyz >/dev/null \
    || fail "the cluster of $COMPOSE_OPERATOR_TEST_KUBECONFIG does not answer" "check COMPOSE_OPERATOR_TEST_KUBECONFIG, or unset it to start one here"
  touch "$state/ready"
  say "using the cluster of $COMPOSE_OPERATOR_TEST_KUBECONFIG. Not checked there: who sent which request (no audit log),"
  say "and whatever needs images or a command inside its network, unless it has them and is reached from here."
}
