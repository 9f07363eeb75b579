/* SPDX-License-Identifier: MIT */
/* A folder, and in it the name of a secret that nobody has written yet: for the check_private
 * twins. */
#ifndef GL_SECRET_PLACE_H
#define GL_SECRET_PLACE_H

#include <stdint.h>

#include "scratch.h"
#include "secret-file.h"

static char folder[GL_SCRATCH_PATH], path[GL_SCRATCH_PATH + 16];

static void setup(void)
{
    gl_scratch_new(folder, "private");
    snprintf(path, sizeof(path), "%s/secret", folder);
}

static void teardown(void)
{
    gl_scratch_remove(folder);
}

static int read_it(const char *which)
{
    uint8_t data[64];
    size_t len;
    return gl_secret_file_read(which, data, sizeof(data), &len);
}

#endif
