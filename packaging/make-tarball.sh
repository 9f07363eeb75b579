#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes the tarball that a release has from a clean copy of the sources, the same bytes wherever and whenever it is made:
#
#   packaging/make-tarball.sh [OUTDIR]      default: ./packages; prints the tarball's path
#
# Only what git knows is in it, as it is in the working tree; outside of git (without .git), all that is there. SOURCE_DATE_EPOCH is every
# file's date; if it is not set, that of the last commit.
set -eu
fail() {
    echo "make-tarball: $*" >&2
    exit 1
}
top=$(cd "$(dirname "$0")/.." && pwd)
case ${1-} in
-*)
    echo "usage: packaging/make-tarball.sh [OUTDIR]" >&2
    exit 2
    ;;
esac
mkdir -p "${1:-packages}"
out=$(cd "${1:-packages}" && pwd)

work=$(mktemp -d "${TMPDIR:-/tmp}/guestlink-dist.XXXXXX")
trap 'trap "" HUP; rm -rf "$work"' EXIT # a terminal that is closed may say so twice
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$work/copy"
cd "$top"
if [ -e .git ]; then
    # No pipes: a shell does not see that their first part fails.
    command -v git >/dev/null || fail "git is not installed, which has to say what of $top is in it"
    { git ls-files -z --cached >"$work/files" && date=$(git log -1 --format=%ct); } ||
        fail "git cannot read $top, as it says above; without .git all that is there would be in it"
    tar -cf "$work/copy.tar" --null --files-from "$work/files" || fail "what git knows is not all there"
else
    # Not what was built here.
    tar -cf "$work/copy.tar" --exclude=./build --exclude=./build-ci --exclude=./build-plain --exclude=./build-quickstart \
        --exclude=./config.status --exclude=./packages --exclude=./release .
    # All files of a tarball have its date.
    date=$(stat -c %Y configure.ac)
fi
tar -xf "$work/copy.tar" -C "$work/copy"
rm "$work/copy.tar"

# What could differ: order, owners, dates, modes (by umask), how xz was told to work (by default or in the environment).
LC_ALL=C
TAR_OPTIONS="--sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@${SOURCE_DATE_EPOCH:-$date}"
XZ_OPT='-6e -T1'
export LC_ALL XZ_OPT
unset XZ_DEFAULTS GZIP MAKEFLAGS MFLAGS MAKELEVEL

cd "$work/copy"
{
    [ -x configure ] || ./autogen.sh
    mkdir "$work/build" && cd "$work/build"
    ../copy/configure --quiet --disable-tests
    TAR_OPTIONS=$TAR_OPTIONS make dist
} >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}
cd "$work/build"
for file in guestlink-*.tar.xz; do
    mv "$file" "$out/"
    echo "$out/$file"
done
