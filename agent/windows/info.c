/* SPDX-License-Identifier: MIT */
#include "info.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <windows.h>

#include "mem.h"
#include "windows/info-name.h"
#include "windows/info-parts.h"
#include "windows/wide.h"

#define CURRENT_VERSION L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
#define PROCESSOR       L"HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0"

/* ------------------------------------------------------------------ registry */

/* "" if there is none. For gl_free(). */
static char *read_text(const wchar_t *key, const wchar_t *value)
{
    wchar_t text[256] = L"";
    DWORD size = sizeof(text);
    if (RegGetValueW(HKEY_LOCAL_MACHINE, key, value, RRF_RT_REG_SZ, NULL, text, &size) != 0)
        return gl_strdup("");
    return gl_narrow_lossy(text);
}

static uint32_t read_number(const wchar_t *key, const wchar_t *value)
{
    DWORD number = 0, size = sizeof(number);
    if (RegGetValueW(HKEY_LOCAL_MACHINE, key, value, RRF_RT_REG_DWORD, NULL, &number, &size) != 0)
        return 0;
    return number;
}

/* ------------------------------------------------------------------ parts */

/* GetVersionEx() says what the manifest promises, this the truth ("RtlGetVersion function",
 * learn.microsoft.com). */
static bool read_kernel(RTL_OSVERSIONINFOEXW *ret_version)
{
    typedef LONG(WINAPI * get_version)(RTL_OSVERSIONINFOEXW *);
    RTL_OSVERSIONINFOEXW version = {.dwOSVersionInfoSize = sizeof(version)};
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    get_version get = ntdll ? (get_version)(void *)GetProcAddress(ntdll, "RtlGetVersion") : NULL;
    if (!get || get(&version) != 0)
        return false;
    *ret_version = version;
    return true;
}

static void collect_release(Gl__Info *info)
{
    RTL_OSVERSIONINFOEXW kernel;
    if (!read_kernel(&kernel))
        return;
    char *product = read_text(CURRENT_VERSION, L"ProductName");
    char *display = read_text(CURRENT_VERSION, L"DisplayVersion");
    if (!*display) { /* before Windows 10 20H2 */
        gl_free(display);
        display = read_text(CURRENT_VERSION, L"ReleaseId");
    }
    struct gl_windows_release release = {
        .product = product,
        .display = display,
        .major = kernel.dwMajorVersion,
        .minor = kernel.dwMinorVersion,
        .build = kernel.dwBuildNumber,
        .revision = read_number(CURRENT_VERSION, L"UBR"),
        .workstation = kernel.wProductType == VER_NT_WORKSTATION,
    };
    char *name = gl_windows_name(&release), *version = gl_windows_version(&release);
    char *build = gl_asprintf("%lu.%lu.%lu", (unsigned long)release.major,
                              (unsigned long)release.minor, (unsigned long)release.build);
    gl_info_set(&info->os_name, name);
    gl_info_set(&info->os_id, "windows");
    gl_info_set(&info->os_version, version);
    gl_info_set(&info->kernel, build);
    gl_free(build);
    gl_free(version);
    gl_free(name);
    gl_free(display);
    gl_free(product);
}

static void collect_machine(Gl__Info *info)
{
    SYSTEM_INFO system;
    GetNativeSystemInfo(&system);
    switch (system.wProcessorArchitecture) {
    case PROCESSOR_ARCHITECTURE_AMD64:
        return gl_info_set(&info->machine, "x86_64");
    case PROCESSOR_ARCHITECTURE_ARM64:
        return gl_info_set(&info->machine, "aarch64");
    case PROCESSOR_ARCHITECTURE_INTEL:
        return gl_info_set(&info->machine, "i686");
    default:
        return;
    }
}

static void set_computer_name(char **field, COMPUTER_NAME_FORMAT format)
{
    wchar_t name[1024];
    DWORD length = GL_ARRAY_SIZE(name);
    if (!GetComputerNameExW(format, name, &length))
        return;
    char *text = gl_narrow_lossy(name);
    gl_info_set(field, text);
    gl_free(text);
}

static void collect_names(Gl__Info *info)
{
    set_computer_name(&info->hostname, ComputerNamePhysicalDnsHostname);
    set_computer_name(&info->dns_name, ComputerNamePhysicalDnsFullyQualified);
    set_computer_name(&info->netbios_name, ComputerNamePhysicalNetBIOS);
}

static void collect_memory(Gl__Info *info)
{
    MEMORYSTATUSEX memory = {.dwLength = sizeof(memory)};
    if (!GlobalMemoryStatusEx(&memory))
        return;
    info->memory_total = memory.ullTotalPhys;
    info->memory_available = memory.ullAvailPhys;
}

static void collect_processors(Gl__Info *info)
{
    /* Of all groups: GetSystemInfo() counts the 64 of one only. */
    info->cpus = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    char *model = read_text(PROCESSOR, L"ProcessorNameString");
    gl_info_set(&info->cpu_model, model + strspn(model, " "));
    gl_free(model);
}

static void collect_times(Gl__Info *info)
{
    info->uptime = GetTickCount64() / 1000;
    info->boot_time = (uint64_t)time(NULL) - info->uptime;
}

/* Windows' own name, "W. Europe Standard Time": the other one is known to libraries only that are
 * too big to be loaded for it. */
static void collect_timezone(Gl__Info *info)
{
    DYNAMIC_TIME_ZONE_INFORMATION zone;
    if (GetDynamicTimeZoneInformation(&zone) == TIME_ZONE_ID_INVALID)
        return;
    char *name = gl_narrow_lossy(zone.TimeZoneKeyName);
    gl_info_set(&info->timezone, name);
    gl_free(name);
}

void gl_info_collect(Gl__Info *info)
{
    gl_info_set(&info->system, "windows");
    collect_release(info);
    collect_machine(info);
    collect_memory(info);
    collect_processors(info);
    collect_times(info);
    collect_timezone(info);
    gl_info_set(&info->virtualization, gl_info_virtualization());
}

/* Of the services for names, networks and terminals. */
void gl_info_collect_answers(Gl__Info *info)
{
    collect_names(info);
    gl_info_collect_addresses(info);
    gl_info_collect_sessions(info);
}
