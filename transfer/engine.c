/* SPDX-License-Identifier: MIT */
/*
 * A transfer's two halves: the thread, which runs blocking code (send.c, receive.c), and the loop,
 * which moves items between the thread's channel and the stream.
 *
 *     stream -> gl_transfer_on_*() -> channel.in -> thread -> channel.out -> pump() -> stream
 *
 * It ends in this order: run() returns; the loop sees it, empties `out`, joins the thread, closes
 * its handle, calls on_done and frees.
 */
#include "engine.h"

#include <string.h>

#include "message.h"

/* Told by the thread to the owner. */
struct report {
    bool by_sender;
    enum gl_status status;
    char *text;
    char path[];
};

struct gl_transfer {
    /* the loop's */
    const struct gl_transfer_events *events;
    void *ctx;
    struct gl_stream *stream; /* NULL after gl_transfer_cancel() */
    uv_async_t async;
    uv_thread_t thread;
    const struct gl_engine_side *side;
    void *job;
    struct gl_channel *channel;
    bool joined;

    /* the thread's, read by the loop when it has ended */
    struct gl_transfer_counts counts;
    enum gl_status status;
    char *text;
    int result;

    /* both, under the mutex */
    uv_mutex_t mutex;
    uv_cond_t answered;
    struct gl_transfer_progress progress;
    bool ended;
    struct gl_transfer_permit permit;
    const char *question; /* not NULL: the thread waits for the answer to it */
    enum gl_status answer;
    char *answer_text;
};

/* ------------------------------------------------------------------ the loop's side */

static void free_report(void *report)
{
    struct report *r = report;
    gl_free(r->text);
    gl_free(r);
}

static void tell_problem(struct gl_transfer *t, struct report *report)
{
    const struct gl_transfer_problem problem = {report->by_sender, report->path, report->status,
                                                report->text};
    if (t->events->on_problem)
        t->events->on_problem(t->ctx, &problem);
    free_report(report);
}

/* False: `out` has nothing that could be moved now. */
static bool move_one(struct gl_transfer *t)
{
    if (t->stream && gl_stream_queued(t->stream) >= GL_STREAM_QUEUE)
        return false;
    struct gl_item item;
    if (!gl_channel_take(t->channel, &item))
        return false;
    size_t len = item.slice.len;
    /* A stream that has ended refuses: its owner hears of that from the stream itself. */
    if (!t->stream)
        gl_slice_unref(&item.slice);
    else if (item.kind == GL_ITEM_MESSAGE)
        (void)gl_stream_send_message(t->stream, item.slice, len);
    else
        (void)gl_stream_send_data(t->stream, 0, item.slice, len);
    return true;
}

static void answer_question(struct gl_transfer *t)
{
    uv_mutex_lock(&t->mutex);
    if (t->question) {
        const char *text = NULL;
        t->answer = t->permit.ask(t->permit.ctx, t->question, &text);
        t->answer_text = gl_strdup(text);
        t->question = NULL;
        uv_cond_signal(&t->answered);
    }
    uv_mutex_unlock(&t->mutex);
}

static void free_transfer(uv_handle_t *handle)
{
    struct gl_transfer *t = handle->data;
    t->events->on_done(t->ctx, t->status, t->text ? t->text : "", &t->counts);
    t->side->free(t->job);
    gl_channel_free(t->channel, free_report);
    uv_cond_destroy(&t->answered);
    uv_mutex_destroy(&t->mutex);
    gl_free(t->text);
    gl_free(t->answer_text);
    gl_free(t);
}

static void pump(struct gl_transfer *t)
{
    if (t->joined)
        return;
    /* Asked before the queue is emptied: what the thread put there before it ended is there then.
     */
    uv_mutex_lock(&t->mutex);
    bool ended = t->ended;
    uv_mutex_unlock(&t->mutex);
    /*
     * A sender ends when it has the summary, and a failure ends both: what is left then is of no
     * use to the peer, who may have stopped to take it.
     */
    if (ended && (t->side->sender || t->status != GL_STATUS_OK))
        t->stream = NULL;

    void *report;
    while ((report = gl_channel_take_report(t->channel)))
        tell_problem(t, report);
    while (move_one(t))
        ;
    size_t used = gl_channel_collect(t->channel);
    if (used && t->stream)
        gl_stream_consume(t->stream, used);
    if (t->permit.ask)
        answer_question(t);
    /*
     * Over the queue's bound something may be left: on_sent comes back to it. And sending may have
     * led to on_sent, and so here, at once.
     */
    if (t->joined || !ended || (t->stream && gl_stream_queued(t->stream) >= GL_STREAM_QUEUE))
        return;
    t->joined = true;
    uv_thread_join(&t->thread);
    uv_close((uv_handle_t *)&t->async, free_transfer);
}

static void on_async(uv_async_t *async)
{
    pump(async->data);
}

static void wake(void *ctx)
{
    struct gl_transfer *t = ctx;
    uv_async_send(&t->async);
}

static void thread_main(void *arg)
{
    struct gl_transfer *t = arg;
    t->result = t->side->run(t, t->job);
    if (t->result < 0 && t->status == GL_STATUS_OK)
        t->status =
            t->result == UV_ECANCELED ? GL_STATUS_CANCELLED : gl_status_from_errno(t->result);
    uv_mutex_lock(&t->mutex);
    t->ended = true;
    uv_mutex_unlock(&t->mutex);
    wake(t);
}

int gl_engine_start(uv_loop_t *loop, struct gl_stream *stream, const struct gl_engine_side *side,
                    void *job, const struct gl_transfer_permit *permit,
                    const struct gl_transfer_events *events, void *ctx,
                    struct gl_transfer **ret_transfer)
{
    struct gl_transfer *t = GL_NEW0(struct gl_transfer);
    t->events = events;
    t->ctx = ctx;
    t->stream = stream;
    t->side = side;
    t->job = job;
    t->permit = *permit;
    t->async.data = t;
    int err = uv_async_init(loop, &t->async, on_async);
    if (err < 0) {
        side->free(job);
        gl_free(t);
        return err;
    }
    if (uv_mutex_init(&t->mutex) || uv_cond_init(&t->answered))
        abort(); /* only without memory */
    t->channel = gl_channel_new(wake, t);
    err = uv_thread_create(&t->thread, thread_main, t);
    if (err < 0) {
        /* The handle is closed by the loop, later; nobody hears of it. */
        static const struct gl_transfer_events nobody = {NULL, NULL};
        t->events = &nobody;
        t->joined = true;
        uv_close((uv_handle_t *)&t->async, free_transfer);
        return UV_EAGAIN;
    }
    *ret_transfer = t;
    return 0;
}

void gl_transfer_on_message(struct gl_transfer *t, struct gl_slice message, size_t charge)
{
    gl_channel_give(t->channel, (struct gl_item){GL_ITEM_MESSAGE, message, charge});
}

void gl_transfer_on_data(struct gl_transfer *t, uint8_t channel, struct gl_slice data,
                         size_t charge)
{
    gl_channel_give(t->channel,
                    (struct gl_item){channel ? GL_ITEM_ODD : GL_ITEM_DATA, data, charge});
}

void gl_transfer_on_eof(struct gl_transfer *t)
{
    gl_channel_give_eof(t->channel);
}

void gl_transfer_on_sent(struct gl_transfer *t)
{
    pump(t);
}

void gl_transfer_cancel(struct gl_transfer *t)
{
    t->stream = NULL;
    gl_channel_cancel(t->channel);
    uv_mutex_lock(&t->mutex);
    uv_cond_signal(&t->answered);
    uv_mutex_unlock(&t->mutex);
    /* It may have waited for the stream to take its last items. */
    uv_async_send(&t->async);
}

void gl_transfer_progress(struct gl_transfer *t, struct gl_transfer_progress *ret_progress)
{
    uv_mutex_lock(&t->mutex);
    *ret_progress = t->progress;
    uv_mutex_unlock(&t->mutex);
}

/* ------------------------------------------------------------------ the thread's side */

struct gl_channel *gl_engine_channel(struct gl_transfer *t)
{
    return t->channel;
}

struct gl_transfer_counts *gl_engine_counts(struct gl_transfer *t)
{
    return &t->counts;
}

static int put_report(struct gl_transfer *t, bool by_sender, const char *path, size_t path_len,
                      enum gl_status status, const char *text)
{
    struct report *report = gl_alloc0(sizeof *report + path_len + 1);
    report->by_sender = by_sender;
    report->status = status;
    report->text = gl_strdup(text);
    memcpy(report->path, path, path_len);
    if (status != GL_STATUS_OK)
        t->counts.problems++;
    return gl_channel_put_report(t->channel, report);
}

int gl_engine_problem(struct gl_transfer *t, uint64_t item, const struct gl_path *path,
                      enum gl_status status, const char *text)
{
    size_t len;
    const char *shown = gl_path_report(path, &len);
    Gl__TransferProblem problem = GL__TRANSFER_PROBLEM__INIT;
    problem.item = item;
    problem.path = gl_message_bytes(shown, len);
    problem.status = status;
    problem.text = (char *)(uintptr_t)(text ? text : gl_status_text(status));
    int err;
    if (t->side->sender) {
        Gl__TransferItem message = GL__TRANSFER_ITEM__INIT;
        message.kind_case = GL__TRANSFER_ITEM__KIND_PROBLEM;
        message.problem = &problem;
        err = gl_channel_put_message(t->channel, &message);
    } else {
        Gl__TransferReply message = GL__TRANSFER_REPLY__INIT;
        message.kind_case = GL__TRANSFER_REPLY__KIND_PROBLEM;
        message.problem = &problem;
        err = gl_channel_put_message(t->channel, &message);
    }
    int told = put_report(t, t->side->sender, shown, len, status, problem.text);
    return err ? err : told;
}

const char *gl_engine_errno_text(int uv_err)
{
    return uv_err == UV_EISDIR ? gl_status_text(GL_STATUS_IS_DIRECTORY) : uv_strerror(uv_err);
}

int gl_engine_problem_errno(struct gl_transfer *t, uint64_t item, const struct gl_path *path,
                            int uv_err)
{
    if (uv_err == UV_ECANCELED)
        return uv_err;
    return gl_engine_problem(t, item, path, gl_status_from_errno(uv_err),
                             gl_engine_errno_text(uv_err));
}

int gl_engine_peer_problem(struct gl_transfer *t, const Gl__TransferProblem *problem)
{
    /* A path is bytes: what would end it early for a reader is made visible. */
    size_t len = problem->path.len < GL_PATH_REPORT_MAX ? problem->path.len : GL_PATH_REPORT_MAX;
    char path[GL_PATH_REPORT_MAX];
    for (size_t i = 0; i < len; i++)
        path[i] = problem->path.data[i] ? (char)problem->path.data[i] : '?';
    enum gl_status status =
        gl_status_valid(problem->status) ? (enum gl_status)problem->status : GL_STATUS_INTERNAL;
    char *text = gl_strndup(problem->text, GL_STATUS_TEXT_MAX);
    int err = put_report(t, !t->side->sender, path, len, status, text);
    gl_free(text);
    return err;
}

int gl_engine_fail(struct gl_transfer *t, enum gl_status status, const char *format, ...)
{
    if (t->text)
        return UV_EPROTO;
    va_list args;
    va_start(args, format);
    t->text = gl_vasprintf(format, args);
    va_end(args);
    t->status = status;
    return UV_EPROTO;
}

int gl_engine_fail_protocol(struct gl_transfer *t, const char *why)
{
    return gl_engine_fail(t, GL_STATUS_INVALID, "the other side broke the rules of a copy: %s",
                          why);
}

bool gl_engine_asks(const struct gl_transfer *t)
{
    return t->permit.ask;
}

bool gl_engine_resolves(const struct gl_transfer *t)
{
    return t->permit.ask || t->permit.resolve;
}

int gl_engine_permit(struct gl_transfer *t, uint64_t item, const struct gl_path *path,
                     bool *ret_allowed)
{
    *ret_allowed = true;
    if (!t->permit.ask)
        return 0;
    uv_mutex_lock(&t->mutex);
    t->question = path->text;
    wake(t);
    while (t->question && !gl_channel_is_cancelled(t->channel))
        uv_cond_wait(&t->answered, &t->mutex);
    bool answered = !t->question;
    t->question = NULL;
    enum gl_status status = t->answer;
    char *text = t->answer_text;
    t->answer_text = NULL;
    uv_mutex_unlock(&t->mutex);
    int err = 0;
    if (!answered)
        err = UV_ECANCELED;
    else if (status != GL_STATUS_OK) {
        *ret_allowed = false;
        err = gl_engine_problem(t, item, path, status, text);
    }
    gl_free(text);
    return err;
}

/* ------------------------------------------------------------------ progress */

void gl_engine_set_phase(struct gl_transfer *t, enum gl_transfer_phase phase)
{
    uv_mutex_lock(&t->mutex);
    t->progress.phase = phase;
    uv_mutex_unlock(&t->mutex);
}

void gl_engine_set_totals(struct gl_transfer *t, uint64_t files, uint64_t bytes)
{
    uv_mutex_lock(&t->mutex);
    t->progress.total_files = files;
    t->progress.total_bytes = bytes;
    uv_mutex_unlock(&t->mutex);
}

void gl_engine_begin_file(struct gl_transfer *t, const struct gl_path *path)
{
    size_t room = sizeof t->progress.name - 1;
    size_t cut = path->len > room ? path->len - room : 0;
    uv_mutex_lock(&t->mutex);
    memcpy(t->progress.name, path->text + cut, path->len - cut + 1);
    uv_mutex_unlock(&t->mutex);
}

void gl_engine_end_file(struct gl_transfer *t)
{
    uv_mutex_lock(&t->mutex);
    t->progress.files++;
    uv_mutex_unlock(&t->mutex);
}

void gl_engine_add_bytes(struct gl_transfer *t, uint64_t bytes, bool moved)
{
    uv_mutex_lock(&t->mutex);
    t->progress.bytes += bytes;
    if (moved)
        t->progress.moved += bytes;
    uv_mutex_unlock(&t->mutex);
}
