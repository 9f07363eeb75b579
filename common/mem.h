/* SPDX-License-Identifier: MIT */
/*
 * Allocation. These never return NULL: out of memory ends the process with a message, since there
 * is nothing sensible to do then. Hence every size that a peer influences is bounded by the caller
 * BEFORE it gets here. All results are freed by gl_free() or free(), which are the same.
 */
#ifndef GL_MEM_H
#define GL_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#ifdef __MINGW32__
#define GL_PRINTF(fmt, first) __attribute__((format(gnu_printf, fmt, first)))
#else
#define GL_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#endif

/* size bytes, uninitialised; 0 bytes give a pointer too. */
void *gl_alloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* The same, zeroed. */
void *gl_alloc0(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* count * size bytes, zeroed; a product that overflows counts as out of memory. */
void *gl_alloc_array(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
/* Grows or shrinks ptr (or NULL), as realloc(3). */
void *gl_realloc(void *ptr, size_t size) __attribute__((returns_nonnull, alloc_size(2)));
void *gl_realloc_array(void *ptr, size_t count, size_t size)
    __attribute__((returns_nonnull, alloc_size(2, 3)));
void gl_free(void *ptr);

/* A copy of text; NULL gives NULL. */
char *gl_strdup(const char *text) __attribute__((malloc));
/* A copy of at most max bytes of text (ending at a NUL before that), NUL-terminated. */
char *gl_strndup(const char *text, size_t max) __attribute__((malloc, returns_nonnull));
/* A copy of len bytes. */
void *gl_memdup(const void *data, size_t len) __attribute__((malloc, returns_nonnull));
/* What sprintf would print, allocated. */
char *gl_asprintf(const char *format, ...) GL_PRINTF(1, 2) __attribute__((malloc, returns_nonnull));
char *gl_vasprintf(const char *format, va_list args) GL_PRINTF(1, 0)
    __attribute__((malloc, returns_nonnull));

/* Wipes len bytes in a way that the compiler cannot drop, then frees; and gl_wipe_traces(). NULL is
 * fine. */
void gl_secure_free(void *ptr, size_t len);
/*
 * What copied and searched a secret leaves pieces of it in vector registers until they are used
 * again, and the next signal puts them on the stack (seen on Linux: its frame has all of them).
 * This uses them. It takes less than a microsecond.
 */
void gl_wipe_traces(void);

#define GL_NEW(type)               ((type *)gl_alloc(sizeof(type)))
#define GL_NEW0(type)              ((type *)gl_alloc0(sizeof(type)))
#define GL_NEW0_ARRAY(type, count) ((type *)gl_alloc_array((count), sizeof(type)))
#define GL_ARRAY_SIZE(array)       (sizeof(array) / sizeof((array)[0]))

#endif
