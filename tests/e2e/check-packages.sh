#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds the Debian packages from a clean copy of the sources, asks lintian, and tries them in a small Debian tree: installed,
# used, upgraded with changed configuration, purged; and what the packages' scripts ask of systemd, by each of the ways that dpkg
# calls them. Needs root, mmdebstrap, lintian, the build dependencies and Debian's archive, and three minutes. All of it is in one
# folder that is removed again.
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
    vm_bounded 1800 "$top/packaging/deb/build.sh" --source "$debs" >"$work/build.log" 2>&1 || {
        tail -n 50 "$work/build.log" >&2
        fail "the build"
    }
    grep -E '^# (TOTAL|PASS|FAIL|SKIP):' "$work/build.log" || true
fi
ls -l "$debs"

say "Lintian: errors and warnings that are not explained"
set -- "$debs"/*.changes
[ -e "$1" ] || set -- "$debs"/*.deb # a release has the packages alone
vm_bounded 600 lintian --allow-root --fail-on error,warning --pedantic "$@" || fail "lintian"
# With the overrides, which would count as well.
vm_bounded 600 lintian --allow-root --fail-on none --show-overrides "$@"

# ------------------------------------------------------------------ a tree

package_tree systemd,udev,libpam-runtime
# Nothing is started, and nothing asks.
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
chmod 755 "$tree/usr/sbin/policy-rc.d"
in_tree() { vm_bounded 900 env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$tree" "$@"; }
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

# Loaded by name (exec-pam.c), so no tool has found it; and what gives sessions that are not the agent's to end.
depends_on() { dpkg-deb -f "$debs"/guestlink-agent_*.deb "$1" | tr ',' '\n' | sed 's/^ *//; s/ .*//' | grep -qx "$2"; } # FIELD PACKAGE
depends_on Depends libpam0g || fail "the agent does not depend on libpam0g"
depends_on Recommends libpam-systemd || fail "the agent does not recommend libpam-systemd"

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
package_listing ./debs >"$work/after"
# The user stays: see guestlink-host.postrm. What was there before it was made is kept beside (passwd-).
diff "$work/before" "$work/after" | grep '^[<>]' | grep -v -E '^> \./etc/(passwd|group|shadow|gshadow)-$' &&
    fail "that is left, or gone"
in_tree getent passwd guestlink >/dev/null || fail "the user is gone"
echo "no file is left; the user stays"

# ------------------------------------------------------------------ asked of systemd

say "Asked of systemd"
# A manager seems to run, as its folder is there. The agent's process is none that dpkg is a part of. With /failed there is none, as
# all units have failed.
mkdir -p "$tree/run/systemd/system"
for command in systemctl deb-systemd-invoke udevadm; do
    cat >"$tree/usr/local/bin/$command" <<'EOF'
#!/bin/sh
case $* in
--root=*) exec "/usr/bin/${0##*/}" "$@" ;; # deb-systemd-helper, of files alone
show*MainPID*)
    [ ! -e /failed ] || exec echo 0
    echo 99999999
    ;;
'is-failed --quiet guestlink-agent.service' | 'is-failed --quiet guestlink-hostd.service guestlink-hostd.socket')
    [ -e /failed ]
    exit
    ;;
*) echo "${0##*/} $*" >>/calls ;;
esac
EOF
    chmod 755 "$tree/usr/local/bin/$command"
done
mkdir "$tree/debs/this" "$tree/debs/next" "$tree/debs/broken"
for package in guestlink-agent guestlink-host; do
    mv "$tree/debs/$package"_*.deb "$tree/debs/next/$package.deb"
    cp "$debs/$package"_*.deb "$tree/debs/this/$package.deb"
    dpkg-deb -R "$tree/debs/next/$package.deb" "$work/repack"
    printf '#!/bin/sh\nexit 1\n' >"$work/repack/DEBIAN/preinst"
    chmod 755 "$work/repack/DEBIAN/preinst"
    dpkg-deb --root-owner-group -b "$work/repack" "$tree/debs/broken/$package.deb" >/dev/null
    rm -r "$work/repack"
done

asked() { # WHAT well|badly CALLS DPKG-ARGUMENT...
    what=$1
    ends=$2
    calls=$3
    shift 3
    : >"$tree/calls"
    ended=well
    in_tree env PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin dpkg "$@" >"$work/dpkg.log" 2>&1 || ended=badly
    [ "$ended" = "$ends" ] || fail "$what ended $ended: $(cat "$work/dpkg.log")"
    is "$what" "$calls" "$(cat "$tree/calls")"
}

reload="systemctl --system daemon-reload"
for package in guestlink-agent guestlink-host; do
    case $package in
    *agent)
        udev="udevadm control --reload
udevadm trigger --subsystem-match=vmbus
udevadm trigger --subsystem-match=misc --sysname-match=vsock --sysname-match=vmci
udevadm settle --timeout=10
"
        start="deb-systemd-invoke start guestlink-agent.service"
        restart="deb-systemd-invoke try-restart guestlink-agent.service"
        stop="deb-systemd-invoke stop guestlink-agent.service"
        revive=$start
        ;;
    *)
        udev=
        start="deb-systemd-invoke start guestlink-hostd.socket guestlink-hostd.service"
        restart="deb-systemd-invoke try-restart guestlink-hostd.service"
        stop="deb-systemd-invoke stop guestlink-hostd.service guestlink-hostd.socket"
        revive="deb-systemd-invoke reset-failed guestlink-hostd.service guestlink-hostd.socket
deb-systemd-invoke restart guestlink-hostd.service
deb-systemd-invoke start guestlink-hostd.socket"
        ;;
    esac
    this=/debs/this/$package.deb
    asked "$package, installed" well "$udev$reload
$start" --install "$this"
    asked "$package, upgraded" well "$udev$reload
$restart" --install "/debs/next/$package.deb"
    asked "$package, downgraded" well "$udev$reload
$restart" --install "$this"
    : >"$tree/failed"
    asked "$package, upgraded when it had failed" well "$udev$reload
$revive" --install "/debs/next/$package.deb"
    rm "$tree/failed"
    asked "$package, an upgrade that does not begin" badly "$reload" --install "/debs/broken/$package.deb"
    prerm=$tree/var/lib/dpkg/info/$package.prerm
    echo 'exit 1' >>"$prerm"
    asked "$package, a removal that fails" badly "$stop
$reload
$start" --remove "$package"
    sed -i '$d' "$prerm"
    asked "$package, removed" well "$stop
$reload" --remove "$package"
    asked "$package, installed again" well "$udev$reload
$start" --install "$this"
    asked "$package, purged" well "$stop
$reload
systemctl daemon-reload" --purge "$package"
    asked "$package, unpacked" well "" --unpack "$this"
    rm -f "$tree"/run/guestlink-*.installed # a boot
    asked "$package, configured after a boot" well "$udev$reload
$start" --configure "$package"
done
is "left in /run" "" "$(find "$tree/run" -name 'guestlink-*')"

say "check-packages: all is well"
