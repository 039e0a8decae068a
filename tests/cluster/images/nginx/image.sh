# shellcheck shell=bash disable=SC2034
image=docker.io/library/nginx:alpine
options=(--cmd nginx --cmd -g --cmd 'daemon off;' --expose 80/tcp --stop-signal SIGQUIT)

layer() {
  install -d "$1/etc/nginx/conf.d" "$1/usr/share/nginx/html" "$1/var/log/nginx"
  install -m 644 "$here/images/nginx/nginx.conf" "$1/etc/nginx/nginx.conf"
  install -m 644 "$here/images/nginx/default.conf" "$1/etc/nginx/conf.d/default.conf"
  printf 'Welcome to nginx!\n' >"$1/usr/share/nginx/html/index.html"
  ln -s /dev/stdout "$1/var/log/nginx/access.log"
  ln -s /dev/stderr "$1/var/log/nginx/error.log"
}
