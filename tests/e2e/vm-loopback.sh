#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Tries the Debian packages on a real kernel: a virtual machine with systemd, both packages installed, the agent and the host daemon
# connected by AF_VSOCK's loopback, two boots. What is checked is vm-loopback-inside.sh, which runs in the machine with its parts. Needs root, QEMU,
# mmdebstrap, mke2fs, and what packaging/deb/build.sh needs; Debian's archive only when the tree is not there yet. Software emulation:
# six minutes, and two for the tree, once; several times that on a machine that is busy (20 minutes at a load of ten for each
# processor). GL_VM_SECONDS limits the machine's time.
#
#   make check-vm      or: tests/e2e/vm-loopback.sh [DIR]
#
# DIR: packages that are built already.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
name=check-vm
# shellcheck source=tests/e2e/vm-lib.sh
. "$top/tests/e2e/vm-lib.sh"
vm_need qemu-system-x86_64 mmdebstrap mke2fs dpkg-deb
vm_unshare "$@"

vm_work
vm_debs "${1-}"
vm_base
vm_tree "$debs"/*.deb
# One for each upgrade.
for version in 2 3 4 5 6; do
    mkdir "$tree/debs/$version"
    for deb in "$debs"/guestlink-agent_*.deb "$debs"/guestlink-host_*.deb; do
        vm_next_version "$deb" "$deb"
        cp "$deb" "$tree/debs/$version"
    done
done

# Both ends in one machine: each has to be told that this is meant.
printf 'connect = {"vsock:local:1007"}\nallow-loopback = true\n' >"$tree/etc/guestlink/agent.conf"
printf 'listen = "vsock:any:1007"\nallow-loopback = true\n' >"$tree/etc/guestlink/hostd.conf"
echo vsock_loopback >"$tree/etc/modules-load.d/loopback.conf"

# alice is there already, and in no group.
chroot "$tree" useradd --create-home --groups guestlink bob

vm_script "$top/tests/e2e/vm-loopback-inside.sh" "$top/tests/e2e/vm-units.sh" "$top/tests/e2e/vm-packages.sh"
vm_image
say "The machine: two boots"
vm_run 1500
vm_verdict
