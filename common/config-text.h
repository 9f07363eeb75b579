/* SPDX-License-Identifier: MIT */
/* The part of config.c that reads the text and refuses what the parser would get wrong. */
#ifndef GL_CONFIG_TEXT_H
#define GL_CONFIG_TEXT_H

#include <stddef.h>

/*
 * Reads the file at path, under the rules of config.h. On success *ret_text is NUL-terminated, for
 * gl_free(). Otherwise a negative UV_E*, and *ret_error says what is wrong, without path; for
 * gl_free().
 */
int gl_config_read(const char *path, char **ret_text, size_t *ret_len, char **ret_error);

/*
 * Looks at len bytes of text. 0; or UV_EINVAL with *ret_line (from 1) and *ret_what, which is
 * static.
 */
int gl_config_check_text(const char *text, size_t len, int *ret_line, const char **ret_what);

#endif
