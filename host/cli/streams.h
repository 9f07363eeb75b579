/* SPDX-License-Identifier: MIT */
/*
 * Standard input and output of this process on the loop, for commands that carry bytes: none is
 * lost, nobody waits while the other side is slow, and what the descriptor shares with other
 * processes (O_NONBLOCK, for one) is left as it was. Twins: linux/streams.c, windows/streams.c.
 *
 * Anything may stand behind a descriptor: a terminal, a pipe, a file, a socket, a device.
 */
#ifndef GL_CLI_STREAMS_H
#define GL_CLI_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "buf.h"

/* ---- input */

struct gl_input;

struct gl_input_events {
    /* The slice is the callee's. */
    void (*on_data)(void *ctx, struct gl_slice data);
    /* No more comes: 0 at the end, or a negative UV_E*. */
    void (*on_end)(void *ctx, int error);
};

/* Does not read before gl_input_read(input, true). The descriptor stays the caller's. */
int gl_input_new(uv_loop_t *loop, int fd, const struct gl_input_events *events, void *ctx,
                 struct gl_input **ret_input);
/* Reads on or pauses. Fine from within events, and after the end. */
void gl_input_read(struct gl_input *input, bool on);
/* No event follows; freed when the loop has closed its handles. NULL is fine. */
void gl_input_free(struct gl_input *input);

/* ---- output */

struct gl_output;

struct gl_output_events {
    /* All of a slice was written that came with this charge; also from within gl_output_write(). */
    void (*on_written)(void *ctx, size_t charge);
    /* Once: it cannot be written, UV_EPIPE if nobody reads. What waited or comes is dropped, and
     * reported by on_written. */
    void (*on_failed)(void *ctx, int error);
};

int gl_output_new(uv_loop_t *loop, int fd, const struct gl_output_events *events, void *ctx,
                  struct gl_output **ret_output);
/* Takes the slice. The caller bounds what waits by on_written. */
void gl_output_write(struct gl_output *output, struct gl_slice data, size_t charge);
bool gl_output_is_empty(const struct gl_output *output); /* nothing waits */
/* Drops what waits; no event follows; freed when the loop has closed its handles. NULL is fine. */
void gl_output_free(struct gl_output *output);

#endif
