# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # variables are the script's
#
# What the tests in virtual machines share; they source it after setting `name`, with `top` the source tree. Functions end the
# script by fail. All that they make is in $work, but for the tree of vm-tree.sh, which is kept.

say() { printf '\n== %s\n' "$*"; }
fail() {
    echo "$name: FAILED: $*" >&2
    exit 1
}

vm_need() { # TOOL...
    for tool in "$@"; do
        command -v "$tool" >/dev/null || fail "$tool is not installed"
    done
    [ "$(id -u)" -eq 0 ] || fail "only root can do this"
}

# Sets $base to the folder with what vm-tree.sh makes, which is made if it is not there.
vm_base() {
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/guestlink-e2e
    recipe=$(cat "$top/tests/e2e/vm-tree.sh" - <<EOF | sha256sum | cut -c 1-16
${GL_SUITE:-}
EOF
)
    base=$cache/vm-$recipe
    mkdir -p "$cache"
    if [ ! -d "$base" ]; then
        say "A Debian tree, kept in $base"
        made=$(mktemp -d "$cache/new.XXXXXX")
        if ! timeout 900 "$top/tests/e2e/vm-tree.sh" "$made" >"$work/tree.log" 2>&1; then
            tail -n 30 "$work/tree.log" >&2
            rm -rf --one-file-system "$made"
            fail "no tree could be made"
        fi
        chmod 755 "$made"
        # Another run may have been faster.
        mv -T "$made" "$base" 2>/dev/null || rm -rf --one-file-system "$made"
        find "$cache" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf --one-file-system {} +
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
    DEB_BUILD_OPTIONS="nocheck ${DEB_BUILD_OPTIONS-}" "$top/packaging/deb/build.sh" "$debs" >"$work/build.log" 2>&1 || {
        tail -n 50 "$work/build.log" >&2
        fail "the build"
    }
    rm -f "$debs"/*-dbgsym_*
}

# Packs a .deb anew as its next version.
vm_next_version() { # DEB OUT
    dpkg-deb -R "$1" "$work/repack"
    sed -i 's/^\(Version: .*\)/\1+next/' "$work/repack/DEBIAN/control"
    dpkg-deb --root-owner-group -b "$work/repack" "$2" >/dev/null
    rm -r "$work/repack"
}

vm_image() { # TREE IMAGE
    truncate -s 2G "$2"
    mke2fs -q -t ext4 -E root_owner=0:0,lazy_itable_init=1 -m 0 -d "$1" "$2" || fail "no image could be made"
}

# Runs a machine until it powers itself off, SECONDS at most; non-zero if it does not. Its console goes to $work/console, and what it
# writes to /dev/ttyS1 to $work/verdicts, which is shown as it comes. Software emulation, as the machine that tests may be virtual itself.
vm_run() { # SECONDS IMAGE [QEMU-OPTION...]
    limit=$1 image=$2
    shift 2
    : >"$work/verdicts"
    timeout --kill-after=10 "$limit" nice qemu-system-x86_64 -accel tcg,thread=multi -cpu qemu64,+rdrand -smp 2 -m 768 \
        -display none -monitor none -nic none -no-user-config -kernel "$base/vmlinuz" -initrd "$base/initrd" \
        -append 'console=ttyS0 quiet panic=0 mitigations=off random.trust_cpu=on systemd.show_status=0' \
        -drive "file=$image,format=raw,if=virtio,cache=unsafe" -serial "file:$work/console" -serial "file:$work/verdicts" \
        "$@" 2>"$work/qemu.log" &
    qemu=$!
    tail -n +1 -f --pid="$qemu" "$work/verdicts" &
    status=0
    wait "$qemu" || status=$?
    wait "$!" || true
    return "$status"
}
