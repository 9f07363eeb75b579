/* SPDX-License-Identifier: MIT */
#include "file-io.h"

#include <stdint.h>

uv_file gl_io_open(const char *path, int flags)
{
    uv_fs_t req;
    int fd = uv_fs_open(NULL, &req, path, flags, 0, NULL);
    uv_fs_req_cleanup(&req);
    return fd;
}

int gl_io_close(uv_file fd)
{
    uv_fs_t req;
    int err = uv_fs_close(NULL, &req, fd, NULL);
    uv_fs_req_cleanup(&req);
    return err;
}

int gl_io_sync(uv_file fd)
{
    uv_fs_t req;
    int err = uv_fs_fsync(NULL, &req, fd, NULL);
    uv_fs_req_cleanup(&req);
    return err;
}

int gl_io_read(uv_file fd, void *data, size_t size, size_t *ret_len)
{
    size_t len = 0;
    while (len < size) {
        uv_fs_t req;
        uv_buf_t buf = uv_buf_init((char *)data + len, (unsigned)(size - len));
        int n = uv_fs_read(NULL, &req, fd, &buf, 1, -1, NULL);
        uv_fs_req_cleanup(&req);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

int gl_io_write(uv_file fd, const void *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        uv_fs_t req;
        uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data + at, (unsigned)(len - at));
        int n = uv_fs_write(NULL, &req, fd, &buf, 1, -1, NULL);
        uv_fs_req_cleanup(&req);
        if (n < 0)
            return n;
        at += (size_t)n;
    }
    return 0;
}
