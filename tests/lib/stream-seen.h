/* SPDX-License-Identifier: MIT */
/*
 * A loop, and what comes through streams.h: content to write and what was seen of it. Included by
 * one file of a test program; set_up() and tear_down() are a checked fixture.
 */
#ifndef GL_STREAM_SEEN_H
#define GL_STREAM_SEEN_H

#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "streams.h"
#include "unit.h"

#define BIG (3u * 1024 * 1024) /* more than any pipe or socket holds */

static uv_loop_t loop;
static uint8_t content[BIG];

struct seen {
    size_t written; /* charges that came back */
    int error, errors;
    uint8_t *data;
    size_t len;
    bool ended;
};

static inline void on_written(void *ctx, size_t charge)
{
    ((struct seen *)ctx)->written += charge;
}

static inline void on_failed(void *ctx, int error)
{
    struct seen *seen = ctx;
    seen->error = error;
    seen->errors++;
}

static inline void on_data(void *ctx, struct gl_slice data)
{
    struct seen *seen = ctx;
    ck_assert_uint_le(seen->len + data.len, BIG);
    memcpy(seen->data + seen->len, data.data, data.len);
    seen->len += data.len;
    gl_slice_unref(&data);
}

static inline void on_end(void *ctx, int error)
{
    struct seen *seen = ctx;
    ck_assert(!seen->ended);
    seen->ended = true;
    seen->error = error;
}

static const struct gl_output_events output_events = {on_written, on_failed};
static const struct gl_input_events input_events = {on_data, on_end};

static inline void set_up(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    for (size_t i = 0; i < BIG; i++)
        content[i] = (uint8_t)(i * 31 + i / 253);
}

static inline void tear_down(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static inline struct gl_slice part(size_t from, size_t len)
{
    return gl_slice_copy(content + from, len);
}

/* All of the content, in pieces of all sizes. */
static inline void write_all(struct gl_output *output)
{
    size_t at = 0;
    for (size_t len = 1; at < BIG; len = len * 3 % 300007 + 1) {
        len = len < BIG - at ? len : BIG - at;
        gl_output_write(output, part(at, len), len);
        at += len;
    }
}

/* All of the content, through one stream and the other. */
struct pass {
    struct seen out, in;
    struct gl_output *output;
    struct gl_input *input;
};

/* From fds[1] to fds[0]; the streams are still there afterwards. */
static inline void pass_content(struct pass *pass, const int fds[2])
{
    *pass = (struct pass){.in = {.data = gl_alloc(BIG)}};
    ck_assert_int_eq(gl_output_new(&loop, fds[1], &output_events, &pass->out, &pass->output), 0);
    ck_assert_int_eq(gl_input_new(&loop, fds[0], &input_events, &pass->in, &pass->input), 0);
    write_all(pass->output);
    ck_assert(!gl_output_is_empty(pass->output));
    ck_assert_uint_lt(pass->out.written, BIG);
    gl_input_read(pass->input, true);
    while (pass->in.len < BIG)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_mem_eq(pass->in.data, content, BIG);
    while (!gl_output_is_empty(pass->output))
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(pass->out.written, BIG);
    ck_assert_int_eq(pass->out.errors, 0);
}

/* Closes fds[1], which is the end for fds[0], and then that. */
static inline void pass_end(struct pass *pass, const int fds[2])
{
    gl_output_free(pass->output);
    uv_run(&loop, UV_RUN_NOWAIT);
    close(fds[1]);
    while (!pass->in.ended)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(pass->in.error, 0);
    gl_input_free(pass->input);
    close(fds[0]);
    gl_free(pass->in.data);
}

#endif
