/* SPDX-License-Identifier: MIT */
#include "mem.h"

#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* stdio may allocate, hence only a constant text, unbuffered on stderr. */
static _Noreturn void out_of_memory(void)
{
    fputs("guestlink: out of memory\n", stderr);
    abort();
}

static size_t array_bytes(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory();
    return bytes;
}

void *gl_alloc(size_t size)
{
    void *ptr = malloc(size ? size : 1);
    if (!ptr)
        out_of_memory();
    return ptr;
}

void *gl_alloc0(size_t size)
{
    void *ptr = calloc(1, size ? size : 1);
    if (!ptr)
        out_of_memory();
    return ptr;
}

void *gl_alloc_array(size_t count, size_t size)
{
    return gl_alloc0(array_bytes(count, size));
}

void *gl_realloc(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size ? size : 1);
    if (!moved)
        out_of_memory();
    return moved;
}

void *gl_realloc_array(void *ptr, size_t count, size_t size)
{
    return gl_realloc(ptr, array_bytes(count, size));
}

void gl_free(void *ptr)
{
    free(ptr);
}

char *gl_strdup(const char *text)
{
    return text ? gl_memdup(text, strlen(text) + 1) : NULL;
}

char *gl_strndup(const char *text, size_t max)
{
    size_t len = strnlen(text, max);
    char *copy = gl_alloc(len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void *gl_memdup(const void *data, size_t len)
{
    void *copy = gl_alloc(len);
    if (len)
        memcpy(copy, data, len);
    return copy;
}

char *gl_vasprintf(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        out_of_memory();
    char *text = gl_alloc((size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, args);
    return text;
}

char *gl_asprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = gl_vasprintf(format, args);
    va_end(args);
    return text;
}

void gl_secure_free(void *ptr, size_t len)
{
    if (!ptr)
        return;
    sodium_memzero(ptr, len);
    free(ptr);
    gl_wipe_traces();
}

/* By the C library's own functions, as only they know which registers they use, by length; called
 * through pointers that the compiler cannot see through. */
void gl_wipe_traces(void)
{
    static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
    static void *(*volatile find)(const void *, int, size_t) = memchr;
    static size_t (*volatile length)(const char *) = strlen;
    static int (*volatile compare)(const void *, const void *, size_t) = memcmp;
    static const size_t lengths[] = {16, 32, 64, 128, 256, 512, 1000, 2000};
    static const char nothing[2001];
    char copied[2000];
    for (size_t i = 0; i < GL_ARRAY_SIZE(lengths); i++)
        copy(copied, nothing, lengths[i]);
    find(copied, 1, sizeof(copied));
    compare(copied, nothing, sizeof(copied));
    length(nothing);
}
