/* SPDX-License-Identifier: MIT */
/*
 * Reading is done directly on the descriptor when the loop says that there is something: fewer
 * copies and calls than with uv_pipe_t, which asks for a buffer before it knows how much it will
 * need.
 */
#include "exec-pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "mem.h"

#define READ_SIZE (256u * 1024) /* bytes a read */
#define READ_COPY                                                                                  \
    (64u * 1024) /* shorter reads are copied, so that no slice keeps more than 4 times its size */
#define READ_ROUNDS  4 /* reads an event, then others have their turn */
#define PIPE_DEFAULT (64u * 1024)
#define PIPE_SIZE    (1024 * 1024) /* for a program that fills its pipe; what the system allows */
#define WRITE_PIECES 16
/* A terminal does not tell how much is in it; its buffers hold less than this:
 * drivers/tty/tty_buffer.c, n_tty.c. */
#define TERMINAL_MAX (128u * 1024)

/* ------------------------------------------------------------------ output */

/* One for all, since reads are over before anybody else's begin. Never freed while the process
 * lives, but when handed out. */
static struct gl_block *read_block;

static void output_poll_closed(uv_handle_t *handle)
{
    struct gl_exec_output *output = handle->data;
    output->events->on_closed(output->ctx);
}

static void output_end(struct gl_exec_output *output)
{
    gl_exec_output_close(output);
    output->events->on_change(output->ctx, output);
}

/* A program that filled its pipe will do so again: fewer switches between it and us. Not allowed is
 * fine. */
static void enlarge(struct gl_exec_output *output, size_t n)
{
    if (output->terminal || output->enlarged || n < PIPE_DEFAULT)
        return;
    output->enlarged = true;
    (void)fcntl(output->fd, F_SETPIPE_SZ, PIPE_SIZE);
}

static void pay(struct gl_exec_output *output, size_t n)
{
    if (output->owed == 0)
        return;
    output->owed -= n < output->owed ? n : output->owed;
    if (output->owed == 0)
        output->events->on_change(output->ctx, output);
}

/* A terminal that nobody has open says EIO. */
static void output_stop(struct gl_exec_output *output, ssize_t n)
{
    if (n == 0 || !output->terminal || output->settled) {
        output_end(output);
        return;
    }
    gl_exec_output_read(output, false);
    output->vacant = true;
    output->events->on_change(output->ctx, output);
}

static void output_readable(struct gl_exec_output *output)
{
    for (int i = 0; i < READ_ROUNDS && output->reading && output->fd >= 0; i++) {
        if (!read_block)
            read_block = gl_block_new(READ_SIZE);
        ssize_t n = read(output->fd, gl_block_data(read_block), READ_SIZE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            pay(output, output->owed);
            return;
        }
        if (n <= 0) {
            output_stop(output, n);
            return;
        }
        enlarge(output, (size_t)n);
        output->events->on_data(output->ctx, output,
                                gl_slice_take(&read_block, (size_t)n, READ_COPY));
        if (output->fd >= 0)
            pay(output, (size_t)n);
        if (n < 4096)
            return; /* most likely that was all; the loop tells if not */
    }
}

static void output_event(uv_poll_t *poll, int status, int events)
{
    (void)events;
    if (status < 0)
        output_end(poll->data);
    else
        output_readable(poll->data);
}

int gl_exec_output_init(struct gl_exec_output *output, uv_loop_t *loop, int fd, bool terminal,
                        uint8_t channel, const struct gl_exec_output_events *events, void *ctx)
{
    *output = (struct gl_exec_output){
        .fd = fd, .terminal = terminal, .channel = channel, .events = events, .ctx = ctx};
    output->poll.data = output;
    int err = uv_poll_init(loop, &output->poll, fd);
    if (err)
        output->fd = -1;
    return err;
}

void gl_exec_output_read(struct gl_exec_output *output, bool on)
{
    if (output->fd < 0 || output->reading == on)
        return;
    output->reading = on;
    output->vacant = false;
    if (!on)
        uv_poll_stop(&output->poll);
    else if (uv_poll_start(&output->poll, UV_READABLE, output_event) != 0)
        output_end(output);
}

void gl_exec_output_settle(struct gl_exec_output *output)
{
    int waiting = 0;
    output->settled = true;
    if (output->fd < 0)
        return;
    if (output->terminal)
        output->owed = TERMINAL_MAX;
    else if (ioctl(output->fd, FIONREAD, &waiting) == 0 && waiting > 0)
        output->owed = (size_t)waiting;
}

void gl_exec_output_drain(struct gl_exec_output *output)
{
    if (output->fd >= 0 && output->reading)
        output_readable(output);
}

void gl_exec_output_close(struct gl_exec_output *output)
{
    if (output->fd < 0)
        return;
    output->reading = false;
    output->owed = 0;
    uv_poll_stop(&output->poll);
    close(output->fd);
    output->fd = -1;
    uv_close((uv_handle_t *)&output->poll, output_poll_closed);
}

/* ------------------------------------------------------------------ input */

struct chunk {
    struct gl_list node;
    struct gl_slice data; /* not yet written */
    size_t charge;
};

static void input_flush(struct gl_exec_input *input);

static void input_poll_closed(uv_handle_t *handle)
{
    struct gl_exec_input *input = handle->data;
    input->on_closed(input->ctx);
}

static void input_event(uv_poll_t *poll, int status, int events)
{
    (void)events;
    if (status < 0)
        gl_exec_input_close(poll->data);
    else
        input_flush(poll->data);
}

static void input_wait(struct gl_exec_input *input, bool on)
{
    if (input->waiting == on)
        return;
    input->waiting = on;
    if (!on)
        uv_poll_stop(&input->poll);
    else if (uv_poll_start(&input->poll, UV_WRITABLE, input_event) != 0)
        gl_exec_input_close(input);
}

static void chunk_free(struct gl_exec_input *input, struct chunk *chunk)
{
    size_t charge = chunk->charge;
    gl_list_remove(&chunk->node);
    gl_slice_unref(&chunk->data);
    gl_free(chunk);
    input->on_used(input->ctx, charge);
}

static ssize_t write_pieces(struct gl_exec_input *input)
{
    struct iovec iov[WRITE_PIECES];
    int count = 0;
    GL_LIST_FOREACH (node, &input->queue) {
        struct chunk *chunk = GL_CONTAINER_OF(node, struct chunk, node);
        if (count == WRITE_PIECES)
            break;
        iov[count++] = (struct iovec){(void *)(uintptr_t)chunk->data.data, chunk->data.len};
    }
    return writev(input->fd, iov, count);
}

/* Takes n written bytes off the queue. */
static void written(struct gl_exec_input *input, size_t n)
{
    while (!gl_list_empty(&input->queue)) {
        struct chunk *chunk = GL_CONTAINER_OF(gl_list_first(&input->queue), struct chunk, node);
        size_t part = n < chunk->data.len ? n : chunk->data.len;
        if (part > 0)
            input->line_open = chunk->data.data[part - 1] != '\n';
        chunk->data.data += part;
        chunk->data.len -= part;
        n -= part;
        if (chunk->data.len > 0)
            return;
        chunk_free(input, chunk);
        if (input->fd < 0)
            return;
    }
}

/*
 * A terminal has no end, but a character for it, which in line mode makes a read return what was
 * typed so far: at the start of a line nothing, which programs take for the end. Hence twice, if a
 * line was begun.
 */
static void type_end(struct gl_exec_input *input)
{
    struct termios mode;
    if (tcgetattr(input->fd, &mode) != 0 || !(mode.c_lflag & ICANON))
        return;
    char end[2] = {(char)mode.c_cc[VEOF], (char)mode.c_cc[VEOF]};
    if (write(input->fd, end, input->line_open ? 2 : 1) < 0)
        return; /* full of unread lines, then: whoever reads them is not waiting for an end */
}

static void input_flush(struct gl_exec_input *input)
{
    while (input->fd >= 0 && !gl_list_empty(&input->queue)) {
        ssize_t n = write_pieces(input);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            input_wait(input, true);
            return;
        }
        if (n < 0) {
            gl_exec_input_close(input);
            return;
        }
        written(input, (size_t)n);
    }
    if (input->fd < 0)
        return;
    input_wait(input, false);
    if (!input->eof)
        return;
    if (input->terminal)
        type_end(input);
    gl_exec_input_close(input);
}

void gl_exec_input_prepare(struct gl_exec_input *input)
{
    input->fd = -1;
    gl_list_init(&input->queue);
}

int gl_exec_input_init(struct gl_exec_input *input, uv_loop_t *loop, int fd, bool terminal)
{
    input->poll.data = input;
    int err = uv_poll_init(loop, &input->poll, fd);
    if (err)
        return err;
    input->fd = fd;
    input->terminal = terminal;
    return 0;
}

void gl_exec_input_write(struct gl_exec_input *input, struct gl_slice data, size_t charge)
{
    if (input->fd < 0 || input->eof || data.len == 0) {
        gl_slice_unref(&data);
        input->on_used(input->ctx, charge);
        return;
    }
    struct chunk *chunk = GL_NEW0(struct chunk);
    chunk->data = data;
    chunk->charge = charge;
    gl_list_append(&input->queue, &chunk->node);
    if (!input->waiting)
        input_flush(input);
}

void gl_exec_input_end(struct gl_exec_input *input)
{
    input->eof = true;
    if (!input->waiting)
        input_flush(input);
}

void gl_exec_input_close(struct gl_exec_input *input)
{
    if (input->fd < 0)
        return;
    uv_poll_stop(&input->poll);
    close(input->fd);
    input->fd = -1;
    uv_close((uv_handle_t *)&input->poll, input_poll_closed);
    while (!gl_list_empty(&input->queue))
        chunk_free(input, GL_CONTAINER_OF(gl_list_first(&input->queue), struct chunk, node));
}
