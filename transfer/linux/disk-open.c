/* SPDX-License-Identifier: MIT */
/* Opens paths, with or without the links in them: enum gl_disk_links of disk.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

#include "disk-linux.h"
#include "mem.h"

static bool is_link(int at, const char *name)
{
    struct stat st;
    return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0 && S_ISLNK(st.st_mode);
}

/* A component of `at`, which must be no link unless the flags say that the link itself is meant. */
static int open_component(int at, const char *name, int flags)
{
    int fd = openat(at, name, flags | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOTDIR && is_link(at, name) ? UV_ELOOP : -errno;
    if ((flags & O_PATH) && !(flags & O_NOFOLLOW) && is_link(fd, "")) {
        close(fd);
        return UV_ELOOP;
    }
    return fd;
}

int gl_disk_open_walk(const char *path, int flags)
{
    char *all = gl_strdup(path), *name = all + strspn(all, "/");
    /* O_PATH: it need not be readable. With O_DIRECTORY it is mounted by then, if that is
     * automatic. */
    int at = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = at < 0 ? -errno : open_component(at, ".", *name ? O_PATH | O_CLOEXEC : flags);
    while (fd >= 0 && *name) {
        char *end = name + strcspn(name, "/"), *next = end + strspn(end, "/");
        bool last = !*next;
        /* "name/" means a directory. */
        int these = last ? flags | (*end ? O_DIRECTORY : 0) : O_PATH | O_DIRECTORY | O_CLOEXEC;
        *end = '\0';
        close(at);
        at = fd;
        fd = open_component(at, name, these);
        name = next;
    }
    if (at >= 0)
        close(at);
    gl_free(all);
    return fd;
}

static int open_without_links(const char *path, int flags)
{
#ifdef SYS_openat2
    struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_NO_SYMLINKS};
    if (!(flags & O_PATH))
        how.flags |= O_LARGEFILE;
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd >= 0)
        return (int)fd;
    /* Not before Linux 5.6; and what filters system calls may not know it, and say EPERM. */
    if (errno != ENOSYS && errno != EPERM)
        return -errno;
#endif
    return gl_disk_open_walk(path, flags);
}

int gl_disk_open(const char *path, enum gl_disk_links links, int flags)
{
    if (links == GL_LINKS_NONE)
        return open_without_links(path, flags);
    int fd = open(path, links == GL_LINKS_BUT_LAST ? flags | O_NOFOLLOW : flags);
    return fd < 0 ? -errno : fd;
}
