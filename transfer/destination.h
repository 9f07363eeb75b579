/* SPDX-License-Identifier: MIT */
/* What the DST of a copy means, by cp(1)'s rules. */
#ifndef GL_TRANSFER_DESTINATION_H
#define GL_TRANSFER_DESTINATION_H

#include "disk.h"
#include "status.h"

struct gl_destination {
    struct gl_dir *dir; /* where the copies go */
    char *name;     /* what the one source is to be called there; NULL: each keeps its own name */
    bool missing;   /* with name: nothing has it yet */
    bool directory; /* with name: only a directory may get this name (the path ends in a slash) */
    char *path;     /* of `dir`, or with name of dir/name: as the user gave it, or resolved */
};

/*
 * An existing directory (or a link to one) takes the copies. Otherwise there may be only one source
 * (`several` false), and the path is its new name: of a regular file that is to be replaced (a link
 * to one is followed), or of nothing yet, in a directory that exists.
 *
 * `resolved`: NULL; or what gl_disk_resolve_any() made of path, links followed. Then it alone is
 * looked at, without following links, and what is found, or the failure, is about that path and no
 * other: PRECONDITION if a link is in it by now. On failure *ret_text says why, static.
 */
enum gl_status gl_destination_open(const char *path, const char *resolved, bool several,
                                   struct gl_destination *ret_destination, const char **ret_text);
void gl_destination_done(struct gl_destination *destination);

#endif
