# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2317 # variables are the script's; functions are called by their names
#
# The checks of vm-loopback.sh that are about the packages: upgrades, from inside and outside of an exec, and purges. /debs has the
# packages, /debs/2 and further ones their next versions. vm-loopback-inside.sh sources it, and calls the functions.

# Installs the agent's package of the next version.
next_agent() {
    version=$(cat "$state/version" 2>/dev/null || echo 1)
    version=$((version + 1))
    echo "$version" >"$state/version"
    next_deb=$(echo /debs/$version/guestlink-agent_*.deb)
    [ -e "$next_deb" ]
}
installed_is_next() { is "$(dpkg-query -W -f '${Version}' guestlink-agent)" "$(dpkg-deb -f "$next_deb" Version)"; }

# Runs a command in an exec that has the agent restarted; its own output has to come whole.
restarted_by() {
    before=$(main_pid guestlink-agent)
    gl exec "$guest" -- sh -c "$1; echo done with \$?" >/tmp/restart
    cat /tmp/restart
    is "$(tail -n 1 /tmp/restart)" "done with 0"
    until_well other_process guestlink-agent "$before"
    until_well connected
    gl exec "$guest" -- true
}

restart_inside() {
    restarted_by /usr/libexec/guestlink/restart-agent
    grep 'restarted when that has ended' /tmp/restart
}

upgrade_inside() {
    next_agent
    restarted_by "dpkg -i $next_deb"
    installed_is_next
}

upgrade_host() {
    before=$(main_pid guestlink-hostd)
    inode=$(stat -c %i /run/guestlink/control.sock)
    dpkg -i /debs/2/guestlink-host_*.deb
    is "$(systemctl is-active guestlink-hostd.service)" active
    [ "$(main_pid guestlink-hostd)" != "$before" ]
    # Who calls in between waits, and is not refused.
    is "$(stat -c %i /run/guestlink/control.sock)" "$inode"
    until_well connected
    gl exec "$guest" -- true
}

host_stays_stopped() {
    systemctl stop guestlink-hostd.socket guestlink-hostd.service
    dpkg -i /debs/3/guestlink-host_*.deb
    is "$(systemctl is-active guestlink-hostd.socket guestlink-hostd.service | xargs)" "inactive inactive"
    systemctl start guestlink-hostd.service
    systemctl is-active guestlink-hostd.socket
    until_well connected
}

# Given up as in gives_up; here nobody starts it again but the upgrade.
host_is_revived() {
    changes /etc/guestlink/hostd.conf
    mkdir /run/systemd/system/guestlink-hostd.service.d
    printf '[Service]\nRestartSec=1\n' >/run/systemd/system/guestlink-hostd.service.d/sooner.conf
    echo 'no-such-setting = 1' >>/etc/guestlink/hostd.conf
    systemctl daemon-reload
    systemctl reset-failed guestlink-hostd.service guestlink-hostd.socket
    ! systemctl restart guestlink-hostd || return 1
    given_up() { is "$(systemctl is-failed guestlink-hostd.service guestlink-hostd.socket | xargs)" "failed failed"; }
    patience=120 until_well given_up
    cp -p /tmp/unchanged /etc/guestlink/hostd.conf
    dpkg -i /debs/4/guestlink-host_*.deb
    is "$(systemctl is-active guestlink-hostd.socket guestlink-hostd.service | xargs)" "active active"
    is "$(stat -c '%a %U:%G' /run/guestlink/control.sock)" "660 root:guestlink"
    until_well connected
    gl exec "$guest" -- true
    rm -r /run/systemd/system/guestlink-hostd.service.d
    systemctl daemon-reload
}

# From outside, with all that comes of it: what waits for an exec's end, and what udev has started again.
upgraded_outside() {
    next_agent
    dpkg -i "$next_deb"
    installed_is_next
    udevadm settle
    is "$(systemctl list-units --all --plain --no-legend 'guestlink-agent-restart-*')" ""
    is "$(systemctl list-jobs --no-legend)" ""
}

agent_is() { # ENABLED ACTIVE
    is "$(systemctl is-enabled guestlink-agent.service || true)" "$1"
    is "$(systemctl is-active guestlink-agent.service || true)" "$2"
}

stays_stopped() {
    systemctl stop guestlink-agent
    upgraded_outside
    agent_is enabled inactive
    systemctl start guestlink-agent
    until_well connected
}

# By a wrong option, after which systemd does not start it again.
agent_is_revived() {
    changes
    mkdir /run/systemd/system/guestlink-agent.service.d
    printf '[Service]\nExecStart=\nExecStart=/usr/sbin/guestlink-agent --no-such-option\n' \
        >/run/systemd/system/guestlink-agent.service.d/wrong.conf
    systemctl daemon-reload
    ! systemctl restart guestlink-agent || return 1
    agent_is enabled failed
    rm -r /run/systemd/system/guestlink-agent.service.d
    systemctl daemon-reload
    agent_is enabled failed
    upgraded_outside
    agent_is enabled active
    until_well connected
}

# One that runs is the new one then, and is not started by the next boot either.
stays_disabled() {
    systemctl disable guestlink-agent
    before=$(main_pid guestlink-agent)
    upgraded_outside
    agent_is disabled active
    other_process guestlink-agent "$before"
    systemctl stop guestlink-agent
    upgraded_outside
    agent_is disabled inactive
    systemctl enable --now guestlink-agent
    until_well connected
}

# After an upgrade of a library. What else has the old one shows that needrestart does what it is for; the host daemon has the new one, as
# it would be restarted as well, and the exec with it. (needrestart lists by -b what it has found, and with -r a restarts.)
needrestart_spares() {
    printf 'import ctypes, time\nctypes.CDLL("libuv.so.1")\nprint("there", flush=True)\ntime.sleep(1000)\n' >/usr/local/bin/outdated.py
    systemd-run --unit=outdated python3 /usr/local/bin/outdated.py
    loaded() { journalctl -b -u outdated --no-pager | grep there; }
    until_well loaded
    library=$(realpath "$(ldconfig -p | sed -n 's/.*libuv\.so\.1 .*=> //p')")
    cp -p "$library" "$library.new"
    mv "$library.new" "$library"
    systemctl restart guestlink-hostd
    until_well connected
    agent=$(main_pid guestlink-agent)
    outdated=$(main_pid outdated)
    grep 'libuv.*(deleted)' "/proc/$agent/maps"
    gl exec "$guest" -- needrestart -b -l -r l >/tmp/found
    cat /tmp/found
    is "$(grep NEEDRESTART-SVC /tmp/found | sort | xargs)" "NEEDRESTART-SVC: guestlink-agent.service NEEDRESTART-SVC: outdated.service"
    is "$(gl exec "$guest" -- sh -c 'DEBIAN_FRONTEND=noninteractive needrestart -l -r a >/tmp/restarted 2>&1; echo done with $?')" "done with 0"
    cat /tmp/restarted
    until_well other_process outdated "$outdated"
    is "$(main_pid guestlink-agent)" "$agent"
    connected
    systemctl stop outdated
    rm /usr/local/bin/outdated.py
    systemctl restart guestlink-agent
    until_well connected
}

# Removed, but not purged: nothing runs, and what was set and known is there for the next time.
removed_and_back() {
    # What hostd knows of guests it writes as it ends.
    find /etc/guestlink /var/lib/guestlink -type f ! -name lock ! -name guests.json -exec sha256sum {} + | LC_ALL=C sort >/tmp/before
    cat /tmp/before
    for file in /etc/guestlink/agent.conf /etc/guestlink/hostd.conf /var/lib/guestlink/agent/agent.key; do
        grep " $file\$" /tmp/before
    done
    dpkg --remove guestlink-agent guestlink-host
    is "$(pgrep -l guestlink || true)" ""
    for unit in guestlink-agent.service guestlink-hostd.service guestlink-hostd.socket; do
        is "$(systemctl is-active "$unit" || true)" inactive
    done
    [ ! -e /run/guestlink ]
    [ ! -e /usr/sbin/guestlink-agent ]
    cut -d ' ' -f 3- /tmp/before | xargs -d '\n' sha256sum | LC_ALL=C sort | diff /tmp/before -
    dpkg -i /debs/guestlink-agent_*.deb /debs/guestlink-host_*.deb
    systemctl is-active guestlink-agent.service guestlink-hostd.socket guestlink-hostd.service
    agent_is enabled active
    until_well connected
    is "$(field fingerprint)" "$(cat "$state/fingerprint")"
    gl exec "$guest" -- true
}

# Without what the system itself writes as it runs, and without drivers.
listing() {
    find / -xdev \( -path /usr/lib/modules -o -path /usr/share/zoneinfo -o -path /tmp -o -path /e2e -o -path /var/log -o -path /var/cache -o -path /var/lib/apt -o \
        -path '/var/lib/dpkg/*-old' -o -path /var/lib/systemd -o -path /var/tmp \) -prune -o -print | LC_ALL=C sort
}

purge() {
    dpkg --purge guestlink-agent guestlink-host
    listing >"$1"
}

purged() {
    purge "$state/purged"
    # The user stays; nothing else has the name but the tests' own files.
    find / -xdev -iname '*guestlink*' ! -path '/proc/*' ! -path '/debs/*' ! -path '/e2e/*' >/tmp/left
    find /run /sys/fs/cgroup /dev -iname '*guestlink*' ! -path '/run/credentials/*' >>/tmp/left
    cat /tmp/left
    [ ! -s /tmp/left ]
    is "$(systemctl list-units --all --plain --no-legend '*guestlink*')" ""
    is "$(pgrep -l guestlink || true)" ""
    getent passwd guestlink
}

installed_live() {
    mkdir /etc/guestlink
    printf 'connect = {"vsock:local:1007"}\nallow-loopback = true\n' >/etc/guestlink/agent.conf
    printf 'listen = "vsock:any:1007"\nallow-loopback = true\n' >/etc/guestlink/hostd.conf
    # dpkg would ask what to do with files that are there already.
    dpkg --force-confold -i /debs/guestlink-agent_*.deb /debs/guestlink-host_*.deb
    gl wait --timeout 50 "$guest"
    is "$(gl exec "$guest" -- id -un)" root
    [ "$(field fingerprint)" != "$(cat "$state/fingerprint")" ]
}

purged_again() {
    purge "$state/purged-again"
    diff "$state/purged" "$state/purged-again"
}
