/* SPDX-License-Identifier: MIT */
#include "width.h"

#include <stdint.h>
#include <string.h>

#include "mem.h"
#include "utf8.h"

struct range {
    uint32_t first, last;
};

/* Blocks of characters that take two columns (Unicode Standard Annex 11, East Asian Width W and F),
 * by blocks: what a name may have in it, not each exception. */
static const struct range wide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2E80, 0x303E},   {0x3041, 0x33FF},
    {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
    {0xFFE0, 0xFFE6},   {0x1B000, 0x1B2FF}, {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF},
    {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
};

/* Marks on the character before, and what is not seen (general category Mn, Me and Cf). */
static const struct range none[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},   {0x0610, 0x061A}, {0x064B, 0x065F},
    {0x0900, 0x0902}, {0x093C, 0x093C}, {0x0941, 0x0948},   {0x094D, 0x094D}, {0x0E31, 0x0E31},
    {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF},   {0x1DC0, 0x1DFF}, {0x200B, 0x200F},
    {0x2060, 0x2064}, {0x20D0, 0x20F0}, {0x302A, 0x302D},   {0x3099, 0x309A}, {0xFE00, 0xFE0F},
    {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF},
};

static int is_in(uint32_t c, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return 1;
    return 0;
}

static uint32_t decode(const uint8_t *s, size_t len)
{
    uint32_t c = len == 1 ? s[0] : s[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (s[i] & 0x3F);
    return c;
}

size_t gl_width_of(const char *text)
{
    const uint8_t *s = (const uint8_t *)text;
    size_t left = strlen(text), width = 0;
    while (left > 0) {
        size_t len = gl_utf8_char_len(s, left);
        uint32_t c = len ? decode(s, len) : 0;
        if (!len)
            len = 1, width++;
        else if (!is_in(c, none, GL_ARRAY_SIZE(none)))
            width += is_in(c, wide, GL_ARRAY_SIZE(wide)) ? 2 : 1;
        s += len;
        left -= len;
    }
    return width;
}
