/* SPDX-License-Identifier: MIT */
/* A folder below which daemons may have their state: for the twins check_startup. */
#ifndef GL_STATE_PLACE_H
#define GL_STATE_PLACE_H

#include "scratch.h"

static char dir[GL_SCRATCH_PATH];

static void setup(void)
{
    gl_scratch_new(dir, "startup");
}

static void teardown(void)
{
    gl_scratch_remove(dir);
}

/* Valid until the next call. */
static const char *below(const char *name)
{
    static char path[GL_SCRATCH_PATH + 64];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

#endif
