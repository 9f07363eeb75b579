# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2317 # variables are the script's; functions are called by their names
#
# For the scripts that run in virtual machines: what breaks between host and guest, and goes on. They source it after vm-checks.sh, and
# set $breaks to the unit whose connections are cut. /tmp/big is a large file.

cut_link() { sockets cut "$(main_pid "$breaks")"; }
detached() { is "$(field state)" detached; }

resumed() { [ "$(field resumes)" -gt "$1" ]; } # BEFORE

# Cuts the one connection, and returns when the session goes on over another.
cut_and_resume() {
    before=$(field resumes)
    is "$(cut_link)" 1
    until_well resumed "$before"
}

# A program in the guest counts to TO, a number each SECONDS; returns when it has begun.
count_in_guest() { # TO SECONDS
    # shellcheck disable=SC2016
    gl exec "$guest" -- sh -c 'i=0; while [ $i -lt "$0" ]; do i=$((i + 1)); echo $i; sleep "$1"; done; exit 5' "$1" "$2" >/tmp/counted &
    counting=$!
    begun() { grep -x 2 /tmp/counted; }
    until_well begun
}

# All of it came, once and in order, and then the status.
counted_all() { # TO
    status=0
    wait "$counting" || status=$?
    is "$status" 5
    seq "$1" | cmp - /tmp/counted
}

# The program cannot end before the cut, nor go on before the session does.
cut_exec() {
    gl exec "$guest" -- rm -f /tmp/go-on
    gl exec "$guest" -- sh -c 'seq 20; until [ -e /tmp/go-on ]; do sleep 0.2; done; seq 21 40; exit 5' >/tmp/counted &
    counting=$!
    half() { seq 20 | cmp - /tmp/counted; }
    until_well half
    cut_and_resume
    half
    gl exec "$guest" -- touch /tmp/go-on
    counted_all 40
    gl exec "$guest" -- rm /tmp/go-on
}

digest() { sha256sum "$@" | cut -d ' ' -f 1; }

# Nor can the copy, whose second half is not there yet.
cut_copy() {
    half=$(($(stat -c %s /tmp/big) / 2))
    rm -f /tmp/pipe
    mkfifo /tmp/pipe
    gl cp - "$guest:/tmp/cut" </tmp/pipe &
    copying=$!
    exec 3>/tmp/pipe
    head -c "$half" /tmp/big >&3
    # shellcheck disable=SC2016
    arriving() { gl exec "$guest" -- sh -c 'for part in /tmp/.guestlink-*.part; do [ ! -s "$part" ] || exit 0; done; exit 1'; }
    until_well arriving
    gl exec "$guest" -- test ! -e /tmp/cut
    cut_and_resume
    tail -c "+$((half + 1))" /tmp/big >&3
    exec 3>&-
    wait "$copying"
    is "$(gl exec "$guest" -- sha256sum /tmp/cut | cut -d ' ' -f 1)" "$(digest /tmp/big)"
    gl exec "$guest" -- rm /tmp/cut
}

# From the guest, while nobody takes what comes: the guest still has the file open, as it is larger than all that lies between.
cut_copy_back() {
    # shellcheck disable=SC2016
    gl exec "$guest" -- sh -c ': >/tmp/bigger; until [ "$(stat -c %s /tmp/bigger)" -ge 12000000 ]; do cat /tmp/big >>/tmp/bigger; done'
    rm -f /tmp/pipe
    mkfifo /tmp/pipe
    gl cp "$guest:/tmp/bigger" - >/tmp/pipe &
    copying=$!
    exec 3</tmp/pipe
    head -c 100000 <&3 >/tmp/received
    sending() { gl exec "$guest" -- sh -c 'ls -l /proc/[0-9]*/fd 2>/dev/null | grep " /tmp/bigger$"'; }
    sending
    cut_and_resume
    sending
    cat <&3 >>/tmp/received
    exec 3<&-
    wait "$copying"
    is "$(gl exec "$guest" -- sha256sum /tmp/bigger | cut -d ' ' -f 1)" "$(digest /tmp/received)"
    gl exec "$guest" -- rm /tmp/bigger
    rm /tmp/received
}

# For longer than the heartbeat waits, with streams both ways.
silent() { # STOP CONTINUE: two functions
    before=$(field resumes)
    for i in $(seq 10); do
        echo "$i"
        sleep 1
    done | gl exec -i "$guest" -- cat >/tmp/echoed &
    echoing=$!
    count_in_guest 10 1
    "$1"
    # That is when the heartbeat gives it up.
    until_well detached
    "$2"
    counted_all 10
    wait "$echoing"
    seq 10 | cmp - /tmp/echoed
    [ "$(field resumes)" -gt "$before" ]
}
