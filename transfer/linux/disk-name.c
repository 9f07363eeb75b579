/* SPDX-License-Identifier: MIT */
/* Names of disk.h: here each means itself, and all may be had but "/" and NUL. */
#include "digest.h"
#include "disk.h"

#include <string.h>

bool gl_disk_separates(char c)
{
    return c == '/';
}

bool gl_disk_is_absolute(const char *path)
{
    return path[0] == '/';
}

const char *gl_disk_path_adrift(const char *path)
{
    (void)path;
    return NULL;
}

const char *gl_disk_path_trouble(const char *path)
{
    (void)path;
    return NULL;
}

bool gl_disk_guards_links(void)
{
    return true;
}

const char *gl_disk_target_trouble(const char *target)
{
    (void)target;
    return NULL;
}

const char *gl_dir_name_trouble(struct gl_dir *dir, const char *name)
{
    (void)dir, (void)name;
    return NULL;
}

bool gl_dir_folds(struct gl_dir *dir)
{
    (void)dir;
    return false;
}

uint64_t gl_dir_name_hash(struct gl_dir *dir, const char *name, uint64_t seed)
{
    (void)dir;
    return gl_hash64(name, strlen(name), seed);
}
