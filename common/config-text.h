/* SPDX-License-Identifier: MIT */
/* The part of config.c that refuses what the parser would get wrong. */
#ifndef GL_CONFIG_TEXT_H
#define GL_CONFIG_TEXT_H

#include <stddef.h>

/*
 * Looks at len bytes of text, and blanks the comments: libConfuse counts a line more for each. 0;
 * or UV_EINVAL with *ret_line (from 1) and *ret_what, which is static.
 */
int gl_config_check_text(char *text, size_t len, int *ret_line, const char **ret_what);

#endif
