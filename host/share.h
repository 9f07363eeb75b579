/* SPDX-License-Identifier: MIT */
/*
 * Who uses how much of a guest's link. A guest takes a number of calls at a time and refuses more;
 * too many refusals end its session, everybody's. It goes on counting a call that was cancelled
 * until its handler has ended, which the host cannot see: so here a cancelled call counts for 10 to
 * 20 seconds more. What counts stays within the guest's number, of which
 *
 *     one client has a half at most, and one user too;
 *     all users but root and the daemon's own leave an eighth to those two.
 *
 * The requests of calls that the guest has not been sent yet, for its link is slow or away, are
 * kept here: their bytes are shared in the same way.
 */
#ifndef GL_SHARE_H
#define GL_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "list.h"

#define GL_SHARE_AFTER_MS 10000u

/* Of one session. */
struct gl_shares {
    struct gl_list list;
    unsigned max;
    size_t bytes_max;
    uint64_t turned_ms;
};

/* Whose calls they are. */
struct gl_share_owner {
    uint64_t client; /* a number that is never given again */
    uint32_t uid;
    bool keeper; /* root, or the daemon's own user */
};

/* What is at its limit. */
enum gl_share_verdict {
    GL_SHARE_OK,
    GL_SHARE_CLIENT,
    GL_SHARE_USER,
    GL_SHARE_GUEST,
    GL_SHARE_BYTES, /* of waiting requests, for whichever of the three */
};

struct gl_share;

/* `max`: how many calls the guest takes at a time; `bytes_max`: of requests that wait. */
void gl_shares_init(struct gl_shares *shares, unsigned max, size_t bytes_max);
/* All that were taken have been given back. */
void gl_shares_done(struct gl_shares *shares);

/*
 * One more call, with a request of so many bytes that waits to be sent. *ret_share is given back
 * when the call has ended.
 */
enum gl_share_verdict gl_share_take(struct gl_shares *shares, const struct gl_share_owner *owner,
                                    size_t bytes, uint64_t now_ms, struct gl_share **ret_share);
/* A request waits no more: it was sent, or its call has ended (and its share is given back next).
 */
void gl_share_sent(struct gl_share *share, size_t bytes);
/* `lingers`: the guest may not be done with it yet, or has refused it. */
void gl_share_give(struct gl_shares *shares, struct gl_share *share, bool lingers, uint64_t now_ms);

#endif
