/* SPDX-License-Identifier: MIT */
#include "private-file.h"

#include <errno.h>
#include <fcntl.h>

uv_file gl_private_file_create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : uv_translate_sys_error(errno);
}
