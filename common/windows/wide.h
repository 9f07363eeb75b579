/* SPDX-License-Identifier: MIT */
/*
 * Between our UTF-8 and the UTF-16 of Windows' W functions. Strict: what is not valid is an error
 * here, and never silently another name. Results are for gl_free().
 */
#ifndef GL_WINDOWS_WIDE_H
#define GL_WINDOWS_WIDE_H

#include <stdbool.h>
#include <wchar.h>

#include "mem.h"

/* NULL: not UTF-8. */
wchar_t *gl_wide(const char *text) __attribute__((malloc));
/*
 * A path for a W function, of any length: made absolute against the working directory, with
 * backslashes, and with \\?\ (or \\?\UNC\) before it, so that no limit of 260 characters holds
 * ("Maximum Path Length Limitation", learn.microsoft.com). The name is taken as the user would mean
 * it to Windows: "C:x", trailing dots and "CON" are treated as by GetFullPathNameW(). A path that
 * begins with \\?\ or \\.\ stays as it is. NULL: not UTF-8, or no path.
 */
wchar_t *gl_wide_path(const char *path) __attribute__((malloc));
/* NULL: not UTF-16 (a surrogate without its other half). */
char *gl_narrow(const wchar_t *text) __attribute__((malloc));
/* The same, with U+FFFD in place of what is not; for messages. */
char *gl_narrow_lossy(const wchar_t *text) __attribute__((malloc));

#endif
