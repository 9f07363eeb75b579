# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2317 # variables are the script's; functions are called by their names
#
# For the scripts that run in virtual machines: what breaks between host and guest, and goes on. They source it after vm-checks.sh, and
# set $breaks to the unit whose connections are cut. /tmp/big is a large file.

cut_link() { sockets cut "$(main_pid "$breaks")"; }
detached() { is "$(field state)" detached; }

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

cut_exec() {
    before=$(field resumes)
    count_in_guest 20 0.2
    connections=$(cut_link)
    is "$connections" 1
    counted_all 20
    [ "$(field resumes)" -gt "$before" ]
}

cut_copy() {
    before=$(field resumes)
    gl cp /tmp/big "$guest:/tmp/cut" &
    copying=$!
    cuts=0
    while kill -0 "$copying" && [ "$cuts" -lt 3 ]; do
        [ "$(cut_link)" = 0 ] || cuts=$((cuts + 1))
    done
    wait "$copying"
    is "$(gl exec "$guest" -- sha256sum /tmp/cut | cut -d ' ' -f 1)" "$(sha256sum /tmp/big | cut -d ' ' -f 1)"
    gl exec "$guest" -- rm /tmp/cut
    [ "$cuts" -gt 0 ]
    [ "$(field resumes)" -gt "$before" ]
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
