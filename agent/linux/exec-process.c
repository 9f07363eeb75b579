/* SPDX-License-Identifier: MIT */
/*
 * The agent's side of a running program: what its helper reports, what its pipes hold, and when all
 * of it is over.
 *
 * It is over when the helper's socket has ended, which is its last act, and the outputs are closed;
 * then the handles are closed, and on_end comes from the last of them.
 */
#include "exec-process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec-pipes.h"
#include "exec-protocol.h"
#include "exec-spare.h"
#include "exec-spawn.h"
#include "mem.h"
#include "proto/guestlink.pb-c.h"
#include "reaper.h"

#define SILENCE_MS 100  /* see exec-process.h: what is left behind and holds the output ... */
#define SHOWN_MAX  256  /* of a program's, folder's or user's name in an error */
#define LINGER_MS  2000 /* ... and what does not stop writing */
#define VACANCY_MS 100  /* until we look again at a terminal that nobody has open */
#define STUCK_MS                                                                                   \
    30000 /* a helper that starts nothing and does not end: PAM or NSS waits for somebody */

/* It may take longer to vanish than its process has news. */
struct helper {
    struct gl_reaper_child child;
    struct gl_exec_process *process; /* NULL: over */
};

struct gl_exec_process {
    uv_loop_t *loop;
    const struct gl_exec_events *events;
    void *ctx;
    struct helper *helper; /* NULL: reaped */
    int control;           /* -1: ended */
    uv_poll_t control_poll;
    uv_timer_t timer;
    struct gl_exec_output out[2];
    size_t n_out;
    struct gl_exec_input in;
    unsigned handles; /* open ones; the last frees */
    bool terminal, started, exited, paused, ending, discard, finishing;
    bool settled;                  /* after the exit: the program's own output was delivered */
    uint64_t settled_at, heard_at; /* ms of the loop */
    unsigned early;                /* signals that came before it was started, 1 << number */
    bool decided;                  /* result is what it will be */
    struct gl_exec_result result;
    char text[GL_EXEC_TEXT_MAX + 256];
    char signal_name[16];
};

static void look(struct gl_exec_process *p);
static void set_reading(struct gl_exec_process *p);

/* ------------------------------------------------------------------ the end */

static void handle_closed(struct gl_exec_process *p)
{
    if (--p->handles > 0)
        return;
    p->events->on_end(p->ctx, &p->result);
    if (p->helper)
        p->helper->process = NULL;
    gl_free(p);
}

static void poll_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void pipe_closed(void *ctx)
{
    handle_closed(ctx);
}

static void decide(struct gl_exec_process *p, enum gl_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The first word on the result is the last. */
static void decide(struct gl_exec_process *p, enum gl_status status, const char *format, ...)
{
    if (p->decided)
        return;
    p->decided = true;
    p->result.status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(p->text, sizeof(p->text), format, args);
    va_end(args);
}

static void close_outputs(struct gl_exec_process *p)
{
    for (size_t i = 0; i < p->n_out; i++)
        gl_exec_output_close(&p->out[i]);
}

static void close_control(struct gl_exec_process *p)
{
    if (p->control < 0)
        return;
    uv_poll_stop(&p->control_poll);
    close(p->control);
    p->control = -1;
    uv_close((uv_handle_t *)&p->control_poll, poll_closed);
}

/* Is it over? */
static void look(struct gl_exec_process *p)
{
    if (p->finishing || p->control >= 0)
        return;
    /* Without an exit there is no output worth waiting for; nor with nobody to hear it. */
    if (!p->exited || p->discard)
        close_outputs(p);
    for (size_t i = 0; i < p->n_out; i++) {
        if (!gl_exec_output_ended(&p->out[i]))
            return;
    }
    p->finishing = true;
    decide(p, GL_STATUS_INTERNAL, "the exec helper died");
    gl_exec_input_close(&p->in);
    uv_close((uv_handle_t *)&p->timer, poll_closed);
}

static void on_reaped(struct gl_reaper_child *child)
{
    struct helper *helper = GL_CONTAINER_OF(child, struct helper, child);
    if (helper->process)
        helper->process->helper = NULL;
    gl_free(helper);
}

/* ------------------------------------------------------------------ output */

/* After the exit: what the program wrote has been delivered, so silence is the end now. */
static void on_silence(uv_timer_t *timer);

static void look_settled(struct gl_exec_process *p)
{
    if (!p->exited || p->settled)
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
        uv_timer_start(&p->timer, on_silence, SILENCE_MS, 0);
}

static void on_silence(uv_timer_t *timer)
{
    struct gl_exec_process *p = timer->data;
    uint64_t now = uv_now(p->loop);
    uint64_t silent = now - p->heard_at;
    if (silent < SILENCE_MS && now - p->settled_at < LINGER_MS) {
        uv_timer_start(&p->timer, on_silence, SILENCE_MS - silent, 0);
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

static void on_vacancy(uv_timer_t *timer)
{
    struct gl_exec_process *p = timer->data;
    if (!p->exited)
        set_reading(p);
}

static void on_output_change(void *ctx, struct gl_exec_output *output)
{
    struct gl_exec_process *p = ctx;
    if (output->vacant && !p->exited)
        uv_timer_start(&p->timer, on_vacancy, VACANCY_MS, 0);
    look_settled(p);
    look(p);
}

static const struct gl_exec_output_events output_events = {
    .on_data = on_output_data,
    .on_change = on_output_change,
    .on_closed = pipe_closed,
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

/* ------------------------------------------------------------------ what the helper reports */

static void give_order(struct gl_exec_process *p, enum gl_exec_order_type type, int number,
                       int group)
{
    struct gl_exec_order order = {.type = type, .signal = number, .group = group};
    /* It fails if the helper is gone, which we will hear, or its queue is full of signals, of which
     * one more or less is nothing. */
    if (p->control >= 0)
        (void)send(p->control, &order, sizeof(order), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The helper takes the end of the socket as the order to end everything; its reports still come. */
static void order_end(struct gl_exec_process *p)
{
    if (p->control >= 0)
        shutdown(p->control, SHUT_WR);
}

static void on_resolved(struct gl_exec_process *p, const char *user, const char *program)
{
    struct gl_exec_target target = {.program = program, .user = user};
    const char *text = "";
    enum gl_status status = GL_STATUS_OK;
    if (p->ending)
        return;
    if (p->events->on_resolved)
        status = p->events->on_resolved(p->ctx, &target, &text);
    if (status == GL_STATUS_OK) {
        give_order(p, GL_EXEC_GO, 0, 0);
    } else {
        decide(p, status, "%s", text);
        order_end(p);
    }
}

static void on_started(struct gl_exec_process *p, int pid)
{
    p->started = true;
    if (p->events->on_started && !p->ending)
        p->events->on_started(p->ctx, (uint64_t)pid);
    for (int i = 1; i <= GL__EXEC_SIGNAL__EXEC_SIGNAL_USR2; i++) {
        if (p->early & 1u << i)
            gl_exec_process_signal(p, i);
    }
    set_reading(p);
}

static const char *name_signal(int number, char *buffer, size_t size)
{
    static const char *const names[] = {
        [SIGHUP] = "HUP",   [SIGINT] = "INT",   [SIGQUIT] = "QUIT", [SIGILL] = "ILL",
        [SIGTRAP] = "TRAP", [SIGABRT] = "ABRT", [SIGBUS] = "BUS",   [SIGFPE] = "FPE",
        [SIGKILL] = "KILL", [SIGUSR1] = "USR1", [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
        [SIGPIPE] = "PIPE", [SIGALRM] = "ALRM", [SIGTERM] = "TERM", [SIGCHLD] = "CHLD",
        [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ", [SIGPROF] = "PROF", [SIGVTALRM] = "VTALRM",
        [SIGPOLL] = "POLL", [SIGPWR] = "PWR",   [SIGSYS] = "SYS",
    };
    if (number > 0 && (size_t)number < GL_ARRAY_SIZE(names) && names[number])
        snprintf(buffer, size, "SIG%s", names[number]);
    else
        snprintf(buffer, size, "SIG%d", number);
    return buffer;
}

static void on_exited(struct gl_exec_process *p, int status)
{
    if (p->started) {
        if (WIFSIGNALED(status)) {
            p->result.signal = (uint32_t)WTERMSIG(status);
            name_signal(WTERMSIG(status), p->signal_name, sizeof(p->signal_name));
        } else {
            p->result.code = (uint32_t)WEXITSTATUS(status);
        }
        decide(p, GL_STATUS_OK, "%s", "");
    }
    gl_exec_input_close(&p->in);
    for (size_t i = 0; i < p->n_out; i++)
        gl_exec_output_settle(&p->out[i]);
    p->exited = true;
    set_reading(p);
    for (size_t i = 0; i < p->n_out; i++)
        gl_exec_output_drain(&p->out[i]);
    look_settled(p);
}

/* Whoever asked knows the name: a long one is only repeated as far as it is told apart by. */
static const char *shorten(const char *text, char *buf, size_t size)
{
    if (strlen(text) < size)
        return text;
    snprintf(buf, size, "%.*s...", (int)size - 4, text);
    return buf;
}

static void on_failed(struct gl_exec_process *p, const struct gl_exec_report *report,
                      const char *more)
{
    char cut[SHOWN_MAX];
    const char *what = shorten(report->text, cut, sizeof(cut));
    const char *why = strerror(report->error);
    int err = uv_translate_sys_error(report->error);
    switch ((enum gl_exec_stage)report->stage) {
    case GL_EXEC_STAGE_USER:
        if (report->error)
            return decide(p, GL_STATUS_UNAVAILABLE, "user '%s' cannot be looked up: %s", what, why);
        return decide(p, GL_STATUS_NOT_FOUND, "user '%s' does not exist", what);
    case GL_EXEC_STAGE_SWITCH:
        if (report->error == EPERM)
            return decide(p, GL_STATUS_DENIED,
                          "the agent is not root and cannot run programs as '%s'", what);
        return decide(p, gl_status_from_errno(err), "cannot become user '%s': %s", what, why);
    case GL_EXEC_STAGE_PAM:
        return decide(p, GL_STATUS_DENIED, "PAM refuses user '%s': %s", what, more);
    case GL_EXEC_STAGE_DIRECTORY:
        return decide(p, gl_status_from_errno(err), "working directory '%s': %s", what, why);
    case GL_EXEC_STAGE_SEARCH:
        if (report->error == ENOENT || report->error == ENOTDIR)
            return decide(p, GL_STATUS_PROGRAM_NOT_FOUND, "'%s': not found", what);
        return decide(p, GL_STATUS_NOT_EXECUTABLE, "'%s': %s", what, why);
    case GL_EXEC_STAGE_EXEC:
        if (report->error == ENOENT)
            why = "its interpreter is missing";
        return decide(p, GL_STATUS_NOT_EXECUTABLE, "'%s': %s", what, why);
    case GL_EXEC_STAGE_CHANGED:
        return decide(p, GL_STATUS_NOT_EXECUTABLE, "'%s': changed while it was looked at", what);
    case GL_EXEC_STAGE_TERMINAL:
    case GL_EXEC_STAGE_HELPER:
        break;
    }
    decide(p, GL_STATUS_INTERNAL, "exec helper: %s: %s", what, why);
}

static void on_report(struct gl_exec_process *p, const struct gl_exec_report *report)
{
    const char *more = report->text + strlen(report->text) + 1;
    switch ((enum gl_exec_report_type)report->type) {
    case GL_EXEC_RESOLVED:
        return on_resolved(p, report->text, more);
    case GL_EXEC_FAILED:
        return on_failed(p, report, more);
    case GL_EXEC_STARTED:
        return on_started(p, report->value);
    case GL_EXEC_EXITED:
        return on_exited(p, report->value);
    }
}

static void on_control(uv_poll_t *poll, int status, int events)
{
    struct gl_exec_process *p = poll->data;
    struct {
        struct gl_exec_report report;
        char end[2]; /* the texts end here at the latest */
    } message;
    (void)events;
    (void)status; /* an error is found by recv() */
    while (p->control >= 0) {
        memset(message.end, 0, sizeof(message.end));
        ssize_t n = recv(p->control, &message.report, sizeof(message.report), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < (ssize_t)GL_EXEC_REPORT_HEAD) {
            close_control(p);
            look(p);
            return;
        }
        /* Two texts are looked for, whatever was sent. */
        memset((char *)&message + n, 0, 2);
        on_report(p, &message.report);
    }
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
    static const int numbers[] = {
        [GL__EXEC_SIGNAL__EXEC_SIGNAL_HUP] = SIGHUP,
        [GL__EXEC_SIGNAL__EXEC_SIGNAL_INT] = SIGINT,
        [GL__EXEC_SIGNAL__EXEC_SIGNAL_QUIT] = SIGQUIT,
        [GL__EXEC_SIGNAL__EXEC_SIGNAL_TERM] = SIGTERM,
        [GL__EXEC_SIGNAL__EXEC_SIGNAL_USR1] = SIGUSR1,
        [GL__EXEC_SIGNAL__EXEC_SIGNAL_USR2] = SIGUSR2,
    };
    if (exec_signal < 1 || (size_t)exec_signal >= GL_ARRAY_SIZE(numbers))
        return UV_EINVAL;
    if (!p->started) {
        p->early |= 1u << exec_signal;
        return 0;
    }
    int group = 0;
    if (p->terminal && (gl_exec_output_ended(&p->out[0]) ||
                        ioctl(p->out[0].fd, TIOCGPGRP, &group) != 0 || group < 0))
        group = 0;
    give_order(p, GL_EXEC_SIGNAL, numbers[exec_signal], group);
    return 0;
}

int gl_exec_process_resize(struct gl_exec_process *p, unsigned columns, unsigned rows)
{
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
    if (!p->terminal || columns == 0 || columns > 65535 || rows == 0 || rows > 65535)
        return UV_EINVAL;
    if (!gl_exec_output_ended(&p->out[0]))
        (void)ioctl(p->out[0].fd, TIOCSWINSZ, &size); /* it tells the program by SIGWINCH */
    return 0;
}

bool gl_exec_process_is_running(const struct gl_exec_process *p)
{
    return !p->exited && !p->finishing;
}

static void on_stuck(uv_timer_t *timer)
{
    struct gl_exec_process *p = timer->data;
    if (p->helper && !p->started)
        kill(p->helper->child.pid, SIGKILL);
}

void gl_exec_process_terminate(struct gl_exec_process *p, bool discard)
{
    if (discard && !p->discard) {
        p->discard = true;
        gl_exec_input_close(&p->in);
        set_reading(p);
        look(p);
    }
    if (p->ending)
        return;
    p->ending = true;
    order_end(p);
    if (p->started)
        return;
    decide(p, GL_STATUS_CANCELLED, "cancelled before it was started");
    uv_timer_start(&p->timer, on_stuck, STUCK_MS, 0);
}

/* ------------------------------------------------------------------ the start */

/* Takes the descriptors into handles as far as that goes; what did not become one is closed. */
static int take_descriptors(struct gl_exec_process *p, const struct gl_exec_spawned *s)
{
    int outs[2] = {s->out, s->err};
    int err = 0;
    for (size_t i = 0; i < 2 && outs[i] >= 0; i++) {
        if (!err)
            err = gl_exec_output_init(&p->out[i], p->loop, outs[i], p->terminal,
                                      (uint8_t)(GL_EXEC_STDOUT + i), &output_events, p);
        if (err)
            close(outs[i]);
        else
            p->n_out++, p->handles++;
    }
    if (s->in >= 0) {
        if (!err)
            err = gl_exec_input_init(&p->in, p->loop, s->in, p->terminal);
        if (err)
            close(s->in);
        else
            p->handles++;
    }
    if (!err)
        err = uv_poll_init(p->loop, &p->control_poll, s->control);
    if (err) {
        close(s->control);
        return err;
    }
    p->control = s->control;
    p->handles++;
    return uv_poll_start(&p->control_poll, UV_READABLE, on_control);
}

int gl_exec_process_start(uv_loop_t *loop, const struct gl_exec_spec *spec,
                          const struct gl_exec_events *events, void *ctx,
                          struct gl_exec_process **ret_process)
{
    if (spec->session || spec->password)
        return UV_ENOTSUP;
    struct gl_exec_process *p = GL_NEW0(struct gl_exec_process);
    p->loop = loop;
    p->events = events;
    p->ctx = ctx;
    p->control = -1;
    p->terminal = spec->terminal;
    p->result.text = p->text;
    p->result.signal_name = p->signal_name;
    gl_exec_input_prepare(&p->in);
    p->in.on_used = on_input_used;
    p->in.on_closed = pipe_closed;
    p->in.ctx = p;
    p->helper = GL_NEW0(struct helper);
    p->helper->process = p;
    p->helper->child.on_reaped = on_reaped;
    struct gl_exec_spawned spawned;
    int err = gl_reaper_add(loop, &p->helper->child);
    if (err)
        goto fail;
    err = gl_exec_spawn(spec, &spawned);
    if (err)
        goto fail_reaper;
    p->helper->child.pid = spawned.helper;
    uv_timer_init(loop, &p->timer);
    p->timer.data = p;
    p->control_poll.data = p;
    p->handles++;
    err = take_descriptors(p, &spawned);
    if (err) { /* never seen; the helper notices that its socket ended, and the end comes in the
                  usual way */
        decide(p, GL_STATUS_INTERNAL, "cannot watch the program: %s", uv_strerror(err));
        close_control(p);
    }
    *ret_process = p;
    return 0;

fail_reaper:
    gl_reaper_remove(&p->helper->child);
fail:
    gl_free(p->helper);
    gl_free(p);
    return err;
}

/* ------------------------------------------------------------------ ahead of it */

static bool stopping;

void gl_exec_process_prepare(uv_loop_t *loop)
{
    if (!stopping)
        gl_exec_spare_prepare(loop);
}

void gl_exec_process_stop_preparing(void)
{
    stopping = true;
    gl_exec_spare_drop();
}
