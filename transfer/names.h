/* SPDX-License-Identifier: MIT */
/*
 * The names that came for one directory, where names that differ in bytes may mean the same: the
 * second of two would silently replace the first. Only hashes are kept, by a seed that the peer
 * does not know.
 */
#ifndef GL_TRANSFER_NAMES_H
#define GL_TRANSFER_NAMES_H

#include <stdbool.h>

#include "disk.h"

struct gl_names_entry;

struct gl_names {
    struct gl_names_entry *entries;
    size_t room, count; /* room is 0 or a power of two */
};

enum gl_names_result {
    GL_NAMES_NEW,
    GL_NAMES_AGAIN, /* the very same came before */
    GL_NAMES_CLASH, /* another came before that means the same in dir; this one is not noted */
};

#define GL_NAMES_NONE ((struct gl_names){NULL, 0, 0})

enum gl_names_result gl_names_add(struct gl_names *names, struct gl_dir *dir, const char *name,
                                  uint64_t seed);
void gl_names_done(struct gl_names *names);

#endif
