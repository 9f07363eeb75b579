#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the packages for Windows: guestlink-agent-VERSION-x64.msi and guestlink-host-VERSION-x64.msi.
#
#   packaging/windows/build-msi.sh BUILD OUT      BUILD: a build folder for Windows, made; OUT: where to
#
# $GL_MSI_VERSION gives the packages another version than the programs have, to try an upgrade.
#
# Needs wixl, msitools and mandoc. Windows' own tables that wixl does not know are added by msibuild.
set -eu

[ $# -eq 2 ] || {
    echo "usage: packaging/windows/build-msi.sh BUILD OUT" >&2
    exit 2
}
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
for tool in wixl msibuild msiinfo mandoc; do
    command -v $tool >/dev/null || {
        echo "build-msi: $tool is missing (Debian: wixl, msitools, mandoc)" >&2
        exit 1
    }
done
version=${GL_MSI_VERSION:-$(sed -n 's/^AC_INIT(\[guestlink\], \[\(.*\)\])$/\1/p' "$source/configure.ac")}
strip=x86_64-w64-mingw32-strip

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"

# wixl takes files by names relative to where it runs.
for program in guestlink-agent guestlink-hostd guestlink; do
    $strip -o "$program.exe" "$build/$program.exe"
done
# Windows' ends of lines.
for text in LICENSE README.md doc/ADMIN.md doc/JSON.md packaging/windows/agent.conf.example packaging/windows/hostd.conf.example; do
    sed 's/$/\r/' "$source/$text" >"${text##*/}"
done
# Windows has no man: the pages as text, without the backspaces that make it bold.
for page in guestlink.1 guestlink-hostd.8 guestlink-hostd.conf.5 guestlink-agent.8 guestlink-agent.conf.5; do
    mandoc -T ascii "$source/doc/man/$page" >page.bold
    sed 's/.\x08//g; s/$/\r/' page.bold >"${page%.[158]}.txt"
done

package() {
    wixl -a x64 -D Version="$version" -o "$1.msi" "$source/packaging/windows/$1.wxs"
}

# The folder of the command line joins the system's PATH ("Environment Table", learn.microsoft.com:
# = set, - remove at uninstall, * the machine's; [~] is what was there).
add_path() {
    msibuild "$1.msi" -q "CREATE TABLE \`Environment\` (\`Environment\` CHAR(72) NOT NULL, \`Name\` CHAR(255) NOT NULL LOCALIZABLE, \`Value\` CHAR(255) LOCALIZABLE, \`Component_\` CHAR(72) NOT NULL PRIMARY KEY \`Environment\`)"
    msibuild "$1.msi" -q "INSERT INTO \`Environment\` (\`Environment\`, \`Name\`, \`Value\`, \`Component_\`) VALUES ('HostPath', '=-*PATH', '[~];[INSTALLDIR]', '$2')"
    msibuild "$1.msi" -q "INSERT INTO \`InstallExecuteSequence\` (\`Action\`, \`Sequence\`) VALUES ('RemoveEnvironmentStrings', 3300)"
    msibuild "$1.msi" -q "INSERT INTO \`InstallExecuteSequence\` (\`Action\`, \`Sequence\`) VALUES ('WriteEnvironmentStrings', 5200)"
}

# An older version goes within the transaction, so that it comes back when the new one cannot be
# installed; wixl puts it before.
inside_transaction() {
    msibuild "$1.msi" -q "UPDATE \`InstallExecuteSequence\` SET \`Sequence\` = 1501 WHERE \`Action\` = 'RemoveExistingProducts'"
}

# Another build of the same version takes its place, too, and does not come beside it; wixl cannot say
# so. 513: msidbUpgradeAttributesMigrateFeatures and ...VersionMaxInclusive ("Upgrade Table").
replaces_its_own_version() {
    code=$(msiinfo export "$1.msi" Upgrade | sed -n 's/^\({[0-9A-F-]*}\).*WIX_UPGRADE_DETECTED.*/\1/p')
    msibuild "$1.msi" -q "DELETE FROM \`Upgrade\` WHERE \`ActionProperty\` = 'WIX_UPGRADE_DETECTED'"
    msibuild "$1.msi" -q "INSERT INTO \`Upgrade\` (\`UpgradeCode\`, \`VersionMax\`, \`Attributes\`, \`ActionProperty\`) VALUES ('$code', '$version', 513, 'WIX_UPGRADE_DETECTED')"
}

package guestlink-agent
package guestlink-host
replaces_its_own_version guestlink-agent
replaces_its_own_version guestlink-host
inside_transaction guestlink-agent
inside_transaction guestlink-host
add_path guestlink-host HostCommandLine
for name in guestlink-agent guestlink-host; do
    mv "$name.msi" "$out/$name-$version-x64.msi"
    echo "$out/$name-$version-x64.msi"
done
