/* SPDX-License-Identifier: MIT */
/*
 * Looks into memory just before it is given back, for tests of what must be wiped: the test's
 * program is linked with -Wl,--wrap=free -Wl,--wrap=realloc, so that all of our free() and
 * realloc() come through here. What was freed cannot be looked at any more, and under the address
 * sanitizer not even by stealth. Included by one file of a test program.
 */
#ifndef GL_FREED_H
#define GL_FREED_H

#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef __MINGW32__
#define freed_size _msize
#else
#define freed_size malloc_usable_size
#endif

static const char *freed_needle; /* NULL: nothing is looked at */
static unsigned freed_with_it;   /* pieces of memory that held it when they were given back */

static inline bool freed_find(const void *data, size_t size)
{
    size_t len = strlen(freed_needle);
    for (const char *at = data, *end = at + size; (size_t)(end - at) >= len; at++) {
        at = memchr(at, *freed_needle, (size_t)(end - at) - len + 1);
        if (!at)
            return false;
        if (memcmp(at, freed_needle, len) == 0)
            return true;
    }
    return false;
}

static inline void freed_look(void *ptr)
{
    if (ptr && freed_needle && freed_find(ptr, freed_size(ptr)))
        freed_with_it++;
}

void __real_free(void *ptr);
void *__real_realloc(void *ptr, size_t size);
void __wrap_free(void *ptr);
void *__wrap_realloc(void *ptr, size_t size);

void __wrap_free(void *ptr)
{
    freed_look(ptr);
    __real_free(ptr);
}

/* It may move. */
void *__wrap_realloc(void *ptr, size_t size)
{
    freed_look(ptr);
    return __real_realloc(ptr, size);
}

#endif
