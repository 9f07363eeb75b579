/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a control connection, as the system says. */
#ifndef GL_USER_H
#define GL_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GL_USER_GROUPS_MAX  1024u
#define GL_USER_WAITING_MAX 64u

struct gl_user {
    uint32_t uid;
    char name[64]; /* decimal uid if the system knows no name */
    char **groups; /* names, of the group database, not of the process */
    size_t n_groups;
    unsigned waiting; /* calls of host.wait and host.watch of this connection that go on */
};

/*
 * Asks the system's user database (platform.h): blocks, perhaps for long where it is on a network,
 * so not on the loop's thread. Never fails: what is not known is left out.
 */
struct gl_user *gl_user_lookup(uint32_t uid, uint32_t gid);
void gl_user_free(struct gl_user *user); /* NULL is fine */

#endif
