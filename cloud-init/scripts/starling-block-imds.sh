#!/bin/bash
# Keeps containers, and everything on this machine that is not root, away from the metadata service: whoever reaches it can be
# attested as this machine. Azure's own address 168.63.129.16 is shut likewise, but for names (DNS) and, from the machine itself,
# for the renewal of its address (DHCP), which is not root's business either. Must have run before the engine starts; the engine's
# units require it. Rules replace themselves, so a repeat changes nothing.
set -euo pipefail

IMDS=169.254.169.254
WIRE=168.63.129.16
nft=${STARLING_NFT:-nft}
iptables=${STARLING_IPTABLES:-iptables}

# A table of our own: what the engine does to its tables cannot touch it, and a drop here is final whatever it accepts.
# "forward" sees what containers send, after address translation; "output" what processes of the machine send.
rules() {
  cat <<RULES
table inet starling
delete table inet starling
table inet starling {
  chain forward {
    type filter hook forward priority -200; policy accept;
    ip daddr $WIRE meta l4proto { tcp, udp } th dport 53 accept
    ip daddr { $IMDS, $WIRE } drop
  }
  chain output {
    type filter hook output priority 0; policy accept;
    meta skuid 0 accept
    ip daddr $WIRE meta l4proto { tcp, udp } th dport 53 accept
    ip daddr $WIRE udp dport 67 accept
    ip daddr { $IMDS, $WIRE } drop
  }
}
RULES
}

# Where there is no nft. The mangle table comes before the filter rules that the engine inserts.
with_iptables() {
  fill STARLING-FORWARD
  fill STARLING-OUTPUT -m owner --uid-owner 0
  ipt -I STARLING-OUTPUT -d "$WIRE" -p udp --dport 67 -j RETURN
  hook FORWARD STARLING-FORWARD
  hook OUTPUT STARLING-OUTPUT
}

# $1: chain; the rest: a match that is let through.
fill() {
  local chain=$1 protocol address
  shift
  ipt -N "$chain" 2>/dev/null || ipt -F "$chain"
  if (($# > 0)); then ipt -A "$chain" "$@" -j RETURN; fi
  for protocol in tcp udp; do ipt -A "$chain" -d "$WIRE" -p "$protocol" --dport 53 -j RETURN; done
  for address in "$IMDS" "$WIRE"; do ipt -A "$chain" -d "$address" -j DROP; done
}

hook() { ipt -C "$1" -j "$2" 2>/dev/null || ipt -I "$1" -j "$2"; }
ipt() { "$iptables" --wait -t mangle "$@"; }

if command -v "$nft" >/dev/null; then
  rules | "$nft" -f -
elif command -v "$iptables" >/dev/null; then
  with_iptables
else
  echo 'starling: neither nft nor iptables; the engine must not start' >&2
  exit 1
fi
echo 'starling: metadata service shut for containers'
