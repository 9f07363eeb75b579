/* SPDX-License-Identifier: MIT */
/* A listening socket: accept, with rest when descriptors run out; the removal of its file. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "transport-fd.h"

#define ACCEPTS_PER_EVENT 16
/* A connection that cannot be accepted keeps the socket readable: without a rest the loop would
 * spin. */
#define REST_MS 100

struct fd_listener {
    struct gl_listener base;
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t rest;
    unsigned handles;
    int fd;
    const struct gl_fd_family *family;
    bool unlink_path;
    dev_t device;
    ino_t inode;
};

static void on_event(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *timer)
{
    struct fd_listener *l = timer->data;
    uv_poll_start(&l->poll, UV_READABLE, on_event);
}

static void rest(struct fd_listener *l, int error)
{
    char text[64];
    gl_address_format(&l->base.address, text, sizeof(text));
    gl_warn("cannot accept a connection on %s: %s", text, uv_strerror(error));
    uv_poll_stop(&l->poll);
    uv_timer_start(&l->rest, on_rested, REST_MS, 0);
}

/* False: nothing more for now. */
static bool accept_one(struct fd_listener *l)
{
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof(from);
    int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            rest(l, uv_translate_sys_error(errno));
        return errno == EINTR || errno == ECONNABORTED;
    }
    struct gl_peer peer = {0};
    struct gl_transport *t;
    uint32_t payload_max = l->family->describe(fd, &l->base.address, &from, &peer);
    if (gl_fd_transport_open(l->loop, fd, &peer, payload_max, &t) == 0)
        l->base.cb(l->base.ctx, &l->base, t);
    return true;
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct fd_listener *l = poll->data;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++)
        if (l->base.closing || !accept_one(l))
            break;
    /* libuv stops a poll that reports an error, which a listening socket hardly ever has. */
    if (status < 0 && !l->base.closing)
        rest(l, status);
}

static void on_closed(uv_handle_t *handle)
{
    struct fd_listener *l = handle->data;
    if (--l->handles)
        return;
    if (l->base.closed_cb)
        l->base.closed_cb(l->base.closed_ctx);
    gl_free(l);
}

static void unlink_if_ours(struct fd_listener *l)
{
    struct stat st;
    if (l->unlink_path && lstat(l->base.address.path, &st) == 0 && st.st_dev == l->device &&
        st.st_ino == l->inode)
        unlink(l->base.address.path);
}

static void fd_listener_close(struct gl_listener *listener)
{
    struct fd_listener *l = (struct fd_listener *)listener;
    unlink_if_ours(l);
    uv_close((uv_handle_t *)&l->poll, on_closed);
    uv_close((uv_handle_t *)&l->rest, on_closed);
    close(l->fd);
}

int gl_fd_listen(uv_loop_t *loop, int fd, const struct gl_address *address, bool unlink_path,
                 const struct gl_fd_family *family, gl_accept_cb cb, void *ctx,
                 struct gl_listener **ret_listener)
{
    struct fd_listener *l = GL_NEW0(struct fd_listener);
    struct stat st;
    int r = uv_poll_init(loop, &l->poll, fd);
    if (r) {
        close(fd);
        gl_free(l);
        return r;
    }
    uv_timer_init(loop, &l->rest);
    l->poll.data = l->rest.data = l;
    l->handles = 2;
    l->base =
        (struct gl_listener){.close = fd_listener_close, .address = *address, .cb = cb, .ctx = ctx};
    l->loop = loop;
    l->fd = fd;
    l->family = family;
    if (unlink_path && lstat(address->path, &st) == 0) {
        l->unlink_path = true;
        l->device = st.st_dev;
        l->inode = st.st_ino;
    }
    uv_poll_start(&l->poll, UV_READABLE, on_event);
    *ret_listener = &l->base;
    return 0;
}

int gl_fd_listen_inherited(uv_loop_t *loop, int fd, gl_accept_cb cb, void *ctx,
                           struct gl_listener **ret_listener)
{
    struct sockaddr_storage at = {0};
    socklen_t at_len = sizeof(at);
    int listening = 0;
    socklen_t len = sizeof(listening);
    struct gl_address address = {0};
    const struct gl_fd_family *family = NULL;
    int r = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &at_len) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        r = uv_translate_sys_error(errno);
    else if (!listening)
        r = UV_EINVAL;
    else if (gl_local_listening_at(&at, &address))
        family = &gl_local_family;
    else if (gl_vsock_listening_at(&at, &address))
        family = &gl_vsock_family;
    else
        r = UV_ENOTSUP;
    if (r) {
        close(fd);
        return r;
    }
    return gl_fd_listen(loop, fd, &address, false, family, cb, ctx, ret_listener);
}
