/* SPDX-License-Identifier: MIT */
/* A box that is open as a directory, and small files in directories: for suites of transfer/disk.h.
 */
#ifndef GL_DISK_BOX_H
#define GL_DISK_BOX_H

#include <uv.h>

#include "box.h"
#include "disk.h"
#include "windows/disk-windows.h"

static struct gl_dir *dir; /* the box */

static inline void setup(void)
{
    box_make();
    ck_assert_int_eq(gl_dir_open(box, GL_LINKS_ALL, &dir), 0);
}

static inline void teardown(void)
{
    gl_dir_unref(dir);
    box_remove();
}

static inline void make_file(struct gl_dir *in, const char *name, const char *text)
{
    int fd, err = gl_file_create_at(in, name, &fd);
    ck_assert_msg(err == 0, "%s: %s", name, uv_strerror(err));
    ck_assert_int_eq(gl_file_write_at(fd, text, strlen(text), 0), 0);
    gl_file_close(fd);
}

static inline void assert_file(struct gl_dir *in, const char *name, const char *text)
{
    char data[256] = "";
    struct gl_disk_info info;
    int fd, err = gl_file_open_at(in, name, &fd, &info);
    ck_assert_msg(err == 0, "%s: %s", name, uv_strerror(err));
    ck_assert_int_eq(gl_file_read_at(fd, data, sizeof data - 1, 0), (int)strlen(text));
    ck_assert_str_eq(data, text);
    ck_assert_uint_eq(info.size, strlen(text));
    gl_file_close(fd);
}

static inline HANDLE handle_of(int fd)
{
    return (HANDLE)_get_osfhandle(fd);
}

/* Whether the entries of `in` have this name, in these letters. */
static inline bool has_entry(struct gl_dir *in, const char *name)
{
    struct gl_disk_list list;
    bool has = false;
    ck_assert_int_eq(gl_dir_list(in, &list), 0);
    for (size_t i = 0; i < list.count; i++)
        has = has || strcmp(list.entries[i].name, name) == 0;
    gl_disk_list_done(&list);
    return has;
}

/* The one name of what `path` leads to, links followed, is `below` the box. */
static inline void assert_resolved(const char *path, const char *below)
{
    char *resolved, *expected = gl_asprintf("%s%s", box, below);
    int err = gl_disk_resolve_any(path, true, &resolved);
    ck_assert_msg(err == 0, "%s: %d", path, err);
    ck_assert_str_eq(resolved, expected);
    gl_free(resolved);
    gl_free(expected);
}

#endif
