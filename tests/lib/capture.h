/* SPDX-License-Identifier: MIT */
/* What is written to standard error between capture() and captured_text(), for tests of the log. */
#ifndef GL_CAPTURE_H
#define GL_CAPTURE_H

#include <stdio.h>
#include <unistd.h>

#include "scratch.h"
#include "unit.h"

static char gl_capture_folder[GL_SCRATCH_PATH];
static FILE *gl_capture_file;
static int gl_capture_stderr;

static inline void capture(void)
{
    gl_scratch_new(gl_capture_folder, "log");
    char *path = gl_scratch_path(gl_capture_folder, "stderr");
    gl_capture_file = fopen(path, "w+b");
    ck_assert_ptr_nonnull(gl_capture_file);
    gl_free(path);
    gl_capture_stderr = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fileno(gl_capture_file), STDERR_FILENO), 0);
}

/* Holds until the next call. */
static inline const char *captured_text(void)
{
    static char output[65536];
    ck_assert_int_ge(dup2(gl_capture_stderr, STDERR_FILENO), 0);
    close(gl_capture_stderr);
    rewind(gl_capture_file);
    size_t len = fread(output, 1, sizeof(output) - 1, gl_capture_file);
    output[len] = '\0';
    fclose(gl_capture_file);
    gl_scratch_remove(gl_capture_folder);
    return output;
}

#endif
