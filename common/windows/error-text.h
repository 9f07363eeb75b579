/* SPDX-License-Identifier: MIT */
/* What Windows says of its errors. */
#ifndef GL_ERROR_TEXT_H
#define GL_ERROR_TEXT_H

#include <windows.h>

/*
 * In English where Windows has that, else in its own language, without a dot at the end. Some texts
 * have a place for a name ("%1 is not a valid Win32 application"), which is not known here: it says
 * "it". For gl_free(); NULL: there is no text.
 */
char *gl_error_text(DWORD error);

#endif
