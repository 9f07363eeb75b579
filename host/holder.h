/* SPDX-License-Identifier: MIT */
/*
 * What one local user makes the daemon keep in memory, with all his connections together: what is
 * queued for him, what is queued for guests by him, and requests that are not whole. Each stream is
 * bounded by its window, but a user may have many streams.
 *
 *     over half of it    no more calls: LIMIT
 *     at the whole       a relayed stream that wants to add to it ends with LIMIT
 *
 * One connection has half of what the user has. Windows of his streams grow only within a bound of
 * their own, so that many streams of the initial window fit: it takes a thousand that stand still
 * to fill it.
 */
#ifndef GL_HOLDER_H
#define GL_HOLDER_H

#include <stdint.h>

#include "account.h"
#include "list.h"

#define GL_HOLDER_MAX        (256u * 1024 * 1024) /* bytes, of a user, */
#define GL_HOLDER_CLIENT_MAX (128u * 1024 * 1024) /* and of one of his connections */
#define GL_HOLDER_GROWTH_MAX (64u * 1024 * 1024)  /* of windows, of a user; charge */

struct gl_holder {
    struct gl_list node;
    uint32_t uid;
    unsigned connections;
    struct gl_account account;
};

/* The user's, for one connection more. */
struct gl_holder *gl_holder_get(struct gl_list *holders, uint32_t uid);
/* A connection is gone, with all that it held. */
void gl_holder_put(struct gl_holder *holder);

#endif
