/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target is libFuzzer's entry point and its name; the name is its folder in corpus/ too. It
 * aborts (FUZZ_ASSERT) when a promise is broken, and keeps no state from one call to the next.
 */
#ifndef GL_FUZZ_H
#define GL_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern const char gl_fuzz_name[];
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it must be there whatever NDEBUG says. */
#define FUZZ_ASSERT(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
