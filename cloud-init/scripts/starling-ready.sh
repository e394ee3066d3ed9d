#!/bin/bash
# Once the engine is up, reports to Starling, attested, what it must know of this machine to reach or to recognise it. Safe to
# repeat: it runs at every boot, and the same is told again.
#
# Exit status: 0 told · 1 not in time, try again · 2 refused, a repeat is pointless.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=starling-json.sh
. "$here/starling-json.sh"
# shellcheck source-path=SCRIPTDIR source=starling-attest.sh
. "$here/starling-attest.sh"
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/k3s source=starling-engine.sh
. "$here/starling-engine.sh"

# A master that joins others waits for them, one after the other.
LIMIT=${STARLING_READY_LIMIT_SECONDS:-1500}

main() {
  make_workspace
  engine_ready_claims "$WORK/claims"
  report "$(<"$WORK/claims")"
}

# $1: what it is; $2: a command that succeeds once it is there.
wait_for() {
  say "ready: waiting for $1"
  until "$2"; do
    if ((SECONDS >= LIMIT)); then
      say "ready: $1 did not come within $LIMIT s"
      exit 1
    fi
    sleep "${STARLING_POLL_SECONDS:-2}"
  done
}

report() {
  local instance
  instance=$(instance_id) || { say 'ready: no instance metadata'; exit 1; }
  if ! post_until_answered ready "$(claims_text "$instance" "$1")" "$LIMIT"; then
    say 'ready: Starling did not answer in time'
    exit 1
  fi
  case $STATUS in
    2??) say 'ready: told' ;;
    409) say 'ready: known before' ;;
    *)
      say "ready: refused with $STATUS $(problem_code), giving up"
      exit 2
      ;;
  esac
}

main
