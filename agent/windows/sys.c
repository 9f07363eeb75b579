/* SPDX-License-Identifier: MIT */
#include "sys.h"

#include <signal.h>
#include <uv.h>

#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <winioctl.h>

#include "mem.h"
#include "windows/disk-windows.h"
#include "windows/service.h"
#include "windows/smbios.h"
#include "windows/wide.h"

#define TABLE_MAX (1024u * 1024) /* bytes; they have some thousand */
#define PROVIDER  0x52534D42u    /* 'RSMB' */

const char *const gl_sys_help_signals =
    "In a console Ctrl-C stops it: it says goodbye to the host, ends what runs for it, and exits.\n"
    "As a service it logs to the event log, and\n"
    "'sc control guestlink-agent paramchange' has it read the policy and the log level again;\n"
    "what runs goes on.\n"
    "\n"
    "Exit status: 0 stopped, 1 cannot start, 2 bad usage.\n";
const char *const gl_sys_help_more = gl_service_help;

bool gl_sys_machine(uint8_t ret_machine[GL_SYS_MACHINE_SIZE])
{
    UINT size = GetSystemFirmwareTable(PROVIDER, 0, NULL, 0);
    if (size == 0 || size > TABLE_MAX)
        return false;
    uint8_t *table = gl_alloc(size);
    UINT got = GetSystemFirmwareTable(PROVIDER, 0, table, size);
    bool found = got > 0 && got <= size && gl_smbios_uuid(table, got, ret_machine);
    gl_free(table);
    return found;
}

/*
 * vmgenerationcounter.h, which mingw-w64 has not: "Virtual machine generation identifier" and
 * "IOCTL_VMGENCOUNTER_READ" on learn.microsoft.com. It wants an administrator.
 */
#define GENERATION_DEVICE L"\\\\.\\VmGenerationCounter"
#define GENERATION_READ                                                                            \
    CTL_CODE(FILE_DEVICE_ACPI, 0x1, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

bool gl_sys_generation(uint8_t ret_generation[GL_SYS_GENERATION_SIZE])
{
    uint64_t counter[2]; /* struct VM_GENCOUNTER: low, high */
    DWORD got = 0;
    HANDLE device = CreateFileW(GENERATION_DEVICE, GENERIC_READ | GENERIC_WRITE,
                                FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    if (device == INVALID_HANDLE_VALUE)
        return false;
    BOOL ok =
        DeviceIoControl(device, GENERATION_READ, NULL, 0, counter, sizeof(counter), &got, NULL);
    CloseHandle(device);
    if (!ok || got != sizeof(counter) || (counter[0] == 0 && counter[1] == 0))
        return false;
    memcpy(ret_generation, counter, GL_SYS_GENERATION_SIZE);
    return true;
}

bool gl_sys_is_own_cid(uint32_t cid)
{
    (void)cid; /* Windows has no vsock; a partition's own VmId is told by its wildcard */
    return false;
}

/* What libuv makes of ^C, Ctrl-Break and a console that is closed. */
const int gl_sys_stop_signals[] = {SIGINT, SIGBREAK, SIGHUP, 0};
const int gl_sys_reload_signal = 0;

void gl_sys_trim_memory(void)
{
    /*
     * What the heap has free goes back to the system. The working set is left alone: emptying it
     * (SetProcessWorkingSetSize with -1, -1) only makes the agent slow at the next call, since the
     * system takes pages itself as soon as it needs them.
     */
    HeapCompact(GetProcessHeap(), 0);
}

void gl_sys_hostname(char *out, size_t size)
{
    wchar_t name[256];
    DWORD length = GL_ARRAY_SIZE(name);
    /* As the machine itself is called, also where it is a cluster's node. */
    char *text = GetComputerNameExW(ComputerNamePhysicalDnsHostname, name, &length) && length > 0
                     ? gl_narrow(name)
                     : NULL;
    snprintf(out, size, "%s", text ? text : "localhost");
    gl_free(text);
}

/* As file systems compare names, and of all names that they have: one that is not quite UTF-8 must
 * not slip past a rule. */
char *gl_sys_fold(const char *text)
{
    char *folded = gl_disk_fold(text);
    return folded ? folded : gl_strdup(text);
}

char *gl_sys_fold_path(const char *path)
{
    char *folded = gl_sys_fold(path);
    for (char *p = folded; *p; p++)
        if (*p == '\\')
            *p = '/';
    return folded;
}

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

/* \\server\share and \\?\Volume{...}, which have no drive ("Naming Files, Paths, and Namespaces",
 * learn.microsoft.com); \\?\C:\x means C:\x. */
bool gl_sys_path_eludes(const char *path)
{
    if (!is_slash(path[0]) || !is_slash(path[1]))
        return false;
    bool drive = path[2] == '?' && is_slash(path[3]) && path[4] && path[5] == ':';
    return !drive;
}

/* "C:/...", "//server/share/..." or a wildcard; and since a backslash takes the next character as
 * it is, whoever writes C:\Windows would ask for C:Windows. */
const char *gl_sys_pattern_fault(const char *pattern)
{
    for (const char *p = pattern; *p; p++) {
        if (*p == '\\' && (!p[1] || !strchr("*?[{", *++p)))
            return "paths are written with /: 'C:/Windows/*'";
    }
    if (*pattern == '*' || *pattern == '?' || strncmp(pattern, "//", 2) == 0 ||
        (pattern[0] && pattern[1] == ':' && pattern[2] == '/'))
        return NULL;
    return "a path begins with a drive or a server: 'C:/Windows/*', '//server/share/*'";
}

const char *gl_sys_pattern_from_root(const char *pattern)
{
    bool drive = pattern[0] && pattern[1] == ':';
    return pattern + (drive ? 2 : gl_sys_path_eludes(pattern) ? 1 : 0);
}
