/* SPDX-License-Identifier: MIT */
#include "startup.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "mem.h"
#include "state-place.h"
#include "unit.h"

static unsigned mode_of(const char *name)
{
    struct stat st;
    ck_assert_msg(stat(below(name), &st) == 0, "%s", name);
    return st.st_mode & 07777;
}

static void refuse(const char *name, int wanted, const char *what)
{
    char *error = NULL;
    ck_assert_int_eq(gl_startup_claim_state(below(name), "tester", &error), wanted);
    ck_assert_msg(strstr(error, below(name)) && strstr(error, what), "%s", error);
    gl_free(error);
}

START_TEST(process)
{
    struct rlimit before, after;
    struct sigaction action;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    before.rlim_cur = before.rlim_max / 2;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(0);
    gl_startup_prepare();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &after), 0);
    ck_assert_uint_eq(after.rlim_cur, after.rlim_max);
    ck_assert_uint_eq(gl_startup_saved_open_files(), before.rlim_cur);
    ck_assert_uint_eq(umask(022), 077);
    ck_assert_int_eq(sigaction(SIGPIPE, NULL, &action), 0);
    ck_assert(action.sa_handler == SIG_IGN);
    ck_assert_int_eq(dup(1) > 2, 1); /* 0 is taken */
}
END_TEST

START_TEST(state_is_made)
{
    char *error = NULL;
    umask(077);
    ck_assert_int_eq(gl_startup_claim_state(below("a/b/c"), "tester", &error), 0);
    ck_assert_uint_eq(mode_of("a"), 0755);
    ck_assert_uint_eq(mode_of("a/b"), 0755);
    ck_assert_uint_eq(mode_of("a/b/c"), 0700);
    ck_assert_uint_eq(mode_of("a/b/c/lock"), 0600);
    ck_assert_int_eq(gl_startup_claim_state(below("d//"), "tester", &error), 0);
    ck_assert_uint_eq(mode_of("d"), 0700);
}
END_TEST

START_TEST(state_is_taken_once)
{
    char *error = NULL;
    ck_assert_int_eq(gl_startup_claim_state(below("s"), "tester", &error), 0);
    refuse("s", UV_EBUSY, "another tester");
}
END_TEST

START_TEST(state_of_others)
{
    ck_assert_int_eq(mkdir(below("open"), 0700), 0);
    ck_assert_int_eq(chmod(below("open"), 0770), 0);
    refuse("open", UV_EACCES, "chmod 0700");
    FILE *file = fopen(below("file"), "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    refuse("file", UV_ENOTDIR, "not a directory");
    refuse("file/in-it", UV_ENOTDIR, "cannot make");
    if (geteuid() == 0) {
        ck_assert_int_eq(mkdir(below("other"), 0700), 0);
        ck_assert_int_eq(chown(below("other"), 12345, 12345), 0);
        refuse("other", UV_EACCES, "belongs to user 12345, not to this one: chown -R");
    }
}
END_TEST

START_TEST(notification)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char got[64] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    ck_assert_uint_lt(strlen(below("notify")), sizeof(address.sun_path));
    strcpy(address.sun_path, below("notify"));
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", below("notify"), 1);
    gl_startup_notify("READY=1");
    ck_assert_int_eq(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 7);
    ck_assert_str_eq(got, "READY=1");
    close(fd);
    gl_startup_notify("READY=1"); /* nobody is there: nothing happens */
    unsetenv("NOTIFY_SOCKET");
    gl_startup_notify("READY=1");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("startup");
    TCase *tc = tcase_create("startup");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, process);
    tcase_add_test(tc, state_is_made);
    tcase_add_test(tc, state_is_taken_once);
    tcase_add_test(tc, state_of_others);
    tcase_add_test(tc, notification);
    suite_add_tcase(s, tc);
    return s;
}

GL_UNIT_MAIN(suite)
