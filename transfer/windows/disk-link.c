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
bool gl_disk_leads_to_directory(const wchar_t *folder, const char *target)
{
    size_t len = strlen(target);
    const char *last = strrchr(target, '/');
    last = last ? last + 1 : target;
    if (target[len - 1] == '/' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return true;
    /* As the link would be followed, from where it stands: "/x" is of its drive, not of ours. */
    char *above = gl_disk_narrow(folder, wcslen(folder)), *path = gl_asprintf("%s\\l", above);
    struct gl_disk_full full, led;
    struct gl_disk_info info;
    HANDLE handle;
    bool is = false;
    if (gl_disk_full_path(path, &full) == 0) {
        if (gl_disk_follow(&full, full.len - 1, target, L"", &led) == 0) {
            if (gl_disk_nt_open(NULL, led.text, led.len, 0, FILE_OPEN, 0, &handle) == 0) {
                is = gl_disk_info_of(handle, &info) == 0 && info.kind == GL_DISK_DIRECTORY;
                CloseHandle(handle);
            }
            gl_disk_full_done(&led);
        }
        gl_disk_full_done(&full);
    }
    gl_free(path);
    gl_free(above);
    return is;
}

static void put_u16(uint8_t *to, size_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

int gl_disk_build_link(const wchar_t *target, uint8_t data[GL_DISK_LINK_MAX], size_t *ret_len)
{
    /* "C:\x" is "\??\C:\x" to NT; all else, "\x" too, is relative to where the link is. */
    bool absolute = target[0] && target[1] == L':';
    size_t prefix = absolute ? 8 : 0, len = wcslen(target) * sizeof *target;
    if (NAMES_SYMLINK + prefix + 2 * len > GL_DISK_LINK_MAX)
        return UV_ENAMETOOLONG;
    size_t size = NAMES_SYMLINK + prefix + 2 * len;
    memset(data, 0, NAMES_SYMLINK);
    put_u16(data, IO_REPARSE_TAG_SYMLINK & 0xFFFF);
    put_u16(data + 2, (IO_REPARSE_TAG_SYMLINK & 0xFFFFFFFF) >> 16);
    put_u16(data + 4, size - HEADER);
    put_u16(data + 10, prefix + len); /* the system's name, from 0 on */
    put_u16(data + 12, prefix + len); /* the one for people, behind it */
    put_u16(data + 14, len);
    data[16] = !absolute; /* SYMLINK_FLAG_RELATIVE */
    memcpy(data + NAMES_SYMLINK, L"\\??\\", prefix);
    memcpy(data + NAMES_SYMLINK + prefix, target, len);
    memcpy(data + NAMES_SYMLINK + prefix + len, target, len);
    *ret_len = size;
    return 0;
}

/*
 * Beneath the handle of its directory, so that it is made there and nowhere else. Takes
 * SeCreateSymbolicLinkPrivilege ("FSCTL_SET_REPARSE_POINT control code"), which a service has.
 */
static int create_beneath(struct gl_dir *dir, const struct gl_disk_component *name,
                          const wchar_t *target, bool directory)
{
    FILE_DISPOSITION_INFO remove = {.DeleteFile = TRUE};
    uint8_t data[GL_DISK_LINK_MAX];
    size_t len;
    HANDLE handle;
    DWORD n;
    int err = gl_disk_build_link(target, data, &len);
    if (!err)
        err = gl_disk_nt_open(
            gl_dir_handle(dir), name->text, name->len, FILE_WRITE_ATTRIBUTES | DELETE, FILE_CREATE,
            FILE_OPEN_REPARSE_POINT | (directory ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE),
            &handle);
    if (err)
        return err;
    if (!DeviceIoControl(handle, FSCTL_SET_REPARSE_POINT, data, (DWORD)len, NULL, 0, &n, NULL)) {
        err = gl_disk_last_error();
        (void)SetFileInformationByHandle(handle, FileDispositionInfo, &remove, sizeof remove);
    }
    CloseHandle(handle);
    return err;
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
 * handle, and hardly becomes another one meanwhile: as long as a handle is open that does not share
 * deletion neither the directory nor one above it can be renamed, and one that is not empty cannot
 * become a link ("MoveFileExW function"; STATUS_DIRECTORY_NOT_EMPTY of FSCTL_SET_REPARSE_POINT,
 * "[MS-FSCC] 2.3.81"). An empty one can, by whoever may write to it: but who has not the privilege
 * has no more rights here than any user.
 */
static int create_by_path(const wchar_t *folder, const struct gl_disk_component *name,
                          const wchar_t *target, bool directory)
{
    size_t len = wcslen(folder);
    wchar_t *path = gl_alloc((len + name->len + 2) * sizeof *path);
    wcscpy(path, folder);
    if (path[len - 1] != L'\\')
        wcscat(path, L"\\");
    wcscat(path, name->text);
    int err = create_link(path, target, directory);
    gl_free(path);
    return err;
}

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
    wchar_t *to = gl_disk_wide(target, NULL);
    for (wchar_t *c = to; *c; c++)
        if (*c == L'/')
            *c = L'\\';
    bool directory = gl_disk_leads_to_directory(folder, target);
    if (create_beneath(dir, &component, to, directory))
        err = create_by_path(folder, &component, to, directory);
    /* Some claim to have made one. */
    if (!err && (gl_dir_stat(dir, name, &info) || info.kind != GL_DISK_LINK))
        err = UV_EPERM;
    gl_free(to);
    gl_free(folder);
    CloseHandle(pin);
    return err;
}
