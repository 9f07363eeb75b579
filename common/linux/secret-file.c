/* SPDX-License-Identifier: MIT */
#include "secret-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "mem.h"
#include "os.h"

static int last_error(void)
{
    return uv_translate_sys_error(errno);
}

static int check_owner(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return last_error();
    if (!S_ISREG(st.st_mode))
        return UV_EINVAL;
    if (st.st_uid != geteuid() || (st.st_mode & 07777) != 0600)
        return UV_EACCES;
    return 0;
}

/* One byte more than fits is asked for, so that a file that is too long is seen. */
static int read_all(int fd, uint8_t *buf, size_t size, size_t *ret_len)
{
    size_t len = 0;
    for (;;) {
        uint8_t beyond;
        ssize_t n = len < size ? read(fd, buf + len, size - len) : read(fd, &beyond, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return last_error();
        if (n == 0)
            break;
        if (len == size)
            return UV_EFBIG;
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

int gl_secret_file_read(const char *path, uint8_t *buf, size_t size, size_t *ret_len)
{
    /* O_NONBLOCK: a pipe put in the file's place must not hold up the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return last_error();
    int err = check_owner(fd);
    if (err == 0)
        err = read_all(fd, buf, size, ret_len);
    close(fd);
    return err;
}

/* The folder of path, opened, so that nothing that happens to its name comes between; *ret_base is
 * within path. */
static int open_folder(const char *path, const char **ret_base)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    if (!*base)
        return UV_EISDIR;
    char *folder = !slash          ? gl_strdup(".")
                   : slash == path ? gl_strdup("/")
                                   : gl_strndup(path, (size_t)(slash - path));
    int fd = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    gl_free(folder);
    if (fd < 0)
        return last_error();
    *ret_base = base;
    return fd;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = gl_os_write(fd, data, len);
        if (n < 0)
            return last_error();
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* fchmod: a umask or a default ACL of the folder may have changed what open() was asked for. */
static int fill(int fd, const uint8_t *data, size_t len)
{
    if (fchmod(fd, 0600) < 0)
        return last_error();
    int err = write_all(fd, data, len);
    if (err == 0 && fsync(fd) < 0)
        err = last_error();
    return err;
}

int gl_secret_file_write(const char *path, const uint8_t *data, size_t len)
{
    const char *base = ""; /* gcc does not see that an error is negative */
    int folder = open_folder(path, &base);
    if (folder < 0)
        return folder;
    char *name = gl_asprintf(".%s.%08x", base, randombytes_random());
    int err = 0;
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err = last_error();
        goto done;
    }
    err = fill(fd, data, len);
    if (close(fd) < 0 && err == 0)
        err = last_error();
    if (err == 0 && renameat(folder, name, folder, base) < 0)
        err = last_error();
    if (err < 0)
        unlinkat(folder, name, 0);
    else if (fsync(folder) < 0)
        err = last_error();
done:
    gl_free(name);
    close(folder);
    return err;
}

/* ------------------------------------------------------------------ what was there before */

const char *const gl_secret_file_remedy = "chown it, chmod 600 it";

struct gl_secret_kept {
    int fd;
};

struct gl_secret_kept *gl_secret_file_keep(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    struct gl_secret_kept *kept = GL_NEW0(struct gl_secret_kept);
    kept->fd = fd;
    return kept;
}

void gl_secret_file_drop(struct gl_secret_kept *kept, bool wipe)
{
    static const uint8_t zeros[GL_SECRET_FILE_MAX];
    struct stat st;
    if (!kept)
        return;
    if (wipe && fstat(kept->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        size_t len = st.st_size < (off_t)sizeof zeros ? (size_t)st.st_size : sizeof zeros;
        if (write_all(kept->fd, zeros, len) == 0)
            fsync(kept->fd);
    }
    close(kept->fd);
    gl_free(kept);
}

/* What is kept has no name here. */
void gl_secret_file_tidy(const char *path)
{
    (void)path;
}
