/* SPDX-License-Identifier: MIT */
/* What the files of this folder share. */
#ifndef GL_DISK_LINUX_H
#define GL_DISK_LINUX_H

#include <sys/stat.h>

#include "disk.h"

void gl_disk_info_from_stat(const struct stat *st, struct gl_disk_info *ret_info);
bool gl_disk_can_sync_all(int fd);
/*
 * As gl_disk_resolve_any() with `follow`. *ret_steady: nobody but root and `user` can make the path
 * lead elsewhere, since each directory on the way is theirs alone to write to: it may be followed
 * once more, and leads to *ret_path.
 */
int gl_disk_resolve_steady(const char *path, uid_t user, char **ret_path, bool *ret_steady);
/* open(2) of a path; a descriptor, or a negative UV_E*. */
int gl_disk_open(const char *path, enum gl_disk_links links, int flags);
/* The same with GL_LINKS_NONE, step by step: what it does where the kernel has no openat2(2). */
int gl_disk_open_walk(const char *path, int flags);
/* Of uname(2)'s release: "5.10.0-28-amd64" is since 5.8. */
bool gl_disk_release_is_since(const char *release, unsigned major, unsigned minor);
int gl_dir_fd(const struct gl_dir *dir);

#endif
