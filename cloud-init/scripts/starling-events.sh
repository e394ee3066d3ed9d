#!/bin/bash
# Watches what Azure plans for this machine, once a second and from the first boot on: the first question is what switches
# scheduled events on, and a Spot machine has 30 seconds. Only events that name this machine matter; the metadata service
# shows those of its neighbours too.
#
# Preempt, Terminate   tells Starling, ends the work, stops the engine, approves the event
# Reboot, Redeploy     tells Starling, so that no new work comes before it, and approves; the engine comes back with the machine
# Freeze               is noted: seconds of standstill, which work outlasts
#
# To approve is to ask Azure not to wait any longer. It counts for every machine that an event names, so an event that names
# others too is left to Azure, which acts at its own time in any case. So is one of which Starling could not be told.
#
# What has been done is kept in /run, which is gone after the reboot that events speak of: a restart of this script does
# nothing twice. Tests may set STARLING_EVENTS_POLLS, after which it ends.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=starling-json.sh
. "$here/starling-json.sh"
# shellcheck source-path=SCRIPTDIR source=starling-attest.sh
. "$here/starling-attest.sh"
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/k3s source=starling-engine.sh
. "$here/starling-engine.sh"

EVENTS_PATH='/metadata/scheduledevents?api-version=2020-07-01'
DONE=$ROOT/run/starling/events
POLL_SECONDS=${STARLING_POLL_SECONDS:-1}
FIRST_ANSWER_SECONDS=130 # Azure may take two minutes to switch scheduled events on
ERROR_PAUSE_CAP=5        # seconds; more would be too much of the 30 before an eviction
TELL_PAUSE_CAP=30
STAY_SECONDS=${STARLING_STAY_SECONDS:-120} # an event that is over and has left the machine up so long will not come
# One attempt to tell takes at most that long, so that the rest still fits into the 30 seconds.
IMDS_SECONDS=2
POST_SECONDS=3

main() {
  make_workspace
  mkdir -p "$DONE"
  exec 9>"$DONE/lock"
  flock --nonblock 9 || { say 'events: another watcher runs'; return; }
  until NAME=$(machine_name); do sleep "$POLL_SECONDS"; done
  INSTANCE=$(instance_id)
  say "events: watching for $NAME"
  watch_events
}

watch_events() {
  local left=${STARLING_EVENTS_POLLS:-0} failures=0 seconds=$FIRST_ANSWER_SECONDS
  UNFINISHED=false TELL_AT=0 TELL_PAUSE=1
  : >"$WORK/seen.json"
  while :; do
    if IMDS_SECONDS=$seconds imds_get "$EVENTS_PATH" "$WORK/events.json"; then
      failures=0 seconds=10
      look
      take_work_again
      sleep "$POLL_SECONDS"
    else
      failures=$((failures + 1))
      if ((failures == 1)); then say 'events: the metadata service does not answer'; fi
      sleep "$((failures < ERROR_PAUSE_CAP ? failures : ERROR_PAUSE_CAP))"
    fi
    if ((left == 1)); then return; fi
    left=$((left - 1))
  done
}

# The document is asked for often and changes rarely: it is read when it is new, or while there is something left to do.
look() {
  local leaves index=0
  if [[ $UNFINISHED == false ]] && cmp --silent "$WORK/events.json" "$WORK/seen.json"; then return; fi
  cp "$WORK/events.json" "$WORK/seen.json"
  UNFINISHED=false
  leaves=$(json_leaves <"$WORK/events.json") || { say 'events: the answer makes no sense'; return; }
  while [[ -n $(json_leaf "$leaves" "Events.$index.EventId") ]]; do
    read_event "$leaves" "Events.$index"
    if [[ $IS_OWN == true ]] && ! act; then UNFINISHED=true; fi
    index=$((index + 1))
  done
}

# Sets ID, TYPE, STAGE, and whether the event names this machine, and others.
read_event() {
  local path value
  ID=$(json_leaf "$1" "$2.EventId") TYPE=$(json_leaf "$1" "$2.EventType") STAGE=$(json_leaf "$1" "$2.EventStatus")
  IS_OWN=false IS_SHARED=false
  while IFS=$'\t' read -r path value; do
    if [[ $path != "$2.Resources."* ]]; then continue; fi
    if [[ ${value,,} == "${NAME,,}" ]]; then IS_OWN=true; else IS_SHARED=true; fi
  done <<<"$1"
  if [[ ! $ID =~ ^[A-Za-z0-9-]+$ ]]; then IS_OWN=false; fi
}

# Fails while something is left to do. An event that has begun (Started) was approved, or Azure did not wait.
act() {
  local told=true
  if ! is_done seen; then
    say "events: $TYPE of $NAME, $STAGE"
    note seen
  fi
  case $TYPE in
    Preempt | Terminate)
      tell || told=false
      # The time runs out whether Starling can be told or not.
      stop_engine
      ;;
    Reboot | Redeploy) tell || told=false ;;
    *) return 0 ;;
  esac
  if [[ $told == false ]]; then return 1; fi
  if [[ $STAGE == Scheduled ]]; then approve; fi
}

is_done() { [[ -e $DONE/$ID.$1 ]]; }
note() { : >"$DONE/$ID.$1"; }

# A refusal is an answer too: asking again would not change it.
tell() {
  if is_done told; then return 0; fi
  if ((SECONDS < TELL_AT)); then return 1; fi
  post_attested leave "$(claims_text "$INSTANCE")"
  say "events: leave: answer $STATUS"
  if answered; then
    note told
  else
    TELL_PAUSE=$((TELL_PAUSE * 2 < TELL_PAUSE_CAP ? TELL_PAUSE * 2 : TELL_PAUSE_CAP))
    TELL_AT=$((SECONDS + TELL_PAUSE))
    return 1
  fi
}

stop_engine() {
  if is_done stopped; then return; fi
  engine_stop || say 'events: the engine did not stop'
  note stopped
  say 'events: engine stopped'
}

# Noted before it is said: who dies in between leaves it to Azure, and nothing is approved twice.
approve() {
  local status
  if is_done approved; then return 0; fi
  note approved
  if [[ $IS_SHARED == true ]]; then
    say "events: $TYPE names other machines too, left to Azure"
    return 0
  fi
  status=$(curl --silent --noproxy '*' --max-time "$POST_SECONDS" --header 'Metadata: true' --header 'Content-Type: application/json' \
    --data "{\"StartRequests\":[{\"EventId\":\"$ID\"}]}" --output /dev/null --write-out '%{http_code}' "$IMDS$EVENTS_PATH") || status=000
  say "events: $TYPE approved, answer $status"
  if STATUS=$status answered; then return 0; fi
  rm "$DONE/$ID.approved"
  return 1
}

# Azure took an event back, or was content with less. Asking to join is how a machine says that it is here, and what starts
# its engine.
take_work_again() {
  local told id
  for told in "$DONE"/*.told; do
    if [[ ! -e $told ]]; then return; fi
    id=$(basename "$told" .told)
    if grep --quiet --fixed-strings "\"$id\"" "$WORK/events.json"; then
      rm -f "$DONE/$id.over"
    elif [[ ! -e $DONE/$id.over ]]; then
      : >"$DONE/$id.over"
    elif (($(date +%s) - $(stat --format %Y "$DONE/$id.over") >= STAY_SECONDS)); then
      say 'events: still here, taking work again'
      rm "$DONE/$id".*
      units restart --no-block starling-join.service
    fi
  done
}

main
