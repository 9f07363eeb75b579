#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds the Debian packages from a clean copy of the sources:
#
#   packaging/deb/build.sh [--source] [--tarball FILE] [OUTDIR]     default: ./packages
#
# --source adds the source package; --tarball builds of what packaging/make-tarball.sh has made. What is needed to build is in control (Build-Depends), and
# packaging/install-deps.sh --packages installs it; DEB_BUILD_OPTIONS
# and DEB_BUILD_PROFILES count, as nocheck, which leaves out the unit tests. Only what git knows is built,
# as it is in the working tree; outside of git, all that is there.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
type=binary
tarball=
while :; do
    case ${1-} in
    --source) type=full ;;
    --tarball)
        tarball=$(readlink -f "${2:?which tarball?}")
        shift
        ;;
    -*)
        echo "usage: packaging/deb/build.sh [--source] [--tarball FILE] [OUTDIR]" >&2
        exit 2
        ;;
    *) break ;;
    esac
    shift
done

# Said before anything is made, all that is missing at once, and with what to type.
remedy="'packaging/install-deps.sh --packages' installs all that the packages' build needs"
for tool in dpkg-parsechangelog dpkg-checkbuilddeps dpkg-buildpackage; do
    command -v "$tool" >/dev/null || {
        echo "build.sh: there is no $tool, which is in dpkg-dev; $remedy" >&2
        exit 1
    }
done
dpkg-checkbuilddeps "$top/packaging/deb/control" || {
    echo "build.sh: what is named above is missing; $remedy" >&2
    exit 1
}
if [ -z "$tarball" ] && [ -e "$top/.git" ] && ! command -v git >/dev/null; then
    echo "build.sh: there is no git, which has to say what of $top is built; $remedy" >&2
    exit 1
fi

mkdir -p "${1:-packages}"
out=$(cd "${1:-packages}" && pwd)

work=$(mktemp -d "${TMPDIR:-/tmp}/guestlink-deb.XXXXXX")
trap 'trap "" HUP; rm -rf "$work"' EXIT # a terminal that is closed may say so twice
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

version=$(dpkg-parsechangelog -l "$top/packaging/deb/changelog" -S Version)
upstream=${version%-*}
[ -n "$tarball" ] || tarball=$("$top/packaging/make-tarball.sh" "$work")
if [ "${tarball##*/}" != "guestlink-$upstream.tar.xz" ]; then
    echo "build.sh: packaging/deb/changelog says $upstream, and the tarball is ${tarball##*/}" >&2
    exit 1
fi
# The packages' date is that of their changelog, which dpkg-buildpackage takes by itself: who builds them of the tarball has the same bytes.
unset SOURCE_DATE_EPOCH
cp "$tarball" "$work/guestlink_$upstream.orig.tar.xz"
rm -f "$work/${tarball##*/}"

cd "$work"
tar -xf "guestlink_$upstream.orig.tar.xz"
cp -r "guestlink-$upstream/packaging/deb" "guestlink-$upstream/debian"
rm "guestlink-$upstream/debian/build.sh"
(cd "guestlink-$upstream" && dpkg-buildpackage --unsigned-source --unsigned-changes --build="$type")
find "$work" -maxdepth 1 -type f -exec mv -t "$out" {} +
echo "In $out:"
ls "$out"
