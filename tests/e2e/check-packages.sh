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
suite=${GL_SUITE:-bookworm}
name=check-packages
# shellcheck source=tests/e2e/vm-lib.sh
. "$top/tests/e2e/vm-lib.sh"
vm_need mmdebstrap lintian dpkg-buildpackage
# Mounts and processes go with this one.
if [ "$$" -ne 1 ] || [ -z "${GL_UNSHARED-}" ]; then
    GL_UNSHARED=1 exec unshare --mount-proc --pid --fork --kill-child "$0" "$@"
fi

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
lintian --allow-root --fail-on error,warning --pedantic "$debs"/*.changes || fail "lintian"
# With the overrides, which would count as well.
lintian --allow-root --fail-on none --show-overrides "$debs"/*.changes

# ------------------------------------------------------------------ a tree

say "A small $suite"
mmdebstrap --quiet --variant=minbase --include=systemd,udev,libpam-runtime "$suite" "$tree" ||
    fail "no tree could be made"
mount -t proc proc "$tree/proc"
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

# What is there of ours or could be, without apt's own records.
listing() {
    (cd "$tree" && find . -xdev \( -path ./proc -o -path ./tmp -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o \
        -path ./var/cache -o -path ./var/log \) -prune -o -print | LC_ALL=C sort)
}

# Dependencies first, so that what is left behind later is ours.
depends=$(for deb in "$debs"/guestlink-agent_*.deb "$debs"/guestlink-host_*.deb; do
    dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/|.*//; s/(.*//; s/ //g'
done | sort -u)
# shellcheck disable=SC2086 # a list of words
apt install $depends
listing >"$work/before"

# ------------------------------------------------------------------ installed

say "Installed"
mkdir "$tree/debs"
cp "$debs"/guestlink-agent_*.deb "$debs"/guestlink-host_*.deb "$tree/debs"
install_debs

for program in guestlink guestlink-agent guestlink-hostd; do
    is "$program" "$(in_tree "$program" --version)" "$program $(in_tree dpkg-query -W -f '${Version}' \
        guestlink-host | sed 's/-.*//')"
done
is "user" guestlink "$(in_tree id -un guestlink)"
is "group" guestlink "$(in_tree id -gn guestlink)"
is "its shell" /usr/sbin/nologin "$(in_tree getent passwd guestlink | cut -d : -f 7)"
is "/run/guestlink" "755 root:root" "$(stat -c '%a %U:%G' "$tree/run/guestlink")"
for link in dev-vsock.device.wants/guestlink-agent.service sockets.target.wants/guestlink-hostd.socket \
    multi-user.target.wants/guestlink-hostd.service; do
    [ -L "$tree/etc/systemd/system/$link" ] || fail "$link is not enabled"
    echo "enabled: $link"
done
[ ! -e "$tree/var/lib/guestlink" ] || fail "keys are made at the first start, not by the package"
is "configuration files" \
    "/etc/guestlink/agent.conf /etc/guestlink/hostd.conf /etc/needrestart/conf.d/guestlink-agent.conf /etc/pam.d/guestlink" \
    "$(in_tree dpkg-query -W -f '${Conffiles}\n' guestlink-agent guestlink-host | awk 'NF { print $1 }' | sort | xargs)"

# ------------------------------------------------------------------ used

say "Used, over a Unix socket: the daemon as its own user, the agent as root"
in_tree install -d -m 755 -o guestlink -g guestlink /tmp/gl /var/lib/guestlink/hostd
chmod 700 "$tree/var/lib/guestlink/hostd"
chroot --userspec=guestlink:guestlink "$tree" guestlink-hostd --listen unix:/tmp/gl/guests.sock \
    --control /tmp/gl/control.sock >"$work/hostd.log" 2>&1 &
hostd=$!
chroot "$tree" guestlink-agent --connect unix:/tmp/gl/guests.sock --name demo >"$work/agent.log" 2>&1 &
agent=$!
gl() { in_tree guestlink --control /tmp/gl/control.sock "$@"; }
tries=0
until gl wait --timeout 10 demo >"$work/wait.log" 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "no guest: $(cat "$work"/*.log)"
    sleep 0.1
done
is "exec" root "$(gl exec demo -- id -un)"
is "exec -u nobody, by PAM" nobody "$(gl exec -u nobody demo -- id -un)"
is "the socket" "660 guestlink:guestlink" "$(in_tree stat -c '%a %U:%G' /tmp/gl/control.sock)"
gl cp demo:/etc/debian_version - | cmp - "$tree/etc/debian_version" || fail "cp"
kill "$agent" "$hostd"
wait "$agent" || fail "the agent's end: $(cat "$work/agent.log")"
wait "$hostd" || fail "the daemon's end: $(cat "$work/hostd.log")"
[ -e "$tree/var/lib/guestlink/agent/agent.key" ] || fail "the agent has no key"
rm -r "$tree/tmp/gl"

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
apt purge guestlink-agent guestlink-host
rm -r "$tree/debs"
listing >"$work/after"
# The user stays: see guestlink-host.postrm. What was there before it was made is kept beside (passwd-).
diff "$work/before" "$work/after" | grep '^[<>]' | grep -v -E '^> \./etc/(passwd|group|shadow|gshadow)-$' &&
    fail "that is left, or gone"
in_tree getent passwd guestlink >/dev/null || fail "the user is gone"
echo "no file is left; the user stays"

say "check-packages: all is well"
