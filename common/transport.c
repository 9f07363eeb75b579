/* SPDX-License-Identifier: MIT */
#include "transport.h"

#include <string.h>

#include "frame.h"
#include "mem.h"
#include "transport-impl.h"

void gl_transport_bind(struct gl_transport *t, const struct gl_transport_events *events, void *ctx)
{
    t->events = events;
    t->ctx = ctx;
}

int gl_transport_read_start(struct gl_transport *t)
{
    return t->closing ? UV_ECANCELED : t->ops->read_start(t);
}

void gl_transport_read_stop(struct gl_transport *t)
{
    if (!t->closing)
        t->ops->read_stop(t);
}

int gl_transport_write(struct gl_transport *t, const uv_buf_t *bufs, unsigned n)
{
    return t->closing ? UV_ECANCELED : t->ops->write(t, bufs, n);
}

int gl_transport_shutdown(struct gl_transport *t)
{
    return t->closing ? UV_ECANCELED : t->ops->shutdown(t);
}

void gl_transport_close(struct gl_transport *t)
{
    if (t->closing)
        return;
    t->closing = true;
    t->ops->close(t);
}

const struct gl_peer *gl_transport_peer(const struct gl_transport *t)
{
    return &t->peer;
}

uint32_t gl_transport_payload_max(const struct gl_transport *t)
{
    return t->payload_max ? t->payload_max : GL_PAYLOAD_MAX_CAP;
}

int gl_transport_usable(const struct gl_address *address)
{
    const struct gl_transport_kind *kind = gl_transport_kind(address->kind);
    return kind ? kind->usable(address) : UV_ENOTSUP;
}

int gl_transport_connect(uv_loop_t *loop, const struct gl_address *address,
                         const struct gl_connect_options *options, gl_connect_cb cb, void *ctx,
                         struct gl_connect **ret_connect)
{
    const struct gl_transport_kind *kind = gl_transport_kind(address->kind);
    struct gl_connect_options filled = {0};
    if (!kind)
        return UV_ENOTSUP;
    if (options)
        filled = *options;
    if (!filled.timeout_ms)
        filled.timeout_ms = GL_CONNECT_TIMEOUT_MS;
    return kind->connect(loop, address, &filled, cb, ctx, ret_connect);
}

void gl_connect_cancel(struct gl_connect *connect)
{
    connect->cancel(connect);
}

int gl_transport_listen(uv_loop_t *loop, const struct gl_address *address,
                        const struct gl_listen_options *options, gl_accept_cb cb, void *ctx,
                        struct gl_listener **ret_listener)
{
    const struct gl_transport_kind *kind = gl_transport_kind(address->kind);
    struct gl_listen_options filled = {.gid = -1};
    if (!kind)
        return UV_ENOTSUP;
    if (options)
        filled = *options;
    if (!filled.backlog)
        filled.backlog = GL_BACKLOG;
    if (!filled.mode)
        filled.mode = 0600;
    return kind->listen(loop, address, &filled, cb, ctx, ret_listener);
}

int gl_transport_listen_fd(uv_loop_t *loop, int fd, gl_accept_cb cb, void *ctx,
                           struct gl_listener **ret_listener)
{
    return gl_fd_listen_inherited(loop, fd, cb, ctx, ret_listener);
}

void gl_listener_close(struct gl_listener *listener, void (*cb)(void *ctx), void *ctx)
{
    if (listener->closing)
        return;
    listener->closing = true;
    listener->closed_cb = cb;
    listener->closed_ctx = ctx;
    listener->close(listener);
}

const struct gl_address *gl_listener_address(const struct gl_listener *listener)
{
    return &listener->address;
}

int gl_hvsock_driver_parse(const char *text, enum gl_hvsock_driver *ret_driver)
{
    bool libuv = strcmp(text, "libuv") == 0;
    if (!libuv && strcmp(text, "overlapped") != 0)
        return UV_EINVAL;
    *ret_driver = libuv ? GL_HVSOCK_LIBUV : GL_HVSOCK_OVERLAPPED;
    return 0;
}

/* ------------------------------------------------------------------ texts */

static const char *unsupported_text(enum gl_address_kind kind)
{
    switch (kind) {
    case GL_ADDRESS_VSOCK:
        return "vsock addresses exist on Linux only; use hvsock: here";
    case GL_ADDRESS_HVSOCK:
        return "hvsock addresses exist on Windows only; use vsock: here";
    case GL_ADDRESS_UNIX:
        return "Unix sockets are not supported on this system; use pipe:NAME here";
    case GL_ADDRESS_PIPE:
        break;
    }
    return "named pipes exist on Windows only; use unix: here";
}

static const char *vsock_text(int status)
{
    switch (status) {
    case UV_EAFNOSUPPORT:
        return "this kernel has no vsock (module vsock is not loaded)";
    case UV_ENODEV:
    case UV_ENXIO:
        return "there is no vsock device, or no machine with this CID";
    case UV_ECONNREFUSED:
    case UV_ECONNRESET:
    case UV_ETIMEDOUT: /* what hv_sock says of a port that nobody listens on */
        return "nobody listens there";
    case UV_EACCES:
        return "ports below 1024 need root or CAP_NET_BIND_SERVICE";
    case UV_EADDRNOTAVAIL:
        return "this machine does not have this CID; use any";
    default:
        return NULL;
    }
}

static const char *path_text(int status)
{
    switch (status) {
    case UV_ENOENT:
        return "no such socket or folder";
    case UV_ECONNREFUSED:
        return "nobody listens there any more";
    case UV_ENAMETOOLONG:
        return "the path is too long for a socket (107 bytes)";
    case UV_ENOTSOCK:
        return "a file that is not a socket is there";
    default:
        return NULL;
    }
}

static const char *hvsock_text(int status)
{
    switch (status) {
    case UV_EAFNOSUPPORT:
        return "this Windows has no Hyper-V sockets (no Hyper-V, and not in a guest of it)";
    case UV_ECONNREFUSED:
        return "nobody listens there";
    case UV_ENETUNREACH:
    case UV_EHOSTUNREACH:
        return "there is no running machine with this VmId";
    case UV_ETIMEDOUT:
        return "nobody answers there";
    case UV_EACCES:
        return "this user may not; on a host it takes an administrator or Hyper-V administrator, "
               "and "
               "the service must be registered (guestlink service register)";
    case UV_EADDRNOTAVAIL:
        return "this system has no such VmId, or the service is not registered (guestlink service "
               "register)";
    default:
        return NULL;
    }
}

static const char *pipe_text(int status)
{
    switch (status) {
    case UV_ENOENT:
        return "nobody listens there";
    case UV_EPIPE: /* the listener went away while we connected */
        return "nobody listens there any more";
    case UV_EACCES:
        return "this user may not open that pipe: it is for administrators and those whom it names";
    case UV_EPERM:
        return "the pipe there belongs to another user, and neither to the system nor to its "
               "administrators: it is not trusted";
    case UV_ETIMEDOUT:
        return "the pipe stayed busy";
    case UV_ENAMETOOLONG:
        return "the name is too long for a pipe (247 characters)";
    case UV_EINVAL:
        return "this cannot be a pipe's name";
    case UV_EADDRINUSE:
        return "another process has a pipe of this name";
    default:
        return NULL;
    }
}

const char *gl_transport_error_text(const struct gl_address *address, int status)
{
    const char *text = NULL;
    if (status == UV_ENOTSUP)
        return unsupported_text(address->kind);
    if (address->kind == GL_ADDRESS_VSOCK)
        text = vsock_text(status);
    else if (address->kind == GL_ADDRESS_UNIX)
        text = path_text(status);
    else if (address->kind == GL_ADDRESS_HVSOCK)
        text = hvsock_text(status);
    else if (address->kind == GL_ADDRESS_PIPE)
        text = pipe_text(status);
    if (!text && status == UV_EADDRINUSE)
        text = "another process listens there";
    return text ? text : uv_strerror(status);
}
