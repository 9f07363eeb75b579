/* SPDX-License-Identifier: MIT */
/* The sentence that goes with an error number: what failed, on what, what to do. */
#ifndef GL_WHY_H
#define GL_WHY_H

#include "mem.h"

struct gl_why {
    char text[512];
};

/* Sets the text (cut if too long; *why may be NULL) and returns err, to be written `return
 * gl_why(...)`. */
int gl_why(struct gl_why *why, int err, const char *format, ...) GL_PRINTF(3, 4);

#endif
