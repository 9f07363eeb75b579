#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a release of the last commit, all of it in one folder: the tarball, Debian packages, RPMs, MSIs, and SHA256SUMS.
#
#   packaging/release.sh [--no-msi] [OUTDIR]      default: ./release      or: make release
#
# The tarball and the packages but for the MSIs are the same bytes wherever and whenever that commit is built, by the same tools
# (make check-release). Their date is the commit's, or SOURCE_DATE_EPOCH; the Debian packages' that of their changelog.
# DEB_BUILD_OPTIONS=nocheck leaves out the unit tests. Needs what the packages need to be built, rpmbuild, and for the MSIs what
# packaging/windows needs; --no-msi does without.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
fail() {
    echo "release: $*" >&2
    exit 1
}
with_msi=yes
if [ "${1-}" = --no-msi ]; then
    with_msi=no
    shift
fi
case ${1-} in
-*)
    echo "usage: packaging/release.sh [--no-msi] [OUTDIR]" >&2
    exit 2
    ;;
esac
tools="git dpkg-buildpackage rpmbuild"
[ "$with_msi" = no ] || tools="$tools wixl mandoc x86_64-w64-mingw32-gcc"
for tool in $tools; do
    command -v "$tool" >/dev/null || case $tool in
    wixl | mandoc | *mingw*) fail "$tool is not installed; --no-msi does without" ;;
    *) fail "$tool is not installed" ;;
    esac
done
[ -e "$top/.git" ] || fail "a release is made from a git checkout"

work=$(mktemp -d "${TMPDIR:-/tmp}/guestlink-release.XXXXXX")
trap 'trap "" HUP; rm -rf "$work"' EXIT # a terminal that is closed may say so twice
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
out=${1:-$top/release}
case $out in
/*) ;;
*) out=$PWD/$out ;;
esac

cd "$top"
commit=$(git rev-parse HEAD)
changed=$(git status --porcelain --untracked-files=no)
[ -z "$changed" ] || printf 'release: not in it, as it is not committed:\n%s\n' "$changed"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
mkdir "$work/source" "$work/made"
git archive --output="$work/source.tar" "$commit"
tar -xf "$work/source.tar" -C "$work/source"

# run WHAT COMMAND...: what it has to say is told if it fails.
run() {
    what=$1
    shift
    echo "release: $what"
    "$@" >"$work/log" 2>&1 || {
        tail -n 50 "$work/log" >&2
        return 1
    }
}

source=$work/source/packaging
run "the tarball" "$source/make-tarball.sh" "$work/made" || fail "no tarball"
tarball=$(echo "$work"/made/guestlink-*.tar.xz)
# What no Makemodule.am lists would be missing from it.
git ls-tree -r --name-only "$commit" >"$work/tree"
grep -v -E '^(\.ci/.*|\.gitignore)$' "$work/tree" | LC_ALL=C sort >"$work/known"
[ -s "$work/known" ] || fail "it is not known what has to be in the tarball"
tar -tf "$tarball" | sed 's,^[^/]*/,,' | LC_ALL=C sort >"$work/listed"
missing=$(LC_ALL=C comm -23 "$work/known" "$work/listed")
[ -z "$missing" ] || fail "in no Makemodule.am: $missing"

run "Debian packages" "$source/deb/build.sh" --tarball "$tarball" "$work/debs" || fail "no Debian packages"
# The same sources: their tests were run.
run "RPMs" "$source/rpm/build.sh" --tarball "$tarball" "$work/rpms" --without tests || fail "no RPMs"
mv "$work"/debs/*.deb "$work"/rpms/*.rpm "$work/made/"
# Of the tarball, as the others. The libraries are built once and kept (build-deps.sh).
msis() {
    mkdir -p "$work/windows/build" && tar -xf "$tarball" -C "$work/windows" --strip-components=1 &&
        cd "$work/windows" && packaging/windows/build-deps.sh &&
        cd build && ../configure --quiet --host=x86_64-w64-mingw32 --disable-tests && make -j"$(nproc)" &&
        ../packaging/windows/build-msi.sh . "$work/msis" && mv "$work"/msis/*.msi "$work/made/"
}
if [ "$with_msi" = no ]; then
    echo "release: THERE ARE NO MSIs, as --no-msi says"
else
    (run "MSIs" msis) || fail "no MSIs; --no-msi does without"
fi

mkdir -p "$out"
rm -f "$out"/guestlink*.tar.xz "$out"/guestlink*.deb "$out"/guestlink*.rpm "$out"/guestlink*.msi "$out/SHA256SUMS"
cd "$work/made"
# Whoever fetches a release may read it, whatever the umask was.
chmod 644 -- *
find . -type f | sed 's,^\./,,' | LC_ALL=C sort | xargs sha256sum >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" .
chmod 644 SHA256SUMS
mv -- * "$out/"
echo "release: $commit in $out:"
cat "$out/SHA256SUMS"
if [ -e /etc/debian_version ]; then
    echo "release: THE RPMs WERE BUILT ON DEBIAN, of its libraries: for tests. Build those for others where they are to run" \
        "(packaging/rpm/build.sh)."
fi
