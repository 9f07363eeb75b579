/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "file-io.h"
#include "os.h"
#include "out.h"
#include "scratch.h"
#include "unit.h"

#define STDOUT 1
#define LINES  20000u
#define LINE   "line %06u\n"
#define LEN    12u /* of each */

/* Puts `fd` in the place of standard output; what was there. */
static int put(int fd)
{
    fflush(stdout);
    int before = dup(STDOUT);
    ck_assert_int_ge(before, 0);
    ck_assert_int_ge(dup2(fd, STDOUT), 0);
    close(fd);
    return before;
}

static void put_back(int before)
{
    dup2(before, STDOUT);
    close(before);
}

static void write_lines(void)
{
    for (unsigned i = 0; i < LINES; i++)
        gl_out_printf(LINE, i);
}

static void all_of_it_arrives(void)
{
    char directory[GL_SCRATCH_PATH], path[GL_SCRATCH_PATH + 8], line[LEN + 1];
    uv_fs_t req;
    gl_scratch_new(directory, "out");
    snprintf(path, sizeof path, "%s/out", directory);
    int before = put(
        uv_fs_open(NULL, &req, path, UV_FS_O_CREAT | UV_FS_O_WRONLY | UV_FS_O_TRUNC, 0600, NULL));
    write_lines();
    int error = gl_out_flush();
    put_back(before);
    ck_assert_int_eq(error, 0);

    size_t len, size = (size_t)LINES * LEN;
    char *text = gl_alloc(size + 1);
    int fd = gl_io_open(path, UV_FS_O_RDONLY);
    ck_assert_int_eq(gl_io_read(fd, text, size + 1, &len), 0);
    gl_io_close(fd);
    ck_assert_uint_eq(len, size);
    for (unsigned i = 0; i < LINES; i++) {
        snprintf(line, sizeof line, LINE, i);
        ck_assert_mem_eq(text + (size_t)i * LEN, line, LEN);
    }
    gl_free(text);
    gl_scratch_remove(directory);
}

/* What failed is kept, so this is the last one. */
static void nobody_reads(void)
{
    uv_file fds[2];
    ck_assert_int_eq(uv_pipe(fds, 0, 0), 0);
    gl_io_close(fds[0]);
    int before = put(fds[1]);
    write_lines();
    int first = gl_out_flush();
    gl_out_printf("more\n");
    int then = gl_out_flush();
    put_back(before);
    ck_assert_int_eq(first, UV_EPIPE);
    ck_assert_int_eq(then, UV_EPIPE);
}

START_TEST(much)
{
#if GL_OS_LINUX
    signal(SIGPIPE, SIG_IGN);
#endif
    all_of_it_arrives();
    nobody_reads();
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("out", much);
}

GL_UNIT_MAIN(suite)
