#!/bin/bash
# Sourced by the scripts of Docker Swarm, after starling-json.sh and starling-attest.sh: the engine on this machine, its settings,
# and on masters the door by which Starling comes in.

DOCKER_SOCKET=$ROOT/run/docker.sock
DOCKER_PORT=${STARLING_DOCKER_PORT:-2376}
SERVICE=$ROOT/etc/systemd/system/docker.service.d
# What the engine read at its last start, as a hash.
APPLIED=$ROOT/var/lib/starling/docker-settings
# As the ticket and the metadata service name this master; kept, since the ticket is gone at the next boot.
NAMES=$ROOT/etc/starling/names
# Where Starling finds this master.
ENDPOINT=$ROOT/etc/starling/endpoint
KEYS=$ROOT/etc/docker/starling
# Nothing renews a certificate of a machine that runs on, and an end by date would lock Starling out: what ends them is a
# rotation, which makes a new authority and forgets the old one. So ten years, which no machine reaches.
KEY_DAYS=3650
RENEW_SECONDS=$((30 * 24 * 3600))
START_SECONDS=300

# Asks the engine on this machine: method $1, path $2, file with the body $3. Sets API_STATUS (000: no answer); the answer is in
# $WORK/engine.json.
docker_api() {
  local body=()
  if [[ -n ${3:-} ]]; then body=(--header 'Content-Type: application/json' --data-binary "@$3"); fi
  : >"$WORK/engine.json"
  API_STATUS=$(curl --silent --noproxy '*' --unix-socket "$DOCKER_SOCKET" --max-time "${API_SECONDS:-60}" --request "$1" "${body[@]}" \
    --output "$WORK/engine.json" --write-out '%{http_code}' "http://docker$2") || API_STATUS=000
}

api_message() {
  local leaves
  leaves=$(json_leaves <"$WORK/engine.json" 2>/dev/null) || leaves=''
  json_leaf "$leaves" message
}

# Sets SWARM (leaves of what the engine tells of itself), SWARM_STATE (inactive, pending, active, error, locked; empty: no answer)
# and SWARM_NODE.
read_swarm() {
  SWARM=''
  docker_api GET /info
  if [[ $API_STATUS == 200 ]]; then SWARM=$(json_leaves <"$WORK/engine.json") || SWARM=''; fi
  SWARM_STATE=$(json_leaf "$SWARM" Swarm.LocalNodeState)
  # shellcheck disable=SC2034 # read by starling-engine.sh
  SWARM_NODE=$(json_leaf "$SWARM" Swarm.NodeID)
}

# Reads until the engine has made up its mind, for $1 seconds at most.
settle() {
  local started=$SECONDS
  read_swarm
  while [[ -z $SWARM_STATE || $SWARM_STATE == pending ]] && ((SECONDS - started < $1)); do
    sleep "${STARLING_POLL_SECONDS:-1}"
    read_swarm
  done
}

# After a restart: whether it is a member again within $1 seconds.
comes_back() {
  settle "$1"
  if [[ $SWARM_STATE != active ]]; then
    say "docker: the swarm is ${SWARM_STATE:-silent}"
    return 1
  fi
}

running_version() {
  docker_api GET /version
  version_in "$(json_leaf "$(json_leaves <"$WORK/engine.json")" Version)"
}

# "Docker version 29.7.2, build 1234567" gives 29.7.2, and "20.10.24+dfsg1", as Debian calls its own, 20.10.24.
version_in() { if [[ $1 =~ ([0-9]+\.[0-9]+\.[0-9]+) ]]; then printf '%s' "${BASH_REMATCH[1]}"; fi; }

# Starts the engine; where what it reads at its start has changed since, again.
apply_settings() {
  local digest
  # An agent has no keys, which cat would complain about.
  digest=$(cat "$ROOT/etc/docker/daemon.json" "$SERVICE"/*starling*.conf "$KEYS"/*.pem 2>/dev/null | sha256sum || true)
  if [[ -f $APPLIED && $(<"$APPLIED") == "$digest" ]]; then
    UNITS_SECONDS=$START_SECONDS units start docker.socket docker.service
    return
  fi
  say 'docker: starts with new settings'
  units daemon-reload
  UNITS_SECONDS=$START_SECONDS units restart docker.service || return
  mkdir -p "$(dirname "$APPLIED")"
  printf '%s\n' "$digest" >"$APPLIED"
}

# Notes what certificates of this master must name: its address $2, and what the ticket $1 says.
keep_names() {
  {
    printf 'IP:%s\n' "$2"
    awk -F '\t' '$1 ~ /^tlsSans\./ { print ($2 ~ /^[0-9.]+$/ ? "IP:" : "DNS:") $2 }' <<<"$1"
  } >"$NAMES.new"
  if cmp --silent "$NAMES.new" "$NAMES"; then rm "$NAMES.new"; else mv "$NAMES.new" "$NAMES"; fi
}

# The engine listens for Starling beside its own socket. All on one command line: it starts with all of it, or not at all.
open_door() {
  local start
  if ! keys_last; then make_keys || return; fi
  start=$(package_start) || return
  mkdir -p "$SERVICE"
  cat >"$SERVICE/60-starling-tls.conf" <<UNIT
[Service]
ExecStart=
ExecStart=$start -H tcp://0.0.0.0:$DOCKER_PORT --tlsverify --tlscacert=$KEYS/ca.pem --tlscert=$KEYS/server.pem --tlskey=$KEYS/server-key.pem
UNIT
  chmod 0644 "$SERVICE/60-starling-tls.conf"
}

# How the package starts the engine, which is not the same everywhere.
package_start() {
  local folder
  for folder in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
    if [[ -f $ROOT$folder/docker.service ]]; then
      sed -n 's/^ExecStart=//p' "$ROOT$folder/docker.service"
      return
    fi
  done
  say 'docker: its package brought no unit' >&2
  return 1
}

# Whether there are keys, for these names, that do not end soon.
keys_last() {
  local file
  for file in ca server client; do
    openssl x509 -in "$KEYS/$file.pem" -noout -checkend "$RENEW_SECONDS" >/dev/null 2>&1 || return 1
  done
  cmp --silent "$NAMES" "$KEYS/names" && [[ -s $KEYS/server-key.pem && -s $KEYS/client-key.pem ]]
}

# An authority of this master alone, a certificate for its engine and one for Starling. The authority's key is thrown away: what
# it has signed is all that it will ever sign. Beside their final place, so that half of them are never used.
make_keys() {
  local folder=$KEYS.new
  say 'docker: makes new keys'
  rm -rf "$folder"
  mkdir -p "$(dirname "$KEYS")" && mkdir -m 0700 "$folder" && cp "$NAMES" "$folder/names" || return
  key_settings >"$folder/settings"
  if ! { make_authority "$folder" && sign "$folder" server "$(uname -n)" && sign "$folder" client starling; }; then
    cat "$folder/log"
    return 1
  fi
  rm "$folder"/{ca-key.pem,settings,request,log}
  rm -rf "$KEYS"
  mv "$folder" "$KEYS"
  # shellcheck disable=SC2034 # read by starling-engine.sh
  KEYS_ARE_NEW=true
}

NEW_KEY=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

make_authority() {
  openssl req -x509 "${NEW_KEY[@]}" -config "$1/settings" -extensions authority -subj "/CN=starling $(uname -n)" \
    -keyout "$1/ca-key.pem" -out "$1/ca.pem" -days "$KEY_DAYS" 2>"$1/log"
}

# $1: folder; $2: server or client; $3: whom it names.
sign() {
  openssl req "${NEW_KEY[@]}" -config "$1/settings" -subj "/CN=$3" -keyout "$1/$2-key.pem" -out "$1/request" 2>"$1/log" &&
    openssl x509 -req -in "$1/request" -CA "$1/ca.pem" -CAkey "$1/ca-key.pem" -set_serial "0x$(openssl rand -hex 16)" \
      -extfile "$1/settings" -extensions "$2" -days "$KEY_DAYS" -out "$1/$2.pem" 2>"$1/log"
}

# Of its own, since the system's may add something else.
key_settings() {
  cat <<SETTINGS
[req]
distinguished_name = subject
prompt = no
[subject]
[authority]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $(paste -sd , "$NAMES")
[client]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
SETTINGS
}

# Goes through the door as Starling will.
door_is_open() {
  local address
  address=$(sed -n '1s/^IP://p' "$NAMES")
  [[ -s $ENDPOINT ]] && curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null --cacert "$KEYS/ca.pem" \
    --cert "$KEYS/client.pem" --key "$KEYS/client-key.pem" "https://$address:$DOCKER_PORT/_ping"
}
