/* SPDX-License-Identifier: MIT */
/*
 * exec.start: a program with its input, output, signals and end (guestlink.proto, service "exec").
 * How a program is run and ended is exec-process.h's; here it is tied to a call: backpressure both
 * ways, the time limit, the policy's word on what was found.
 */
#include "exec-process.h"
#include "mem.h"
#include "message.h"
#include "mux.h"
#include "service.h"
#include "sys.h"

#include <stdio.h>
#include <string.h>

/* Each is looked for among the others; more than anybody has. */
#define VARIABLES_MAX 4096u
/* Windows has 256 characters at most ("LogonUserW function", learn.microsoft.com). */
#define PASSWORD_MAX 512u

struct job {
    struct gl_call *call;
    struct gl_exec_process *process;
    uv_timer_t timeout;
    bool timed_out, stalled;
    char **env;                   /* that the caller sets: to be judged */
    char *refusal;                /* the text of it */
    struct gl_exec_result result; /* its text is copied */
};

static unsigned jobs;

/* ------------------------------------------------------------------ the end */

static void free_strings(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        gl_free(list[i]);
    gl_free(list);
}

static void send_result(struct job *job)
{
    const struct gl_exec_result *result = &job->result;
    if (result->status != GL_STATUS_OK) {
        gl_call_finish(job->call, result->status, "%s", result->text);
        return;
    }
    Gl__ExecExit message = GL__EXEC_EXIT__INIT;
    message.code = result->code;
    message.signal = result->signal;
    message.timed_out = job->timed_out;
    message.signal_name = (char *)(uintptr_t)result->signal_name;
    gl_call_reply(job->call, &message);
    gl_call_finish(job->call, GL_STATUS_OK, NULL);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct job *job = handle->data;
    jobs--;
    send_result(job);
    gl_exec_process_prepare(handle->loop);
    gl_free((char *)(uintptr_t)job->result.text);
    gl_free((char *)(uintptr_t)job->result.signal_name);
    free_strings(job->env);
    gl_free(job->refusal);
    gl_free(job);
}

static void on_end(void *ctx, const struct gl_exec_result *result)
{
    struct job *job = ctx;
    job->process = NULL;
    job->result = *result;
    job->result.text = gl_strdup(result->text);
    job->result.signal_name = gl_strdup(result->signal_name);
    uv_close((uv_handle_t *)&job->timeout, on_timer_closed);
}

/* ------------------------------------------------------------------ what the program does */

/* The policy's word on a variable: a program that is allowed must not become another one. */
static enum gl_status judge_variable(struct job *job, const struct gl_policy_question *program,
                                     const char *pair, const char **ret_text)
{
    if (gl_policy_env_harmless(pair))
        return GL_STATUS_OK;
    char *name = gl_strdup(pair);
    name[strcspn(name, "=")] = '\0';
    struct gl_policy_question question = *program;
    question.env = name;
    const char *why;
    enum gl_status status = gl_agent_permit(job->call, &question, &why);
    if (status != GL_STATUS_OK)
        *ret_text = job->refusal = gl_asprintf("environment variable %s: %s", name, why);
    gl_free(name);
    return status;
}

static enum gl_status on_account(void *ctx, const char *user, const char **ret_text)
{
    struct job *job = ctx;
    return gl_agent_permit_early(job->call, &(struct gl_policy_question){.user = user}, ret_text);
}

static enum gl_status on_resolved(void *ctx, const struct gl_exec_target *target,
                                  const char **ret_text)
{
    struct job *job = ctx;
    struct gl_policy_question question = {.program = target->program, .user = target->user};
    enum gl_status status = GL_STATUS_OK;
    if (target->directory && gl_sys_path_eludes(target->directory))
        status = gl_agent_permit_early(
            job->call, &(struct gl_policy_question){.path = target->directory}, ret_text);
    if (status == GL_STATUS_OK)
        status = gl_agent_permit(job->call, &question, ret_text);
    for (size_t i = 0; status == GL_STATUS_OK && job->env[i]; i++)
        status = judge_variable(job, &question, job->env[i], ret_text);
    return status;
}

static void on_started(void *ctx, uint64_t pid)
{
    struct job *job = ctx;
    Gl__ExecStarted message = GL__EXEC_STARTED__INIT;
    message.pid = pid;
    gl_call_reply(job->call, &message);
}

static void on_output(void *ctx, uint8_t channel, struct gl_slice data)
{
    struct job *job = ctx;
    gl_call_send_data(job->call, channel, data);
    if (gl_call_queued(job->call) < GL_STREAM_QUEUE)
        return;
    job->stalled = true;
    gl_exec_process_pause(job->process, true);
}

static void on_input_used(void *ctx, size_t charge)
{
    struct job *job = ctx;
    gl_call_consume(job->call, charge);
}

static const struct gl_exec_events process_events = {
    .on_account = on_account,
    .on_resolved = on_resolved,
    .on_started = on_started,
    .on_output = on_output,
    .on_input_used = on_input_used,
    .on_end = on_end,
};

static void on_timeout(uv_timer_t *timer)
{
    struct job *job = timer->data;
    /* A program that ended in time has, however long its output takes. */
    if (!job->process || !gl_exec_process_is_running(job->process))
        return;
    job->timed_out = true;
    gl_exec_process_terminate(job->process, false);
}

/* ------------------------------------------------------------------ what the caller does */

static void call_data(void *ctx, struct gl_call *call, uint8_t channel, struct gl_slice data,
                      size_t charge)
{
    struct job *job = ctx;
    if (channel != 0) {
        gl_slice_unref(&data);
        gl_call_refuse_input(call, "a program has input on channel 0 only");
        return;
    }
    if (job->process) {
        gl_exec_process_write(job->process, data, charge);
        return;
    }
    gl_slice_unref(&data);
    gl_call_consume(call, charge);
}

static void call_eof(void *ctx, struct gl_call *call)
{
    struct job *job = ctx;
    (void)call;
    if (job->process)
        gl_exec_process_write_end(job->process);
}

/* What is out of range is not for this version: it is left out, the program goes on. */
static void call_message(void *ctx, struct gl_call *call, struct gl_slice message, size_t charge)
{
    struct job *job = ctx;
    ProtobufCMessage *decoded;
    int err =
        gl_message_unpack(&gl__exec_input__descriptor, message.data, message.len, &decoded, NULL);
    gl_slice_unref(&message);
    if (err) {
        gl_call_refuse_input(call, "an input message that does not parse");
        return;
    }
    gl_call_consume(call, charge);
    const Gl__ExecInput *input = (const Gl__ExecInput *)decoded;
    if (job->process && input->signal)
        (void)gl_exec_process_signal(job->process, (int)input->signal);
    if (job->process && input->columns)
        (void)gl_exec_process_resize(job->process, input->columns, input->rows);
    gl_message_free(decoded);
}

static void call_sent(void *ctx, struct gl_call *call, size_t credit)
{
    struct job *job = ctx;
    (void)credit;
    if (!job->stalled || gl_call_queued(call) > GL_STREAM_QUEUE / 2)
        return;
    job->stalled = false;
    if (job->process)
        gl_exec_process_pause(job->process, false);
}

static void call_cancel(void *ctx, struct gl_call *call, enum gl_status status)
{
    struct job *job = ctx;
    (void)call;
    (void)status;
    if (job->process)
        gl_exec_process_terminate(job->process, true);
}

static const struct gl_call_events call_events = {
    .on_message = call_message,
    .on_data = call_data,
    .on_eof = call_eof,
    .on_sent = call_sent,
    .on_cancel = call_cancel,
};

/* ------------------------------------------------------------------ the start */

/* NULL if one holds a NUL byte. */
static char **copy_strings(const ProtobufCBinaryData *items, size_t count)
{
    char **list = GL_NEW0_ARRAY(char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        list[i] = gl_message_cstring(items[i]);
        if (!list[i]) {
            free_strings(list);
            return NULL;
        }
    }
    return list;
}

/* What is wrong with the request, or NULL. */
static const char *check(const Gl__ExecStart *start)
{
    if (start->login_shell && start->n_argv > 0)
        return "a login shell takes no arguments";
    if (!start->login_shell && start->n_argv == 0)
        return "no program";
    if (start->columns > 65535 || start->rows > 65535)
        return "no such size of a terminal";
    if (*start->password && !*start->user)
        return "a password, and nobody whose it is";
    if (*start->password && *start->session)
        return "a session that is entered needs no password";
    if (strlen(start->password) > PASSWORD_MAX)
        return "the password is too long";
    if (start->n_env > VARIABLES_MAX)
        return "too many environment variables";
    for (size_t i = 0; i < start->n_env; i++) {
        const ProtobufCBinaryData *pair = &start->env[i];
        const uint8_t *equals = pair->len ? memchr(pair->data, '=', pair->len) : NULL;
        if (!equals || equals == pair->data)
            return "an environment variable is not NAME=VALUE";
    }
    return NULL;
}

/* Any other one is no terminal's name. */
static bool term_is_harmless(const char *term)
{
    char *pair = gl_asprintf("TERM=%s", term);
    bool harmless = *term && gl_policy_env_harmless(pair);
    gl_free(pair);
    return harmless;
}

static int start_process(struct job *job, uv_loop_t *loop, const Gl__ExecStart *start,
                         const char **ret_why)
{
    int err = UV_EINVAL;
    char **argv = copy_strings(start->argv, start->n_argv);
    char **env = copy_strings(start->env, start->n_env);
    char *directory = gl_message_cstring(start->directory);
    *ret_why = "NUL byte in an argument, a variable or the directory";
    if (!argv || !env || !directory)
        goto out;
    struct gl_exec_spec spec = {
        .argv = (const char *const *)argv,
        .env = (const char *const *)env,
        .directory = *directory ? directory : NULL,
        .user = *start->user ? start->user : NULL,
        .password = *start->password ? start->password : NULL,
        .session = *start->session ? start->session : NULL,
        .local_only = gl_agent_shuns_elusive(job->call),
        .login_shell = start->login_shell,
        .terminal = start->terminal,
        .columns = start->columns,
        .rows = start->rows,
        .term = term_is_harmless(start->term) ? start->term : NULL,
        .stdin_open = start->stdin_open,
    };
    err = gl_exec_process_start(loop, &spec, &process_events, job, &job->process);
    *ret_why = !err                                 ? NULL
               : err == UV_ENOTSUP && spec.password ? "this guest needs no password to run it as "
                                                      "another user, and takes none"
               : err == UV_ENOTSUP && spec.session  ? "this guest has no sessions to enter"
                                                    : uv_strerror(err);
    if (!err) {
        job->env = env;
        env = NULL;
    }
out:
    free_strings(argv);
    free_strings(env);
    gl_free(directory);
    return err;
}

/*
 * A program or folder of which nobody knows where it is until it has been opened (on another
 * machine) is not looked at if it may not be used.
 */
static enum gl_status permit_elusive(struct gl_call *call, const Gl__ExecStart *start,
                                     const char **ret_text)
{
    char *program = start->n_argv ? gl_message_cstring(start->argv[0]) : NULL;
    char *directory = gl_message_cstring(start->directory);
    enum gl_status status = GL_STATUS_OK;
    if (program && gl_sys_path_eludes(program))
        status =
            gl_agent_permit_early(call, &(struct gl_policy_question){.program = program}, ret_text);
    if (status == GL_STATUS_OK && directory && gl_sys_path_eludes(directory))
        status =
            gl_agent_permit_early(call, &(struct gl_policy_question){.path = directory}, ret_text);
    gl_free(program);
    gl_free(directory);
    return status;
}

static void exec_start(struct gl_call *call, const ProtobufCMessage *request)
{
    const Gl__ExecStart *start = (const Gl__ExecStart *)request;
    uv_loop_t *loop = gl_agent_loop(gl_agent_of(call));
    const char *why = check(start);
    if (why)
        return gl_call_finish(call, GL_STATUS_INVALID, "%s", why);
    if (jobs >= gl_agent_settings(gl_agent_of(call))->programs_max)
        return gl_call_finish(
            call, GL_STATUS_LIMIT,
            "%u programs are running, which is the limit of this guest (agent.conf: "
            "programs): try again when one has ended",
            jobs);
    enum gl_status allowed = permit_elusive(call, start, &why);
    if (allowed != GL_STATUS_OK)
        return gl_call_finish(call, allowed, "%s", why);
    struct job *job = GL_NEW0(struct job);
    job->call = call;
    int err = start_process(job, loop, start, &why);
    if (err) {
        gl_free(job);
        enum gl_status status = err == UV_EINVAL ? GL_STATUS_INVALID : gl_status_from_errno(err);
        return gl_call_finish(call, status, "cannot start a program: %s", why);
    }
    jobs++;
    uv_timer_init(loop, &job->timeout);
    job->timeout.data = job;
    if (start->timeout_ms)
        uv_timer_start(&job->timeout, on_timeout, start->timeout_ms, 0);
    gl_call_handle(call, &call_events, job);
}

static void exec_about(const ProtobufCMessage *request, struct gl_call_target *ret_target)
{
    const Gl__ExecStart *start = (const Gl__ExecStart *)request;
    if (start->n_argv)
        ret_target->program = gl_message_cstring(start->argv[0]);
    if (*start->user)
        ret_target->user = gl_strdup(start->user);
}

static const struct gl_method methods[] = {
    {
        .name = "start",
        .request = &gl__exec_start__descriptor,
        .request_max = GL_MESSAGE_MAX,
        .asks = true,
        .start = exec_start,
        .about = exec_about,
    },
    {.name = NULL},
};

const struct gl_service gl_service_exec = {
    .name = "exec",
    .version = 1,
    .group = "run",
    .methods = methods,
};
