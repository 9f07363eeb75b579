/* SPDX-License-Identifier: MIT */
/*
 * A folder for a test, and what tests make, look at and change in it: the twin of
 * tests/lib/windows/. Paths are relative to the box.
 */
#ifndef GL_BOX_H
#define GL_BOX_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"
#include "unit.h"

static char box[PATH_MAX]; /* absolute; tests are in it */

/* What not every system has, so tests ask for it. */
enum box_feature {
    BOX_LINKS,
    BOX_MODES, /* all bits of a mode */
    BOX_FIFOS,
    BOX_HOLES,
    BOX_REPLACE_OPEN,  /* a file that is open */
    BOX_LONGEST_PATHS, /* of any length, if no call is given them */
    BOX_ANY_NAMES,     /* each one means itself, and nothing else */
};

static inline bool box_has(enum box_feature feature)
{
    (void)feature;
    return true;
}

static inline void box_enter(const char *path)
{
    ck_assert_msg(chdir(path) == 0, "%s: %s", path, strerror(errno));
}

static inline void box_make(void)
{
    /* In memory if possible: each copy waits for the disk. */
    const char *tmp = getenv("TMPDIR");
    if (!tmp)
        tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(box, sizeof box, "%s/guestlink-transfer-XXXXXX", tmp);
    ck_assert_ptr_nonnull(mkdtemp(box));
    box_enter(box);
    umask(022);
}

static inline int box_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (type == FTW_DP)
        rmdir(path);
    else
        unlink(path);
    return 0;
}

static inline int box_open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type == FTW_D && (st->st_mode & 0700) != 0700)
        chmod(path, 0700);
    return 0;
}

static inline void box_remove(void)
{
    box_enter("/");
    nftw(box, box_open_up, 32, FTW_PHYS);
    nftw(box, box_remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

/* Also one that is too deep for paths. */
static inline void remove_tree(const char *path)
{
    char *command = gl_asprintf("rm -rf %s", path);
    ck_assert_int_eq(system(command), 0);
    gl_free(command);
}

static inline void remove_file(const char *path)
{
    ck_assert_msg(unlink(path) == 0, "%s: %s", path, strerror(errno));
}

static inline void remove_dir(const char *path)
{
    ck_assert_msg(rmdir(path) == 0, "%s: %s", path, strerror(errno));
}

/* ------------------------------------------------------------------ making */

/* Into a file that is there, or is made. */
static inline void box_put(const char *path, int flags, off_t at, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, (const char *)data + done, len - done, at + (off_t)done);
        ck_assert_int_gt(n, 0);
        done += (size_t)n;
    }
    close(fd);
}

static inline void put_bytes(const char *path, const void *data, size_t len)
{
    box_put(path, O_TRUNC, 0, data, len);
}

static inline void put_at(const char *path, uint64_t offset, const void *data, size_t len)
{
    box_put(path, 0, (off_t)offset, data, len);
}

/* The file's new end; what is new is a hole. */
static inline void set_size(const char *path, uint64_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_msg(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "%s: %s", path, strerror(errno));
    close(fd);
}

static inline void put_dir(const char *path)
{
    ck_assert_msg(mkdir(path, 0755) == 0, "%s: %s", path, strerror(errno));
}

/* Folders in folders, deeper than paths reach, each with a file of this name (or NULL). */
static inline void put_deep(const char *path, const char *name, unsigned count, const char *file)
{
    box_enter(path);
    for (unsigned i = 0; i < count; i++) {
        put_dir(name);
        if (file)
            put_bytes(file, "x", 1);
        box_enter(name);
    }
    box_enter(box);
}

static inline void put_link(const char *target, const char *path)
{
    ck_assert_msg(symlink(target, path) == 0, "%s: %s", path, strerror(errno));
}

static inline void put_fifo(const char *path)
{
    ck_assert_msg(mkfifo(path, 0644) == 0, "%s: %s", path, strerror(errno));
}

static inline void put_hard_link(const char *old, const char *path)
{
    ck_assert_msg(link(old, path) == 0, "%s: %s", path, strerror(errno));
}

static inline void set_mode(const char *path, unsigned mode)
{
    ck_assert_msg(chmod(path, mode) == 0, "%s: %s", path, strerror(errno));
}

static inline void set_time(const char *path, time_t s, long ns)
{
    struct timespec times[2] = {{0, UTIME_OMIT}, {s, ns}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* ------------------------------------------------------------------ looking */

static inline struct stat box_stat(const char *path)
{
    struct stat st;
    ck_assert_msg(lstat(path, &st) == 0, "%s: %s", path, strerror(errno));
    return st;
}

static inline bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static inline bool is_file(const char *path)
{
    return exists(path) && S_ISREG(box_stat(path).st_mode);
}

static inline bool is_dir(const char *path)
{
    return exists(path) && S_ISDIR(box_stat(path).st_mode);
}

static inline bool is_link(const char *path)
{
    return exists(path) && S_ISLNK(box_stat(path).st_mode);
}

static inline unsigned mode_of(const char *path)
{
    return (unsigned)box_stat(path).st_mode & 07777;
}

static inline uint64_t size_of(const char *path)
{
    return (uint64_t)box_stat(path).st_size;
}

static inline uint64_t allocated_of(const char *path)
{
    return (uint64_t)box_stat(path).st_blocks * 512;
}

static inline uint64_t inode_of(const char *path)
{
    return box_stat(path).st_ino;
}

static inline void time_of(const char *path, int64_t *ret_s, long *ret_ns)
{
    struct stat st = box_stat(path);
    *ret_s = st.st_mtim.tv_sec;
    *ret_ns = st.st_mtim.tv_nsec;
}

/* To be freed with free(). */
static inline char *link_target_of(const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target - 1);
    ck_assert_int_ge(n, 0);
    return strndup(target, (size_t)n);
}

static inline char *get_bytes(const char *path, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    struct stat st;
    fstat(fd, &st);
    char *data = malloc((size_t)st.st_size + 1);
    ssize_t n = read(fd, data, (size_t)st.st_size);
    ck_assert_int_eq(n, st.st_size);
    data[n] = '\0';
    *ret_len = (size_t)n;
    close(fd);
    return data;
}

/* Calls `each` for all that is in a folder. */
static inline void box_list(const char *path, void (*each)(void *ctx, const char *name), void *ctx)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(ctx, entry->d_name);
    if (dir)
        closedir(dir);
}

/* ------------------------------------------------------------------ descriptors */

/* Two of a pipe, [0] to read. */
static inline void box_pipe(int ret_fds[2])
{
    ck_assert_int_eq(pipe(ret_fds), 0);
}

/* To write: the file is made, or emptied. */
static inline int box_open_fd(const char *path, bool write)
{
    int fd =
        open(path, write ? O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0644);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    return fd;
}

static inline int box_open_null(void)
{
    return box_open_fd("/dev/null", false);
}

/* Until a pipe that has this other end takes no more. */
static inline bool box_pipe_is_full(const int fds[2])
{
    int full = 0;
    ck_assert_int_eq(ioctl(fds[0], FIONREAD, &full), 0);
    return full >= fcntl(fds[1], F_GETPIPE_SZ);
}

#define box_close(fd)            close(fd)
#define box_write(fd, data, len) write((fd), (data), (len))
#define box_read(fd, data, len)  read((fd), (data), (len))

/* Bytes that are allocated now. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
static inline size_t box_allocated(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* What is absolute begins so. */
#define BOX_ROOT_OF(path) ((path)[0] == '/')

#endif
