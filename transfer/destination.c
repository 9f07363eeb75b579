/* SPDX-License-Identifier: MIT */
#include "destination.h"

#include <uv.h>

#include "mem.h"
#include "path.h"

static enum gl_status failed(int uv_err, const char **ret_text)
{
    *ret_text = uv_strerror(uv_err);
    return gl_status_from_errno(uv_err);
}

static enum gl_status refused(enum gl_status status, const char *text, const char **ret_text)
{
    *ret_text = text;
    return status;
}

/* path is, or will be, a file in a directory that must be there. */
static enum gl_status open_in_parent(const char *path, bool resolve, struct gl_destination *d,
                                     const char **ret_text)
{
    char *parent = gl_path_parent(path), *name = gl_path_base(path);
    struct gl_path shown;
    int err = 0;
    if (!name[0])
        err = UV_ENOENT;
    if (!err && resolve) {
        char *resolved;
        err = gl_disk_resolve(parent, &resolved);
        if (!err) {
            gl_free(parent);
            parent = resolved;
        }
    }
    if (!err)
        err = gl_dir_open(parent, &d->dir);
    if (err) {
        gl_free(parent);
        gl_free(name);
        return failed(err, ret_text);
    }
    gl_path_init(&shown, resolve ? parent : path);
    if (resolve)
        gl_path_push(&shown, name);
    d->name = name;
    d->path = shown.text;
    gl_free(parent);
    return GL_STATUS_OK;
}

static enum gl_status open_directory(const char *path, bool resolve, struct gl_destination *d,
                                     const char **ret_text)
{
    int err = resolve ? gl_disk_resolve(path, &d->path) : 0;
    if (!err)
        err = gl_dir_open(path, &d->dir);
    if (err) {
        gl_free(d->path);
        return failed(err, ret_text);
    }
    if (!d->path)
        d->path = gl_strdup(path);
    return GL_STATUS_OK;
}

static enum gl_status open_missing(const char *path, bool several, bool resolve,
                                   struct gl_destination *d, const char **ret_text)
{
    struct gl_disk_info info;
    if (several)
        return refused(GL_STATUS_NOT_FOUND, "no such directory", ret_text);
    if (gl_disk_stat(path, false, &info) == 0)
        return refused(GL_STATUS_NOT_FOUND, "is a symbolic link to nothing", ret_text);
    d->directory = gl_path_has_slash(path);
    return open_in_parent(path, resolve, d, ret_text);
}

static enum gl_status open_file(const char *path, bool several, bool resolve,
                                const struct gl_disk_info *info, struct gl_destination *d,
                                const char **ret_text)
{
    if (several || gl_path_has_slash(path))
        return refused(GL_STATUS_NOT_DIRECTORY, "not a directory", ret_text);
    if (info->kind != GL_DISK_FILE)
        return refused(GL_STATUS_EXISTS, "exists and is not a regular file", ret_text);
    /* A link is the user's way to the file that shall be replaced, and stays. */
    char *resolved;
    int err = gl_disk_resolve(path, &resolved);
    if (err)
        return failed(err, ret_text);
    enum gl_status status = open_in_parent(resolved, resolve, d, ret_text);
    if (status == GL_STATUS_OK && !resolve) {
        gl_free(d->path);
        d->path = gl_strdup(path);
    }
    gl_free(resolved);
    return status;
}

enum gl_status gl_destination_open(const char *path, bool several, bool resolve,
                                   struct gl_destination *ret_destination, const char **ret_text)
{
    struct gl_destination d = {NULL, NULL, false, NULL};
    struct gl_disk_info info;
    enum gl_status status;
    int err = gl_disk_stat(path, true, &info);
    if (err == UV_ENOENT)
        status = open_missing(path, several, resolve, &d, ret_text);
    else if (err)
        status = failed(err, ret_text);
    else if (info.kind == GL_DISK_DIRECTORY)
        status = open_directory(path, resolve, &d, ret_text);
    else
        status = open_file(path, several, resolve, &info, &d, ret_text);
    if (status == GL_STATUS_OK)
        *ret_destination = d;
    return status;
}

void gl_destination_done(struct gl_destination *destination)
{
    gl_dir_unref(destination->dir);
    gl_free(destination->name);
    gl_free(destination->path);
    *destination = (struct gl_destination){NULL, NULL, false, NULL};
}
