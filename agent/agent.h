/* SPDX-License-Identifier: MIT */
/*
 * The agent as its services see it, from within: settings, gate and audit of the calls. How calls
 * get here (dialling, sessions) is session.h's; service.h is the part that services may use.
 */
#ifndef GL_AGENT_AGENT_H
#define GL_AGENT_AGENT_H

#include <uv.h>

#include "call.h"
#include "settings.h"

struct gl_agent;

/* Takes the settings. The loop must outlive the agent. */
struct gl_agent *gl_agent_new(uv_loop_t *loop, struct gl_settings *settings);
/* No call may be left. */
void gl_agent_free(struct gl_agent *agent);

/* Table, gate and audit, for gl_call_dispatch(). Lives as long as the agent. */
const struct gl_dispatch *gl_agent_dispatch(const struct gl_agent *agent);
/* Takes the policy; it holds from the next question on. Calls that run go on. */
void gl_agent_set_policy(struct gl_agent *agent, struct gl_policy *policy);

/* Calls whose handlers have not ended, those of ended sessions included. */
size_t gl_agent_calls(const struct gl_agent *agent);
/* on_idle is called each time that the last call has ended. NULL: nobody listens. */
void gl_agent_on_idle(struct gl_agent *agent, void (*on_idle)(void *ctx), void *ctx);

#endif
