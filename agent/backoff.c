/* SPDX-License-Identifier: MIT */
#include "backoff.h"

void gl_backoff_reset(struct gl_backoff *backoff)
{
    backoff->ceiling_ms = 0;
}

uint64_t gl_backoff_next(struct gl_backoff *backoff, uint64_t min_ms, uint64_t max_ms,
                         uint64_t random)
{
    uint64_t ceiling = 2 * (backoff->ceiling_ms > min_ms ? backoff->ceiling_ms : min_ms);
    if (ceiling > max_ms)
        ceiling = max_ms;
    backoff->ceiling_ms = ceiling;
    uint64_t floor = ceiling / 2 > min_ms ? ceiling / 2 : min_ms;
    return floor + random % (ceiling - floor + 1);
}
