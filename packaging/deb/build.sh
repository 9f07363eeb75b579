#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds the Debian packages from a clean copy of the sources:
#
#   packaging/deb/build.sh [--source] [OUTDIR]     default: ./packages
#
# --source adds the source package. What is needed to build is in control (Build-Depends); DEB_BUILD_OPTIONS
# and DEB_BUILD_PROFILES count, as nocheck, which leaves out the unit tests. Only what git knows is built,
# as it is in the working tree; outside of git, all that is there.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
type=binary
if [ "${1-}" = --source ]; then
    type=full
    shift
fi
case ${1-} in
-*)
    echo "usage: packaging/deb/build.sh [--source] [OUTDIR]" >&2
    exit 2
    ;;
esac
mkdir -p "${1:-packages}"
out=$(cd "${1:-packages}" && pwd)

work=$(mktemp -d "${TMPDIR:-/tmp}/guestlink-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$work/copy"
cd "$top"
if [ -e .git ]; then
    git ls-files -z --cached | tar -cf - --null --files-from - | tar -xf - -C "$work/copy"
else
    tar -cf - --exclude='./build*' . | tar -xf - -C "$work/copy"
fi

# The tarball that a release has, made as a release makes it.
cd "$work/copy"
[ -x configure ] || ./autogen.sh
mkdir tarball
(cd tarball && ../configure --quiet --disable-tests && make dist)
version=$(dpkg-parsechangelog -l packaging/deb/changelog -S Version)
upstream=${version%-*}
if [ ! -f "tarball/guestlink-$upstream.tar.xz" ]; then
    echo "build.sh: packaging/deb/changelog says $upstream, and configure.ac another version" >&2
    exit 1
fi
mv "tarball/guestlink-$upstream.tar.xz" "$work/guestlink_$upstream.orig.tar.xz"

cd "$work"
tar -xf "guestlink_$upstream.orig.tar.xz"
cp -r "guestlink-$upstream/packaging/deb" "guestlink-$upstream/debian"
rm "guestlink-$upstream/debian/build.sh"
(cd "guestlink-$upstream" && dpkg-buildpackage --unsigned-source --unsigned-changes --build="$type")
find "$work" -maxdepth 1 -type f -exec mv {} "$out/" \;
echo "In $out:"
ls "$out"
