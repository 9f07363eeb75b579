/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <string.h>
#include <uv.h>

#include "file-io.h"
#include "secret-file.h"

static int file_size(int fd, uint64_t *ret_size)
{
    uv_fs_t req;
    int err = uv_fs_fstat(NULL, &req, fd, NULL);
    if (err == 0)
        *ret_size = req.statbuf.st_size;
    uv_fs_req_cleanup(&req);
    return err;
}

static int read_whole(const char *path, char **ret_text, size_t *ret_len, struct gl_why *why)
{
    int fd = gl_io_open(path, UV_FS_O_RDONLY);
    if (fd < 0)
        return gl_why(why, fd, "%s: %s", path, uv_strerror(fd));
    char *text = NULL;
    uint64_t size = 0;
    int err = file_size(fd, &size);
    if (err == 0 && size > GL_STORE_MAX)
        err = UV_EFBIG;
    if (err == 0) {
        text = gl_alloc(size);
        err = gl_io_read(fd, text, size, ret_len);
    }
    gl_io_close(fd);
    if (err < 0) {
        gl_free(text);
        return gl_why(why, err, "%s: %s", path, uv_strerror(err));
    }
    *ret_text = text;
    return 0;
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
        err = gl_why(why, UV_ENOTSUP, "%s: its schema is %lld, this version knows %lld", path,
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
