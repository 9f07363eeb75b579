/* SPDX-License-Identifier: MIT */
#include "transport-tcp.h"

#include <string.h>

#include "list.h"
#include "mem.h"

/* Handed to libuv at once. Windows has no limit that is known, Wine has that of Linux (1024). */
#define BUFS_MAX 256u

struct tcp_transport {
    struct gl_transport base;
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    bool read_ended; /* EOF or an error was reported */
    bool writing, shut;
    uv_buf_t *rest; /* of what is written */
    unsigned rest_at, rest_n, rest_room;
    unsigned in_hand; /* of these libuv is writing so many */
};

static struct tcp_transport *of(struct gl_transport *t)
{
    return (struct tcp_transport *)t;
}

/* What libuv makes of ERROR_BROKEN_PIPE is an EOF also where it is about writing. */
static int write_error(int r)
{
    return r == UV_EOF ? UV_EPIPE : r;
}

/* ------------------------------------------------------------------ read */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct tcp_transport *c = handle->data;
    (void)suggested;
    c->base.events->on_buffer(c->base.ctx, ret_buf);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct tcp_transport *c = stream->data;
    (void)buf;
    if (n < 0) {
        c->read_ended = true;
        uv_read_stop(stream);
        n = n == UV_EPIPE ? UV_EOF : n;
    }
    c->base.events->on_read(c->base.ctx, n);
}

static int tcp_read_start(struct gl_transport *t)
{
    struct tcp_transport *c = of(t);
    if (c->read_ended)
        return 0;
    int r = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    return r == UV_EALREADY ? 0 : r;
}

static void tcp_read_stop(struct gl_transport *t)
{
    uv_read_stop((uv_stream_t *)&of(t)->tcp);
}

/* ------------------------------------------------------------------ write */

/* Moves over so many bytes of the rest; false if there is more. Empty pieces count as written. */
static bool skip_written(struct tcp_transport *c, size_t n)
{
    while (c->rest_at < c->rest_n && n >= c->rest[c->rest_at].len)
        n -= c->rest[c->rest_at++].len;
    if (c->rest_at == c->rest_n)
        return true;
    c->rest[c->rest_at].base += n;
    c->rest[c->rest_at].len -= (ULONG)n;
    return false;
}

static unsigned next_count(const struct tcp_transport *c)
{
    unsigned n = c->rest_n - c->rest_at;
    return n < BUFS_MAX ? n : BUFS_MAX;
}

static void on_written(uv_write_t *write, int status);

/* Writes on. 1: all is written; 0: pending; or negative. */
static int write_on(struct tcp_transport *c)
{
    uv_stream_t *stream = (uv_stream_t *)&c->tcp;
    int sent = 0;
    while (!skip_written(c, (size_t)sent)) {
        sent = uv_try_write(stream, c->rest + c->rest_at, next_count(c));
        if (sent > 0)
            continue;
        if (sent < 0 && sent != UV_EAGAIN)
            return write_error(sent);
        c->in_hand = next_count(c);
        return write_error(
            uv_write(&c->write, stream, c->rest + c->rest_at, c->in_hand, on_written));
    }
    return 1;
}

static void on_written(uv_write_t *write, int status)
{
    struct tcp_transport *c = GL_CONTAINER_OF(write, struct tcp_transport, write);
    int r = write_error(status);
    if (c->base.closing)
        return;
    c->rest_at += c->in_hand;
    if (r == 0 && c->rest_at < c->rest_n)
        r = write_on(c);
    else if (r == 0)
        r = 1;
    if (r == 0)
        return;
    c->writing = false;
    c->base.events->on_written(c->base.ctx, r < 0 ? r : 0);
}

static int tcp_write(struct gl_transport *t, const uv_buf_t *bufs, unsigned n)
{
    struct tcp_transport *c = of(t);
    if (c->writing)
        return UV_EBUSY;
    if (n > c->rest_room) {
        c->rest = gl_realloc_array(c->rest, n, sizeof(*c->rest));
        c->rest_room = n;
    }
    if (n)
        memcpy(c->rest, bufs, n * sizeof(*bufs));
    c->rest_at = 0;
    c->rest_n = n;
    int r = write_on(c);
    c->writing = r == 0;
    return r;
}

static void on_shut(uv_shutdown_t *shutdown, int status)
{
    (void)shutdown;
    (void)status;
}

/* libuv does it after what it is writing, which is all of a write unless that has many pieces. */
static int tcp_shutdown(struct gl_transport *t)
{
    struct tcp_transport *c = of(t);
    if (c->shut)
        return 0;
    int r = uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shut);
    c->shut = r == 0;
    return r;
}

/* ------------------------------------------------------------------ open, close */

static void on_closed(uv_handle_t *handle)
{
    struct tcp_transport *c = handle->data;
    if (c->base.events)
        c->base.events->on_close(c->base.ctx);
    gl_free(c->rest);
    gl_free(c);
}

static void tcp_close(struct gl_transport *t)
{
    uv_close((uv_handle_t *)&of(t)->tcp, on_closed);
}

static const struct gl_transport_ops tcp_ops = {
    .name = "libuv",
    .read_start = tcp_read_start,
    .read_stop = tcp_read_stop,
    .write = tcp_write,
    .close = tcp_close,
    .shutdown = tcp_shutdown,
};

int gl_tcp_transport_open(uv_loop_t *loop, SOCKET s, const struct gl_peer *peer,
                          uint32_t payload_max, struct gl_transport **ret_transport)
{
    struct tcp_transport *c = GL_NEW0(struct tcp_transport);
    c->base.ops = &tcp_ops;
    c->base.loop = loop;
    c->base.peer = *peer;
    c->base.payload_max = payload_max;
    int r = uv_tcp_init(loop, &c->tcp);
    if (r) {
        closesocket(s);
        gl_free(c);
        return r;
    }
    c->tcp.data = c;
    r = uv_tcp_open(&c->tcp, (uv_os_sock_t)s);
    if (r) {
        closesocket(s);
        uv_close((uv_handle_t *)&c->tcp, on_closed);
        return r;
    }
    *ret_transport = &c->base;
    return 0;
}
