#!/bin/sh
# SPDX-License-Identifier: MIT
# The shipped Windows programs, unmodified, over a stand-in for AF_HYPERV (fake-hyperv.h): a guest's
# agent and its host under Wine, by both drivers, cut 20 times with a copy under way, with short
# receives, and with a host that comes later than its guest. GL_BUILDDIR is a build for Windows.
set -eu
build=${GL_BUILDDIR:-.}
src=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$build"
GL_BUILDDIR=$(pwd)
export GL_BUILDDIR
run=$src/tests/lib/under-wine
vm=aaaaaaaa-0000-4000-8000-000000000001

dir=$(mktemp -d)
windows_dir=Z:$(echo "$dir" | tr / '\\')
pids=
finish() {
    status=$?
    for pid in $pids; do kill "$pid" 2>/dev/null || :; done
    wait
    [ $status = 0 ] || tail -n 30 "$dir"/*.log
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

die() {
    echo "check-hyperv: $*" >&2
    exit 1
}

# with WHAT ARG...: a daemon in the background, its log in WHAT.log.
with() {
    log=$dir/$1.log
    shift
    timeout 300 "$run" tests/e2e/windows/with-hyperv.exe "$@" >"$log" 2>&1 &
    pids="$pids $!"
}

# expect FILE TEXT: the log says so within a minute.
expect() {
    tries=0
    until grep -q "$2" "$dir/$1.log" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || die "$1 does not say '$2'"
        sleep 0.2
    done
}

cli() { timeout 60 "$run" ./guestlink.exe --control "pipe:$pipe" "$@" </dev/null 2>"$dir/cli.log"; }

host() {
    with hostd ./guestlink-hostd.exe --listen hvsock:children:1007 --control "pipe:$pipe" \
        --state "$windows_dir\\$round-host" --config "$windows_dir\\conf" --log-level debug
    expect hostd 'listening for guests'
}

guest() {
    GL_HYPERV_VMID=$vm
    export GL_HYPERV_VMID
    with agent ./guestlink-agent.exe --connect hvsock:parent:1007 --name win1 \
        --state "$windows_dir\\$round-guest" --config "$windows_dir\\conf" --log-level debug
    unset GL_HYPERV_VMID
}

head -c 9000000 /dev/urandom >"$dir/up"
for round in overlapped libuv; do
    pipe=gl-hyperv-$$-$round
    mkdir "$dir/$round-world"
    GL_HYPERV_DIR="$windows_dir\\$round-world"
    GL_HYPERV_SHORT=5000
    GL_HYPERV_CUT=300000,20
    export GL_HYPERV_DIR GL_HYPERV_SHORT GL_HYPERV_CUT
    echo "hvsock-driver = $round" >"$dir/conf"

    guest
    expect agent 'nobody listens there' # a refusal, for as long as a dial goes on
    host
    expect agent 'connected to host'

    cli ls | tr -d '\r' >"$dir/ls"
    grep -q "^win1 .* connected .* hvsock:$vm:" "$dir/ls" || die "ls: $(cat "$dir/ls")"
    [ "$(cli exec win1 -- cmd.exe /c 'echo hello' | tr -d '\r')" = hello ] || die "exec"
    status=0
    cli exec win1 -- cmd.exe /c 'exit 7' || status=$?
    [ $status = 7 ] || die "exec: status $status"
    cli cp "$windows_dir\\up" "win1:$windows_dir\\$round-there" >/dev/null || die "cp to the guest"
    cli cp "win1:$windows_dir\\$round-there" "$windows_dir\\$round-back" >/dev/null || die "cp from it"
    cmp "$dir/up" "$dir/$round-there" || die "the bytes that came to the guest differ"
    cmp "$dir/up" "$dir/$round-back" || die "the bytes that came back differ"
    cuts=$(grep -c 'session with the host is resumed' "$dir/agent.log")
    [ "$cuts" -ge 20 ] || die "only $cuts cuts were resumed"
    echo "ok: $round, $cuts cuts"

    for pid in $pids; do kill "$pid"; done
    wait
    pids=
done
