/* SPDX-License-Identifier: MIT */
/* How many handles this process has open, those of threads and events too: the twin. */
#ifndef GL_HANDLES_H
#define GL_HANDLES_H

#include <windows.h>

#include "unit.h"

static inline int gl_handles_open(void)
{
    DWORD count = 0;
    ck_assert(GetProcessHandleCount(GetCurrentProcess(), &count));
    return (int)count;
}

#endif
