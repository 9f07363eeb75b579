/* SPDX-License-Identifier: MIT */
/*
 * The agent's ends of a program's pipes, on the loop. Owned and fed by exec-process.c. They are
 * named pipes, since those that CreatePipe() makes have no overlapped end for a loop ("Anonymous
 * Pipe Operations", learn.microsoft.com).
 */
#ifndef GL_AGENT_WINDOWS_EXEC_PIPES_H
#define GL_AGENT_WINDOWS_EXEC_PIPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "buf.h"

/*
 * A pipe that nobody else can open: its only instance is taken before its name could be known.
 * *ret_ours is overlapped; it is written to if `input`, else read from. *ret_theirs is for a
 * program and can be inherited. 0, or negative UV_E*.
 */
int gl_exec_pipe_make(bool input, HANDLE *ret_ours, HANDLE *ret_theirs);

/* ---- output of the program */

struct gl_exec_output;

struct gl_exec_output_events {
    /* The slice is the callee's. */
    void (*on_data)(void *ctx, struct gl_exec_output *output, struct gl_slice data);
    /* Something changed: ended, or nothing owed any more. */
    void (*on_change)(void *ctx, struct gl_exec_output *output);
    void (*on_closed)(void *ctx);
};

struct gl_exec_output {
    uv_pipe_t pipe;
    HANDLE handle; /* the pipe's, which owns it; NULL: ended */
    uint8_t channel;
    bool reading;
    size_t owed; /* after the program's end: what of its output is still in the pipe, bytes */
    const struct gl_exec_output_events *events;
    void *ctx;
};

/* Takes the handle, also if it fails. on_closed comes once in any case. Does not read yet. */
int gl_exec_output_init(struct gl_exec_output *output, uv_loop_t *loop, HANDLE handle,
                        uint8_t channel, const struct gl_exec_output_events *events, void *ctx);
void gl_exec_output_read(struct gl_exec_output *output, bool on);
/* The program has ended: finds out what it left in the pipe (`owed`). */
void gl_exec_output_settle(struct gl_exec_output *output);
/* No event but on_closed follows. Fine to call twice. */
void gl_exec_output_close(struct gl_exec_output *output);
static inline bool gl_exec_output_ended(const struct gl_exec_output *output)
{
    return !output->handle;
}

/* ---- its input */

struct gl_exec_input {
    uv_pipe_t pipe;
    bool open; /* else nobody reads, and what comes is used up at once */
    bool terminal, eof;
    size_t writing; /* writes that have not ended */
    void (*on_used)(void *ctx, size_t charge);
    void (*on_closed)(void *ctx); /* only after an init, also one that failed */
    void *ctx;
};

/* Takes the handle, also if it fails. */
int gl_exec_input_init(struct gl_exec_input *input, uv_loop_t *loop, HANDLE handle, bool terminal);
void gl_exec_input_write(struct gl_exec_input *input, struct gl_slice data, size_t charge);
/* As if it had been typed; a terminal's only. */
void gl_exec_input_type(struct gl_exec_input *input, const char *keys);
void gl_exec_input_end(struct gl_exec_input *input);
/* What is on its way is dropped, telling that it was used, at once or before on_closed. Fine to
 * call twice. */
void gl_exec_input_close(struct gl_exec_input *input);

#endif
