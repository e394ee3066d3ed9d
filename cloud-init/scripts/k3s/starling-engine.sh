#!/bin/bash
# Sourced by the shared scripts: what is k3s about this machine. README.md beside them says what each function promises.

# "version sha256" of the engine that starling-install.sh has put there.
INSTALLED=$ROOT/var/lib/starling/k3s-installed
# Where Starling finds this master.
ENDPOINT=$ROOT/etc/starling/endpoint
CONFIG=$ROOT/etc/rancher/k3s/config.yaml
SERVER_CA=$ROOT/var/lib/rancher/k3s/server/tls/server-ca.crt
MANIFEST=${STARLING_MANIFEST:-$here/starling-rbac.yaml}
# At an eviction pods have that long of the 30 seconds.
PODS_SECONDS=12
read -r -a kubectl <<<"${STARLING_KUBECTL:-$ROOT/usr/local/bin/k3s kubectl}"

k3s_unit() { if [[ $STARLING_ROLE == master ]]; then echo k3s.service; else echo k3s-agent.service; fi; }

engine_version() {
  local version=''
  if [[ -f $INSTALLED ]]; then read -r version _ <"$INSTALLED"; fi
  printf '%s' "$version"
}

engine_has_joined() { [[ -f $CONFIG ]]; }

# The kubelet renews its certificate by the token, however late: nothing is lost but by a reimage, which makes a new machine.
engine_membership_lost() { false; }

engine_server_ok() { [[ $1 =~ ^https://[A-Za-z0-9.:-]+$ ]]; }

engine_ticket_ok() {
  [[ -n $(json_leaf "$1" token) ]] || return 1
  [[ -n $(json_leaf "$1" servers.0) || $STARLING_ROLE == master ]]
}

engine_take_ticket() {
  mkdir -p "$(dirname "$CONFIG")"
  k3s_config "$1" >"$CONFIG.new"
  if [[ $STARLING_ROLE == master ]]; then write_endpoint "$1" 6443; fi
  if cmp --silent "$CONFIG.new" "$CONFIG"; then
    rm "$CONFIG.new"
    engine_start
  else
    mv "$CONFIG.new" "$CONFIG"
    say 'join: configuration written'
    units restart --no-block "$(k3s_unit)"
  fi
}

# Not waited for: the engine reports itself started only once it has joined, which may take until another machine is up.
engine_start() { units start --no-block "$(k3s_unit)"; }

k3s_config() {
  local leaves=$1 server
  # k3s asks only this one at first, and learns of the others from it.
  server=$(first_server "$leaves")
  if [[ $STARLING_ROLE == master ]]; then master_config "$leaves" "$server"; fi
  if [[ -n $server && $(json_leaf "$leaves" initialise) != true ]]; then printf 'server: "%s"\n' "$server"; fi
  printf 'token: "%s"\nnode-name: "%s"\n' "$(json_leaf "$leaves" token)" "$(json_leaf "$leaves" nodeName)"
  list node-label labels. "$leaves"
  if [[ -n $(json_leaf "$leaves" providerId) ]]; then
    printf 'kubelet-arg:\n  - "provider-id=%s"\n' "$(json_leaf "$leaves" providerId)"
  fi
}

# Always etcd, also for a single master: one that starts with SQLite cannot simply become three.
master_config() {
  local leaves=$1
  if [[ -z $2 || $(json_leaf "$leaves" initialise) == true ]]; then printf 'cluster-init: true\n'; fi
  printf 'write-kubeconfig-mode: "0600"\nsecrets-encryption: true\n'
  # A /24 a node: the default 10.42.0.0/16 would end at 256 nodes, this at 2048, clear of services (10.43.0.0/16) and network.
  printf 'cluster-cidr: "10.128.0.0/13"\n'
  printf 'agent-token: "%s"\n' "$(agent_token "$(json_leaf "$leaves" token)")"
  list tls-san tlsSans. "$leaves"
}

# Without one of its own, the token of agents is the token of servers. All masters must have the same, so it is made from
# that token, one way. Nobody ever gets it: agents join with bootstrap tokens.
agent_token() {
  local secret=${1#K10*::}
  printf 'agent %s' "${secret#server:}" | sha256sum | cut -d ' ' -f 1
}

# A YAML list of the leaves below path $2: "name=value" for members, the value for items.
list() {
  local path value title="$1:"
  while IFS=$'\t' read -r path value; do
    if [[ $path != "$2"* ]]; then continue; fi
    if [[ $2 == labels. ]]; then value="${path#"$2"}=$value"; fi
    if [[ -n $title ]]; then printf '%s\n' "$title"; fi
    title=''
    printf '  - "%s"\n' "$value"
  done <<<"$3"
}

engine_ready_claims() {
  local credential ca
  export KUBECONFIG=$ROOT/etc/rancher/k3s/k3s.yaml
  wait_for 'the API' api_answers
  wait_for 'the rights of Starling' apply_manifest
  wait_for 'the credential' credential_exists
  credential=$(<"$WORK/credential")
  # The file is what the API serves at /cacerts, byte for byte; read here, it needs no trust in a connection. `$(<…)`
  # would cut the last newline, which counts in the hash that agents check.
  IFS= read -r -d '' ca <"$SERVER_CA" || true
  printf ',"endpoint":%s,"ca":%s,"credential":%s' \
    "$(json_string "$(<"$ENDPOINT")")" "$(json_string "$ca")" "$(json_string "$credential")" >"$1"
}

api_answers() { [[ -s $ENDPOINT && -s $SERVER_CA ]] && "${kubectl[@]}" get --raw /readyz >/dev/null 2>&1; }
apply_manifest() { "${kubectl[@]}" apply --filename "$MANIFEST" >/dev/null; }

# Kubernetes fills the Secret in a moment after it was made.
credential_exists() {
  "${kubectl[@]}" --namespace starling get secret starling --output 'jsonpath={.data.token}' 2>/dev/null |
    base64 --decode >"$WORK/credential" && [[ -s $WORK/credential ]]
}

engine_stop() {
  if [[ $STARLING_ROLE == agent ]]; then end_pods; fi
  units stop "$(k3s_unit)"
}

# A stopped kubelet leaves its containers running until the power goes: so they are asked to end while it still sees to it.
# A node may delete the pods that are bound to it, and no others.
end_pods() {
  local kubeconfig=$ROOT/var/lib/rancher/k3s/agent/kubelet.kubeconfig node
  node=$(sed -n 's/^node-name: "\(.*\)"$/\1/p' "$CONFIG" 2>/dev/null) || return 0
  if [[ -z $node || ! -e $kubeconfig ]]; then return; fi
  timeout "$((PODS_SECONDS + 1))" "${kubectl[@]}" --kubeconfig "$kubeconfig" delete pods --all-namespaces \
    --field-selector "spec.nodeName=$node" --grace-period "$((PODS_SECONDS - 2))" --timeout "${PODS_SECONDS}s" >/dev/null 2>&1 ||
    say 'events: not all pods ended in time'
}
