/* SPDX-License-Identifier: MIT */
/* Directories of disk.h, by descriptors and the *at() calls. */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "disk-linux.h"
#include "mem.h"

struct gl_dir {
    unsigned refs;
    int fd;
    uint64_t device, inode;
};

const char gl_disk_unknown_text[] = "of an unknown kind";

static enum gl_disk_kind kind_of_mode(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return GL_DISK_FILE;
    case S_IFDIR:
        return GL_DISK_DIRECTORY;
    case S_IFLNK:
        return GL_DISK_LINK;
    case S_IFIFO:
        return GL_DISK_FIFO;
    case S_IFSOCK:
        return GL_DISK_SOCKET;
    case S_IFCHR:
    case S_IFBLK:
        return GL_DISK_DEVICE;
    default:
        return GL_DISK_UNKNOWN;
    }
}

static enum gl_disk_kind kind_of_entry(unsigned char type)
{
    return type == DT_UNKNOWN ? GL_DISK_UNKNOWN : kind_of_mode((mode_t)DTTOIF(type));
}

void gl_disk_info_from_stat(const struct stat *st, struct gl_disk_info *ret_info)
{
    *ret_info = (struct gl_disk_info){
        .kind = kind_of_mode(st->st_mode),
        .mode = st->st_mode & 07777,
        .size = (uint64_t)st->st_size,
        .mtime = {st->st_mtim.tv_sec, (uint32_t)st->st_mtim.tv_nsec},
        .device = st->st_dev,
        .inode = st->st_ino,
        .sparse = S_ISREG(st->st_mode) && st->st_blocks < st->st_size / 512,
        .alone = st->st_uid == geteuid() && st->st_nlink == 1,
    };
    ret_info->trusted = ret_info->alone && !(st->st_mode & 022);
}

static int stat_path(const char *path, enum gl_disk_links links, struct stat *st)
{
    if (links != GL_LINKS_NONE)
        return fstatat(AT_FDCWD, path, st, links == GL_LINKS_ALL ? 0 : AT_SYMLINK_NOFOLLOW) < 0
                   ? -errno
                   : 0;
    int fd = gl_disk_open(path, links, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fd;
    int err = fstat(fd, st) < 0 ? -errno : 0;
    close(fd);
    return err;
}

int gl_disk_stat(const char *path, enum gl_disk_links links, struct gl_disk_info *ret_info)
{
    struct stat st;
    int err = stat_path(path, links, &st);
    if (!err)
        gl_disk_info_from_stat(&st, ret_info);
    return err;
}

int gl_disk_resolve(const char *path, char **ret_path)
{
    char *resolved = realpath(path, NULL);
    if (!resolved)
        return -errno;
    *ret_path = resolved;
    return 0;
}

/* Takes fd in any case. */
static int dir_from_fd(int fd, struct gl_dir **ret_dir)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    struct gl_dir *dir = GL_NEW0(struct gl_dir);
    dir->refs = 1;
    dir->fd = fd;
    dir->device = st.st_dev;
    dir->inode = st.st_ino;
    *ret_dir = dir;
    return 0;
}

/* In a directory that may be written but not read one can still make files: O_PATH is enough for
 * that. */
#define DIR_FLAGS      (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define DIR_FLAGS_LESS (O_PATH | O_DIRECTORY | O_CLOEXEC)

int gl_dir_open(const char *path, enum gl_disk_links links, struct gl_dir **ret_dir)
{
    int fd = gl_disk_open(path, links, DIR_FLAGS);
    if (fd == UV_EACCES)
        fd = gl_disk_open(path, links, DIR_FLAGS_LESS);
    return fd < 0 ? fd : dir_from_fd(fd, ret_dir);
}

int gl_dir_open_at(struct gl_dir *dir, const char *name, struct gl_dir **ret_dir)
{
    int fd = openat(dir->fd, name, DIR_FLAGS | O_NOFOLLOW);
    if (fd < 0 && errno == EACCES)
        fd = openat(dir->fd, name, DIR_FLAGS_LESS | O_NOFOLLOW);
    /* A link gives ENOTDIR or, in some versions of open(2), ELOOP: here it means the same. */
    if (fd < 0)
        return errno == ELOOP ? UV_ENOTDIR : -errno;
    return dir_from_fd(fd, ret_dir);
}

int gl_dir_open_above(struct gl_dir *dir, uint64_t device, uint64_t inode, struct gl_dir **ret_dir)
{
    struct gl_dir *above;
    int err = gl_dir_open_at(dir, "..", &above);
    if (err)
        return err;
    if (above->device != device || above->inode != inode) {
        gl_dir_unref(above);
        return UV_ENOENT;
    }
    *ret_dir = above;
    return 0;
}

struct gl_dir *gl_dir_ref(struct gl_dir *dir)
{
    dir->refs++;
    return dir;
}

void gl_dir_unref(struct gl_dir *dir)
{
    if (!dir || --dir->refs)
        return;
    close(dir->fd);
    gl_free(dir);
}

uint64_t gl_dir_device(const struct gl_dir *dir)
{
    return dir->device;
}

uint64_t gl_dir_inode(const struct gl_dir *dir)
{
    return dir->inode;
}

int gl_dir_fd(const struct gl_dir *dir)
{
    return dir->fd;
}

int gl_dir_stat(struct gl_dir *dir, const char *name, struct gl_disk_info *ret_info)
{
    struct stat st;
    if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    gl_disk_info_from_stat(&st, ret_info);
    return 0;
}

int gl_dir_make(struct gl_dir *dir, const char *name, uint32_t mode)
{
    return mkdirat(dir->fd, name, (mode & 0755) | 0700) < 0 ? -errno : 0;
}

int gl_dir_read_link(struct gl_dir *dir, const char *name, char **ret_target)
{
    char target[GL_DISK_PATH_MAX];
    ssize_t len = readlinkat(dir->fd, name, target, sizeof target);
    if (len < 0)
        return -errno;
    if ((size_t)len == sizeof target)
        return UV_ENAMETOOLONG;
    *ret_target = gl_strndup(target, (size_t)len);
    return 0;
}

int gl_dir_make_link(struct gl_dir *dir, const char *name, const char *target)
{
    return symlinkat(target, dir->fd, name) < 0 ? -errno : 0;
}

static void times_of(struct gl_disk_time mtime, struct timespec ret_times[2])
{
    ret_times[0] = (struct timespec){0, UTIME_OMIT};
    ret_times[1] = (struct timespec){(time_t)mtime.s, (long)mtime.ns};
}

int gl_dir_set_link_time(struct gl_dir *dir, const char *name, struct gl_disk_time mtime)
{
    struct timespec times[2];
    times_of(mtime, times);
    return utimensat(dir->fd, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int gl_dir_rename(struct gl_dir *dir, const char *from, const char *to)
{
    return renameat(dir->fd, from, dir->fd, to) < 0 ? -errno : 0;
}

int gl_dir_unlink(struct gl_dir *dir, const char *name)
{
    return unlinkat(dir->fd, name, 0) < 0 ? -errno : 0;
}

int gl_dir_set(struct gl_dir *dir, uint32_t mode, struct gl_disk_time mtime)
{
    struct stat st;
    if (fstat(dir->fd, &st) < 0)
        return -errno;
    mode_t wanted = (mode & 01777) | (st.st_mode & S_ISGID);
    if (wanted != (st.st_mode & 07777) && fchmod(dir->fd, wanted) < 0)
        return -errno;
    struct timespec times[2];
    times_of(mtime, times);
    return futimens(dir->fd, times) < 0 ? -errno : 0;
}

int gl_dir_set_attributes(struct gl_dir *dir, uint32_t attributes)
{
    (void)dir, (void)attributes;
    return 0;
}

int gl_dir_sync(struct gl_dir *dir)
{
    /* Some network file systems cannot sync a directory, and need not. EBADF: opened with O_PATH.
     */
    return fsync(dir->fd) < 0 && errno != EINVAL ? -errno : 0;
}

int gl_dir_sync_all(struct gl_dir *dir)
{
    return gl_disk_sync_all(dir->fd);
}

bool gl_dir_can_sync_all(const struct gl_dir *dir)
{
    return gl_disk_can_sync_all(dir->fd);
}

int gl_dir_list(struct gl_dir *dir, struct gl_disk_list *ret_list)
{
    /* fdopendir takes its descriptor and moves its position: not ours. */
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *stream = fdopendir(fd);
    if (!stream) {
        close(fd);
        return UV_ENOMEM;
    }
    struct gl_disk_list list = {NULL, 0, 0};
    int err = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (!entry) {
            err = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        gl_disk_list_add(&list, gl_strdup(entry->d_name), kind_of_entry(entry->d_type),
                         entry->d_ino);
    }
    closedir(stream);
    if (err)
        gl_disk_list_done(&list);
    else
        *ret_list = list;
    return err;
}
