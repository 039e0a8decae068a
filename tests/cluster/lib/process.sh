# Processes of a cluster. Each is known by its id and the moment it started, so that an id which the kernel has since given to another
# process is never signalled.

started_at() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The second field is the program's name in parentheses and may hold spaces; count from behind it.
  stat=${stat##*) }
  awk '{print $20}' <<<"$stat"
}

# start COMPONENT COMMAND...
start() {
  local component=$1 pid
  shift
  mkdir -p "$state/pids" "$state/logs"
  # A session of its own, so that neither the terminal's Ctrl-C nor its end stops the cluster; 9 is the lock, which must not outlive us.
  setsid "$@" </dev/null >>"$state/logs/$component.log" 2>&1 9>&- &
  pid=$!
  printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$state/pids/$component"
}

# recorded COMPONENT prints its process id if that very process still runs.
recorded() {
  local pid began
  [[ -r $state/pids/$1 ]] || return 1
  read -r pid began <"$state/pids/$1" || return 1
  [[ $(started_at "$pid") == "$began" ]] || return 1
  # A zombie has ended; only its parent has not asked yet.
  [[ $(awk '/^State:/ {print $2}' "/proc/$pid/status" 2>/dev/null) != Z ]] || return 1
  printf '%s\n' "$pid"
}

# stop COMPONENT [SECONDS]
# The API server would wait for its watchers and etcd write what is about to be removed, so the time to end by itself is short.
stop() {
  local component=$1 pid deadline=$((SECONDS + ${2:-1}))
  if pid=$(recorded "$component"); then
    kill -TERM "$pid" 2>/dev/null || true
    while recorded "$component" >/dev/null; do
      if ((SECONDS >= deadline)); then
        kill -KILL "$pid" 2>/dev/null || true
        sleep 0.2
        break
      fi
      sleep 0.05
    done
  fi
  rm -f "$state/pids/$component"
}

# await SECONDS COMPONENT WHAT COMMAND...
# Waits for the command to succeed; gives up as soon as the component that should bring it about has ended.
await() {
  local seconds=$1 component=$2 what=$3 deadline
  shift 3
  deadline=$((SECONDS + seconds))
  until "$@" >"$state/logs/await.log" 2>&1; do
    recorded "$component" >/dev/null || blame "$component" "$component ended while waiting for: $what"
    ((SECONDS < deadline)) || blame "$component" "waited ${seconds}s in vain for: $what"
    sleep 0.1
  done
}

blame() {
  local component=$1 what=$2
  {
    printf 'the last lines of %s:\n' "$state/logs/$component.log"
    { tail -n 20 "$state/logs/$component.log" || true; } 2>/dev/null | cut -c1-400 | sed 's/^/  | /'
    if [[ $mode == node && $component != kube-apiserver && $component != etcd ]]; then
      printf 'the last warnings in the cluster:\n'
      timeout 5 "$(program kubectl)" get events --all-namespaces --field-selector type=Warning --no-headers 2>&1 | tail -n 5 \
        | cut -c1-400 | sed 's/^/  | /'
    fi
    if [[ -s $state/logs/await.log ]]; then
      printf 'the last attempt said:\n'
      tail -n 5 "$state/logs/await.log" | cut -c1-400 | sed 's/^/  | /'
    fi
  } >&2
  fail "$what" "all logs are kept in $state/logs" "to start afresh: $self down --name $name, then $self up --name $name"
}
