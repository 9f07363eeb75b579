/* SPDX-License-Identifier: MIT */
#include "windows/exec-image.h"

#include <string.h>

#include "mem.h"
#include "windows/nt-open.h"
#include "windows/wide.h"

#ifndef PROCESS_NAME_NATIVE
#define PROCESS_NAME_NATIVE 1
#endif

#define PATH_UNITS 0x8000u /* as long as NT's can be */

/* Opens what the process runs by the name that NT has for it, else by ours. NULL: it cannot. */
static HANDLE open_image(HANDLE process, wchar_t *path)
{
    static const wchar_t prefix[] = L"\\??\\";
    static const DWORD flags[] = {PROCESS_NAME_NATIVE, 0};
    for (size_t i = 0; i < GL_ARRAY_SIZE(flags); i++) {
        size_t before = flags[i] ? 0 : wcslen(prefix);
        DWORD length = (DWORD)(PATH_UNITS - before);
        HANDLE image;
        memcpy(path, prefix, before * sizeof(*path));
        if (!QueryFullProcessImageNameW(process, flags[i], path + before, &length))
            continue;
        const struct gl_nt_open how = {.name = path,
                                       .len = before + length,
                                       .share = GL_NT_SHARE_ALL,
                                       .disposition = FILE_OPEN};
        if (NT_SUCCESS(gl_nt_open(&how, &image)))
            return image;
    }
    return NULL;
}

static bool is_same(HANDLE a, HANDLE b)
{
    FILE_ID_INFO id_a, id_b;
    BY_HANDLE_FILE_INFORMATION info_a, info_b;
    memset(&id_a, 0, sizeof(id_a));
    memset(&id_b, 0, sizeof(id_b));
    if (GetFileInformationByHandleEx(a, FileIdInfo, &id_a, sizeof(id_a)) &&
        GetFileInformationByHandleEx(b, FileIdInfo, &id_b, sizeof(id_b)))
        return memcmp(&id_a, &id_b, sizeof(id_a)) == 0;
    return !GetFileInformationByHandle(a, &info_a) || !GetFileInformationByHandle(b, &info_b) ||
           (info_a.dwVolumeSerialNumber == info_b.dwVolumeSerialNumber &&
            info_a.nFileIndexHigh == info_b.nFileIndexHigh &&
            info_a.nFileIndexLow == info_b.nFileIndexLow);
}

bool gl_exec_image_is(HANDLE process, HANDLE file, char **ret_other)
{
    wchar_t *path = GL_NEW0_ARRAY(wchar_t, PATH_UNITS);
    HANDLE image = open_image(process, path);
    bool same = !image || is_same(image, file);
    if (!same)
        *ret_other = gl_narrow_lossy(path);
    if (image)
        CloseHandle(image);
    gl_free(path);
    return same;
}
