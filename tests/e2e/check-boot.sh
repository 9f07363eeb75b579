#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Debian with systemd in QEMU: the packages are there at its first boot, and everything the units do is looked at from within
# (boot-inside.sh). Host daemon and agent are in the same machine and meet over AF_VSOCK's loopback. Software emulation: three
# minutes, and as many for the image. Needs root, mmdebstrap, qemu-system-x86, and what building the packages needs.
#
#   make check-boot      or: tests/e2e/check-boot.sh [DIR]
#
# DIR: packages that are built already. The machine has no network and no vsock device: nothing leaves it.
# shellcheck disable=SC2016 # $1 is for the hooks
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
suite=${GL_SUITE:-bookworm}
name=check-boot
# shellcheck source=tests/e2e/vm-lib.sh
. "$top/tests/e2e/vm-lib.sh"
vm_need mmdebstrap mke2fs qemu-system-x86_64
# Mounts and processes go with this one.
if [ -z "${GL_UNSHARED-}" ]; then
    GL_UNSHARED=1 exec unshare --mount-proc --pid --fork --kill-child "$0" "$@"
fi

vm_work
tree=$work/tree

# ------------------------------------------------------------------ the image

vm_debs "${1-}"
say "A $suite with systemd and them"
# policy-rc.d: nothing is started before the first boot.
mkdir "$work/install"
cp "$debs"/guestlink-agent_*.deb "$debs"/guestlink-host_*.deb "$work/install"
mmdebstrap --quiet --variant=minbase --skip=check/empty \
    --include=systemd,systemd-sysv,udev,kmod,dbus,libpam-systemd,linux-image-cloud-amd64 \
    --customize-hook="copy-in $work/install /root" \
    --customize-hook='printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"' \
    --customize-hook='chroot "$1" sh -c "apt-get install -q -y --no-install-recommends /root/install/*.deb"' \
    --customize-hook='rm "$1/usr/sbin/policy-rc.d"' \
    "$suite" "$tree" >"$work/tree.log" 2>&1 || fail "the tree: $(tail -n 50 "$work/tree.log")"
[ ! -e "$tree/var/lib/guestlink" ] || fail "the packages have made keys"

for deb in "$work"/install/*.deb; do
    vm_next_version "$deb" "$tree/root/next-${deb##*/}"
done
chroot "$tree" useradd -m -u 1000 alice
chroot "$tree" useradd -m -G guestlink bob
sed -i -e "s/^#connect = .*/connect = {'vsock:local:1007'}/" -e 's/^#name = .*/name = self/' \
    -e 's/^#allow-loopback.*/allow-loopback = true/' "$tree/etc/guestlink/agent.conf"
sed -i 's/^allow-loopback = .*/allow-loopback = true/' "$tree/etc/guestlink/hostd.conf"
echo vsock_loopback >"$tree/etc/modules-load.d/loopback.conf"
echo '/dev/vda / ext4 rw 0 0' >"$tree/etc/fstab"
echo vm >"$tree/etc/hostname"
install -m 755 "$top/tests/e2e/boot-inside.sh" "$tree/root/inside"
cat >"$tree/etc/systemd/system/inside.service" <<'END'
[Unit]
After=multi-user.target
[Service]
ExecStart=/root/inside
Environment=HOME=/root
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
END
mkdir -p "$tree/etc/systemd/system/graphical.target.wants"
ln -s ../inside.service "$tree/etc/systemd/system/graphical.target.wants"
ln -s /dev/null "$tree/etc/systemd/system/serial-getty@ttyS0.service"

cp "$tree"/boot/vmlinuz-* "$work/kernel"
cp "$tree"/boot/initrd.img-* "$work/initrd"
truncate -s 1500M "$work/disk"
mke2fs -q -t ext4 -d "$tree" "$work/disk"

# ------------------------------------------------------------------ the machine

say "Booting"
status=0
timeout 900 qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 768 -display none -monitor none -serial "file:$work/console" \
    -no-reboot -nic none -kernel "$work/kernel" -initrd "$work/initrd" \
    -append 'root=/dev/vda rw console=ttyS0 quiet' -drive "file=$work/disk,format=raw,if=virtio" </dev/null || status=$?
tr -d '\r' <"$work/console" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' | sed -n '/^----/,$p'
[ "$status" -eq 0 ] || fail "the machine did not end by itself ($status); $(tail -n 50 "$work/console")"
grep -q '^END 0' "$work/console" || fail "see above"
echo "check-boot: all $(grep -c '^ok ' "$work/console") checks are well"
