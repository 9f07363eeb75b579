#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Tries the Debian packages on a real kernel: a virtual machine with systemd, both packages installed, the agent and the host daemon
# connected by AF_VSOCK's loopback, two boots. What is checked is vm-loopback-inside.sh, which runs in the machine. Needs root, QEMU,
# mmdebstrap, mke2fs, and what packaging/deb/build.sh needs; Debian's archive only when the tree is not there yet. Software emulation:
# four minutes, of which two for the tree, once; twice that on a machine that is busy. GL_VM_SECONDS limits the machine's time.
#
#   make check-vm      or: tests/e2e/vm-loopback.sh [DIR]
#
# DIR: packages that are built already.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
name=check-vm
# shellcheck source=tests/e2e/vm-lib.sh
. "$top/tests/e2e/vm-lib.sh"
vm_need qemu-system-x86_64 mmdebstrap mke2fs dpkg-deb unshare
# Mounts and processes go with this one.
if [ -z "${GL_UNSHARED-}" ]; then
    GL_UNSHARED=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/guestlink-vm.XXXXXX")
finish() {
    status=$?
    trap - EXIT INT TERM
    umount "$work/tree/proc" 2>/dev/null || true
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

vm_debs "${1-}"
vm_base

say "An image with the packages"
tree=$work/tree
cp -a "$base/tree" "$tree"
mkdir "$tree/debs" "$tree/debs/next"
cp "$debs"/*.deb "$tree/debs"
for deb in "$debs"/guestlink-agent_*.deb "$debs"/guestlink-host_*.deb; do
    vm_next_version "$deb" "$tree/debs/next/${deb##*/}"
done
mount -t proc proc "$tree/proc"
DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$tree" sh -c 'dpkg -i /debs/*.deb' >"$work/dpkg.log" 2>&1 ||
    fail "the packages cannot be installed: $(cat "$work/dpkg.log")"
umount "$tree/proc"

# Both ends in one machine: each has to be told that this is meant.
printf 'connect = {"vsock:local:1007"}\nallow-loopback = true\n' >"$tree/etc/guestlink/agent.conf"
printf 'listen = "vsock:any:1007"\nallow-loopback = true\n' >"$tree/etc/guestlink/hostd.conf"
echo vsock_loopback >"$tree/etc/modules-load.d/loopback.conf"

mkdir "$tree/e2e"
cp "$top/tests/e2e/vm-loopback-inside.sh" "$top/tests/e2e/vm-sockets.py" "$tree/e2e"
cat >"$tree/etc/systemd/system/e2e.service" <<EOF
[Unit]
Description=The checks
[Service]
ExecStart=/e2e/vm-loopback-inside.sh
StandardOutput=file:/dev/ttyS1
StandardError=journal
EOF
ln -s ../e2e.service "$tree/etc/systemd/system/multi-user.target.wants/e2e.service"
vm_image "$tree" "$work/image"
rm -rf --one-file-system "$tree"

say "The machine: two boots"
started=$(date +%s)
vm_run "${GL_VM_SECONDS:-420}" "$work/image" || echo "$name: QEMU ended with $?: $(cat "$work/qemu.log")" >&2
echo "$(($(date +%s) - started)) s"

# The last line says how many there were, so that none is missing.
planned=$(tr -d '\r' <"$work/verdicts" | sed -n 's/^1\.\.\([0-9]*\)$/\1/p')
good=$(grep -c '^ok ' "$work/verdicts" || true)
if [ -z "$planned" ] || [ "$good" -ne "$planned" ] || grep -q '^not ok ' "$work/verdicts"; then
    echo "-------- the console" >&2
    tr -d '\r' <"$work/console" | tail -n "${GL_VM_CONSOLE:-400}" >&2
    fail "$good of ${planned:-an unknown number of} checks are well"
fi
say "check-vm: all $good checks are well"
