/* SPDX-License-Identifier: MIT */
/*
 * A session on the loop: a mux, the transport that it is attached to at present (or none), reading,
 * writing with backpressure, heartbeat and resume time. greet.h makes the transports that are
 * attached here.
 */
#ifndef GL_LINK_H
#define GL_LINK_H

#include <uv.h>

#include "greet.h"
#include "mux.h"
#include "transport.h"

struct gl_link;

struct gl_link_events {
    void (*on_open)(void *ctx, struct gl_stream *stream, struct gl_slice open); /* as in mux.h */
    /* The transport was lost; the session waits resume_ms for another. A redials now. `why` is one
     * line. */
    void (*on_detached)(void *ctx, const char *why);
    /* gl_link_attach() took effect. */
    void (*on_attached)(void *ctx);
    /*
     * The session is over; all streams have had on_end. Exactly once. status: LOST, RESUME_REFUSED,
     * GOING_AWAY, PROTOCOL, TIMED_OUT (resume time over) or what the peer's GOODBYE said. The
     * callee may call gl_link_free().
     */
    void (*on_ended)(void *ctx, enum gl_status status, const char *text);
};

struct gl_link_config {
    struct gl_mux_config mux; /* events and ctx are filled in by the link */
    uint64_t resume_ms; /* 0: 60000; ignored if !mux.resumable: a lost transport ends the session */
    const struct gl_link_events *events;
    void *ctx;
};

/*
 * A fresh session on `t` (taken over), as a greeting ended. `early` are bytes that came after the
 * handshake (copied).
 */
struct gl_link *gl_link_new(uv_loop_t *loop, const struct gl_link_config *config,
                            struct gl_transport *t, const uint8_t *early, size_t early_len);
/* Ends the session if need be (LOST, without events), closes the transport, frees when all handles
 * are closed. */
void gl_link_free(struct gl_link *link);

struct gl_mux *gl_link_mux(struct gl_link *link);
const struct gl_peer *gl_link_peer(const struct gl_link *link); /* of the last transport */
bool gl_link_is_attached(const struct gl_link *link);
/* When something of the peer came last, on whichever transport: seconds since 1970. */
uint64_t gl_link_heard_s(const struct gl_link *link);
/* While it is detached: how long it is waited for. 0 otherwise. */
uint64_t gl_link_resume_left_ms(const struct gl_link *link);

/*
 * Stops reading the present transport (if any), throws away what was not parsed, closes it: from
 * here on gl_mux_record() is final. A does this before it dials, B before it answers (takeover). No
 * event.
 */
void gl_link_detach(struct gl_link *link);
/* A greeting ended with a resume of this session: replay and go on. */
void gl_link_attach(struct gl_link *link, struct gl_transport *t,
                    const struct gl_resume_record *peer, uint64_t epoch, const uint8_t *early,
                    size_t early_len);
/* GOODBYE, then the end (on_ended with this status), at the latest after 2 s. */
void gl_link_goodbye(struct gl_link *link, enum gl_status status, const char *text);
/* The end at once, without GOODBYE: the session was refused or replaced. on_ended is called. */
void gl_link_end(struct gl_link *link, enum gl_status status, const char *text);

#endif
