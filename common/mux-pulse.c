/* SPDX-License-Identifier: MIT */
/* All that has to do with time: acknowledgements, heartbeat, round trips. */
#include "mux-internal.h"

#include <uv.h>

static void push(struct gl_ping_queue *queue, struct gl_ping *ping)
{
    ping->next = NULL;
    if (queue->tail)
        queue->tail->next = ping;
    else
        queue->head = ping;
    queue->tail = ping;
    queue->count++;
}

static struct gl_ping *pop(struct gl_ping_queue *queue)
{
    struct gl_ping *ping = queue->head;
    if (!ping)
        return NULL;
    queue->head = ping->next;
    if (!queue->head)
        queue->tail = NULL;
    queue->count--;
    return ping;
}

static void queue_ping(struct gl_mux *mux, void (*on_pong)(void *, uint64_t), void *ctx)
{
    struct gl_ping *ping = GL_NEW0(struct gl_ping);
    ping->on_pong = on_pong;
    ping->ctx = ctx;
    push(&mux->pings_waiting, ping);
    gl_mux_wake(mux);
}

/* At most one heartbeat waits: a peer that does not read must not make a queue grow. */
static void heartbeat(struct gl_mux *mux)
{
    mux->ping_at = mux->now;
    for (struct gl_ping *ping = mux->pings_waiting.head; ping; ping = ping->next)
        if (!ping->on_pong)
            return;
    queue_ping(mux, NULL, NULL);
}

void gl_mux_ping(struct gl_mux *mux, uint64_t now, void (*on_pong)(void *ctx, uint64_t rtt_ns),
                 void *ctx)
{
    gl_mux_set_now(mux, now);
    if (!mux->ended)
        queue_ping(mux, on_pong, ctx);
    else if (on_pong)
        on_pong(ctx, UINT64_MAX);
}

void gl_pulse_start(struct gl_mux *mux)
{
    mux->ack_due = false;
    mux->ack_deadline = UINT64_MAX;
    mux->rx_unacked = 0;
    mux->heard_at = mux->now;
    mux->grace_until = 0;
    heartbeat(mux);
}

void gl_pulse_stop(struct gl_mux *mux)
{
    mux->pong_count = 0;
    mux->ack_due = false;
    mux->ack_deadline = UINT64_MAX;
    /* Heartbeats that are lost are not missed; pings that somebody waits for are sent again. */
    struct gl_ping *ping;
    while ((ping = pop(&mux->pings_sent))) {
        if (ping->on_pong)
            push(&mux->pings_waiting, ping);
        else
            gl_free(ping);
    }
}

static void tell_none(struct gl_ping_queue *queue)
{
    struct gl_ping *ping;
    while ((ping = pop(queue))) {
        if (ping->on_pong)
            ping->on_pong(ping->ctx, UINT64_MAX);
        gl_free(ping);
    }
}

void gl_pulse_done(struct gl_mux *mux)
{
    tell_none(&mux->pings_sent);
    tell_none(&mux->pings_waiting);
}

void gl_pulse_received(struct gl_mux *mux, uint32_t length)
{
    if (!mux->config.resumable)
        return;
    mux->rx_unacked += length + GL_REPLAY_FRAME_CHARGE;
    if (mux->ack_due)
        return;
    if (mux->rx_unacked >= GL_ACK_CHARGE) {
        mux->ack_due = true;
        gl_mux_wake(mux);
    } else if (mux->ack_deadline == UINT64_MAX) {
        mux->ack_deadline = mux->now + mux->config.ack_delay_ns;
        gl_mux_wake(mux);
    }
}

void gl_pulse_ping_came(struct gl_mux *mux, uint64_t cookie)
{
    if (mux->pong_count == GL_PONGS_MAX) {
        mux->pong_first = (mux->pong_first + 1) % GL_PONGS_MAX;
        mux->pong_count--;
    }
    mux->pongs[(mux->pong_first + mux->pong_count++) % GL_PONGS_MAX] = cookie;
    gl_mux_wake(mux);
}

/* PONGs come in the order of the PINGs; one left out is one that the peer gave up. */
int gl_pulse_pong_came(struct gl_mux *mux, uint64_t cookie)
{
    struct gl_ping *ping = mux->pings_sent.head;
    while (ping && ping->cookie != cookie)
        ping = ping->next;
    if (!ping)
        return gl_mux_fail(mux, "PONG %llu was never asked for", (unsigned long long)cookie);
    while ((ping = pop(&mux->pings_sent)) && ping->cookie != cookie) {
        if (ping->on_pong)
            push(&mux->pings_waiting, ping);
        else
            gl_free(ping);
    }
    uint64_t took = mux->now - ping->sent_at;
    if (!took)
        took = 1; /* 0 means unknown */
    mux->rtt = mux->rtt ? (mux->rtt * 7 + took) / 8 : took;
    mux->rtt_at = mux->now;
    if (ping->on_pong)
        ping->on_pong(ping->ctx, took);
    gl_free(ping);
    if (mux->pings_waiting.head)
        gl_mux_wake(mux);
    return 0;
}

void gl_pulse_measure(struct gl_mux *mux)
{
    if (mux->attached && !mux->pings_sent.count && mux->now - mux->rtt_at > UINT64_C(1000000000))
        heartbeat(mux);
}

struct gl_unit *gl_unit_control(uint8_t type, uint32_t stream, uint64_t value)
{
    uint8_t bytes[8];
    gl_put_u64(bytes, value);
    struct gl_unit *unit = gl_unit_new(type, (struct gl_slice){NULL, bytes, sizeof(bytes)});
    unit->frame.stream = stream;
    gl_unit_seal(unit); /* copies them */
    return unit;
}

struct gl_unit *gl_pulse_pick(struct gl_mux *mux)
{
    if (mux->ack_due) {
        mux->ack_due = false;
        mux->ack_deadline = UINT64_MAX;
        mux->rx_unacked = 0;
        return gl_unit_control(GL_FRAME_ACK, 0, mux->rx_count);
    }
    if (mux->pong_count) {
        uint64_t cookie = mux->pongs[mux->pong_first];
        mux->pong_first = (mux->pong_first + 1) % GL_PONGS_MAX;
        mux->pong_count--;
        return gl_unit_control(GL_FRAME_PONG, 0, cookie);
    }
    if (mux->pings_waiting.head && mux->pings_sent.count < GL_PINGS_MAX) {
        struct gl_ping *ping = pop(&mux->pings_waiting);
        ping->cookie = ++mux->ping_cookie;
        ping->sent_at = mux->now;
        push(&mux->pings_sent, ping);
        return gl_unit_control(GL_FRAME_PING, 0, ping->cookie);
    }
    return NULL;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t next_ping(const struct gl_mux *mux)
{
    return later(mux->heard_at, mux->ping_at) + mux->config.ping_after_ns;
}

static uint64_t dead_at(const struct gl_mux *mux)
{
    return later(mux->heard_at + mux->config.dead_after_ns, mux->grace_until);
}

uint64_t gl_mux_deadline(const struct gl_mux *mux)
{
    if (!mux->attached || mux->ended || mux->broken)
        return UINT64_MAX;
    uint64_t deadline = next_ping(mux);
    if (mux->ack_deadline < deadline)
        deadline = mux->ack_deadline;
    return dead_at(mux) < deadline ? dead_at(mux) : deadline;
}

int gl_mux_tick(struct gl_mux *mux, uint64_t now)
{
    if (!mux->attached || mux->ended || mux->broken)
        return 0;
    gl_mux_enter(mux);
    int rc = 0;
    bool late = now > gl_mux_deadline(mux) + GL_TICK_LATE;
    gl_mux_set_now(mux, now);
    if (late)
        mux->grace_until = mux->now + mux->config.ping_after_ns;
    if (mux->ack_deadline <= mux->now) {
        mux->ack_due = true;
        mux->ack_deadline = UINT64_MAX;
        gl_mux_wake(mux);
    }
    if (mux->now >= dead_at(mux))
        rc = UV_ETIMEDOUT;
    else if (late || mux->now >= next_ping(mux))
        heartbeat(mux);
    gl_mux_leave(mux);
    return rc;
}
