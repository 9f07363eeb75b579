/* SPDX-License-Identifier: MIT */
/*
 * Environment blocks: "NAME=value" texts in UTF-16, each ended by NUL, and another NUL, sorted by
 * name without regard to case ("Changing Environment Variables", learn.microsoft.com). Names that
 * begin with = ("=C:=C:\") are the shell's own and stay.
 */
#ifndef GL_AGENT_WINDOWS_EXEC_ENVIRONMENT_H
#define GL_AGENT_WINDOWS_EXEC_ENVIRONMENT_H

#include <wchar.h>

/*
 * `base`, a block, and `changes` (UTF-8, NULL-terminated) over it, the last of those with one name
 * wins. NULL: one of the changes is not UTF-8 or has no name. For gl_free().
 */
wchar_t *gl_exec_environment(const wchar_t *base, const char *const *changes);
/* The value of a variable, in the block; NULL: there is none. */
const wchar_t *gl_exec_environment_get(const wchar_t *block, const wchar_t *name);

#endif
