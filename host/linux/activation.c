/* SPDX-License-Identifier: MIT */
/*
 * Socket activation, sd_listen_fds(3): descriptors from 3 on, their number in $LISTEN_FDS, for the
 * process $LISTEN_PID. That is all of the protocol that is needed here.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "platform.h"

#define FIRST_FD 3

static bool equals(const char *name, unsigned long wanted)
{
    const char *text = getenv(name);
    char *end;
    return text && *text >= '0' && *text <= '9' && strtoul(text, &end, 10) == wanted && !*end;
}

static bool option_is(int fd, int option, int wanted)
{
    int value;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == wanted;
}

static int judge(int fd, struct gl_why *why)
{
    if (!equals("LISTEN_FDS", 1))
        return gl_why(why, UV_EINVAL,
                      "the service manager hands over more than one socket; only the "
                      "control socket can be");
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return gl_why(why, UV_EBADF, "the service manager's socket is not there");
    if (!option_is(fd, SO_DOMAIN, AF_UNIX) || !option_is(fd, SO_TYPE, SOCK_STREAM) ||
        !option_is(fd, SO_ACCEPTCONN, 1))
        return gl_why(why, UV_EINVAL,
                      "what the service manager hands over is no listening Unix stream socket, "
                      "which the control socket is");
    return 0;
}

int gl_platform_take_socket(int *ret_fd, struct gl_why *why)
{
    bool ours = equals("LISTEN_PID", (unsigned long)getpid()) && getenv("LISTEN_FDS");
    int fd = ours && !equals("LISTEN_FDS", 0) ? FIRST_FD : -1;
    int err = fd < 0 ? 0 : judge(fd, why);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (err == 0)
        *ret_fd = fd;
    return err;
}
