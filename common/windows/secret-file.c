/* SPDX-License-Identifier: MIT */
#include "secret-file.h"

#include <sodium.h>
#include <string.h>
#include <uv.h>
#include <windows.h>

#include "mem.h"
#include "private.h"
#include "wide.h"

static int last_error(void)
{
    return uv_translate_sys_error((int)GetLastError());
}

/* ------------------------------------------------------------------ reading */

static int check_file(HANDLE file)
{
    BY_HANDLE_FILE_INFORMATION info;
    if (GetFileType(file) != FILE_TYPE_DISK)
        return UV_EINVAL;
    if (!GetFileInformationByHandle(file, &info))
        return last_error();
    if (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
        return UV_ELOOP;
    if (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
        return UV_EINVAL;
    return gl_private_judge(file, GL_PRIVATE_ANY, NULL);
}

/* One byte more than fits is asked for, so that a file that is too long is seen. */
static int read_all(HANDLE file, uint8_t *buf, size_t size, size_t *ret_len)
{
    size_t len = 0;
    for (;;) {
        uint8_t beyond;
        DWORD n;
        BOOL ok = len < size ? ReadFile(file, buf + len, (DWORD)(size - len), &n, NULL)
                             : ReadFile(file, &beyond, 1, &n, NULL);
        if (!ok)
            return last_error();
        if (n == 0)
            break;
        if (len == size)
            return UV_EFBIG;
        len += n;
    }
    *ret_len = len;
    return 0;
}

int gl_secret_file_read(const char *path, uint8_t *buf, size_t size, size_t *ret_len)
{
    wchar_t *wide = gl_wide_path(path);
    if (!wide)
        return UV_EINVAL;
    /* FLAG_BACKUP_SEMANTICS: a folder opens too, and is then told apart. */
    HANDLE file =
        CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                    FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS, NULL);
    int err = file == INVALID_HANDLE_VALUE ? last_error() : 0;
    gl_free(wide);
    if (err)
        return err;
    err = check_file(file);
    if (err == 0)
        err = read_all(file, buf, size, ret_len);
    CloseHandle(file);
    return err;
}

/* ------------------------------------------------------------------ writing */

static int fill(HANDLE file, const uint8_t *data, size_t len)
{
    DWORD n;
    if (!WriteFile(file, data, (DWORD)len, &n, NULL))
        return last_error();
    if (n != len)
        return UV_EIO;
    return FlushFileBuffers(file) ? 0 : last_error();
}

static int create(const wchar_t *path, HANDLE *ret_file)
{
    SECURITY_ATTRIBUTES security = {.nLength = sizeof security};
    int err = gl_private_descriptor(false, &security.lpSecurityDescriptor);
    if (err)
        return err;
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, &security, CREATE_NEW, 0, NULL);
    err = file == INVALID_HANDLE_VALUE ? last_error() : 0;
    LocalFree(security.lpSecurityDescriptor);
    if (!err)
        *ret_file = file;
    return err;
}

/* The temporary name of what is to be at path: beside it. */
static char *name_beside(const char *path)
{
    size_t base = strlen(path);
    while (base > 0 && !strchr("/\\:", path[base - 1]))
        base--;
    return gl_asprintf("%.*s.%s.%08x", (int)base, path, path + base, randombytes_random());
}

int gl_secret_file_write(const char *path, const uint8_t *data, size_t len)
{
    if (!*path || strchr("/\\:", path[strlen(path) - 1]))
        return UV_EISDIR;
    char *beside = name_beside(path);
    wchar_t *from = gl_wide_path(beside), *to = gl_wide_path(path);
    HANDLE file = INVALID_HANDLE_VALUE;
    int err = from && to ? create(from, &file) : UV_EINVAL;
    if (err)
        goto done;
    err = fill(file, data, len);
    CloseHandle(file);
    /* WRITE_THROUGH: returns when the new name is on the disk. */
    if (!err && !MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
        err = last_error();
    if (err)
        DeleteFileW(from);
done:
    gl_free(beside);
    gl_free(from);
    gl_free(to);
    return err;
}
