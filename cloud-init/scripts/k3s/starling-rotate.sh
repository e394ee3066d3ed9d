#!/bin/bash
# On a master: makes Starling's credential worthless, has a new one made, and reports that. Starling runs it through the VM's
# agent, whose output Azure keeps: neither a command line nor a line of output ever holds the credential. Safe to repeat, also
# after an end half way: without the Secret the next start of starling-ready.service makes one just the same.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=${STARLING_ROOT:-}
read -r -a kubectl <<<"${STARLING_KUBECTL:-$ROOT/usr/local/bin/k3s kubectl}"
export KUBECONFIG=$ROOT/etc/rancher/k3s/k3s.yaml

# The token dies with its Secret; the manifest that starling-ready.sh applies brings an empty one, which Kubernetes fills.
"${kubectl[@]}" --namespace starling delete secret starling --ignore-not-found --wait --timeout 60s >/dev/null
"$here/starling-ready.sh"
echo 'starling-rotate: done'
