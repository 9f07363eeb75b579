/* SPDX-License-Identifier: MIT */
#include "windows/info-name.h"

#include <inttypes.h>
#include <string.h>

#include "mem.h"

#define WINDOWS_11_BUILD 22000u
#define TEN              "Windows 10"

char *gl_windows_name(const struct gl_windows_release *release)
{
    const char *product = release->product && *release->product ? release->product : "Windows";
    const char *display = release->display ? release->display : "";
    const char *space = *display ? " " : "";
    if (release->workstation && release->build >= WINDOWS_11_BUILD &&
        strncmp(product, TEN, strlen(TEN)) == 0)
        return gl_asprintf("Windows 11%s%s%s", product + strlen(TEN), space, display);
    return gl_asprintf("%s%s%s", product, space, display);
}

char *gl_windows_version(const struct gl_windows_release *release)
{
    return gl_asprintf("%" PRIu32 ".%" PRIu32 ".%" PRIu32 ".%" PRIu32, release->major,
                       release->minor, release->build, release->revision);
}
