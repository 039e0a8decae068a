# shellcheck shell=bash disable=SC2034
# The program is Debian's PostgreSQL, whatever its version: the tests ask for what the image of this name does on its first start, not
# for what version 13 does.
image=docker.io/library/postgres:13
options=(--entrypoint entrypoint --cmd postgres --volume /var/lib/postgresql/data --expose 5432/tcp --stop-signal SIGINT
  --env PGDATA=/var/lib/postgresql/data --env LANG=C.UTF-8)

layer() {
  install -D "$here/images/postgres/entrypoint" "$1/usr/local/bin/entrypoint"
  install -d "$1/docker-entrypoint-initdb.d" "$1/var/lib/postgresql/data"
}
