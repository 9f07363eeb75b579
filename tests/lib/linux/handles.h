/* SPDX-License-Identifier: MIT */
/* How many descriptors this process has open. */
#ifndef GL_HANDLES_H
#define GL_HANDLES_H

#include <dirent.h>

static inline int gl_handles_open(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

#endif
