# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # variables are the script's
#
# What check-packages.sh and check-rpm.sh ask alike of the packages of both systems, in the tree in $tree, which has no init. They source
# it after vm-lib.sh and define in_tree COMMAND..., which runs a command in the tree.

# A small Debian, with PACKAGES.
package_tree() { # PACKAGE,...
    suite=${GL_SUITE:-bookworm}
    say "A small $suite"
    vm_bounded 900 mmdebstrap --quiet --variant=minbase --include="$1" "$suite" "$tree" || fail "no tree could be made"
    mount -t proc proc "$tree/proc"
}

# What is there of ours or could be, without what package managers keep for themselves.
package_listing() { # [PATH...] to leave out
    set -- ./proc ./tmp ./var/lib/dpkg ./var/lib/apt ./var/lib/rpm ./var/cache ./var/log "$@"
    for path; do
        set -- "$@" -path "$path" -o
        shift
    done
    (cd "$tree" && find . -xdev \( "$@" -false \) -prune -o -print | LC_ALL=C sort)
}

# Right after the installation.
package_installed() { # VERSION
    for program in guestlink guestlink-agent guestlink-hostd; do
        is "$program" "$program $1" "$(in_tree "$program" --version)"
    done
    is "user" guestlink "$(in_tree id -un guestlink)"
    is "group" guestlink "$(in_tree id -gn guestlink)"
    is "its shell" /usr/sbin/nologin "$(in_tree getent passwd guestlink | cut -d : -f 7)"
    is "/run/guestlink" "755 root:root" "$(stat -c '%a %U:%G' "$tree/run/guestlink")"
    for link in dev-vsock.device.wants/guestlink-agent.service sockets.target.wants/guestlink-hostd.socket \
        multi-user.target.wants/guestlink-hostd.service; do
        [ -L "$tree/etc/systemd/system/$link" ] || fail "$link is not enabled"
        echo "enabled: $link"
    done
    [ ! -e "$tree/var/lib/guestlink" ] || fail "keys are made at the first start, not by the package"
}

# Does not hang for ever.
gl() { in_tree timeout --foreground 180 guestlink --control /tmp/gl/control.sock "$@"; }

# Starts both daemons in the tree, as the units would, and sets $hostd and $agent to their processes. The guest is demo.
package_start() {
    say "Used, over a Unix socket: the daemon as its own user, the agent as root"
    in_tree install -d -m 755 -o guestlink -g guestlink /tmp/gl /var/lib/guestlink/hostd
    chmod 700 "$tree/var/lib/guestlink/hostd"
    chroot --userspec=guestlink:guestlink "$tree" guestlink-hostd --listen unix:/tmp/gl/guests.sock \
        --control /tmp/gl/control.sock >"$work/hostd.log" 2>&1 &
    hostd=$!
    chroot "$tree" guestlink-agent --connect unix:/tmp/gl/guests.sock --name demo >"$work/agent.log" 2>&1 &
    agent=$!
    tries=0
    until gl wait --timeout 10 demo >"$work/wait.log" 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "no guest: $(cat "$work"/*.log)"
        sleep 0.1
    done
    is "exec" root "$(gl exec demo -- id -un)"
    is "exec -u nobody" nobody "$(gl exec -u nobody demo -- id -un)"
    is "the control socket" "660 guestlink:guestlink" "$(in_tree stat -c '%a %U:%G' /tmp/gl/control.sock)"
    gl cp demo:/etc/debian_version - | cmp - "$tree/etc/debian_version" || fail "cp"
    [ -e "$tree/var/lib/guestlink/agent/agent.key" ] || fail "the agent has no key"
}

# Waits for a daemon that was told to end. One that has not after half a minute is killed, which its status tells.
package_ended() { # PID
    tries=0
    while kill -0 "$1" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -ne 300 ] || kill -KILL "$1"
        sleep 0.1
    done
    wait "$1"
}

# Both end well.
package_stop() {
    kill "$agent" "$hostd"
    package_ended "$agent" || fail "the agent's end: $(cat "$work/agent.log")"
    package_ended "$hostd" || fail "the daemon's end: $(cat "$work/hostd.log")"
    rm -r "$tree/tmp/gl"
}
