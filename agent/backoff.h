/* SPDX-License-Identifier: MIT */
/* How long to wait before the next attempt: doubling, with jitter, so that guests of one host do
 * not come all at once. */
#ifndef GL_AGENT_BACKOFF_H
#define GL_AGENT_BACKOFF_H

#include <stdint.h>

struct gl_backoff {
    uint64_t ceiling_ms; /* of the last wait; 0: none yet */
};

void gl_backoff_reset(struct gl_backoff *backoff);
/*
 * The next wait in ms: evenly spread over the upper half of a ceiling that begins at 2 * min_ms and
 * doubles up to max_ms; so never under min_ms nor over max_ms. `random` is any 64 random bits.
 */
uint64_t gl_backoff_next(struct gl_backoff *backoff, uint64_t min_ms, uint64_t max_ms,
                         uint64_t random);

#endif
