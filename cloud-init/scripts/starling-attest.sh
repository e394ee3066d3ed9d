#!/bin/bash
# Sourced by the other scripts. Who this machine is, and how it proves that to Starling.
#
# Settings come from /etc/starling/node.env. Tests and curious people may set
#   STARLING_ROOT           prefix of every path, so that no root is needed (default: none)
#   STARLING_IMDS_URL       instance metadata service (default: http://169.254.169.254)
#   STARLING_BOOT_ID_FILE   where the kernel tells this boot from others
#   STARLING_HOSTNAME       host name to claim
#   STARLING_RETRY_BASE_MS  first pause between attempts
#   STARLING_SYSTEMCTL      in place of systemctl; with STARLING_ROOT and without this, no unit is touched

ROOT=${STARLING_ROOT:-}
# shellcheck source=/dev/null
. "$ROOT/etc/starling/node.env"

IMDS=${STARLING_IMDS_URL:-http://169.254.169.254}
IMDS_VERSION=2025-04-07
RETRY_BASE_MS=${STARLING_RETRY_BASE_MS:-1000}
RETRY_CAP_MS=30000   # often enough that nobody waits long for an app that is back
RETRY_AFTER_CAP=300  # seconds; a longer wish is more likely a mistake than an order

say() { printf 'starling: %s\n' "$*"; }

# A directory for bodies, which may hold secrets: for root only, in memory, gone at the end.
make_workspace() {
  umask 077
  mkdir -p "$ROOT/run/starling"
  WORK=$(mktemp -d "$ROOT/run/starling/work.XXXXXX")
  trap 'rm -rf "$WORK"' EXIT
}

# Answer of the metadata service at path $1 into file $2. It never lies behind a proxy, and refuses what comes through one.
imds_get() {
  curl --silent --fail --noproxy '*' --max-time "${IMDS_SECONDS:-10}" --header 'Metadata: true' --output "$2" "$IMDS$1"
}

# What Azure calls this machine: "agents_3", or "master0".
machine_name() {
  local leaves name
  imds_get "/metadata/instance?api-version=$IMDS_VERSION" "$WORK/instance.json" || return 1
  leaves=$(json_leaves <"$WORK/instance.json") || return 1
  name=$(json_leaf "$leaves" compute.name)
  [[ $name =~ ^[A-Za-z0-9._-]+$ ]] || return 1
  printf '%s' "$name"
}

# "agents_3" (instance 3 of a scale set) gives "3"; a single VM is called by its name.
instance_id() {
  local name
  name=$(machine_name) || return 1
  if [[ $name =~ _([0-9]+)$ ]]; then printf '%s' "${BASH_REMATCH[1]}"; else printf '%s' "$name"; fi
}

# The metadata service may be a little later than a unit. $1: seconds to wait for it.
identity() {
  local started=$SECONDS
  until instance_id; do
    if ((SECONDS - started >= $1)); then return 1; fi
    sleep 1
  done
}

# The text that the attestation will vouch for. $1: instance id; $2: further members, each beginning with a comma.
claims_text() {
  printf '{"cluster":%s,"hostname":%s,"instanceId":%s,"bootId":%s%s}' \
    "$(json_string "$STARLING_CLUSTER")" \
    "$(json_string "${STARLING_HOSTNAME:-$(uname -n)}")" \
    "$(json_string "$1")" \
    "$(json_string "$(cat "${STARLING_BOOT_ID_FILE:-/proc/sys/kernel/random/boot_id}")")" \
    "${2:-}"
}

# POSTs claims $2 with a fresh attestation to route $1 of the cluster. Sets STATUS (000: no answer) and RETRY_AFTER;
# the answer is in $WORK/answer. The nonce binds the attestation to exactly these bytes: 32 characters are what it may hold.
post_attested() {
  local nonce leaves
  STATUS=000 RETRY_AFTER=''
  : >"$WORK/answer"
  nonce=$(printf '%s' "$2" | sha256sum | cut -c1-32)
  imds_get "/metadata/attested/document?api-version=$IMDS_VERSION&nonce=$nonce" "$WORK/document.json" || return 0
  leaves=$(json_leaves <"$WORK/document.json") || return 0
  printf '{"claims":%s,"attestation":"%s"}' "$(json_string "$2")" "$(json_leaf "$leaves" signature)" >"$WORK/body"
  STATUS=$(curl --silent --max-time "${POST_SECONDS:-60}" --header 'Content-Type: application/json' \
    --data-binary "@$WORK/body" --dump-header "$WORK/headers" --output "$WORK/answer" --write-out '%{http_code}' \
    "$STARLING_URL/api/clusters/$STARLING_CLUSTER/$1") || STATUS=000
  if [[ $STATUS != 000 ]]; then
    RETRY_AFTER=$(tr -d '\r' <"$WORK/headers" | awk 'tolower($1) == "retry-after:" && $2 ~ /^[0-9]+$/ { print $2 }' | tail -n 1)
  fi
}

# Whether there was an answer that no repeat would change.
answered() { [[ ! $STATUS =~ ^(000|408|410|425|429|5..)$ ]]; }

# Posts until there is an answer that no repeat would change, for $3 seconds at most. Returns 1 when the time is over.
post_until_answered() {
  local route=$1 claims=$2 limit=$3 attempt=0 started=$SECONDS
  while :; do
    post_attested "$route" "$claims"
    if answered; then return 0; fi
    if ((SECONDS - started >= limit)); then return 1; fi
    attempt=$((attempt + 1))
    pause "$route" "$attempt"
  done
}

# Waits as long as the app asked, else twice as long as the last time; with jitter, so that machines that were started
# together do not come back together.
pause() {
  local doubled=$((RETRY_BASE_MS << ($2 < 10 ? $2 - 1 : 9))) ms reason="no answer"
  if [[ $STATUS != 000 ]]; then reason="answer $STATUS"; fi
  if [[ -n $RETRY_AFTER ]]; then
    ms=$(((RETRY_AFTER < RETRY_AFTER_CAP ? RETRY_AFTER : RETRY_AFTER_CAP) * 1000))
    ms=$((ms + RANDOM % (ms / 4 + 1)))
  else
    ms=$((doubled < RETRY_CAP_MS ? doubled : RETRY_CAP_MS))
    ms=$((ms / 2 + RANDOM % (ms / 2 + 1)))
  fi
  say "$1: $reason, attempt $2, next in $ms ms"
  sleep "$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
}

# Starling's own code for a refusal, such as ATTESTATION_INVALID.
problem_code() {
  local leaves code
  leaves=$(json_leaves <"$WORK/answer" 2>/dev/null) || leaves=''
  code=$(json_leaf "$leaves" code)
  [[ $code =~ ^[A-Z_]+$ ]] || code=unknown
  printf '%s' "$code"
}

# Changes units, unless this is a rehearsal under another root. UNITS_SECONDS: how long to wait for it, by default for ever.
units() {
  if [[ -n $ROOT && -z ${STARLING_SYSTEMCTL:-} ]]; then return; fi
  timeout "${UNITS_SECONDS:-0}" "${STARLING_SYSTEMCTL:-systemctl}" "$@"
}
