/* SPDX-License-Identifier: MIT */
/* A session with a guest: a link that outlives its connections, until it ends. */
#ifndef GL_SESSION_H
#define GL_SESSION_H

#include "greet.h"
#include "guest.h"

struct gl_session;

/* What a greeting has agreed on. */
struct gl_session_terms {
    uint8_t id[GL_ID_SIZE];
    uint8_t instance[GL_ID_SIZE]; /* of the agent */
    uint32_t payload_max;
    uint32_t streams_max; /* that the agent takes */
};

/* A fresh session of the guest, which has none. Takes the transport. */
void gl_session_start(struct gl_guest *guest, const struct gl_session_terms *terms,
                      struct gl_transport *t, const uint8_t *early, size_t early_len);
/* The same session goes on over another transport. */
void gl_session_resume(struct gl_session *session, struct gl_transport *t,
                       const struct gl_resume_record *peer, uint64_t epoch, const uint8_t *early,
                       size_t early_len);

/* The guest has no session from here on: the link ends at once, without GOODBYE. Callers' streams
 * end with LOST or NOT_STARTED. */
void gl_session_end(struct gl_session *session, const char *why);
/* The same, but the agent is told first (it has 2 s to hear it). Nothing if the guest has none; a
 * greeting in progress is closed too. */
void gl_session_dismiss(struct gl_guest *guest, enum gl_status status, const char *text);

/* All of the daemon's, when it stops. */
void gl_sessions_dismiss(struct gl_daemon *daemon, enum gl_status status, const char *text);

/* Cuts all connections of guests, and greetings in progress: the agents dial again, the sessions go
 * on, and each agent sees what this host shows in its hello now. */
void gl_sessions_redial(struct gl_daemon *daemon, const char *why);

/* Puts what was heard last into the trust store, of those where it is a minute behind. */
void gl_sessions_touch(struct gl_daemon *daemon);

bool gl_session_is_attached(const struct gl_session *session);
const uint8_t *gl_session_id(const struct gl_session *session);       /* GL_ID_SIZE */
const uint8_t *gl_session_instance(const struct gl_session *session); /* GL_ID_SIZE */
struct gl_link *gl_session_link(struct gl_session *session);
struct gl_shares *gl_session_shares(struct gl_session *session);
/* Address of the present or last connection's other end. */
void gl_session_address(const struct gl_session *session, struct gl_address *ret_address);
/* Sets state-dependent fields: streams, rtt_us, connected_since, last_seen. */
void gl_session_describe(const struct gl_session *session, Gl__Guest *guest);

/*
 * Asks the present connection whether it lives. on_answer(ctx, true) when it answers, false when it
 * is lost or the session ends; once, unless cancelled. One probe at a time: a new one replaces the
 * old without an answer. Returns how many milliseconds to wait for it: of 2 s, those since the PING
 * that is not answered yet, which may be one for an earlier probe. Who dials again and again does
 * not prolong them.
 */
unsigned gl_session_probe(struct gl_session *session, void (*on_answer)(void *ctx, bool alive),
                          void *ctx);
void gl_session_probe_cancel(struct gl_session *session, const void *ctx);

#endif
