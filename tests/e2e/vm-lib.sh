# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # variables are the script's
#
# What the tests in trees and virtual machines share; they source it after setting `name`, with `top` the source tree. Functions
# end the script by fail. All that they make is in $work, but for the trees of vm-tree.sh and bare-tree.sh, which are kept.

say() { printf '\n== %s\n' "$*"; }
fail() {
    echo "$name: FAILED: $*" >&2
    exit 1
}

# What this machine lacks is no verdict. The status is the one that Automake takes for a skipped test.
cannot() {
    echo "$name: CANNOT: $*" >&2
    exit 77
}

# Ends the script, or tells what there is.
is() { # WHAT WANTED GOT
    [ "$2" = "$3" ] || fail "$1: '$3', not '$2'"
    echo "$1: $3"
}

# Runs a command for SECONDS at most, and ends with its status: 124 if that was too long. In the background, so that who interrupts the
# script need not wait for it.
vm_bounded() { # SECONDS COMMAND...
    timeout --kill-after=10 "$@" &
    wait "$!"
}

vm_need() { # TOOL...
    for tool in unshare findmnt "$@"; do
        command -v "$tool" >/dev/null || cannot "$tool is not installed"
    done
    [ "$(id -u)" -eq 0 ] || cannot "only root can do this"
    unshare --mount --pid --fork --mount-proc true || cannot "no mounts of its own can be had here"
}

# Has the script run anew where mounts and processes end with it.
vm_unshare() { # ARGUMENT... of the script
    [ "$$" -ne 1 ] || [ -z "${GL_UNSHARED-}" ] || return 0
    # unshare must not die of a hangup, as the script, which cleans up, would be killed with it. But nohup has its way.
    heard=--default-signal=HUP
    ! grep -q '^SigIgn:.*[13579bdf]$' "/proc/$$/status" || heard=
    trap '' HUP
    GL_UNSHARED=1 exec unshare --mount --pid --fork --kill-child --mount-proc env ${heard:+"$heard"} "$0" "$@"
}

# Sets $work to a folder that is removed at the end.
vm_work() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/guestlink-vm.XXXXXX")
    trap vm_finish EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}
vm_finish() {
    status=$?
    trap - EXIT INT TERM
    trap '' HUP # a terminal that is closed may say so twice
    # What still runs in this namespace of processes, if it is one of ours: it would hold mounts and go on writing.
    if [ "$$" -eq 1 ] && [ -n "${GL_UNSHARED-}" ]; then
        kill -KILL -1 2>/dev/null || true
    fi
    vm_mounts | tac | while read -r target; do
        umount "$target" 2>/dev/null || umount --lazy "$target" || true
    done
    # What is mounted may be a part of this machine, which --one-file-system alone would not spare.
    if [ -n "$(vm_mounts)" ]; then
        echo "$name: $work is left, as something is mounted in it:" >&2
        vm_mounts >&2
    else
        rm -rf --one-file-system "$work"
    fi
    exit "$status"
}

# What is mounted in $work, the innermost last.
vm_mounts() {
    findmnt --raw --noheadings --output TARGET | awk -v work="$(realpath "$work")/" 'index($0, work) == 1'
}

# Sets $base to the folder with what vm-tree.sh makes, which is made if it is not there.
vm_base() { vm_cached vm; }

# The same for any KIND-tree.sh DIR.
vm_cached() { # KIND
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/guestlink-e2e
    recipe=$(cat "$top/tests/e2e/$1-tree.sh" - <<EOF | sha256sum | cut -c 1-16
${GL_SUITE:-}
EOF
)
    base=$cache/$1-$recipe
    mkdir -p "$cache"
    if [ ! -d "$base" ]; then
        say "A Debian tree, kept in $base"
        made=$(mktemp -d "$cache/new.XXXXXX")
        if ! vm_bounded 900 "$top/tests/e2e/$1-tree.sh" "$made" >"$work/tree.log" 2>&1; then
            tail -n 30 "$work/tree.log" >&2
            rm -rf --one-file-system "$made"
            cannot "no tree could be made"
        fi
        chmod 755 "$made"
        # Another run may have been faster.
        mv -T "$made" "$base" 2>/dev/null || rm -rf --one-file-system "$made"
        # What was not used for long is another recipe's, or half made by a run that was killed.
        find "$cache" -mindepth 1 -maxdepth 1 -mtime +60 -exec rm -rf --one-file-system {} +
    fi
    touch "$base"
}

# Sets $debs to a folder with the packages: a copy of DIR, or built.
vm_debs() { # [DIR]
    debs=$work/debs
    if [ -n "${1-}" ]; then
        mkdir "$debs"
        cp "$1"/guestlink-agent_*.deb "$1"/guestlink-host_*.deb "$debs" || fail "$1 has no packages"
        return
    fi
    say "Building the packages from a clean copy"
    # Their tests are those of `make check`.
    vm_bounded 1200 env DEB_BUILD_OPTIONS="nocheck ${DEB_BUILD_OPTIONS-}" DEB_BUILD_PROFILES=nocheck "$top/packaging/deb/build.sh" "$debs" \
        >"$work/build.log" 2>&1 || {
        status=$?
        tail -n 50 "$work/build.log" >&2
        fail "the build ended with $status"
    }
    rm -f "$debs"/*-dbgsym_*
}

# Packs a .deb anew as its next version. OUT may be DEB.
vm_next_version() { # DEB OUT
    dpkg-deb -R "$1" "$work/repack"
    sed -i 's/^\(Version: .*\)/\1+next/' "$work/repack/DEBIAN/control"
    dpkg-deb --root-owner-group -b "$work/repack" "$2" >/dev/null
    rm -r "$work/repack"
}

# Sets $tree to a copy of Debian with packages installed.
vm_tree() { # DEB...
    say "An image with the packages"
    tree=$work/tree
    cp -a "$base/tree" "$tree"
    mkdir "$tree/debs"
    cp "$@" "$tree/debs"
    mount -t proc proc "$tree/proc"
    vm_bounded 300 env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$tree" sh -c 'dpkg -i /debs/*.deb' >"$work/dpkg.log" 2>&1 ||
        fail "the packages cannot be installed: $(cat "$work/dpkg.log")"
    umount "$tree/proc"
}

# Has a script run in the machine when it has booted; it finds vm-checks.sh and the other files in /e2e.
vm_script() { # SCRIPT [FILE...]
    mkdir -p "$tree/e2e"
    cp "$@" "$top/tests/e2e/vm-broken.sh" "$top/tests/e2e/vm-checks.sh" "$top/tests/e2e/vm-sockets.py" "$tree/e2e"
    cat >"$tree/etc/systemd/system/e2e.service" <<EOF
[Unit]
Description=The checks
[Service]
ExecStart=/e2e/${1##*/}
StandardOutput=file:/dev/ttyS1
StandardError=journal
EOF
    ln -s ../e2e.service "$tree/etc/systemd/system/multi-user.target.wants/e2e.service"
}

# Sets $work/image, and takes $tree.
vm_image() {
    truncate -s 2G "$work/image"
    mke2fs -q -t ext4 -E root_owner=0:0,lazy_itable_init=1 -m 0 -d "$tree" "$work/image" || fail "no image could be made"
    rm -rf --one-file-system "$tree"
}

# Ends the script: well, if all checks were made and are well.
vm_verdict() {
    [ -s "$work/console" ] || cannot "QEMU runs no machine here: $(cat "$work/qemu.log")"
    # The last line says how many there were, so that none is missing.
    planned=$(tr -d '\r' <"$work/verdicts" | sed -n 's/^1\.\.\([0-9]*\)$/\1/p')
    good=$(grep -c '^ok ' "$work/verdicts" || true)
    if [ -z "$planned" ] || [ "$good" -ne "$planned" ] || grep -q '^not ok ' "$work/verdicts"; then
        echo "-------- the console" >&2
        tr -d '\r' <"$work/console" | tail -n "${GL_VM_CONSOLE:-400}" >&2
        fail "$good of ${planned:-an unknown number of} checks are well"
    fi
    say "$name: all $good checks are well"
}

# Runs a machine with that image until it powers itself off, SECONDS at most (or $GL_VM_SECONDS). Its console goes to $work/console, and what it
# writes to /dev/ttyS1 to $work/verdicts, which is shown as it comes. Software emulation, as the machine that tests may be virtual itself.
vm_run() { # SECONDS
    limit=${GL_VM_SECONDS:-$1}
    started=$(date +%s)
    : >"$work/verdicts"
    timeout --kill-after=10 "$limit" nice qemu-system-x86_64 -accel tcg,thread=multi -cpu qemu64,+rdrand -smp 2 -m 768 \
        -display none -monitor none -nic none -no-user-config -kernel "$base/vmlinuz" -initrd "$base/initrd" \
        -append 'console=ttyS0 quiet panic=0 mitigations=off random.trust_cpu=on systemd.show_status=0' \
        -drive "file=$work/image,format=raw,if=virtio,cache=unsafe" -serial "file:$work/console" -serial "file:$work/verdicts" \
        2>"$work/qemu.log" &
    qemu=$!
    tail -n +1 -f --pid="$qemu" "$work/verdicts" &
    status=0
    wait "$qemu" || status=$?
    wait "$!" || true
    [ "$status" -eq 0 ] || echo "$name: QEMU ended with $status: $(cat "$work/qemu.log")" >&2
    echo "$(($(date +%s) - started)) s"
}
