/* SPDX-License-Identifier: MIT */
/*
 * Blocking calls on files, as uv_fs_*() are without a callback, and the same on each system. All
 * return 0 or more, or a negative UV_E*.
 */
#ifndef GL_FILE_IO_H
#define GL_FILE_IO_H

#include <stddef.h>
#include <uv.h>

/* A new descriptor; `flags` are UV_FS_O_*, of a file that is there. */
uv_file gl_io_open(const char *path, int flags);
int gl_io_close(uv_file fd);
int gl_io_sync(uv_file fd);
/* From where it stands until the end, or as many bytes as fit. */
int gl_io_read(uv_file fd, void *data, size_t size, size_t *ret_len);
/* All of it, from where it stands. */
int gl_io_write(uv_file fd, const void *data, size_t len);

#endif
