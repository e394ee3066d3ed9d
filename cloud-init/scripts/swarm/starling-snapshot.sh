#!/bin/bash
# On a master: saves the state of the swarm (its Raft log) on its disk, under the name given as argument. It holds keys, so it is for
# root alone. The engine stops for that, as its log is whole only then; a master has no work. Starling runs it through the VM's
# agent and looks for the last line, so nothing is printed after it. A repeat makes it anew.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=starling-json.sh
. "$here/starling-json.sh"
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=starling-attest.sh
. "$here/starling-attest.sh"
# shellcheck source-path=SCRIPTDIR source=starling-engine.sh
. "$here/starling-engine.sh"

FILE=$ROOT/var/lib/starling/snapshots/${1:-}.tar.gz
LIMIT=${STARLING_SNAPSHOT_LIMIT_SECONDS:-300}

if [[ ! ${1:-} =~ ^[A-Za-z0-9][A-Za-z0-9.+_-]*$ ]]; then
  say 'snapshot: the argument is not a name such as before-29.7.2' >&2
  exit 2
fi
make_workspace
mkdir -p "$(dirname "$FILE")"
trap 'rm -rf "$WORK" "$FILE.new"; units start docker.socket docker.service' EXIT
units stop docker.socket docker.service
tar --create --gzip --file "$FILE.new" --directory "$ROOT/var/lib/docker" swarm
mv "$FILE.new" "$FILE"
units start docker.socket docker.service
comes_back "$LIMIT"
trap 'rm -rf "$WORK"' EXIT
printf 'starling-snapshot: done %s\n' "$1"
