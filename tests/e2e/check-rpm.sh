#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds the RPMs from a clean copy of the sources, asks rpmlint, compares their files with those of the Debian packages, and tries
# them in a small Debian tree: installed, used, upgraded with changed configuration and from within an exec, erased. Needs
# root, rpm, rpmlint, mmdebstrap, what the Debian packages need to be built, Debian's archive, and five minutes. All of it is in
# one folder that is removed again.
#
#   make check-rpm      or: tests/e2e/check-rpm.sh
#
# DEB_BUILD_OPTIONS=nocheck leaves out the unit tests. What is not seen here: a Fedora system, with its systemd-rpm-macros
# (packaging/rpm/macros.debian stands in), its dependencies and SELinux. The tree has no init: systemctl is the real one where
# no manager is asked, and otherwise a script that writes down what it is asked for.
# shellcheck disable=SC2016 # scripts that the tree's shell expands
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
rpm_dir=$top/packaging/rpm
name=check-rpm
# shellcheck source=tests/e2e/vm-lib.sh
. "$top/tests/e2e/vm-lib.sh"
# shellcheck source=tests/e2e/package-lib.sh
. "$top/tests/e2e/package-lib.sh"

for tool in rpm rpmbuild rpmlint; do
    command -v "$tool" >/dev/null || {
        echo "check-rpm: skipped: $tool is not installed" >&2
        exit 77
    }
done
vm_need mmdebstrap dpkg-buildpackage cpio
vm_unshare "$@"

vm_work
tree=$work/tree

# ------------------------------------------------------------------ build

build() { # LOG COMMAND...
    log=$work/$1
    shift
    vm_bounded 1800 "$@" >"$log" 2>&1 || {
        tail -n 50 "$log" >&2
        fail "the build: $*"
    }
}

say "Building from a clean copy"
tarball=$(vm_bounded 300 "$top/packaging/make-tarball.sh" "$work")
rpms=$work/rpms
next=$work/next
case " ${DEB_BUILD_OPTIONS-} " in
*" nocheck "*) build rpm.log "$rpm_dir/build.sh" --tarball "$tarball" "$rpms" --without tests ;;
*) build rpm.log "$rpm_dir/build.sh" --tarball "$tarball" "$rpms" ;;
esac
grep -E '^# (TOTAL|PASS|FAIL|SKIP):' "$work/rpm.log" || true
ls -l "$rpms"
DEB_BUILD_OPTIONS="nocheck ${DEB_BUILD_OPTIONS-}" build deb.log "$top/packaging/deb/build.sh" --tarball "$tarball" "$work/debs"
rm -f "$work"/debs/*-dbgsym_*

# The next release, with other configuration files.
mkdir "$work/copy"
cp -r "$top/packaging" "$work/copy"
sed -i -e 's/^\(Release: *\)1/\12/' \
    -e 's|^%check|sed -i "1i # of the next release" %{buildroot}%{_sysconfdir}/guestlink/*.conf\n&|' "$work/copy/packaging/rpm/guestlink.spec"
build next.log "$work/copy/packaging/rpm/build.sh" --tarball "$tarball" "$next" --without tests

say "rpmlint: nothing that is not explained"
vm_bounded 600 rpmlint --strict -c "$rpm_dir/rpmlint.toml" -r "$rpm_dir/guestlink.rpmlintrc" "$rpms"/*.rpm "$rpm_dir/guestlink.spec" || fail "rpmlint"

# ------------------------------------------------------------------ files

say "The same files as in the Debian packages"
# What is otherwise, by rule of the distribution. Folders count if they are ours.
files_of_deb() { # DEB
    dpkg-deb -c "$1" | awk '{ sub("/", ":", $2); sub("^[.]", "", $6); print $1, $2, $6 }' | sed \
        -e '/^d/d' \
        -e '/\/usr\/share\/lintian\//d' \
        -e '/\/changelog\.Debian\.gz$/d' \
        -e 's, /lib/, /usr/lib/,' \
        -e 's,/zsh/vendor-completions/,/zsh/site-functions/,' \
        -e 's,/doc/\(.*\)/copyright$,/licenses/\1/LICENSE,' \
        -e 's,/doc/\(.*\)/examples/,/doc/\1/,' \
        -e 's,/doc/\(.*\)\.md\.gz$,/doc/\1.md,'
}
# Presets switch on what Debian's maintainer scripts do.
files_of_rpm() { # RPM
    rpm -qp --qf '[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]' "$1" | sed \
        -e '/^d/d' \
        -e '/\/usr\/lib\/systemd\/system-preset\/80-guestlink-[a-z]*\.preset$/d'
}
for package in guestlink-agent guestlink-host; do
    set -- "$work/debs/$package"_*.deb "$rpms/$package"-[0-9]*.rpm
    files_of_deb "$1" | LC_ALL=C sort >"$work/$package.deb-files"
    files_of_rpm "$2" | LC_ALL=C sort >"$work/$package.rpm-files"
    diff "$work/$package.deb-files" "$work/$package.rpm-files" || fail "$package: < in the .deb, > in the .rpm"
    echo "$package: $(wc -l <"$work/$package.rpm-files") files, modes and owners are the same"
    mkdir "$work/$package.d" "$work/$package.r"
    dpkg-deb -x "$1" "$work/$package.d"
    rpm2cpio "$2" | (cd "$work/$package.r" && cpio -idm --quiet)
    same=0
    for file in $(cd "$work/$package.d" && find . -type f ! -path '*/*bin/*' ! -path './usr/share/*/*.gz' \
        ! -path './usr/share/doc/*' ! -path './usr/share/lintian/*' ! -path './usr/share/zsh/*' ! -path ./etc/pam.d/guestlink); do
        to=$work/$package.r/$file
        [ -e "$to" ] || to=$work/$package.r/usr/$file # /lib
        cmp "$work/$package.d/$file" "$to" || fail "${file#.} differs"
        same=$((same + 1))
    done
    echo "$package: the bytes of $same text files are the same"
done
is "folders of the agent" "/etc/guestlink /etc/needrestart /etc/needrestart/conf.d /usr/libexec/guestlink /usr/share/doc/guestlink-agent /usr/share/licenses/guestlink-agent" \
    "$(rpm -qplv "$rpms"/guestlink-agent-[0-9]*.rpm | awk '/^d/ { print $NF }' | sort | xargs)"
is "folders of the host" "/etc/guestlink /run/guestlink /usr/share/doc/guestlink-host /usr/share/licenses/guestlink-host" \
    "$(rpm -qplv "$rpms"/guestlink-host-[0-9]*.rpm | awk '/^d/ && !/(zsh|fish|completion)/ { print $NF }' | sort | xargs)"
is "configuration" "/etc/guestlink/agent.conf /etc/guestlink/hostd.conf /etc/needrestart/conf.d/guestlink-agent.conf /etc/pam.d/guestlink" \
    "$(rpm -qp --qf '[%{FILENAMES} %{FILEFLAGS:fflags}\n]' "$rpms"/guestlink-[ah]*.rpm | awk '$2 ~ /c/ && $2 ~ /n/ { print $1 }' |
        sort | xargs)"
rpm -qp --requires "$rpms"/guestlink-agent-[0-9]*.rpm | grep -qx pam || fail "the agent does not require pam, which it loads by name"
is "recommended" systemd-pam "$(rpm -qp --recommends "$rpms"/guestlink-agent-[0-9]*.rpm)"

# ------------------------------------------------------------------ a tree

include=systemd,udev,rpm,libpam-runtime,libpam-systemd
include=$include,libconfuse2,libjansson4,libprotobuf-c1,libsodium23,libuv1,libxxhash0
package_tree "$include"
in_tree() { vm_bounded 300 env LC_ALL=C.UTF-8 chroot "$tree" "$@"; }
# As Fedora: a folder that is there, nothing is on by itself, PAM's common part has another name, and what has no rules is
# denied.
mkdir "$tree/usr/share/licenses"
echo 'disable *' >"$tree/usr/lib/systemd/system-preset/99-default-disable.preset"
cat >"$tree/etc/pam.d/password-auth" <<'EOF'
account  required  pam_unix.so
session  required  pam_limits.so
-session optional  pam_systemd.so
session  required  pam_unix.so
EOF
for kind in auth account password session; do
    echo "$kind required pam_deny.so"
done >"$tree/etc/pam.d/other"
echo 'LANG=C.UTF-8' >"$tree/etc/locale.conf"
echo 'GL_FROM_PAM=yes' >>"$tree/etc/environment"
# A manager seems to run if /run/systemd/system is there, and then is not asked but written down. /agent has the agent's process.
# With /failed all units have failed.
mv "$tree/usr/bin/systemctl" "$tree/usr/bin/systemctl.real"
cat >"$tree/usr/bin/systemctl" <<'EOF'
#!/bin/sh
echo "systemctl $*" >>/calls
if [ -d /run/systemd/system ]; then
    case $1 in
    show) cat /agent ;;
    is-active) exit 3 ;;
    is-failed)
        [ -e /failed ]
        exit
        ;;
    esac
    exit
fi
for word; do
    shift
    [ "$word" = --now ] || set -- "$@" "$word"
done
exec systemctl.real "$@"
EOF
cat >"$tree/usr/bin/systemd-run" <<'EOF'
#!/bin/sh
while [ "$1" != /bin/sh ]; do
    shift
done
echo "systemd-run" >>/calls
setsid "$@" </dev/null >/dev/null 2>&1 &
EOF
chmod 755 "$tree/usr/bin/systemctl" "$tree/usr/bin/systemd-run"
calls() { # what was asked since
    cat "$tree/calls" 2>/dev/null
    rm -f "$tree/calls"
}

# Debian's rpm does not know what Debian has.
rpm_in_tree() {
    in_tree rpm --force-debian --nodeps "$@" >"$work/rpm.out" 2>&1 || fail "rpm $*: $(cat "$work/rpm.out")"
    # Scripts that fail are reported, and nothing else comes of it.
    ! grep -i -E 'scriptlet|warning: %|fail|not found' "$work/rpm.out" || fail "rpm $*: $(cat "$work/rpm.out")"
}
cp -r "$rpms" "$next" "$tree"
agent_rpm=$(cd "$rpms" && echo guestlink-agent-[0-9]*.rpm)
host_rpm=$(cd "$rpms" && echo guestlink-host-[0-9]*.rpm)
in_tree rpmdb --initdb
package_listing ./root ./rpms ./next ./calls ./agent >"$work/before"

# ------------------------------------------------------------------ installed

say "Installed"
rpm_in_tree -i "/rpms/$agent_rpm" "/rpms/$host_rpm"
calls >"$work/calls"
is "asked of systemd" "systemctl --no-reload preset guestlink-agent.service
systemctl --no-reload preset guestlink-hostd.socket guestlink-hostd.service" "$(LC_ALL=C sort "$work/calls")"
# By the rule systemd hears of /dev/vsock, and would start at once what that wants by then.
in_tree rpm -qp --scripts "/rpms/$agent_rpm" 2>"$work/scripts.log" | awk '/udevadm trigger/ { told = 1 }
    /preset guestlink-agent/ { well = told } END { exit !well }' || fail "the agent is on before systemd is told of /dev/vsock"
package_installed "$(in_tree rpm -q --qf '%{VERSION}' guestlink-host)"
in_tree rpm -V --nodeps guestlink-agent guestlink-host || fail "files are not as in the packages"

# ------------------------------------------------------------------ used

package_start
is "by PAM, as Fedora's file says" yes "$(gl exec -u nobody demo -- printenv GL_FROM_PAM)"

# ------------------------------------------------------------------ upgraded

say "Upgraded through the agent: the command goes on, and the agent is restarted after it"
echo '# changed here' >>"$tree/etc/guestlink/agent.conf"
key=$(sha256sum <"$tree/var/lib/guestlink/agent/agent.key")
in_tree systemctl disable --quiet guestlink-hostd.service
calls >/dev/null
mkdir -p "$tree/run/systemd/system"
# chroot has become the agent.
echo "$agent" >"$tree/agent"
gl exec demo -- sh -c 'rpm --force-debian --nodeps -U /next/guestlink-agent-[0-9]*.rpm /next/guestlink-host-[0-9]*.rpm && echo "calls: before the end" >>/calls
    echo upgraded' >"$work/upgrade.log" 2>&1 || fail "the upgrade: $(cat "$work/upgrade.log")"
cat "$work/upgrade.log"
is "what ran to its end" upgraded "$(tail -n 1 "$work/upgrade.log")"
kill -0 "$agent" || fail "the agent is gone"
tries=0
until grep -q 'try-restart guestlink-agent' "$tree/calls"; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || fail "the agent is not restarted: $(cat "$tree/calls")"
    sleep 0.1
done
calls >"$work/calls"
is "what is told of it, once" 1 "$(grep -c 'restarted when that has ended' "$work/upgrade.log")"
is "its restart" "systemd-run calls: before the end systemctl try-restart guestlink-agent.service" \
    "$(grep -E '^(systemd-run|calls:)|guestlink-agent' "$work/calls" | grep -v ' show \| is-active \| is-failed ' | xargs)"
is "the host daemon's" "systemctl try-restart guestlink-hostd.service" "$(grep hostd "$work/calls" | grep -v ' is-failed ')"
grep -q daemon-reload "$work/calls" || fail "the units are not read anew"
for package in guestlink-agent guestlink-host; do
    is "$package" 2 "$(in_tree rpm -q --qf '%{RELEASE}' "$package")"
done
is "a changed file" '# changed here' "$(tail -n 1 "$tree/etc/guestlink/agent.conf")"
is "the new one beside it" '# of the next release' "$(head -n 1 "$tree/etc/guestlink/agent.conf.rpmnew")"
is "an unchanged file" '# of the next release' "$(head -n 1 "$tree/etc/guestlink/hostd.conf")"
[ ! -e "$tree/etc/guestlink/hostd.conf.rpmnew" ] || fail "hostd.conf.rpmnew"
is "the key" "$key" "$(sha256sum <"$tree/var/lib/guestlink/agent/agent.key")"
[ -L "$tree/etc/systemd/system/dev-vsock.device.wants/guestlink-agent.service" ] || fail "the agent is off"
[ ! -L "$tree/etc/systemd/system/multi-user.target.wants/guestlink-hostd.service" ] || fail "what was switched off is on again"

say "Upgraded by somebody else: restarted at once"
rpm_in_tree -U --oldpackage "/rpms/$agent_rpm"
is "its restart" "systemctl try-restart guestlink-agent.service" "$(calls | grep try-restart)"

say "Upgraded when they had failed: started anew"
: >"$tree/failed"
rpm_in_tree -U --oldpackage "/rpms/$host_rpm"
rpm_in_tree -U "/next/$(cd "$next" && echo guestlink-agent-[0-9]*.rpm)"
rm "$tree/failed"
calls >"$work/calls"
is "asked of systemd" "systemctl reset-failed guestlink-hostd.service guestlink-hostd.socket
systemctl start guestlink-hostd.socket guestlink-hostd.service
systemctl start guestlink-agent.service" "$(grep -E ' (reset-failed|start) ' "$work/calls")"

# ------------------------------------------------------------------ erased

say "Erased: what was changed is saved, and keys stay"
package_stop
rm -r "$tree/run/systemd"
rpm_in_tree -e guestlink-agent guestlink-host
calls >"$work/calls"
is "asked of systemd" "systemctl --no-reload --now disable guestlink-agent.service
systemctl --no-reload --now disable guestlink-hostd.service guestlink-hostd.socket" "$(LC_ALL=C sort "$work/calls")"
is "saved" '# changed here' "$(tail -n 1 "$tree/etc/guestlink/agent.conf.rpmsave")"
is "the key" "$key" "$(sha256sum <"$tree/var/lib/guestlink/agent/agent.key")"
rm -r "$tree/var/lib/guestlink"
package_listing ./root ./rpms ./next ./calls ./agent >"$work/after"
is "what else is there now" "./etc/guestlink ./etc/guestlink/agent.conf.rpmnew ./etc/guestlink/agent.conf.rpmsave" \
    "$(LC_ALL=C comm -13 "$work/before" "$work/after" | grep -v -E '^\./etc/(passwd|group|shadow|gshadow)-$' | xargs)"
is "what is missing" "" "$(LC_ALL=C comm -23 "$work/before" "$work/after" | xargs)"
in_tree getent passwd guestlink >/dev/null || fail "the user is gone"

say "Without systemd, as images are made: nothing is asked, and nothing is complained of"
mkdir "$tree/root/away"
for program in systemctl systemctl.real systemd-sysusers systemd-tmpfiles udevadm; do
    mv "$tree/usr/bin/$program" "$tree/root/away"
done
rpm_in_tree -i "/rpms/$agent_rpm" "/rpms/$host_rpm"
rpm_in_tree -U "/next/$(cd "$next" && echo guestlink-agent-[0-9]*.rpm)" "/next/$(cd "$next" && echo guestlink-host-[0-9]*.rpm)"
rpm_in_tree -e guestlink-agent guestlink-host
is "what was said" "" "$(cat "$work/rpm.out")"

say "check-rpm: all is well"
