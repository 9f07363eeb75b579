/* SPDX-License-Identifier: MIT */
/*
 * A folder for a test, below the system's own for such things, and small files in it; by libuv, the
 * same on each system. gl_scratch_remove() in a teardown takes all of it away again.
 */
#ifndef GL_SCRATCH_H
#define GL_SCRATCH_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "mem.h"
#include "unit.h"

/* Room for a name of a few words in it, beside what the system's own folder takes. */
#define GL_SCRATCH_PATH 512

static inline void gl_scratch_new(char ret_folder[GL_SCRATCH_PATH], const char *suite)
{
    uv_fs_t req;
    char above[GL_SCRATCH_PATH - 64], template[GL_SCRATCH_PATH];
    size_t len = sizeof(above);
    ck_assert_int_eq(uv_os_tmpdir(above, &len), 0);
    snprintf(template, sizeof(template), "%s/check_%s.XXXXXX", above, suite);
    ck_assert_int_eq(uv_fs_mkdtemp(NULL, &req, template, NULL), 0);
    snprintf(ret_folder, GL_SCRATCH_PATH, "%s", req.path);
    uv_fs_req_cleanup(&req);
}

static inline char *gl_scratch_path(const char *folder, const char *name)
{
    return gl_asprintf("%s/%s", folder, name);
}

/* Of the thing itself, not of what it may be a link to. False: there is none. */
static inline bool gl_scratch_stat(const char *path, uv_stat_t *ret_st)
{
    uv_fs_t req;
    int r = uv_fs_lstat(NULL, &req, path, NULL);
    *ret_st = req.statbuf;
    uv_fs_req_cleanup(&req);
    return r == 0;
}

static inline bool gl_scratch_exists(const char *path)
{
    uv_stat_t st;
    return gl_scratch_stat(path, &st);
}

static inline void gl_scratch_mkdir(const char *path)
{
    uv_fs_t req;
    ck_assert_msg(uv_fs_mkdir(NULL, &req, path, 0700, NULL) == 0, "%s", path);
    uv_fs_req_cleanup(&req);
}

static inline void gl_scratch_rmdir(const char *path)
{
    uv_fs_t req;
    ck_assert_msg(uv_fs_rmdir(NULL, &req, path, NULL) == 0, "%s", path);
    uv_fs_req_cleanup(&req);
}

/* What is not there is fine. */
static inline void gl_scratch_unlink(const char *path)
{
    uv_fs_t req;
    int r = uv_fs_unlink(NULL, &req, path, NULL);
    uv_fs_req_cleanup(&req);
    ck_assert_msg(r == 0 || r == UV_ENOENT, "%s: %s", path, uv_strerror(r));
}

/* Bytes as they are, with no regard to the system's ends of lines. */
static inline void gl_scratch_put(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_eq(fwrite(data, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void gl_scratch_put_text(const char *path, const char *text)
{
    gl_scratch_put(path, text, strlen(text));
}

/* How much was there; at most size. */
static inline size_t gl_scratch_get(const char *path, void *data, size_t size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    size_t len = fread(data, 1, size, file);
    fclose(file);
    return len;
}

/* How many things are in the folder; each goes to fn, if there is one, with its path. */
static inline unsigned gl_scratch_each(const char *folder, void (*fn)(const char *path))
{
    uv_fs_t req;
    uv_dirent_t entry;
    unsigned n = 0;
    ck_assert_msg(uv_fs_scandir(NULL, &req, folder, 0, NULL) >= 0, "%s", folder);
    for (; uv_fs_scandir_next(&req, &entry) == 0; n++) {
        char *path = gl_scratch_path(folder, entry.name);
        if (fn)
            fn(path);
        gl_free(path);
    }
    uv_fs_req_cleanup(&req);
    return n;
}

/* Whatever it is, with all that is in it; a link is removed and not followed. */
static inline void gl_scratch_remove(const char *path)
{
    uv_fs_t req;
    uv_stat_t st;
    ck_assert_msg(gl_scratch_stat(path, &st), "%s", path);
    if ((st.st_mode & S_IFMT) == S_IFDIR) {
        uv_fs_chmod(NULL, &req, path, 0700, NULL);
        uv_fs_req_cleanup(&req);
        gl_scratch_each(path, gl_scratch_remove);
        gl_scratch_rmdir(path);
    } else {
        gl_scratch_unlink(path);
    }
}

#endif
