#!/bin/bash
# Sourced by the shared scripts: what is Docker Swarm about this machine. README.md beside them says what each function promises.
#
# The engine is asked through its API and not through its command line, on which a token could be seen.
#   STARLING_DOCKERD        in place of dockerd
#   STARLING_DOCKER_PORT    in place of 2376

# shellcheck source-path=SCRIPTDIR source=starling-docker.sh disable=SC2154 # here: set by who sources this
. "$here/starling-docker.sh"

# The node id of this machine; there from its first join on.
MEMBER=$ROOT/var/lib/starling/swarm-node
SETTLE_SECONDS=${STARLING_SETTLE_SECONDS:-30} # a worker is back in a few seconds; a leader may have to be elected first
JOIN_SECONDS=${STARLING_ENGINE_JOIN_SECONDS:-120} # the engine gives an answer after 20 and goes on by itself
# At an eviction the three together, with what it takes to tell Starling, stay below 30 seconds.
DRAIN_SECONDS=${STARLING_DRAIN_SECONDS:-10}
STOP_SECONDS=12
SWARM_PORT=2377

engine_version() { version_in "$("${STARLING_DOCKERD:-dockerd}" --version 2>/dev/null || true)"; }

engine_has_joined() { [[ -s $MEMBER ]]; }

# A certificate that ran out while the machine was parked, or a removed node. One that was removed while it was off does not learn
# of it: it asks for ever to be let in (seen with 20.10), as it would where no manager is up. Managers may wait for each other.
engine_membership_lost() {
  if ! engine_has_joined; then return 1; fi
  engine_start
  settle "$SETTLE_SECONDS"
  case $SWARM_STATE in
    active | '') return 1 ;;
    pending) [[ $STARLING_ROLE == agent ]] ;;
    *) return 0 ;;
  esac
}

engine_server_ok() { [[ $1 =~ ^[A-Za-z0-9.-]+:[0-9]+$ ]]; }

engine_ticket_ok() {
  if [[ $(json_leaf "$1" initialise) == true ]]; then [[ $STARLING_ROLE == master ]] && return; fi
  [[ -n $(json_leaf "$1" token) && -n $(json_leaf "$1" servers.0) ]]
}

engine_take_ticket() {
  ADDRESS=$(own_address)
  if [[ $STARLING_ROLE == master ]]; then
    keep_names "$1" "$ADDRESS"
    write_endpoint "$1" "$DOCKER_PORT"
  fi
  engine_start
  # Who asked to join again has waited.
  if [[ $IS_LOST == true ]]; then settle 0; else settle "$SETTLE_SECONDS"; fi
  if [[ $SWARM_STATE == active ]] && is_ours "$1"; then
    remember
    say "join: node $SWARM_NODE of the swarm"
  elif may_leave "$1"; then
    leave_swarm
    enter_swarm "$1"
  else
    say "join: the swarm is ${SWARM_STATE:-silent}"
    # A member's engine goes on trying by itself.
    if ! engine_has_joined; then exit 1; fi
  fi
}

own_address() {
  local leaves address
  leaves=$(json_leaves <"$WORK/instance.json")
  address=$(json_leaf "$leaves" network.interface.0.ipv4.ipAddress.0.privateIpAddress)
  if [[ ! $address =~ ^[0-9.]+$ ]]; then
    say 'join: the metadata service knows no address of this machine' >&2
    exit 1
  fi
  printf '%s' "$address"
}

# By its own id, by a manager that the ticket names too, or as the one manager that made the swarm and could not note it.
is_ours() {
  local path value
  if engine_has_joined && [[ $(<"$MEMBER") == "$SWARM_NODE" ]]; then return 0; fi
  if [[ $(json_leaf "$1" initialise) == true ]]; then
    [[ $(json_leaf "$SWARM" Swarm.ControlAvailable) == true ]]
    return
  fi
  while IFS=$'\t' read -r path value; do
    if [[ $path == Swarm.RemoteManagers.*.Addr ]] && grep --quiet --fixed-strings --line-regexp "$value" < <(servers "$1"); then
      return 0
    fi
  done <<<"$SWARM"
  return 1
}

servers() { awk -F '\t' '$1 ~ /^servers\./ { print $2 }' <<<"$1"; }

# What it has cannot be got back: a member leaves only when Starling has granted that, and one that would have to make a new
# swarm not even then, since its disk may hold the only copy.
may_leave() {
  if [[ -z $SWARM_STATE ]]; then return 1; fi
  if [[ $SWARM_STATE == inactive ]] || ! engine_has_joined; then return 0; fi
  [[ $IS_LOST == true && $(json_leaf "$1" initialise) != true ]]
}

leave_swarm() {
  if [[ $SWARM_STATE == inactive ]]; then return; fi
  say "join: leaves a swarm that is $SWARM_STATE"
  docker_api POST '/swarm/leave?force=true'
  if [[ $API_STATUS != 200 ]]; then
    say "join: the engine did not leave: $API_STATUS $(api_message)"
    exit 1
  fi
  SWARM_STATE=inactive
}

enter_swarm() {
  local request=$WORK/swarm.json reason=''
  if [[ $(json_leaf "$1" initialise) == true ]]; then
    init_request >"$request"
    docker_api POST /swarm/init "$request"
  else
    join_request "$1" >"$request"
    docker_api POST /swarm/join "$request"
  fi
  if [[ $API_STATUS != 200 ]]; then
    reason=$(api_message)
    say "join: the engine answers $API_STATUS: $reason"
  fi
  if ! is_stale "$reason"; then settle "$JOIN_SECONDS"; fi
  if [[ $SWARM_STATE == active ]]; then
    remember
    say "join: node $SWARM_NODE of the swarm"
    # Where it had told an older id.
    units restart --no-block starling-ready.service
    return
  fi
  if is_stale "$reason $(json_leaf "$SWARM" Swarm.Error)"; then
    # shellcheck disable=SC2034 # read by starling-join.sh
    TOKEN_IS_STALE=true
    return
  fi
  say "join: the swarm is ${SWARM_STATE:-silent}"
  exit 1
}

# As the engine says it: "A valid join token is necessary to join this cluster", "remote CA does not match fingerprint".
is_stale() { [[ $1 == *'join token'* || $1 == *'does not match fingerprint'* ]]; }

# Addresses of containers must be none of the network's (172.31.0.0/16), and cannot be changed later. Masters keep the address
# that they have, and others dial it.
init_request() {
  printf '{"ListenAddr":"%s:%s","AdvertiseAddr":"%s","DefaultAddrPool":["10.128.0.0/9"],"SubnetSize":24,"Availability":"drain",' \
    "$ADDRESS" "$SWARM_PORT" "$ADDRESS"
  printf '"Spec":{"Orchestration":{"TaskHistoryRetentionLimit":2}}}'
}

# It arrives empty: work comes once Starling knows which machine this node is. A worker that was parked may come back with
# another address, and what it advertises here would be kept: without, it looks each time which address leads to the managers.
join_request() {
  local listen=0.0.0.0 advertise=''
  if [[ $STARLING_ROLE == master ]]; then listen=$ADDRESS advertise=$ADDRESS; fi
  printf '{"ListenAddr":"%s:%s","AdvertiseAddr":"%s","Availability":"drain","RemoteAddrs":[%s],"JoinToken":%s}' \
    "$listen" "$SWARM_PORT" "$advertise" "$(json_string "$(first_server "$1")")" "$(json_string "$(json_leaf "$1" token)")"
}

remember() {
  mkdir -p "$(dirname "$MEMBER")"
  printf '%s\n' "$SWARM_NODE" >"$MEMBER.new"
  mv "$MEMBER.new" "$MEMBER"
}

engine_start() {
  KEYS_ARE_NEW=false
  if [[ $STARLING_ROLE == master && -s $NAMES ]]; then open_door || return; fi
  apply_settings || return
  if [[ $KEYS_ARE_NEW == true ]]; then units restart --no-block starling-ready.service; fi
}

engine_ready_claims() {
  wait_for 'the swarm' is_member
  printf ',"nodeId":%s' "$(json_string "$SWARM_NODE")" >"$1"
  if [[ $STARLING_ROLE == agent ]]; then return; fi
  wait_for 'the port for Starling' door_is_open
  printf ',"endpoint":%s,"ca":%s,"credential":%s' "$(json_string "$(<"$ENDPOINT")")" \
    "$(json_string "$(<"$KEYS/ca.pem")")" "$(json_string "$(cat "$KEYS/client.pem" "$KEYS/client-key.pem")")" >>"$1"
}

is_member() {
  read_swarm
  [[ $SWARM_STATE == active && $SWARM_NODE =~ ^[a-z0-9]+$ ]]
}

# What Starling has been told is answered by moving the tasks elsewhere: as long as they are here they may as well work. Then
# containers are asked to end, by a stopping engine.
engine_stop() {
  local started=$SECONDS
  while [[ $STARLING_ROLE == agent ]] && ((SECONDS - started < DRAIN_SECONDS)) && has_tasks; do
    sleep "${STARLING_POLL_SECONDS:-1}"
  done
  # Without its socket, which would start it again for the next who asks.
  UNITS_SECONDS=$STOP_SECONDS units stop docker.socket docker.service
}

# filters={"label":["com.docker.swarm.task.id"]}
has_tasks() {
  API_SECONDS=2 docker_api GET '/containers/json?filters=%7B%22label%22%3A%5B%22com.docker.swarm.task.id%22%5D%7D'
  [[ $API_STATUS == 200 && $(<"$WORK/engine.json") == *'"Id"'* ]]
}
