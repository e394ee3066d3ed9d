#!/bin/bash
# Puts a version of Docker in place: the one given as argument, else the one that was put there last, else the one in node.env; so a
# machine that was upgraded does not fall back at its next boot. From Docker's own archive, whose key customData brings. Does
# nothing when that version is there already, as in an image made for it.
#
# STARLING_ENGINE_SOURCE in node.env names another place of the archive. Tests may set STARLING_APT (a folder with apt's programs).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=starling-attest.sh
. "$here/starling-attest.sh"
# shellcheck source-path=SCRIPTDIR source=starling-engine.sh
. "$here/starling-engine.sh"

SOURCE=${STARLING_ENGINE_SOURCE:-https://download.docker.com/linux}
LIST=$ROOT/etc/apt/sources.list.d/docker.sources
RECORD=$ROOT/var/lib/starling/docker-installed
APT=${STARLING_APT:-/usr/bin}
# Another program may hold apt's lock at the first boot, and mirrors have bad minutes. The unit begins anew after that.
LIMIT=${STARLING_INSTALL_LIMIT_SECONDS:-600}
LOCK_SECONDS=120

main() {
  local version
  version=$(wanted_version "$@")
  until in_place "$version" || install_packages "$version"; do
    if ((SECONDS >= LIMIT)); then
      say "install: Docker $version could not be had within $LIMIT s"
      exit 1
    fi
    sleep "${STARLING_POLL_SECONDS:-10}"
  done
  say "install: Docker $version is there"
  mkdir -p "$(dirname "$RECORD")"
  printf '%s\n' "$version" >"$RECORD"
  apply_settings
}

wanted_version() {
  local version=${1:-}
  if [[ -z $version && -f $RECORD ]]; then version=$(<"$RECORD"); fi
  printf '%s' "${version:-$STARLING_ENGINE_VERSION}"
}

in_place() {
  finish_packages
  [[ $(engine_version) == "$1" ]]
}

# What was being put in place when the machine went down is there by half, and until it is whole apt refuses everything. Nothing is
# lost where another program is at it just now.
finish_packages() {
  DEBIAN_FRONTEND=noninteractive "$APT/dpkg" --force-confdef --force-confold --configure -a </dev/null >/dev/null 2>&1 || true
}

# Held afterwards: an engine that upgrades itself at night would stop all containers of the machine.
install_packages() {
  local package
  export DEBIAN_FRONTEND=noninteractive
  write_source && apt_get update || return
  package=$(package_version "$1")
  if [[ -z $package ]]; then
    say "install: $SOURCE has no Docker $1 for this system"
    return 1
  fi
  apt_get install --no-install-recommends --allow-change-held-packages "docker-ce=$package" "docker-ce-cli=$package" containerd.io &&
    "$APT/apt-mark" hold docker-ce docker-ce-cli containerd.io >/dev/null && [[ $(engine_version) == "$1" ]]
}

# Ubuntu and Debian have folders of their own there.
write_source() {
  local system codename
  # shellcheck source=/dev/null
  read -r system codename < <(. "$ROOT/etc/os-release" && echo "$ID $VERSION_CODENAME") || return
  mkdir -p "$(dirname "$LIST")"
  cat >"$LIST" <<SOURCE
Types: deb
URIs: $SOURCE/$system
Suites: $codename
Components: stable
Signed-By: /etc/apt/keyrings/docker.asc
SOURCE
  chmod 0644 "$LIST"
}

apt_get() { "$APT/apt-get" --quiet --quiet --yes --option "DPkg::Lock::Timeout=$LOCK_SECONDS" "$@" >/dev/null; }

# " docker-ce | 5:29.7.2-1~ubuntu.24.04~noble | https://download.docker.com/linux/ubuntu noble/stable amd64 Packages"
package_version() { "$APT/apt-cache" madison docker-ce | awk -v start="5:$1-" 'index($3, start) == 1 && !found++ { print $3 }'; }

main "$@"
