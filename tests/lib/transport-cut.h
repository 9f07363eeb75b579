/* SPDX-License-Identifier: MIT */
/*
 * A bad connection for tests: a transport that passes everything on to another, until it cuts,
 * stalls, delays, or lets only few bytes through at a time. Directions are seen from its user: rx
 * is what the user reads, tx what it writes.
 */
#ifndef GL_TRANSPORT_CUT_H
#define GL_TRANSPORT_CUT_H

#include "transport.h"

#define GL_CUT_NEVER UINT64_MAX

struct gl_cut_plan {
    /* The connection is cut as soon as so many bytes went through; the others are lost. */
    uint64_t rx, tx;
    size_t read_max;   /* bytes in one read, 0: any */
    uint64_t delay_ms; /* before each write goes on */
    /* Counters of bytes that went through, or NULL; they may outlive the transport. */
    uint64_t *rx_count, *tx_count;
};

#define GL_CUT_NOTHING ((struct gl_cut_plan){.rx = GL_CUT_NEVER, .tx = GL_CUT_NEVER})

/* Takes `inner` over. */
struct gl_transport *gl_cut_wrap(struct gl_transport *inner, const struct gl_cut_plan *plan);
/* As if the connection broke at this moment: its user hears ECONNRESET, the other side too or EOF.
 */
void gl_cut_now(struct gl_transport *cut);
/* From now on nothing goes through in these directions, until it is called again. */
void gl_cut_stall(struct gl_transport *cut, bool rx, bool tx);

/*
 * Two connected transports, for the two ends of a test in one process: over a socketpair where the
 * system has that, else, and where gl_cut_in_memory is set, in memory (transport-memory.h). The
 * second end of a deaf pair takes no data: writing to it fails.
 */
extern bool gl_cut_in_memory;
void gl_cut_pair(uv_loop_t *loop, struct gl_transport *ret_ends[2]);
void gl_cut_deaf_pair(uv_loop_t *loop, struct gl_transport *ret_ends[2]);

#endif
