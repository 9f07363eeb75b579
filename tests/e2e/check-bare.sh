#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Does what README.md tells somebody new to do, on a system that has nothing: quickstart.sh and run-tests.sh from a clean clone, by
# root, in a bare Debian tree, each twice. What they lack they install there. Needs root, mmdebstrap, git (or a release's tree), Debian's
# archive, 3 GB of disk, and fifteen minutes, twice that on a machine that is busy. GL_BARE_SECONDS limits each of the four runs.
#
#   make check-bare      or: tests/e2e/check-bare.sh
#
# Nothing of it is left but the bare tree, which is kept (vm-lib.sh). The tree is the root of a mount namespace's own mount, as in a
# container. What was skipped is listed with its reason at the end.
# shellcheck disable=SC2016 # $1 is for the inner shell
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
name=check-bare
# shellcheck source=tests/e2e/vm-lib.sh
. "$top/tests/e2e/vm-lib.sh"
vm_need mmdebstrap unshare findmnt
vm_unshare "$@"

vm_work
vm_cached bare
cp -a "$base/tree" "$work/tree"

say "A clean clone"
clone=$work/tree/root/guestlink
if [ -e "$top/.git" ]; then
    git clone --quiet --no-hardlinks "$top" "$clone" || fail "no clone could be made"
    git -C "$clone" log -1 --format='%h %s'
    [ -z "$(git -C "$top" status --porcelain)" ] || echo "(what is not committed is not in it)"
else
    mkdir "$clone"
    tar -C "$top" -cf - --exclude='./build*' . | tar -C "$clone" -xf -
fi

# Under another name than the tree, so that removing the tree cannot meet them.
mkdir "$work/root"
mount --bind "$work/tree" "$work/root"
mount -t proc proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
mount --rbind /sys "$work/root/sys"

# In the tree, with nothing of this machine's environment.
run() { # SCRIPT
    say "$1"
    started=$(date +%s)
    log=$work/${1#./}.log
    # Not in the foreground, where a signal would have to wait for it.
    timeout --kill-after=10 "${GL_BARE_SECONDS:-1800}" chroot "$work/root" /usr/bin/env -i HOME=/root TERM=dumb \
        ${JOBS:+"JOBS=$JOBS"} PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        sh -c 'cd /root/guestlink && exec "$1"' sh "$1" >"$log" 2>&1 </dev/null &
    status=0
    wait "$!" || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n "${GL_BARE_LINES:-200}" "$log" >&2
        fail "$1 ended with $status after $(($(date +%s) - started)) s; its last lines are above"
    fi
    echo "$(($(date +%s) - started)) s"
}

for time in first second; do
    say "The $time time"
    run ./quickstart.sh
    for words in '^exit status: 7$' '5 sent, 5 answered'; do
        grep -q "$words" "$log" || fail "quickstart.sh did not show: $words"
    done
    run ./run-tests.sh
    tail -n 1 "$log" | grep -E '^[1-9][0-9]* passed, 0 failed' || fail "run-tests.sh ends with: $(tail -n 1 "$log")"
done

# What a bare tree has not, what takes too long, and what one of the two systems has not. Anything else should have been tested there.
known='no account here is in a second group|takes more than a minute|it takes 30 s: make check-full'
known="$known|builds everything: only with GL_FULL=1|Linux has no [a-z ]+|no proxy between these two: named pipes"
say "Skipped"
sed -n '/^Skipped:$/,$s/^  //p' "$log" >"$work/skipped"
cat "$work/skipped"
! grep -v -E ": ($known)\$" "$work/skipped" || fail "these were not to be skipped"
say "$name: all is well"
