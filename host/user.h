/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a control connection, as the system says. */
#ifndef GL_USER_H
#define GL_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GL_USER_GROUPS_MAX  1024u
#define GL_USER_WAITING_MAX 64u

#define GL_USER_NAME_SIZE 256u

struct gl_user {
    uint32_t uid; /* as platform.h says */
    /* Linux: decimal uid if the system knows no name. Windows: DOMAIN\user, or the SID. */
    char name[GL_USER_NAME_SIZE];
    /* Names. Linux: of the group database, not of the process. Windows: of those that were enabled
     * in the client's token, all that rules may say of each. */
    char **groups;
    size_t n_groups;
    char **names; /* Windows: what rules may say of the user himself */
    size_t n_names;
    unsigned waiting; /* calls of host.wait and host.watch of this connection that go on */
};

/*
 * Asks the system's user database (platform.h): blocks, perhaps for long where it is on a network,
 * so not on the loop's thread. Never fails: what is not known is left out.
 */
struct gl_user *gl_user_lookup(uint32_t uid, uint32_t gid);
void gl_user_free(struct gl_user *user); /* NULL is fine */

/*
 * Whether a pattern of a rule (glob.h) means this user, or one of his groups. Linux: a name, or a
 * user's number. Windows, in upper or lower case: DOMAIN\name, in which a backslash is just that;
 * without a backslash a SID, or the name alone of what is this computer's or the system's own (in
 * no domain, where another may have that name); "*" is everybody.
 */
bool gl_user_is(const struct gl_user *user, const char *pattern);
bool gl_user_is_in(const struct gl_user *user, const char *pattern);

#endif
