/* SPDX-License-Identifier: MIT */
/*
 * Makes text of a peer safe for a terminal or a log. Each byte of these becomes \xNN (two
 * lower-case hex digits): C0 controls (tab and newline too), DEL, C1 controls (U+0080 to U+009F),
 * whatever is not valid UTF-8, the line and paragraph separators U+2028 and U+2029, and the
 * characters that turn the direction of writing (U+202A to U+202E, U+2066 to U+2069, with which a
 * name can be made to read as another). All else stays, a backslash too: the result is for reading,
 * not for decoding.
 */
#ifndef GL_ESCAPE_H
#define GL_ESCAPE_H

#include <stddef.h>

/*
 * Writes the escaped form of len bytes into buf, NUL-terminated, no more than fits into size bytes;
 * what is cut off is cut between characters, never within one or within a \xNN.
 * Returns the length of the whole result without NUL: it was cut if that is >= size. buf may be
 * NULL if size is 0.
 */
size_t gl_escape(char *buf, size_t size, const void *data, size_t len);

/* The same of a whole C string, allocated: gl_free() it. NULL gives "". */
char *gl_escape_dup(const char *text);

#endif
