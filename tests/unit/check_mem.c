/* SPDX-License-Identifier: MIT */
#include "mem.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "unit.h"

START_TEST(zeroed)
{
    unsigned char *data = gl_alloc0(100);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(data[i], 0);
    gl_free(data);
    gl_free(gl_alloc(0));
    gl_free(gl_alloc_array(0, 8));
}
END_TEST

/* volatile: the compiler would warn of what is tested here. */
static volatile size_t half = SIZE_MAX / 2;

START_TEST(array_overflow_aborts)
{
    gl_free(gl_alloc_array(half, 3));
}
END_TEST

START_TEST(realloc_array_overflow_aborts)
{
    gl_free(gl_realloc_array(NULL, half, 3));
}
END_TEST

START_TEST(strings)
{
    char *text = gl_strdup("guest");
    ck_assert_str_eq(text, "guest");
    gl_free(text);
    ck_assert_ptr_null(gl_strdup(NULL));

    const char unterminated[3] = {'a', 'b', 'c'};
    text = gl_strndup(unterminated, 3);
    ck_assert_str_eq(text, "abc");
    gl_free(text);
    text = gl_strndup("ab", 100);
    ck_assert_str_eq(text, "ab");
    gl_free(text);

    text = gl_asprintf("%s-%d", "x", 42);
    ck_assert_str_eq(text, "x-42");
    gl_free(text);
}
END_TEST

START_TEST(grow_keeps_content)
{
    char *data = gl_memdup("abc", 4);
    data = gl_realloc(data, 4096);
    ck_assert_str_eq(data, "abc");
    gl_secure_free(data, 4096);
    gl_secure_free(NULL, 10);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = GL_UNIT_SUITE("mem", zeroed, strings, grow_keeps_content);
    TCase *aborts = tcase_create("aborts");
    tcase_add_test_raise_signal(aborts, array_overflow_aborts, SIGABRT);
    tcase_add_test_raise_signal(aborts, realloc_array_overflow_aborts, SIGABRT);
    suite_add_tcase(s, aborts);
    return s;
}

GL_UNIT_MAIN(suite)
