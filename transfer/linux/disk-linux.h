/* SPDX-License-Identifier: MIT */
/* What the files of this folder share. */
#ifndef GL_DISK_LINUX_H
#define GL_DISK_LINUX_H

#include <sys/stat.h>

#include "disk.h"

void gl_disk_info_from_stat(const struct stat *st, struct gl_disk_info *ret_info);
bool gl_disk_can_sync_all(int fd);
/* Of uname(2)'s release: "5.10.0-28-amd64" is since 5.8. */
bool gl_disk_release_is_since(const char *release, unsigned major, unsigned minor);
int gl_dir_fd(const struct gl_dir *dir);

#endif
