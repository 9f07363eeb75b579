/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 as RFC 3629 has it, strictly: no overlong forms, no surrogates, nothing over U+10FFFF. NUL
 * is a valid character here; what must be free of it is checked apart.
 */
#ifndef GL_UTF8_H
#define GL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the character at the start of data, or 0 if it is invalid or cut short. */
size_t gl_utf8_char_len(const void *data, size_t len);

/* The code point of a character of this length, which is what gl_utf8_char_len() has said. */
uint32_t gl_utf8_code_point(const void *data, size_t len);

/* Whether all len bytes are valid. Nothing at all is. */
bool gl_utf8_valid(const void *data, size_t len);

#endif
