/* SPDX-License-Identifier: MIT */
/* How much memory is allocated at present, in bytes, for tests that bound it: the twin. */
#ifndef GL_HEAP_H
#define GL_HEAP_H

#include <stddef.h>
#include <windows.h>

#include "unit.h"

/*
 * Of all heaps of the process, among which malloc's is: walked block by block, as only newer
 * systems have HeapSummary() ("Enumerating a Heap", learn.microsoft.com).
 */
static inline size_t heap_used(void)
{
    HANDLE heaps[64];
    size_t used = 0;
    DWORD n = GetProcessHeaps(64, heaps);
    ck_assert(n > 0 && n <= 64);
    for (DWORD i = 0; i < n; i++) {
        PROCESS_HEAP_ENTRY entry = {.lpData = NULL};
        ck_assert(HeapLock(heaps[i]));
        while (HeapWalk(heaps[i], &entry))
            if (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY)
                used += entry.cbData;
        ck_assert(HeapUnlock(heaps[i]));
    }
    ck_assert_uint_gt(used, 0);
    return used;
}

#endif
