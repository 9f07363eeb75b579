/* SPDX-License-Identifier: MIT */
#include "escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "mem.h"
#include "utf8.h"

static bool is_harmless(const uint8_t *s, size_t len)
{
    switch (len) {
    case 1:
        return s[0] >= 0x20 && s[0] != 0x7F;
    case 2: /* U+0080 to U+009F */
        return !(s[0] == 0xC2 && s[1] < 0xA0);
    case 3:
        if (s[0] != 0xE2)
            return true;
        if (s[1] == 0x80) /* U+2028 to U+202E */
            return !(s[2] >= 0xA8 && s[2] <= 0xAE);
        return !(s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9); /* U+2066 to U+2069 */
    default:
        return len != 0;
    }
}

static void put_hex(char *out, const uint8_t *s, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = '\\';
        *out++ = 'x';
        *out++ = digits[s[i] >> 4];
        *out++ = digits[s[i] & 15];
    }
}

size_t gl_escape(char *buf, size_t size, const void *data, size_t len)
{
    const uint8_t *s = data;
    size_t total = 0, end = 0;
    bool room = size > 0;
    while (len > 0) {
        size_t n = gl_utf8_char_len(s, len);
        bool plain = is_harmless(s, n);
        if (n == 0)
            n = 1;
        size_t width = plain ? n : 4 * n;
        room = room && end + width < size;
        if (room) {
            if (plain)
                memcpy(buf + end, s, n);
            else
                put_hex(buf + end, s, n);
            end += width;
        }
        total += width;
        s += n;
        len -= n;
    }
    if (size > 0)
        buf[end] = '\0';
    return total;
}

char *gl_escape_dup(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    size_t size = gl_escape(NULL, 0, text, len) + 1;
    char *escaped = gl_alloc(size);
    gl_escape(escaped, size, text, len);
    return escaped;
}
