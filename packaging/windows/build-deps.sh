#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the libraries that the Windows programs are linked with, static, from Debian's source
# packages, by mingw-w64 on Linux. What is built is kept; the next run does nothing.
#
#   packaging/windows/build-deps.sh              prints the prefix as its last line
#   packaging/windows/build-deps.sh --where      the same, and fails when it is not built yet
#   ./configure --host=x86_64-w64-mingw32        finds it there
#
# The prefix is below ${XDG_CACHE_HOME:-~/.cache}/guestlink-windows, named by this script's digest,
# so that a changed recipe is another prefix. $GL_WINDOWS_DEPS says another cache folder. What was
# not used for 60 days is removed there when another prefix is built.
#
# Source packages are taken from the mirror that this machine's apt already uses, with its keys,
# and apt checks them. This machine's own lists of sources are not touched.
set -eu

# The newest stable release first: its versions stay, and get security updates. From the others
# comes what a mirror does not have of it.
suites="trixie sid bookworm"
host=x86_64-w64-mingw32
packages="libuv1 libsodium protobuf-c xxhash libconfuse jansson check"

cache=${GL_WINDOWS_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/guestlink-windows}
recipe=$(sha256sum "$0" | cut -c 1-12)
prefix=$cache/deps-$recipe
jobs=${JOBS:-$(nproc)}

say() { echo "build-deps: $*" >&2; }
die() {
    say "$*"
    exit 1
}

if [ -f "$prefix/complete" ]; then
    [ "${1-}" = --where ] || say "all libraries are built already"
    touch -c "$prefix" 2>/dev/null || true # in use; who may only read it, may build with it
    echo "$prefix"
    exit 0
fi

case ${1-} in
'') ;;
--where) exit 1 ;;
*)
    echo "usage: packaging/windows/build-deps.sh [--where]" >&2
    exit 2
    ;;
esac

# Some sources come without configure. packaging/install-deps.sh --windows has all of these, too.
needed="gcc-mingw-w64-x86-64-win32 mingw-w64-tools autoconf automake autopoint libtool cmake flex make dpkg-dev pkg-config xz-utils patch"
missing=
for package in $needed; do
    case $package in
    pkg-config) command -v pkg-config >/dev/null || missing="$missing $package" ;;
    *) dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed' ||
        missing="$missing $package" ;;
    esac
done
if [ -n "$missing" ]; then
    say "installing by apt-get:$missing"
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    $as_root apt-get update -q >&2
    # sudo leaves out what is only exported.
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/src" "$work/root"

# ---- the sources -------------------------------------------------------------------------------
uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
    'Label: Debian' | sort -u | head -n 1)
[ -n "$uri" ] || die "this machine's apt knows no mirror of Debian"
# apt_for SUITE WHAT...: apt-get that knows the sources of one suite and nothing else.
apt_for() {
    suite=$1
    shift
    mkdir -p "$work/$suite/lists/partial" "$work/$suite/archives/partial"
    cat >"$work/$suite/debian.sources" <<END
Types: deb-src
URIs: $uri
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
    apt-get -qq -o Dir::Etc::sourcelist="$work/$suite/debian.sources" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/$suite/lists" \
        -o Dir::Cache="$work/$suite" -o APT::Sandbox::User=root "$@" >&2
}

say "fetching the sources of: $packages"
for suite in $suites; do
    # A mirror may have left one behind: the next may do.
    apt_for "$suite" update || {
        say "$suite cannot be used, as apt says above"
        continue
    }
    left=
    for package in $packages; do
        (cd "$work/src" && apt_for "$suite" source --only-source "$package") || left="$left $package"
    done
    packages=$left
    [ -n "$packages" ] || break
done
[ -z "$packages" ] || die "the mirror has no sources of:$packages"

source_of() { find "$work/src" -mindepth 1 -maxdepth 1 -type d -name "$1-*" | head -n 1; }

# ---- how each is built -------------------------------------------------------------------------
# No debug information: it would hold the folder's name, and the libraries are not ours to debug.
CFLAGS="-O2 -fstack-protector-strong -D_WIN32_WINNT=0x0A00"
PKG_CONFIG_LIBDIR=$work/root$prefix/lib/pkgconfig
PKG_CONFIG_SYSROOT_DIR=$work/root
export CFLAGS PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR

# log NAME COMMAND...: runs quietly; what it said is shown when it fails.
log() {
    log_name=$1
    shift
    "$@" >"$work/$log_name.log" 2>&1 || {
        tail -n 40 "$work/$log_name.log" >&2
        die "$log_name cannot be built"
    }
}

# by_autotools NAME OPTION...: configured in a folder of its own, with make's goals from $goals.
by_autotools() {
    name=$1
    shift
    say "building $name"
    src=$(source_of "$name")
    [ -x "$src/configure" ] || log "$name" sh -c "cd '$src' && autoreconf -fi"
    mkdir "$work/$name"
    log "$name" sh -c 'cd "$1" && src=$2 && shift 2 && "$src/configure" "$@"' sh "$work/$name" "$src" \
        --host="$host" --prefix="$prefix" --disable-shared --enable-static "$@"
    log "$name" make -C "$work/$name" -j"$jobs"
    log "$name" make -C "$work/$name" install DESTDIR="$work/root"
}

by_cmake() {
    name=$1
    shift
    say "building $name"
    cat >"$work/toolchain.cmake" <<END
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER $host-gcc-win32)
set(CMAKE_RC_COMPILER $host-windres)
END
    log "$name" cmake -S "$(source_of "$name")" -B "$work/$name" -DCMAKE_BUILD_TYPE=None \
        -DCMAKE_TOOLCHAIN_FILE="$work/toolchain.cmake" -DCMAKE_INSTALL_PREFIX="$prefix" "$@"
    log "$name" make -C "$work/$name" -j"$jobs"
    log "$name" make -C "$work/$name" install DESTDIR="$work/root"
}

CC=$host-gcc-win32
export CC
by_cmake libuv1 -DLIBUV_BUILD_SHARED=OFF -DLIBUV_BUILD_TESTS=OFF -DLIBUV_BUILD_BENCH=OFF
by_autotools libsodium --disable-dependency-tracking
by_autotools protobuf-c --disable-protoc
by_autotools jansson
by_autotools libconfuse --disable-nls --disable-examples
# Its makefile's installation would want the shared one too.
say "building xxhash"
src=$(source_of xxhash)
log xxhash make -C "$src" libxxhash.a libxxhash.pc DISPATCH=1 prefix="$prefix" AR="$host-ar"
install -D -m 644 "$src/libxxhash.a" "$work/root$prefix/lib/libxxhash.a"
install -D -m 644 "$src/libxxhash.pc" "$work/root$prefix/lib/pkgconfig/libxxhash.pc"
for header in xxhash.h xxh3.h xxh_x86dispatch.h; do
    install -D -m 644 "$src/$header" "$work/root$prefix/include/$header"
done

# Check prints numbers in C99's way: by mingw's printf, not by the system's; its header must say so.
CFLAGS="$CFLAGS -D__USE_MINGW_ANSI_STDIO=1"
by_cmake check -DCHECK_ENABLE_TESTS=OFF -DBUILD_TESTING=OFF -DCHECK_INSTALL=ON
sed -i 's/CK_ATTRIBUTE_FORMAT(printf/CK_ATTRIBUTE_FORMAT(gnu_printf/' "$work/root$prefix/include/check.h"
sed -i 's/-lcheck_pic/-lcheck/' "$work/root$prefix/lib/pkgconfig/check.pc"
# The shared twin of Check's would be preferred by the linker.
rm -f "$work/root$prefix/lib/libcheck.dll.a" "$work/root$prefix/bin/libcheck.dll"

rm -rf "$prefix"
mv "$work/root$prefix" "$prefix"
(cd "$work/src" && ls ./*.dsc) >"$prefix/complete"
# Of other recipes, and of builds that were killed.
find "$cache" -mindepth 1 -maxdepth 1 \( -name 'deps-*' -o -name 'work.*' \) ! -path "$prefix" ! -path "$work" \
    -mtime +60 -exec rm -rf {} +
say "built"
echo "$prefix"
