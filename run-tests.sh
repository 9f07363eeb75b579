#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds with sanitizers and warnings as errors in build-ci, runs every test, and closes with
# 'N passed, N failed'. Exits 0 only when all of it went well. JOBS=N chooses how parallel.
# A second build, build-plain, is for the test of memory, which sanitizers would falsify. It is done
# by clang, where that is installed, so that both compilers see the programs.
#
#   ./run-tests.sh --full    with the large sizes: 5 GiB, 1 GiB, 20,000 files. Needs 4 GiB of disk.
set -eu
cd "$(dirname "$0")"
top=$PWD
build=$top/build-ci
GL_PLAIN_BUILDDIR=$top/build-plain
export GL_PLAIN_BUILDDIR
case ${1-} in
'') ;;
--full)
    GL_FULL=1
    export GL_FULL
    ;;
*)
    echo "usage: ./run-tests.sh [--full]" >&2
    exit 2
    ;;
esac
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
    packaging/install-deps.sh && { [ -x configure ] || ./autogen.sh; } &&
        (build_in "$GL_PLAIN_BUILDDIR" --disable-tests --enable-werror "CC=$other_cc") &&
        build_in "$build" --enable-sanitizers --enable-werror
}

if ! build; then
    echo "run-tests: the build failed" >&2
    echo "0 passed, 1 failed"
    exit 1
fi

find tests -name '*.trs' -exec rm -f {} + 2>/dev/null || true
status=0
make -j"$jobs" check VERBOSE=1 || status=$?
summary=$(tally "$build")
case $summary in
"0 passed, 0 failed"*)
    echo "run-tests: no test was run" >&2
    summary="0 passed, 1 failed"
    status=1
    ;;
*" 0 failed"*) ;;
*) status=1 ;;
esac
case $summary in
*skipped)
    echo "Skipped:"
    skipped "$build"
    ;;
esac
echo "$summary"
exit "$status"
