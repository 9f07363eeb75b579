/* SPDX-License-Identifier: MIT */
#include "agent.h"

#include "audit.h"
#include "log.h"
#include "registry.h"
#include "service.h"

struct gl_agent {
    uv_loop_t *loop;
    struct gl_settings *settings;
    struct gl_dispatch dispatch;
    struct gl_audit audit;
    void (*on_idle)(void *ctx);
    void *on_idle_ctx;
};

/* ------------------------------------------------------------------ gate */

/* With what the call itself tells. */
static struct gl_policy_question question_of(const struct gl_call *call,
                                             const struct gl_policy_question *detail)
{
    struct gl_policy_question question = *detail;
    question.service = gl_call_service(call)->name;
    question.group = gl_call_service(call)->group;
    question.method = gl_call_method(call)->name;
    question.caller = gl_call_caller(call)->user;
    return question;
}

static enum gl_policy_answer ask(struct gl_agent *agent, const struct gl_call *call,
                                 const struct gl_policy_question *detail, bool open,
                                 const char **ret_text)
{
    struct gl_policy_question question = question_of(call, detail);
    return gl_policy_ask(agent->settings->policy, &question, open, ret_text);
}

static enum gl_status on_allow(void *ctx, struct gl_call *call, const struct gl_service *service,
                               const struct gl_method *method, const ProtobufCMessage *request,
                               const char **ret_text)
{
    struct gl_agent *agent = ctx;
    (void)service;
    enum gl_policy_answer answer =
        ask(agent, call, &(struct gl_policy_question){.method = NULL}, method->asks, ret_text);
    if (answer == GL_POLICY_DENY) {
        gl_audit_refused(call, request, *ret_text);
        return GL_STATUS_DENIED;
    }
    gl_audit_begin(&agent->audit, call, request, uv_hrtime());
    return GL_STATUS_OK;
}

static void on_ended(void *ctx, struct gl_call *call, enum gl_status status)
{
    struct gl_agent *agent = ctx;
    gl_audit_end(&agent->audit, call, status, uv_hrtime());
    if (agent->audit.count == 0 && agent->on_idle)
        agent->on_idle(agent->on_idle_ctx);
}

/* ------------------------------------------------------------------ service.h */

struct gl_agent *gl_agent_of(const struct gl_call *call)
{
    return gl_call_dispatch_context(call);
}

uv_loop_t *gl_agent_loop(const struct gl_agent *agent)
{
    return agent->loop;
}

const struct gl_settings *gl_agent_settings(const struct gl_agent *agent)
{
    return agent->settings;
}

enum gl_status gl_agent_permit(struct gl_call *call, const struct gl_policy_question *detail,
                               const char **ret_text)
{
    struct gl_agent *agent = gl_agent_of(call);
    enum gl_policy_answer answer = ask(agent, call, detail, false, ret_text);
    gl_audit_detail(&agent->audit, call, detail, answer == GL_POLICY_ALLOW ? NULL : *ret_text);
    return answer == GL_POLICY_ALLOW ? GL_STATUS_OK : GL_STATUS_DENIED;
}

enum gl_status gl_agent_permit_early(struct gl_call *call, const struct gl_policy_question *detail,
                                     const char **ret_text)
{
    struct gl_agent *agent = gl_agent_of(call);
    if (ask(agent, call, detail, true, ret_text) != GL_POLICY_DENY)
        return GL_STATUS_OK;
    gl_audit_detail(&agent->audit, call, detail, *ret_text);
    return GL_STATUS_DENIED;
}

bool gl_agent_shuns_elusive(struct gl_call *call)
{
    struct gl_agent *agent = gl_agent_of(call);
    struct gl_policy_question question =
        question_of(call, &(struct gl_policy_question){.method = NULL});
    return gl_policy_shuns_elusive(agent->settings->policy, &question);
}

void gl_agent_note_problem(struct gl_call *call, enum gl_status status, const char *path)
{
    gl_audit_problem(&gl_agent_of(call)->audit, call, status, path);
}

bool gl_agent_asks_more(struct gl_call *call)
{
    const char *text;
    struct gl_policy_question nothing = {.method = NULL};
    return ask(gl_agent_of(call), call, &nothing, true, &text) == GL_POLICY_MORE;
}

/* ------------------------------------------------------------------ the agent */

struct gl_agent *gl_agent_new(uv_loop_t *loop, struct gl_settings *settings)
{
    struct gl_agent *agent = GL_NEW0(struct gl_agent);
    agent->loop = loop;
    agent->settings = settings;
    agent->dispatch = (struct gl_dispatch){
        .services = gl_registry_services(),
        .allow = on_allow,
        .ended = on_ended,
        .ctx = agent,
    };
    gl_audit_init(&agent->audit);
    return agent;
}

void gl_agent_free(struct gl_agent *agent)
{
    if (!agent)
        return;
    gl_audit_done(&agent->audit);
    gl_settings_free(agent->settings);
    gl_free(agent);
}

const struct gl_dispatch *gl_agent_dispatch(const struct gl_agent *agent)
{
    return &agent->dispatch;
}

void gl_agent_set_policy(struct gl_agent *agent, struct gl_policy *policy)
{
    gl_policy_free(agent->settings->policy);
    agent->settings->policy = policy;
}

size_t gl_agent_calls(const struct gl_agent *agent)
{
    return agent->audit.count;
}

void gl_agent_on_idle(struct gl_agent *agent, void (*on_idle)(void *ctx), void *ctx)
{
    agent->on_idle = on_idle;
    agent->on_idle_ctx = ctx;
}
