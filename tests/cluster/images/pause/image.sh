# shellcheck shell=bash disable=SC2034
# Holds a pod's namespaces; all it has to do is to stay.
image=compose-operator.test/pause:1
base=scratch
inputs=(/bin/busybox)
options=(--entrypoint /busybox --entrypoint sleep --entrypoint 2147483647 --user 65535:65535)

layer() { install /bin/busybox "$1/busybox"; }
