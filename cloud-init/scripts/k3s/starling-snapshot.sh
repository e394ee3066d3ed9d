#!/bin/bash
# On a master: saves the state of the cluster (etcd) on its disk, under the name given as argument. Starling runs it through
# the VM's agent and looks for the last line, so nothing is printed after it. A repeat makes another one.
set -euo pipefail
ROOT=${STARLING_ROOT:-}
name=${1:-}

if [[ ! $name =~ ^[A-Za-z0-9][A-Za-z0-9.+_-]*$ ]]; then
  echo 'starling: snapshot: the argument is not a name such as before-v1.36.2' >&2
  exit 2
fi
"$ROOT/usr/local/bin/k3s" etcd-snapshot save --name "$name"
printf 'starling-snapshot: done %s\n' "$name"
