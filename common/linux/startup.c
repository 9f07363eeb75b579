/* SPDX-License-Identifier: MIT */
#include "startup.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "mem.h"
#include "os.h"

#define KEEP_MEMORY (8 * 1024 * 1024) /* bytes of free memory that a process may keep */

static uint64_t saved_open_files;

/* ------------------------------------------------------------------ the process */

static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    saved_open_files = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * Blocks of 256 KiB come and go with each read of a busy link. Left to itself the C library gives
 * each back to the kernel, which clears it anew (mallopt(3)).
 */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, KEEP_MEMORY);
    mallopt(M_TRIM_THRESHOLD, KEEP_MEMORY);
#endif
}

void gl_startup_prepare(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    gl_os_open_standard();
    sigaction(SIGPIPE, &ignore, NULL);
    umask(077);
    raise_open_files();
    keep_memory();
}

uint64_t gl_startup_saved_open_files(void)
{
    return saved_open_files;
}

/* ------------------------------------------------------------------ directories */

static int make_directory(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) < 0 ? -errno : 0; /* whatever the umask is */
    return errno == EEXIST ? 0 : -errno;
}

void gl_startup_make_parents(const char *path)
{
    if (!*path)
        return;
    char *copy = gl_strdup(path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        if (!slash[strspn(slash, "/")])
            break; /* of the name itself */
        *slash = '\0';
        make_directory(copy, 0755);
        *slash = '/';
    }
    gl_free(copy);
}

/* The descriptor stays open as long as the process lives; programs that are started do not get it.
 */
static int take_lock(const char *directory, const char *program, char **ret_error)
{
    char *path = gl_asprintf("%s/lock", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int err = fd < 0 ? -errno : 0;
    if (err)
        *ret_error = gl_asprintf("%s: %s", path, strerror(-err));
    else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        err = UV_EBUSY;
    if (err == UV_EBUSY)
        *ret_error = gl_asprintf("%s: another %s uses this directory", directory, program);
    if (err && fd >= 0)
        close(fd);
    gl_free(path);
    return err;
}

static int judge_directory(const char *directory, const struct stat *st, char **ret_error)
{
    if (!S_ISDIR(st->st_mode)) {
        *ret_error = gl_asprintf("%s: it is not a directory", directory);
        return UV_ENOTDIR;
    }
    if (st->st_uid != geteuid()) {
        *ret_error =
            gl_asprintf("%s: it belongs to user %u, not to this one: chown -R %u it, or run "
                        "as that user",
                        directory, st->st_uid, geteuid());
        return UV_EACCES;
    }
    if (st->st_mode & (S_IWGRP | S_IWOTH)) {
        *ret_error = gl_asprintf("%s: others may write to it; chmod 0700 it", directory);
        return UV_EACCES;
    }
    return 0;
}

int gl_startup_claim_state(const char *directory, const char *program, char **ret_error)
{
    struct stat st;
    if (!*directory) {
        *ret_error = gl_strdup("the state directory has no name");
        return UV_EINVAL;
    }
    gl_startup_make_parents(directory);
    int err = make_directory(directory, 0700);
    if (!err && stat(directory, &st) < 0)
        err = -errno;
    if (err) {
        *ret_error = gl_asprintf("cannot make %s: %s", directory, strerror(-err));
        return err;
    }
    err = judge_directory(directory, &st, ret_error);
    return err ? err : take_lock(directory, program, ret_error);
}

/* ------------------------------------------------------------------ service manager */

void gl_startup_end_now(int status)
{
    _Exit(status);
}

/*
 * The protocol is one datagram to the socket named in the environment; sd_notify(3), chapter Notes.
 * The library for it would cost the agent a quarter of its memory.
 */
void gl_startup_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                  (const struct sockaddr *)&address, len);
    close(fd);
}
