/* SPDX-License-Identifier: MIT */
/*
 * What a service may use of the agent; nothing else of agent/ concerns it.
 *
 * A service is one file in agent/services/ with one `const struct gl_service gl_service_<name>`
 * (call.h) and one line in the table of registry.c. Before a handler starts, the dispatch has found
 * its method, checked the request's length and form, asked the policy about service and method, and
 * begun the audit record. A handler that knows more (a program, a path, an account) sets `asks` in
 * its method and calls gl_agent_permit() before it acts.
 *
 * All is on the loop's thread. Handlers never block it: files and the like go to the thread pool
 * (uv_queue_work, uv_fs_*).
 */
#ifndef GL_AGENT_SERVICE_H
#define GL_AGENT_SERVICE_H

#include <uv.h>

#include "call.h"
#include "policy.h"
#include "settings.h"

struct gl_agent;

/* The agent that runs this call. It outlives all calls. */
struct gl_agent *gl_agent_of(const struct gl_call *call);
uv_loop_t *gl_agent_loop(const struct gl_agent *agent);
/* Valid until the handler returns to the loop: a reload may replace it. */
const struct gl_settings *gl_agent_settings(const struct gl_agent *agent);

/*
 * May the call do this? The handler fills in what it knows of program, path, user and env (settings
 * of policy.h), the rest is filled in here. May be called several times (each path of a copy). What
 * was asked about appears in the audit record. GL_STATUS_OK, or GL_STATUS_DENIED with *ret_text,
 * which names the rule and is valid for the moment:
 *
 *     const char *text;
 *     enum gl_status status = gl_agent_permit(call, &(struct gl_policy_question){.program = path},
 * &text); if (status != GL_STATUS_OK) return gl_call_finish(call, status, "%s", text);
 */
enum gl_status gl_agent_permit(struct gl_call *call, const struct gl_policy_question *detail,
                               const char **ret_text);
/*
 * The same before all is known: program, path, user and env that are NULL are not known yet, and
 * only what is certain is denied. For what must not be looked at if it may not be used.
 */
enum gl_status gl_agent_permit_early(struct gl_call *call, const struct gl_policy_question *detail,
                                     const char **ret_text);
/*
 * A part of the call failed (a file of a tree), here in the guest, though the call as a whole will
 * end with OK: the audit record then says so. `path` is not escaped.
 */
void gl_agent_note_problem(struct gl_call *call, enum gl_status status, const char *path);
/*
 * Whether each path that may be another way to something (gl_sys_path_eludes) would be refused,
 * whatever it is, so that none need be looked at. Otherwise some may be.
 */
bool gl_agent_shuns_elusive(struct gl_call *call);
/*
 * Does the answer to this call depend on program, path or user at all? If not, a handler that would
 * have to ask for each file of a tree asks once for the whole.
 */
bool gl_agent_asks_more(struct gl_call *call);

#endif
