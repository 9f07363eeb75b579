/* SPDX-License-Identifier: MIT */
#include "why.h"

#include <stdio.h>

#include "utf8.h"

/* What is left of a character that was cut at the end. */
static void drop_cut(char *text, size_t len)
{
    size_t first = len;
    while (first > 0 && len - first < 4 && ((unsigned char)text[first - 1] & 0xC0) == 0x80)
        first--;
    if (first > 0 && (unsigned char)text[first - 1] >= 0xC0 &&
        gl_utf8_char_len(text + first - 1, len - first + 1) == 0)
        text[first - 1] = '\0';
}

int gl_why(struct gl_why *why, int err, const char *format, ...)
{
    if (why) {
        va_list args;
        va_start(args, format);
        int len = vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
        if (len >= (int)sizeof why->text)
            drop_cut(why->text, sizeof why->text - 1);
    }
    return err;
}
