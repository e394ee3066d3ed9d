#!/bin/bash
# On a master: makes Starling's credential worthless, makes a new one, and reports that. Starling runs it through the VM's agent,
# whose output Azure keeps: neither a command line nor a line of output ever holds the credential. Safe to repeat, also after an
# end half way: the next start of the engine takes the keys that are there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=starling-json.sh
. "$here/starling-json.sh"
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=starling-attest.sh
. "$here/starling-attest.sh"
# shellcheck source-path=SCRIPTDIR source=starling-docker.sh
. "$here/starling-docker.sh"

make_workspace
if [[ ! -s $NAMES ]]; then
  say 'rotate: this master has not joined yet' >&2
  exit 1
fi
make_keys
if ! { apply_settings && "$here/starling-ready.sh"; }; then
  # Goes on telling until it is heard.
  units restart --no-block starling-ready.service
  exit 1
fi
echo 'starling-rotate: done'
