/* SPDX-License-Identifier: MIT */
/*
 * Symbolic links, junctions and those of WSL are read as links; what is made is a symbolic link.
 * On the wire a link leads to a path with '/', as all paths there.
 */
#include <string.h>
#include <uv.h>
#include <wchar.h>
#include <winioctl.h>

#include "disk-windows.h"
#include "mem.h"

#ifndef SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE
#define SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE 2
#endif

/* ------------------------------------------------------------------ reading */

/*
 * "REPARSE_DATA_BUFFER structure (ntifs.h)", learn.microsoft.com: a tag, the length of what comes
 * after these eight bytes, two bytes of nothing. Offsets of names count from the end of the header
 * of their kind.
 */
#define HEADER         8u
#define NAMES_JUNCTION 16u
#define NAMES_SYMLINK  20u
#define DATA_WSL       12u /* behind a version number of four bytes */

static uint32_t get_u16(const uint8_t *data)
{
    return data[0] | (uint32_t)data[1] << 8;
}

static void slashes(char *path)
{
    for (; *path; path++)
        if (*path == '\\')
            *path = '/';
}

/* The name for people if there is one; else the one for the system, without its "\??\". */
static int take_names(const uint8_t *data, size_t len, size_t names, char **ret_target)
{
    static const wchar_t prefix[] = L"\\??\\", unc[] = L"\\??\\UNC\\", volume[] = L"\\??\\Volume{";
    wchar_t text[0x4000];
    if (len < names)
        return UV_EINVAL;
    size_t offset = get_u16(data + 12), size = get_u16(data + 14);
    bool system = size == 0;
    if (system) {
        offset = get_u16(data + 8);
        size = get_u16(data + 10);
    }
    if (!size || size % 2 || size > sizeof text - 2 || offset + size > len - names)
        return UV_EINVAL;
    memcpy(text, data + names + offset, size);
    size_t units = size / 2;
    text[units] = L'\0';
    if (wmemchr(text, L'\0', units))
        return UV_EINVAL;
    const wchar_t *from = text;
    if (system && wcsncmp(text, unc, 8) == 0) {
        from = text + 6;
        text[6] = L'\\';
    } else if (system && wcsncmp(text, volume, 11) == 0) {
        text[1] = L'\\'; /* \\?\Volume{...}\ */
    } else if (system && wcsncmp(text, prefix, 4) == 0) {
        from = text + 4;
    }
    *ret_target = gl_disk_narrow(from, wcslen(from));
    slashes(*ret_target);
    return 0;
}

int gl_disk_parse_link(const void *reparse, size_t len, char **ret_target)
{
    const uint8_t *data = reparse;
    if (len < HEADER || get_u16(data + 4) + HEADER > len)
        return UV_EINVAL;
    len = get_u16(data + 4) + HEADER;
    switch (get_u16(data) | get_u16(data + 2) << 16) {
    case IO_REPARSE_TAG_SYMLINK & 0xFFFFFFFF:
        return take_names(data, len, NAMES_SYMLINK, ret_target);
    case IO_REPARSE_TAG_MOUNT_POINT & 0xFFFFFFFF:
        return take_names(data, len, NAMES_JUNCTION, ret_target);
    case GL_TAG_LX_SYMLINK:
        if (len <= DATA_WSL || memchr(data + DATA_WSL, 0, len - DATA_WSL))
            return UV_EINVAL;
        *ret_target = gl_strndup((const char *)data + DATA_WSL, len - DATA_WSL);
        return 0;
    default:
        return UV_EINVAL;
    }
}

int gl_disk_read_link(HANDLE handle, char **ret_target)
{
    uint8_t data[MAXIMUM_REPARSE_DATA_BUFFER_SIZE];
    DWORD len;
    if (!DeviceIoControl(handle, FSCTL_GET_REPARSE_POINT, NULL, 0, data, sizeof data, &len, NULL))
        return GetLastError() == ERROR_NOT_A_REPARSE_POINT ? UV_EINVAL : gl_disk_last_error();
    char *target;
    int err = gl_disk_parse_link(data, len, &target);
    if (err)
        return err;
    if (strlen(target) >= GL_DISK_PATH_MAX) {
        gl_free(target);
        return UV_ENAMETOOLONG;
    }
    *ret_target = target;
    return 0;
}

int gl_dir_read_link(struct gl_dir *dir, const char *name, char **ret_target)
{
    struct gl_disk_component component;
    struct gl_disk_info info;
    HANDLE handle;
    int err = gl_disk_component(name, &component);
    if (!err)
        err = gl_disk_open_in(gl_dir_handle(dir), component.text, component.len, 0, &handle, &info);
    if (err)
        return err;
    err = info.kind == GL_DISK_LINK ? gl_disk_read_link(handle, ret_target) : UV_EINVAL;
    CloseHandle(handle);
    return err;
}

/* ------------------------------------------------------------------ making */

/* Windows has two kinds of links, for files and for directories: by what is there now. */
static bool leads_to_directory(const wchar_t *folder, const char *target)
{
    size_t len = strlen(target);
    const char *last = strrchr(target, '/');
    last = last ? last + 1 : target;
    if (target[len - 1] == '/' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return true;
    char *above = gl_disk_narrow(folder, wcslen(folder));
    /* Without "\\?\", after which ".." would mean itself. */
    bool unc = strncmp(above, "\\\\?\\UNC\\", 8) == 0;
    char *path = gl_disk_is_absolute(target) ? gl_strdup(target)
                 : unc                       ? gl_asprintf("\\\\%s/%s", above + 8, target)
                                             : gl_asprintf("%s/%s", above + 4, target);
    struct gl_disk_info info;
    bool is = gl_disk_stat(path, GL_LINKS_ALL, &info) == 0 && info.kind == GL_DISK_DIRECTORY;
    gl_free(path);
    gl_free(above);
    return is;
}

/* UV_EPERM: this user, or this file system, can make none. */
static int create_link(const wchar_t *path, const wchar_t *target, bool directory)
{
    DWORD flags = directory ? SYMBOLIC_LINK_FLAG_DIRECTORY : 0;
    /* Without the privilege it goes in developer mode, and then with this flag only; before
     * Windows 10 1703 the flag is an error ("CreateSymbolicLinkW function"). */
    if (CreateSymbolicLinkW(path, target, flags | SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE) ||
        (GetLastError() == ERROR_INVALID_PARAMETER && CreateSymbolicLinkW(path, target, flags)))
        return 0;
    switch (GetLastError()) {
    case ERROR_PRIVILEGE_NOT_HELD:
    case ERROR_INVALID_FUNCTION:
    case ERROR_NOT_SUPPORTED:
    case ERROR_CALL_NOT_IMPLEMENTED:
        return UV_EPERM;
    default:
        return gl_disk_last_error();
    }
}

/*
 * Only by a path is a link made without the privilege. The path is the directory's own, from its
 * handle, and cannot become another one meanwhile: as long as a handle is open that does not share
 * deletion neither the directory nor one above it can be renamed, and one that is not empty cannot
 * become a link ("MoveFileExW function"; STATUS_DIRECTORY_NOT_EMPTY of FSCTL_SET_REPARSE_POINT,
 * "[MS-FSCC] 2.3.81").
 */
int gl_dir_make_link(struct gl_dir *dir, const char *name, const char *target)
{
    struct gl_disk_component component;
    struct gl_disk_info info;
    HANDLE pin;
    wchar_t *folder;
    int err = gl_dir_name_trouble(dir, name) || gl_disk_target_trouble(target) ? UV_EINVAL : 0;
    if (!err)
        err = gl_disk_component(name, &component);
    if (err)
        return err;
    err = gl_dir_stat(dir, name, &info);
    if (err != UV_ENOENT)
        return err ? err : UV_EEXIST;
    err = gl_disk_nt_pin(gl_dir_handle(dir), &pin);
    if (err)
        return err;
    err = gl_disk_wide_path_of(pin, &folder);
    if (err) {
        CloseHandle(pin);
        return err;
    }
    size_t len = wcslen(folder);
    wchar_t *path = gl_alloc((len + component.len + 2) * sizeof *path);
    wcscpy(path, folder);
    if (path[len - 1] != L'\\')
        wcscat(path, L"\\");
    wcscat(path, component.text);
    wchar_t *to = gl_disk_wide(target, NULL);
    for (wchar_t *c = to; *c; c++)
        if (*c == L'/')
            *c = L'\\';
    err = create_link(path, to, leads_to_directory(folder, target));
    /* Some claim to have made one. */
    if (!err && (gl_dir_stat(dir, name, &info) || info.kind != GL_DISK_LINK))
        err = UV_EPERM;
    gl_free(to);
    gl_free(path);
    gl_free(folder);
    CloseHandle(pin);
    return err;
}
