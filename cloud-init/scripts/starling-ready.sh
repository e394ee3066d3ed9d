#!/bin/bash
# On a master: once the API answers, makes Starling's own credential and reports it, attested. Safe to repeat: it runs at
# every boot, and the same credential is told again.
#
# Exit status: 0 told · 1 not in time, try again · 2 refused, a repeat is pointless.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=starling-json.sh
. "$here/starling-json.sh"
# shellcheck source-path=SCRIPTDIR source=starling-attest.sh
. "$here/starling-attest.sh"

read -r -a kubectl <<<"${STARLING_KUBECTL:-$ROOT/usr/local/bin/k3s kubectl}"
MANIFEST=${STARLING_MANIFEST:-$here/starling-rbac.yaml}
CA=$ROOT/var/lib/rancher/k3s/server/tls/server-ca.crt
ENDPOINT=$ROOT/etc/starling/endpoint
# A master that joins others waits for them, one after the other.
LIMIT=${STARLING_READY_LIMIT_SECONDS:-1500}

main() {
  make_workspace
  export KUBECONFIG=$ROOT/etc/rancher/k3s/k3s.yaml
  local credential
  wait_for 'the API' api_answers
  wait_for 'the rights of Starling' apply_manifest
  wait_for 'the credential' credential_exists
  credential=$(<"$WORK/credential")
  report "$credential"
}

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

api_answers() { [[ -s $ENDPOINT && -s $CA ]] && "${kubectl[@]}" get --raw /readyz >/dev/null 2>&1; }
apply_manifest() { "${kubectl[@]}" apply --filename "$MANIFEST" >/dev/null; }

# Kubernetes fills the Secret in a moment after it was made.
credential_exists() {
  "${kubectl[@]}" --namespace starling get secret starling --output 'jsonpath={.data.token}' 2>/dev/null |
    base64 --decode >"$WORK/credential" && [[ -s $WORK/credential ]]
}

report() {
  local instance more ca
  instance=$(instance_id) || { say 'ready: no instance metadata'; exit 1; }
  # The file is what the API serves at /cacerts, byte for byte; read here, it needs no trust in a connection. `$(<…)`
  # would cut the last newline, which counts in the hash that agents check.
  IFS= read -r -d '' ca <"$CA" || true
  more=$(printf ',"endpoint":%s,"ca":%s,"credential":%s' \
    "$(json_string "$(<"$ENDPOINT")")" "$(json_string "$ca")" "$(json_string "$1")")
  if ! post_until_answered ready "$(claims_text "$instance" "$more")" "$LIMIT"; then
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
