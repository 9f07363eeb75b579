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
static inline void gl_place(const char *folder, const char *name, struct gl_address *ret_address)
{
    const char *base = folder + strlen(folder);
    while (base > folder && !strchr("/\\:", base[-1]))
        base--;
    *ret_address = (struct gl_address){.kind = GL_ADDRESS_PIPE};
    int n = snprintf(ret_address->path, sizeof(ret_address->path), "guestlink-%s-%s", base, name);
    ck_assert_int_lt(n, (int)sizeof(ret_address->path));
}

#define GL_PLACE_ROOT "C:\\"

static inline bool gl_place_is_mount(const char *path)
{
    (void)path;
    return true;
}

#endif
