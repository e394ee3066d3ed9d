#!/bin/bash
# Gets this machine's ticket and starts its engine with it. Safe to run at any time and any number of times: it runs at
# every boot, since a machine that comes back may have been given a new name or token meanwhile.
#
# Exit status: 0 joined · 1 no ticket in time, try again · 2 refused, a repeat is pointless.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=starling-json.sh
. "$here/starling-json.sh"
# shellcheck source-path=SCRIPTDIR source=starling-attest.sh
. "$here/starling-attest.sh"

# The ticket, a leaf a line, without what is the storage unit's.
TICKET=$ROOT/run/starling/ticket
STORAGE=$ROOT/run/starling/storage
# "version sha256" of the engine that starling-install.sh has put there.
INSTALLED=$ROOT/var/lib/starling/k3s-installed
CONFIG=$ROOT/etc/rancher/k3s/config.yaml
ENDPOINT=$ROOT/etc/starling/endpoint
# A first join may have to wait for the whole cluster to come up. A machine that has joined before waits only
# shortly for news: it must come back even when the app is away.
FIRST_LIMIT=${STARLING_JOIN_LIMIT_SECONDS:-1500}
AGAIN_LIMIT=${STARLING_REJOIN_LIMIT_SECONDS:-120}

main() {
  make_workspace
  local instance limit=$FIRST_LIMIT
  if [[ -f $CONFIG ]]; then limit=$AGAIN_LIMIT; fi
  instance=$(identity "$limit") || { without_answer 'no instance metadata'; return; }
  say "join: instance $instance of cluster $STARLING_CLUSTER asks for its ticket"
  if post_until_answered join "$(claims_text "$instance")" "$limit"; then
    act_on_answer
  else
    without_answer "no ticket within $limit s"
  fi
}

act_on_answer() {
  case $STATUS in
    2??)
      take_ticket
      ;;
    409)
      if [[ ! -f $CONFIG && ! -f $TICKET ]]; then refused; fi
      say 'join: joined before, nothing to do'
      start_engine
      ;;
    *)
      refused
      ;;
  esac
}

refused() {
  say "join: refused with $STATUS $(problem_code), giving up"
  exit 2
}

without_answer() {
  if [[ ! -f $CONFIG ]]; then
    say "join: $1"
    exit 1
  fi
  say "join: $1, going on with what is known"
  start_engine
}

take_ticket() {
  local leaves
  if ! leaves=$(json_leaves <"$WORK/answer") || ! check_ticket "$leaves"; then
    say 'join: the ticket makes no sense'
    exit 1
  fi
  hand_over_storage "$leaves"
  { grep -v '^storage\.' >"$TICKET"; } <<<"$leaves"
  say "join: this is $(json_leaf "$leaves" nodeName), $(json_leaf "$leaves" role) of $(json_leaf "$leaves" engine)"
  install_version "$(json_leaf "$leaves" version)"
  mkdir -p "$(dirname "$CONFIG")"
  k3s_config "$leaves" >"$CONFIG.new"
  if [[ $STARLING_ROLE == master ]]; then write_endpoint "$leaves"; fi
  if cmp --silent "$CONFIG.new" "$CONFIG"; then
    rm "$CONFIG.new"
    start_engine
  else
    mv "$CONFIG.new" "$CONFIG"
    say 'join: configuration written'
    restart_engine
  fi
}

# starling-storage.sh takes it from there, so that the key stays in one place, and nothing about shares holds up a join.
hand_over_storage() {
  if grep '^storage\.' <<<"$1" >"$STORAGE.new"; then mv "$STORAGE.new" "$STORAGE"; else rm "$STORAGE.new"; fi
}

# What customData names is there already; after an upgrade of the cluster the ticket knows better.
install_version() {
  local there=$STARLING_ENGINE_VERSION
  if [[ -f $INSTALLED ]]; then read -r there _ <"$INSTALLED"; fi
  if [[ -n $1 && $1 != "$there" ]]; then "$here/starling-install.sh" "$1"; fi
}

# Every value goes into a file that root's daemons read: only what a ticket may hold is let through.
check_ticket() {
  local path value
  while IFS=$'\t' read -r path value; do
    case $path in
      engine) [[ $value == "$STARLING_ENGINE" ]] ;;
      role) [[ $value == "$STARLING_ROLE" ]] ;;
      nodeName) [[ $value =~ ^[a-z0-9][a-z0-9.-]*$ ]] ;;
      token | version | providerId | labels.* | tlsSans.*) [[ $path$value =~ ^[A-Za-z0-9._:/+=@-]+$ ]] ;;
      servers.*) [[ $value =~ ^https://[A-Za-z0-9.:-]+$ ]] ;;
      *) true ;;
    esac || return 1
  done <<<"$1"
  [[ -n $(json_leaf "$1" nodeName) && -n $(json_leaf "$1" token) ]] || return 1
  [[ -n $(json_leaf "$1" servers.0) || $STARLING_ROLE == master ]]
}

k3s_config() {
  local leaves=$1 server
  server=$(first_server "$leaves")
  if [[ $STARLING_ROLE == master ]]; then master_config "$leaves" "$server"; fi
  if [[ -n $server && $(json_leaf "$leaves" initialise) != true ]]; then printf 'server: "%s"\n' "$server"; fi
  printf 'token: "%s"\nnode-name: "%s"\n' "$(json_leaf "$leaves" token)" "$(json_leaf "$leaves" nodeName)"
  list node-label labels. "$leaves"
  if [[ -n $(json_leaf "$leaves" providerId) ]]; then
    printf 'kubelet-arg:\n  - "provider-id=%s"\n' "$(json_leaf "$leaves" providerId)"
  fi
}

# k3s asks only this one at first, and learns of the others from it: one that is down must not keep a machine out. Who it
# is that answers is for k3s to check, by the CA's hash in the token.
first_server() {
  local path server address
  while IFS=$'\t' read -r path server; do
    if [[ $path != servers.* ]]; then continue; fi
    address=${server#https://}
    if reaches "${address%:*}" "${address##*:}"; then
      printf '%s' "$server"
      return
    fi
  done <<<"$1"
  json_leaf "$1" servers.0
}

reaches() { timeout "${STARLING_CONNECT_SECONDS:-3}" bash -c ": </dev/tcp/$1/$2" 2>/dev/null; }

# Always etcd, also for a single master: one that starts with SQLite cannot simply become three.
master_config() {
  local leaves=$1
  if [[ -z $2 || $(json_leaf "$leaves" initialise) == true ]]; then printf 'cluster-init: true\n'; fi
  printf 'write-kubeconfig-mode: "0600"\nsecrets-encryption: true\n'
  # A /24 a node: the default 10.42.0.0/16 would end at 256 nodes, this at 2048, clear of services (10.43.0.0/16) and network.
  printf 'cluster-cidr: "10.128.0.0/13"\n'
  printf 'agent-token: "%s"\n' "$(agent_token "$(json_leaf "$leaves" token)")"
  list tls-san tlsSans. "$leaves"
}

# Without one of its own, the token of agents is the token of servers. All masters must have the same, so it is made from
# that token, one way. Nobody ever gets it: agents join with bootstrap tokens.
agent_token() {
  local secret=${1#K10*::}
  printf 'agent %s' "${secret#server:}" | sha256sum | cut -d ' ' -f 1
}

# A YAML list of the leaves below path $2: "name=value" for members, the value for items.
list() {
  local path value title="$1:"
  while IFS=$'\t' read -r path value; do
    if [[ $path != "$2"* ]]; then continue; fi
    if [[ $2 == labels. ]]; then value="${path#"$2"}=$value"; fi
    if [[ -n $title ]]; then printf '%s\n' "$title"; fi
    title=''
    printf '  - "%s"\n' "$value"
  done <<<"$3"
}

# Where Starling will find this master; starling-ready.sh reports it.
write_endpoint() {
  local name
  name=$(json_leaf "$1" tlsSans.0)
  if [[ -n $name ]]; then printf 'https://%s:6443\n' "$name" >"$ENDPOINT"; fi
}

# Not waited for: the engine reports itself started only once it has joined, which may take until another machine is up.
start_engine() { units start --no-block "$(engine_unit)"; }
restart_engine() { units restart --no-block "$(engine_unit)"; }

main
