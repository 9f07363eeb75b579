#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what guestlink needs to be built and tested on Debian or Ubuntu. Does nothing, quickly,
# when all is there. With --tests: what run-tests.sh needs beside that, for nothing that is tested may depend on what happens to
# be installed; with --windows: what the cross build and its tests under Wine need, too; with --packages: what
# packaging/deb/build.sh does; with --vm: what tests/e2e/vm-loopback.sh does.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)

packages="
autoconf
autoconf-archive
automake
check
gcc
libc6-dev
libconfuse-dev
libjansson-dev
libpam0g-dev
libprotobuf-c-dev
libsodium-dev
libuv1-dev
libxxhash-dev
make
mount
pkg-config
protobuf-c-compiler
python3
python3-pytest
"

windows=no
for_packages=no
case ${1-} in
'') ;;
--tests)
    packages="$packages
fish
groff-base
man-db
mandoc
systemd
zsh
"
    ;;
--packages | --vm)
    for_packages=yes
    [ "$1" = --packages ] || packages="$packages
e2fsprogs
mmdebstrap
qemu-system-x86
util-linux
"
    packages="$packages
bash-completion
build-essential
debhelper
dpkg-dev
git
xz-utils
"
    ;;
--windows)
    windows=yes
    packages="$packages
autopoint
binutils-mingw-w64-x86-64
cmake
dpkg-dev
flex
gcc-mingw-w64-x86-64-win32
libtool
mandoc
mingw-w64-tools
msitools
patch
wine
wine64
wixl
xz-utils
"
    ;;
*)
    echo "usage: packaging/install-deps.sh [--packages | --tests | --vm | --windows]" >&2
    exit 2
    ;;
esac

command -v dpkg-query >/dev/null || {
    echo "install-deps: not a Debian system; install the equivalents of:$(echo "$packages" | tr '\n' ' ')" >&2
    exit 1
}

missing=
for package in $packages; do
    # pkg-config may be a virtual package, provided by pkgconf.
    if [ "$package" = pkg-config ] && command -v pkg-config >/dev/null; then
        continue
    fi
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    case $status in
    installed*) ;;
    *) missing="$missing $package" ;;
    esac
done

# as_root COMMAND...
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "install-deps: neither root nor sudo, to run: $*" >&2
        return 1
    fi
}

# get COMMAND...: without questions, and sudo leaves out what is only exported.
get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@" -q -y --no-install-recommends
}

# What packaging/windows/build-deps.sh takes its sources from.
debian_mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
        'Label: Debian' | head -n 1
}

# Before a gigabyte of packages is installed in vain. apt knows a mirror's origin by its lists.
if [ "$windows" = yes ] && ! "$(dirname "$0")/windows/build-deps.sh" --where >/dev/null; then
    [ -n "$(debian_mirror)" ] || as_root apt-get update -q
    [ -n "$(debian_mirror)" ] || {
        echo "install-deps: this machine's apt knows no mirror of Debian, whose sources the libraries for Windows are built from" >&2
        exit 1
    }
fi

if [ -z "$missing" ]; then
    echo "install-deps: all packages are installed"
else
    echo "install-deps: installing by apt-get:$missing"
    as_root apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    get install $missing
fi

# Versions, alternatives and what comes to be needed: control says it, and not the list above.
if [ "$for_packages" = yes ] && ! dpkg-checkbuilddeps "$top/packaging/deb/control"; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/guestlink-deps.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/debian"
    cp "$top/packaging/deb/control" "$work/debian/"
    chmod -R a+rX "$work"
    as_root apt-get update -q
    get build-dep "$work/"
fi
