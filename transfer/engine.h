/* SPDX-License-Identifier: MIT */
/* What the thread of a transfer has: its channel, and how it tells of progress and problems. */
#ifndef GL_TRANSFER_ENGINE_H
#define GL_TRANSFER_ENGINE_H

#include "channel.h"
#include "disk.h"
#include "mem.h"
#include "path.h"
#include "proto/guestlink.pb-c.h"
#include "transfer.h"

#define GL_TRANSFER_BLOCK (256u * 1024) /* bytes read at a time */

/* What was asked about (gl_engine_permit()) is a link now, or is reached by one: PRECONDITION. */
#define GL_TRANSFER_CHANGED "changed while it was looked at, not copied"

/* How one side works; `job` is its own state. */
struct gl_engine_side {
    bool sender;
    /* On the thread. 0, or negative after gl_engine_fail(), or when cancelled. */
    int (*run)(struct gl_transfer *t, void *job);
    /* On the loop, after the thread has ended, or if none could be made. */
    void (*free)(void *job);
};

/* Starts a thread; takes `job` in any case. */
int gl_engine_start(uv_loop_t *loop, struct gl_stream *stream, const struct gl_engine_side *side,
                    void *job, const struct gl_transfer_permit *permit,
                    const struct gl_transfer_events *events, void *ctx,
                    struct gl_transfer **ret_transfer);

/* ------------------------------------------------------------------ on the thread */

struct gl_channel *gl_engine_channel(struct gl_transfer *t);
struct gl_transfer_counts *gl_engine_counts(struct gl_transfer *t);

/*
 * Tells the owner and the peer of a problem of this side with a single file. `item` as in
 * TransferProblem. 0 or UV_ECANCELED. `text` NULL: the status' own.
 */
int gl_engine_problem(struct gl_transfer *t, uint64_t item, const struct gl_path *path,
                      enum gl_status status, const char *text);
/* What users are told of an error of a system call; static. */
const char *gl_engine_errno_text(int uv_err);
/* gl_engine_problem() for an error of a system call. */
int gl_engine_problem_errno(struct gl_transfer *t, uint64_t item, const struct gl_path *path,
                            int uv_err);
/* A problem that the peer told. */
int gl_engine_peer_problem(struct gl_transfer *t, const Gl__TransferProblem *problem);

/* The transfer fails as a whole. Returns a negative number to be passed up. */
int gl_engine_fail(struct gl_transfer *t, enum gl_status status, const char *format, ...)
    GL_PRINTF(3, 4);
/* The peer does not keep to the conversation. */
int gl_engine_fail_protocol(struct gl_transfer *t, const char *why);

/* May this path be read or written (gl_transfer_permit)? If not, it is told as a problem and
 * *ret_allowed is false. 0 or UV_ECANCELED. */
int gl_engine_permit(struct gl_transfer *t, uint64_t item, const struct gl_path *path,
                     bool *ret_allowed);
/* Are paths asked about? Then they must be the resolved ones. */
bool gl_engine_asks(const struct gl_transfer *t);
/* Whether paths that were given are resolved, and what they led to opened with GL_LINKS_NONE. */
bool gl_engine_resolves(const struct gl_transfer *t);

void gl_engine_set_phase(struct gl_transfer *t, enum gl_transfer_phase phase);
void gl_engine_set_totals(struct gl_transfer *t, uint64_t files, uint64_t bytes);
/* `path` is what is being copied now. */
void gl_engine_begin_file(struct gl_transfer *t, const struct gl_path *path);
void gl_engine_end_file(struct gl_transfer *t);
/* `moved`: they went over the link. */
void gl_engine_add_bytes(struct gl_transfer *t, uint64_t bytes, bool moved);

#endif
