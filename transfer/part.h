/* SPDX-License-Identifier: MIT */
/*
 * The temporary file that a file of a copy is written to, in the directory of its target and with a
 * name made from the target's (path.h), so that an interrupted copy is found by the next one.
 *
 * Whoever writes it holds a lock on it, for as long as it has this name. So two copies to one
 * target do not meet: the second takes a name of its own, and the last one to finish wins. A lock
 * ends with its process, hence a part without a lock is a leftover.
 */
#ifndef GL_TRANSFER_PART_H
#define GL_TRANSFER_PART_H

#include "disk.h"
#include "path.h"

struct gl_part {
    struct gl_dir *dir; /* a reference */
    int fd;             /* -1: there is no part */
    uint64_t length;    /* bytes that it had when it was opened */
    bool findable;      /* has the name under which the next copy looks for it */
    char name[GL_PART_NAME_SIZE];
};

#define GL_PART_NONE ((struct gl_part){NULL, -1, 0, false, ""})

/*
 * Opens a part for the target `name` in dir: with `resume` a leftover that is ours alone and not
 * longer than `max`, else an empty one; a leftover that is of no use is removed.
 */
int gl_part_open(struct gl_dir *dir, const char *name, bool resume, uint64_t max,
                 struct gl_part *ret_part);
/* Gives it its final name, in one step, replacing what is there; the part is gone then. On failure
 * it is still there. */
int gl_part_rename(struct gl_part *part, const char *name);
/* Removes it. */
void gl_part_discard(struct gl_part *part);
/* Leaves it there for the next copy, if that would find it. */
void gl_part_keep(struct gl_part *part);

/* May a file or link replace what is at this name? 0: yes, or nothing is there; UV_EISDIR;
 * UV_EEXIST: a device, pipe or socket. */
int gl_part_check_target(struct gl_dir *dir, const char *name);

#endif
