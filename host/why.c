/* SPDX-License-Identifier: MIT */
#include "why.h"

#include <stdio.h>

int gl_why(struct gl_why *why, int err, const char *format, ...)
{
    if (why) {
        va_list args;
        va_start(args, format);
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
    }
    return err;
}
