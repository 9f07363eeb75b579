/* SPDX-License-Identifier: MIT */
#include "remote.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "json.h"
#include "keys.h"
#include "mem.h"
#include "message.h"
#include "presence.h"
#include "streams.h"
#include "terminal.h"
#include "utf8.h"

#define SECOND_SIGNAL_MS 2000 /* within which the same signal again ends us */
#define SIGNALS_MAX      8
/* The guest counts the time limit, too, and says more: it is heard first, if it can be heard. */
#define GRACE_MS     1000 /* a link that breaks may be back by then; an answer may be under way */
#define KILL_MS      7000 /* more than the guest needs to end a program: it sends KILL after 5 s */
#define TOO_BIG_HINT "give data by standard input (-i), or as a file (guestlink cp)"
#define TOO_BIG_TEXT                                                                               \
    "arguments and variables are too long together (at most 256 KiB): " TOO_BIG_HINT
#define STATUS_HANGUP  129 /* 128 + SIGHUP */
#define STATUS_CANNOT  126
#define STATUS_NO_SUCH 127

/* What comes from one of the program's outputs. */
struct sink {
    struct remote_run *run;
    struct gl_output *output;
    const char *name;
    char held[4]; /* --json: the beginning of a character whose end has not come */
    size_t n_held;
};

struct remote_run {
    struct gl_cli *cli;
    const char *guest;
    const struct gl_remote *remote;
    struct gl_stream *stream; /* NULL: it has ended */
    struct gl_presence *presence;
    struct gl_input *input;
    struct sink sinks[2]; /* stdout, stderr */
    struct gl_keys keys;
    bool started, has_exit, eof_sent;
    Gl__ExecExit exit; /* without signal_name */
    char signal_name[32];
    struct gl_outcome outcome;
    bool over;  /* the stream has ended */
    int status; /* of this program; -1: as the outcome says */
    uv_signal_t signals[SIGNALS_MAX + 2];
    size_t n_signals;
    struct gl_terminal_watch *size;
    int last_signal;
    uint64_t last_signal_ms;
    int unheard; /* signal that was sent to end the program; 0 once something has come after it */
    uv_timer_t limit;
    bool time_is_up;
    uint64_t heard_ms; /* when something came from the program, or was written for it */
    bool raw;
};

/* ------------------------------------------------------------------ the end */

static void stop_streams(struct remote_run *run)
{
    gl_input_free(run->input);
    run->input = NULL;
}

/* We do not go on: the program is ended, and this is our exit status. */
static void give_up(struct remote_run *run, int status)
{
    if (run->status < 0)
        run->status = status;
    if (run->stream) {
        gl_stream_reset(run->stream, GL_STATUS_CANCELLED, "");
        gl_stream_release(run->stream);
        run->stream = NULL;
    }
    run->over = true;
    stop_streams(run);
}

/* The same, where the guest cannot hear us: the user must know what becomes of the program. */
static void leave(struct remote_run *run, int status, enum gl_status code, const char *why)
{
    gl_terminal_restore();
    if (!gl_presence_was_there(run->presence))
        gl_cli_error(run->cli, run->guest, code, "%s: the program was not started", why);
    else
        gl_cli_error(run->cli, run->guest, code,
                     "%s: the program %s; it is ended when the guest is back, or has waited for "
                     "this host in vain",
                     why, run->started ? "runs on" : "may be running");
    give_up(run, status);
}

static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct remote_run *run = ctx;
    gl_stream_release(stream);
    run->stream = NULL;
    run->over = true;
    run->outcome.status = status;
    snprintf(run->outcome.text, sizeof(run->outcome.text), "%s", text);
    stop_streams(run);
}

/* ------------------------------------------------------------------ output */

static void note_heard(struct remote_run *run)
{
    run->heard_ms = uv_now(run->cli->loop);
    run->unheard = 0;
}

static void consume(struct remote_run *run, size_t charge)
{
    run->heard_ms = uv_now(run->cli->loop);
    if (run->stream && charge > 0)
        gl_stream_consume(run->stream, charge);
}

static void on_written(void *ctx, size_t charge)
{
    struct sink *sink = ctx;
    consume(sink->run, charge);
}

static void on_stdout_failed(void *ctx, int error)
{
    struct sink *sink = ctx;
    struct remote_run *run = sink->run;
    if (run->status >= 0)
        return;
    if (error == UV_EPIPE) {
        give_up(run, GL_CLI_PIPE);
        return;
    }
    if (error == UV_EIO && run->raw && gl_terminal_is_gone(0)) {
        give_up(run, STATUS_HANGUP);
        return;
    }
    gl_terminal_restore();
    give_up(run, gl_cli_error(run->cli, run->guest, gl_status_from_errno(error),
                              "cannot write standard output: %s", uv_strerror(error)));
}

/* As a program whose errors nobody reads, it goes on. */
static void on_stderr_failed(void *ctx, int error)
{
    (void)ctx, (void)error;
}

static const struct gl_output_events stdout_events = {on_written, on_stdout_failed};
static const struct gl_output_events stderr_events = {on_written, on_stderr_failed};

static void write_json(struct remote_run *run, json_t *object, size_t charge)
{
    gl_output_write(run->sinks[0].output, gl_json_line(object), charge);
}

/* Text that was cut within a character stays text: the rest of it is awaited. */
static void write_json_data(struct sink *sink, struct gl_slice data, size_t charge, bool last)
{
    size_t len = sink->n_held + data.len;
    uint8_t *bytes = gl_alloc(len);
    memcpy(bytes, sink->held, sink->n_held);
    if (data.len)
        memcpy(bytes + sink->n_held, data.data, data.len);
    sink->n_held = last ? 0 : gl_json_unfinished(bytes, len);
    len -= sink->n_held;
    memcpy(sink->held, bytes + len, sink->n_held);
    if (len > 0)
        write_json(sink->run,
                   json_pack("{s:s, s:o}", "stream", sink->name, "data", gl_json_bytes(bytes, len)),
                   charge);
    else
        consume(sink->run, charge);
    gl_free(bytes);
    gl_slice_unref(&data);
}

static void on_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    struct remote_run *run = ctx;
    note_heard(run);
    if (channel != 1 && channel != 2) {
        gl_slice_unref(&data);
        gl_terminal_restore();
        give_up(run,
                gl_cli_error(run->cli, run->guest, GL_STATUS_PROTOCOL,
                             "output on the unknown channel %u; do the versions differ?", channel));
        return;
    }
    struct sink *sink = &run->sinks[channel - 1];
    if (run->cli->json)
        write_json_data(sink, data, charge, false);
    else if (sink->output)
        gl_output_write(sink->output, data, charge);
    else {
        gl_slice_unref(&data);
        gl_stream_consume(stream, charge);
    }
}

/* ------------------------------------------------------------------ input */

static void pace_input(struct remote_run *run)
{
    if (run->input && run->stream)
        gl_input_read(run->input, gl_stream_queued(run->stream) < GL_STREAM_QUEUE);
}

static void on_input(void *ctx, struct gl_slice data)
{
    struct remote_run *run = ctx;
    bool go_on = true;
    if (run->raw) {
        struct gl_block *block = gl_block_new(data.len + 1);
        size_t len;
        go_on = gl_keys_filter(&run->keys, data.data, data.len, gl_block_data(block), &len);
        gl_slice_unref(&data);
        data = gl_slice_of(block, 0, len);
        gl_block_unref(block);
    }
    if (!go_on) {
        gl_slice_unref(&data);
        gl_terminal_restore();
        fputc('\n', stderr);
        give_up(run, gl_cli_error(run->cli, run->guest, GL_STATUS_CANCELLED, "ended by ~."));
        return;
    }
    if (data.len > 0 && run->stream)
        gl_stream_send_data(run->stream, 0, data, data.len);
    else
        gl_slice_unref(&data);
    pace_input(run);
}

/* Whatever else was meant to come, the program must not take this for all of it. */
static void fail_input(struct remote_run *run, int error)
{
    gl_terminal_restore();
    give_up(run, gl_cli_error(run->cli, run->guest, gl_status_from_errno(error),
                              "cannot read standard input: %s", uv_strerror(error)));
}

/*
 * A terminal in raw mode has no end, ^D is a key as any: it was hung up, and with it goes the one
 * in the guest.
 */
static void on_input_end(void *ctx, int error)
{
    struct remote_run *run = ctx;
    if (run->over)
        return;
    if (run->raw) {
        give_up(run, STATUS_HANGUP);
        return;
    }
    if (!error && gl_terminal_is_gone(0))
        error = UV_EIO; /* reading says 0 */
    if (error) {
        fail_input(run, error);
        return;
    }
    if (run->stream && !run->eof_sent)
        gl_stream_send_eof(run->stream);
    run->eof_sent = true;
}

static const struct gl_input_events input_events = {on_input, on_input_end};

static void on_sent(void *ctx, struct gl_stream *stream, size_t credit)
{
    (void)stream, (void)credit;
    pace_input(ctx);
}

/* Not before the program runs: what it will never read is left for others. */
static void start_input(struct remote_run *run)
{
    if (!run->remote->input)
        return;
    int error = gl_input_new(run->cli->loop, 0, &input_events, run, &run->input);
    if (error)
        on_input_end(run, error);
    else
        pace_input(run);
}

/* ------------------------------------------------------------------ messages */

static void take_exit(struct remote_run *run, const Gl__ExecExit *message)
{
    run->has_exit = true;
    run->exit = *message;
    snprintf(run->signal_name, sizeof(run->signal_name), "%s", message->signal_name);
}

/* Until then the terminal is as always: its keys are for us. */
static void take_started(struct remote_run *run)
{
    int error = run->raw ? gl_terminal_raw() : 0;
    run->started = true;
    gl_presence_answered(run->presence, run->raw ? "~. to stop" : "Ctrl-C to stop");
    if (error)
        give_up(run, gl_cli_error(run->cli, run->guest, gl_status_from_errno(error),
                                  "cannot set the terminal: %s", uv_strerror(error)));
    else
        start_input(run);
}

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    struct remote_run *run = ctx;
    const ProtobufCMessageDescriptor *type =
        run->started ? &gl__exec_exit__descriptor : &gl__exec_started__descriptor;
    ProtobufCMessage *decoded = NULL;
    int error = gl_message_unpack(type, message.data, message.len, &decoded, NULL);
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
    note_heard(run);
    if (error) {
        give_up(run, gl_cli_error(run->cli, run->guest, GL_STATUS_PROTOCOL,
                                  "the answer cannot be read; do the versions differ?"));
        return;
    }
    if (run->started) {
        take_exit(run, (const Gl__ExecExit *)decoded);
    } else {
        take_started(run);
    }
    gl_message_free(decoded);
}

static const struct gl_stream_events stream_events = {
    .on_message = on_message,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
};

static void send_input(struct remote_run *run, const Gl__ExecInput *input)
{
    if (run->stream && !run->eof_sent)
        gl_stream_send_message(run->stream, gl_message_pack(input), 0);
}

/* ------------------------------------------------------------------ signals */

static void send_size(struct remote_run *run)
{
    Gl__ExecInput input = GL__EXEC_INPUT__INIT;
    if (run->remote->terminal && gl_terminal_size(&input.columns, &input.rows))
        send_input(run, &input);
}

/*
 * A session at a terminal ends with its terminal or on demand, whatever the program there does
 * about such a signal: interactive shells ignore TERM, and of HUP they see nothing while a command
 * runs. Nothing can be passed on after the end of input, either.
 */
static bool can_pass_on(const struct remote_run *run, int number)
{
    return !run->eof_sent && !(run->remote->terminal && number != SIGINT);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct remote_run *run = handle->data;
    uint64_t now = uv_now(run->cli->loop);
    bool again = number == run->last_signal && now - run->last_signal_ms <= SECOND_SIGNAL_MS;
    run->last_signal = number;
    run->last_signal_ms = now;
    bool ends = number == SIGINT || number == SIGTERM || number == SIGHUP;
    if (run->over) {
        /* There is nobody to send it to: only whoever reads our output keeps us. */
        if (ends)
            give_up(run, 128 + number);
        return;
    }
    if (ends && gl_presence_is_detached(run->presence)) {
        leave(run, 128 + number, GL_STATUS_CANCELLED, "stopped while the guest is detached");
        return;
    }
    if ((again && (number == SIGINT || number == SIGTERM)) || (ends && !can_pass_on(run, number))) {
        give_up(run, 128 + number);
        return;
    }
    Gl__ExecInput input = GL__EXEC_INPUT__INIT;
    for (const struct gl_terminal_signal *s = gl_terminal_signals; s->number; s++) {
        if (s->number == number)
            input.signal = (uint32_t)s->exec_signal;
    }
    if (ends)
        run->unheard = number;
    send_input(run, &input);
}

static void on_resize(void *ctx)
{
    send_size(ctx);
}

static void on_stop(uv_signal_t *handle, int number)
{
    (void)number; /* out of raw mode and back, if it is in it */
    gl_terminal_stop();
    send_size(handle->data);
}

/* After SIGSTOP the shell has made the terminal its own. */
static void on_continue(uv_signal_t *handle, int number)
{
    struct remote_run *run = handle->data;
    (void)number;
    if (run->started)
        (void)gl_terminal_raw();
    send_size(run);
}

static void watch_signal(struct remote_run *run, int number, uv_signal_cb callback)
{
    uv_signal_t *handle = &run->signals[run->n_signals];
    if (number == 0 || run->n_signals == GL_ARRAY_SIZE(run->signals) ||
        uv_signal_init(run->cli->loop, handle) != 0)
        return;
    handle->data = run;
    run->n_signals++;
    (void)uv_signal_start(handle, callback, number);
}

static void watch_signals(struct remote_run *run)
{
    for (const struct gl_terminal_signal *s = gl_terminal_signals; s->number; s++)
        watch_signal(run, s->number, on_signal);
    if (run->remote->terminal)
        run->size = gl_terminal_watch_size(run->cli->loop, on_resize, run);
    if (run->raw) {
        watch_signal(run, gl_terminal_stopped, on_stop);
        watch_signal(run, gl_terminal_continued, on_continue);
    }
}

/* ------------------------------------------------------------------ the time limit */

static bool drained(const struct remote_run *run);

static void look_at_limit(struct remote_run *run);

static void on_limit(uv_timer_t *timer)
{
    struct remote_run *run = timer->data;
    uv_stop(timer->loop); /* it may be about to wait for what does not come */
    if (!run->time_is_up)
        run->heard_ms = uv_now(run->cli->loop);
    run->time_is_up = true;
    look_at_limit(run);
}

/*
 * A guest that hears us ends the program and tells: it may have ended in time, with output that
 * takes long. Who does not hear us, or tells nothing for long, has had his time.
 */
static void look_at_limit(struct remote_run *run)
{
    bool detached = gl_presence_is_detached(run->presence);
    uint64_t now = uv_now(run->cli->loop);
    uint64_t limit = detached || !run->started ? GRACE_MS : KILL_MS;
    if (!run->time_is_up || run->over)
        return;
    if (!drained(run))
        run->heard_ms = now;
    uint64_t passed = detached ? gl_presence_detached_ms(run->presence) : now - run->heard_ms;
    if (passed < limit)
        uv_timer_start(&run->limit, on_limit, limit - passed, 0);
    else
        leave(run, GL_REMOTE_TIMED_OUT, GL_STATUS_TIMED_OUT,
              detached ? "the time is up while the guest is detached"
                       : "the time is up, and the guest does not answer");
}

/* Connecting took some of it. */
static void start_limit(struct remote_run *run)
{
    uint64_t passed = (uv_hrtime() - run->remote->begun_ns) / 1000000;
    uint64_t limit = run->remote->start->timeout_ms;
    uv_timer_start(&run->limit, on_limit, passed < limit ? limit - passed : 0, 0);
}

/* ------------------------------------------------------------------ the guest comes and goes */

static void on_presence(void *ctx)
{
    look_at_limit(ctx);
}

/* A signal that was sent just before, when nobody knew that the link is dead. */
static bool on_waiting(void *ctx)
{
    struct remote_run *run = ctx;
    if (run->unheard && !run->over)
        leave(run, 128 + run->unheard, GL_STATUS_CANCELLED, "stopped while the guest is detached");
    return !run->over;
}

static const struct gl_presence_events presence_events = {on_presence, on_waiting};

/* ------------------------------------------------------------------ all together */

static int exit_status(struct remote_run *run)
{
    const Gl__ExecExit *e = &run->exit;
    if (run->status >= 0)
        return run->status;
    if (run->outcome.status == GL_STATUS_OK && run->has_exit) {
        if (e->timed_out)
            return GL_REMOTE_TIMED_OUT;
        if (e->signal)
            return e->signal < 128 ? 128 + (int)e->signal : 255;
        return e->code <= 255 ? (int)e->code : 255;
    }
    if (run->outcome.status == GL_STATUS_OK) {
        run->outcome.status = GL_STATUS_PROTOCOL;
        snprintf(run->outcome.text, sizeof(run->outcome.text), "the agent told no exit status");
    }
    if (run->outcome.status == GL_STATUS_TOO_BIG) /* whose limit it was is said there */
        return gl_cli_error(run->cli, run->guest, GL_STATUS_TOO_BIG, "%s: " TOO_BIG_HINT,
                            run->outcome.text);
    int status = gl_cli_fail(run->cli, run->guest, &run->outcome);
    if (run->time_is_up &&
        (run->outcome.status == GL_STATUS_LOST || run->outcome.status == GL_STATUS_NOT_STARTED))
        return GL_REMOTE_TIMED_OUT;
    if (run->outcome.status == GL_STATUS_NOT_EXECUTABLE)
        return STATUS_CANNOT;
    if (run->outcome.status == GL_STATUS_PROGRAM_NOT_FOUND)
        return STATUS_NO_SUCH;
    return status;
}

static void write_json_exit(struct remote_run *run)
{
    for (size_t i = 0; i < 2; i++)
        write_json_data(&run->sinks[i], GL_SLICE_EMPTY, 0, true);
    if (run->status >= 0 || run->outcome.status != GL_STATUS_OK || !run->has_exit)
        return;
    const Gl__ExecExit *e = &run->exit;
    write_json(run,
               json_pack("{s:{s:I, s:I, s:o, s:b, s:i}}", "exit", "code", (json_int_t)e->code,
                         "signal", (json_int_t)e->signal, "signal_name",
                         gl_json_bytes(run->signal_name, strlen(run->signal_name)), "timed_out",
                         (int)e->timed_out, "status", exit_status(run)),
               0);
}

static bool drained(const struct remote_run *run)
{
    for (size_t i = 0; i < 2; i++) {
        if (run->sinks[i].output && !gl_output_is_empty(run->sinks[i].output))
            return false;
    }
    return true;
}

static void open_outputs(struct remote_run *run)
{
    static const char *const names[] = {"stdout", "stderr"};
    for (size_t i = 0; i < 2; i++) {
        struct sink *sink = &run->sinks[i];
        sink->run = run;
        sink->name = names[i];
        int error = gl_output_new(run->cli->loop, (int)i + 1, i ? &stderr_events : &stdout_events,
                                  sink, &sink->output);
        if (error && i == 0)
            on_stdout_failed(sink, error);
    }
}

static void close_all(struct remote_run *run)
{
    gl_terminal_restore();
    stop_streams(run);
    for (size_t i = 0; i < 2; i++)
        gl_output_free(run->sinks[i].output);
    for (size_t i = 0; i < run->n_signals; i++)
        uv_close((uv_handle_t *)&run->signals[i], NULL);
    gl_terminal_unwatch_size(run->size);
    uv_close((uv_handle_t *)&run->limit, NULL);
    gl_presence_free(run->presence);
    /* The connection's handles stay; all of ours are closed in one round. */
    uv_run(run->cli->loop, UV_RUN_NOWAIT);
}

static void fill_in(const struct remote_run *run)
{
    Gl__ExecStart *start = run->remote->start;
    const char *term = gl_terminal_name();
    start->stdin_open = run->remote->input;
    start->terminal = run->remote->terminal;
    if (!start->terminal)
        return;
    unsigned columns, rows;
    if (gl_terminal_size(&columns, &rows)) {
        start->columns = columns;
        start->rows = rows;
    }
    if (term && gl_utf8_valid(term, strlen(term)))
        start->term = (char *)(uintptr_t)term;
}

static void converse(struct remote_run *run)
{
    Gl__ExecStart *start = run->remote->start;
    unsigned flags = run->remote->terminal ? GL_FLAG_INTERACTIVE : 0;
    size_t secret = strlen(start->password);
    fill_in(run);
    if (secret)
        flags |= GL_FLAG_SECRET;
    int error = gl_call_open(gl_client_mux(run->cli->client), "exec", "start", run->guest, start,
                             flags, &stream_events, run, &run->stream);
    if (secret) /* else it is a constant */
        sodium_memzero(start->password, secret);
    if (error == UV_EMSGSIZE)
        run->status = gl_cli_error(run->cli, run->guest, GL_STATUS_TOO_BIG, TOO_BIG_TEXT);
    else if (error)
        run->status = gl_cli_error(run->cli, run->guest, gl_status_from_errno(error), "%s",
                                   uv_strerror(error));
    else if (run->remote->start->timeout_ms)
        start_limit(run);
    while (run->status < 0 && !run->over)
        uv_run(run->cli->loop, UV_RUN_ONCE);
    if (run->cli->json)
        write_json_exit(run);
    while (run->status < 0 && !drained(run))
        uv_run(run->cli->loop, UV_RUN_ONCE);
}

int gl_remote_run(struct gl_cli *cli, const char *guest, const struct gl_remote *remote)
{
    struct remote_run *run = GL_NEW0(struct remote_run);
    run->cli = cli;
    run->guest = guest;
    run->remote = remote;
    run->status = -1;
    run->raw = remote->terminal && remote->input && gl_terminal_is(0);
    uv_timer_init(cli->loop, &run->limit);
    run->limit.data = run;
    run->presence = gl_presence_new(cli, guest, "Ctrl-C to stop", &presence_events, run);
    open_outputs(run);
    watch_signals(run);
    if (run->status < 0)
        converse(run);
    close_all(run);
    int status = exit_status(run);
    gl_free(run);
    return status;
}
