/* SPDX-License-Identifier: MIT */
/*
 * AF_HYPERV. Linux has no such family: there vsock: leads to the same place.
 *
 * On Windows this is to be (chapter 6 of the design):
 * - listen: bind to ZERO/WILDCARD, CHILDREN, LOOPBACK or a VmId; sockets made by us for AcceptEx,
 * whose event wakes the loop through RegisterWaitForSingleObject and uv_async;
 * SO_UPDATE_ACCEPT_CONTEXT. The listener is never on libuv's completion port.
 * - connect: bind first, ConnectEx, SO_UPDATE_CONNECT_CONTEXT; again on WSAECONNREFUSED,
 * WSAENETUNREACH, WSAETIMEDOUT until the time is over; HVSOCKET_CONNECT_TIMEOUT set to what is left
 * of it.
 * - read and write: an own overlapped backend behind gl_transport_ops, since it is not proven that
 * libuv's zero-byte reads work on this family. ERROR_BROKEN_PIPE on receive is EOF. closesocket,
 * never CloseHandle.
 * - payload_max 16 KiB.
 */
#include "transport-impl.h"

int gl_hvsock_connect(uv_loop_t *loop, const struct gl_address *address,
                      const struct gl_connect_options *options, gl_connect_cb cb, void *ctx,
                      struct gl_connect **ret_connect)
{
    (void)loop, (void)address, (void)options, (void)cb, (void)ctx, (void)ret_connect;
    return UV_ENOTSUP;
}

int gl_hvsock_listen(uv_loop_t *loop, const struct gl_address *address,
                     const struct gl_listen_options *options, gl_accept_cb cb, void *ctx,
                     struct gl_listener **ret_listener)
{
    (void)loop, (void)address, (void)options, (void)cb, (void)ctx, (void)ret_listener;
    return UV_ENOTSUP;
}

int gl_hvsock_usable(const struct gl_address *address)
{
    (void)address;
    return UV_ENOTSUP;
}
