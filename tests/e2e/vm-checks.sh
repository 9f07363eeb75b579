# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # variables are the script's
#
# For the scripts that run in virtual machines, which source it after setting $state, a folder that stays over boots, and $guest.
# A check prints a line, `ok N what` or `not ok N what`; what one that failed has said follows behind '# '. At the end their number has to
# follow: `1..N`. Each check is a function that is run with set -e. What it measures it can note for its line.
mkdir -p "$state"
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root

# Neither hangs for ever.
gl() { timeout 180 guestlink "$@"; }
sockets() { timeout 30 ./vm-sockets.py "$@"; }

# Whether two texts are the same; both are in the trace (set -x).
is() { [ "$1" = "$2" ]; }

# Until a command is well; $patience seconds at most, which are 60 if that is not set. Only its last try is shown.
until_well() {
    { set +x; } 2>/dev/null
    deadline=$(($(date +%s) + ${patience:-60}))
    until "$@" >/tmp/until 2>&1; do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            cat /tmp/until
            echo "not within ${patience:-60} s: $*"
            return 1
        fi
        sleep 0.2
    done
    set -x
}

note() { echo "; $*" >"$state/note"; }

check() { # FUNCTION WHAT
    number=$(($(cat "$state/number" 2>/dev/null || echo 0) + 1))
    echo "$number" >"$state/number"
    : >"$state/note"
    start=$(date +%s%3N)
    (
        set -eux
        "$1"
    ) >"$state/said" 2>&1
    status=$?
    took=$(($(date +%s%3N) - start))
    if [ "$status" -eq 0 ]; then
        echo "ok $number $2 ($took ms$(cat "$state/note"))"
    else
        echo "not ok $number $2 ($took ms, status $status)"
        tail -n 60 "$state/said" | cut -c 1-500 | sed 's/^/# /'
        # The machine's console has the journal.
        echo "check $number failed: $2" >/dev/kmsg
    fi
}

other_process() { # UNIT PID: it runs, and is not that
    now=$(main_pid "$1")
    [ "$now" -gt 1 ] && [ "$now" != "$2" ]
}
main_pid() { systemctl show --property MainPID --value "$1"; }

# Python would take a second each time.
field() { # KEY: of the only guest in ls
    gl --json ls | sed -n "s/.*[{,] *\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p"
}
connected() { is "$(field state)" connected; }
