# shellcheck shell=bash disable=SC2034
image=docker.io/library/busybox:latest
base=scratch
inputs=(/bin/busybox)
options=(--cmd sh --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)

layer() {
  local root=$1 applet
  install -d "$root"/{bin,etc,root,usr/bin,usr/sbin,sbin,var/www} && install -d -m 1777 "$root/tmp"
  install /bin/busybox "$root/bin/busybox"
  for applet in $(/bin/busybox --list | grep -vx busybox); do
    ln -sf busybox "$root/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
}
