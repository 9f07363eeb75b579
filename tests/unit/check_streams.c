/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream-seen.h"

static void ignore_sigpipe(void)
{
    signal(SIGPIPE, SIG_IGN);
}

/* A channel between two descriptors, of each kind that there is. */
static void make(int kind, int fds[2])
{
    if (kind == 0)
        ck_assert_int_eq(pipe(fds), 0);
    else
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

/* Neither descriptor's flags are touched: others have them open too. */
static void pass_all(int kind)
{
    int fds[2];
    struct pass pass;
    make(kind, fds);
    pass_content(&pass, fds);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(fcntl(fds[i], F_GETFL) & O_NONBLOCK, 0);
    pass_end(&pass, fds);
}

START_TEST(through_a_pipe)
{
    pass_all(0);
}
END_TEST

START_TEST(through_a_socket)
{
    pass_all(1);
}
END_TEST

/* As another user, who may not open root's pipe anew: the way that waits before each call. */
START_TEST(through_a_pipe_of_somebody_else)
{
    if (geteuid() != 0) {
        printf("skipped: only root can become somebody else\n");
        return;
    }
    int fds[2];
    make(0, fds);
    ck_assert_int_eq(seteuid(65534), 0);
    struct seen out = {0}, in = {.data = gl_alloc(BIG)};
    struct gl_output *output;
    struct gl_input *input;
    ck_assert_int_eq(gl_output_new(&loop, fds[1], &output_events, &out, &output), 0);
    ck_assert_int_eq(gl_input_new(&loop, fds[0], &input_events, &in, &input), 0);
    gl_output_write(output, part(0, BIG / 2), BIG / 2);
    gl_output_write(output, part(BIG / 2, BIG - BIG / 2), BIG - BIG / 2);
    for (int i = 0; i < 200; i++)
        uv_run(&loop, UV_RUN_NOWAIT); /* the pipe is full now; whoever blocks, blocks for ever */
    ck_assert_uint_eq(in.len, 0);
    gl_input_read(input, true);
    while (in.len < BIG)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_mem_eq(in.data, content, BIG);
    gl_output_free(output);
    gl_input_free(input);
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_int_eq(seteuid(0), 0);
    close(fds[0]);
    close(fds[1]);
    gl_free(in.data);
}
END_TEST

START_TEST(files)
{
    char path[] = "/tmp/gl-streams-XXXXXX";
    int fd = mkstemp(path);
    struct seen out = {0}, in = {.data = gl_alloc(BIG)};
    struct gl_output *output;
    ck_assert_int_eq(gl_output_new(&loop, fd, &output_events, &out, &output), 0);
    gl_output_write(output, part(0, BIG), 7);
    while (!gl_output_is_empty(output))
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(out.written, 7);
    gl_output_free(output);

    lseek(fd, 0, SEEK_SET);
    struct gl_input *input;
    ck_assert_int_eq(gl_input_new(&loop, fd, &input_events, &in, &input), 0);
    gl_input_read(input, true);
    while (!in.ended)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(in.len, BIG);
    ck_assert_mem_eq(in.data, content, BIG);
    gl_input_read(input, true); /* after the end: nothing */
    gl_input_free(input);
    close(fd);
    unlink(path);
    gl_free(in.data);
}
END_TEST

START_TEST(a_full_disk_is_told_once)
{
    int fd = open("/dev/full", O_WRONLY);
    struct seen out = {0};
    struct gl_output *output;
    ck_assert_int_eq(gl_output_new(&loop, fd, &output_events, &out, &output), 0);
    for (int i = 0; i < 3; i++)
        gl_output_write(output, part(0, 100), 100);
    while (!gl_output_is_empty(output))
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(out.error, UV_ENOSPC);
    ck_assert_int_eq(out.errors, 1);
    ck_assert_uint_eq(out.written, 300);
    gl_output_free(output);
    close(fd);
}
END_TEST

START_TEST(a_reader_that_went)
{
    for (int kind = 0; kind < 2; kind++) {
        int fds[2];
        make(kind, fds);
        struct seen out = {0};
        struct gl_output *output;
        ck_assert_int_eq(gl_output_new(&loop, fds[1], &output_events, &out, &output), 0);
        gl_output_write(output, part(0, BIG), BIG);
        ck_assert_int_eq(out.errors, 0);
        close(fds[0]);
        while (out.errors == 0)
            uv_run(&loop, UV_RUN_ONCE);
        ck_assert_int_eq(out.error, UV_EPIPE);
        ck_assert_uint_eq(out.written, BIG);
        ck_assert(gl_output_is_empty(output));
        gl_output_free(output);
        close(fds[1]);
    }
}
END_TEST

START_TEST(paused)
{
    int fds[2];
    make(0, fds);
    struct seen in = {.data = gl_alloc(BIG)};
    struct gl_input *input;
    ck_assert_int_eq(gl_input_new(&loop, fds[0], &input_events, &in, &input), 0);
    ck_assert_int_eq(write(fds[1], "abc", 3), 3);
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(in.len, 0);
    gl_input_read(input, true);
    while (in.len < 3)
        uv_run(&loop, UV_RUN_ONCE);
    gl_input_read(input, false);
    ck_assert_int_eq(write(fds[1], "def", 3), 3);
    for (int i = 0; i < 10; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(in.len, 3);
    gl_input_free(input);
    close(fds[0]);
    close(fds[1]);
    gl_free(in.data);
}
END_TEST

START_TEST(devices)
{
    struct seen in = {.data = gl_alloc(BIG)};
    struct gl_input *input;
    int fd = open("/dev/null", O_RDONLY);
    ck_assert_int_eq(gl_input_new(&loop, fd, &input_events, &in, &input), 0);
    gl_input_read(input, true);
    while (!in.ended)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(in.error, 0);
    gl_input_free(input);
    close(fd);
    ck_assert_int_eq(gl_input_new(&loop, 777, &input_events, &in, &input), UV_EBADF);
    gl_free(in.data);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("streams");
    TCase *tcase = tcase_create("streams");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_checked_fixture(tcase, ignore_sigpipe, NULL);
    tcase_add_test(tcase, through_a_pipe);
    tcase_add_test(tcase, through_a_socket);
    tcase_add_test(tcase, through_a_pipe_of_somebody_else);
    tcase_add_test(tcase, files);
    tcase_add_test(tcase, a_full_disk_is_told_once);
    tcase_add_test(tcase, a_reader_that_went);
    tcase_add_test(tcase, paused);
    tcase_add_test(tcase, devices);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
