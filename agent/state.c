/* SPDX-License-Identifier: MIT */
#include "state.h"

#include <fcntl.h>
#include <uv.h>

#include "mem.h"

char *gl_state_path(const char *dir, const char *name)
{
    return gl_asprintf("%s/%s", dir, name);
}

/* libuv's calls without a loop are synchronous; the request holds nothing afterwards but what
 * cleanup frees. */
static int open_file(const char *path, int flags)
{
    uv_fs_t req;
    int fd = uv_fs_open(NULL, &req, path, flags, 0600, NULL);
    uv_fs_req_cleanup(&req);
    return fd;
}

static int close_file(int fd)
{
    uv_fs_t req;
    int err = uv_fs_close(NULL, &req, fd, NULL);
    uv_fs_req_cleanup(&req);
    return err;
}

static int sync_file(int fd)
{
    uv_fs_t req;
    int err = uv_fs_fsync(NULL, &req, fd, NULL);
    uv_fs_req_cleanup(&req);
    return err;
}

static int remove_file(const char *path)
{
    uv_fs_t req;
    int err = uv_fs_unlink(NULL, &req, path, NULL);
    uv_fs_req_cleanup(&req);
    return err;
}

static int rename_file(const char *from, const char *to)
{
    uv_fs_t req;
    int err = uv_fs_rename(NULL, &req, from, to, NULL);
    uv_fs_req_cleanup(&req);
    return err;
}

static int read_all(int fd, size_t max, char **ret_text, size_t *ret_len)
{
    char *text = gl_alloc(max + 2);
    size_t len = 0;
    for (;;) {
        uv_fs_t req;
        uv_buf_t room = uv_buf_init(text + len, (unsigned)(max + 1 - len));
        ssize_t n = uv_fs_read(NULL, &req, fd, &room, 1, -1, NULL);
        uv_fs_req_cleanup(&req);
        if (n == 0)
            break;
        len += n > 0 ? (size_t)n : 0;
        if (n < 0 || len > max) {
            gl_secure_free(text, len);
            return n < 0 ? (int)n : UV_EFBIG;
        }
    }
    text[len] = '\0';
    *ret_text = text;
    *ret_len = len;
    return 0;
}

int gl_state_read(const char *dir, const char *name, size_t max, char **ret_text, size_t *ret_len)
{
    char *path = gl_state_path(dir, name);
    int fd = open_file(path, UV_FS_O_RDONLY | UV_FS_O_NONBLOCK | UV_FS_O_NOFOLLOW);
    gl_free(path);
    if (fd < 0)
        return fd;
    int err = read_all(fd, max, ret_text, ret_len);
    close_file(fd);
    return err;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        uv_fs_t req;
        uv_buf_t piece = {.base = (char *)(uintptr_t)data, .len = len};
        ssize_t n = uv_fs_write(NULL, &req, fd, &piece, 1, -1, NULL);
        uv_fs_req_cleanup(&req);
        if (n < 0)
            return (int)n;
        data += n;
        len -= (size_t)n;
    }
    return sync_file(fd);
}

/* So that the new name survives a power cut. Where directories cannot be opened this is not needed.
 */
static void sync_directory(const char *dir)
{
    int fd = open_file(dir, UV_FS_O_RDONLY | UV_FS_O_DIRECTORY);
    if (fd < 0)
        return;
    sync_file(fd);
    close_file(fd);
}

int gl_state_write(const char *dir, const char *name, const void *data, size_t len)
{
    char *path = gl_state_path(dir, name);
    char *temporary = gl_asprintf("%s.new", path);
    remove_file(temporary);
    int err = open_file(temporary, UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_EXCL);
    if (err >= 0) {
        int fd = err;
        err = write_all(fd, data, len);
        int closed = close_file(fd);
        err = err ? err : closed;
        if (!err)
            err = rename_file(temporary, path);
        if (err)
            remove_file(temporary);
        else
            sync_directory(dir);
    }
    gl_free(temporary);
    gl_free(path);
    return err;
}

int gl_state_remove(const char *dir, const char *name)
{
    char *path = gl_state_path(dir, name);
    int err = remove_file(path);
    gl_free(path);
    return err == UV_ENOENT ? 0 : err;
}
