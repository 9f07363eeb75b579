/* SPDX-License-Identifier: MIT */
#include "destination.h"

#include <string.h>
#include <uv.h>

#include "engine.h"
#include "mem.h"
#include "path.h"

static enum gl_status failed(const char *path, int uv_err, const char **ret_text)
{
    const char *trouble = uv_err == UV_EINVAL ? gl_disk_path_trouble(path) : NULL;
    *ret_text = trouble ? trouble : uv_strerror(uv_err);
    return gl_status_from_errno(uv_err);
}

static enum gl_status refused(enum gl_status status, const char *text, const char **ret_text)
{
    *ret_text = text;
    return status;
}

/* What the user gave, and how it is looked at. */
struct way {
    const char *given;
    const char *path;         /* what `given` led to, or `given` */
    enum gl_disk_links links; /* that are followed in path */
    bool several;
};

static enum gl_status failed_open(const struct way *way, int uv_err, const char **ret_text)
{
    if (uv_err == UV_ELOOP && way->links == GL_LINKS_NONE)
        return refused(GL_STATUS_PRECONDITION, GL_TRANSFER_CHANGED, ret_text);
    return failed(way->path, uv_err, ret_text);
}

/* path is, or will be, a file in a directory that must be there. */
static enum gl_status open_in_parent(const struct way *way, const char *path,
                                     struct gl_destination *d, const char **ret_text)
{
    char *parent = gl_path_parent(path), *name = gl_path_base(path);
    int err = name[0] ? gl_dir_open(parent, way->links, &d->dir) : UV_ENOENT;
    gl_free(parent);
    if (err) {
        gl_free(name);
        return failed_open(way, err, ret_text);
    }
    d->name = name;
    d->path = gl_strdup(way->path);
    return GL_STATUS_OK;
}

static enum gl_status open_directory(const struct way *way, struct gl_destination *d,
                                     const char **ret_text)
{
    int err = gl_dir_open(way->path, way->links, &d->dir);
    if (err)
        return failed_open(way, err, ret_text);
    d->path = gl_strdup(way->path);
    return GL_STATUS_OK;
}

/* Nothing is there. But is there a link that leads to it? */
static bool is_link_to_nothing(const struct way *way)
{
    struct gl_disk_info info;
    char *itself;
    if (way->links != GL_LINKS_NONE)
        return gl_disk_stat(way->path, GL_LINKS_BUT_LAST, &info) == 0;
    /* Not by a look at it: only what is at way->path may be told. */
    if (gl_disk_resolve_any(way->given, false, &itself))
        return false;
    bool other = strcmp(itself, way->path) != 0;
    gl_free(itself);
    return other;
}

static enum gl_status open_missing(const struct way *way, struct gl_destination *d,
                                   const char **ret_text)
{
    if (way->several)
        return refused(GL_STATUS_NOT_FOUND, "no such directory", ret_text);
    if (is_link_to_nothing(way))
        return refused(GL_STATUS_NOT_FOUND, "is a symbolic link to nothing", ret_text);
    d->missing = true;
    d->directory = gl_path_has_slash(way->given);
    return open_in_parent(way, way->path, d, ret_text);
}

static enum gl_status open_file(const struct way *way, const struct gl_disk_info *info,
                                struct gl_destination *d, const char **ret_text)
{
    if (way->several || gl_path_has_slash(way->given))
        return refused(GL_STATUS_NOT_DIRECTORY, "not a directory", ret_text);
    if (info->kind != GL_DISK_FILE)
        return refused(GL_STATUS_EXISTS, "exists and is not a regular file", ret_text);
    if (way->links == GL_LINKS_NONE)
        return open_in_parent(way, way->path, d, ret_text);
    /* A link is the user's way to the file that shall be replaced, and stays. */
    char *resolved;
    int err = gl_disk_resolve(way->path, &resolved);
    if (err)
        return failed(way->path, err, ret_text);
    enum gl_status status = open_in_parent(way, resolved, d, ret_text);
    gl_free(resolved);
    return status;
}

enum gl_status gl_destination_open(const char *path, const char *resolved, bool several,
                                   struct gl_destination *ret_destination, const char **ret_text)
{
    struct way way = {path, resolved ? resolved : path, resolved ? GL_LINKS_NONE : GL_LINKS_ALL,
                      several};
    struct gl_destination d = {NULL, NULL, false, false, NULL};
    struct gl_disk_info info;
    enum gl_status status;
    int err = gl_disk_stat(way.path, way.links, &info);
    if (!err && info.kind == GL_DISK_LINK)
        err = UV_ELOOP;
    if (err == UV_ENOENT)
        status = open_missing(&way, &d, ret_text);
    else if (err)
        status = failed_open(&way, err, ret_text);
    else if (info.kind == GL_DISK_DIRECTORY)
        status = open_directory(&way, &d, ret_text);
    else
        status = open_file(&way, &info, &d, ret_text);
    if (status == GL_STATUS_OK)
        *ret_destination = d;
    return status;
}

void gl_destination_done(struct gl_destination *destination)
{
    gl_dir_unref(destination->dir);
    gl_free(destination->name);
    gl_free(destination->path);
    *destination = (struct gl_destination){NULL, NULL, false, false, NULL};
}
