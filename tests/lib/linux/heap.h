/* SPDX-License-Identifier: MIT */
/* How much memory is allocated at present, in bytes, for tests that bound it. */
#ifndef GL_HEAP_H
#define GL_HEAP_H

#include <malloc.h>
#include <stddef.h>

/* AddressSanitizer's, where it is the allocator: what was asked for, without its own red zones. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static inline size_t heap_used(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    return mallinfo2().uordblks; /* with malloc's own overhead */
}

#endif
