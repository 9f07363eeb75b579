/* SPDX-License-Identifier: MIT */
/*
 * The client's side of the control socket: connects, greets, and makes calls of the host daemon
 * and, through it, of guests. One connection; the loop is the caller's and is run here only by the
 * functions that say so.
 */
#ifndef GL_CLIENT_H
#define GL_CLIENT_H

#include <stdbool.h>

#include <protobuf-c/protobuf-c.h>
#include <uv.h>

#include "mux.h"
#include "status.h"

struct gl_client;

/* How a call ended. `text` is for people, one line, unescaped (it may come from a guest). */
struct gl_outcome {
    enum gl_status status;
    char text[GL_STATUS_TEXT_MAX + 1];
};

/*
 * Connects to the control socket at `path` and greets; runs the loop until that is done. On failure
 * *ret_outcome says why in a sentence that tells what to do, and the result is negative:
 * UV_ETIMEDOUT if it took longer than timeout_ms (0: as long as a greeting may take, 10 s).
 */
int gl_client_connect(uv_loop_t *loop, const char *path, uint64_t timeout_ms,
                      struct gl_client **ret_client, struct gl_outcome *ret_outcome);
/* Closes the connection and runs the loop until its handles are closed. NULL is fine. */
void gl_client_free(struct gl_client *client);

/* The daemon has gone away, or the connection to it broke: every call on it has failed. */
bool gl_client_has_ended(const struct gl_client *client);

/* For conversations: open streams on it with gl_call_open(). When the daemon goes away they end
 * with LOST or NOT_STARTED. */
struct gl_mux *gl_client_mux(struct gl_client *client);

/* From now on gl_client_call() gives up after so long, with TIMED_OUT; 0: never. */
void gl_client_limit(struct gl_client *client, unsigned limit_ms);

/* Called for each message of the answer, decoded; it is freed after the call. */
typedef void (*gl_client_item_cb)(void *ctx, const ProtobufCMessage *item);

/*
 * Makes a unary or list call and runs the loop until it has ended. `target` is "" for the daemon
 * itself. flags: GL_FLAG_SECRET as for gl_call_open(); a secret answer is wiped anyway. An answer
 * that cannot be decoded ends it with PROTOCOL. Returns the status, which is also in *ret_outcome.
 */
enum gl_status gl_client_call(struct gl_client *client, const char *service, const char *method,
                              const char *target, const void *request, unsigned flags,
                              const ProtobufCMessageDescriptor *answer, gl_client_item_cb on_item,
                              void *ctx, struct gl_outcome *ret_outcome);

#endif
