#!/bin/bash
# Mounts the cluster's shares below one folder, on demand. The key comes with the ticket, which starling-join.sh hands over, or
# else from Starling: at a later boot, with a key that was renewed meanwhile, or when there was none to be had at the join.
# It goes into a file for root alone and nowhere else. Safe to repeat; without an answer the last key stays.
#
# Exit status: 0 mounted, or there is nothing to mount · 1 not in time, try again · 2 refused, a repeat is pointless.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=starling-json.sh
. "$here/starling-json.sh"
# shellcheck source-path=SCRIPTDIR source=starling-attest.sh
. "$here/starling-attest.sh"

HANDED_OVER=$ROOT/run/starling/storage
CREDENTIALS=$ROOT/etc/smbcredentials
UNITS=$ROOT/etc/systemd/system
LIMIT=${STARLING_STORAGE_LIMIT_SECONDS:-600}
apt=${STARLING_APT:-apt-get}

main() {
  local account share mount_at automounts=()
  make_workspace
  obtain
  account=$(json_leaf "$LEAVES" storage.account)
  if [[ -z $account ]]; then
    say 'storage: this cluster has no shares'
    return
  fi
  check || { say 'storage: the answer makes no sense'; exit 1; }
  write_credentials "$account" "$(json_leaf "$LEAVES" storage.key)"
  rm -f "$HANDED_OVER"
  mount_at=$(json_leaf "$LEAVES" storage.mountAt)
  while read -r share; do
    write_units "$account" "$share" "$mount_at/$share"
    automounts+=("$(unit_name "$mount_at/$share" automount)")
  done < <(shares)
  install_cifs
  units daemon-reload
  units enable --now "${automounts[@]}"
  say "storage: ${#automounts[@]} shares below $mount_at"
}

# Sets LEAVES, whose paths are the same in a ticket and in an answer.
obtain() {
  local instance
  if [[ -s $HANDED_OVER ]]; then
    LEAVES=$(<"$HANDED_OVER")
    return
  fi
  instance=$(identity "$LIMIT") || { say 'storage: no instance metadata'; exit 1; }
  if ! post_until_answered storage "$(claims_text "$instance")" "$LIMIT"; then
    say "storage: no answer within $LIMIT s"
    exit 1
  fi
  if [[ $STATUS != 2?? ]]; then
    say "storage: refused with $STATUS $(problem_code)"
    exit 2
  fi
  LEAVES=$(json_leaves <"$WORK/answer") || { say 'storage: the answer makes no sense'; exit 1; }
}

# Values go into files that root's programs read: only what they may be is let through.
check() {
  local path value
  while IFS=$'\t' read -r path value; do
    case $path in
      storage.account) [[ $value =~ ^[a-z0-9]{3,24}$ ]] ;;
      storage.key) [[ $value =~ ^[A-Za-z0-9+/=]+$ ]] ;;
      storage.shares.*) [[ $value =~ ^[a-z0-9-]{3,63}$ ]] ;;
      storage.mountAt) [[ $value =~ ^(/[A-Za-z0-9._-]+)+$ && ! $value =~ /\.\.?(/|$) ]] ;;
      *) true ;;
    esac || return 1
  done <<<"$LEAVES"
  [[ -n $(json_leaf "$LEAVES" storage.key) && -n $(json_leaf "$LEAVES" storage.mountAt) && -n $(shares) ]]
}

shares() { awk -F '\t' '$1 ~ /^storage\.shares\./ { print $2 }' <<<"$LEAVES"; }

# Read when a share is mounted. A shell's own printf has no command line that others could see.
write_credentials() {
  mkdir -p "$CREDENTIALS"
  printf 'username=%s\npassword=%s\n' "$1" "$2" >"$WORK/credentials"
  mv "$WORK/credentials" "$CREDENTIALS/$1.cred"
}

# A unit is called by the path that it mounts.
unit_name() { systemd-escape --path --suffix "$2" "$1"; }

# Mounted at the first use, so that a share that does not answer holds up nothing but its users.
write_units() {
  local account=$1 share=$2 where=$3
  mkdir -p "$UNITS"
  cat >"$UNITS/$(unit_name "$where" mount)" <<UNIT
[Unit]
Description=Share $share

[Mount]
What=//$account.file.core.windows.net/$share
Where=$where
Type=cifs
Options=credentials=/etc/smbcredentials/$account.cred,nofail,_netdev,vers=3.1.1,serverino,mfsymlinks,actimeo=30
TimeoutSec=30
UNIT
  cat >"$UNITS/$(unit_name "$where" automount)" <<UNIT
[Unit]
Description=Share $share, at its first use

[Automount]
Where=$where

[Install]
WantedBy=multi-user.target
UNIT
  chmod 0644 "$UNITS/$(unit_name "$where" mount)" "$UNITS/$(unit_name "$where" automount)"
}

# All that ever comes from an archive. The machine has joined by now, and goes on whatever becomes of this.
install_cifs() {
  if command -v "${STARLING_MOUNT_CIFS:-mount.cifs}" >/dev/null; then return; fi
  say 'storage: installing cifs-utils'
  export DEBIAN_FRONTEND=noninteractive
  if ! { "$apt" --quiet --quiet update && "$apt" --quiet --quiet --yes --no-install-recommends \
    --option DPkg::Lock::Timeout=300 install cifs-utils; } >/dev/null; then
    say 'storage: cifs-utils could not be installed'
    exit 1
  fi
}

main
