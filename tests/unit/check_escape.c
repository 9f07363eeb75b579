/* SPDX-License-Identifier: MIT */
#include "escape.h"

#include <string.h>

#include "mem.h"
#include "unit.h"
#include "utf8.h"

static void expect(const char *from, const char *to)
{
    char *escaped = gl_escape_dup(from);
    ck_assert_str_eq(escaped, to);
    gl_free(escaped);
}

START_TEST(leaves_text)
{
    expect("C:\\dir \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80~",
           "C:\\dir \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80~");
    expect("", "");
    expect(NULL, "");
    expect("\xc2\xa0", "\xc2\xa0"); /* U+00A0 is the first after C1 */
}
END_TEST

START_TEST(escapes_what_a_terminal_obeys)
{
    expect("a\nb\tc\x1b[31m", "a\\x0ab\\x09c\\x1b[31m");
    expect("\x7f", "\\x7f");
    expect("\xc2\x9b"
           "31m",
           "\\xc2\\x9b31m"); /* CSI as U+009B */
    expect("\x9b"
           "31m",
           "\\x9b31m");                        /* CSI as a byte, not UTF-8 */
    expect("\xe2\x80\xae", "\\xe2\\x80\\xae"); /* right-to-left override */
    expect("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* line separator */
    expect("\xe2\x81\xa6", "\\xe2\\x81\\xa6"); /* left-to-right isolate */
    expect("\xe2\x82", "\\xe2\\x82");          /* cut short */

    char buf[16];
    ck_assert_uint_eq(gl_escape(buf, sizeof(buf), "a\0b", 3), 6);
    ck_assert_str_eq(buf, "a\\x00b");
}
END_TEST

START_TEST(nothing_raw_comes_out)
{
    unsigned char all[512];
    char buf[4 * sizeof(all) + 1];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)(i * 7 + i / 256);
    size_t len = gl_escape(buf, sizeof(buf), all, sizeof(all));
    ck_assert_uint_eq(len, strlen(buf));
    ck_assert(gl_utf8_valid(buf, len));
    for (size_t i = 0; i < len; i++)
        ck_assert_int_ne((unsigned char)buf[i] < 0x20 || buf[i] == 0x7f, 1);
}
END_TEST

START_TEST(cuts_between_characters)
{
    static const char text[] = "ab\n\xe2\x82\xac";
    for (size_t size = 1; size <= 11; size++) {
        char buf[16];
        memset(buf, '#', sizeof(buf));
        ck_assert_uint_eq(gl_escape(buf, size, text, sizeof(text) - 1), 9);
        size_t len = strlen(buf);
        ck_assert_uint_lt(len, size);
        ck_assert(len <= 2 || len == 6 || len == 9);
        ck_assert_int_eq(buf[size], '#');
    }
    ck_assert_uint_eq(gl_escape(NULL, 0, text, sizeof(text) - 1), 9);

    /* Once something did not fit, nothing that comes after it may be put in its place. */
    char buf[5];
    ck_assert_uint_eq(gl_escape(buf, sizeof(buf), "ab\nc", 4), 7);
    ck_assert_str_eq(buf, "ab");
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("escape", leaves_text, escapes_what_a_terminal_obeys,
                         nothing_raw_comes_out, cuts_between_characters);
}

GL_UNIT_MAIN(suite)
