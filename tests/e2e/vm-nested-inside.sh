#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The checks of vm-nested.sh, which has this run in the outer machine.
# shellcheck disable=SC2317 # functions are called by their names
set -u
cd /e2e || exit
state=/e2e/state
guest=inner
# The inner machine needs two minutes to boot, and where this one is busy eight.
patience=600
# shellcheck source=tests/e2e/vm-checks.sh
. ./vm-checks.sh
breaks=guestlink-hostd
# shellcheck source=tests/e2e/vm-broken.sh
. ./vm-broken.sh

start_inner() {
    QEMU_MODULE_DIR=qemu/modules qemu/lib/ld-linux-x86-64.so.2 --library-path qemu/lib qemu/qemu-system-x86_64 -L qemu/share -accel tcg -smp 1 -m 160 \
        -cpu qemu64,+rdrand -display none -nic none -no-user-config -kernel vmlinuz -initrd initrd \
        -append 'console=ttyS0 quiet mitigations=off random.trust_cpu=on' -serial "file:/tmp/inner.console" \
        -monitor unix:/tmp/monitor,server=on,wait=off -drive file=snapshots,if=none,id=snapshots,format=qcow2 \
        -device virtio-blk-pci,drive=snapshots -device vhost-vsock-pci,guest-cid=3 >/tmp/inner.qemu 2>&1 &
    echo $! >"$state/qemu"
}

# Says something to QEMU's monitor, and waits until it is done.
monitor() {
    timeout 60 python3 - "$*" <<'EOF'
import socket, sys
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect("/tmp/monitor")
    answer = b""
    for prompts, line in ((1, sys.argv[1].encode() + b"\n"), (2, None)):
        while answer.count(b"(qemu) ") < prompts:
            answer += sock.recv(4096)
        if line:
            sock.sendall(line)
    print(answer.decode(errors="replace"))
EOF
}

hostd() {
    until_well systemctl is-active guestlink-hostd.service
    is "$(ps -o user= -p "$(main_pid guestlink-hostd)")" guestlink
    lsmod | grep -w vhost_vsock
    [ -c /dev/vhost-vsock ]
}

reached() {
    # It has to boot first.
    until_well connected || {
        tail -n 40 /tmp/inner.qemu /tmp/inner.console
        return 1
    }
    gl ls
    is "$(field name)" inner
    field address | grep -E '^vsock:3:(51[2-9]|5[2-9][0-9]|[6-9][0-9][0-9]|100[0-6])$'
}

looks() {
    gl info "$guest"
    gl ping -c 3 "$guest"
    gl doctor "$guest"
    is "$(gl exec "$guest" -- hostname)" inner
}

copy() {
    head -c 5000000 /dev/urandom >/tmp/big
    gl cp /tmp/big "$guest:/tmp/big"
    is "$(gl exec "$guest" -- sha256sum /tmp/big | cut -d ' ' -f 1)" "$(sha256sum /tmp/big | cut -d ' ' -f 1)"
    gl cp "$guest:/tmp/big" /tmp/back
    cmp /tmp/big /tmp/back
}

stop_guest() { monitor stop; }
go_on() { monitor cont; }

paused() { silent stop_guest go_on; }

reverted() {
    count_in_guest 60 1
    monitor savevm before
    # The guest goes on, and is heard of.
    heard=$(wc -l </tmp/counted)
    further() { [ "$(wc -l </tmp/counted)" -gt $((heard + 3)) ]; }
    until_well further
    monitor loadvm before
    status=0
    wait "$counting" || status=$?
    # Nothing may be told twice.
    seq "$(wc -l </tmp/counted)" | cmp - /tmp/counted
    is "$status" 125
    # An old session would be kept for 60 s. An exec alone takes the inner machine 5 s, and took 41 s at a load of five for each
    # processor.
    lost=$(date +%s)
    until_well connected
    session=$(($(date +%s) - lost))
    is "$(gl exec "$guest" -- hostname)" inner
    program=$(($(date +%s) - lost))
    note "a new session after $session s, a program in it after $program s"
    [ "$session" -le 30 ]
    [ "$program" -le 90 ]
    # It was refused for what the two remember.
    tail -n 5 /tmp/inner.console
    journalctl -b -u guestlink-hostd --no-pager | tail -n 5
    journalctl -b -u guestlink-hostd --no-pager | grep 'its session has ended: the two sides disagree on'
}

killed() {
    kill -KILL "$(cat "$state/qemu")"
    noticed=$(date +%s)
    until_well detached
    [ $(($(date +%s) - noticed)) -le 20 ]
}

# As it comes, to the outer console: this machine may be ended at any time.
: >/tmp/inner.console
tail -n +1 -f /tmp/inner.console | sed -u 's/^/inner: /' >&2 &
start_inner
check hostd "the host daemon runs as its user, vhost_vsock is loaded"
check reached "the guest is there, over virtio-vsock, from a port below 1024"
check looks "info, ping, doctor, exec"
check copy "cp, there and back"
check cut_exec "exec goes on when the connection is cut"
check cut_copy "cp to the guest goes on when the connection is cut"
check cut_copy_back "cp from the guest goes on when the connection is cut"
check paused "exec goes on when the guest was paused for longer than the heartbeat waits"
check reverted "a guest that was reverted to a snapshot: its exec ends, a new session works at once"
check killed "a guest that was killed is missed"
echo "1..$(cat "$state/number")"
sed 's/^/inner QEMU: /' /tmp/inner.qemu >&2
systemctl --no-block poweroff
