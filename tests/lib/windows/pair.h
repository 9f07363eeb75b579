/* SPDX-License-Identifier: MIT */
/* The system's own pairs have names, and suites of their own (transports): here is none. */
#ifndef GL_PAIR_H
#define GL_PAIR_H

#include <stdlib.h>

#include "transport.h"

#define GL_PAIR_OF_SYSTEM 0

static inline void gl_pair_of_system(uv_loop_t *loop, bool deaf, struct gl_transport *ret_ends[2])
{
    (void)loop, (void)deaf, (void)ret_ends;
    abort();
}

#endif
