/* SPDX-License-Identifier: MIT */
#include "transport-impl.h"

const struct gl_transport_kind *gl_transport_kind(enum gl_address_kind kind)
{
    switch (kind) {
    case GL_ADDRESS_HVSOCK:
        return &gl_hvsock_kind;
    case GL_ADDRESS_PIPE:
        return &gl_pipe_kind;
    case GL_ADDRESS_UNIX:
    case GL_ADDRESS_VSOCK:
        break;
    }
    return NULL;
}

int gl_fd_listen_inherited(uv_loop_t *loop, int fd, gl_accept_cb cb, void *ctx,
                           struct gl_listener **ret_listener)
{
    (void)loop, (void)fd, (void)cb, (void)ctx, (void)ret_listener;
    return UV_ENOTSUP;
}
