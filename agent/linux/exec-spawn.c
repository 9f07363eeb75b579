/* SPDX-License-Identifier: MIT */
#include "exec-spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "exec-protocol.h"
#include "exec-spare.h"
#include "mem.h"
#include "reaper.h"
#include "startup.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int no_block(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------ the request */

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 1;
}

static char *put(char *at, const char *text)
{
    size_t size = size_of(text);
    memcpy(at, text ? text : "", size);
    return at + size;
}

static uint32_t count_of(const char *const *list, size_t *size)
{
    uint32_t count = 0;
    for (; list && list[count]; count++)
        *size += size_of(list[count]);
    return count;
}

static struct gl_exec_request *make_request(const struct gl_exec_spec *spec)
{
    size_t size = sizeof(struct gl_exec_request) + size_of(spec->user) + size_of(spec->directory) +
                  size_of(spec->term);
    uint32_t argc = count_of(spec->argv, &size), envc = count_of(spec->env, &size);
    struct gl_exec_request *request = gl_alloc0(size);
    *request = (struct gl_exec_request){
        .size = size,
        .argc = argc,
        .envc = envc,
        .login_shell = spec->login_shell,
        .terminal = spec->terminal,
        .no_input = spec->terminal && !spec->stdin_open,
        .kill_after_ms = spec->kill_after_ms && spec->kill_after_ms < INT32_MAX
                             ? (uint32_t)spec->kill_after_ms
                             : GL_EXEC_KILL_AFTER_MS,
        .open_files = gl_startup_saved_open_files(),
    };
    char *at = put((char *)(request + 1), spec->user);
    at = put(at, spec->directory);
    at = put(at, spec->term);
    for (uint32_t i = 0; i < argc; i++)
        at = put(at, spec->argv[i]);
    for (uint32_t i = 0; i < envc; i++)
        at = put(at, spec->env[i]);
    return request;
}

/* The request in a file that has no name: no matter how long it is, nobody waits for it to be read.
 */
static int make_memory(const struct gl_exec_spec *spec, int *ret_fd)
{
    int fd = memfd_create("exec", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct gl_exec_request *request = make_request(spec);
    const char *at = (const char *)request;
    size_t left = request->size;
    int err = 0;
    while (left > 0 && !err) {
        ssize_t n = write(fd, at, left);
        if (n < 0 && errno != EINTR)
            err = -errno;
        else if (n > 0)
            at += n, left -= (size_t)n;
    }
    gl_secure_free(request, request->size);
    if (err)
        close(fd);
    else
        *ret_fd = fd;
    return err;
}

/* ------------------------------------------------------------------ the program's descriptors */

/* Ours in spawned, the program's in theirs[3]. On failure some may be open; the caller closes. */
static int make_terminal(const struct gl_exec_spec *spec, struct gl_exec_spawned *spawned,
                         int theirs[3])
{
    char name[64];
    struct winsize size = {.ws_col = (unsigned short)(spec->columns ? spec->columns : 80),
                           .ws_row = (unsigned short)(spec->rows ? spec->rows : 24)};
    spawned->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (spawned->out < 0 || grantpt(spawned->out) != 0 || unlockpt(spawned->out) != 0)
        return -errno;
    int err = ptsname_r(spawned->out, name, sizeof(name));
    if (err)
        return -err;
    theirs[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (theirs[0] < 0)
        return -errno;
    struct termios mode;
    if (tcgetattr(theirs[0], &mode) == 0) {
        mode.c_iflag |= IUTF8; /* else erasing a character erases one of its bytes */
        (void)tcsetattr(theirs[0], TCSANOW, &mode);
    }
    (void)ioctl(spawned->out, TIOCSWINSZ, &size);
    /* Twice, since the loop watches a descriptor for one thing only. */
    spawned->in = fcntl(spawned->out, F_DUPFD_CLOEXEC, 3);
    return spawned->in < 0 ? -errno : no_block(spawned->out);
}

static int make_pipe(int *ret_ours, int *ret_theirs, bool we_read)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -errno;
    *ret_ours = fds[we_read ? 0 : 1];
    *ret_theirs = fds[we_read ? 1 : 0];
    return no_block(*ret_ours);
}

static int make_pipes(const struct gl_exec_spec *spec, struct gl_exec_spawned *spawned,
                      int theirs[3])
{
    int err = 0;
    if (spec->stdin_open)
        err = make_pipe(&spawned->in, &theirs[0], false);
    else if ((theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        err = -errno;
    if (!err)
        err = make_pipe(&spawned->out, &theirs[1], true);
    if (!err)
        err = make_pipe(&spawned->err, &theirs[2], true);
    return err;
}

/* ------------------------------------------------------------------ the helper */

static int send_start(int control, int memory, const int theirs[3])
{
    struct gl_exec_order order = {.type = GL_EXEC_START};
    struct iovec iov = {&order, sizeof(order)};
    int fds[4] = {memory}, count = 1;
    while (count < 4 && theirs[count - 1] >= 0) {
        fds[count] = theirs[count - 1];
        count++;
    }
    size_t size = (size_t)count * sizeof(int);
    union {
        char bytes[CMSG_SPACE(sizeof(fds))];
        struct cmsghdr align;
    } buffer = {{0}};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &buffer,
                             .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(rights), fds, size);
    return sendmsg(control, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* As the helper to spawned, or nothing is left of it. */
static int give_start(pid_t helper, int control, int memory, const int theirs[3],
                      struct gl_exec_spawned *spawned)
{
    int err = send_start(control, memory, theirs);
    if (err) {
        close(control);
        gl_reaper_abandon(helper); /* killed by somebody, or it may hang before it listens */
        return err;
    }
    spawned->helper = helper;
    spawned->control = control;
    return 0;
}

static int start_helper(int memory, const int theirs[3], struct gl_exec_spawned *spawned)
{
    pid_t helper;
    int control;
    if (gl_exec_spare_take(&helper, &control) == 0 &&
        give_start(helper, control, memory, theirs, spawned) == 0)
        return 0;
    int err = gl_exec_helper_start(&helper, &control);
    return err ? err : give_start(helper, control, memory, theirs, spawned);
}

int gl_exec_spawn(const struct gl_exec_spec *spec, struct gl_exec_spawned *ret_spawned)
{
    struct gl_exec_spawned spawned = {.helper = 0, .control = -1, .in = -1, .out = -1, .err = -1};
    int memory = -1, theirs[3] = {-1, -1, -1};
    int err = make_memory(spec, &memory);
    if (!err)
        err = spec->terminal ? make_terminal(spec, &spawned, theirs)
                             : make_pipes(spec, &spawned, theirs);
    if (!err)
        err = start_helper(memory, theirs, &spawned);
    close_fd(&memory);
    for (int i = 0; i < 3; i++)
        close_fd(&theirs[i]);
    if (err) {
        close_fd(&spawned.control);
        close_fd(&spawned.in);
        close_fd(&spawned.out);
        close_fd(&spawned.err);
        return err;
    }
    *ret_spawned = spawned;
    return 0;
}
