/* SPDX-License-Identifier: MIT */
/*
 * The agent's side of a running program: its start in steps on a thread, its pipes, its job, and
 * when all of it is over.
 *
 * It is over when it could not be started, or the program has ended and, if it was ended by us, its
 * job is empty; and when the outputs are closed. Then the handles are closed, and on_end comes from
 * the last of them.
 *
 * What stands in for signals: INT is Ctrl-C, QUIT is Ctrl-Break; TERM and HUP, as
 * gl_exec_process_terminate(), ask by Ctrl-Break, or by closing the console if it has a terminal,
 * and end the job after kill_after_ms. A program without a console hears nothing of it, and ends
 * then. USR1 and USR2 have no counterpart.
 */
#include "exec-process.h"

#include <stdio.h>
#include <string.h>
#include <windows.h>

#include "mem.h"
#include "proto/guestlink.pb-c.h"
#include "windows/exec-console.h"
#include "windows/exec-launch.h"
#include "windows/exec-pipes.h"
#include "windows/exec-work.h"

#define START_MS      30000 /* for each step of a start, with its wait for a thread */
#define CANCEL_MS     200   /* between two tries to cancel what such a step waits for */
#define SILENCE_MS    100   /* see exec-process.h: what is left behind and holds the output ... */
#define LINGER_MS     2000  /* ... and what does not stop writing */
#define LOOK_MS       20    /* between two looks at whether the job is empty */
#define UNKILLABLE_MS 2000  /* after which we stop trying */
/* Of a program that was ended by force: STATUS_CONTROL_C_EXIT, as of one that was asked and has no
 * answer of its own ("HandlerRoutine callback function", learn.microsoft.com). */
#define KILLED_CODE 0xC000013Au

struct gl_exec_process {
    uv_loop_t *loop;
    const struct gl_exec_events *events;
    void *ctx;
    struct gl_exec_launch launch;
    struct gl_exec_work work; /* a step of the start, or of the end, on its thread */
    uv_async_t exit;
    HANDLE wait;                 /* that sends it; NULL: none */
    uv_timer_t timer, job_timer; /* job_timer: of the start, too */
    struct gl_exec_output out[2];
    size_t n_out;
    struct gl_exec_input in;
    struct gl_exec_bell bells[2]; /* by event */
    unsigned handles;             /* open ones; the last ends it all */
    uint64_t kill_after, kill_at;
    unsigned columns, rows; /* that came before it was started; 0: none */
    unsigned early;         /* signals that did, 1 << number */
    bool terminal, no_input, starting, started, exited, paused, ending, discard, finishing;
    bool over;                     /* nothing more comes from the process and its job */
    bool console_gone;             /* the console's output is whole, or it has none */
    bool settled;                  /* after the exit: the program's own output was delivered */
    uint64_t settled_at, heard_at; /* ms of the loop */
    bool decided;                  /* result is what it will be */
    struct gl_exec_result result;
    char *text;
    char *user; /* NULL: not asked about */
};

static void look(struct gl_exec_process *p);
static void look_settled(struct gl_exec_process *p);
static void set_reading(struct gl_exec_process *p);
static void stop_ringing(struct gl_exec_process *p);

/* ------------------------------------------------------------------ the end */

static void free_process(struct gl_exec_process *p)
{
    p->events->on_end(p->ctx, &p->result);
    gl_free(p->text);
    gl_free(p->user);
    gl_free(p);
}

static struct gl_exec_process *of_work(struct gl_exec_work *work)
{
    return GL_CONTAINER_OF(work, struct gl_exec_process, work);
}

static void do_clean_up(struct gl_exec_work *work)
{
    gl_exec_launch_done(&of_work(work)->launch);
}

static void on_cleaned_up(struct gl_exec_work *work, int status)
{
    struct gl_exec_process *p = of_work(work);
    if (status != 0) /* no thread: better late than never */
        gl_exec_launch_done(&p->launch);
    free_process(p);
}

static void handle_closed(struct gl_exec_process *p)
{
    if (--p->handles > 0)
        return;
    if (p->launch.account.profile) { /* unloading it writes it to the disk */
        p->work.run = do_clean_up;
        p->work.done = on_cleaned_up;
        gl_exec_work_start(p->loop, &p->work);
        return;
    }
    gl_exec_launch_done(&p->launch);
    free_process(p);
}

static void on_handle_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

/* Of a pipe, or of a bell that is quiet. */
static void on_part_closed(void *ctx)
{
    handle_closed(ctx);
}

/* The first word on the result is the last. */
static void decide(struct gl_exec_process *p, enum gl_status status, const char *text)
{
    if (p->decided)
        return;
    p->decided = true;
    p->result.status = status;
    p->result.text = p->text = gl_strdup(text);
}

static void close_outputs(struct gl_exec_process *p)
{
    for (size_t i = 0; i < p->n_out; i++)
        gl_exec_output_close(&p->out[i]);
}

static void on_console_closed(void *ctx)
{
    struct gl_exec_process *p = ctx;
    p->console_gone = true;
    if (p->exited) {
        for (size_t i = 0; i < p->n_out; i++)
            gl_exec_output_settle(&p->out[i]);
        look_settled(p);
    }
    handle_closed(p);
}

static void close_console(struct gl_exec_process *p)
{
    struct gl_exec_console *console = p->launch.console;
    if (!console)
        return;
    p->launch.console = NULL;
    p->handles++;
    gl_exec_console_close(p->loop, console, on_console_closed, p);
}

/* Is it over? */
static void look(struct gl_exec_process *p)
{
    if (p->finishing || !p->over)
        return;
    /* Without an exit there is no output worth waiting for; nor with nobody to hear it. */
    if (!p->exited || p->discard)
        close_outputs(p);
    for (size_t i = 0; i < p->n_out; i++) {
        if (!gl_exec_output_ended(&p->out[i]))
            return;
    }
    p->finishing = true;
    decide(p, GL_STATUS_INTERNAL, "the program cannot be ended");
    close_console(p);
    stop_ringing(p);
    gl_exec_input_close(&p->in);
    if (p->wait)
        UnregisterWaitEx(p->wait, INVALID_HANDLE_VALUE);
    p->wait = NULL;
    uv_close((uv_handle_t *)&p->exit, on_handle_closed);
    uv_close((uv_handle_t *)&p->timer, on_handle_closed);
    uv_close((uv_handle_t *)&p->job_timer, on_handle_closed);
}

static void set_over(struct gl_exec_process *p)
{
    p->over = true;
    uv_timer_stop(&p->job_timer);
    look(p);
}

/* ------------------------------------------------------------------ output */

static void on_silence(uv_timer_t *timer);

/* A console's output ends by itself when it has gone, but perhaps a moment later. */
static uint64_t silence(const struct gl_exec_process *p)
{
    return p->terminal ? LINGER_MS : SILENCE_MS;
}

/* After the exit: what the program wrote has been delivered, so silence is the end now. */
static void look_settled(struct gl_exec_process *p)
{
    if (!p->exited || p->settled || !p->console_gone)
        return;
    bool open = false;
    for (size_t i = 0; i < p->n_out; i++) {
        if (p->out[i].owed > 0)
            return;
        open = open || !gl_exec_output_ended(&p->out[i]);
    }
    p->settled = true;
    p->settled_at = p->heard_at = uv_now(p->loop);
    if (open)
        uv_timer_start(&p->timer, on_silence, silence(p), 0);
}

static void on_silence(uv_timer_t *timer)
{
    struct gl_exec_process *p = timer->data;
    uint64_t now = uv_now(p->loop);
    uint64_t silent = now - p->heard_at;
    if (silent < silence(p) && now - p->settled_at < LINGER_MS) {
        uv_timer_start(&p->timer, on_silence, silence(p) - silent, 0);
        return;
    }
    close_outputs(p);
    look(p);
}

static void on_output_data(void *ctx, struct gl_exec_output *output, struct gl_slice data)
{
    struct gl_exec_process *p = ctx;
    p->heard_at = uv_now(p->loop);
    if (p->discard || !p->events->on_output)
        gl_slice_unref(&data);
    else
        p->events->on_output(p->ctx, output->channel, data);
}

static void on_output_change(void *ctx, struct gl_exec_output *output)
{
    struct gl_exec_process *p = ctx;
    (void)output;
    look_settled(p);
    look(p);
}

static const struct gl_exec_output_events output_events = {
    .on_data = on_output_data,
    .on_change = on_output_change,
    .on_closed = on_part_closed,
};

static void set_reading(struct gl_exec_process *p)
{
    bool on = p->started && (!p->paused || p->discard);
    for (size_t i = 0; i < p->n_out; i++)
        gl_exec_output_read(&p->out[i], on);
}

void gl_exec_process_pause(struct gl_exec_process *p, bool pause)
{
    p->paused = pause;
    set_reading(p);
}

/* ------------------------------------------------------------------ the program's end */

static void on_exit(uv_async_t *async)
{
    struct gl_exec_process *p = async->data;
    DWORD code = 0;
    if (p->exited || p->finishing)
        return;
    GetExitCodeProcess(p->launch.process, &code);
    p->result.code = code;
    decide(p, GL_STATUS_OK, "");
    p->exited = true;
    gl_exec_input_close(&p->in);
    /* What it left behind stays, unless it was ended. */
    if (!p->ending)
        gl_exec_job_release(p->launch.job);
    close_console(p);
    for (size_t i = 0; i < p->n_out; i++)
        gl_exec_output_settle(&p->out[i]);
    set_reading(p);
    look_settled(p);
    if (!p->ending)
        set_over(p);
}

/* On a thread of the system's pool. */
static void CALLBACK on_wait(void *ctx, BOOLEAN timed_out)
{
    struct gl_exec_process *p = ctx;
    (void)timed_out;
    uv_async_send(&p->exit);
}

static void on_job_look(uv_timer_t *timer)
{
    struct gl_exec_process *p = timer->data;
    uint64_t now = uv_now(p->loop);
    bool late = now >= p->kill_at;
    if (late)
        gl_exec_job_kill(p->launch.job, KILLED_CODE);
    if ((p->exited && gl_exec_job_count(p->launch.job) == 0) || now >= p->kill_at + UNKILLABLE_MS)
        set_over(p);
}

/* Of what was started and has not ended. */
static void ring(struct gl_exec_process *p, enum gl_exec_event event)
{
    struct gl_exec_bell *bell = &p->bells[event];
    bell->process = p->launch.process;
    bell->pid = p->launch.pid;
    bell->event = event;
    bell->on_quiet = on_part_closed;
    bell->ctx = p;
    if (gl_exec_bell_ring(p->loop, bell))
        p->handles++;
}

static void stop_ringing(struct gl_exec_process *p)
{
    for (size_t i = 0; i < GL_ARRAY_SIZE(p->bells); i++)
        gl_exec_bell_stop(&p->bells[i]);
}

/* Likewise. */
static void begin_ending(struct gl_exec_process *p)
{
    if (p->ending)
        return;
    p->ending = true;
    p->kill_at = uv_now(p->loop) + p->kill_after;
    if (p->terminal)
        close_console(p);
    else
        ring(p, GL_EXEC_EVENT_BREAK);
    uv_timer_start(&p->job_timer, on_job_look, LOOK_MS, LOOK_MS);
}

/* ------------------------------------------------------------------ the start, in steps */

static void do_prepare(struct gl_exec_work *work)
{
    (void)gl_exec_launch_prepare(&of_work(work)->launch);
}

static void do_run(struct gl_exec_work *work)
{
    (void)gl_exec_launch_run(&of_work(work)->launch);
}

static void on_run(struct gl_exec_work *work, int status);
static void on_prepared(struct gl_exec_work *work, int status);

static void do_identify(struct gl_exec_work *work)
{
    struct gl_exec_process *p = of_work(work);
    p->user = gl_exec_launch_identify(&p->launch);
}

/* Again and again: cancelled is what it waits for at the moment. */
static void on_start_late(uv_timer_t *timer)
{
    struct gl_exec_process *p = timer->data;
    if (p->starting)
        gl_exec_work_cancel(&p->work);
}

static void start_step(struct gl_exec_process *p, void (*run)(struct gl_exec_work *work),
                       void (*done)(struct gl_exec_work *work, int status))
{
    p->starting = true;
    p->work.run = run;
    p->work.done = done;
    uv_timer_start(&p->job_timer, on_start_late, START_MS, CANCEL_MS);
    gl_exec_work_start(p->loop, &p->work);
}

static void end_step(struct gl_exec_process *p, int status)
{
    p->starting = false;
    uv_timer_stop(&p->job_timer);
    if (status != 0)
        decide(p, GL_STATUS_UNAVAILABLE, "too many programs are being started");
}

static void cancel_start(struct gl_exec_process *p)
{
    decide(p, GL_STATUS_CANCELLED, "cancelled before it was started");
    if (!p->starting)
        return;
    uv_timer_start(&p->job_timer, on_start_late, CANCEL_MS, CANCEL_MS);
    gl_exec_work_cancel(&p->work);
}

/* false: that was it. */
static bool go_on(struct gl_exec_process *p)
{
    const struct gl_exec_failure *failure = &p->launch.failure;
    if (failure->status != GL_STATUS_OK)
        decide(p, failure->status, failure->text);
    if (!p->decided)
        return true;
    set_over(p);
    return false;
}

/* No password is tried of somebody as whom nothing may be run. */
static void on_identified(struct gl_exec_work *work, int status)
{
    struct gl_exec_process *p = of_work(work);
    const char *text = "";
    end_step(p, status);
    if (!p->decided && p->events->on_account) {
        enum gl_status verdict = p->events->on_account(p->ctx, p->user, &text);
        if (verdict != GL_STATUS_OK)
            decide(p, verdict, text);
    }
    if (go_on(p))
        start_step(p, do_prepare, on_prepared);
}

static void on_prepared(struct gl_exec_work *work, int status)
{
    struct gl_exec_process *p = of_work(work);
    const char *text = "";
    end_step(p, status);
    if (!go_on(p))
        return;
    struct gl_exec_target target = {.program = p->launch.program.name,
                                    .user = p->launch.account.name,
                                    .directory = p->launch.where};
    enum gl_status verdict = GL_STATUS_OK;
    if (p->events->on_resolved)
        verdict = p->events->on_resolved(p->ctx, &target, &text);
    if (verdict != GL_STATUS_OK)
        decide(p, verdict, text);
    if (!go_on(p))
        return;
    start_step(p, do_run, on_run);
}

static void on_run(struct gl_exec_work *work, int status)
{
    struct gl_exec_process *p = of_work(work);
    end_step(p, status);
    bool going_on = !p->decided && p->launch.failure.status == GL_STATUS_OK;
    if (going_on && !RegisterWaitForSingleObject(&p->wait, p->launch.process, on_wait, p, INFINITE,
                                                 WT_EXECUTEONLYONCE)) {
        p->wait = NULL;
        decide(p, GL_STATUS_INTERNAL, "cannot watch the program");
    }
    /* It has not run a single instruction so far. */
    if (!going_on || p->decided) {
        if (p->launch.process)
            gl_exec_job_kill(p->launch.job, KILLED_CODE);
        (void)go_on(p);
        return;
    }
    gl_exec_launch_started(&p->launch);
    ResumeThread(p->launch.thread);
    p->started = true;
    p->console_gone = !p->terminal;
    if (p->columns)
        gl_exec_console_resize(p->launch.console, p->columns, p->rows);
    if (p->no_input)
        gl_exec_input_end(&p->in);
    if (p->events->on_started)
        p->events->on_started(p->ctx, p->launch.pid);
    for (int i = 1; i <= GL__EXEC_SIGNAL__EXEC_SIGNAL_USR2; i++) {
        if (p->early & 1u << i)
            gl_exec_process_signal(p, i);
    }
    set_reading(p);
}

/* ------------------------------------------------------------------ what the owner does */

void gl_exec_process_write(struct gl_exec_process *p, struct gl_slice data, size_t charge)
{
    gl_exec_input_write(&p->in, data, charge);
}

void gl_exec_process_write_end(struct gl_exec_process *p)
{
    gl_exec_input_end(&p->in);
}

static void on_input_used(void *ctx, size_t charge)
{
    struct gl_exec_process *p = ctx;
    if (p->events->on_input_used)
        p->events->on_input_used(p->ctx, charge);
}

int gl_exec_process_signal(struct gl_exec_process *p, int exec_signal)
{
    switch (exec_signal) {
    case GL__EXEC_SIGNAL__EXEC_SIGNAL_HUP:
    case GL__EXEC_SIGNAL__EXEC_SIGNAL_TERM:
    case GL__EXEC_SIGNAL__EXEC_SIGNAL_INT:
    case GL__EXEC_SIGNAL__EXEC_SIGNAL_QUIT:
        break;
    default:
        return UV_EINVAL;
    }
    if (!p->started) {
        p->early |= 1u << exec_signal;
        return 0;
    }
    if (p->exited)
        return 0;
    if (exec_signal == GL__EXEC_SIGNAL__EXEC_SIGNAL_QUIT)
        ring(p, GL_EXEC_EVENT_BREAK);
    else if (exec_signal != GL__EXEC_SIGNAL__EXEC_SIGNAL_INT)
        begin_ending(p);
    else if (p->terminal)
        gl_exec_input_type(&p->in, "\x03");
    else
        ring(p, GL_EXEC_EVENT_C);
    return 0;
}

int gl_exec_process_resize(struct gl_exec_process *p, unsigned columns, unsigned rows)
{
    if (!p->terminal || columns == 0 || columns > 65535 || rows == 0 || rows > 65535)
        return UV_EINVAL;
    p->columns = columns;
    p->rows = rows;
    if (p->started && p->launch.console)
        gl_exec_console_resize(p->launch.console, columns, rows);
    return 0;
}

bool gl_exec_process_is_running(const struct gl_exec_process *p)
{
    return !p->exited && !p->finishing;
}

void gl_exec_process_terminate(struct gl_exec_process *p, bool discard)
{
    if (discard && !p->discard) {
        p->discard = true;
        gl_exec_input_close(&p->in);
        set_reading(p);
        look(p);
    }
    if (!p->started) /* the step that is under way ends it */
        cancel_start(p);
    else if (!p->exited)
        begin_ending(p);
}

/* ------------------------------------------------------------------ pipes and handles */

struct ends {
    HANDLE in, out[2]; /* ours; NULL: none */
};

/* Theirs go into the launch, which closes them. */
static int make_pipes(struct gl_exec_process *p, bool input, struct ends *ends)
{
    SECURITY_ATTRIBUTES inherit = {.nLength = sizeof(inherit), .bInheritHandle = TRUE};
    HANDLE *std = p->launch.std;
    int err = 0;
    if (input || p->terminal) {
        err = gl_exec_pipe_make(true, &ends->in, &std[0]);
    } else {
        std[0] = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit,
                             OPEN_EXISTING, 0, NULL);
        if (std[0] == INVALID_HANDLE_VALUE) {
            std[0] = NULL;
            err = uv_translate_sys_error((int)GetLastError());
        }
    }
    size_t count = p->terminal ? 1 : 2;
    for (size_t i = 0; i < count && !err; i++)
        err = gl_exec_pipe_make(false, &ends->out[i], &std[i + 1]);
    return err;
}

static void close_ends(struct ends *ends)
{
    HANDLE all[] = {ends->in, ends->out[0], ends->out[1]};
    for (size_t i = 0; i < GL_ARRAY_SIZE(all); i++)
        if (all[i])
            CloseHandle(all[i]);
}

/* From here on there are handles of the loop, and whatever fails ends in the usual way. */
static int take_ends(struct gl_exec_process *p, const struct ends *ends)
{
    int err = 0;
    for (size_t i = 0; i < 2 && ends->out[i]; i++) {
        int failed = gl_exec_output_init(&p->out[i], p->loop, ends->out[i],
                                         (uint8_t)(GL_EXEC_STDOUT + i), &output_events, p);
        p->handles++;
        p->n_out++;
        err = err ? err : failed;
    }
    if (ends->in) {
        int failed = gl_exec_input_init(&p->in, p->loop, ends->in, p->terminal);
        p->handles++;
        err = err ? err : failed;
    }
    return err;
}

static void init_handles(struct gl_exec_process *p)
{
    uv_async_init(p->loop, &p->exit, on_exit);
    uv_timer_init(p->loop, &p->timer);
    uv_timer_init(p->loop, &p->job_timer);
    p->exit.data = p->timer.data = p->job_timer.data = p;
    p->handles = 3;
}

int gl_exec_process_start(uv_loop_t *loop, const struct gl_exec_spec *spec,
                          const struct gl_exec_events *events, void *ctx,
                          struct gl_exec_process **ret_process)
{
    static bool hears_interrupts;
    struct gl_exec_process *p = GL_NEW0(struct gl_exec_process);
    struct ends ends = {NULL, {NULL, NULL}};
    p->loop = loop;
    p->events = events;
    p->ctx = ctx;
    p->terminal = spec->terminal;
    p->no_input = spec->terminal && !spec->stdin_open;
    p->kill_after = spec->kill_after_ms ? spec->kill_after_ms : GL_EXEC_KILL_AFTER_MS;
    p->result.text = p->result.signal_name = "";
    p->in.on_used = on_input_used;
    p->in.on_closed = on_part_closed;
    p->in.ctx = p;
    gl_exec_launch_init(&p->launch, spec);
    /* That Ctrl-C is not heard is passed on to programs ("SetConsoleCtrlHandler function",
     * learn.microsoft.com), and whoever started the agent may not have wanted to hear it. */
    if (!hears_interrupts)
        hears_interrupts = SetConsoleCtrlHandler(NULL, FALSE);
    int err = make_pipes(p, spec->stdin_open, &ends);
    if (err) {
        close_ends(&ends);
        gl_exec_launch_done(&p->launch);
        gl_free(p);
        return err;
    }
    init_handles(p);
    err = take_ends(p, &ends);
    if (err) {
        decide(p, GL_STATUS_INTERNAL, uv_strerror(err));
        set_over(p);
    } else {
        bool asks = spec->password != NULL;
        start_step(p, asks ? do_identify : do_prepare, asks ? on_identified : on_prepared);
    }
    *ret_process = p;
    return 0;
}

/* ------------------------------------------------------------------ ahead of it */

/* Nothing is: there is no helper whose start could be saved. */
void gl_exec_process_prepare(uv_loop_t *loop)
{
    (void)loop;
}

void gl_exec_process_stop_preparing(void)
{
}
