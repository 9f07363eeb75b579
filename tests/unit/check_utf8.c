/* SPDX-License-Identifier: MIT */
#include "utf8.h"

#include <string.h>

#include "unit.h"

START_TEST(takes_what_is_valid)
{
    static const char *const good[] = {
        "",
        "plain",
        "\x7f",
        "\xc2\x80",         /* U+0080, the least of two bytes */
        "\xdf\xbf",         /* U+07FF */
        "\xe0\xa0\x80",     /* U+0800 */
        "\xed\x9f\xbf",     /* U+D7FF, before the surrogates */
        "\xee\x80\x80",     /* U+E000, after them */
        "\xef\xbf\xbf",     /* U+FFFF */
        "\xf0\x90\x80\x80", /* U+10000 */
        "\xf4\x8f\xbf\xbf", /* U+10FFFF */
        "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(gl_utf8_valid(good[i], strlen(good[i])), "case %zu", i);
    ck_assert(gl_utf8_valid("a\0b", 3));
    ck_assert(gl_utf8_valid(NULL, 0));
}
END_TEST

START_TEST(code_points)
{
    ck_assert_uint_eq(gl_utf8_code_point("\x7f", 1), 0x7F);
    ck_assert_uint_eq(gl_utf8_code_point("\xdf\xbf", 2), 0x7FF);
    ck_assert_uint_eq(gl_utf8_code_point("\xe2\x82\xac", 3), 0x20AC);
    ck_assert_uint_eq(gl_utf8_code_point("\xf4\x8f\xbf\xbf", 4), 0x10FFFF);
}
END_TEST

START_TEST(refuses_the_rest)
{
    static const char *const bad[] = {
        "\x80", /* a continuation alone */
        "\xbf",
        "\xc0\x80", /* overlong NUL */
        "\xc1\xbf",
        "\xe0\x9f\xbf", /* overlong */
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* surrogates */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* over U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc3", /* cut short */
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3(", /* no continuation */
        "\xe2(\xa1",
        "\xe2\x82(",
        "\xf0\x9f\x98(",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!gl_utf8_valid(bad[i], strlen(bad[i])), "case %zu", i);
        ck_assert_uint_eq(gl_utf8_char_len(bad[i], strlen(bad[i])), 0);
    }
    /* The last byte of a whole character may not be looked at if it is outside. */
    ck_assert(!gl_utf8_valid("\xe2\x82\xac", 2));
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("utf8", takes_what_is_valid, code_points, refuses_the_rest);
}

GL_UNIT_MAIN(suite)
