/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mem.h"
#include "transport-fd.h"

/* A full read is followed by another without asking the loop, this often: others want their turn.
 */
#define READS_PER_EVENT 4

struct fd_transport {
    struct gl_transport base;
    uv_poll_t poll;
    int fd;
    int mask;        /* what the poll is started for */
    bool in_event;   /* the mask is set once, at the event's end */
    bool reading;    /* as asked for */
    bool read_ended; /* EOF or an error was reported */
    bool writing;    /* a write is pending; the rest of it: */
    bool shutdown;   /* wanted when it is done */
    uv_buf_t *rest;
    unsigned rest_at, rest_n, rest_room;
};

static struct fd_transport *of(struct gl_transport *t)
{
    return (struct fd_transport *)t;
}

/* errno as a negative UV_E*: the same numbers on Unix. */
static int last_error(void)
{
    return uv_translate_sys_error(errno);
}

static void on_event(uv_poll_t *poll, int status, int events);

static void update_mask(struct fd_transport *f)
{
    int wanted = (f->reading && !f->read_ended ? UV_READABLE : 0) | (f->writing ? UV_WRITABLE : 0);
    if (f->in_event || f->base.closing || wanted == f->mask)
        return;
    f->mask = wanted;
    if (wanted)
        uv_poll_start(&f->poll, wanted, on_event);
    else
        uv_poll_stop(&f->poll);
}

/* ------------------------------------------------------------------ read */

/* One read. False: no more for now. */
static bool read_once(struct fd_transport *f)
{
    struct gl_transport *t = &f->base;
    uv_buf_t room = {NULL, 0};
    ssize_t n;
    t->events->on_buffer(t->ctx, &room);
    do
        n = recv(f->fd, room.base, room.len, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        /* A short read means that the socket was empty: the next would only say so. */
        bool full = (size_t)n == room.len;
        t->events->on_read(t->ctx, n);
        return full;
    }
    if (n < 0 && errno == EAGAIN) {
        t->events->on_read(t->ctx, 0);
        return false;
    }
    f->read_ended = true;
    t->events->on_read(t->ctx, n ? last_error() : UV_EOF);
    return false;
}

static void read_some(struct fd_transport *f)
{
    for (int i = 0; i < READS_PER_EVENT; i++)
        if (!f->reading || f->read_ended || f->base.closing || !read_once(f))
            return;
}

static int fd_read_start(struct gl_transport *t)
{
    of(t)->reading = true;
    update_mask(of(t));
    return 0;
}

static void fd_read_stop(struct gl_transport *t)
{
    of(t)->reading = false;
    update_mask(of(t));
}

/* ------------------------------------------------------------------ write */

/* Sends what the socket takes. Returns bytes, 0 if it takes nothing, or negative. */
static ssize_t send_some(int fd, const uv_buf_t *bufs, unsigned n)
{
    /* uv_buf_t is laid out like struct iovec on Unix; uv_buf_init in libuv's documentation. */
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)bufs,
                         .msg_iovlen = n < IOV_MAX ? n : IOV_MAX};
    ssize_t sent;
    do
        sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN ? 0 : last_error();
    return sent;
}

/* Moves over `sent` bytes of bufs[*at, n); false if they end within. Empty buffers count as sent.
 */
static bool skip_sent(uv_buf_t *bufs, unsigned n, unsigned *at, size_t sent)
{
    while (*at < n && sent >= bufs[*at].len)
        sent -= bufs[(*at)++].len;
    if (*at == n)
        return true;
    bufs[*at].base += sent;
    bufs[*at].len -= sent;
    return false;
}

static void shutdown_now(struct fd_transport *f)
{
    f->shutdown = false;
    shutdown(f->fd, SHUT_WR);
}

static void write_rest(struct fd_transport *f)
{
    ssize_t sent = send_some(f->fd, f->rest + f->rest_at, f->rest_n - f->rest_at);
    if (sent >= 0 && !skip_sent(f->rest, f->rest_n, &f->rest_at, (size_t)sent))
        return;
    f->writing = false;
    if (f->shutdown)
        shutdown_now(f);
    f->base.events->on_written(f->base.ctx, sent < 0 ? (int)sent : 0);
}

static int fd_write(struct gl_transport *t, const uv_buf_t *bufs, unsigned n)
{
    struct fd_transport *f = of(t);
    if (f->writing)
        return UV_EBUSY;
    ssize_t sent = send_some(f->fd, bufs, n);
    if (sent < 0)
        return (int)sent;
    unsigned at = 0;
    size_t left = (size_t)sent;
    while (at < n && left >= bufs[at].len)
        left -= bufs[at++].len;
    if (at == n)
        return 1;

    f->rest_at = 0;
    f->rest_n = n - at;
    if (f->rest_n > f->rest_room) {
        f->rest = gl_realloc_array(f->rest, f->rest_n, sizeof(*f->rest));
        f->rest_room = f->rest_n;
    }
    memcpy(f->rest, bufs + at, f->rest_n * sizeof(*bufs));
    f->rest[0].base += left;
    f->rest[0].len -= left;
    f->writing = true;
    update_mask(f);
    return 0;
}

static int fd_shutdown(struct gl_transport *t)
{
    if (of(t)->writing)
        of(t)->shutdown = true;
    else
        shutdown_now(of(t));
    return 0;
}

/* ------------------------------------------------------------------ events, open, close */

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct fd_transport *f = poll->data;
    if (status < 0) {
        /*
         * POLLERR: libuv has stopped the poll and says UV_EBADF. There may be data before the
         * error, and recv or sendmsg tell what it is.
         */
        events = UV_READABLE | UV_WRITABLE;
        f->mask = 0;
    }
    f->in_event = true;
    if (events & UV_WRITABLE && f->writing)
        write_rest(f);
    if (events & UV_READABLE)
        read_some(f);
    f->in_event = false;
    update_mask(f);
}

static void on_closed(uv_handle_t *handle)
{
    struct fd_transport *f = handle->data;
    if (f->base.events)
        f->base.events->on_close(f->base.ctx);
    gl_free(f->rest);
    gl_free(f);
}

static void fd_close(struct gl_transport *t)
{
    /* The descriptor at once: what comes next (a new connection) may rely on the peer being told.
     */
    uv_close((uv_handle_t *)&of(t)->poll, on_closed);
    close(of(t)->fd);
    of(t)->fd = -1;
}

static const struct gl_transport_ops fd_ops = {
    .name = "fd",
    .read_start = fd_read_start,
    .read_stop = fd_read_stop,
    .write = fd_write,
    .close = fd_close,
    .shutdown = fd_shutdown,
};

int gl_fd_transport_open(uv_loop_t *loop, int fd, const struct gl_peer *peer, uint32_t payload_max,
                         struct gl_transport **ret_transport)
{
    struct fd_transport *f = GL_NEW0(struct fd_transport);
    int r = uv_poll_init(loop, &f->poll, fd); /* makes it non-blocking */
    if (r) {
        close(fd);
        gl_free(f);
        return r;
    }
    f->base.ops = &fd_ops;
    f->base.loop = loop;
    f->base.peer = *peer;
    f->base.payload_max = payload_max;
    f->poll.data = f;
    f->fd = fd;
    *ret_transport = &f->base;
    return 0;
}
