/* SPDX-License-Identifier: MIT */
/*
 * What others may have done to a file, for tests that it is noticed. There is a twin of this for
 * Windows, with the same functions.
 */
#ifndef GL_HARM_H
#define GL_HARM_H

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static inline void gl_harm_others_read(const char *path)
{
    ck_assert_int_eq(chmod(path, 0644), 0);
}

static inline void gl_harm_others_write(const char *path)
{
    ck_assert_int_eq(chmod(path, 0606), 0);
}

/* Back to nobody but us. */
static inline void gl_harm_undo(const char *path)
{
    ck_assert_int_eq(chmod(path, 0600), 0);
}

/* Whether we are one whose files others must not write. */
static inline bool gl_harm_is_superuser(void)
{
    return geteuid() == 0;
}

/* Whether somebody else owns it now: that takes rights that the test may not have. */
static inline bool gl_harm_give_away(const char *path)
{
    return geteuid() == 0 && chown(path, 12345, (gid_t)-1) == 0;
}

/* Whether path is now a symbolic link to target. */
static inline bool gl_harm_link(const char *target, const char *path)
{
    return symlink(target, path) == 0;
}

/* Whether nobody but us may read or write it. */
static inline bool gl_harm_is_private(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return (st.st_mode & 07777) == 0600 && st.st_uid == geteuid();
}

#endif
