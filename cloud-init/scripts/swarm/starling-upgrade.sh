#!/bin/bash
# Brings the engine of this machine to the version given as argument, which ends its containers. Starling runs it through the VM's
# agent and looks for the last line, so nothing is printed after it. Safe to repeat.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=starling-json.sh
. "$here/starling-json.sh"
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=starling-attest.sh
. "$here/starling-attest.sh"
# shellcheck source-path=SCRIPTDIR source=starling-engine.sh
. "$here/starling-engine.sh"

# A manager that finds its swarm without a quorum does not come back.
LIMIT=${STARLING_UPGRADE_LIMIT_SECONDS:-600}
version=${1:-}

if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
  say 'upgrade: the argument is not a version such as 29.7.2' >&2
  exit 2
fi
make_workspace
"$here/starling-install.sh" "$version" >&2
engine_start >&2
# The package restarts the engine; not so where it was in place but for that.
if [[ $(running_version) != "$version" ]]; then UNITS_SECONDS=$LIMIT units restart docker.service >&2; fi
comes_back "$LIMIT" >&2
printf 'starling-upgrade: done %s\n' "$version"
