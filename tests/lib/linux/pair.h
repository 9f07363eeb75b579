/* SPDX-License-Identifier: MIT */
/* Two connected transports of the system's own; the twin in windows/ has none. */
#ifndef GL_PAIR_H
#define GL_PAIR_H

#include <sys/socket.h>

#include "transport-fd.h"

#define GL_PAIR_OF_SYSTEM 1

/* `deaf`: the second end takes no data. */
static inline void gl_pair_of_system(uv_loop_t *loop, bool deaf, struct gl_transport *ret_ends[2])
{
    int fds[2];
    struct gl_peer peer = {.address = {.kind = GL_ADDRESS_UNIX, .path = "pair"}};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0 ||
        (deaf && shutdown(fds[1], SHUT_RD) != 0))
        abort();
    for (int i = 0; i < 2; i++)
        if (gl_fd_transport_open(loop, fds[i], &peer, 0, &ret_ends[i]) != 0)
            abort();
}

#endif
