/* SPDX-License-Identifier: MIT */
/*
 * The file system as a copy needs it, the same on each system: transfer/<system>/disk-*.c.
 *
 * All calls block and may be made on any thread. What lies beneath an open directory is named by a
 * single component and is never reached through a symbolic link: that is what keeps a copy inside
 * its destination, whatever names the peer sends. Only the calls that take a whole path may follow
 * links, for paths of the user; which ones, they are told.
 *
 * Names and paths are bytes with a NUL at the end. Files are descriptors, all with close-on-exec.
 * Functions return 0 or a negative UV_E*.
 */
#ifndef GL_DISK_H
#define GL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of one component, on any system: 255 units of UTF-16 may take so many. What this system has
 * no room for is UV_ENAMETOOLONG. */
#define GL_DISK_NAME_MAX 765u
#define GL_DISK_PATH_MAX                                                                           \
    4096u /* bytes of a link's target, and of a path that the user gave, with NUL */

enum gl_disk_kind {
    GL_DISK_UNKNOWN, /* gl_dir_list() only: ask gl_dir_stat() */
    GL_DISK_FILE,
    GL_DISK_DIRECTORY,
    GL_DISK_LINK,
    GL_DISK_FIFO,
    GL_DISK_SOCKET,
    GL_DISK_DEVICE,
};
const char *gl_disk_kind_text(enum gl_disk_kind kind); /* "a socket" */
extern const char gl_disk_unknown_text[]; /* what it says of all that is none of these here */

struct gl_disk_time {
    int64_t s; /* since 1970-01-01 UTC */
    uint32_t ns;
};

/* What Windows has beside a mode, and as it numbers it ("File Attribute Constants"). */
enum {
    GL_DISK_HIDDEN = 0x2,
    GL_DISK_SYSTEM = 0x4,
    GL_DISK_ARCHIVE = 0x20,
    GL_DISK_PLAIN = 0x80, /* none of these */
    GL_DISK_ATTRIBUTES = GL_DISK_HIDDEN | GL_DISK_SYSTEM | GL_DISK_ARCHIVE | GL_DISK_PLAIN,
};

struct gl_disk_info {
    enum gl_disk_kind kind;
    uint32_t mode; /* permission bits with setuid, setgid, sticky: 07777 */
    uint64_t size;
    struct gl_disk_time mtime;
    uint32_t attributes; /* GL_DISK_HIDDEN, ..., or GL_DISK_PLAIN; 0: this system has none */
    uint64_t device, inode;
    bool sparse;  /* a file that may have holes */
    bool alone;   /* our user's, and it has one name only */
    bool trusted; /* alone, and not writable by group or others; on Windows neither readable */
};

/*
 * Which links of a path are followed. A path that somebody was asked about (gl_transfer_permit) is
 * opened with NONE: what is opened is what the answer was about, however the links that led to it
 * have been changed since.
 */
enum gl_disk_links {
    GL_LINKS_ALL,
    GL_LINKS_BUT_LAST, /* the last component means itself */
    GL_LINKS_NONE,     /* UV_ELOOP if there is one, to gl_disk_stat() but in the last component */
};

/*
 * Whether the system itself keeps us from following links that others have laid for us, as Linux
 * does (fs.protected_symlinks). Where not, whoever acts for others uses gl_disk_resolve_any().
 */
bool gl_disk_guards_links(void);

int gl_disk_stat(const char *path, enum gl_disk_links links, struct gl_disk_info *ret_info);
/* The path with all links resolved; *ret_path is to be freed. */
int gl_disk_resolve(const char *path, char **ret_path);
/*
 * The same, but nothing needs to be there, nor be allowed to be seen: what cannot be followed means
 * itself, and a/../b means b though there be no a. On Windows a path of a share
 * ("//server/share/...") means itself too: it is not looked at. With `follow` the last component is
 * followed too. Fails only with UV_ELOOP, with UV_EACCES for a link that somebody else has laid in
 * a folder like /tmp (sticky, and all may write there), or for a relative path without a working
 * directory.
 */
int gl_disk_resolve_any(const char *path, bool follow, char **ret_path);

/* ------------------------------------------------------------------ names */

bool gl_disk_separates(char c);             /* between the components of a path of this system */
bool gl_disk_is_absolute(const char *path); /* or otherwise not to be put beneath a home */
/* Why a path depends on where this process happens to be, on its drive or that drive's directory
 * ("C:x", "/x" on Windows), a static sentence; NULL: it does not, or only as any relative path. */
const char *gl_disk_path_adrift(const char *path);
/* Why a path that was refused with UV_EINVAL is none, static: it completes 'the path ...'. NULL:
 * nothing that could be told from it. */
const char *gl_disk_path_trouble(const char *path);
/* Why no link can be made that leads there, static: it completes 'the link ...'. NULL: none. */
const char *gl_disk_target_trouble(const char *target);

/* ------------------------------------------------------------------ directories */

struct gl_dir; /* an open directory; references are counted, not atomically: one thread */

int gl_dir_open(const char *path, enum gl_disk_links links, struct gl_dir **ret_dir);
/* A directory in dir; UV_ENOTDIR also if it is a symbolic link. */
int gl_dir_open_at(struct gl_dir *dir, const char *name, struct gl_dir **ret_dir);
/* The directory above; UV_ENOENT if it is not the one with this device and inode (any more). */
int gl_dir_open_above(struct gl_dir *dir, uint64_t device, uint64_t inode, struct gl_dir **ret_dir);
struct gl_dir *gl_dir_ref(struct gl_dir *dir);
void gl_dir_unref(struct gl_dir *dir); /* NULL is fine */
uint64_t gl_dir_device(const struct gl_dir *dir);
uint64_t gl_dir_inode(const struct gl_dir *dir);

/*
 * Why nothing of this name, one component, can be made in dir, static: it completes 'the file ...'.
 * NULL: nothing that could be told from the name.
 */
const char *gl_dir_name_trouble(struct gl_dir *dir, const char *name);
/* Whether names that differ in bytes may mean the same in dir ("a" and "A"). */
bool gl_dir_folds(struct gl_dir *dir);
/* If so: a hash of what the name means, the same for all names that mean the same. */
uint64_t gl_dir_name_hash(struct gl_dir *dir, const char *name, uint64_t seed);

int gl_dir_stat(struct gl_dir *dir, const char *name, struct gl_disk_info *ret_info);
/* For now with what `mode` and the umask allow, but never writable by others, and always usable by
 * its owner; gl_dir_set() gives the final permissions. UV_EEXIST. */
int gl_dir_make(struct gl_dir *dir, const char *name, uint32_t mode);
int gl_dir_read_link(struct gl_dir *dir, const char *name, char **ret_target);
int gl_dir_make_link(struct gl_dir *dir, const char *name, const char *target);
int gl_dir_set_link_time(struct gl_dir *dir, const char *name, struct gl_disk_time mtime);
/* Replaces a file or a link in one step; UV_EISDIR if `to` is a directory. */
int gl_dir_rename(struct gl_dir *dir, const char *from, const char *to);
int gl_dir_unlink(struct gl_dir *dir, const char *name);
/* Permissions (mode & 01777; a setgid bit that the directory has stays) and time of the directory
 * itself. */
int gl_dir_set(struct gl_dir *dir, uint32_t mode, struct gl_disk_time mtime);
/* As gl_file_set_attributes(). */
int gl_dir_set_attributes(struct gl_dir *dir, uint32_t attributes);
/* The names in the directory are on the disk. UV_EBADF: not certain, since it may not be read. */
int gl_dir_sync(struct gl_dir *dir);

/* What is in a directory, without "." and "..", in no order that means something. */
struct gl_disk_entry {
    char *name;
    enum gl_disk_kind kind; /* or GL_DISK_UNKNOWN */
    uint64_t inode;
};
struct gl_disk_list {
    struct gl_disk_entry *entries;
    size_t count, room; /* entries there are, and are allocated */
};
int gl_dir_list(struct gl_dir *dir, struct gl_disk_list *ret_list);
/* Takes the name. */
void gl_disk_list_add(struct gl_disk_list *list, char *name, enum gl_disk_kind kind,
                      uint64_t inode);
void gl_disk_list_done(struct gl_disk_list *list);

/* ------------------------------------------------------------------ files */

/* For reading, a regular file only: UV_EINVAL otherwise (and nothing waits for a FIFO's other end).
 */
int gl_file_open_at(struct gl_dir *dir, const char *name, int *ret_fd,
                    struct gl_disk_info *ret_info);
/* For reading. `streams`: a pipe or a device will do as well; then ret_info->kind says so, and it
 * is to be read by gl_stream_fd_read(), which waits for a pipe's writer too. */
int gl_file_open(const char *path, enum gl_disk_links links, bool streams, int *ret_fd,
                 struct gl_disk_info *ret_info);
/* A new file for reading and writing, owner-only permissions; UV_EEXIST. On Windows nobody else can
 * open it for writing as long as it is open, and it is UV_EBUSY where somebody has it open so. */
int gl_file_create_at(struct gl_dir *dir, const char *name, int *ret_fd);
/* An existing regular file for reading and writing; otherwise as above. */
int gl_file_reopen_at(struct gl_dir *dir, const char *name, int *ret_fd,
                      struct gl_disk_info *ret_info);
void gl_file_close(int fd);
int gl_file_dup(int fd); /* another descriptor of the same file; UV_EMFILE */
/*
 * Takes the only lock there is on a file, at once or not at all (UV_EAGAIN). Ends with the
 * descriptor, so also with the process. UV_ENOTSUP where the file system has no locks.
 */
int gl_file_lock(int fd);
int gl_file_stat(int fd, struct gl_disk_info *ret_info);
/* Reads until len bytes are there or the file ends. Bytes read, or negative. */
ssize_t gl_file_read_at(int fd, void *data, size_t len, uint64_t offset);
int gl_file_write_at(int fd, const void *data, size_t len, uint64_t offset);
/* The next bytes at or after `offset` that are not a hole. UV_ENXIO: none, up to the end there is a
 * hole. */
int gl_file_next_data(int fd, uint64_t offset, uint64_t *ret_start, uint64_t *ret_end);
/* Longer: the new end is a hole. */
int gl_file_truncate(int fd, uint64_t size);
/* Permissions (mode & 0777) and, if mtime is not NULL, the time. */
int gl_file_set(int fd, uint32_t mode, const struct gl_disk_time *mtime);
/* Of these the file has just those; nothing changes with 0, nor on a system that has none. */
int gl_file_set_attributes(int fd, uint32_t attributes);
/*
 * The file, which was ours alone, gets who may use it in the end, before its mode. The owner and
 * group, as far as we may give them, of the regular file that has this name, if there is one, and
 * on Windows its access list; otherwise what its directory says of new files. The former not in a
 * directory where others than its owner may make files (a group's, or /tmp), unless the old file is
 * ours or that owner's: the name may have been taken in order to get what is copied (compare
 * fs.protected_regular, proc(5)). Fails if the list cannot be had or given.
 */
int gl_file_settle(int fd, struct gl_dir *dir, const char *name);
/* Content and attributes are on the disk. */
int gl_file_sync(int fd);
/* Begins to write this part to the disk, so that the sync at the end finds little to do. Best
 * effort. */
void gl_file_sync_begin(int fd, uint64_t offset, uint64_t len);
/* This file will be read once, from its start to its end. */
void gl_file_will_read(int fd);
/*
 * Everything that was written to the file system of fd is on the disk. UV_ENOTSUP where this is not
 * certain for this kind of file system (network and user-space ones): sync each file there.
 */
int gl_disk_sync_all(int fd);
int gl_dir_sync_all(struct gl_dir *dir); /* UV_EBADF: it may not be read */
bool gl_dir_can_sync_all(const struct gl_dir *dir);
/* The permissions of a new file that nobody asked for special ones. */
uint32_t gl_disk_default_mode(void);

/* ------------------------------------------------------------------ streams */

/* Ends waiting on one thread from another; once raised it stays so. */
struct gl_disk_signal;
int gl_disk_signal_new(struct gl_disk_signal **ret_signal); /* UV_EMFILE and its like */
void gl_disk_signal_raise(struct gl_disk_signal *signal);
void gl_disk_signal_free(struct gl_disk_signal *signal); /* NULL is fine; nobody waits for it */

/*
 * Reads or writes a pipe, terminal or device. They wait, and give up with UV_ECANCELED once
 * `cancel` (NULL: none) is raised. Bytes read, 0 at the end.
 */
ssize_t gl_stream_fd_read(int fd, void *data, size_t len, struct gl_disk_signal *cancel);
int gl_stream_fd_write(int fd, const void *data, size_t len, struct gl_disk_signal *cancel);

#endif
