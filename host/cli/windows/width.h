/* SPDX-License-Identifier: MIT */
/* How wide text is in a terminal; other systems' C libraries have wcwidth(3) for it. */
#ifndef GL_CLI_WINDOWS_WIDTH_H
#define GL_CLI_WINDOWS_WIDTH_H

#include <stddef.h>

/* Columns of the text, UTF-8; each byte that is not is one. */
size_t gl_width_of(const char *text);

#endif
