/* SPDX-License-Identifier: MIT */
#include "mem.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <uv.h>

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

/* What this program does when it is started with an argument. */
static int overflow(const char *what)
{
    if (strcmp(what, "alloc") == 0)
        gl_free(gl_alloc_array(half, 3));
    else
        gl_free(gl_realloc_array(NULL, half, 3));
    return 0;
}

static int64_t child_status;
static int child_signal;

static void on_exit_of_child(uv_process_t *process, int64_t status, int signal)
{
    child_status = status;
    child_signal = signal;
    uv_close((uv_handle_t *)process, NULL);
}

static const char *const overflows[] = {"alloc", "realloc"};

/* In a process of its own, as not every system can fork. */
START_TEST(overflow_aborts)
{
    char self[4096];
    size_t len = sizeof(self);
    uv_process_t child;
    ck_assert_int_eq(uv_exepath(self, &len), 0);
    char *args[] = {self, (char *)(uintptr_t)overflows[_i], NULL};
    uv_process_options_t options = {.file = self, .args = args, .exit_cb = on_exit_of_child};
    ck_assert_int_eq(uv_spawn(uv_default_loop(), &child, &options), 0);
    ck_assert_int_eq(uv_run(uv_default_loop(), UV_RUN_DEFAULT), 0);
    /* 3 is what abort() exits with on Windows ("abort", learn.microsoft.com). */
    ck_assert_msg(child_signal == SIGABRT || child_status == 3, "signal %d, status %lld",
                  child_signal, (long long)child_status);
    ck_assert_int_eq(uv_loop_close(uv_default_loop()), 0);
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
    tcase_add_loop_test(aborts, overflow_aborts, 0, (int)GL_ARRAY_SIZE(overflows));
    suite_add_tcase(s, aborts);
    return s;
}

int main(int argc, char **argv)
{
    return argc == 2 ? overflow(argv[1]) : gl_unit_run(suite());
}
