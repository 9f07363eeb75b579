/* SPDX-License-Identifier: MIT */
/* A dial: connect, wait until it is decided, hand over a transport. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "transport-fd.h"

/* How long to wait when a Unix socket's backlog is full: connect says EAGAIN, and nothing can be
 * polled for. */
#define BACKLOG_RETRY_MS 10

struct fd_connect {
    struct gl_connect base;
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t limit; /* of the whole dial */
    uv_timer_t step;  /* the next attempt, or the result that must not be told at once */
    bool has_poll, ended;
    unsigned handles;
    int fd;
    int status; /* what the step timer tells, if it does not try again */
    struct sockaddr_storage to;
    socklen_t to_len;
    struct gl_address address;
    const struct gl_fd_family *family;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct fd_connect *c = handle->data;
    if (--c->handles == 0)
        gl_free(c);
}

static void close_handle(struct fd_connect *c, uv_handle_t *handle)
{
    handle->data = c;
    c->handles++;
    uv_close(handle, on_handle_closed);
}

/* The handles must leave the descriptor before another poll may have it. */
static void end(struct fd_connect *c)
{
    c->ended = true;
    if (c->has_poll)
        close_handle(c, (uv_handle_t *)&c->poll);
    close_handle(c, (uv_handle_t *)&c->limit);
    close_handle(c, (uv_handle_t *)&c->step);
}

static void finish(struct fd_connect *c, int status)
{
    struct gl_transport *t = NULL;
    end(c);
    if (status == 0) {
        struct gl_peer peer = {0};
        uint32_t payload_max = c->family->describe(c->fd, &c->address, NULL, &peer);
        status = gl_fd_transport_open(c->loop, c->fd, &peer, payload_max, &t);
    } else {
        close(c->fd);
    }
    c->base.cb(c->base.ctx, status, t);
}

static void on_decided(uv_poll_t *poll, int status, int events)
{
    struct fd_connect *c = poll->data;
    int error = 0;
    socklen_t len = sizeof(error);
    (void)status; /* POLLERR is UV_EBADF here; SO_ERROR knows better */
    (void)events;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    finish(c, uv_translate_sys_error(error));
}

static void on_step(uv_timer_t *timer);

static void later(struct fd_connect *c, int status, uint64_t ms)
{
    c->status = status;
    uv_timer_start(&c->step, on_step, ms, 0);
}

static void attempt(struct fd_connect *c)
{
    if (connect(c->fd, (struct sockaddr *)&c->to, c->to_len) == 0) {
        later(c, 0, 0);
    } else if (errno == EINPROGRESS || errno == EINTR) {
        int r = uv_poll_init(c->loop, &c->poll, c->fd);
        c->has_poll = r == 0;
        c->poll.data = c;
        if (r == 0)
            r = uv_poll_start(&c->poll, UV_WRITABLE, on_decided);
        if (r)
            later(c, r, 0);
    } else if (errno == EAGAIN) {
        later(c, UV_EAGAIN, BACKLOG_RETRY_MS);
    } else {
        later(c, uv_translate_sys_error(errno), 0);
    }
}

static void on_step(uv_timer_t *timer)
{
    struct fd_connect *c = timer->data;
    if (c->status == UV_EAGAIN)
        attempt(c);
    else
        finish(c, c->status);
}

static void on_limit(uv_timer_t *timer)
{
    finish(timer->data, UV_ETIMEDOUT);
}

static void fd_cancel(struct gl_connect *connect)
{
    struct fd_connect *c = (struct fd_connect *)connect;
    if (c->ended)
        return;
    end(c);
    close(c->fd);
}

int gl_fd_connect(uv_loop_t *loop, int fd, const struct sockaddr *to, socklen_t to_len,
                  const struct gl_address *address, const struct gl_fd_family *family,
                  const struct gl_connect_options *options, gl_connect_cb cb, void *ctx,
                  struct gl_connect **ret_connect)
{
    struct fd_connect *c = GL_NEW0(struct fd_connect);
    c->base = (struct gl_connect){fd_cancel, cb, ctx};
    c->loop = loop;
    c->fd = fd;
    memcpy(&c->to, to, to_len);
    c->to_len = to_len;
    c->address = *address;
    c->family = family;
    uv_timer_init(loop, &c->limit);
    uv_timer_init(loop, &c->step);
    c->limit.data = c->step.data = c;
    uv_timer_start(&c->limit, on_limit, options->timeout_ms, 0);
    attempt(c);
    if (ret_connect)
        *ret_connect = &c->base;
    return 0;
}
