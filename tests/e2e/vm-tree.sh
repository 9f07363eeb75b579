#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   tests/e2e/vm-tree.sh DIR
#
# Makes what a virtual machine of the tests is made of, without guestlink: DIR/tree (Debian with systemd, and what the packages
# need), DIR/vmlinuz and DIR/initrd, which mounts /dev/vda and hands over. Needs root, mmdebstrap and Debian's archive as this machine
# has it, and two minutes. Callers keep the result under this file's digest (vm-lib.sh): everything that counts for it is said here.
set -eu
dir=$1
suite=${GL_SUITE:-bookworm}
tree=$dir/tree

# The first line is the system, the second what the checks use, the third what guestlink-agent and guestlink-host need.
packages="systemd systemd-sysv udev dbus kmod libpam-systemd linux-image-cloud-amd64 busybox-static"
packages="$packages iproute2 needrestart procps python3"
packages="$packages libconfuse2 libjansson4 libprotobuf-c1 libsodium23 libuv1 libxxhash0 libpam-runtime"

# Documentation and translations take a third of the room, and all of it is copied for each run.
# shellcheck disable=SC2086 # a list of words
mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --include="$(echo $packages | tr ' ' ',')" "$suite" "$tree"
# What is installed later is not to lack its manual pages.
rm -f "$tree/etc/dpkg/dpkg.cfg.d/99mmdebstrap"

release=$(ls "$tree/lib/modules")
cp "$tree/boot/vmlinuz-$release" "$dir/vmlinuz"

# ------------------------------------------------------------------ the machine's own settings

echo vmtest >"$tree/etc/hostname"
printf '127.0.0.1 localhost vmtest\n' >"$tree/etc/hosts"
printf '/dev/vda / ext4 defaults 0 0\n' >"$tree/etc/fstab"
: >"$tree/etc/machine-id"
chroot "$tree" useradd --create-home --shell /bin/bash alice
# Nobody logs in at the console, which is slow to start, and nothing happens by the clock.
rm -f "$tree/etc/systemd/system/getty.target.wants"/*
for unit in console-getty.service serial-getty@ttyS0.service getty@tty1.service systemd-networkd.service \
    systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer systemd-pstore.service; do
    ln -sf /dev/null "$tree/etc/systemd/system/$unit"
done
# What the journal hears the console hears, too: it is all that is left of a machine that hangs.
mkdir -p "$tree/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nForwardToConsole=yes\nTTYPath=/dev/ttyS0\nMaxLevelConsole=info\nRateLimitBurst=0\n' \
    >"$tree/etc/systemd/journald.conf.d/console.conf"

# ------------------------------------------------------------------ initramfs

# Debian's own, which is made for every machine, takes longer than all the rest of the boot.
init=$dir/init.d
mkdir -p "$init/bin" "$init/modules" "$init/dev" "$init/proc" "$init/sys" "$init/root"
cp "$tree/bin/busybox" "$init/bin/busybox"
{
    printf '#!/bin/busybox sh\n'
    printf '/bin/busybox mount -t devtmpfs dev /dev\n'
    for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk; do
        cp "$(find "$tree/lib/modules/$release" -name "$module.ko")" "$init/modules/"
        printf '/bin/busybox insmod /modules/%s.ko || echo "initrd: no %s"\n' "$module" "$module"
    done
    # shellcheck disable=SC2016 # the script expands it
    printf 'tries=0\nuntil [ -b /dev/vda ] || [ $tries = 100 ]; do /bin/busybox usleep 100000; tries=$((tries + 1)); done\n'
    printf '/bin/busybox mount -t ext4 /dev/vda /root || /bin/busybox poweroff -f\n'
    printf '/bin/busybox mount --move /dev /root/dev\n'
    printf 'exec /bin/busybox switch_root /root /sbin/init\n'
} >"$init/init"
chmod 755 "$init/init"
(cd "$init" && find . | "$tree/bin/busybox" cpio -o -H newc) | gzip -1 >"$dir/initrd"
rm -r "$init"
rm -f "$tree"/boot/* "$tree"/initrd.img* "$tree"/vmlinuz*
# Only a few drivers are for such a machine.
for folder in drivers/net/ethernet drivers/gpu drivers/infiniband drivers/media drivers/usb fs/nfs fs/xfs fs/btrfs fs/smb fs/ceph; do
    rm -rf "$tree/lib/modules/$release/kernel/$folder"
done
chroot "$tree" depmod "$release"
rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/*
