#!/bin/bash
# ExecStop of starling-leave.service: tells Starling that this machine is going down for good. It runs on every stop of the
# unit, so it looks twice: only while the system stops, and only towards power-off, since a reboot comes back.
# One attempt and a few seconds: Starling finds out by itself what this cannot tell.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=starling-json.sh
. "$here/starling-json.sh"
# shellcheck source-path=SCRIPTDIR source=starling-attest.sh
. "$here/starling-attest.sh"

IMDS_SECONDS=2
POST_SECONDS=3

main() {
  going_down || { say 'leave: not powering off, nothing to tell'; return; }
  make_workspace
  local instance
  instance=$(instance_id) || { say 'leave: no instance metadata'; return; }
  post_attested leave "$(claims_text "$instance")"
  say "leave: answer $STATUS"
}

going_down() {
  local state jobs
  state=$(units is-system-running || true)
  jobs=$(units list-jobs --no-legend || true)
  [[ $state == stopping && $jobs =~ (poweroff|halt)\.target && ! $jobs =~ (reboot|kexec)\.target ]]
}

main
