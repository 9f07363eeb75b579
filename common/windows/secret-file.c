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

/* ------------------------------------------------------------------ what was there before */

const char *const gl_secret_file_remedy =
    "in its permissions, end the inheritance and leave nobody but SYSTEM, Administrators and this "
    "account, and one of them as the owner";

struct gl_secret_kept {
    wchar_t *path, *old;
    bool moved; /* not a second name: path was free until the new file came */
};

static wchar_t *old_path_of(const char *path)
{
    char *text = gl_asprintf("%s.old", path);
    wchar_t *old = gl_wide_path(text);
    gl_free(text);
    return old;
}

static HANDLE open_itself(const wchar_t *path, DWORD access)
{
    return CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, NULL);
}

static void wipe_and_delete(const wchar_t *path)
{
    static const uint8_t zeros[GL_SECRET_FILE_MAX];
    LARGE_INTEGER size;
    HANDLE file = open_itself(path, GENERIC_WRITE);
    if (file != INVALID_HANDLE_VALUE) {
        if (GetFileType(file) == FILE_TYPE_DISK && GetFileSizeEx(file, &size))
            fill(file, zeros,
                 size.QuadPart < (LONGLONG)sizeof zeros ? (size_t)size.QuadPart : sizeof zeros);
        CloseHandle(file);
    }
    DeleteFileW(path);
}

struct gl_secret_kept *gl_secret_file_keep(const char *path)
{
    struct gl_secret_kept *kept = GL_NEW0(struct gl_secret_kept);
    kept->path = gl_wide_path(path);
    kept->old = old_path_of(path);
    if (kept->path && kept->old) {
        if (CreateHardLinkW(kept->old, kept->path, NULL))
            return kept;
        /* Not every file system has second names: "CreateHardLinkW", learn.microsoft.com. */
        kept->moved = MoveFileExW(kept->path, kept->old, MOVEFILE_WRITE_THROUGH);
        if (kept->moved)
            return kept;
    }
    gl_free(kept->path);
    gl_free(kept->old);
    gl_free(kept);
    return NULL;
}

void gl_secret_file_drop(struct gl_secret_kept *kept, bool wipe)
{
    if (!kept)
        return;
    if (wipe)
        wipe_and_delete(kept->old);
    else if (kept->moved)
        MoveFileExW(kept->old, kept->path, MOVEFILE_WRITE_THROUGH);
    else
        DeleteFileW(kept->old);
    gl_free(kept->path);
    gl_free(kept->old);
    gl_free(kept);
}

/* Whether both are names of one file; also if that cannot be found out of two that are there. */
static bool are_one(HANDLE a, HANDLE b)
{
    BY_HANDLE_FILE_INFORMATION of_a, of_b;
    return !GetFileInformationByHandle(a, &of_a) || !GetFileInformationByHandle(b, &of_b) ||
           (of_a.dwVolumeSerialNumber == of_b.dwVolumeSerialNumber &&
            of_a.nFileIndexHigh == of_b.nFileIndexHigh && of_a.nFileIndexLow == of_b.nFileIndexLow);
}

void gl_secret_file_tidy(const char *path)
{
    wchar_t *wide = gl_wide_path(path), *old = old_path_of(path);
    HANDLE before = old ? open_itself(old, FILE_READ_ATTRIBUTES) : INVALID_HANDLE_VALUE;
    if (!wide || before == INVALID_HANDLE_VALUE)
        goto done;
    HANDLE now = open_itself(wide, FILE_READ_ATTRIBUTES);
    DWORD error = GetLastError();
    bool there = now != INVALID_HANDLE_VALUE, one = there && are_one(before, now);
    CloseHandle(before);
    if (there)
        CloseHandle(now);
    if (one)
        DeleteFileW(old); /* stopped before the new file was there */
    else if (there)
        wipe_and_delete(old);
    else if (error == ERROR_FILE_NOT_FOUND) /* likewise, and it had been moved */
        MoveFileExW(old, wide, MOVEFILE_WRITE_THROUGH);
done:
    gl_free(wide);
    gl_free(old);
}
