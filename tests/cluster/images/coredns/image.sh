# shellcheck shell=bash disable=SC2034
image=compose-operator.test/coredns:1
base=scratch
inputs=("$(program coredns)")
options=(--entrypoint /coredns --expose 53/udp --expose 53/tcp)

layer() { install "$(program coredns)" "$1/coredns"; }
