#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds with sanitizers and warnings as errors in build-ci, runs every test, and closes with
# 'N passed, N failed'. Exits 0 only when all of it went well. JOBS=N chooses how parallel.
# A second build, build-plain, is for the test of memory, which sanitizers would falsify. It is done
# by clang, where that is installed, so that both compilers see the programs.
# A third one, build-windows, is the cross build: its tests run under Wine. Where mingw-w64 and Wine
# cannot be had, it is left out, and that is said.
#
#   ./run-tests.sh --full         with the large sizes: 5 GiB, 1 GiB, 20,000 files. Needs 4 GiB of
#                                 disk.
#   ./run-tests.sh --no-windows   without the cross build
#   ./run-tests.sh --vm           with the packages, in a virtual machine (tests/e2e/vm-loopback.sh). Needs root,
#                                 QEMU, ten minutes. Where no such machine can be had, that is said.
set -eu
cd "$(dirname "$0")"
top=$PWD
build=$top/build-ci
GL_PLAIN_BUILDDIR=$top/build-plain
export GL_PLAIN_BUILDDIR
windows=yes
vm=no
for option; do
    case $option in
    --full)
        GL_FULL=1
        export GL_FULL
        ;;
    --no-windows) windows=no ;;
    --vm) vm=yes ;;
    *)
        echo "usage: ./run-tests.sh [--full] [--no-windows] [--vm]" >&2
        exit 2
        ;;
    esac
done
jobs=${JOBS:-$(nproc)}

# tally BUILD: counts tests. A Check program and a pytest module say how many they ran; anything
# else is one test, by the result that automake recorded.
tally() {
    find "$1/tests" -name '*.trs' | sort | while read -r trs; do
        awk -v trs="$trs" '
            FILENAME == trs && /^:global-test-result:/ { result = $2 }
            FILENAME != trs && /^[0-9]+%: Checks: / {
                gsub(",", ""); bad = $5 + $7; good = $3 - bad; counted = 1
            }
            FILENAME != trs && /[0-9]+ (passed|failed|error|errors|skipped)/ && / in [0-9.]+s/ {
                gsub("[=,]", "")
                good = bad = skip = 0; counted = 1
                for (i = 2; i <= NF; i++) {
                    if ($i == "passed") good = $(i - 1)
                    if ($i == "failed" || $i ~ /^errors?$/) bad += $(i - 1)
                    if ($i == "skipped") skip = $(i - 1)
                }
            }
            END {
                if (!counted) { good = result == "PASS"; skip = result == "SKIP"; bad = 0 }
                if (result != "PASS" && result != "SKIP" && !bad) bad = 1
                print good + 0, bad + 0, skip + 0
            }' "$trs" "${trs%.trs}.log"
    done | awk '{ good += $1; bad += $2; skip += $3 }
        END { printf "%d passed, %d failed%s\n", good, bad, skip ? ", " skip " skipped" : "" }'
}

# skipped BUILD: one line a reason.
skipped() {
    find "$1/tests" -name '*.trs' | sort | while read -r trs; do
        log=${trs%.trs}.log
        if ! sed -n 's/^SKIPPED \(.*\)/  \1/p' "$log" | grep .; then
            ! grep -q '^:global-test-result: SKIP' "$trs" || echo "  ${log#"$1/"}: $(sed '/^SKIP /d' "$log" | tail -n 1)"
        fi
    done
}

# failed BUILD: what failed there, a line each: Check's tests, pytest's, and programs that say neither.
failed() {
    find "$1/tests" -name '*.trs' | sort | while read -r trs; do
        ! grep -Eq '^:global-test-result: (PASS|SKIP)' "$trs" || continue
        log=${trs%.trs}.log
        sed -nE '/^(FAILED|ERROR) |^[^ ]+:[0-9]+:[FE]:/s/^/  /p' "$log" | grep . || echo "  ${log#"$1/"}"
    done
}

# build_in DIR OPTION...: configures there if need be, anew if the options have changed, and makes.
build_in() {
    mkdir -p "$1" && cd "$1" && shift &&
        if [ ! -f Makefile ] || [ "$(cat configured 2>/dev/null)" != "$*" ]; then
            ../configure "$@" && make clean && echo "$*" >configured
        fi &&
        make -j"$jobs"
}

other_cc=clang
command -v clang >/dev/null || other_cc=gcc

build() {
    packaging/install-deps.sh --tests && { [ -x configure ] || ./autogen.sh; } &&
        (build_in "$GL_PLAIN_BUILDDIR" --disable-tests --enable-werror "CC=$other_cc") &&
        (build_in "$build" --enable-sanitizers --enable-werror)
}

# check BUILD GOAL...: runs the tests there and says what came of them: in $summary, and what was
# skipped on the screen. Fails if one did, or none was run.
check() (
    checked=$1
    shift
    cd "$checked"
    find tests -name '*.trs' -exec rm -f {} + 2>/dev/null || true
    good=0
    make -j"$jobs" "$@" VERBOSE=1 || good=$?
    [ -n "$(find tests -name '*.trs' | head -n 1)" ] || {
        echo "run-tests: no test was run in $checked" >&2
        exit 1
    }
    exit "$good"
)

# add SUMMARY: to what is said at the end.
total="0 passed, 0 failed"
add() {
    total=$(printf '%s\n%s\n' "$total" "$1" | awk '{ gsub(",", ""); good += $1; bad += $3; skip += $5 }
        END { printf "%d passed, %d failed%s\n", good, bad, skip ? ", " skip " skipped" : "" }')
}

# run BUILD GOAL...: check(), added up.
status=0
run() {
    well=yes
    check "$@" || well=no
    summary=$(tally "$1")
    case $summary in
    "0 passed, 0 failed"*) well=no ;;
    *" 0 failed"*) ;;
    *) well=no ;;
    esac
    if [ "$well" = no ]; then
        status=1
        found=$(failed "$1")
        # A program that cannot be built, say, is no test that failed.
        [ -n "$found" ] || add "0 passed, 1 failed"
        fails=$(printf '%s\n%s' "$fails" "${found:-  make $2 in $1}")
    fi
    case $summary in
    *skipped) skips=$(printf '%s\n%s' "$skips" "$(skipped "$1")") ;;
    esac
    add "$summary"
}
skips=
fails=

failed_build() {
    fails=$(printf '%s\n  the build in %s' "$fails" "$1")
    status=1
    add "0 passed, 1 failed"
}

# ---- Windows -----------------------------------------------------------------------------------
windows_build=$top/build-windows

build_windows() (
    libraries=$(packaging/windows/build-deps.sh | tail -n 1)
    # Named, so that other libraries are other options, and all is configured anew.
    [ -n "$libraries" ] && build_in "$windows_build" --host=x86_64-w64-mingw32 --enable-werror \
        "--with-windows-libraries=$libraries" &&
        # What the tests of both systems' programs use, too.
        (cd "$windows_build" && make -j"$jobs" check TESTS=)
)

prepare_windows() {
    if ! reason=$(packaging/install-deps.sh --windows 2>&1); then
        echo "run-tests: no tests for Windows, as what they need cannot be installed:"
        echo "$reason" | tail -n 3
    elif build_windows; then
        # The tests of the real programs take both systems' then.
        GL_WINDOWS_BUILDDIR=$windows_build
        export GL_WINDOWS_BUILDDIR
    else
        failed_build "$windows_build"
    fi
}

# ---- a virtual machine -------------------------------------------------------------------------
vm_checks() {
    [ "$(id -u)" -eq 0 ] || {
        echo "only root can have one"
        return 77
    }
    packaging/install-deps.sh --vm || return 77
    tests/e2e/vm-loopback.sh
}

run_vm() {
    log=$build/vm.log
    mkdir -p "$build"
    {
        code=0
        vm_checks 2>&1 || code=$?
        echo "$code" >"$log.status"
    } | tee "$log"
    code=$(cat "$log.status")
    if [ "$code" -eq 77 ]; then
        skips=$(printf '%s\n  the virtual machine: %s' "$skips" "$(tail -n 1 "$log")")
        add "0 passed, 0 failed, 1 skipped"
        return
    fi
    good=$(grep -c '^ok ' "$log" || true)
    bad=$(grep -c '^not ok ' "$log" || true)
    if [ "$code" -ne 0 ]; then
        status=1
        [ "$bad" -ne 0 ] || bad=1
        fails=$(printf '%s\n%s\n  %s' "$fails" "$(sed -n 's/^not ok/  vm:/p' "$log")" "$(tail -n 1 "$log")")
    fi
    add "$good passed, $bad failed"
}

# ---- all ---------------------------------------------------------------------------------------
unset GL_WINDOWS_BUILDDIR
linux=yes
build || {
    failed_build "$build"
    linux=no
}
if [ "$windows" = yes ]; then
    prepare_windows
else
    echo "run-tests: Windows was left out (--no-windows)"
fi
[ "$linux" = no ] || run "$build" check
if [ -n "${GL_WINDOWS_BUILDDIR-}" ]; then
    run "$windows_build" check
    GL_BUILDDIR=$windows_build tests/lib/under-wine --end || true
fi
[ "$vm" = no ] || run_vm
[ -z "$skips" ] || echo "Skipped:$skips"
[ "$status" -eq 0 ] || echo "Failed:$fails"
echo "$total"
exit "$status"
