/* SPDX-License-Identifier: MIT */
/* Where things are on this system: the twin. */
#ifndef GL_PLACE_H
#define GL_PLACE_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "unit.h"

/* A pipe, named by the folder, since pipes have one name space of their own. */
static inline void gl_place(const char *in, const char *name, struct gl_address *ret_address)
{
    const char *base = in + strlen(in);
    while (base > in && !strchr("/\\:", base[-1]))
        base--;
    *ret_address = (struct gl_address){.kind = GL_ADDRESS_PIPE};
    int n = snprintf(ret_address->path, sizeof(ret_address->path), "guestlink-%s-%s", base, name);
    ck_assert_int_lt(n, (int)sizeof(ret_address->path));
}

#define GL_PLACE_ROOT    "C:\\"
#define GL_PLACE_DRIVE   "C:"    /* what a path that is absolute begins with */
#define GL_PLACE_ADDRESS "pipe:" /* what an address of the machine's own begins with */

static inline bool gl_place_is_mount(const char *at)
{
    (void)at;
    return true;
}

#endif
