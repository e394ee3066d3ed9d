#!/bin/bash
# One life of a node, from power on to power off. Started in a mount and a network namespace of its own: the disk's mount and
# the network card end with it.
#
#   NODE_DIR      its disk: upper/ and work/ above BASE, data/ beside it, seed/ for files of the first boot
#   BASE          root file system of all nodes
#   NODE_GROUPS   folders of its control groups, a line each
#   NODE_NAME     host name
#   NODE_ADDRESS  private address with prefix length
#   NODE_MAC      the same at every boot, so that neighbours find it again at once
#   NODE_LINK     name of its network cable at the switch
#   CABLE         up, or down: the machine comes up, but reaches nobody
#   GATEWAY       address of the virtual network's gateway
#   FABRIC_PID    a process in the virtual network's namespace
#   UNIFIED       1 where there is only cgroup v2
set -euo pipefail
umask 022

while read -r group; do echo "$$" >"$group/cgroup.procs"; done <<<"$NODE_GROUPS"

ip link set lo up
ip link add eth0 address "$NODE_MAC" type veth peer name "$NODE_LINK" netns "$FABRIC_PID"
ip address add "$NODE_ADDRESS" dev eth0
ip link set eth0 up
nsenter --target "$FABRIC_PID" --net ip link set "$NODE_LINK" master nodes "$CABLE"
ip route add default via "$GATEWAY"

mount -t overlay "$NODE_NAME" -o "lowerdir=$BASE,upperdir=$NODE_DIR/upper,workdir=$NODE_DIR/work" "$NODE_DIR/root"
if [[ -d $NODE_DIR/seed ]]; then
  cp --recursive --no-preserve=mode,ownership "$NODE_DIR/seed/." "$NODE_DIR/root/"
  rm -r "$NODE_DIR/seed"
fi

# What container engines keep does not go on the overlay, which cannot be the base of another.
binds=()
while read -r path; do
  mkdir -p "$NODE_DIR/data$path"
  binds+=("--bind=$NODE_DIR/data$path:$path")
done <<PATHS
/var/lib/docker
/var/lib/containerd
/var/lib/rancher
/var/lib/kubelet
PATHS

# "network": the machine may change its own network's settings, and no others of the kernel, which is the host's.
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=$UNIFIED
# Exit status 133: the machine reboots.
exec systemd-nspawn --quiet --boot --directory="$NODE_DIR/root" --machine="$NODE_NAME" --hostname="$NODE_NAME" \
  --register=no --keep-unit --private-users=no --network-namespace-path=/proc/self/ns/net \
  --resolv-conf=off --timezone=off --link-journal=no --console=pipe \
  --capability=all --system-call-filter='add_key keyctl bpf' "${binds[@]}"
