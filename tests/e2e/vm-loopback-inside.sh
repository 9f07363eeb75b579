#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The checks of vm-loopback.sh, which see to it that this is started at each boot of the machine.
# shellcheck disable=SC2317 # functions are called by their names
set -u
cd /e2e || exit
state=/e2e/state
guest=vmtest
# shellcheck source=tests/e2e/vm-checks.sh
. ./vm-checks.sh
breaks=guestlink-agent
# shellcheck source=tests/e2e/vm-broken.sh
. ./vm-broken.sh
# shellcheck source=tests/e2e/vm-units.sh
. ./vm-units.sh
# shellcheck source=tests/e2e/vm-packages.sh
. ./vm-packages.sh

# ------------------------------------------------------------------ each boot

boot() {
    systemctl is-system-running --wait || true
    is "$(systemctl --failed --plain --no-legend)" ""
}

modules() {
    lsmod | grep -w vsock_loopback
    [ -c /dev/vsock ]
}

# VMware's device can be had without VMware; that of Hyper-V cannot. Who loads the transport is the package's udev rule.
transport_loaded() {
    [ ! -e /sys/module/vmw_vsock_vmci_transport ]
    modprobe vmw_vmci
    until_well [ -e /sys/module/vmw_vsock_vmci_transport ]
}

# The other ways to a host, which no such machine has: the kernel names the driver of virtio's device itself; Hyper-V's is loaded by the
# package's rule, and must be one that this kernel could have.
drivers() {
    modinfo -F alias vmw_vsock_virtio_transport | grep -Fx 'virtio:d00000013v*'
    module=$(sed -n 's/^SUBSYSTEM=="vmbus", .*RUN{builtin}+="kmod load \([a-z_]*\)"$/\1/p' /usr/lib/udev/rules.d/60-guestlink-agent.rules)
    is "$module" hv_sock
    modprobe --dry-run --verbose "$module" | grep '/hv_sock\.ko'
}

reached() {
    gl wait --timeout 50 "$guest"
    gl ls
    # From a port below 1024, on this very machine.
    field address | grep -E '^vsock:local:(51[2-9]|5[2-9][0-9]|[6-9][0-9][0-9]|100[0-6])$'
    # The kernel says so, too.
    ss --vsock -n -p state established | grep -E '1:1007 .*guestlink-hostd|guestlink-agent.*1:1007'
}

# ------------------------------------------------------------------ first boot

looks() {
    gl info "$guest"
    is "$(gl --json info "$guest" | python3 -c 'import json, sys; i = json.load(sys.stdin)["info"]; print(i["hostname"], i["os_id"], i["kernel"])')" \
        "vmtest debian $(uname -r)"
    gl ping -c 3 "$guest"
    gl doctor "$guest"
}

group_may() {
    runuser -u bob -- timeout 60 guestlink ls | grep -w "$guest"
    status=0
    runuser -u alice -- timeout 60 guestlink ls >/tmp/denied 2>&1 || status=$?
    is "$status" 1
    grep 'no permission' /tmp/denied
}

exec_root() {
    is "$(gl exec "$guest" -- id -un)" root
    is "$(printf 'hello' | gl exec -i "$guest" -- tr a-z A-Z)" HELLO
    status=0
    gl exec "$guest" -- sh -c 'kill -TERM $$' || status=$?
    is "$status" 143
    # More than any buffer of the link and of the socket, both ways.
    head -c 20000000 /dev/urandom >/tmp/big
    is "$(gl exec -i "$guest" -- cat </tmp/big | sha256sum)" "$(sha256sum </tmp/big)"
}

# What the service has of its own is not for what it runs.
exec_unconfined() {
    is "$(gl exec "$guest" -- grep CapEff /proc/self/status)" "$(grep CapEff /proc/self/status)"
    is "$(gl exec "$guest" -- sed -n 's/^Seccomp:[[:space:]]*//p' /proc/self/status)" 0
    is "$(cat "/proc/$(main_pid guestlink-agent)/oom_score_adj")" -900
    is "$(gl exec "$guest" -- cat /proc/self/oom_score_adj)" 0
}

exec_user() {
    # shellcheck disable=SC2016
    gl exec -u alice "$guest" -- sh -c 'id -un; pwd; cat /proc/self/cgroup; loginctl list-sessions --no-legend; echo "$XDG_SESSION_ID $XDG_RUNTIME_DIR"' >/tmp/alice
    cat /tmp/alice
    is "$(head -n 1 /tmp/alice)" alice
    is "$(sed -n 2p /tmp/alice)" /home/alice
    grep '^0::/user\.slice/user-1000\.slice/session-.*\.scope$' /tmp/alice
    grep -w 'alice' /tmp/alice | grep -w 1000
    grep '^[^ ][^ ]* /run/user/1000$' /tmp/alice
    echo 'id -un; cat /proc/self/cgroup' | gl shell -u alice "$guest" >/tmp/alice
    is "$(head -n 1 /tmp/alice)" alice
    grep '^0::/user\.slice/user-1000\.slice/session-.*\.scope$' /tmp/alice
}

session_ends() {
    no_session() { ! loginctl list-sessions --no-legend | grep -w alice; }
    until_well no_session
}

shell() {
    status=0
    { printf 'tty; stty size; id -un\n' && printf 'exit 7\n'; } |
        timeout 60 script -q -e -c "stty rows 33 cols 99; guestlink shell $guest" /dev/null >/tmp/shell || status=$?
    cat -v /tmp/shell
    is "$status" 7
    tr -d '\r' </tmp/shell | grep '/dev/pts/[0-9]'
    tr -d '\r' </tmp/shell | grep '^33 99$'
    tr -d '\r' </tmp/shell | grep '^root$'
}

digests() { (cd "$1" && find . -type f -exec sha256sum {} + && find . ! -type f -printf '%p %y %m %l\n') | LC_ALL=C sort; }

copy_tree() {
    mkdir -p /tmp/src/deep/er "/tmp/src/with space" /tmp/src/empty
    for i in $(seq 100); do echo "file $i" >"/tmp/src/deep/er/$i"; done
    : >"/tmp/src/with space/nothing"
    cp /tmp/big /tmp/src/big
    ln -s deep/er/1 /tmp/src/link
    chmod 751 /tmp/src/deep
    rm -rf /tmp/there /tmp/back
    gl cp -r /tmp/src "$guest:/tmp/there"
    digests /tmp/src >/tmp/src.sums
    digests /tmp/there | diff /tmp/src.sums -
    gl cp -r "$guest:/tmp/there" /tmp/back
    digests /tmp/back | diff /tmp/src.sums -
}

unprivileged_refused() {
    is "$(runuser -u alice -- timeout 30 ./vm-sockets.py knock 1 1007)" closed
    journalctl -b -u guestlink-hostd --no-pager | grep 'source port is not below 1024'
    # Nor may she listen where agents look for their host.
    is "$(runuser -u alice -- timeout 30 ./vm-sockets.py listen 1007)" EACCES
    connected
}

stop_agent() { kill -STOP "$(main_pid guestlink-agent)"; }
go_on() { kill -CONT "$(main_pid guestlink-agent)"; }

stopped() { silent stop_agent go_on; }

identity() {
    field fingerprint >"$state/fingerprint"
    sha256sum /var/lib/guestlink/agent/agent.key >"$state/key"
}

reboot_inside() {
    # Its answer may be lost with the agent.
    gl exec "$guest" -- systemctl --no-block reboot || true
}

# ------------------------------------------------------------------ second boot

same_identity() {
    sha256sum -c "$state/key"
    is "$(field fingerprint)" "$(cat "$state/fingerprint")"
    is "$(field name)" "$guest"
    is "$(gl --json ls | grep -o '"id"' | wc -l)" 1
    gl exec "$guest" -- true
}

# This machine has no device that leads out of it, so that the kernel takes the host's address for its own.
no_way_out() {
    changes /etc/guestlink/agent.conf
    : >/etc/guestlink/agent.conf
    since=$(date '+%F %T')
    systemctl restart guestlink-agent
    said() { journalctl -b -u guestlink-agent --since "$since" --no-pager | grep 'vsock:host:1007: .*leads back into this guest'; }
    until_well said
    [ "$(field state)" != connected ]
    cp -p /tmp/unchanged /etc/guestlink/agent.conf
    systemctl restart guestlink-agent
    until_well connected
}

# As in a machine without such a device, which then gets one.
no_transport() {
    # A socket that is just being closed holds its transport.
    systemctl stop guestlink-agent.service guestlink-hostd.socket guestlink-hostd.service
    unloaded() { modprobe -r vsock_loopback vhost_vsock vsock_diag vsock && [ ! -e /sys/module/vsock ] && [ ! -e /dev/vsock ]; }
    until_well unloaded
    udevadm settle
    systemctl start guestlink-agent.service
    is "$(systemctl show --property ActiveState,ConditionResult --value guestlink-agent.service | sort | xargs)" "inactive no"
    is "$(systemctl --failed --plain --no-legend)" ""
    is "$(systemctl is-system-running)" running
    modprobe vsock_loopback
    until_well systemctl is-active guestlink-agent.service
    systemctl start guestlink-hostd.service
    until_well connected
    gl exec "$guest" -- true
}

# ------------------------------------------------------------------ the order

check boot "the system is up, no unit has failed"
check modules "vsock_loopback is loaded, /dev/vsock is there"
check units "agent and host daemon came up by themselves"
check settings "systemd has taken the units' settings and conditions"
check reached "the agent reached the host daemon over AF_VSOCK, from a port below 1024"

if [ ! -e "$state/second" ]; then
    : >"$state/second"
    check looks "info, ping, doctor"
    check drivers "the drivers of virtio and Hyper-V have the names that are asked for"
    check not_in_container "in a container the agent would not start"
    check group_may "who is in the group may use the host daemon, who is not may not"
    check exec_root "exec as root: output, input, signal, 20 MB through cat"
    check exec_unconfined "with all that root has"
    check exec_user "exec and shell as a user: a login session of its own, outside of the agent's cgroup"
    check session_ends "that session has ended with it"
    check shell "shell in a terminal: its size, its exit status"
    check copy_tree "cp of a tree, there and back"
    check unprivileged_refused "who comes from an unprivileged port is refused"
    check cut_exec "exec goes on when the connection is cut"
    check cut_copy "cp to the guest goes on when the connection is cut"
    check cut_copy_back "cp from the guest goes on when the connection is cut"
    check stopped "exec goes on when the agent was stopped for longer than the heartbeat waits"
    check background_stays "what was left in the background outlives the agent"
    check called "who calls starts the host daemon"
    check watchdog "who hangs is started anew, who idles is not"
    check reload_agent "the agent's configuration is read again; one that is broken denies all until it is mended"
    check reload_host "the host daemon's configuration is read again; one that is broken changes nothing"
    check locked_down "the example of an agent that is locked down: it looks, and runs nothing"
    check restart_inside "the agent is restarted from inside an exec, after it"
    check upgrade_inside "the agent's package is upgraded from inside an exec"
    check stays_stopped "an agent that was stopped stays so when its package is upgraded"
    check stays_disabled "an agent that was disabled stays so, be it running or not"
    check agent_is_revived "an agent that has failed is started when its package is upgraded"
    check needrestart_spares "needrestart in an exec does not restart the agent, which has old libraries"
    check upgrade_host "the host's package is upgraded"
    check host_stays_stopped "a host daemon that was stopped stays so when its package is upgraded"
    check crash_agent "an agent that was killed or told to end is back"
    check crash_host "a host daemon that was killed is back; what ran has ended"
    check gives_up "a host daemon that cannot start is given up after ten attempts, and comes back, with its socket, when that is mended"
    check host_is_revived "a host daemon that was given up is back, with its socket, when its package is upgraded"
    check identity "the keys are noted"
    # The end of this boot ends us; that it was by this is seen after it.
    reboot_inside >/dev/null 2>&1
    sleep 90
    echo "not ok 0 reboot from inside an exec"
else
    check same_identity "after a reboot from inside an exec: the same agent, the same key"
    check no_way_out "an agent that looks for the host does not take a process of its own machine for it"
    check no_transport "without a VM socket the agent does not start, and nothing fails; it starts when one comes"
    check transport_loaded "the sockets of VMware come with its device"
    check removed_and_back "removed: nothing runs, configuration and keys stay; installed again: all is as it was"
    check purged "purged: nothing is left"
    check installed_live "installed into the running system: up without a reboot, with a new key"
    check purged_again "purged again: the files are those from before"
    echo "1..$(cat "$state/number")"
fi
systemctl --no-block poweroff
