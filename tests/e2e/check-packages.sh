#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds the Debian packages from a clean copy of the sources, asks lintian, and tries them in a small Debian tree: installed,
# used, upgraded with changed configuration, purged. Needs root, mmdebstrap, lintian, the build dependencies and Debian's
# archive, and three minutes. All of it is in one folder that is removed again.
#
#   make check-packages      or: tests/e2e/check-packages.sh [DIR]
#
# DIR: packages that are built already. DEB_BUILD_OPTIONS=nocheck leaves out the unit tests. The tree has no init: what the
# units do is not tested here.
# shellcheck disable=SC2016 # ${Version} and the like are for dpkg-query
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
name=check-packages
# shellcheck source=tests/e2e/vm-lib.sh
. "$top/tests/e2e/vm-lib.sh"
# shellcheck source=tests/e2e/package-lib.sh
. "$top/tests/e2e/package-lib.sh"
vm_need mmdebstrap lintian dpkg-buildpackage
vm_unshare "$@"

vm_work
tree=$work/tree

# ------------------------------------------------------------------ build

debs=$work/debs
if [ -n "${1-}" ]; then
    cp -r "$1" "$debs"
else
    say "Building from a clean copy"
    "$top/packaging/deb/build.sh" --source "$debs" >"$work/build.log" 2>&1 || {
        tail -n 50 "$work/build.log" >&2
        fail "the build"
    }
    grep -E '^# (TOTAL|PASS|FAIL|SKIP):' "$work/build.log" || true
fi
ls -l "$debs"

say "Lintian: errors and warnings that are not explained"
set -- "$debs"/*.changes
[ -e "$1" ] || set -- "$debs"/*.deb # a release has the packages alone
lintian --allow-root --fail-on error,warning --pedantic "$@" || fail "lintian"
# With the overrides, which would count as well.
lintian --allow-root --fail-on none --show-overrides "$@"

# ------------------------------------------------------------------ a tree

package_tree systemd,udev,libpam-runtime
# Nothing is started, and nothing asks.
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
chmod 755 "$tree/usr/sbin/policy-rc.d"
in_tree() { DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$tree" "$@"; }
in_tree apt-get update -q >"$work/apt.log" 2>&1 || fail "$(cat "$work/apt.log")"

apt() {
    in_tree apt-get -q -y --no-install-recommends "$@" >"$work/apt.log" 2>&1 || {
        cat "$work/apt.log" >&2
        fail "apt-get $*"
    }
}

install_debs() { # APT-OPTION...
    for deb in "$tree"/debs/*.deb; do
        set -- "$@" "${deb#"$tree"}"
    done
    apt install "$@"
}

# Dependencies first, so that what is left behind later is ours.
depends=$(for deb in "$debs"/guestlink-agent_*.deb "$debs"/guestlink-host_*.deb; do
    dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/|.*//; s/(.*//; s/ //g'
done | sort -u)
# shellcheck disable=SC2086 # a list of words
apt install $depends
package_listing >"$work/before"

# ------------------------------------------------------------------ installed

say "Installed"
mkdir "$tree/debs"
cp "$debs"/guestlink-agent_*.deb "$debs"/guestlink-host_*.deb "$tree/debs"
install_debs

package_installed "$(in_tree dpkg-query -W -f '${Version}' guestlink-host | sed 's/-.*//')"
is "configuration files" \
    "/etc/guestlink/agent.conf /etc/guestlink/hostd.conf /etc/needrestart/conf.d/guestlink-agent.conf /etc/pam.d/guestlink" \
    "$(in_tree dpkg-query -W -f '${Conffiles}\n' guestlink-agent guestlink-host | awk 'NF { print $1 }' | sort | xargs)"

# ------------------------------------------------------------------ used

package_start
package_stop

# ------------------------------------------------------------------ upgraded

say "Upgraded: changed configuration stays"
echo '# changed here' >>"$tree/etc/guestlink/agent.conf"
echo '# changed here' >>"$tree/etc/guestlink/hostd.conf"
echo '# changed here' >>"$tree/etc/pam.d/guestlink"
key=$(sha256sum <"$tree/var/lib/guestlink/agent/agent.key")
for deb in "$tree"/debs/*.deb; do
    vm_next_version "$deb" "$deb"
done
# The next release's have another text, where it was changed here and where it was not.
shipped="etc/guestlink/agent.conf etc/needrestart/conf.d/guestlink-agent.conf"
dpkg-deb -R "$tree"/debs/guestlink-agent_*.deb "$work/repack"
for file in $shipped; do
    sed -i '1i # of the next release' "$work/repack/$file"
done
dpkg-deb --root-owner-group -b "$work/repack" "$(echo "$tree"/debs/guestlink-agent_*.deb)" >/dev/null
rm -r "$work/repack"
install_debs -o Dpkg::Options::=--force-confold
case $(in_tree dpkg-query -W -f '${Version}' guestlink-agent) in
*+next) ;;
*) fail "it was not upgraded" ;;
esac
for file in etc/guestlink/agent.conf etc/guestlink/hostd.conf etc/pam.d/guestlink; do
    is "$file" '# changed here' "$(tail -n 1 "$tree/$file")"
done
is "the new one beside it" '# of the next release' "$(head -n 1 "$tree/etc/guestlink/agent.conf.dpkg-dist")"
[ ! -e "$tree/etc/guestlink/hostd.conf.dpkg-dist" ] || fail "hostd.conf.dpkg-dist"
file=etc/needrestart/conf.d/guestlink-agent.conf
is "$file, which was not changed" '# of the next release' "$(head -n 1 "$tree/$file")"
[ ! -e "$tree/$file.dpkg-dist" ] || fail "$file.dpkg-dist"
is "the key" "$key" "$(sha256sum <"$tree/var/lib/guestlink/agent/agent.key")"

# ------------------------------------------------------------------ purged

say "Removed: state and configuration stay. Purged: nothing stays"
apt remove guestlink-agent guestlink-host
for file in var/lib/guestlink/agent/agent.key etc/guestlink/agent.conf; do
    [ -e "$tree/$file" ] || fail "the removal took $file as well"
done
# The preinst's, of an installation that was broken off.
: >"$tree/run/guestlink-agent.installed"
apt purge guestlink-agent guestlink-host
rm -r "$tree/debs"
package_listing >"$work/after"
# The user stays: see guestlink-host.postrm. What was there before it was made is kept beside (passwd-).
diff "$work/before" "$work/after" | grep '^[<>]' | grep -v -E '^> \./etc/(passwd|group|shadow|gshadow)-$' &&
    fail "that is left, or gone"
in_tree getent passwd guestlink >/dev/null || fail "the user is gone"
echo "no file is left; the user stays"

say "check-packages: all is well"
