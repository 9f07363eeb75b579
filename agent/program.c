/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "exec-process.h"
#include "host-trust.h"
#include "identity.h"
#include "log.h"
#include "mem.h"
#include "options.h"
#include "orders.h"
#include "policy-config.h"
#include "service.h"
#include "session.h"
#include "startup.h"
#include "sys.h"
#include "watchdog.h"

#define CLOSE_MS 1000u /* for handles to close at the end */

struct program {
    struct gl_settings_options options;
    uv_loop_t loop;
    uv_signal_t signals[4];
    size_t n_signals;
    struct gl_watchdog watchdog;
    struct gl_identity identity;
    struct gl_host_trust trust;
    struct gl_agent *agent;
    struct gl_session *session;
    char *config; /* what options.config became; NULL: what it was */
    bool stopping;
};

/* ------------------------------------------------------------------ signals */

static void report_policy(const char *error)
{
    if (error)
        gl_error("%s; everything is denied until it is mended", error);
}

/* Without the default file everything is allowed; but not from the moment on that it was there: one
 * that is gone by a slip must not open what it closed. */
static void keep_config(struct program *program, const struct gl_settings *settings)
{
    if (!settings->is_there || program->options.config)
        return;
    program->config = gl_strdup(settings->config);
    program->options.config = program->config;
}

/* Addresses, trust and limits are those of the start: a session hangs on them. */
static void reload(struct program *program)
{
    struct gl_settings *fresh;
    char *error;
    if (gl_settings_load(&program->options, &fresh, &error) != 0) {
        report_policy(error);
        gl_agent_set_policy(program->agent, gl_policy_broken(error));
        gl_free(error);
        return;
    }
    keep_config(program, fresh);
    report_policy(fresh->policy_error);
    if (!fresh->policy_error)
        gl_info(fresh->is_there ? "%s: policy and log level were read again"
                                : "%s is not there: the host may do everything",
                fresh->config);
    gl_log_set_level(fresh->log_level);
    gl_agent_set_policy(program->agent, fresh->policy);
    fresh->policy = NULL;
    gl_settings_free(fresh);
}

static void on_stopped(void *ctx)
{
    struct program *program = ctx;
    uv_stop(&program->loop);
}

static void told_to_stop(struct program *program)
{
    if (program->stopping) {
        gl_warn("told twice: stopping at once");
        uv_stop(&program->loop);
        return;
    }
    gl_info("stopping");
    gl_startup_notify("STOPPING=1");
    program->stopping = true;
    gl_session_stop(program->session, on_stopped, program);
}

static void on_signal(uv_signal_t *handle, int number)
{
    if (number == gl_sys_reload_signal)
        reload(handle->data);
    else
        told_to_stop(handle->data);
}

static void on_order(void *ctx, enum gl_order order)
{
    if (order == GL_ORDER_RELOAD)
        reload(ctx);
    else
        told_to_stop(ctx);
}

static void watch_signal(struct program *program, int number)
{
    uv_signal_t *handle = &program->signals[program->n_signals++];
    uv_signal_init(&program->loop, handle);
    handle->data = program;
    uv_signal_start(handle, on_signal, number);
}

static void watch_signals(struct program *program)
{
    gl_orders_open(&program->loop, on_order, program);
    for (size_t i = 0; gl_sys_stop_signals[i] && i + 1 < GL_ARRAY_SIZE(program->signals); i++)
        watch_signal(program, gl_sys_stop_signals[i]);
    if (gl_sys_reload_signal)
        watch_signal(program, gl_sys_reload_signal);
}

/* ------------------------------------------------------------------ start */

/* Takes the error. */
static int fail(char *error)
{
    gl_error("%s", error);
    gl_free(error);
    return -1;
}

static int load_identity(struct program *program, const struct gl_settings *settings)
{
    uint8_t machine[GL_SYS_MACHINE_SIZE];
    char *error;
    if (gl_startup_claim_state(settings->state, "guestlink-agent", &error) != 0)
        return fail(error);
    if (gl_identity_load(settings->state, gl_sys_machine(machine) ? machine : NULL,
                         &program->identity, &error) != 0)
        return fail(error);
    if (gl_host_trust_load(settings, &program->trust, &error) != 0) {
        gl_identity_done(&program->identity);
        return fail(error);
    }
    return 0;
}

static int start(struct program *program)
{
    struct gl_settings *settings;
    char *error, fingerprint[GL_FINGERPRINT_SIZE];
    if (gl_settings_load(&program->options, &settings, &error) != 0)
        return fail(error);
    gl_log_set_level(settings->log_level);
    keep_config(program, settings);
    report_policy(settings->policy_error);
    if (!settings->is_there)
        gl_info("%s is not there: the host may do everything", settings->config);
    if (load_identity(program, settings) != 0) {
        gl_settings_free(settings);
        return -1;
    }
    gl_key_fingerprint(program->identity.key.public_key, fingerprint);
    gl_info("guestlink-agent %s, key %s", PACKAGE_VERSION, fingerprint);
    program->agent = gl_agent_new(&program->loop, settings);
    program->session = gl_session_new(program->agent, &program->identity, &program->trust);
    watch_signals(program);
    gl_watchdog_start(&program->watchdog, &program->loop);
    gl_session_start(program->session);
    gl_startup_notify("READY=1\nSTATUS=Looking for the host");
    return 0;
}

/* ------------------------------------------------------------------ end */

static void on_close_timer(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/*
 * Takes everything apart. A call whose handler has not ended, or a thread that hangs on a dead
 * device, keeps the loop busy: then the process ends as it is, since taking it apart in the normal
 * way would wait for ever.
 */
static void finish(struct program *program)
{
    uv_timer_t limit;
    gl_session_free(program->session);
    gl_exec_process_stop_preparing();
    for (size_t i = 0; i < program->n_signals; i++)
        uv_close((uv_handle_t *)&program->signals[i], NULL);
    gl_orders_close();
    gl_watchdog_stop(&program->watchdog);
    uv_timer_init(&program->loop, &limit);
    uv_timer_start(&limit, on_close_timer, CLOSE_MS, 0);
    uv_unref((uv_handle_t *)&limit);
    uv_run(&program->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&limit, NULL);
    uv_run(&program->loop, UV_RUN_NOWAIT);
    bool busy = uv_loop_close(&program->loop) != 0 || gl_agent_calls(program->agent) > 0;
    gl_free(program->config);
    gl_host_trust_done(&program->trust);
    gl_identity_done(&program->identity);
    if (busy)
        gl_startup_end_now(0);
    gl_agent_free(program->agent);
}

int gl_agent_run(int argc, char **argv)
{
    struct program program = {.stopping = false};
    switch (gl_options_parse(argc, argv, &program.options)) {
    case GL_OPTIONS_RUN:
        break;
    case GL_OPTIONS_DONE:
        return fflush(stdout) == 0 ? 0 : 1;
    case GL_OPTIONS_BAD:
        return 2;
    }
    gl_startup_prepare();
    if (gl_key_global_init() != 0 || uv_loop_init(&program.loop) != 0) {
        gl_error("the cryptographic library or the event loop cannot be started");
        return 1;
    }
    if (start(&program) != 0) {
        uv_loop_close(&program.loop);
        return 1;
    }
    uv_run(&program.loop, UV_RUN_DEFAULT);
    finish(&program);
    return 0;
}
