/* SPDX-License-Identifier: MIT */
/*
 * Which file a program's name means. As cmd.exe and cmd's users would have it, but for the current
 * directory, which is not searched: whoever can write there would decide what runs.
 */
#ifndef GL_AGENT_WINDOWS_EXEC_SEARCH_H
#define GL_AGENT_WINDOWS_EXEC_SEARCH_H

#include <stdbool.h>
#include <windows.h>

#include "windows/exec-text.h"

struct gl_exec_program {
    /* Absolute, links and short names resolved; with \\?\ if it is too long to do without. */
    wchar_t *path;
    char *name; /* the same in UTF-8, without */
    /*
     * Open for execution, shared with readers only, so that it is neither changed, replaced nor
     * renamed, nor a folder above it, while it is judged and until it is started.
     */
    HANDLE file;
};

/*
 * `name` with a slash, backslash or drive: that path, seen from `directory` (absolute); else it is
 * looked for in the PATH of `environment`, whose relative entries are passed over. Where no file
 * of just that name is, and before it if the name has no extension, each of PATHEXT is tried behind
 * it. What is found but cannot be a program is the answer only if nothing else is found. 0, or -1
 * and *failure: PROGRAM_NOT_FOUND, NOT_EXECUTABLE.
 *
 * local_only: what is on a share, or a link leads to there, is not looked at, and is DENIED if
 * nothing else is found.
 */
int gl_exec_search(const char *name, const wchar_t *directory, const wchar_t *environment,
                   bool local_only, struct gl_exec_program *ret_program,
                   struct gl_exec_failure *failure);
/* Fine for one that is all zeros. */
void gl_exec_program_done(struct gl_exec_program *program);

/*
 * The working directory: `directory` (UTF-8), seen from `home`, absolute, of a folder that is
 * there; or, if it is NULL, `home`, or the system's root if there is none. For gl_free(). NULL and
 * *failure: NOT_FOUND, NOT_DIRECTORY, ... Of `directory` *ret_where (may be NULL) is where it is
 * when links are resolved, for gl_free(). local_only: as above.
 */
wchar_t *gl_exec_directory(const char *directory, const wchar_t *home, bool local_only,
                           char **ret_where, struct gl_exec_failure *failure);

/* `path` seen from `directory`, made absolute: for the tests. NULL: it means a place that depends
 * on neither ("C:x"), or a device. For gl_free(). */
wchar_t *gl_exec_path_from(const wchar_t *directory, const wchar_t *path);

#endif
