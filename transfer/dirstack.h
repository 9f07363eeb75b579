/* SPDX-License-Identifier: MIT */
/*
 * The directories from where a copy began down to where it is now. Only the deepest are held open,
 * since a tree may be deeper than a process may have descriptors; one further up is opened again
 * from below, by "..", and must be the same one still.
 */
#ifndef GL_TRANSFER_DIRSTACK_H
#define GL_TRANSFER_DIRSTACK_H

#include "disk.h"

#define GL_DIRSTACK_OPEN_MAX 48u

struct gl_dirstack_level {
    struct gl_dir *dir; /* NULL: closed for now */
    uint64_t device, inode;
};

struct gl_dirstack {
    struct gl_dirstack_level *levels;
    size_t depth, room;
};

void gl_dirstack_init(struct gl_dirstack *stack);
void gl_dirstack_done(struct gl_dirstack *stack);
/* Takes the reference. */
void gl_dirstack_push(struct gl_dirstack *stack, struct gl_dir *dir);
/* The deepest; the stack is not empty. Stays the stack's. */
struct gl_dir *gl_dirstack_top(const struct gl_dirstack *stack);
/* Leaves the deepest. UV_ENOENT or another error: the one above cannot be opened again (it was
 * moved). */
int gl_dirstack_pop(struct gl_dirstack *stack);

#endif
