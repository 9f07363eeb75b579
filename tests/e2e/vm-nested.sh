#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A host and a guest on real virtio-vsock: QEMU in QEMU. The outer machine is Debian with guestlink-host as it is after its installation,
# and starts the inner one, which has the agent and little else and looks for the host at the default address. What is checked is
# vm-nested-inside.sh, which runs in the outer machine. Needs what vm-loopback.sh needs. Software emulation of software emulation: five
# minutes, and several times that on a machine that is busy. GL_VM_SECONDS limits the machine's time.
#
#   make check-nested      or: tests/e2e/vm-nested.sh [DIR]
#
# DIR: packages that are built already.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
name=check-nested
# shellcheck source=tests/e2e/vm-lib.sh
. "$top/tests/e2e/vm-lib.sh"
vm_need qemu-system-x86_64 mmdebstrap mke2fs dpkg-deb python3
vm_unshare "$@"
vm_work
vm_debs "${1-}"
vm_base
vm_tree "$debs"/guestlink-host_*.deb

# Copies a program of ROOT and the libraries that it needs to FOLDER.
with_libraries() { # ROOT PROGRAM FOLDER
    mkdir -p "$3/lib"
    cp "$1$2" "$3"
    chroot "$1" ldd "$2" | grep -o '/[^ ]*' | while read -r library; do
        cp -L "$1$library" "$3/lib"
    done
}

# ------------------------------------------------------------------ the inner machine: one initramfs

dpkg-deb -x "$debs"/guestlink-agent_*.deb "$work/agent"
cp "$work/agent/usr/sbin/guestlink-agent" "$tree/tmp/"
inner=$work/inner
mkdir -p "$inner/bin" "$inner/modules" "$inner/dev" "$inner/proc" "$inner/sys" "$inner/tmp" "$inner/etc" "$inner/root" "$inner/lib64"
with_libraries "$tree" /tmp/guestlink-agent "$inner"
rm "$tree/tmp/guestlink-agent"
ln -s ../lib/ld-linux-x86-64.so.2 "$inner/lib64/"
cp "$tree/bin/busybox" "$inner/bin/"
ln -s busybox "$inner/bin/sh"
echo 'root:x:0:0:root:/root:/bin/sh' >"$inner/etc/passwd"
echo 'root:x:0:' >"$inner/etc/group"
{
    printf '#!/bin/busybox sh\n/bin/busybox --install -s /bin\nexport PATH=/bin\n'
    printf 'mount -t devtmpfs dev /dev\nmount -t proc proc /proc\nmount -t sysfs sys /sys\nmkdir /dev/pts\nmount -t devpts pts /dev/pts\n'
    for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci vsock \
        vmw_vsock_virtio_transport_common vmw_vsock_virtio_transport; do
        cp "$(find "$tree/lib/modules" -name "$module.ko")" "$inner/modules/"
        printf 'insmod /modules/%s.ko\n' "$module"
    done
    printf 'hostname inner\ncd /root\n/guestlink-agent --state /root/state\necho "the agent ended with $?"\npoweroff -f\n'
} >"$inner/init"
chmod 755 "$inner/init"

# ------------------------------------------------------------------ the outer machine

mkdir "$tree/e2e"
# Not packed, which would have to be undone slowly.
(cd "$inner" && find . | "$tree/bin/busybox" cpio -o -H newc) >"$tree/e2e/initrd"
cp "$base/vmlinuz" "$tree/e2e"
# This machine's QEMU, with its libraries, as it is Debian's.
with_libraries / "$(command -v qemu-system-x86_64)" "$tree/e2e/qemu"
mkdir "$tree/e2e/qemu/modules"
find /usr/lib -path '*/qemu/accel-*' -exec cp {} "$tree/e2e/qemu/modules" \;
cp -rL /usr/share/qemu "$tree/e2e/qemu/share"
cp /usr/share/seabios/*.bin "$tree/e2e/qemu/share"
# What savevm keeps a machine in: an empty qcow2 image (QEMU, docs/interop/qcow2.txt), as qemu-img need not be there. Clusters of 64 KiB:
# the header, the table of reference counts, their only block, the first table of clusters.
python3 - "$tree/e2e/snapshots" <<'EOF'
import struct, sys
cluster = 1 << 16
parts = (
    struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, 256 << 20, 0, 1, 3 * cluster, cluster, 1, 0, 0),
    struct.pack(">Q", 2 * cluster),
    struct.pack(">4H", 1, 1, 1, 1),
    b"",
)
with open(sys.argv[1], "wb") as file:
    file.write(b"".join(part.ljust(cluster, b"\0") for part in parts))
EOF

vm_script "$top/tests/e2e/vm-nested-inside.sh"
vm_image
say "The machines"
vm_run 1200
vm_verdict
