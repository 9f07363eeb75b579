/* SPDX-License-Identifier: MIT */
/*
 * Files of disk.h: handles in descriptors of the C runtime, which has 2048 of them (UV_EMFILE is
 * told, and a copy then commits what it holds). All reading and writing is by the handle.
 */
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <string.h>
#include <uv.h>
#include <winioctl.h>

#include "disk-windows.h"
#include "mem.h"

/* What ReadFile() and WriteFile() do at most at once. */
#define IO_MAX (1u << 30)

static HANDLE handle_of(int fd)
{
    return (HANDLE)_get_osfhandle(fd);
}

/* Takes the handle in any case. */
static int fd_from(HANDLE handle, int *ret_fd)
{
    int fd = _open_osfhandle((intptr_t)handle, _O_RDWR | _O_BINARY | _O_NOINHERIT);
    if (fd < 0) {
        CloseHandle(handle);
        return UV_EMFILE;
    }
    *ret_fd = fd;
    return 0;
}

/* ------------------------------------------------------------------ opening */

/* Takes the handle in any case. */
static int opened(HANDLE handle, const struct gl_disk_info *info, int *ret_fd,
                  struct gl_disk_info *ret_info)
{
    int err = info->kind == GL_DISK_FILE        ? 0
              : info->kind == GL_DISK_DIRECTORY ? UV_EISDIR
              : info->kind == GL_DISK_LINK      ? UV_ELOOP
                                                : UV_EINVAL;
    if (err)
        CloseHandle(handle);
    else
        err = fd_from(handle, ret_fd);
    if (!err)
        *ret_info = *info;
    return err;
}

/* With the right to see whose it is, if we have that. */
static int open_at(struct gl_dir *dir, const char *name, ACCESS_MASK access, ULONG share,
                   int *ret_fd, struct gl_disk_info *ret_info)
{
    struct gl_disk_component component;
    struct gl_disk_info info;
    HANDLE root = gl_dir_handle(dir), handle;
    int err = gl_disk_component(name, &component);
    if (err)
        return err;
    err = gl_disk_open_sharing(root, component.text, component.len, access | READ_CONTROL, share,
                               &handle, &info);
    if (err == UV_EACCES)
        err = gl_disk_open_sharing(root, component.text, component.len, access, share, &handle,
                                   &info);
    /* Data of a directory is its list, so it may be opened so; where it may not, it is none of a
     * file. */
    return err ? err : opened(handle, &info, ret_fd, ret_info);
}

int gl_file_open_at(struct gl_dir *dir, const char *name, int *ret_fd,
                    struct gl_disk_info *ret_info)
{
    return open_at(dir, name, FILE_READ_DATA, GL_NT_SHARE_ALL, ret_fd, ret_info);
}

int gl_file_open(const char *path, enum gl_disk_links links, bool streams, int *ret_fd,
                 struct gl_disk_info *ret_info)
{
    struct gl_disk_info info;
    HANDLE handle;
    (void)streams; /* pipes and devices are no part of the file system here */
    int err = gl_disk_open(path, links, FILE_READ_DATA | READ_CONTROL, &handle, &info);
    if (err == UV_EACCES)
        err = gl_disk_open(path, links, FILE_READ_DATA, &handle, &info);
    return err ? err : opened(handle, &info, ret_fd, ret_info);
}

int gl_file_create_at(struct gl_dir *dir, const char *name, int *ret_fd)
{
    const ACCESS_MASK access = FILE_READ_DATA | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES;
    struct gl_disk_component component;
    HANDLE handle;
    int err = gl_dir_name_trouble(dir, name) ? UV_EINVAL : gl_disk_component(name, &component);
    if (!err)
        err = gl_disk_create_alone(gl_dir_handle(dir), &component, access, &handle);
    return err ? err : fd_from(handle, ret_fd);
}

/* With the rights that gl_file_settle() needs, where there are such. */
int gl_file_reopen_at(struct gl_dir *dir, const char *name, int *ret_fd,
                      struct gl_disk_info *ret_info)
{
    const ACCESS_MASK access = FILE_READ_DATA | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES;
    int err =
        open_at(dir, name, access | WRITE_DAC | WRITE_OWNER, GL_DISK_SHARE_PART, ret_fd, ret_info);
    return err == UV_EACCES ? open_at(dir, name, access, GL_DISK_SHARE_PART, ret_fd, ret_info)
                            : err;
}

void gl_file_close(int fd)
{
    _close(fd);
}

/* Not by _dup(), whose handle child processes would inherit. */
int gl_file_dup(int fd)
{
    HANDLE self = GetCurrentProcess(), other;
    int other_fd;
    if (!DuplicateHandle(self, handle_of(fd), self, &other, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return gl_disk_last_error();
    int err = fd_from(other, &other_fd);
    return err ? err : other_fd;
}

/* ------------------------------------------------------------------ reading and writing */

/*
 * A lock forbids others to read and write what it is on ("LockFileEx function"), so it is on a byte
 * that no file has.
 */
int gl_file_lock(int fd)
{
    OVERLAPPED at = {.Offset = 0xFFFFFFFE, .OffsetHigh = 0x7FFFFFFF};
    if (LockFileEx(handle_of(fd), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0,
                   &at))
        return 0;
    DWORD error = GetLastError();
    return error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING ? UV_EAGAIN
                                                                      : gl_disk_last_error();
}

int gl_file_stat(int fd, struct gl_disk_info *ret_info)
{
    return gl_disk_info_of(handle_of(fd), ret_info);
}

ssize_t gl_file_read_at(int fd, void *data, size_t len, uint64_t offset)
{
    size_t got = 0;
    while (got < len) {
        uint64_t from = offset + got;
        OVERLAPPED at = {.Offset = (DWORD)from, .OffsetHigh = (DWORD)(from >> 32)};
        DWORD want = len - got < IO_MAX ? (DWORD)(len - got) : IO_MAX, n = 0;
        if (!ReadFile(handle_of(fd), (char *)data + got, want, &n, &at)) {
            if (GetLastError() == ERROR_HANDLE_EOF)
                break;
            return gl_disk_last_error();
        }
        if (n == 0)
            break;
        got += n;
    }
    return (ssize_t)got;
}

/* Whether it could be made so does not matter: then a hole is zeros. "FSCTL_SET_SPARSE". */
static void make_sparse(HANDLE handle)
{
    DWORD n;
    (void)DeviceIoControl(handle, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &n, NULL);
}

static int size_of(HANDLE handle, uint64_t *ret_size)
{
    LARGE_INTEGER size;
    if (!GetFileSizeEx(handle, &size))
        return gl_disk_last_error();
    *ret_size = (uint64_t)size.QuadPart;
    return 0;
}

int gl_file_write_at(int fd, const void *data, size_t len, uint64_t offset)
{
    HANDLE handle = handle_of(fd);
    uint64_t size = 0;
    int err = size_of(handle, &size);
    if (!err && len && offset > size)
        make_sparse(handle);
    while (len && !err) {
        OVERLAPPED at = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
        DWORD n = 0;
        if (!WriteFile(handle, data, len < IO_MAX ? (DWORD)len : IO_MAX, &n, &at))
            err = gl_disk_last_error();
        data = (const char *)data + n;
        offset += n;
        len -= n;
    }
    return err;
}

/* "FSCTL_QUERY_ALLOCATED_RANGES": ERROR_MORE_DATA if there are others after the first. */
int gl_file_next_data(int fd, uint64_t offset, uint64_t *ret_start, uint64_t *ret_end)
{
    HANDLE handle = handle_of(fd);
    uint64_t size = 0;
    int err = size_of(handle, &size);
    if (err)
        return err;
    if (offset >= size)
        return UV_ENXIO;
    FILE_ALLOCATED_RANGE_BUFFER ask = {.FileOffset.QuadPart = (LONGLONG)offset,
                                       .Length.QuadPart = (LONGLONG)(size - offset)},
                                range;
    DWORD n;
    if (!DeviceIoControl(handle, FSCTL_QUERY_ALLOCATED_RANGES, &ask, sizeof ask, &range,
                         sizeof range, &n, NULL) &&
        GetLastError() != ERROR_MORE_DATA)
        return gl_disk_last_error();
    if (n < sizeof range)
        return UV_ENXIO;
    uint64_t start = (uint64_t)range.FileOffset.QuadPart;
    uint64_t end = start + (uint64_t)range.Length.QuadPart;
    start = start < offset ? offset : start;
    if (end <= start)
        return UV_EIO;
    *ret_start = start;
    *ret_end = end;
    return 0;
}

int gl_file_truncate(int fd, uint64_t size)
{
    HANDLE handle = handle_of(fd);
    uint64_t old = 0;
    if (size > INT64_MAX)
        return UV_EFBIG;
    int err = size_of(handle, &old);
    if (err || old == size)
        return err;
    if (size > old)
        make_sparse(handle);
    FILE_END_OF_FILE_INFO end = {.EndOfFile.QuadPart = (LONGLONG)size};
    if (SetFileInformationByHandle(handle, FileEndOfFileInfo, &end, sizeof end))
        return 0;
    err = gl_disk_last_error();
    return err == UV_EINVAL ? UV_EFBIG : err; /* more than the file system can have */
}

/* ------------------------------------------------------------------ attributes */

/* The same file, by its handle, with another right. */
static int once_more(int fd, ACCESS_MASK access, HANDLE *ret_handle)
{
    return gl_disk_nt_open(handle_of(fd), L"", 0, access, FILE_OPEN, FILE_OPEN_REPARSE_POINT,
                           ret_handle);
}

int gl_file_set(int fd, uint32_t mode, const struct gl_disk_time *mtime)
{
    HANDLE handle;
    int err = gl_disk_set_handle(handle_of(fd), &mode, mtime);
    if (err != UV_EACCES)
        return err;
    err = once_more(fd, FILE_WRITE_ATTRIBUTES, &handle); /* it is open for reading */
    if (err)
        return err;
    err = gl_disk_set_handle(handle, &mode, mtime);
    CloseHandle(handle);
    return err;
}

int gl_file_set_attributes(int fd, uint32_t attributes)
{
    HANDLE handle;
    int err = gl_disk_set_attributes(handle_of(fd), attributes);
    if (err != UV_EACCES)
        return err;
    err = once_more(fd, FILE_WRITE_ATTRIBUTES, &handle); /* it is open for reading */
    if (err)
        return err;
    err = gl_disk_set_attributes(handle, attributes);
    CloseHandle(handle);
    return err;
}

/* Only what may be written may be flushed; through what is open for reading nothing but attributes
 * was changed, which are in the journal. */
int gl_file_sync(int fd)
{
    HANDLE handle;
    if (FlushFileBuffers(handle_of(fd)))
        return 0;
    int err = gl_disk_last_error();
    if (err != UV_EACCES)
        return err;
    if (once_more(fd, FILE_WRITE_DATA, &handle))
        return 0;
    err = FlushFileBuffers(handle) ? 0 : gl_disk_last_error();
    CloseHandle(handle);
    return err;
}

void gl_file_sync_begin(int fd, uint64_t offset, uint64_t len)
{
    (void)fd, (void)offset, (void)len; /* the cache manager writes behind by itself */
}

void gl_file_will_read(int fd)
{
    (void)fd; /* said at the open or not at all; the cache manager notices */
}

int gl_disk_sync_all(int fd)
{
    (void)fd;
    return UV_ENOTSUP;
}

uint32_t gl_disk_default_mode(void)
{
    return 0644;
}
