/* SPDX-License-Identifier: MIT */
/*
 * Named pipes of Windows. Elsewhere there are none: gl_transport_error_text() says so.
 *
 * On Windows this is to be (chapter 6 of the design): instances made by us (CreateNamedPipeW with
 * FIRST_PIPE_INSTANCE, REJECT_REMOTE_CLIENTS and a DACL), then uv_open_osfhandle and uv_pipe_open;
 * the client asks for SECURITY_IDENTIFICATION and checks who owns the pipe.
 */
#include "transport-impl.h"

int gl_pipe_connect(uv_loop_t *loop, const struct gl_address *address,
                    const struct gl_connect_options *options, gl_connect_cb cb, void *ctx,
                    struct gl_connect **ret_connect)
{
    (void)loop, (void)address, (void)options, (void)cb, (void)ctx, (void)ret_connect;
    return UV_ENOTSUP;
}

int gl_pipe_listen(uv_loop_t *loop, const struct gl_address *address,
                   const struct gl_listen_options *options, gl_accept_cb cb, void *ctx,
                   struct gl_listener **ret_listener)
{
    (void)loop, (void)address, (void)options, (void)cb, (void)ctx, (void)ret_listener;
    return UV_ENOTSUP;
}

int gl_pipe_usable(const struct gl_address *address)
{
    (void)address;
    return UV_ENOTSUP;
}
