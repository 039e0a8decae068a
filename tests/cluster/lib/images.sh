# Test images, made from Debian's packages: no registry is asked. Each directory under images/ is a recipe, sourced in a shell of its
# own, that sets
#   image    the name by which stacks ask for it
#   base     debian or scratch
#   options  what ociimage takes: --entrypoint, --env, --volume and so on
#   inputs   files outside its directory that it is made from
#   layer    a function that fills the directory given to it
# One Debian tree is the lowest layer of all of them, so that it is made, imported and unpacked once.

base_packages=redis-server,postgresql,python3-flask,python3-redis,nginx-light
base_suite=bookworm

make_images() {
  ((EUID == 0)) || fail "images can be made by root only" "debootstrap makes files that belong to other users"
  local recipe
  exec 6>"$cache/images.lock"
  flock 6
  mkdir -p "$cache/images"
  for recipe in "$here"/images/*/; do
    make_image "$(basename "$recipe")" 6>&-
  done
  make_bundle
  exec 6>&-
}

# All of them in one file, which a node imports in the time of the largest.
bundle_tar() { printf '%s/images/bundle-%s.tar\n' "$cache" "$(image_tars | xargs -n1 basename | sha256sum | cut -c1-16)"; }

make_bundle() {
  local bundle tars
  bundle=$(bundle_tar)
  [[ ! -e $bundle ]] || return 0
  mapfile -t tars < <(image_tars)
  rm -f "$cache"/images/bundle-????????????????.tar
  "$(program ociimage)" --bundle -o "$bundle" "${tars[@]}"
}

image_tars() {
  local recipe
  for recipe in "$here"/images/*/; do
    image_tar "$(basename "$recipe")"
  done
}

image_tar() (
  read_recipe "$1"
  printf '%s/images/%s-%s.tar\n' "$cache" "$1" "$({
    cd "$here/images/$1" && find . -type f -exec sha256sum {} + | sort
    ((${#inputs[@]} == 0)) || sha256sum "${inputs[@]}" | cut -d' ' -f1
    base_hash
    module_hash ociimage
  } | sha256sum | cut -c1-16)"
)

read_recipe() {
  image='' base=debian options=() inputs=()
  # shellcheck source=/dev/null
  source "$here/images/$1/image.sh"
}

make_image() (
  recipe=$1
  tar=$(image_tar "$recipe")
  [[ ! -e $tar ]] || exit 0
  read_recipe "$recipe"
  layers=()
  if [[ $base == debian ]]; then
    make_base
    layers=(--layer "$(base_tar)")
  fi
  umask 022
  work=$(mktemp -d "$cache/images/$recipe.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  layer "$work"
  rm -f "$cache/images/$recipe"-????????????????.tar
  timed "making image $image" "$cache/logs/image-$recipe.log" \
    env TMPDIR="$cache/images" "$(program ociimage)" --name "$image" "${layers[@]}" --layer "$work" "${options[@]}" -o "$tar"
)

# Which versions Debian has today is not part of this: an older tree serves the tests as well as a newer one.
base_hash() {
  { printf '%s\n' "$base_suite" "$base_packages"; declare -f fill_base; } | sha256sum | cut -c1-16
}

base_tar() { printf '%s/images/base-%s.tar\n' "$cache" "$(base_hash)"; }

make_base() {
  local tar
  tar=$(base_tar)
  [[ ! -e $tar ]] || return 0
  timed "installing the images' Debian tree (about 3min cold)" "$cache/logs/base.log" fill_base "$tar"
}

fill_base() (
  set -e
  tar=$1
  mkdir -p "$cache/packages"
  root=$(mktemp -d "$cache/images/base.XXXXXX")
  trap 'rm -rf --one-file-system "$root"' EXIT
  debootstrap --variant=minbase --cache-dir="$cache/packages" --include="$base_packages" "$base_suite" "$root"
  # Caches, manuals, the database that Debian's package makes, and PostgreSQL's compiler, without which it works the same: a third of
  # the size is left.
  rm -rf "$root"/var/cache/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/{doc,man,locale,info}/* \
    "$root"/var/lib/postgresql/* "$root"/etc/postgresql/* \
    "$root"/usr/lib/*/libLLVM* "$root"/usr/lib/*/libz3* "$root"/usr/lib/postgresql/*/lib/{bitcode,llvmjit*}
  find "$root" -name __pycache__ -prune -exec rm -rf {} +
  tar --create --file "$tar.part" --directory "$root" --sort=name --numeric-owner --mtime=@0 --one-file-system \
    --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* .
  rm -f "$cache"/images/base-????????????????.tar
  mv "$tar.part" "$tar"
)

import_images() {
  local tar
  for tar in "$@"; do
    ctr --address "$containerd_socket" --namespace k8s.io images import "$tar"
  done
}

# The first node has all images, further ones those that are small: without Debian's tree below them.
import_node_images() {
  local recipe tars=()
  if ((number == 1)); then
    import_images "$(bundle_tar)"
    return
  fi
  for recipe in "$here"/images/*/; do
    read_recipe "$(basename "$recipe")"
    [[ $base == debian ]] || tars+=("$(image_tar "$(basename "$recipe")")")
  done
  import_images "${tars[@]}"
}

load_images() {
  (($# > 0)) || fail "load wants at least one tar" "$self load --name $name IMAGE.tar"
  read_settings
  case $mode in
    node) each_node import_images "$@" ;;
    existing) fail "images cannot be given to someone else's cluster from here" "use: kind load image-archive, or k3d image import" ;;
    *) fail "cluster $name has no node to give images to" ;;
  esac
}
