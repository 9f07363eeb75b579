/* SPDX-License-Identifier: MIT */
/*
 * A folder for a test, and what tests make, look at and change in it: the twin of tests/lib/linux/.
 * Paths are UTF-8, relative to the box, with '/' or '\\', of any length. By Win32 alone, nothing of
 * what is tested.
 */
#ifndef GL_BOX_H
#define GL_BOX_H

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <windows.h>
#include <winioctl.h>

#include "mem.h"
#include "unit.h"
#include "windows/wide.h"

static char box[1024]; /* absolute, with '/'; tests are in it */

static inline bool box_is_wine(void)
{
    return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;
}

/* What not every system (and not Wine) has, so tests can ask for it. */
enum box_feature {
    BOX_LINKS,
    BOX_MODES, /* all bits of a mode */
    BOX_FIFOS,
    BOX_HOLES,
    BOX_REPLACE_OPEN,  /* a file that is open */
    BOX_LONGEST_PATHS, /* of any length, if no call is given them */
    BOX_ANY_NAMES,     /* each one means itself, and nothing else */
};

static inline wchar_t *box_wide(const char *path)
{
    wchar_t *wide = gl_wide_path(path);
    ck_assert_msg(wide, "%s: no path", path);
    return wide;
}

#define BOX_WITH(path, call)                                                                       \
    ({                                                                                             \
        wchar_t *wide_ = box_wide(path);                                                           \
        __auto_type result_ = (call);                                                              \
        DWORD error_ = GetLastError();                                                             \
        gl_free(wide_);                                                                            \
        SetLastError(error_);                                                                      \
        result_;                                                                                   \
    })

#define box_assert(condition, path)                                                                \
    ck_assert_msg((condition), "%s: %s: error %lu", (path), #condition, GetLastError())

static inline DWORD box_attributes(const char *path)
{
    return BOX_WITH(path, GetFileAttributesW(wide_));
}

static inline bool exists(const char *path)
{
    return box_attributes(path) != INVALID_FILE_ATTRIBUTES;
}

static inline bool is_link(const char *path)
{
    return exists(path) && box_attributes(path) & FILE_ATTRIBUTE_REPARSE_POINT;
}

static inline bool is_dir(const char *path)
{
    return exists(path) && !is_link(path) && box_attributes(path) & FILE_ATTRIBUTE_DIRECTORY;
}

static inline bool is_file(const char *path)
{
    return exists(path) && !is_link(path) && !is_dir(path);
}

static inline HANDLE box_open(const char *path, DWORD access, DWORD disposition)
{
    return BOX_WITH(
        path,
        CreateFileW(wide_, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                    disposition, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL));
}

static inline void put_bytes(const char *path, const void *data, size_t len)
{
    HANDLE file = box_open(path, GENERIC_WRITE, CREATE_ALWAYS);
    DWORD n;
    box_assert(file != INVALID_HANDLE_VALUE, path);
    box_assert(WriteFile(file, data, (DWORD)len, &n, NULL) && n == len, path);
    CloseHandle(file);
}

/* Into a file that is there, or is made. */
static inline void put_at(const char *path, uint64_t offset, const void *data, size_t len)
{
    HANDLE file = box_open(path, GENERIC_WRITE, OPEN_ALWAYS);
    OVERLAPPED at = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    DWORD n;
    box_assert(file != INVALID_HANDLE_VALUE, path);
    box_assert(WriteFile(file, data, (DWORD)len, &n, &at) && n == len, path);
    CloseHandle(file);
}

/* The file's new end; what is new is a hole. */
static inline void set_size(const char *path, uint64_t size)
{
    HANDLE file = box_open(path, GENERIC_WRITE, OPEN_ALWAYS);
    LARGE_INTEGER end = {.QuadPart = (LONGLONG)size};
    DWORD n;
    box_assert(file != INVALID_HANDLE_VALUE, path);
    DeviceIoControl(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &n, NULL);
    box_assert(SetFilePointerEx(file, end, NULL, FILE_BEGIN) && SetEndOfFile(file), path);
    CloseHandle(file);
}

static inline uint64_t size_of(const char *path)
{
    WIN32_FILE_ATTRIBUTE_DATA data;
    box_assert(BOX_WITH(path, GetFileAttributesExW(wide_, GetFileExInfoStandard, &data)), path);
    return (uint64_t)data.nFileSizeHigh << 32 | data.nFileSizeLow;
}

static inline uint64_t allocated_of(const char *path)
{
    DWORD high = 0, low = BOX_WITH(path, GetCompressedFileSizeW(wide_, &high));
    return (uint64_t)high << 32 | low;
}

static inline char *get_bytes(const char *path, size_t *ret_len)
{
    HANDLE file = box_open(path, GENERIC_READ, OPEN_EXISTING);
    box_assert(file != INVALID_HANDLE_VALUE, path);
    size_t len = (size_t)size_of(path);
    char *data = malloc(len + 1);
    DWORD n;
    box_assert(ReadFile(file, data, (DWORD)len, &n, NULL) && n == len, path);
    data[len] = '\0';
    CloseHandle(file);
    *ret_len = len;
    return data;
}

static inline void put_dir(const char *path)
{
    box_assert(BOX_WITH(path, CreateDirectoryW(wide_, NULL)), path);
}

/* Folders in folders, each with a file of this name (or NULL). */
static inline void put_deep(const char *path, const char *name, unsigned count, const char *file)
{
    char *at = gl_strdup(path);
    for (unsigned i = 0; i < count; i++) {
        char *below = gl_asprintf("%s/%s", at, name);
        put_dir(below);
        if (file) {
            char *full = gl_asprintf("%s/%s", at, file);
            put_bytes(full, "x", 1);
            gl_free(full);
        }
        gl_free(at);
        at = below;
    }
    gl_free(at);
}

static inline size_t box_allocated(void)
{
    return 0; /* nobody counts */
}

static inline bool remove_file(const char *path)
{
    BOX_WITH(path, SetFileAttributesW(wide_, FILE_ATTRIBUTE_NORMAL));
    return BOX_WITH(path, DeleteFileW(wide_));
}

static inline bool remove_dir(const char *path)
{
    return BOX_WITH(path, RemoveDirectoryW(wide_));
}

/* False: this user may make none, or this system cannot. */
static inline bool try_link(const char *target, const char *path)
{
    wchar_t *to = gl_wide(target);
    BOX_WITH(path, CreateSymbolicLinkW(wide_, to, 2));
    gl_free(to);
    return is_link(path);
}

static inline void put_link(const char *target, const char *path)
{
    ck_assert_msg(try_link(target, path), "%s: no link", path);
}

static inline bool box_has(enum box_feature feature)
{
    if (feature == BOX_REPLACE_OPEN || feature == BOX_HOLES)
        return !box_is_wine();
    if (feature != BOX_LINKS)
        return false;
    bool has = try_link("nothing", "box-link");
    remove_file("box-link");
    return has;
}

/* Of the bits of a mode there is only one here. */
static inline void set_mode(const char *path, unsigned mode)
{
    DWORD attributes = mode & 0222 ? FILE_ATTRIBUTE_NORMAL : FILE_ATTRIBUTE_READONLY;
    if (!is_dir(path))
        box_assert(BOX_WITH(path, SetFileAttributesW(wide_, attributes)), path);
}

static inline unsigned mode_of(const char *path)
{
    DWORD attributes = box_attributes(path);
    if (attributes & FILE_ATTRIBUTE_DIRECTORY)
        return 0755;
    return attributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0644;
}

#define BOX_EPOCH 11644473600 /* 1970 in seconds since 1601 */

static inline void set_time(const char *path, time_t s, long ns)
{
    HANDLE file = box_open(path, FILE_WRITE_ATTRIBUTES, OPEN_EXISTING);
    uint64_t units = (uint64_t)((int64_t)s + BOX_EPOCH) * 10000000 + (uint64_t)ns / 100;
    FILETIME time = {(DWORD)units, (DWORD)(units >> 32)};
    box_assert(SetFileTime(file, NULL, NULL, &time), path);
    CloseHandle(file);
}

static inline void time_of(const char *path, int64_t *ret_s, long *ret_ns)
{
    HANDLE file = box_open(path, FILE_READ_ATTRIBUTES, OPEN_EXISTING);
    FILETIME time;
    box_assert(GetFileTime(file, NULL, NULL, &time), path);
    CloseHandle(file);
    uint64_t units = (uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime;
    *ret_s = (int64_t)(units / 10000000) - BOX_EPOCH;
    *ret_ns = (long)(units % 10000000) * 100;
}

static inline uint64_t inode_of(const char *path)
{
    HANDLE file = box_open(path, FILE_READ_ATTRIBUTES, OPEN_EXISTING);
    BY_HANDLE_FILE_INFORMATION info;
    box_assert(GetFileInformationByHandle(file, &info), path);
    CloseHandle(file);
    return (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow;
}

static inline void put_hard_link(const char *old, const char *path)
{
    wchar_t *wide = box_wide(old);
    box_assert(BOX_WITH(path, CreateHardLinkW(wide_, wide, NULL)), path);
    gl_free(wide);
}

static inline void put_fifo(const char *path)
{
    ck_abort_msg("%s: there are no named pipes in folders", path);
}

static inline void box_enter(const char *path)
{
    wchar_t *wide = gl_wide(path);
    box_assert(SetCurrentDirectoryW(wide), path);
    gl_free(wide);
}

/* Calls `each` for all that is in a folder. */
static inline void box_list(const char *path, void (*each)(void *ctx, const char *name), void *ctx)
{
    char *pattern = gl_asprintf("%s/*", path);
    WIN32_FIND_DATAW data;
    HANDLE find = BOX_WITH(pattern, FindFirstFileW(wide_, &data));
    gl_free(pattern);
    if (find == INVALID_HANDLE_VALUE)
        return;
    do {
        char *name = gl_narrow_lossy(data.cFileName);
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            each(ctx, name);
        gl_free(name);
    } while (FindNextFileW(find, &data));
    FindClose(find);
}

static inline void box_remove_one(void *ctx, const char *name);

static inline void remove_tree(const char *path)
{
    if (is_dir(path))
        box_list(path, box_remove_one, (void *)(uintptr_t)path);
    if (!remove_dir(path))
        remove_file(path);
}

static inline void box_remove_one(void *ctx, const char *name)
{
    char *path = gl_asprintf("%s/%s", (const char *)ctx, name);
    remove_tree(path);
    gl_free(path);
}

static inline void box_make(void)
{
    static unsigned count;
    if (getenv("BOX_TRACE"))
        fprintf(stderr, "box %u at %llu\n", count, GetTickCount64());
    wchar_t folder[MAX_PATH + 1], name[MAX_PATH + 64], real[1024];
    GetTempPathW(MAX_PATH, folder);
    swprintf(name, GL_ARRAY_SIZE(name), L"%lsguestlink-transfer-%lu-%llu-%u", folder,
             GetCurrentProcessId(), GetTickCount64(), count++);
    ck_assert(CreateDirectoryW(name, NULL));
    /* As the disk has it, and not as "ADMINI~1". */
    HANDLE handle = CreateFileW(name, 0, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    ck_assert_uint_gt(GetFinalPathNameByHandleW(handle, real, 1024, 0), 4);
    CloseHandle(handle);
    char *narrow = gl_narrow(real + 4);
    snprintf(box, sizeof box, "%s", narrow);
    gl_free(narrow);
    for (char *c = box; *c; c++)
        if (*c == '\\')
            *c = '/';
    box_enter(box);
}

static inline void box_remove(void)
{
    box_enter("C:/");
    remove_tree(box);
}

/* To be freed with free(). What a link leads to only the code that is tested says. */
static inline char *link_target_of(const char *path)
{
    (void)path;
    return strdup("somewhere");
}

/* Two descriptors of a pipe, [0] to read. */
static inline void box_pipe(int ret_fds[2])
{
    ck_assert_int_eq(_pipe(ret_fds, 64 * 1024, _O_BINARY | _O_NOINHERIT), 0);
}

static inline int box_open_fd(const char *path, bool write)
{
    HANDLE file =
        box_open(path, write ? GENERIC_WRITE : GENERIC_READ, write ? CREATE_ALWAYS : OPEN_EXISTING);
    box_assert(file != INVALID_HANDLE_VALUE, path);
    return _open_osfhandle((intptr_t)file, _O_BINARY | _O_NOINHERIT);
}

static inline int box_open_null(void)
{
    return _open("NUL", _O_RDONLY | _O_BINARY | _O_NOINHERIT);
}

static inline bool box_pipe_is_full(const int fds[2])
{
    DWORD there = 0;
    ck_assert(PeekNamedPipe((HANDLE)_get_osfhandle(fds[0]), NULL, 0, NULL, &there, NULL));
    return there >= 48 * 1024; /* of 64: a write that does not fit waits as a whole */
}

#define box_close(fd)            _close(fd)
#define box_write(fd, data, len) _write((fd), (data), (unsigned)(len))
#define box_read(fd, data, len)  _read((fd), (data), (unsigned)(len))

/* What is absolute begins so. */
#define BOX_ROOT_OF(path) ((path)[0] && (path)[1] == ':' && (path)[2] == '/')

#endif
