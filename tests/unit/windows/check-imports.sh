#!/bin/sh
# SPDX-License-Identifier: MIT
# What the programs for Windows are made of, by their headers: the DLLs that they ask for are ones
# that every Windows has and that are listed here; they may be loaded anywhere and have no data that
# runs; and they say which version of what they are, and that they read UTF-8 and long paths.
set -eu
build=${GL_BUILDDIR:?}
objdump=$(command -v x86_64-w64-mingw32-objdump) || {
    echo "no x86_64-w64-mingw32-objdump (Debian: binutils-mingw-w64-x86-64)"
    exit 77
}

# In lower case; what it is there for.
allowed='
advapi32.dll    tokens, descriptors, services, the registry, random numbers
dbghelp.dll     libuv: a stack when it aborts
iphlpapi.dll    addresses of interfaces
kernel32.dll    nearly everything
msvcrt.dll      the C library
ntdll.dll       libuv, and files by handle
ole32.dll       COM, for WMI and for the folders of the system
oleaut32.dll    texts and variants of COM
secur32.dll     tokens of users without a password
shell32.dll     where ProgramData is
user32.dll      libuv: events of the console
userenv.dll     profiles and variables of users
ws2_32.dll      sockets
wtsapi32.dll    sessions at the screen
'

failed=0
fail() {
    echo "$*"
    failed=1
}

for program in guestlink guestlink-agent guestlink-hostd; do
    exe=$build/$program.exe
    [ -f "$exe" ] || {
        fail "$program.exe is missing"
        continue
    }
    headers=$("$objdump" -p "$exe")

    dlls=$(echo "$headers" | sed -n 's/^[[:space:]]*DLL Name: //p' | tr '[:upper:]' '[:lower:]')
    [ -n "$dlls" ] || fail "$program.exe: no imports were found"
    for dll in $dlls; do
        echo "$allowed" | grep -q "^$dll " || fail "$program.exe asks for $dll, which is not on the list"
    done
    # Loaded late they are no less needed.
    echo "$headers" | grep -q '^Entry d 0000000000000000' || fail "$program.exe loads a DLL late"

    for flag in DYNAMIC_BASE HIGH_ENTROPY_VA NX_COMPAT; do
        echo "$headers" | grep -q "^[[:space:]]*$flag\$" || fail "$program.exe lacks $flag"
    done
    "$objdump" -h "$exe" | grep -q ' \.reloc ' ||
        fail "$program.exe cannot be moved, whatever its flags say: no .reloc"

    # Types of resources: RT_VERSION is 16, RT_MANIFEST is 24 ("Resource Types", learn.microsoft.com).
    for type in 000010 000018; do
        echo "$headers" | grep -q "Entry: ID: 0x$type, Value" || fail "$program.exe has no resource 0x$type"
    done
    strings -e l "$exe" | grep -qx "$program.exe" || fail "$program.exe does not say its name"
    for word in activeCodePage longPathAware; do
        grep -q "$word" "$exe" || fail "$program.exe: no $word in its manifest"
    done
    echo "$program.exe: $(echo "$dlls" | tr '\n' ' ')"
done
exit "$failed"
