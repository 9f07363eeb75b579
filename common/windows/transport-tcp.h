/* SPDX-License-Identifier: MIT */
/*
 * A transport through libuv, over a connected stream socket of any family: libuv waits with reads
 * of no bytes, which is not proven on AF_HYPERV. The other way is transport-overlapped.h.
 * Where the end of a stream is an error, as there, libuv takes it for the end of both directions.
 */
#ifndef GL_WINDOWS_TRANSPORT_TCP_H
#define GL_WINDOWS_TRANSPORT_TCP_H

#include <winsock2.h>

#include "transport.h"

/* Takes the socket in any case. It must be overlapped, on no completion port, and have its context
 * set (SO_UPDATE_ACCEPT_CONTEXT, SO_UPDATE_CONNECT_CONTEXT). Negative: what uv_tcp_open() said. */
int gl_tcp_transport_open(uv_loop_t *loop, SOCKET s, const struct gl_peer *peer,
                          uint32_t payload_max, struct gl_transport **ret_transport);

#endif
