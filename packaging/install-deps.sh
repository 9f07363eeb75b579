#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what guestlink needs to be built and tested on Debian or Ubuntu. Does nothing, quickly,
# when all is there.
set -eu

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
libsystemd-dev
libuv1-dev
libxxhash-dev
make
mount
pkg-config
protobuf-c-compiler
python3
python3-pytest
"

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

if [ -z "$missing" ]; then
    echo "install-deps: all packages are installed"
    exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
fi
echo "install-deps: installing by apt-get:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086 # a list of words
$as_root apt-get install -q -y --no-install-recommends $missing
