/* SPDX-License-Identifier: MIT */
#include "transport-memory.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"

#define QUEUE 212992u /* bytes, as Linux' default for SO_SNDBUF */
#define READS 32      /* in a turn */

struct memory {
    struct gl_transport base;
    struct memory *peer; /* NULL: closed */
    uv_async_t wake;     /* turns this end's work; its close callback frees it */
    /* What the peer has written and this end has not read. */
    uint8_t queue[QUEUE];
    size_t begin, len;
    int end;   /* what follows the queue: 0 nothing yet, UV_EOF or UV_ECONNRESET */
    bool deaf; /* takes nothing */
    bool reading, told;
    /* The write that waits for room at the peer. */
    uv_buf_t *pending;
    unsigned pending_n;
};

static struct memory *of(struct gl_transport *t)
{
    return (struct memory *)t;
}

static void wake(struct memory *m)
{
    if (m && !m->base.closing)
        uv_async_send(&m->wake);
}

/* ------------------------------------------------------------------ bytes */

/* How many bytes of data the end had room for. */
static size_t put(struct memory *m, const char *data, size_t len)
{
    size_t n = len < QUEUE - m->len ? len : QUEUE - m->len;
    for (size_t done = 0; done < n;) {
        size_t at = (m->begin + m->len) % QUEUE, piece = n - done;
        if (piece > QUEUE - at)
            piece = QUEUE - at;
        memcpy(m->queue + at, data + done, piece);
        m->len += piece;
        done += piece;
    }
    return n;
}

static size_t take(struct memory *m, char *room, size_t size)
{
    size_t n = size < m->len ? size : m->len;
    if (n > QUEUE - m->begin)
        n = QUEUE - m->begin; /* the rest next time: a read may be short */
    memcpy(room, m->queue + m->begin, n);
    m->begin = (m->begin + n) % QUEUE;
    m->len -= n;
    return n;
}

/* Moves what fits to the peer. 1: all of it, 0: not all yet, negative: nobody takes it. */
static int push(struct memory *m)
{
    if (!m->peer || m->peer->deaf)
        return UV_EPIPE;
    for (unsigned i = 0; i < m->pending_n; i++) {
        uv_buf_t *buf = &m->pending[i];
        size_t n = put(m->peer, buf->base, buf->len);
        if (n > 0)
            wake(m->peer);
        buf->base += n;
        buf->len -= (unsigned)n;
        if (buf->len > 0)
            return 0;
    }
    return 1;
}

static int memory_write(struct gl_transport *t, const uv_buf_t *bufs, unsigned n)
{
    struct memory *m = of(t);
    if (m->pending)
        return UV_EBUSY;
    m->pending = gl_memdup(bufs, n * sizeof(*bufs));
    m->pending_n = n;
    int r = push(m);
    if (r != 0) {
        gl_free(m->pending);
        m->pending = NULL;
    }
    return r;
}

/* ------------------------------------------------------------------ turns */

static void go_on_writing(struct memory *m)
{
    int r = m->pending ? push(m) : 0;
    if (r == 0)
        return;
    gl_free(m->pending);
    m->pending = NULL;
    if (m->base.events)
        m->base.events->on_written(m->base.ctx, r < 0 ? r : 0);
}

static void tell_end(struct memory *m)
{
    if (m->told)
        return;
    m->told = true;
    m->base.events->on_read(m->base.ctx, m->end);
}

static bool may_read(const struct memory *m)
{
    return m->reading && !m->base.closing && m->base.events;
}

static void read_once(struct memory *m)
{
    uv_buf_t room;
    m->base.events->on_buffer(m->base.ctx, &room);
    if (!may_read(m))
        return;
    size_t n = take(m, room.base, room.len);
    wake(m->peer); /* there is room again */
    if (n > 0)
        m->base.events->on_read(m->base.ctx, (ssize_t)n);
}

/* Some reads a turn, so that others get theirs. */
static void go_on_reading(struct memory *m)
{
    for (int i = 0; i < READS && may_read(m) && m->len > 0; i++)
        read_once(m);
    if (!may_read(m))
        return;
    if (m->len > 0)
        wake(m);
    else if (m->end)
        tell_end(m);
}

static void on_wake(uv_async_t *async)
{
    struct memory *m = async->data;
    go_on_writing(m);
    if (!m->base.closing)
        go_on_reading(m);
}

/* ------------------------------------------------------------------ the rest */

static int memory_read_start(struct gl_transport *t)
{
    of(t)->reading = true;
    wake(of(t));
    return 0;
}

static void memory_read_stop(struct gl_transport *t)
{
    of(t)->reading = false;
}

static int memory_shutdown(struct gl_transport *t)
{
    struct memory *peer = of(t)->peer;
    if (peer && !peer->end)
        peer->end = UV_EOF;
    wake(peer);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct memory *m = handle->data;
    if (m->base.events)
        m->base.events->on_close(m->base.ctx);
    gl_free(m->pending);
    gl_free(m);
}

static void memory_close(struct gl_transport *t)
{
    struct memory *m = of(t), *peer = m->peer;
    if (peer) {
        /* unix(7)'s way: what nobody will read any more is an error to who sent it, at once. */
        if (m->len > 0)
            peer->end = UV_ECONNRESET;
        else if (!peer->end)
            peer->end = UV_EOF;
        peer->peer = NULL;
        wake(peer);
    }
    m->peer = NULL;
    uv_close((uv_handle_t *)&m->wake, on_closed);
}

static const struct gl_transport_ops memory_ops = {
    .name = "memory",
    .read_start = memory_read_start,
    .read_stop = memory_read_stop,
    .write = memory_write,
    .close = memory_close,
    .shutdown = memory_shutdown,
};

void gl_memory_pair(uv_loop_t *loop, bool deaf, struct gl_transport *ret_ends[2])
{
    struct memory *ends[2];
    for (int i = 0; i < 2; i++) {
        struct memory *m = ends[i] = GL_NEW0(struct memory);
        m->base.ops = &memory_ops;
        m->base.loop = loop;
        m->base.peer.address.kind = GL_ADDRESS_UNIX;
        snprintf(m->base.peer.address.path, sizeof(m->base.peer.address.path), "pair");
        uv_async_init(loop, &m->wake, on_wake);
        m->wake.data = m;
        ret_ends[i] = &m->base;
    }
    ends[0]->peer = ends[1];
    ends[1]->peer = ends[0];
    ends[1]->deaf = deaf;
}
