#!/bin/bash
# Makes the virtual network of a cluster in the network namespace that this script is started in, and runs the gateway there.
# $1: folders of the gateway's control groups; $2: addresses of the bridge with their prefix lengths; both separated by spaces.
# The rest: the gateway's command.
# The namespace, and all that is in it, ends with the gateway.
set -euo pipefail

for group in $1; do echo "$$" >"$group/cgroup.procs"; done

ip link set lo up
# As Azure's routers have it everywhere. Else the bridge takes that of some node, and another one when nodes come and go.
ip link add nodes address 12:34:56:78:9a:bc type bridge
for address in $2; do ip address add "$address" dev nodes; done
ip link set nodes up
# There is no outside: connections to it are refused at once instead of waiting for nobody.
echo 1 >/proc/sys/net/ipv4/ip_forward
ip route add unreachable default
shift 2
exec "$@"
