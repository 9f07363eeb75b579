/* SPDX-License-Identifier: MIT */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "guid.h"
#include "mem.h"

static uint64_t saved_open_files;

/* A descriptor 0, 1 or 2 that is closed would be taken by the next file that is opened, and be
 * written to as stderr. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            if (open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) < 0)
                abort();
}

static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    saved_open_files = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void gl_sys_prepare(void)
{
    open_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    raise_open_files();
}

uint64_t gl_sys_saved_open_files(void)
{
    return saved_open_files;
}

static int make_directory(const char *path)
{
    char *copy = gl_strdup(path);
    int err = 0;
    for (size_t len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
        copy[len - 1] = '\0';
    for (char *slash = strchr(copy + 1, '/'); slash && !err; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        /* Others may keep their state below the same parents, so not with our umask. */
        if (mkdir(copy, 0700) == 0)
            err = chmod(copy, 0755) == 0 ? 0 : -errno;
        else if (errno != EEXIST)
            err = -errno;
        *slash = '/';
    }
    if (!err && mkdir(copy, 0700) != 0 && errno != EEXIST)
        err = -errno;
    gl_free(copy);
    return err;
}

/* The descriptor stays open; programs that are started do not get it. */
static int take_directory(const char *path)
{
    char *name = gl_asprintf("%s/lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int err = fd < 0 ? -errno : 0;
    gl_free(name);
    if (!err && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK ? UV_EBUSY : -errno;
        close(fd);
    }
    return err;
}

int gl_sys_state_directory(const char *path, const char **ret_why)
{
    int err = make_directory(path);
    struct stat st;
    if (!err && stat(path, &st) != 0)
        err = -errno;
    if (err) {
        *ret_why = "the state directory cannot be made";
        return err;
    }
    if (!S_ISDIR(st.st_mode)) {
        *ret_why = "not a directory";
        return UV_ENOTDIR;
    }
    if (st.st_uid != geteuid()) {
        *ret_why = "the state directory belongs to another user";
        return UV_EACCES;
    }
    if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        *ret_why = "the state directory may be written by others (chmod 700 it)";
        return UV_EACCES;
    }
    err = take_directory(path);
    if (err)
        *ret_why = err == UV_EBUSY ? "another agent uses this state directory"
                                   : "the state directory is not writable";
    return err;
}

bool gl_sys_machine(uint8_t ret_machine[GL_SYS_MACHINE_SIZE])
{
    char text[64];
    int fd = open("/sys/class/dmi/id/product_uuid", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    struct gl_guid guid;
    if (gl_guid_parse(text, &guid) != 0 || gl_guid_is_zero(&guid) ||
        gl_guid_equal(&guid, &gl_guid_broadcast))
        return false;
    memcpy(ret_machine, guid.bytes, GL_SYS_MACHINE_SIZE);
    return true;
}

bool gl_sys_generation(uint8_t ret_generation[GL_SYS_GENERATION_SIZE])
{
    /* Linux gives the id to its random generator only (drivers/virt/vmgenid.c), no file shows it.
     */
    (void)ret_generation;
    return false;
}

bool gl_sys_is_own_cid(uint32_t cid)
{
    if (cid <= VMADDR_CID_HOST || cid == VMADDR_CID_ANY)
        return cid == VMADDR_CID_LOCAL;
    int fd = open("/dev/vsock", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    unsigned own = VMADDR_CID_ANY;
    bool same = ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &own) == 0 && own == cid;
    close(fd);
    return same;
}

/* The protocol is one datagram to the socket named in the environment; sd_notify(3), chapter Notes.
 */
void gl_sys_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
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

void gl_sys_hostname(char *out, size_t size)
{
    if (gethostname(out, size) != 0 || out[0] == '\0')
        snprintf(out, size, "localhost");
    out[size - 1] = '\0';
}
