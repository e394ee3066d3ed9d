#!/bin/bash
# Puts a version of k3s in place, after checking its SHA-256: the one given as argument, else the one that was put there last,
# else the one in node.env; so a machine that was upgraded does not fall back at its next boot. No installer is fetched and
# run: one binary and our own units are all it takes. Does nothing when that very file is there already.
#
# From node.env: STARLING_ENGINE_VERSION, and where the release pins them STARLING_ENGINE_SHA256_AMD64/_ARM64 of that version;
# without a pin the checksum that was published beside the binary counts, which shows damage but not a forged release.
set -euo pipefail
umask 022

ROOT=${STARLING_ROOT:-}
# shellcheck source=/dev/null
. "$ROOT/etc/starling/node.env"

SOURCE=${STARLING_ENGINE_SOURCE:-https://github.com/k3s-io/k3s/releases/download}
BINARY=$ROOT/usr/local/bin/k3s
# "version sha256" of what this script has put there.
RECORD=$ROOT/var/lib/starling/k3s-installed

say() { printf 'starling: %s\n' "$*"; }

main() {
  local machine file arch pin
  VERSION=$(wanted_version "$@")
  machine=$(uname -m)
  case $machine in
    x86_64) file=k3s arch=amd64 pin=${STARLING_ENGINE_SHA256_AMD64:-} ;;
    aarch64 | arm64) file=k3s-arm64 arch=arm64 pin=${STARLING_ENGINE_SHA256_ARM64:-} ;;
    *)
      say "install: no k3s for $machine"
      exit 1
      ;;
  esac
  if [[ $VERSION != "$STARLING_ENGINE_VERSION" ]]; then pin=''; fi
  if installed "$pin"; then
    say "install: k3s $VERSION is there"
  else
    install_binary "$file" "$arch" "$pin"
  fi
}

wanted_version() {
  local version=${1:-}
  if [[ -z $version && -f $RECORD ]]; then read -r version _ <"$RECORD"; fi
  printf '%s' "${version:-$STARLING_ENGINE_VERSION}"
}

installed() {
  local version digest
  [[ -x $BINARY && -f $RECORD ]] || return 1
  read -r version digest <"$RECORD"
  [[ $version == "$VERSION" && (-z $1 || $digest == "$1") && $(digest_of "$BINARY") == "$digest" ]]
}

digest_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# Beside its final place, so that the move is one step: a half file is never run.
install_binary() {
  local file=$1 arch=$2 wanted=$3 found
  mkdir -p "$(dirname "$BINARY")" "$(dirname "$RECORD")"
  trap 'rm -f "$BINARY.new" "$BINARY.sums"' EXIT
  if [[ -z $wanted ]]; then
    fetch "sha256sum-$arch.txt" "$BINARY.sums"
    wanted=$(awk -v file="$file" '$2 == file { print $1 }' "$BINARY.sums")
  fi
  fetch "$file" "$BINARY.new"
  found=$(digest_of "$BINARY.new")
  if [[ -z $wanted || $found != "$wanted" ]]; then
    say "install: $file has SHA-256 $found, wanted ${wanted:-one that is not published}"
    exit 1
  fi
  chmod 0755 "$BINARY.new"
  mv "$BINARY.new" "$BINARY"
  printf '%s %s\n' "$VERSION" "$found" >"$RECORD"
  say "install: k3s $VERSION installed"
}

# "+" in a version must be escaped in a URL. Release files live behind a redirect, which may not leave HTTPS.
fetch() {
  local protocols='=https'
  if [[ $SOURCE == http://* ]]; then protocols='=http,https'; fi
  curl --silent --show-error --fail --location --proto "$protocols" --retry 5 --retry-connrefused --max-time 600 \
    --output "$2" "$SOURCE/${VERSION//+/%2B}/$1"
}

main "$@"
