/* SPDX-License-Identifier: MIT */
/*
 * The agent's session with its host: dialled (dial.h), greeted, resumed when the link was lost,
 * begun anew when it cannot be. One at a time. Calls go to the agent's dispatch.
 */
#ifndef GL_AGENT_SESSION_H
#define GL_AGENT_SESSION_H

#include "agent.h"
#include "host-trust.h"
#include "identity.h"

struct gl_session;

/* All must outlive the session. */
struct gl_session *gl_session_new(struct gl_agent *agent, struct gl_identity *identity,
                                  struct gl_host_trust *trust);
/* Frees it once its handles are closed. */
void gl_session_free(struct gl_session *session);

/* Dials from now on, for ever. */
void gl_session_start(struct gl_session *session);
/*
 * Says goodbye, ends the session, which cancels all calls, and calls on_stopped when their handlers
 * have ended; after six seconds in any case. Once.
 */
void gl_session_stop(struct gl_session *session, void (*on_stopped)(void *ctx), void *ctx);

#endif
