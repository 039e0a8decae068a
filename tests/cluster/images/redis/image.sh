# shellcheck shell=bash disable=SC2034
image=docker.io/library/redis:alpine
options=(--entrypoint entrypoint --cmd redis-server --workdir /data --volume /data --expose 6379/tcp)

layer() {
  install -D "$here/images/redis/entrypoint" "$1/usr/local/bin/entrypoint"
  install -d "$1/data"
}
