/* SPDX-License-Identifier: MIT */
#include "part.h"

#include <string.h>
#include <uv.h>

#include "mem.h"

#define TRIES        100 /* against others who make and remove parts at the same time */
#define BUSY_WAIT_MS 50u
#define BUSY_WAITS   60 /* 3 s: an interrupted copy that is still being tidied up lets go of it */

/* Locks fd. Where there are no locks, copies to one target at the same time are the user's own
 * care. */
static int lock(int fd)
{
    int err = gl_file_lock(fd);
    return err == UV_ENOTSUP ? 0 : err;
}

/* Whether the name still means the file that fd is: it may have been renamed or removed before we
 * had the lock. */
static bool is_still(struct gl_dir *dir, const char *name, int fd)
{
    struct gl_disk_info by_name, by_fd;
    return gl_dir_stat(dir, name, &by_name) == 0 && gl_file_stat(fd, &by_fd) == 0 &&
           by_name.device == by_fd.device && by_name.inode == by_fd.inode;
}

/*
 * Looks at what has the name already. 0: it is locked and taken. UV_ENOENT: nothing is there (any
 * more). UV_EBUSY: it is in use. UV_EAGAIN: it is not ours to remove.
 */
static int take_leftover(struct gl_dir *dir, const char *name, bool resume, uint64_t max,
                         struct gl_part *part)
{
    struct gl_disk_info info;
    int fd, err = gl_file_reopen_at(dir, name, &fd, &info);
    if (err)
        return err == UV_ENOENT || err == UV_EBUSY ? err : UV_EAGAIN;
    if (lock(fd)) {
        gl_file_close(fd);
        return UV_EBUSY;
    }
    if (is_still(dir, name, fd)) {
        if (resume && info.trusted && info.size <= max) {
            part->fd = fd;
            part->length = info.size;
            return 0;
        }
        err = gl_dir_unlink(dir, name) ? UV_EAGAIN : UV_ENOENT;
    } else {
        err = UV_ENOENT;
    }
    gl_file_close(fd);
    return err;
}

/* The same for a resume that follows an interrupted copy at once. */
static int take_for_resume(struct gl_dir *dir, const char *name, uint64_t max, struct gl_part *part)
{
    int err = take_leftover(dir, name, true, max, part);
    for (int i = 0; i < BUSY_WAITS && err == UV_EBUSY; i++) {
        uv_sleep(BUSY_WAIT_MS);
        err = take_leftover(dir, name, true, max, part);
    }
    return err;
}

/* Makes a file of this name. UV_EEXIST: somebody else was first. */
static int create(struct gl_dir *dir, const char *name, struct gl_part *part)
{
    int fd, err = gl_file_create_at(dir, name, &fd);
    if (err)
        return err;
    /* Between these two calls another copy may take it for a leftover and lock it: then it is that
     * one's. */
    if (lock(fd) || !is_still(dir, name, fd)) {
        gl_file_close(fd);
        return UV_EEXIST;
    }
    part->fd = fd;
    part->length = 0;
    return 0;
}

int gl_part_open(struct gl_dir *dir, const char *name, bool resume, uint64_t max,
                 struct gl_part *ret_part)
{
    struct gl_part part = GL_PART_NONE;
    gl_part_name(name, part.name);
    part.findable = true;
    int err = resume ? take_for_resume(dir, part.name, max, &part) : UV_ENOENT;
    for (int i = 0;
         i < TRIES && (err == UV_ENOENT || err == UV_EEXIST || err == UV_EAGAIN || err == UV_EBUSY);
         i++) {
        if (err == UV_EEXIST && part.findable)
            err = take_leftover(dir, part.name, resume, max, &part);
        if (err == 0)
            break;
        if (err == UV_EAGAIN || err == UV_EBUSY || (err == UV_EEXIST && !part.findable)) {
            gl_part_name_random(part.name);
            part.findable = false;
        }
        err = create(dir, part.name, &part);
    }
    if (err)
        return err;
    part.dir = gl_dir_ref(dir);
    *ret_part = part;
    return 0;
}

static void part_done(struct gl_part *part)
{
    gl_file_close(part->fd);
    gl_dir_unref(part->dir);
    *part = GL_PART_NONE;
}

int gl_part_rename(struct gl_part *part, const char *name)
{
    int err = gl_part_check_target(part->dir, name);
    if (!err && !is_still(part->dir, part->name, part->fd))
        err = UV_ENOENT;
    if (!err)
        err = gl_dir_rename(part->dir, part->name, name);
    if (!err)
        part_done(part);
    return err;
}

void gl_part_discard(struct gl_part *part)
{
    if (part->fd < 0)
        return;
    gl_dir_unlink(part->dir, part->name);
    part_done(part);
}

void gl_part_keep(struct gl_part *part)
{
    if (!part->findable)
        gl_part_discard(part);
    else if (part->fd >= 0)
        part_done(part);
}

int gl_part_check_target(struct gl_dir *dir, const char *name)
{
    struct gl_disk_info info;
    int err = gl_dir_stat(dir, name, &info);
    if (err)
        return err == UV_ENOENT ? 0 : err;
    switch (info.kind) {
    case GL_DISK_FILE:
    case GL_DISK_LINK:
        return 0;
    case GL_DISK_DIRECTORY:
        return UV_EISDIR;
    default:
        return UV_EEXIST;
    }
}
