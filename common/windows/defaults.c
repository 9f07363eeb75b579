/* SPDX-License-Identifier: MIT */
#include "defaults.h"

/* clang-format off */
#include <windows.h>
#include <initguid.h> /* so that the folder's id is defined here */
#include <knownfolders.h>
#include <shlobj.h>
/* clang-format on */

#include "mem.h"
#include "windows/wide.h"

const char *const gl_default_control = "pipe:guestlink-control";
/* Children alone: whoever is on the host itself, or above it, is no guest of this host. */
const char *const gl_default_listen = "hvsock:children:1007";
const char *const gl_default_connect = "hvsock:parent:1007";

/* KNOWNFOLDERID, SHGetKnownFolderPath function (shlobj_core.h), learn.microsoft.com. */
static char *program_data(void)
{
    PWSTR wide = NULL;
    char *path = NULL;
    if (SUCCEEDED(SHGetKnownFolderPath(&FOLDERID_ProgramData, KF_FLAG_DEFAULT, NULL, &wide)))
        path = gl_narrow(wide);
    CoTaskMemFree(wide);
    return path ? path : gl_strdup("C:\\ProgramData");
}

static char *below_program_data(const char *daemon, const char *extension)
{
    char *data = program_data();
    char *path = gl_asprintf("%s\\guestlink\\%s%s", data, daemon, extension);
    gl_free(data);
    return path;
}

char *gl_default_config(const char *daemon)
{
    return below_program_data(daemon, ".conf");
}

char *gl_default_state(const char *daemon)
{
    return below_program_data(daemon, "");
}
