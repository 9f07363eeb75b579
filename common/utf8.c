/* SPDX-License-Identifier: MIT */
#include "utf8.h"

static bool between(unsigned value, unsigned low, unsigned high)
{
    return value >= low && value <= high;
}

/* The table of RFC 3629, section 4: only the second byte's range depends on the first. */
size_t gl_utf8_char_len(const void *data, size_t len)
{
    const uint8_t *s = data;
    if (len == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;

    size_t need;
    unsigned low = 0x80, high = 0xBF;
    if (between(s[0], 0xC2, 0xDF)) {
        need = 2;
    } else if (between(s[0], 0xE0, 0xEF)) {
        need = 3;
        if (s[0] == 0xE0)
            low = 0xA0;
        if (s[0] == 0xED)
            high = 0x9F;
    } else if (between(s[0], 0xF0, 0xF4)) {
        need = 4;
        if (s[0] == 0xF0)
            low = 0x90;
        if (s[0] == 0xF4)
            high = 0x8F;
    } else {
        return 0;
    }
    if (len < need || !between(s[1], low, high))
        return 0;
    for (size_t i = 2; i < need; i++) {
        if (!between(s[i], 0x80, 0xBF))
            return 0;
    }
    return need;
}

uint32_t gl_utf8_code_point(const void *data, size_t len)
{
    static const uint8_t first[] = {0, 0x7F, 0x1F, 0x0F, 0x07}; /* its bits that count */
    const uint8_t *s = data;
    uint32_t point = s[0] & first[len];
    for (size_t i = 1; i < len; i++)
        point = point << 6 | (s[i] & 0x3Fu);
    return point;
}

bool gl_utf8_valid(const void *data, size_t len)
{
    const uint8_t *s = data;
    while (len > 0) {
        size_t n = gl_utf8_char_len(s, len);
        if (n == 0)
            return false;
        s += n;
        len -= n;
    }
    return true;
}
