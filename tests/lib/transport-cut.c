/* SPDX-License-Identifier: MIT */
#include "transport-cut.h"

#include <string.h>

#include "mem.h"
#include "pair.h"
#include "transport-memory.h"

struct cut {
    struct gl_transport base;
    struct gl_transport *inner; /* NULL once it was closed */
    struct gl_cut_plan plan;
    uv_timer_t timer; /* what must not happen from within a call */
    unsigned handles;
    uint64_t rx, tx; /* bytes that went through */
    bool broken;     /* the cut was made */
    bool told_read;
    bool reading, stalled_rx, stalled_tx;
    bool writing;   /* the user waits for on_written */
    bool breaks;    /* and after it comes the cut */
    uv_buf_t *held; /* not given to inner yet */
    unsigned held_n;
};

static struct cut *of(struct gl_transport *t)
{
    return (struct cut *)t;
}

static uint64_t left(uint64_t plan, uint64_t used)
{
    return plan == GL_CUT_NEVER ? UINT64_MAX : plan - used;
}

static void on_timer(uv_timer_t *timer);

static void soon(struct cut *c, uint64_t ms)
{
    if (!c->base.closing)
        uv_timer_start(&c->timer, on_timer, ms, 0);
}

/* The other side learns of it now, the user in the loop's next turn. */
static void cut_through(struct cut *c)
{
    if (c->broken)
        return;
    c->broken = true;
    gl_transport_close(c->inner);
    c->inner = NULL;
    soon(c, 0);
}

/* ------------------------------------------------------------------ rx */

static void inner_on_buffer(void *ctx, uv_buf_t *ret_room)
{
    struct cut *c = ctx;
    c->base.events->on_buffer(c->base.ctx, ret_room);
    size_t max = ret_room->len;
    if (c->plan.read_max && max > c->plan.read_max)
        max = c->plan.read_max;
    if (max > left(c->plan.rx, c->rx))
        max = (size_t)left(c->plan.rx, c->rx);
    *ret_room = uv_buf_init(ret_room->base, (unsigned)max);
}

static void inner_on_read(void *ctx, ssize_t n)
{
    struct cut *c = ctx;
    if (n > 0) {
        c->rx += (uint64_t)n;
        if (c->plan.rx_count)
            *c->plan.rx_count += (uint64_t)n;
    }
    c->told_read |= n < 0;
    c->base.events->on_read(c->base.ctx, n);
    if (!c->base.closing && left(c->plan.rx, c->rx) == 0)
        cut_through(c);
}

static void update_reading(struct cut *c)
{
    if (c->broken)
        return;
    if (!c->reading || c->stalled_rx)
        gl_transport_read_stop(c->inner);
    else if (left(c->plan.rx, c->rx) == 0)
        cut_through(c);
    else
        gl_transport_read_start(c->inner);
}

static int cut_read_start(struct gl_transport *t)
{
    of(t)->reading = true;
    update_reading(of(t));
    return 0;
}

static void cut_read_stop(struct gl_transport *t)
{
    of(t)->reading = false;
    update_reading(of(t));
}

/* ------------------------------------------------------------------ tx */

/* Gives inner as much as the plan lets through. */
static int pass_on(struct cut *c, const uv_buf_t *bufs, unsigned n)
{
    uv_buf_t *some = gl_memdup(bufs, n * sizeof(*bufs));
    uint64_t room = left(c->plan.tx, c->tx), total = 0;
    unsigned i;
    for (i = 0; i < n && total < room; i++) {
        if (some[i].len > room - total)
            some[i] = uv_buf_init(some[i].base, (unsigned)(room - total));
        total += some[i].len;
    }
    c->breaks = total == room;
    c->tx += total;
    if (c->plan.tx_count)
        *c->plan.tx_count += total;
    int r = i ? gl_transport_write(c->inner, some, i) : 1;
    gl_free(some);
    return r;
}

static void after_write(struct cut *c, int status)
{
    if (c->writing) {
        c->writing = false;
        c->base.events->on_written(c->base.ctx, c->breaks ? UV_ECONNRESET : status);
    }
    if (c->breaks && !c->base.closing)
        cut_through(c);
}

static void inner_on_written(void *ctx, int status)
{
    after_write(ctx, status);
}

static void release_held(struct cut *c)
{
    uv_buf_t *held = c->held;
    if (!held || c->stalled_tx || c->broken)
        return;
    c->held = NULL;
    int r = pass_on(c, held, c->held_n);
    gl_free(held);
    if (r)
        after_write(c, r < 0 ? r : 0);
}

static int cut_write(struct gl_transport *t, const uv_buf_t *bufs, unsigned n)
{
    struct cut *c = of(t);
    if (c->writing)
        return UV_EBUSY;
    if (c->broken)
        return UV_EPIPE;
    if (c->stalled_tx || c->plan.delay_ms) {
        c->held = gl_memdup(bufs, n * sizeof(*bufs));
        c->held_n = n;
        c->writing = true;
        if (!c->stalled_tx)
            soon(c, c->plan.delay_ms);
        return 0;
    }
    int r = pass_on(c, bufs, n);
    c->writing = r == 0;
    if (r && c->breaks) {
        cut_through(c);
        return UV_EPIPE;
    }
    return r;
}

/* ------------------------------------------------------------------ the rest */

static void on_timer(uv_timer_t *timer)
{
    struct cut *c = timer->data;
    if (!c->broken) {
        release_held(c);
        return;
    }
    if (c->writing) {
        c->writing = false;
        c->base.events->on_written(c->base.ctx, UV_ECONNRESET);
    }
    if (c->reading && !c->told_read && !c->base.closing) {
        c->told_read = true;
        c->base.events->on_read(c->base.ctx, UV_ECONNRESET);
    }
}

static void release(struct cut *c)
{
    if (--c->handles)
        return;
    if (c->base.events)
        c->base.events->on_close(c->base.ctx);
    gl_free(c->held);
    gl_free(c);
}

static void inner_on_close(void *ctx)
{
    release(ctx);
}

static void on_timer_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void cut_close(struct gl_transport *t)
{
    struct cut *c = of(t);
    if (c->inner)
        gl_transport_close(c->inner);
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static int cut_shutdown(struct gl_transport *t)
{
    return of(t)->broken ? 0 : gl_transport_shutdown(of(t)->inner);
}

static const struct gl_transport_events inner_events = {inner_on_buffer, inner_on_read,
                                                        inner_on_written, inner_on_close};
static const struct gl_transport_ops cut_ops = {
    .name = "cut",
    .read_start = cut_read_start,
    .read_stop = cut_read_stop,
    .write = cut_write,
    .close = cut_close,
    .shutdown = cut_shutdown,
};

struct gl_transport *gl_cut_wrap(struct gl_transport *inner, const struct gl_cut_plan *plan)
{
    struct cut *c = GL_NEW0(struct cut);
    c->base = *inner;
    c->base.ops = &cut_ops;
    c->inner = inner;
    c->plan = *plan;
    c->handles = 2;
    uv_timer_init(inner->loop, &c->timer);
    c->timer.data = c;
    gl_transport_bind(inner, &inner_events, c);
    return &c->base;
}

void gl_cut_now(struct gl_transport *cut)
{
    if (!cut->closing)
        cut_through(of(cut));
}

void gl_cut_stall(struct gl_transport *cut, bool rx, bool tx)
{
    struct cut *c = of(cut);
    c->stalled_rx = rx;
    c->stalled_tx = tx;
    update_reading(c);
    if (c->held && !tx)
        soon(c, 0);
}

bool gl_cut_in_memory;

static void make_pair(uv_loop_t *loop, bool deaf, struct gl_transport *ret_ends[2])
{
    if (gl_cut_in_memory || !GL_PAIR_OF_SYSTEM)
        gl_memory_pair(loop, deaf, ret_ends);
    else
        gl_pair_of_system(loop, deaf, ret_ends);
}

void gl_cut_pair(uv_loop_t *loop, struct gl_transport *ret_ends[2])
{
    make_pair(loop, false, ret_ends);
}

void gl_cut_deaf_pair(uv_loop_t *loop, struct gl_transport *ret_ends[2])
{
    make_pair(loop, true, ret_ends);
}
