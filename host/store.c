/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <string.h>
#include <uv.h>

#include "secret-file.h"

/* uv_fs_* without a loop and a callback are plain blocking calls, and the same on both systems. */

static int file_open(const char *path, int flags)
{
    uv_fs_t req;
    int fd = uv_fs_open(NULL, &req, path, flags, 0600, NULL);
    uv_fs_req_cleanup(&req);
    return fd;
}

static void file_close(int fd)
{
    uv_fs_t req;
    uv_fs_close(NULL, &req, fd, NULL);
    uv_fs_req_cleanup(&req);
}

static int file_size(int fd, uint64_t *ret_size)
{
    uv_fs_t req;
    int err = uv_fs_fstat(NULL, &req, fd, NULL);
    if (err == 0)
        *ret_size = req.statbuf.st_size;
    uv_fs_req_cleanup(&req);
    return err;
}

/* All of len bytes, or as many as there are; returns how many. */
static ssize_t file_read(int fd, char *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        uv_fs_t req;
        uv_buf_t buf = uv_buf_init(data + done, (unsigned)(len - done));
        int n = uv_fs_read(NULL, &req, fd, &buf, 1, -1, NULL);
        uv_fs_req_cleanup(&req);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static int read_whole(const char *path, char **ret_text, size_t *ret_len, struct gl_why *why)
{
    int fd = file_open(path, UV_FS_O_RDONLY);
    if (fd < 0)
        return gl_why(why, fd, "%s: %s", path, uv_strerror(fd));
    char *text = NULL;
    uint64_t size = 0;
    int err = file_size(fd, &size);
    if (err == 0 && size > GL_STORE_MAX)
        err = UV_EFBIG;
    if (err < 0) {
        gl_why(why, err, "%s: %s", path, uv_strerror(err));
        goto out;
    }
    text = gl_alloc(size);
    ssize_t n = file_read(fd, text, size);
    if (n < 0) {
        err = gl_why(why, (int)n, "%s: %s", path, uv_strerror((int)n));
        goto out;
    }
    *ret_len = (size_t)n;
    *ret_text = text;
    text = NULL;
out:
    gl_free(text);
    file_close(fd);
    return err;
}

int gl_store_load(const char *path, json_int_t schema, json_t **ret_doc, struct gl_why *why)
{
    char *text = NULL;
    size_t len = 0;
    int err = read_whole(path, &text, &len, why);
    if (err < 0)
        return err;
    json_error_t error;
    json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    gl_free(text);
    if (!doc)
        return gl_why(why, UV_EINVAL, "%s:%d: %s", path, error.line, error.text);
    const json_t *number = json_object_get(doc, "schema");
    if (!json_is_integer(number))
        err = gl_why(why, UV_EINVAL, "%s: it has no schema number", path);
    else if (json_integer_value(number) != schema)
        err = gl_why(why, UV_EINVAL, "%s: its schema is %lld, this version knows %lld", path,
                     (long long)json_integer_value(number), (long long)schema);
    if (err < 0)
        json_decref(doc);
    else
        *ret_doc = doc;
    return err;
}

int gl_store_save(const char *path, const json_t *doc, struct gl_why *why)
{
    char *text = json_dumps(doc, JSON_INDENT(2));
    if (!text)
        return gl_why(why, UV_EINVAL, "%s: its content cannot be written as JSON", path);
    int err = gl_secret_file_write(path, (const uint8_t *)text, strlen(text));
    free(text);
    if (err < 0)
        gl_why(why, err, "cannot write %s: %s", path, uv_strerror(err));
    return err;
}
