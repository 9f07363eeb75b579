/* SPDX-License-Identifier: MIT */
/*
 * Two connected transports in memory, driven by the loop, which keep to what a local stream socket
 * does: a bounded queue a direction, a write that is pending while it is full, EOF after what was
 * sent before the close, ECONNRESET where something was left unread, EPIPE for writing after it.
 * `deaf`: the second end takes no data from the start.
 */
#ifndef GL_TRANSPORT_MEMORY_H
#define GL_TRANSPORT_MEMORY_H

#include <stdbool.h>

#include "transport.h"

void gl_memory_pair(uv_loop_t *loop, bool deaf, struct gl_transport *ret_ends[2]);

#endif
