#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A first look at guestlink on one machine, without a virtual machine: installs what is missing, builds,
# starts the host daemon and an agent that meet over a Unix socket, and uses them. Stops what it started.
#
#   ./quickstart.sh          shows everything and ends
#   ./quickstart.sh --stay   leaves the two running until Ctrl-C, for trying by hand
set -eu
cd "$(dirname "$0")"
top=$PWD
stay=
case ${1-} in
'') ;;
--stay) stay=yes ;;
*)
    echo "usage: ./quickstart.sh [--stay]" >&2
    exit 2
    ;;
esac

bold=
plain=
if [ -t 1 ]; then
    bold=$(printf '\033[1m')
    plain=$(printf '\033[0m')
fi
step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
show() {
    printf '$ guestlink %s\n' "$*"
    "$build/guestlink" "$@"
}

step "What is needed to build (by apt-get, if something is missing)"
packaging/install-deps.sh

build=$top/build-quickstart
step "Building in ${build#"$top"/}"
[ -x configure ] || ./autogen.sh >/dev/null
mkdir -p "$build"
cd "$build"
[ -f Makefile ] || ../configure --quiet --disable-tests
make -s -j"$(nproc)"
cd "$top"

# All that is made lies in one folder, and all that is started is ended, whatever happens.
work=$(mktemp -d "${TMPDIR:-/tmp}/guestlink-quickstart.XXXXXX")
hostd=
agent=
finish() {
    status=$?
    # The terminal may be gone: whatever cannot be written, the rest is to be done.
    set +e
    trap - EXIT
    trap '' HUP INT TERM
    for pid in $agent $hostd; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    if [ "$status" -ne 0 ] && [ "$status" -lt 128 ]; then
        echo "quickstart: that went wrong; the logs say:" >&2
        tail -n 20 "$work"/*.log >&2 || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap '' PIPE # when the terminal is gone, a word of the shell's own must not be the end of us
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

GUESTLINK_CONTROL=$work/control.sock
export GUESTLINK_CONTROL

step "Starting the host daemon and an agent, as $(id -un)"
"$build/guestlink-hostd" --listen "unix:$work/guests.sock" --control "$GUESTLINK_CONTROL" \
    --state "$work/hostd" >"$work/hostd.log" 2>&1 &
hostd=$!
"$build/guestlink-agent" --connect "unix:$work/guests.sock" --name demo --state "$work/agent" \
    >"$work/agent.log" 2>&1 &
agent=$!
tries=0
until "$build/guestlink" wait --timeout 10 demo 2>"$work/wait.log"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 50 ] || ! kill -0 "$hostd" || ! kill -0 "$agent"; then
        cat "$work/wait.log" >&2
        exit 1
    fi
    sleep 0.1
done
echo "The agent dialled, both proved their keys, and the host pinned the agent's at first contact."

step "Which guests are there"
show ls

step "What the guest says of itself"
show info demo

step "A command in the guest: its output, its errors and its exit status come back apart"
echo "\$ guestlink exec demo -- sh -c 'echo out; echo err >&2; exit 7'"
status=0
"$build/guestlink" exec demo -- sh -c 'echo out; echo err >&2; exit 7' || status=$?
echo "exit status: $status"
[ "$status" -eq 7 ]

step "A tree of files to the guest and back"
mkdir -p "$work/there" "$work/back"
(cd "$work" && "$build/guestlink" cp -r "$top/common" "demo:$work/there/")
show cp -r "demo:$work/there/common" "$work/back/"
digest() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum); }
before=$(digest "$top/common")
after=$(digest "$work/back/common")
echo "SHA-256 over all $(find "$top/common" -type f | wc -l) files before: ${before%% *}"
echo "                              after:  ${after%% *}"
[ "$before" = "$after" ]

step "Round trips"
show ping -c 5 -i 0 demo

step "What you saw"
cat <<END
The host daemon (guestlink-hostd) listened on a Unix socket, where in earnest it listens on vsock. The
agent (guestlink-agent) dialled it, as it does from inside a virtual machine. The command line
(guestlink) asked the daemon, which passed each call to the agent. All went as $(id -un), over Unix
sockets; no network was used.
END
if [ -n "$stay" ]; then
    cat <<END

Both run on. In another terminal:

  export GUESTLINK_CONTROL=$GUESTLINK_CONTROL
  export PATH=$build:\$PATH
  guestlink ls
  guestlink shell demo
  guestlink exec demo -- uname -a
  guestlink --help

Ctrl-C here stops them and removes $work.
END
    wait "$agent"
else
    cat <<END

To go on by hand: ./quickstart.sh --stay leaves both running and prints what to type.
'guestlink --help' in $build lists the commands; README.md tells the rest.
END
fi
