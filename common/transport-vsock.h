/* SPDX-License-Identifier: MIT */
/* The parts of transport-vsock.c that can be tested without AF_VSOCK. Linux only. */
#ifndef GL_TRANSPORT_VSOCK_H
#define GL_TRANSPORT_VSOCK_H

#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include "transport.h"

/* Source ports that prove CAP_NET_BIND_SERVICE; below 512 are ports that others may want. */
#define GL_VSOCK_SOURCE_FIRST 512u
#define GL_VSOCK_SOURCE_LAST  1006u
#define GL_VSOCK_BUFFER       (1024u * 1024) /* bytes, in each direction */

struct sockaddr_vm gl_vsock_sockaddr(uint32_t cid, uint32_t port);
/* Who is at the other end, from its sockaddr. */
void gl_vsock_peer(const struct sockaddr_vm *from, struct gl_peer *ret_peer);

/* The system calls that are made, for tests to stand in. */
struct gl_vsock_system {
    int (*bind)(int fd, const struct sockaddr *at, socklen_t len);
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t len);
};
/*
 * Binds fd to a source port in the range, chosen at random, and the next one while they are in use.
 * UV_EADDRINUSE: all are. UV_EACCES: not permitted.
 */
int gl_vsock_bind_source(const struct gl_vsock_system *system, int fd);
/* Asks for buffers of GL_VSOCK_BUFFER; best effort. */
void gl_vsock_set_buffers(const struct gl_vsock_system *system, int fd);

#endif
