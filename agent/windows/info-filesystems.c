/* SPDX-License-Identifier: MIT */
/* "Enumerating Volumes", "GetVolumePathNamesForVolumeNameW function", learn.microsoft.com. */
#include <string.h>
#include <windows.h>

#include "info.h"
#include "mem.h"
#include "windows/wide.h"

#define PATHS_MAX (32u * 1024) /* UTF-16 units */

/* The first path of a volume, by the length of it: "C:\" rather than a folder it is mounted on,
 * too. NULL: it has none, as those that the firmware starts from. For gl_free(). */
static wchar_t *first_path(const wchar_t *volume)
{
    DWORD length = PATHS_MAX;
    wchar_t *paths = GL_NEW0_ARRAY(wchar_t, PATHS_MAX + 1);
    const wchar_t *best = NULL;
    if (GetVolumePathNamesForVolumeNameW(volume, paths, PATHS_MAX, &length)) {
        for (const wchar_t *p = paths; *p; p += wcslen(p) + 1)
            if (!best || wcslen(p) < wcslen(best))
                best = p;
    }
    wchar_t *path = best ? gl_memdup(best, (wcslen(best) + 1) * sizeof *best) : NULL;
    gl_free(paths);
    return path;
}

static ProtobufCBinaryData copy_bytes(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), gl_memdup(text, strlen(text))};
}

/* `root`: its path, by which Wine knows more than by the volume's own name. */
static void add_root(Gl__Info *info, const wchar_t *volume, const wchar_t *root)
{
    wchar_t type[64] = L"";
    DWORD flags = 0;
    ULARGE_INTEGER available, total, free_;
    UINT kind = GetDriveTypeW(root);
    if (kind != DRIVE_FIXED && kind != DRIVE_REMOVABLE)
        return;
    if (!GetVolumeInformationW(root, NULL, 0, NULL, NULL, &flags, type, GL_ARRAY_SIZE(type)) ||
        !GetDiskFreeSpaceExW(root, &available, &total, &free_) || total.QuadPart == 0)
        return;
    Gl__Info__Filesystem *fs = gl_info_add_filesystem(info);
    if (!fs)
        return;
    char *path = gl_narrow_lossy(root), *source = gl_narrow_lossy(volume),
         *name = gl_narrow_lossy(type);
    fs->mount = copy_bytes(path);
    fs->source = copy_bytes(source);
    gl_info_set(&fs->type, name);
    fs->total = total.QuadPart;
    fs->free = free_.QuadPart;
    fs->available = available.QuadPart;
    fs->read_only = flags & FILE_READ_ONLY_VOLUME;
    gl_free(name);
    gl_free(source);
    gl_free(path);
}

static void add_volume(Gl__Info *info, const wchar_t *volume)
{
    wchar_t *root = first_path(volume);
    if (root)
        add_root(info, volume, root);
    gl_free(root);
}

void gl_info_collect_filesystems(Gl__Info *info)
{
    wchar_t volume[MAX_PATH + 1];
    DWORD mode;
    /* Nobody is to be asked for a disk that is not in its drive. */
    SetThreadErrorMode(SEM_FAILCRITICALERRORS, &mode);
    HANDLE find = FindFirstVolumeW(volume, GL_ARRAY_SIZE(volume));
    if (find != INVALID_HANDLE_VALUE) {
        do
            add_volume(info, volume);
        while (info->n_filesystems < GL_INFO_FILESYSTEMS_MAX &&
               FindNextVolumeW(find, volume, GL_ARRAY_SIZE(volume)));
        FindVolumeClose(find);
    }
    SetThreadErrorMode(mode, NULL);
}
