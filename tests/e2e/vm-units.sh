# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2317 # variables are the script's; functions are called by their names
#
# The checks of vm-loopback.sh that are about what systemd does with the units: restarts, reloads, limits. vm-loopback-inside.sh
# sources it, and calls the functions.

restarts() { is "$(systemctl show --property NRestarts --value "$1")" "$2"; } # UNIT NUMBER

# What systemd took of the units; what only hardens them is in their exposure (tests/integration/test_units.py).
settings_are() { # UNIT, and on stdin the settings, sorted
    cat >/tmp/wanted
    # shellcheck disable=SC2046 # a list of words
    systemctl show $(sed 's/=.*//; s/^/--property=/' /tmp/wanted) "$1" | LC_ALL=C sort | diff /tmp/wanted -
}
conditions() { # UNIT
    path=$(busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager LoadUnit s "$1" | cut -d '"' -f 2)
    busctl get-property org.freedesktop.systemd1 "$path" org.freedesktop.systemd1.Unit Conditions | sed 's/" -\{0,1\}[0-9]/"/g'
}

settings() {
    settings_are guestlink-agent.service <<EOF
KillMode=process
NotifyAccess=main
OOMPolicy=continue
OOMScoreAdjust=-900
Restart=always
RestartPreventExitStatus=2
RestartUSec=5s
StartLimitIntervalUSec=0
StateDirectory=guestlink/agent
StateDirectoryMode=0700
TasksMax=infinity
TimeoutStopUSec=20s
Type=notify
UnitFileState=enabled
User=
WatchdogUSec=3min
EOF
    # As systemd has them, the last one first.
    is "$(conditions guestlink-agent.service)" \
        'a(sbbsi) 2 "ConditionPathExists" false false "/dev/vsock" "ConditionVirtualization" false false "vm"'
    settings_are guestlink-hostd.service <<EOF
AmbientCapabilities=cap_net_bind_service
Group=guestlink
KillMode=control-group
LimitNOFILE=524288
LimitNOFILESoft=524288
NotifyAccess=main
Restart=on-failure
RestartPreventExitStatus=2
RestartUSec=10s
StartLimitBurst=10
StartLimitIntervalUSec=5min
StateDirectory=guestlink/hostd
StateDirectoryMode=0700
TimeoutStopUSec=20s
Type=notify
UnitFileState=enabled
User=guestlink
WatchdogUSec=1min
EOF
    is "$(conditions guestlink-hostd.service)" 'a(sbbsi) 0'
}

# Where what runs systemd is no virtual machine: it takes this for a container if a manager of containers says so.
not_in_container() {
    mkdir -p /run/host
    trap 'rmdir /run/host' EXIT
    # shellcheck disable=SC2016
    unshare --mount sh -c 'systemd-detect-virt; systemd-analyze condition --unit=guestlink-agent.service
        mount -t tmpfs none /run/host && echo lxc >/run/host/container-manager
        systemd-detect-virt; systemd-analyze condition --unit=guestlink-agent.service' >/tmp/contained 2>&1 || true
    cat /tmp/contained
    is "$(grep -v ':' /tmp/contained | xargs)" "qemu Conditions succeeded. lxc Conditions failed."
    is "$(grep failed /tmp/contained | head -n 1)" "guestlink-agent.service: ConditionVirtualization=vm failed."
}

units() {
    systemctl is-active guestlink-agent.service guestlink-hostd.socket guestlink-hostd.service
    restarts guestlink-agent 0
    restarts guestlink-hostd 0
    is "$(ps -o user= -p "$(main_pid guestlink-hostd)")" guestlink
    is "$(stat -c '%a %U:%G' /run/guestlink/control.sock)" "660 root:guestlink"
    is "$(stat -c '%a %U:%G' /var/lib/guestlink/agent)" "700 root:root"
    is "$(stat -c '%a %U:%G' /var/lib/guestlink/hostd)" "700 guestlink:guestlink"
}

# What an exec is refused for; in one condition, as until_well has it.
refused() { # WORDS
    status=0
    gl exec "$guest" -- true >/tmp/refused 2>&1 || status=$?
    is "$status" 125 && grep "$1" /tmp/refused
}

# What a check changes in the units' configuration, and its drop-ins, end with the check, be it well or not.
changes() { # [FILE]
    [ $# -eq 0 ] || cp -p "$1" /tmp/unchanged
    # shellcheck disable=SC2064 # expanded now
    trap "unchanged \$? $*" EXIT
}
unchanged() { # STATUS [FILE]
    [ $# -eq 1 ] || cp -p /tmp/unchanged "$2"
    if [ "$1" -ne 0 ]; then
        rm -rf /etc/systemd/system/guestlink-*.service.d /run/systemd/system/guestlink-*.service.d
        systemctl daemon-reload
        systemctl reset-failed
        systemctl restart guestlink-hostd guestlink-agent
    fi
    exit "$1"
}

said_since() { journalctl -b -u "$1" --since "$2" --no-pager | grep "$3"; } # UNIT SINCE WORDS

background_stays() {
    # shellcheck disable=SC2016
    gl exec "$guest" -- sh -c 'setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $!' >/tmp/background
    before=$(main_pid guestlink-agent)
    systemctl restart guestlink-agent
    other_process guestlink-agent "$before"
    kill -0 "$(cat /tmp/background)"
    until_well connected
    kill "$(cat /tmp/background)"
}

called() {
    systemctl stop guestlink-hostd.service
    gl wait --timeout 50 "$guest"
    systemctl is-active guestlink-hostd.service
}

# Six seconds: what is well but slow, as this machine is, must not seem to hang.
watchdog() {
    changes
    for unit in guestlink-agent guestlink-hostd; do
        mkdir "/run/systemd/system/$unit.service.d"
        printf '[Service]\nWatchdogSec=6\n' >"/run/systemd/system/$unit.service.d/watchdog.conf"
    done
    systemctl daemon-reload
    systemctl restart guestlink-hostd guestlink-agent
    until_well connected
    # That nothing happens takes its time to be seen.
    sleep 13
    restarts guestlink-agent 0
    restarts guestlink-hostd 0
    kill -STOP "$(main_pid guestlink-agent)" "$(main_pid guestlink-hostd)"
    until_well restarts guestlink-agent 1
    until_well restarts guestlink-hostd 1
    until_well connected
    rm -r /run/systemd/system/guestlink-*.service.d
    systemctl daemon-reload
    systemctl restart guestlink-hostd guestlink-agent
    until_well connected
}

locked_down() {
    changes /etc/guestlink/agent.conf
    drop_ins=/etc/systemd/system/guestlink-agent.service.d
    mkdir "$drop_ins"
    cp /usr/share/doc/guestlink-agent/examples/guestlink-agent-locked-down.conf "$drop_ins"
    printf 'policy {\n    default = deny\n    allow look { group = inspect }\n}\n' >>/etc/guestlink/agent.conf
    systemctl daemon-reload
    systemctl restart guestlink-agent
    until_well connected
    gl info "$guest" | grep Debian
    refused 'no rule of.*allows it'
    # CAP_NET_BIND_SERVICE alone.
    grep '^CapEff:.*0000000000000400$' "/proc/$(main_pid guestlink-agent)/status"
    rm -r "$drop_ins"
    cp -p /tmp/unchanged /etc/guestlink/agent.conf
    systemctl daemon-reload
    systemctl restart guestlink-agent
    until_well connected
}

# What it has read is a rule, then nothing that it could obey: it denies all, which the configuration's manual says.
reload_agent() {
    before=$(main_pid guestlink-agent)
    changes /etc/guestlink/agent.conf
    printf 'policy {\n    deny nothing-true { program = "*/true" }\n}\n' >>/etc/guestlink/agent.conf
    systemctl reload guestlink-agent
    until_well refused nothing-true
    is "$(gl exec "$guest" -- echo still)" still
    since=$(date '+%F %T')
    printf 'no-such-setting = 1\n' >>/etc/guestlink/agent.conf
    systemctl reload guestlink-agent
    until_well refused 'denies everything until its policy is mended'
    until_well said_since guestlink-agent "$since" "agent.conf:6: .*no-such-setting"
    cp -p /tmp/unchanged /etc/guestlink/agent.conf
    systemctl reload guestlink-agent
    until_well gl exec "$guest" -- true
    is "$(main_pid guestlink-agent)" "$before"
    connected
}

# bob is in the group; a file with a mistake changes nothing for him.
reload_host() {
    before=$(main_pid guestlink-hostd)
    bob_may() { runuser -u bob -- timeout 60 guestlink exec "$guest" -- true; }
    bob_may_not() { ! bob_may >/tmp/denied 2>&1 && grep -E 'no guest named|rules' /tmp/denied; }
    bob_may
    changes /etc/guestlink/hostd.conf
    echo 'allow { user = alice }' >>/etc/guestlink/hostd.conf
    systemctl reload guestlink-hostd
    until_well bob_may_not
    since=$(date '+%F %T')
    printf 'alow { user = bob }\n' >>/etc/guestlink/hostd.conf
    systemctl reload guestlink-hostd
    until_well said_since guestlink-hostd "$since" 'is NOT read again.*hostd.conf:4: .*alow'
    bob_may_not
    cp -p /tmp/unchanged /etc/guestlink/hostd.conf
    systemctl reload guestlink-hostd
    until_well bob_may
    is "$(main_pid guestlink-hostd)" "$before"
    connected
}

# By whatever it ends, even if it ends well: nobody may have another way in.
crash_agent() {
    for signal in KILL TERM; do
        before=$(main_pid guestlink-agent)
        kill "-$signal" "$before"
        until_well other_process guestlink-agent "$before"
        until_well connected
        gl exec "$guest" -- true
    done
}

# What runs is ended, as the new daemon knows nothing of it, and is told apart from what never began.
crash_host() {
    before=$(main_pid guestlink-hostd)
    # Nobody else sleeps as long.
    gl exec "$guest" -- sleep 600.0625 >/tmp/crashed 2>&1 &
    running=$!
    runs() { pgrep -f -x 'sleep 600\.0625'; }
    until_well runs
    kill -KILL "$before"
    status=0
    wait "$running" || status=$?
    is "$status" 125
    grep 'may have run' /tmp/crashed
    until_well other_process guestlink-hostd "$before"
    until_well connected
    gl exec "$guest" -- true
    ended() { ! runs; }
    until_well ended
}

# Then it is for a person to look, who starts it again when he has; as doc/ADMIN.md says it. Waits of a second, or this would take two
# minutes.
gives_up() {
    changes /etc/guestlink/hostd.conf
    mkdir /run/systemd/system/guestlink-hostd.service.d
    printf '[Service]\nRestartSec=1\n' >/run/systemd/system/guestlink-hostd.service.d/sooner.conf
    echo 'no-such-setting = 1' >>/etc/guestlink/hostd.conf
    systemctl daemon-reload
    # What was started before counts, too.
    systemctl reset-failed guestlink-hostd.service guestlink-hostd.socket
    ! systemctl restart guestlink-hostd || return 1
    # Its own result is that of the last start.
    given_up() { is "$(systemctl is-active guestlink-hostd.service)" failed; }
    patience=120 until_well given_up
    restarts guestlink-hostd 10
    # Who calls hears it at once.
    is "$(systemctl show --property Result --value guestlink-hostd.socket)" service-start-limit-hit
    [ ! -e /run/guestlink/control.sock ]
    status=0
    gl ls || status=$?
    is "$status" 1
    cp -p /tmp/unchanged /etc/guestlink/hostd.conf
    systemctl reset-failed guestlink-hostd.service guestlink-hostd.socket
    systemctl start guestlink-hostd
    is "$(systemctl is-active guestlink-hostd.service guestlink-hostd.socket | xargs)" "active active"
    is "$(stat -c '%a %U:%G' /run/guestlink/control.sock)" "660 root:guestlink"
    until_well connected
    gl exec "$guest" -- true
    rm -r /run/systemd/system/guestlink-hostd.service.d
    systemctl daemon-reload
    restarts guestlink-hostd 0
}
