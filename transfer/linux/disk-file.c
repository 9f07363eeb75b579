/* SPDX-License-Identifier: MIT */
/* Files and streams of disk.h. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <uv.h>

#include "disk-linux.h"
#include "mem.h"

/* Where linux/magic.h of older systems does not have it. */
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#ifndef F2FS_SUPER_MAGIC
#define F2FS_SUPER_MAGIC 0xF2F52010
#endif

/* Takes fd in any case. */
static int opened(int fd, bool streams, int *ret_fd, struct gl_disk_info *ret_info)
{
    struct stat st;
    int err = fstat(fd, &st) < 0 ? -errno : 0;
    if (!err && S_ISDIR(st.st_mode))
        err = UV_EISDIR;
    if (!err && !S_ISREG(st.st_mode) && !streams)
        err = UV_EINVAL;
    if (err) {
        close(fd);
        return err;
    }
    gl_disk_info_from_stat(&st, ret_info);
    *ret_fd = fd;
    return 0;
}

/* O_NONBLOCK: that a FIFO or a device is there is found out without waiting for it. Files know it
 * not. */
int gl_file_open_at(struct gl_dir *dir, const char *name, int *ret_fd,
                    struct gl_disk_info *ret_info)
{
    int fd =
        openat(gl_dir_fd(dir), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? -errno : opened(fd, false, ret_fd, ret_info);
}

int gl_file_open(const char *path, enum gl_disk_links links, bool streams, int *ret_fd,
                 struct gl_disk_info *ret_info)
{
    /*
     * A FIFO that nobody writes to yet: its open would wait, and nothing could end that. Opened so
     * it is not at its end before a writer has come and gone: poll(2) knows that, read(2) does not.
     */
    int fd = gl_disk_open(path, links, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? fd : opened(fd, streams, ret_fd, ret_info);
}

int gl_file_create_at(struct gl_dir *dir, const char *name, int *ret_fd)
{
    int fd = openat(gl_dir_fd(dir), name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int gl_file_reopen_at(struct gl_dir *dir, const char *name, int *ret_fd,
                      struct gl_disk_info *ret_info)
{
    int fd = openat(gl_dir_fd(dir), name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? -errno : opened(fd, false, ret_fd, ret_info);
}

void gl_file_close(int fd)
{
    close(fd);
}

int gl_file_dup(int fd)
{
    int other = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return other < 0 ? -errno : other;
}

int gl_file_lock(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == ENOSYS || errno == EINVAL || errno == ENOLCK ? UV_ENOTSUP : -errno;
}

int gl_file_stat(int fd, struct gl_disk_info *ret_info)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    gl_disk_info_from_stat(&st, ret_info);
    return 0;
}

ssize_t gl_file_read_at(int fd, void *data, size_t len, uint64_t offset)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(fd, (char *)data + got, len - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

int gl_file_write_at(int fd, const void *data, size_t len, uint64_t offset)
{
    while (len) {
        ssize_t n = pwrite(fd, data, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data = (const char *)data + n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int gl_file_next_data(int fd, uint64_t offset, uint64_t *ret_start, uint64_t *ret_end)
{
    off_t start = lseek(fd, (off_t)offset, SEEK_DATA);
    if (start < 0)
        return -errno;
    off_t end = lseek(fd, start, SEEK_HOLE);
    if (end < 0)
        return -errno;
    *ret_start = (uint64_t)start;
    *ret_end = (uint64_t)end;
    return 0;
}

int gl_file_truncate(int fd, uint64_t size)
{
    if (size > INT64_MAX)
        return UV_EFBIG;
    return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

int gl_file_set(int fd, uint32_t mode, const struct gl_disk_time *mtime)
{
    if (fchmod(fd, mode & 0777) < 0)
        return -errno;
    if (!mtime)
        return 0;
    struct timespec times[2] = {{0, UTIME_OMIT}, {(time_t)mtime->s, (long)mtime->ns}};
    return futimens(fd, times) < 0 ? -errno : 0;
}

int gl_file_set_attributes(int fd, uint32_t attributes)
{
    (void)fd, (void)attributes;
    return 0;
}

/* The mode says who may do what. */
int gl_file_settle(int fd, struct gl_dir *dir, const char *name)
{
    struct stat old, st, above;
    if (fstatat(gl_dir_fd(dir), name, &old, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(old.st_mode) ||
        fstat(fd, &st) < 0 || fstat(gl_dir_fd(dir), &above) < 0)
        return 0;
    bool own = old.st_uid == geteuid() || old.st_uid == above.st_uid;
    /* Where an access control list lets somebody write, the group bits show it too (acl(5)). */
    if ((above.st_mode & (S_IWGRP | S_IWOTH)) && !own)
        return 0;
    if (st.st_uid == old.st_uid && st.st_gid == old.st_gid)
        return 0;
    if (fchown(fd, old.st_uid, old.st_gid) < 0)
        (void)!fchown(fd, (uid_t)-1, old.st_gid); /* a group of ours, if that */
    return 0;
}

int gl_file_sync(int fd)
{
    return fsync(fd) < 0 ? -errno : 0;
}

void gl_file_sync_begin(int fd, uint64_t offset, uint64_t len)
{
    sync_file_range(fd, (off64_t)offset, (off64_t)len, SYNC_FILE_RANGE_WRITE);
}

void gl_file_will_read(int fd)
{
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

bool gl_disk_release_is_since(const char *release, unsigned major, unsigned minor)
{
    unsigned is_major = 0, is_minor = 0;
    if (sscanf(release, "%u.%u", &is_major, &is_minor) < 2)
        return false;
    return is_major != major ? is_major > major : is_minor >= minor;
}

/* Whether syncfs(2) tells of what could not be written: since Linux 5.8, says its manual page. */
static bool sync_all_tells(void)
{
    struct utsname name;
    return uname(&name) == 0 && gl_disk_release_is_since(name.release, 5, 8);
}

/*
 * syncfs(2) promises as much as fsync(2) on every file only where the file system takes part in it:
 * those here do (Linux fs/<name>/super.c, sync_fs). FUSE, 9p and network ones may do nothing at
 * all.
 */
bool gl_disk_can_sync_all(int fd)
{
    struct statfs st;
    if (!sync_all_tells() || fstatfs(fd, &st) < 0)
        return false;
    switch ((unsigned long)st.f_type) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
        return true;
    default:
        return false;
    }
}

int gl_disk_sync_all(int fd)
{
    if (!gl_disk_can_sync_all(fd))
        return UV_ENOTSUP;
    return syncfs(fd) < 0 ? -errno : 0;
}

uint32_t gl_disk_default_mode(void)
{
    /* umask(2) can only be asked by setting it, for all threads: Linux tells it elsewhere,
     * since 4.7 (proc(5)). */
    unsigned mask = 022;
    FILE *status = fopen("/proc/self/status", "re");
    if (status) {
        char line[256];
        while (fgets(line, sizeof line, status))
            if (sscanf(line, "Umask: %o", &mask) == 1)
                break;
        fclose(status);
    }
    return 0666 & ~mask;
}

struct gl_disk_signal {
    int fd; /* an eventfd(2) */
};

/* Waits for `events` on fd. 0, or UV_ECANCELED. */
static int wait_for(int fd, short events, struct gl_disk_signal *cancel)
{
    struct pollfd fds[2] = {{fd, events, 0}, {cancel ? cancel->fd : -1, POLLIN, 0}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return -errno;
    return fds[1].revents ? UV_ECANCELED : 0;
}

ssize_t gl_stream_fd_read(int fd, void *data, size_t len, struct gl_disk_signal *cancel)
{
    for (;;) {
        int err = wait_for(fd, POLLIN, cancel);
        if (err)
            return err;
        ssize_t n = read(fd, data, len);
        if (n >= 0)
            return n;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

/* How much can be written once there is room: to a pipe or terminal with room for less than all, a
 * write would wait, and not for `cancel`. */
static size_t write_max(int fd)
{
    struct stat st;
    if (fcntl(fd, F_GETFL) & O_NONBLOCK)
        return SIZE_MAX;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? SIZE_MAX : PIPE_BUF;
}

int gl_stream_fd_write(int fd, const void *data, size_t len, struct gl_disk_signal *cancel)
{
    size_t max = write_max(fd);
    while (len) {
        int err = wait_for(fd, POLLOUT, cancel);
        if (err)
            return err;
        ssize_t n = write(fd, data, len < max ? len : max);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (n > 0) {
            data = (const char *)data + n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int gl_disk_signal_new(struct gl_disk_signal **ret_signal)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    *ret_signal = GL_NEW0(struct gl_disk_signal);
    (*ret_signal)->fd = fd;
    return 0;
}

void gl_disk_signal_raise(struct gl_disk_signal *signal)
{
    (void)eventfd_write(signal->fd, 1);
}

void gl_disk_signal_free(struct gl_disk_signal *signal)
{
    if (!signal)
        return;
    close(signal->fd);
    gl_free(signal);
}
