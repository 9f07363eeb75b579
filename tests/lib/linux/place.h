/* SPDX-License-Identifier: MIT */
/* Where things are on this system. */
#ifndef GL_PLACE_H
#define GL_PLACE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "address.h"
#include "unit.h"

/* An address of this machine's own to listen on, for a test that has the folder to itself. */
static inline void gl_place(const char *in, const char *name, struct gl_address *ret_address)
{
    *ret_address = (struct gl_address){.kind = GL_ADDRESS_UNIX};
    int n = snprintf(ret_address->path, sizeof(ret_address->path), "%s/%s", in, name);
    ck_assert_int_lt(n, (int)sizeof(ret_address->path));
}

#define GL_PLACE_ROOT    "/"
#define GL_PLACE_DRIVE   ""           /* what a path that is absolute begins with */
#define GL_PLACE_ADDRESS "unix:/run/" /* what an address of the machine's own begins with */

/*
 * Whether a file system begins there: not so in a chroot. What the kernel does not say, before
 * Linux 5.8, is taken for one (statx(2), STATX_ATTR_MOUNT_ROOT).
 */
static inline bool gl_place_is_mount(const char *at)
{
    struct statx st;
    ck_assert_int_eq(statx(AT_FDCWD, at, 0, 0, &st), 0);
    return !(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
           (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

#endif
