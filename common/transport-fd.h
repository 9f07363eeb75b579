/* SPDX-License-Identifier: MIT */
/*
 * What the transports over a socket descriptor share (unix and vsock on Linux).
 *
 * They read and write by themselves when uv_poll says that they can, instead of being a uv_pipe_t,
 * because
 * - libuv before 1.52 makes an EOF of a POLLHUP that comes with a short read, and the tail of the
 * stream is lost;
 * - a write is tried at once and needs no request when it succeeds, which is nearly always;
 * - uv_write sends without MSG_NOSIGNAL, uv_accept without regard to a peer's address;
 * - the block that a read goes into is known when the data is there, not a loop's turn before.
 *
 * SO_SNDBUF of a Unix socket stays at the system's default: half of it, twice and four times as
 * much were measured (tests/bench/bench_link.c), and gave the same rate or less, since what is on
 * its way then falls out of the processor's cache.
 */
#ifndef GL_TRANSPORT_FD_H
#define GL_TRANSPORT_FD_H

#include <sys/socket.h>

#include "transport-impl.h"

/*
 * Makes a transport of a connected stream socket. Takes fd in any case. Negative: what uv_poll_init
 * said. Also what a test uses for the ends of a socketpair.
 */
int gl_fd_transport_open(uv_loop_t *loop, int fd, const struct gl_peer *peer, uint32_t payload_max,
                         struct gl_transport **ret_transport);

/* What differs between the families. */
struct gl_fd_family {
    /*
     * Fills in who is at the other end of a connected fd and returns the payload_max to use. `from`
     * is the address that accept gave, or NULL if we dialled `address`.
     */
    uint32_t (*describe)(int fd, const struct gl_address *address,
                         const struct sockaddr_storage *from, struct gl_peer *ret_peer);
};

/* Takes fd, a bound or new non-blocking socket, in any case. */
int gl_fd_connect(uv_loop_t *loop, int fd, const struct sockaddr *to, socklen_t to_len,
                  const struct gl_address *address, const struct gl_fd_family *family,
                  const struct gl_connect_options *options, gl_connect_cb cb, void *ctx,
                  struct gl_connect **ret_connect);

/*
 * Takes fd, a listening socket, in any case. `unlink_path` says that address->path is a socket file
 * of ours: it is removed when the listener is closed, if it is still the file that is there now.
 */
int gl_fd_listen(uv_loop_t *loop, int fd, const struct gl_address *address, bool unlink_path,
                 const struct gl_fd_family *family, gl_accept_cb cb, void *ctx,
                 struct gl_listener **ret_listener);

extern const struct gl_fd_family gl_local_family, gl_vsock_family;
/* The address of the listening socket itself, as the kernel says. False: of another family. */
bool gl_local_listening_at(const struct sockaddr_storage *at, struct gl_address *ret_address);
bool gl_vsock_listening_at(const struct sockaddr_storage *at, struct gl_address *ret_address);

#endif
