/* SPDX-License-Identifier: MIT */
/* Between the two halves of the Hyper-V sockets. Windows only. */
#ifndef GL_TRANSPORT_HVSOCK_H
#define GL_TRANSPORT_HVSOCK_H

#include <winsock2.h>

#include "transport-impl.h"

gl_transport_listen_fn gl_hvsock_listen;

/* Makes a transport of a connected socket, which it takes in any case. */
int gl_hvsock_open(uv_loop_t *loop, SOCKET s, enum gl_hvsock_driver driver,
                   const struct gl_address *peer, struct gl_transport **ret_transport);

#endif
