/* SPDX-License-Identifier: MIT */
/* How often something may happen: `burst` times at once, one more every `every_ms`. What is over it
 * is counted. */
#ifndef GL_QUOTA_H
#define GL_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

struct gl_quota {
    unsigned burst, every_ms;
    uint64_t used_ms; /* how much of burst * every_ms is used up, at last_ms */
    uint64_t last_ms;
    unsigned suppressed; /* since the last that was granted */
};

/* May it happen now? *ret_suppressed (may be NULL): how many were refused before this one. */
bool gl_quota_take(struct gl_quota *quota, uint64_t now_ms, unsigned *ret_suppressed);

#endif
