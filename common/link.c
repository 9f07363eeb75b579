/* SPDX-License-Identifier: MIT */
/*
 * A mux on the loop. Below: reading, writing, time, then the ways in which a transport and a
 * session end, then the interface.
 *
 * Output that becomes possible is not written at once but by a check handle, after the loop has
 * polled: what a turn brings for a link goes out in one write. An idle handle keeps that poll from
 * waiting.
 */
#include "link.h"

#include <stdio.h>
#include <string.h>

#include "link-input.h"
#include "log.h"
#include "mem.h"

#define WRITE_MAX       (512u * 1024) /* handed to the transport at once */
#define PIECES_MAX      256u          /* of one write */
#define WRITES_PER_TURN 4u /* of WRITE_MAX, if the transport takes them: others want their turn */
#define RESUME_MS       60000u
#define RESUME_STEP_MS  1000u
#define GOODBYE_MS      2000u
#define LAST_WORDS_MS   1000u /* how long we read on after a write has failed */
#define NS_PER_MS       1000000u

enum link_state {
    LINK_ATTACHED,
    LINK_DETACHED, /* waits for gl_link_attach() */
    LINK_PARTING,  /* attached; GOODBYE was said by either side */
    LINK_ENDED,
};

struct gl_link {
    uv_loop_t *loop;
    struct gl_mux *mux;
    const struct gl_link_events *events;
    void *ctx;
    bool resumable;
    bool freed;
    enum link_state state;
    unsigned handles;

    struct gl_transport *transport; /* NULL when detached */
    struct gl_peer peer;
    struct gl_link_input input;
    size_t writing;           /* bytes of the write that is pending, 0: none */
    bool write_failed;        /* reading goes on: the peer may have said why */
    unsigned closing;         /* transports */
    struct gl_mux_hold *hold; /* what they may still be reading */

    uv_idle_t idle;
    uv_check_t check;
    bool woken;
    uint64_t heard_s; /* wall clock: a machine that sleeps counts, too */
    bool early;       /* what came with the handshake was not parsed yet */

    uv_timer_t tick;
    uint64_t tick_at; /* what it is set for, ns; UINT64_MAX: not set */

    uv_timer_t wait; /* resume time, GOODBYE, or last words, by state */
    uint64_t resume_ms, resume_left_ms, resume_step_at;

    bool heard_goodbye; /* it is answered; the session ends when the answer is written */
    enum gl_status end_status;
    char *end_text;
};

static void wake(struct gl_link *l);
static void arm_tick(struct gl_link *l);
static void lose(struct gl_link *l, const char *why);
static void end(struct gl_link *l, enum gl_status status, const char *text);
static void end_broken(struct gl_link *l);
static void release(struct gl_link *l);

static bool is_attached(const struct gl_link *l)
{
    return l->transport != NULL;
}

/* ------------------------------------------------------------------ reading */

/* Parses what has come. A callback in there may detach, attach or end. */
static void feed(struct gl_link *l)
{
    struct gl_link_input *input = &l->input;
    struct gl_transport *t = l->transport;
    size_t used = 0;
    if (input->begin == input->end)
        return;
    struct gl_block *block = gl_block_ref(input->block);
    int r = gl_mux_receive(l->mux, uv_hrtime(), block, gl_block_data(block) + input->begin,
                           input->end - input->begin, &used);
    gl_block_unref(block);
    if (l->state == LINK_ENDED || l->transport != t)
        return;
    input->begin += used;
    if (r == UV_EPROTO)
        end_broken(l);
}

static void on_buffer(void *ctx, uv_buf_t *ret_room)
{
    struct gl_link *l = ctx;
    size_t len;
    uint8_t *room = gl_link_input_room(&l->input, &len);
    *ret_room = uv_buf_init((char *)room, (unsigned)len);
}

static void note_heard(struct gl_link *l)
{
    uv_timeval64_t now;
    if (uv_gettimeofday(&now) == 0 && now.tv_sec > 0)
        l->heard_s = (uint64_t)now.tv_sec;
}

static void on_read(void *ctx, ssize_t n)
{
    struct gl_link *l = ctx;
    if (n > 0) {
        note_heard(l);
        gl_link_input_add(&l->input, (size_t)n);
        feed(l);
    } else if (n < 0) {
        lose(l, n == UV_EOF ? "the other side closed the connection" : uv_strerror((int)n));
    }
}

/* ------------------------------------------------------------------ writing */

static void on_last_words_over(uv_timer_t *timer)
{
    lose(timer->data, "the connection takes no more data");
}

static void fail_write(struct gl_link *l)
{
    l->write_failed = true;
    if (l->state == LINK_ATTACHED)
        uv_timer_start(&l->wait, on_last_words_over, LAST_WORDS_MS, 0);
}

/* One write. True: it was taken whole, there may be more. */
static bool write_once(struct gl_link *l)
{
    struct gl_iov iov[PIECES_MAX];
    uv_buf_t bufs[PIECES_MAX];
    size_t total = 0;
    struct gl_transport *t = l->transport;
    size_t n = gl_mux_output(l->mux, uv_hrtime(), iov, PIECES_MAX, WRITE_MAX);
    if (!n || l->transport != t) /* the mux calls on_sent, whose callee may detach */
        return false;
    for (size_t i = 0; i < n; i++) {
        bufs[i] = uv_buf_init((char *)(uintptr_t)iov[i].base, (unsigned)iov[i].len);
        total += iov[i].len;
    }
    int r = gl_transport_write(t, bufs, (unsigned)n);
    if (r < 0) {
        fail_write(l);
        return false;
    }
    if (r == 0) {
        l->writing = total;
        return false;
    }
    gl_mux_written(l->mux, uv_hrtime(), total);
    return true;
}

/* All that can be written now, within a turn's measure. */
static void flush(struct gl_link *l)
{
    unsigned i = 0;
    while (is_attached(l) && !l->writing && !l->write_failed && write_once(l))
        if (++i == WRITES_PER_TURN) {
            wake(l);
            return;
        }
    /* The answer to a GOODBYE is the last that is written. */
    if (l->state == LINK_PARTING && l->heard_goodbye && !l->writing)
        end(l, l->end_status, l->end_text);
}

static void on_written(void *ctx, int status)
{
    struct gl_link *l = ctx;
    size_t total = l->writing;
    l->writing = 0;
    if (status < 0) {
        fail_write(l);
        return;
    }
    gl_mux_written(l->mux, uv_hrtime(), total);
    flush(l);
    /* The mux wakes us once: what has got a deadline since then, while it could not write, did not
     * say so. */
    arm_tick(l);
}

static void on_transport_closed(void *ctx)
{
    struct gl_link *l = ctx;
    if (--l->closing == 0) {
        gl_mux_hold_free(l->hold);
        l->hold = NULL;
    }
    release(l);
}

static const struct gl_transport_events transport_events = {on_buffer, on_read, on_written,
                                                            on_transport_closed};

/* ------------------------------------------------------------------ waking */

static void on_tick(uv_timer_t *timer);

/*
 * Sets the timer if it would come too late. That it comes too early, since the deadline has moved
 * on with every byte received, costs a look at the deadline; to move it each time would cost more.
 */
static void arm_tick(struct gl_link *l)
{
    uint64_t deadline = gl_mux_deadline(l->mux), now = uv_hrtime();
    if (!is_attached(l) || deadline >= l->tick_at)
        return;
    uv_update_time(l->loop);
    uint64_t ms = deadline <= now ? 0 : (deadline - now + NS_PER_MS - 1) / NS_PER_MS;
    l->tick_at = deadline;
    uv_timer_start(&l->tick, on_tick, ms, 0);
}

static void on_tick(uv_timer_t *timer)
{
    struct gl_link *l = timer->data;
    l->tick_at = UINT64_MAX;
    if (gl_mux_tick(l->mux, uv_hrtime()) == UV_ETIMEDOUT) {
        lose(l, "the other side has been silent for too long");
        return;
    }
    /* An idle link needs no block. */
    gl_link_input_shrink(&l->input);
    arm_tick(l);
}

static void sleep_again(struct gl_link *l)
{
    l->woken = false;
    uv_idle_stop(&l->idle);
    uv_check_stop(&l->check);
}

static void on_check(uv_check_t *check)
{
    struct gl_link *l = check->data;
    sleep_again(l);
    if (l->early) {
        l->early = false;
        feed(l);
    }
    flush(l);
    arm_tick(l);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void wake(struct gl_link *l)
{
    if (l->woken || l->state == LINK_ENDED)
        return;
    l->woken = true;
    uv_idle_start(&l->idle, on_idle);
    uv_check_start(&l->check, on_check);
}

/* ------------------------------------------------------------------ losing a transport */

static void on_resume_step(uv_timer_t *timer)
{
    struct gl_link *l = timer->data;
    uint64_t now = uv_hrtime() / NS_PER_MS;
    /*
     * Only time in which this process ran is counted: if it was stopped, or its machine saved, the
     * peer may have been waiting to come back all the time.
     */
    uint64_t passed = now - l->resume_step_at;
    if (passed > 2 * RESUME_STEP_MS)
        passed = RESUME_STEP_MS;
    l->resume_step_at = now;
    if (passed >= l->resume_left_ms) {
        char text[64];
        snprintf(text, sizeof(text), "not resumed within %llu s",
                 (unsigned long long)(l->resume_ms + 999) / 1000);
        end(l, GL_STATUS_TIMED_OUT, text);
        return;
    }
    l->resume_left_ms -= passed;
    uv_timer_start(timer, on_resume_step,
                   l->resume_left_ms < RESUME_STEP_MS ? l->resume_left_ms : RESUME_STEP_MS, 0);
}

static void start_resume_time(struct gl_link *l)
{
    l->resume_left_ms = l->resume_ms;
    l->resume_step_at = uv_hrtime() / NS_PER_MS;
    uv_update_time(l->loop);
    uv_timer_start(&l->wait, on_resume_step,
                   l->resume_ms < RESUME_STEP_MS ? l->resume_ms : RESUME_STEP_MS, 0);
}

/* Away with the transport and all that is about it. */
static void drop_transport(struct gl_link *l)
{
    if (!l->transport)
        return;
    /* Until the transport is closed a pending write may go on, as overlapped ones on Windows do. */
    if (l->writing)
        l->hold = gl_mux_hold(l->mux, l->hold);
    l->closing++;
    gl_transport_close(l->transport);
    l->transport = NULL;
    l->writing = 0;
    l->write_failed = false;
    l->early = false;
    gl_link_input_drop(&l->input);
    uv_timer_stop(&l->tick);
    uv_timer_stop(&l->wait);
    l->tick_at = UINT64_MAX;
    gl_mux_detach(l->mux);
}

static void take_transport(struct gl_link *l, struct gl_transport *t, const uint8_t *early,
                           size_t early_len)
{
    l->transport = t;
    l->peer = *gl_transport_peer(t);
    l->handles++;
    note_heard(l); /* the greeting */
    gl_transport_bind(t, &transport_events, l);
    gl_link_input_append(&l->input, early, early_len);
    l->early = early_len > 0;
    gl_transport_read_start(t);
    wake(l);
}

static void lose(struct gl_link *l, const char *why)
{
    if (l->state == LINK_PARTING) {
        end(l, l->end_status, l->end_text);
    } else if (!l->resumable) {
        end(l, GL_STATUS_LOST, why);
    } else if (l->state == LINK_ATTACHED) {
        drop_transport(l);
        l->state = LINK_DETACHED;
        start_resume_time(l);
        if (l->events->on_detached)
            l->events->on_detached(l->ctx, why);
    }
}

/* ------------------------------------------------------------------ the end */

static void end(struct gl_link *l, enum gl_status status, const char *text)
{
    if (l->state == LINK_ENDED)
        return;
    /* The text may be the link's own, or in the mux. */
    char *copy = gl_strdup(text ? text : "");
    l->state = LINK_ENDED;
    drop_transport(l);
    uv_timer_stop(&l->wait);
    sleep_again(l);
    gl_mux_end(l->mux, GL_STATUS_LOST, copy);
    if (l->events->on_ended && !l->freed)
        l->events->on_ended(l->ctx, status, copy);
    gl_free(copy);
}

/* The peer broke the protocol: it is told why, if that can be written at once. */
static void end_broken(struct gl_link *l)
{
    const char *why = gl_mux_error(l->mux);
    gl_mux_goodbye(l->mux, GL_STATUS_PROTOCOL, why);
    if (!l->writing && !l->write_failed)
        write_once(l);
    end(l, GL_STATUS_PROTOCOL, why);
}

static void on_parting_over(uv_timer_t *timer)
{
    struct gl_link *l = timer->data;
    end(l, l->end_status, l->end_text);
}

static void part(struct gl_link *l, enum gl_status status, const char *text, uint64_t ms)
{
    l->state = LINK_PARTING;
    l->end_status = status;
    gl_free(l->end_text);
    l->end_text = gl_strdup(text ? text : "");
    uv_update_time(l->loop);
    uv_timer_start(&l->wait, on_parting_over, ms, 0);
}

/* ------------------------------------------------------------------ events of the mux */

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    struct gl_link *l = ctx;
    if (l->events->on_open && !l->freed)
        l->events->on_open(l->ctx, stream, open);
    else
        gl_slice_unref(&open);
}

/* The mux has its answer ready, if it did not say GOODBYE first. */
static void on_goodbye(void *ctx, enum gl_status status, const char *text)
{
    struct gl_link *l = ctx;
    if (l->state == LINK_ATTACHED)
        part(l, status, text, GOODBYE_MS);
    l->heard_goodbye = true;
    wake(l);
}

static void on_wake(void *ctx)
{
    wake(ctx);
}

static const struct gl_mux_events mux_events = {on_open, on_goodbye, on_wake};

/* ------------------------------------------------------------------ interface */

static void init_handle(struct gl_link *l, uv_handle_t *handle)
{
    handle->data = l;
    l->handles++;
}

struct gl_link *gl_link_new(uv_loop_t *loop, const struct gl_link_config *config,
                            struct gl_transport *t, const uint8_t *early, size_t early_len)
{
    struct gl_link *l = GL_NEW0(struct gl_link);
    struct gl_mux_config mux = config->mux;
    mux.events = &mux_events;
    mux.ctx = l;
    l->loop = loop;
    l->events = config->events;
    l->ctx = config->ctx;
    l->resumable = mux.resumable;
    l->resume_ms = config->resume_ms ? config->resume_ms : RESUME_MS;
    l->tick_at = UINT64_MAX;
    gl_link_input_init(&l->input, mux.payload_max);
    uv_idle_init(loop, &l->idle);
    uv_check_init(loop, &l->check);
    uv_timer_init(loop, &l->tick);
    uv_timer_init(loop, &l->wait);
    init_handle(l, (uv_handle_t *)&l->idle);
    init_handle(l, (uv_handle_t *)&l->check);
    init_handle(l, (uv_handle_t *)&l->tick);
    init_handle(l, (uv_handle_t *)&l->wait);
    l->mux = gl_mux_new(&mux, uv_hrtime());
    take_transport(l, t, early, early_len);
    return l;
}

static void release(struct gl_link *l)
{
    if (--l->handles)
        return;
    /* Never from within a callback of the mux, as it asks. */
    gl_mux_free(l->mux);
    gl_link_input_done(&l->input);
    gl_free(l->end_text);
    gl_free(l);
}

static void on_handle_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void gl_link_free(struct gl_link *l)
{
    if (!l || l->freed)
        return;
    l->freed = true;
    end(l, GL_STATUS_LOST, "");
    uv_close((uv_handle_t *)&l->idle, on_handle_closed);
    uv_close((uv_handle_t *)&l->check, on_handle_closed);
    uv_close((uv_handle_t *)&l->tick, on_handle_closed);
    uv_close((uv_handle_t *)&l->wait, on_handle_closed);
}

struct gl_mux *gl_link_mux(struct gl_link *l)
{
    return l->mux;
}

const struct gl_peer *gl_link_peer(const struct gl_link *l)
{
    return &l->peer;
}

bool gl_link_is_attached(const struct gl_link *l)
{
    return is_attached(l);
}

uint64_t gl_link_heard_s(const struct gl_link *l)
{
    return l->heard_s;
}

uint64_t gl_link_resume_left_ms(const struct gl_link *l)
{
    if (l->state != LINK_DETACHED)
        return 0;
    uint64_t passed = uv_hrtime() / NS_PER_MS - l->resume_step_at;
    return passed < l->resume_left_ms ? l->resume_left_ms - passed : 0;
}

void gl_link_detach(struct gl_link *l)
{
    if (!is_attached(l))
        return;
    drop_transport(l);
    if (l->state == LINK_PARTING) {
        uv_timer_start(&l->wait, on_parting_over, 0, 0);
    } else {
        l->state = LINK_DETACHED;
        start_resume_time(l);
    }
}

void gl_link_attach(struct gl_link *l, struct gl_transport *t, const struct gl_resume_record *peer,
                    uint64_t epoch, const uint8_t *early, size_t early_len)
{
    if (l->state == LINK_ENDED || l->state == LINK_PARTING) {
        gl_transport_bind(t, NULL, NULL);
        gl_transport_close(t);
        return;
    }
    drop_transport(l);
    uv_timer_stop(&l->wait);
    l->state = LINK_ATTACHED;
    gl_mux_attach(l->mux, uv_hrtime(), peer, epoch);
    take_transport(l, t, early, early_len);
    if (l->events->on_attached)
        l->events->on_attached(l->ctx);
}

void gl_link_goodbye(struct gl_link *l, enum gl_status status, const char *text)
{
    if (l->state == LINK_ATTACHED) {
        gl_mux_goodbye(l->mux, status, text);
        part(l, status, text, GOODBYE_MS);
    } else if (l->state == LINK_DETACHED) {
        part(l, status, text, 0); /* nobody to tell it to; not from within this call */
    }
}

void gl_link_end(struct gl_link *l, enum gl_status status, const char *text)
{
    end(l, status, text);
}
