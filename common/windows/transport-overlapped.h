/* SPDX-License-Identifier: MIT */
/*
 * A transport over our own overlapped operations (completion.h), for what is not safe or not proven
 * with libuv: pipes that we made, and sockets of AF_HYPERV.
 *
 * A read that is pending holds its memory until it has ended, whatever happens to its reader, who
 * may change meanwhile (gl_transport_bind). So reads go into a block of the transport's own, and
 * from there into the rooms that on_buffer gives. It is small while there is little to read, since
 * a connection at rest has one pending.
 */
#ifndef GL_WINDOWS_TRANSPORT_OVERLAPPED_H
#define GL_WINDOWS_TRANSPORT_OVERLAPPED_H

#include "completion.h"
#include "transport.h"

/* A connected pipe or socket: attached to `completion`, and nothing pending on it. */
struct gl_overlapped_end {
    struct gl_completion *completion;
    HANDLE handle; /* a pipe's, or NULL for: */
    SOCKET socket;
    bool skips; /* as gl_completion_attach() said */
};

/*
 * Takes the end, and the caller's hold on the completion. `early` are bytes that were read from it
 * already: they are the first that on_read gives.
 */
struct gl_transport *gl_overlapped_transport_new(uv_loop_t *loop,
                                                 const struct gl_overlapped_end *end,
                                                 const struct gl_peer *peer, uint32_t payload_max,
                                                 const void *early, size_t early_len);

#endif
