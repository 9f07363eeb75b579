/* SPDX-License-Identifier: MIT */
/* What the files of this folder share. */
#ifndef GL_DISK_LINUX_H
#define GL_DISK_LINUX_H

#include <sys/stat.h>

#include "disk.h"

void gl_disk_info_from_stat(const struct stat *st, struct gl_disk_info *ret_info);
bool gl_disk_can_sync_all(int fd);
int gl_dir_fd(const struct gl_dir *dir);

#endif
