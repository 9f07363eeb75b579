/* SPDX-License-Identifier: MIT */
/* Runs a handshake over a fresh transport, within time and size limits, and hands both over. */
#ifndef GL_GREET_H
#define GL_GREET_H

#include <uv.h>

#include "handshake.h"
#include "transport.h"

struct gl_greet;

struct gl_greet_events {
    /*
     * CHECK, PROVEN, OFFERED or REFUSED was reached (see handshake.h): the callee decides by
     * calling the gl_handshake_* function that the state asks for, at once or later; then
     * gl_greet_continue().
     */
    void (*on_decide)(void *ctx, struct gl_greet *greet, struct gl_handshake *h);
    /*
     * The handshake is done and its output written. The callee takes the transport (binds it at
     * once; reading is stopped) and copies `early`, bytes that came after the handshake. The
     * greeting frees itself after this returns; the handshake is valid during the call.
     */
    void (*on_done)(void *ctx, struct gl_greet *greet, struct gl_handshake *h,
                    struct gl_transport *t, const uint8_t *early, size_t early_len);
    /*
     * It failed: time over (TIMED_OUT), closed by the peer (UNAVAILABLE), bad input (PROTOCOL),
     * told by the peer (its status). The transport is closed and the greeting freed after this
     * returns. Exactly one of on_done and on_failed is called, unless cancelled.
     */
    void (*on_failed)(void *ctx, struct gl_greet *greet, enum gl_status status, const char *text,
                      bool by_peer);
};

/* Takes t over in any case. timeout_ms 0: 10000. */
struct gl_greet *gl_greet_start(uv_loop_t *loop, struct gl_transport *t,
                                const struct gl_handshake_config *config, uint64_t timeout_ms,
                                const struct gl_greet_events *events, void *ctx);
void gl_greet_continue(struct gl_greet *greet);
void gl_greet_cancel(struct gl_greet *greet); /* closes the transport, frees; no event */
const struct gl_peer *gl_greet_peer(const struct gl_greet *greet);
/* What the peer has said of itself, proven or not; zeros as long as it has said nothing. Until
 * on_done or on_failed returns. */
const struct gl_hello *gl_greet_hello(const struct gl_greet *greet);

#endif
