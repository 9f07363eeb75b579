#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs as a service in the virtual machine of check-boot.sh, after its first boot. Each check is a line: 'ok WHAT', or 'FAILED WHAT'
# after what it said. The last line is END.
exec </dev/null
failed=0

# check WHAT COMMAND...
check() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then
        echo "ok $what"
    else
        printf '%s\nFAILED %s\n' "$said" "$what"
        failed=1
    fi
}

is() { # WANTED COMMAND...
    local wanted=$1 got
    shift
    got=$("$@" 2>&1)
    # shellcheck disable=SC2053 # wanted is a pattern
    [[ $got == $wanted ]] || { echo "'$got', not '$wanted'" && false; }
}

until_true() { # COMMAND...: within a minute
    local end=$((SECONDS + 60))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || { echo "not within a minute: $*" && false; return; }
        sleep 0.2
    done
}

property() { systemctl show -p "$2" --value "$1"; }
gl() { timeout 60 guestlink "$@"; }
there() { until_true gl wait --timeout 5 self; }
differs() { [[ $(property "$1" MainPID) != "$2" && $(property "$1" MainPID) != 0 ]]; }
agent=guestlink-agent.service
hostd=guestlink-hostd.service

echo "---- the first boot"
check "the agent was started by /dev/vsock" until_true systemctl is-active $agent
check "the host daemon was started" until_true systemctl is-active $hostd
check "they meet over AF_VSOCK" there
check "from a privileged port" is '*vsock:local:[0-9][0-9][0-9]' gl ls
check "nothing has failed" is '' systemctl list-units --failed --no-legend --plain
check "the daemon's user" is guestlink property $hostd User
check "the control socket" is '660 root:guestlink' stat -c '%a %U:%G' /run/guestlink/control.sock
check "the agent's state" is '700 root:root' stat -c '%a %U:%G' /var/lib/guestlink/agent
check "the daemon's state" is '700 guestlink:guestlink' stat -c '%a %U:%G' /var/lib/guestlink/hostd
check "a member of the group may" is '*self*' runuser -u bob -- guestlink ls
check "another user may not" is '*no permission*' runuser -u alice -- guestlink ls
check "doctor" gl doctor self

echo "---- programs"
check "exec is root" is 0 gl exec self -- id -u
check "with all of root's capabilities" is "$(grep CapEff /proc/self/status)" gl exec self -- grep CapEff /proc/self/status
check "and no filter" is 'Seccomp:*0' gl exec self -- grep ^Seccomp: /proc/self/status
check "not spared when memory is short" is 0 gl exec self -- cat /proc/self/oom_score_adj
check "exec -u has a session of its own" is '0::/user.slice/user-1000.slice/session-*.scope' \
    gl exec -u alice self -- cat /proc/self/cgroup
check "and its folder" is /run/user/1000 gl exec -u alice self -- printenv XDG_RUNTIME_DIR
check "shell" is alice gl shell -u alice self < <(echo 'id -un')
check "cp" gl cp /usr/bin/bash self:/root/copy
check "the copy is the same" cmp /usr/bin/bash /root/copy

echo "---- restarts"
gl exec self -- sh -c 'setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >/root/background'
pid=$(property $agent MainPID)
systemctl restart $agent
check "the agent is another one" differs $agent "$pid"
check "what was in the background lives on" kill -0 "$(cat /root/background)"
check "the guest is back" there
systemctl stop $hostd
check "who calls starts the daemon" gl wait --timeout 50 self
mkdir -p /run/systemd/system/{guestlink-agent,guestlink-hostd}.service.d
for unit in $agent $hostd; do
    printf '[Service]\nWatchdogSec=3\n' >"/run/systemd/system/$unit.d/watchdog.conf"
done
systemctl daemon-reload
systemctl restart $hostd $agent
there
sleep 7 # more than twice the watchdog's time: they have to show that nothing happens
check "the watchdog lets an idle agent live" is 0 property $agent NRestarts
check "and an idle daemon" is 0 property $hostd NRestarts
for unit in $agent $hostd; do
    kill -STOP "$(property "$unit" MainPID)"
done
check "an agent that hangs is started anew" until_true is 1 property $agent NRestarts
check "a daemon that hangs is started anew" until_true is 1 property $hostd NRestarts
check "both are back" there
rm /run/systemd/system/guestlink-*.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart $hostd # for all that comes, three seconds are little on a machine that is busy; $agent is restarted below
there

echo "---- locked down"
mkdir -p /etc/systemd/system/$agent.d
cp /usr/share/doc/guestlink-agent/examples/guestlink-agent-locked-down.conf /etc/systemd/system/$agent.d/
cp -p /etc/guestlink/agent.conf /root/agent.conf
sed -i '/^policy {/,$d' /etc/guestlink/agent.conf
printf 'policy {\n default = deny\n allow look { group = inspect }\n}\n' >>/etc/guestlink/agent.conf
systemctl daemon-reload
systemctl restart $agent
check "it connects" there
check "it tells how the machine is" is '*Debian*' gl info self
check "it runs nothing" is '*no rule of*allows it*' gl exec self -- true
check "it has one capability" is 'CapEff:*0000000000000400' grep CapEff "/proc/$(property $agent MainPID)/status"
rm -r /etc/systemd/system/$agent.d
cp -p /root/agent.conf /etc/guestlink/agent.conf
systemctl daemon-reload
systemctl restart $agent
there

echo "---- upgrades"
pid=$(property $agent MainPID)
check "an upgrade of the agent from within it" is '*still here' \
    gl exec self -- sh -c 'dpkg -i /root/next-guestlink-agent_*.deb && sleep 3 && echo still here'
check "the new agent takes over after that" until_true differs $agent "$pid"
check "and connects" there
inode=$(stat -c %i /run/guestlink/control.sock)
pid=$(property $hostd MainPID)
check "an upgrade of the host" dpkg -i /root/next-guestlink-host_*.deb
check "the new daemon takes over" until_true differs $hostd "$pid"
check "at the same socket" is "$inode" stat -c %i /run/guestlink/control.sock
check "the guest is back again" there

echo "---- the end"
if ((failed)); then
    journalctl --no-pager -o short-monotonic -u $agent -u $hostd -u guestlink-hostd.socket | tail -n 100
fi
check "purge" dpkg --purge guestlink-agent guestlink-host
check "no unit runs" is '' systemctl list-units --no-legend --plain 'guestlink*'
check "no file is left" is '' find / -xdev \( -path /proc -o -path /sys -o -path /root -o -path /var/log \) -prune -o \
    -name '*guestlink*' -print
check "no folder is left" is '' sh -c 'ls -d /run/guestlink /var/lib/guestlink 2>/dev/null'
echo "END $failed"
sync
systemctl poweroff --force --force
