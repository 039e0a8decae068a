# What the user sees: progress with elapsed times, and errors that say what, where and what to do.

say() { printf '%s\n' "$*" >&2; }

# fail WHAT [WHERE AND WHAT TO DO...]
fail() {
  printf 'cluster: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '  %s\n' "$@" >&2
  exit 1
}

elapsed() {
  local seconds=$1
  if ((seconds < 60)); then
    printf '%ds' "$seconds"
  else
    printf '%dm%02ds' $((seconds / 60)) $((seconds % 60))
  fi
}

# timed TEXT LOG COMMAND...
# A build prints hundreds of lines that matter only when it fails, so they go to a log whose end is shown then.
timed() {
  local text=$1 log=$2 began=$SECONDS
  shift 2
  printf '%s ... ' "$text" >&2
  mkdir -p "$(dirname "$log")"
  if "$@" >"$log" 2>&1 </dev/null; then
    elapsed $((SECONDS - began)) >&2
    printf '\n' >&2
  else
    printf 'failed after %s\n' "$(elapsed $((SECONDS - began)))" >&2
    tail -n 20 "$log" | sed 's/^/  | /' >&2
    fail "$text: failed" "the whole log: $log"
  fi
}
