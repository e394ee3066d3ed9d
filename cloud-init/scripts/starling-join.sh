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
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/k3s source=starling-engine.sh
. "$here/starling-engine.sh"

# The ticket, a leaf a line, without what is the storage unit's.
TICKET=$ROOT/run/starling/ticket
STORAGE=$ROOT/run/starling/storage
# A first join may have to wait for the whole cluster to come up. A machine that has joined before waits only
# shortly for news: it must come back even when the app is away.
FIRST_LIMIT=${STARLING_JOIN_LIMIT_SECONDS:-1500}
AGAIN_LIMIT=${STARLING_REJOIN_LIMIT_SECONDS:-120}
# Tokens are renewed behind the back of a machine that is slow to use them; more often than that, something else is wrong.
TICKETS=3

main() {
  make_workspace
  local instance limit=$FIRST_LIMIT claims ticket
  IS_LOST=false
  if engine_has_joined; then limit=$AGAIN_LIMIT; fi
  instance=$(identity "$limit") || { without_answer 'no instance metadata'; return; }
  claims=$(claims_text "$instance")
  if engine_membership_lost; then
    say 'join: no member of the cluster any more'
    IS_LOST=true
    claims=$(claims_text "$instance" ',"rejoin":true')
  fi
  for ((ticket = 1; ticket <= TICKETS; ticket++)); do
    say "join: instance $instance of cluster $STARLING_CLUSTER asks for its ticket"
    if ! post_until_answered join "$claims" "$limit"; then
      without_answer "no ticket within $limit s"
      return
    fi
    TOKEN_IS_STALE=false
    act_on_answer
    if [[ $TOKEN_IS_STALE == false ]]; then return; fi
  done
  say 'join: no token was of use'
  exit 1
}

act_on_answer() {
  local leaves
  case $STATUS in
    2??)
      if ! leaves=$(json_leaves <"$WORK/answer") || ! check_ticket "$leaves"; then
        say 'join: the ticket makes no sense'
        exit 1
      fi
      hand_over_storage "$leaves"
      { grep -v '^storage\.' >"$TICKET"; } <<<"$leaves"
      take_ticket "$leaves"
      ;;
    409)
      joined_before
      ;;
    *)
      refused
      ;;
  esac
}

joined_before() {
  if [[ $IS_LOST == true ]]; then
    say 'join: Starling still takes this machine for a member'
    exit 1
  elif engine_has_joined; then
    say 'join: joined before, nothing to do'
    engine_start
  elif [[ -f $TICKET ]]; then
    say 'join: has its ticket already'
    take_ticket "$(<"$TICKET")"
  else
    refused
  fi
}

refused() {
  say "join: refused with $STATUS $(problem_code), giving up"
  exit 2
}

without_answer() {
  if ! engine_has_joined; then
    say "join: $1"
    exit 1
  fi
  say "join: $1, going on with what is known"
  engine_start
}

take_ticket() {
  say "join: this is $(json_leaf "$1" nodeName), $(json_leaf "$1" role) of $(json_leaf "$1" engine)"
  install_version "$(json_leaf "$1" version)"
  engine_take_ticket "$1"
}

# starling-storage.sh takes it from there, so that the key stays in one place, and nothing about shares holds up a join.
hand_over_storage() {
  if grep '^storage\.' <<<"$1" >"$STORAGE.new"; then mv "$STORAGE.new" "$STORAGE"; else rm "$STORAGE.new"; fi
}

# What customData names is there already; after an upgrade of the cluster the ticket knows better.
install_version() {
  local there
  there=$(engine_version)
  if [[ -n $1 && $1 != "${there:-$STARLING_ENGINE_VERSION}" ]]; then "$here/starling-install.sh" "$1"; fi
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
      servers.*) engine_server_ok "$value" ;;
      *) true ;;
    esac || return 1
  done <<<"$1"
  [[ -n $(json_leaf "$1" nodeName) ]] && engine_ticket_ok "$1"
}

# An engine asks only one server at first: one that is down must not keep a machine out. Who it is that answers is for the
# engine to check, by the CA's hash in the token.
first_server() {
  local path server address
  while IFS=$'\t' read -r path server; do
    if [[ $path != servers.* ]]; then continue; fi
    address=${server#*://}
    if reaches "${address%:*}" "${address##*:}"; then
      printf '%s' "$server"
      return
    fi
  done <<<"$1"
  json_leaf "$1" servers.0
}

reaches() { timeout "${STARLING_CONNECT_SECONDS:-3}" bash -c ": </dev/tcp/$1/$2" 2>/dev/null; }

# Where Starling will find this master, with port $2; starling-ready.sh reports it.
write_endpoint() {
  local name
  name=$(json_leaf "$1" tlsSans.0)
  if [[ -n $name ]]; then printf 'https://%s:%s\n' "$name" "$2" >"$ENDPOINT"; fi
}

main
