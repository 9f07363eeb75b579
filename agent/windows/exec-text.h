/* SPDX-License-Identifier: MIT */
/* Words on what Windows says. */
#ifndef GL_AGENT_WINDOWS_EXEC_TEXT_H
#define GL_AGENT_WINDOWS_EXEC_TEXT_H

#include <windows.h>

#include "mem.h"
#include "status.h"

/* The system's own text for an error, in English if it has that, without full stop and end of
 * line. For gl_free(). */
char *gl_exec_error_text(DWORD error);

/* Why something did not come about: what on_end tells. */
struct gl_exec_failure {
    enum gl_status status; /* OK: nothing failed */
    char *text;            /* for gl_free() */
};

/* Sets it, unless it is set. Returns -1, for `return gl_exec_fail(...)`. */
int gl_exec_fail(struct gl_exec_failure *failure, enum gl_status status, const char *format, ...)
    GL_PRINTF(3, 4);

#endif
