#!/bin/bash
# Brings the engine of this machine to the version given as argument, and restarts it; containers outlive that. Starling runs
# it through the VM's agent and looks for the last line, so nothing is printed after it. Safe to repeat.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=starling-attest.sh
. "$here/starling-attest.sh"
# shellcheck source-path=SCRIPTDIR source=starling-engine.sh
. "$here/starling-engine.sh"

# A server that finds its cluster without a quorum never reports itself started.
LIMIT=${STARLING_UPGRADE_LIMIT_SECONDS:-600}
version=${1:-}

if [[ ! $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+([+-][A-Za-z0-9.-]+)?$ ]]; then
  say 'upgrade: the argument is not a version such as v1.36.2+k3s1' >&2
  exit 2
fi
"$here/starling-install.sh" "$version" >&2
# Returns once the engine says that it is up.
UNITS_SECONDS=$LIMIT units restart "$(k3s_unit)" >&2
printf 'starling-upgrade: done %s\n' "$version"
