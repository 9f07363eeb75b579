/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets. We make, chown and bind the socket ourselves: uv_pipe_bind cuts a long path
 * silently, and uv_pipe_chmod knows 0666 at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport-fd.h"

/* How long listen waits for another process that is just doing the same in this folder, at most. */
#define LOCK_TRIES    50
#define LOCK_SLEEP_US 10000

static int last_error(void)
{
    return uv_translate_sys_error(errno);
}

static int fill_sockaddr(const char *path, struct sockaddr_un *ret_to)
{
    if (strlen(path) >= sizeof(ret_to->sun_path))
        return UV_ENAMETOOLONG;
    *ret_to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_to->sun_path, path, strlen(path) + 1);
    return 0;
}

static int make_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? last_error() : fd;
}

/* SO_PEERCRED, unix(7): who called connect(), or for the one who dialled, who called listen(). */
static uint32_t describe(int fd, const struct gl_address *address,
                         const struct sockaddr_storage *from, struct gl_peer *ret_peer)
{
    struct ucred credentials;
    socklen_t len = sizeof(credentials);
    (void)from;
    ret_peer->address = *address;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) == 0) {
        ret_peer->has_credentials = true;
        ret_peer->uid = credentials.uid;
        ret_peer->gid = credentials.gid;
        ret_peer->pid = credentials.pid;
    }
    return 0;
}

const struct gl_fd_family gl_local_family = {describe};

bool gl_local_listening_at(const struct sockaddr_storage *at, struct gl_address *ret_address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)at;
    if (at->ss_family != AF_UNIX)
        return false;
    *ret_address = (struct gl_address){.kind = GL_ADDRESS_UNIX};
    memcpy(ret_address->path, un->sun_path, strnlen(un->sun_path, sizeof(un->sun_path)));
    return true;
}

static int local_connect(uv_loop_t *loop, const struct gl_address *address,
                         const struct gl_connect_options *options, gl_connect_cb cb, void *ctx,
                         struct gl_connect **ret_connect)
{
    struct sockaddr_un to;
    int r = fill_sockaddr(address->path, &to);
    if (r)
        return r;
    int fd = make_socket();
    if (fd < 0)
        return fd;
    return gl_fd_connect(loop, fd, (struct sockaddr *)&to, sizeof(to), address, &gl_local_family,
                         options, cb, ctx, ret_connect);
}

/* ------------------------------------------------------------------ listen */

/*
 * Two processes that start at once could both find a stale file, and the second remove the first's
 * new one. So who looks, removes and binds holds a lock on the folder. A negative descriptor: go on
 * without, after so many tries; somebody holds the lock for another reason (whoever may read the
 * folder can), or the file system has none.
 */
static int lock_folder(const char *path, int tries)
{
    char copy[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    memcpy(copy, path, strlen(path) + 1);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fd;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (--tries == 0 || (errno != EWOULDBLOCK && errno != EINTR)) {
            close(fd);
            return -1;
        }
        usleep(LOCK_SLEEP_US);
    }
    return fd;
}

/* Removes the file of a listener that is no more. */
static int remove_stale(const struct sockaddr_un *to)
{
    struct stat st;
    if (lstat(to->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : last_error();
    if (!S_ISSOCK(st.st_mode))
        return UV_ENOTSOCK;
    int fd = make_socket();
    if (fd < 0)
        return fd;
    int r = connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 ? 0 : errno;
    close(fd);
    /* Anything but a refusal (success, a full backlog, no permission) is not known to be stale. */
    if (r != ECONNREFUSED)
        return UV_EADDRINUSE;
    return unlink(to->sun_path) == 0 || errno == ENOENT ? 0 : last_error();
}

/*
 * The file appears at bind, but connect() is refused until listen(): mode and group are set
 * between. On Linux the mode of the unbound socket's inode becomes the file's, so that it is born
 * without any permission.
 */
static int bind_and_listen(int fd, const struct sockaddr_un *to,
                           const struct gl_listen_options *options)
{
    fchmod(fd, 0);
    if (bind(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
        return last_error();
    if ((options->gid >= 0 && lchown(to->sun_path, (uid_t)-1, (gid_t)options->gid) != 0) ||
        chmod(to->sun_path, options->mode) != 0 || listen(fd, options->backlog) != 0) {
        int r = last_error();
        unlink(to->sun_path);
        return r;
    }
    return 0;
}

static int local_listen(uv_loop_t *loop, const struct gl_address *address,
                        const struct gl_listen_options *options, gl_accept_cb cb, void *ctx,
                        struct gl_listener **ret_listener)
{
    struct sockaddr_un to;
    int r = fill_sockaddr(address->path, &to);
    if (r)
        return r;
    int fd = make_socket();
    if (fd < 0)
        return fd;
    int lock = lock_folder(address->path, options->at_once ? 1 : LOCK_TRIES);
    r = remove_stale(&to);
    if (r == 0)
        r = bind_and_listen(fd, &to, options);
    if (lock >= 0)
        close(lock);
    if (r) {
        close(fd);
        return r;
    }
    return gl_fd_listen(loop, fd, address, true, &gl_local_family, cb, ctx, ret_listener);
}

static int local_usable(const struct gl_address *address)
{
    struct sockaddr_un to;
    return fill_sockaddr(address->path, &to);
}

const struct gl_transport_kind gl_local_kind = {local_connect, local_listen, local_usable};
