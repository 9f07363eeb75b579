#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a release of the last commit twice, in surroundings that are as different as can be had, and compares the bytes of the
# tarball and the packages. Needs what packaging/release.sh needs, and five to ten minutes; faketime, if it is there, makes the second one
# later by years; root gives it another host's name and has another user make it. The unit tests are left out. The first has MSIs as well,
# if there are their tools and libraries (packaging/windows/build-deps.sh); they are not the same bytes each time.
#
#   make check-release      or: tests/e2e/check-release.sh
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)

say() { printf '\n== %s\n' "$*"; }
fail() {
    echo "check-release: FAILED: $*" >&2
    exit 1
}
for tool in rpmbuild dpkg-buildpackage; do
    command -v "$tool" >/dev/null || {
        echo "check-release: skipped: $tool is not installed" >&2
        exit 77
    }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/guestlink-twice.XXXXXX")
running=
finish() {
    trap '' HUP # a terminal that is closed may say so twice
    if [ -n "$running" ]; then
        kill "$running" 2>/dev/null || true
        wait "$running" || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# release PLACE VARIABLE=VALUE...: in a clone of its own, with its own home and temporary folder; all of it is $owner's, if set.
owner=
msis=--no-msi
release() {
    place=$1
    shift
    mkdir -p "$place/home" "$place/tmp"
    # With hard links the owner of the objects here would be changed, too.
    git -c advice.detachedHead=false clone --quiet --no-hardlinks "$top" "$place/clone"
    git -C "$place/clone" checkout --quiet --detach "$(git -C "$top" rev-parse HEAD)"
    [ -z "$owner" ] || chown -R "$owner" "$place"
    # Waited for, as a signal ends that at once, and a command in the foreground not.
    timeout --kill-after=30 1800 env -u SOURCE_DATE_EPOCH HOME="$place/home" TMPDIR="$place/tmp" "$@" \
        "$place/clone/packaging/release.sh" ${msis:+"$msis"} "$place/out" >"$place/log" 2>&1 &
    running=$!
    wait "$running" || {
        running=
        cat "$place/log" >&2
        fail "the release in $place"
    }
    running=
}

# members FILE DIR: unpacks what a package is made of, for a look at what differs.
members() {
    mkdir -p "$2"
    case $1 in
    *.deb) (cd "$2" && ar x "$1" && for part in *.tar.*; do mkdir "${part%%.*}" && tar -xf "$part" -C "${part%%.*}"; done) ;;
    *.rpm) rpm2cpio "$1" | (cd "$2" && cpio -idm --quiet) && rpm -qp --xml "$1" >"$2.header" ;;
    *) tar -xf "$1" -C "$2" ;;
    esac
    (cd "$2" && find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2
    find . ! -type d -printf '%p %m %U:%G %Ts %l\n' | LC_ALL=C sort) >"$2.list"
}

first=$work/a
second=$work/another-place/whose-name-is-longer
say "Here and now"
deps=${GL_WINDOWS_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/guestlink-windows}
if command -v wixl >/dev/null && command -v mandoc >/dev/null && command -v x86_64-w64-mingw32-gcc >/dev/null &&
    GL_WINDOWS_DEPS=$deps "$top/packaging/windows/build-deps.sh" --where >/dev/null; then
    msis=
else
    echo "without MSIs, as their tools or libraries are not there"
fi
release "$first" LC_ALL=C.UTF-8 TZ=UTC DEB_BUILD_OPTIONS='nocheck parallel=2' GL_WINDOWS_DEPS="$deps"
cat "$first/log"

language=$(locale -a | grep -v -E '^(C|POSIX)' | tail -n 1)
set -- LC_ALL="${language:-C}" TZ=Asia/Kathmandu XZ_OPT=-0 GZIP=-1 TAR_OPTIONS=--numeric-owner \
    DEB_BUILD_OPTIONS='nocheck parallel=1' MAKEFLAGS=-s NO_FAKE_STAT=1
how="another path, umask, time zone and language ($1)"
if [ "$(id -u)" -eq 0 ] && unshare --uts true 2>/dev/null; then
    # shellcheck disable=SC2016 # the inner shell expands
    set -- "$@" unshare --uts sh -c 'hostname elsewhere && exec "$@"' sh
    how="$how, another host"
    owner=65534:65534
    chmod 711 "$work"
    set -- "$@" setpriv --reuid=65534 --regid=65534 --clear-groups
    how="$how, another user"
fi
if command -v faketime >/dev/null; then
    # With the files' true dates (NO_FAKE_STAT): else what was made just now seems to be older than what it is made of.
    set -- "$@" faketime -f +1000d
    how="$how, 1000 days later"
fi
mkdir -p "${second%/*}"
say "$how"
with_msis=$msis
msis=--no-msi
umask 077
release "$second" "$@"
umask 022

say "The same?"
(cd "$first/out" && ls) >"$work/all-names"
if [ -z "$with_msis" ]; then
    for package in guestlink-agent guestlink-host; do
        grep -q "^$package-.*\.msi$" "$work/all-names" || fail "no MSI of $package"
    done
fi
grep -v '\.msi$' "$work/all-names" >"$work/names"
(cd "$second/out" && ls) | diff "$work/names" - || fail "other files"
grep -q '\.tar\.xz$' "$work/names" || fail "no tarball"
for package in guestlink-agent guestlink-host; do
    grep -q "^${package}_.*\.deb$" "$work/names" || fail "no .deb of $package"
    grep -q "^$package-[0-9].*\.rpm$" "$work/names" || fail "no RPM of $package"
done
differ=
while read -r name; do
    case $name in
    SHA256SUMS) continue ;;
    esac
    if cmp "$first/out/$name" "$second/out/$name"; then
        echo "the same: $name"
        continue
    fi
    differ="$differ $name"
    members "$first/out/$name" "$work/members/1/$name"
    members "$second/out/$name" "$work/members/2/$name"
    diff "$work/members/1/$name.list" "$work/members/2/$name.list" || true
    [ ! -e "$work/members/1/$name.header" ] || diff -u "$work/members/1/$name.header" "$work/members/2/$name.header" || true
done <"$work/names"
[ -z "$differ" ] || fail "these differ:$differ"
# Who builds the Debian packages of the tarball has the changelog's date, and no other.
changelog=$top/packaging/deb/changelog
dated=$(date -u -d "@$(dpkg-parsechangelog -l "$changelog" -S Timestamp)" '+%F %T')
for deb in "$first"/out/*.deb; do
    newest=$(dpkg-deb --fsys-tarfile "$deb" | TZ=UTC tar -tv --full-time | awk '{ print $4, $5 }' | sort | tail -n 1)
    [ "$newest" = "$dated" ] || fail "${deb##*/} is of $newest, and its changelog of $dated"
done
echo "the Debian packages are of $dated, as their changelog"
for place in "$first" "$second"; do
    (cd "$place/out" && sha256sum --quiet -c SHA256SUMS) || fail "SHA256SUMS"
    (cd "$place/out" && awk '{ print $2 }' SHA256SUMS && echo SHA256SUMS) | LC_ALL=C sort >"$work/summed"
    (cd "$place/out" && ls) | LC_ALL=C sort | diff - "$work/summed" || fail "SHA256SUMS has not all of it"
done

say "check-release: all is well"
