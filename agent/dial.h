/* SPDX-License-Identifier: MIT */
/*
 * Dials the host until a handshake succeeds: the addresses in turn, with waits in between
 * (backoff.h), longer ones where the host says that somebody must do something first. What is said
 * in the handshake is the session's (session.h). A failure is logged when it is new, and again
 * every ten minutes.
 */
#ifndef GL_AGENT_DIAL_H
#define GL_AGENT_DIAL_H

#include <uv.h>

#include "handshake.h"
#include "settings.h"
#include "transport.h"

struct gl_dial;

struct gl_dial_events {
    /* A connection is open: what is said on it? All but side and the transport's cap. */
    void (*prepare)(void *ctx, struct gl_handshake_config *config);
    /* As gl_greet_events.on_decide; decides before it returns. */
    void (*decide)(void *ctx, struct gl_handshake *h);
    /* As gl_greet_events.on_done: takes the transport. The dial rests until it is started again. */
    void (*done)(void *ctx, struct gl_handshake *h, struct gl_transport *t, const uint8_t *early,
                 size_t early_len);
};

/* Dials what settings->connect has, which must outlive the dial; there is at least one. What leads
 * back into this guest is left out unless allow_loopback says otherwise. */
struct gl_dial *gl_dial_new(uv_loop_t *loop, const struct gl_settings *settings,
                            const struct gl_dial_events *events, void *ctx);
/* Frees it once its handles are closed; no event follows. */
void gl_dial_free(struct gl_dial *dial);

/*
 * Dials, if it does not already. At once for the first time, and after a connection that lasted or
 * was of use; else after a wait, a long one if `why`, the reason of the last end, says that
 * dialling at once is of no use. here_only: only the address that was reached last, because a
 * session waits there; this part also holds if it dials already.
 */
void gl_dial_start(struct gl_dial *dial, enum gl_status why, bool here_only);
/* The connection that was reached last has carried something. */
void gl_dial_was_of_use(struct gl_dial *dial);
/* Gives up what is under way; gl_dial_start() goes on. */
void gl_dial_stop(struct gl_dial *dial);

/* Whether an answer of the host with this status means that dialling at once again is of no use. */
bool gl_dial_wants_patience(enum gl_status status);

#endif
