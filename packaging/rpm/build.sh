#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds the RPMs, and the source RPM, from a clean copy of the sources:
#
#   packaging/rpm/build.sh [--tarball FILE] [OUTDIR [RPMBUILD-OPTION...]]     default: ./packages
#
# --tarball builds of what packaging/make-tarball.sh has made. Options of rpmbuild, as --without tests, come last. What is
# needed to build is in guestlink.spec (BuildRequires).
#
# Debian has rpmbuild, too, for tests and for who releases: there what the build needs is named otherwise (see
# packaging/deb/control) and no database of RPMs knows it, so --nodeps is given; and systemd's macros are missing, for which
# macros.debian stands in. RPMs that are for others should be built on the system that they are for.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tarball=
if [ "${1-}" = --tarball ]; then
    tarball=$(readlink -f "${2:?which tarball?}")
    shift 2
fi
case ${1-} in
-*)
    echo "usage: packaging/rpm/build.sh [--tarball FILE] [OUTDIR [RPMBUILD-OPTION...]]" >&2
    exit 2
    ;;
esac
mkdir -p "${1:-packages}"
out=$(cd "${1:-packages}" && pwd)
[ $# -eq 0 ] || shift

work=$(mktemp -d "${TMPDIR:-/tmp}/guestlink-rpm.XXXXXX")
trap 'trap "" HUP; rm -rf "$work"' EXIT # a terminal that is closed may say so twice
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

umask 022 # the source RPM has the modes of its files
mkdir "$work/SOURCES" "$work/tmp"
[ -n "$tarball" ] || tarball=$("$top/packaging/make-tarball.sh" "$work")
version=$(sed -n 's/^Version: *//p' "$here/guestlink.spec")
if [ "${tarball##*/}" != "guestlink-$version.tar.xz" ]; then
    echo "build.sh: guestlink.spec says $version, and the tarball is ${tarball##*/}" >&2
    exit 1
fi
install -m 644 "$tarball" "$top/packaging/systemd/guestlink-host.sysusers" "$here/guestlink.spec" "$work/SOURCES"

# Dates and names of this machine and this moment are left out, if a date was given (SOURCE_DATE_EPOCH).
set -- --define "_topdir $work" --define "_tmppath $work/tmp" --define '_buildhost localhost' --define 'use_source_date_epoch_as_buildtime 1' \
    --define 'clamp_mtime_to_source_date_epoch 1' "$@"
if ! rpm -q --whatprovides gcc >/dev/null 2>&1; then
    echo "build.sh: the RPM database does not know this system's packages; what the build needs is not checked"
    set -- --nodeps "$@"
fi
# shellcheck disable=SC1083 # braces of rpm
if [ "$(rpm --eval '%{?_unitdir:1}%{?systemd_post:1}')" != 11 ]; then
    echo "build.sh: no systemd-rpm-macros; packaging/rpm/macros.debian stands in"
    set -- --load "$here/macros.debian" "$@"
fi
# The source RPM by itself: it keeps the spec with all paths and numbers put in, and packages that are built along with it its
# digest. So none of them is this machine's, nor are the files' owners; nothing is built there, and nothing written.
(
    cd "$work/SOURCES"
    rpmbuild -bs "$@" --define '_topdir /' --define '_builddir /' --define '_buildrootdir /' --define '_rpmdir /' \
        --define '_sourcedir .' --define "_srcrpmdir $work/SRPMS" --define '_smp_build_ncpus 1' \
        --define '_srcdefattr (-,root,root)' guestlink.spec
)
rpmbuild -bb "$@" "$work/SOURCES/guestlink.spec"
find "$work/RPMS" "$work/SRPMS" -type f -name '*.rpm' -exec mv -t "$out" {} +
echo "In $out:"
ls "$out"
