/* SPDX-License-Identifier: MIT */
#include "watchdog.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mem.h"
#include "unit.h"

static char dir[64], path[96];
static int fd;
static uv_loop_t loop;
static struct gl_watchdog watchdog;

static void setup(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(dir, sizeof(dir), "/tmp/check_watchdog.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/notify", dir);
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    memcpy(address.sun_path, path, strlen(path));
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    unsetenv("WATCHDOG_PID");
    ck_assert_int_eq(uv_loop_init(&loop), 0);
}

static void teardown(void)
{
    close(fd);
    unlink(path);
    rmdir(dir);
}

static void finish(void)
{
    gl_watchdog_stop(&watchdog);
    ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Whether anything was told up to now. */
static bool told(void)
{
    char got[64] = "";
    ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
    if (n < 0)
        return false;
    ck_assert_str_eq(got, "WATCHDOG=1");
    return true;
}

START_TEST(tells_again_and_again_while_the_loop_turns)
{
    char pid[24];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    setenv("WATCHDOG_USEC", "30000", 1);
    gl_watchdog_start(&watchdog, &loop);
    uv_ref((uv_handle_t *)&watchdog.timer); /* else the loop would not wait for it */
    for (unsigned n = 0; n < 3; n += told() ? 1 : 0)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert(!told()); /* not without the loop */
    ck_assert_uint_le(uv_timer_get_repeat(&watchdog.timer), 15);
    finish();
}
END_TEST

START_TEST(does_not_keep_the_loop)
{
    setenv("WATCHDOG_USEC", "30000000", 1);
    gl_watchdog_start(&watchdog, &loop);
    ck_assert(uv_is_active((uv_handle_t *)&watchdog.timer));
    ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    finish();
}
END_TEST

START_TEST(is_silent_where_nobody_asked)
{
    static const char *const asked[][2] = {
        {NULL, NULL},   {"", NULL},   {"0", NULL},    {"x", NULL},
        {"30x", NULL},  {"-1", NULL}, {"30000", "1"}, /* asked another process */
        {"30000", "x"},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(asked); i++) {
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (asked[i][0])
            setenv("WATCHDOG_USEC", asked[i][0], 1);
        if (asked[i][1])
            setenv("WATCHDOG_PID", asked[i][1], 1);
        gl_watchdog_start(&watchdog, &loop);
        ck_assert_msg(!uv_is_active((uv_handle_t *)&watchdog.timer), "%zu", i);
        gl_watchdog_stop(&watchdog);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    ck_assert(!told());
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

START_TEST(the_smallest_interval_is_no_endless_loop)
{
    setenv("WATCHDOG_USEC", "1", 1);
    gl_watchdog_start(&watchdog, &loop);
    ck_assert_uint_ge(uv_timer_get_repeat(&watchdog.timer), 1);
    finish();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("watchdog");
    TCase *tc = tcase_create("watchdog");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, tells_again_and_again_while_the_loop_turns);
    tcase_add_test(tc, does_not_keep_the_loop);
    tcase_add_test(tc, is_silent_where_nobody_asked);
    tcase_add_test(tc, the_smallest_interval_is_no_endless_loop);
    suite_add_tcase(s, tc);
    return s;
}

GL_UNIT_MAIN(suite)
