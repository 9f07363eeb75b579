/* SPDX-License-Identifier: MIT */
/*
 * Between transport.c and the implementations, one transport-*.c for each kind of address, built
 * where there is such a kind. Which there are is in linux/transport-kinds.c and its twin.
 */
#ifndef GL_TRANSPORT_IMPL_H
#define GL_TRANSPORT_IMPL_H

#include "transport.h"

#define GL_CONNECT_TIMEOUT_MS 5000u
#define GL_BACKLOG            128

/* First member of every implementation's dial in progress. */
struct gl_connect {
    void (*cancel)(struct gl_connect *connect);
    gl_connect_cb cb;
    void *ctx;
};

/* First member of every implementation's listener. */
struct gl_listener {
    void (*close)(struct gl_listener *listener);
    struct gl_address address;
    gl_accept_cb cb;
    void *ctx;
    bool closing;
    void (*closed_cb)(void *ctx);
    void *closed_ctx;
};

/* In `options` nothing is left at its 0 for 'the default'. */
typedef int gl_transport_connect_fn(uv_loop_t *loop, const struct gl_address *address,
                                    const struct gl_connect_options *options, gl_connect_cb cb,
                                    void *ctx, struct gl_connect **ret_connect);
typedef int gl_transport_listen_fn(uv_loop_t *loop, const struct gl_address *address,
                                   const struct gl_listen_options *options, gl_accept_cb cb,
                                   void *ctx, struct gl_listener **ret_listener);
typedef int gl_transport_usable_fn(const struct gl_address *address);

struct gl_transport_kind {
    gl_transport_connect_fn *connect;
    gl_transport_listen_fn *listen;
    gl_transport_usable_fn *usable;
};
/* Of this system. NULL: it has no such kind. */
const struct gl_transport_kind *gl_transport_kind(enum gl_address_kind kind);

extern const struct gl_transport_kind gl_local_kind, gl_vsock_kind; /* Linux */
extern const struct gl_transport_kind gl_hvsock_kind, gl_pipe_kind; /* Windows */

/*
 * Takes fd in any case. UV_EINVAL: not listening. UV_ENOTSUP: of no family that is known, or this
 * system hands over no sockets.
 */
int gl_fd_listen_inherited(uv_loop_t *loop, int fd, gl_accept_cb cb, void *ctx,
                           struct gl_listener **ret_listener);

#endif
