/* SPDX-License-Identifier: MIT */
/* Functions that take the place of others in the import table of this process' program. */
#ifndef GL_HOOK_H
#define GL_HOOK_H

#include <windows.h>

struct gl_hook {
    const char *name; /* NULL ends a table */
    FARPROC function;
};

/* From now on. The table is kept. */
void gl_hook_program(const struct gl_hook *table);

/* NULL: it is not in the table. */
FARPROC gl_hook_of(const char *name);

#endif
