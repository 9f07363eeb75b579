/* SPDX-License-Identifier: MIT */
/* The agent's ends of a program's pipes or terminal, on the loop. Owned and fed by exec-process.c.
 */
#ifndef GL_AGENT_LINUX_EXEC_PIPES_H
#define GL_AGENT_LINUX_EXEC_PIPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "buf.h"
#include "list.h"

/* ---- output of the program */

struct gl_exec_output;

struct gl_exec_output_events {
    /* NULL: read and dropped. The slice is the callee's. */
    void (*on_data)(void *ctx, struct gl_exec_output *output, struct gl_slice data);
    /* Something changed: ended, vacant, or nothing owed any more. */
    void (*on_change)(void *ctx, struct gl_exec_output *output);
    void (*on_closed)(void *ctx);
};

struct gl_exec_output {
    uv_poll_t poll;
    int fd; /* -1: ended */
    uint8_t channel;
    bool terminal, enlarged, reading;
    bool settled; /* gl_exec_output_settle() was called */
    /*
     * A terminal that no process has open at the moment; reading was stopped. Not its end: a
     * program may open /dev/tty again, and closing our side would kill it by SIGHUP, on its way to
     * exit perhaps.
     */
    bool vacant;
    size_t owed; /* after the program's end: what of its output may still be in the pipe, bytes */
    const struct gl_exec_output_events *events;
    void *ctx;
};

/* Takes fd, which does not block. on_closed comes once for it. Does not read yet. */
int gl_exec_output_init(struct gl_exec_output *output, uv_loop_t *loop, int fd, bool terminal,
                        uint8_t channel, const struct gl_exec_output_events *events, void *ctx);
void gl_exec_output_read(struct gl_exec_output *output, bool on);
/* The program has ended: finds out what it left in the pipe (`owed`). */
void gl_exec_output_settle(struct gl_exec_output *output);
/* Reads what it can now, if reading is on: what the loop would do a moment later. */
void gl_exec_output_drain(struct gl_exec_output *output);
/* No event but on_closed follows. Fine to call twice. */
void gl_exec_output_close(struct gl_exec_output *output);
static inline bool gl_exec_output_ended(const struct gl_exec_output *output)
{
    return output->fd < 0;
}

/* ---- its input */

struct gl_exec_input {
    uv_poll_t poll;
    int fd; /* -1: nobody reads, what comes is used up at once */
    bool terminal, waiting, eof, line_open;
    struct gl_list queue; /* of struct chunk */
    void (*on_used)(void *ctx, size_t charge);
    void (*on_closed)(void *ctx); /* only after a successful init */
    void *ctx;
};

/* Before use, and all it needs if there is no input. */
void gl_exec_input_prepare(struct gl_exec_input *input);
/* Takes fd, which does not block. */
int gl_exec_input_init(struct gl_exec_input *input, uv_loop_t *loop, int fd, bool terminal);
void gl_exec_input_write(struct gl_exec_input *input, struct gl_slice data, size_t charge);
void gl_exec_input_end(struct gl_exec_input *input);
/* Drops what waits, telling that it was used. Fine to call twice. */
void gl_exec_input_close(struct gl_exec_input *input);

#endif
