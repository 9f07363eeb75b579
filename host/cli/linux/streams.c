/* SPDX-License-Identifier: MIT */
/*
 * A pipe or terminal is opened once more by /proc/self/fd: that gives an open file description of
 * our own, which does not block, on the same thing. A socket is asked not to block call by call.
 * What can be neither (somebody else's terminal) is waited for, then read, which does not block, or
 * written in pieces that fit whenever there is room for anything (PIPE_BUF). What cannot be waited
 * for (files, /dev/null) is always ready.
 *
 * uv_poll_t makes the descriptor that it watches non-blocking; for one that is not our own an epoll
 * descriptor stands between.
 */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "list.h"
#include "mem.h"

#define READ_SIZE (256u * 1024)
#define READ_COPY                                                                                  \
    (64u * 1024) /* shorter reads are copied, so that no slice keeps much more than its size */
#define READ_ROUNDS  4
#define WRITE_PIECES 64

enum kind {
    KIND_OWN,    /* opened anew, does not block */
    KIND_SOCKET, /* does not block if asked */
    KIND_SHARED, /* may block, if not ready */
    KIND_READY,  /* cannot be waited for */
};

/* A descriptor and how it is waited for. First member of both streams. */
struct watch {
    uv_poll_t poll;
    uv_idle_t idle; /* calls `ready` before the loop waits */
    enum kind kind;
    int fd;
    int own; /* what is to be closed: opened anew, or the epoll descriptor; -1: nothing */
    bool on;
    int events; /* UV_READABLE or UV_WRITABLE */
    void (*ready)(struct watch *watch);
    unsigned handles;
    void (*release)(struct watch *watch);
};

static void watch_event(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    (void)status; /* what is wrong is found by reading or writing */
    (void)events;
    watch->ready(watch);
}

static void watch_idle(uv_idle_t *idle)
{
    struct watch *watch = idle->data;
    watch->ready(watch);
}

static void watch_set(struct watch *watch, bool on)
{
    if (watch->on == on)
        return;
    watch->on = on;
    if (watch->kind == KIND_READY && on)
        uv_idle_start(&watch->idle, watch_idle);
    else if (watch->kind == KIND_READY)
        uv_idle_stop(&watch->idle);
    else if (!on)
        uv_poll_stop(&watch->poll);
    else /* an epoll descriptor is readable when what it watches is ready */
        uv_poll_start(&watch->poll, watch->kind == KIND_OWN ? watch->events : UV_READABLE,
                      watch_event);
}

static int open_anew(int fd, int flags)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* -1: it cannot be waited for. */
static int make_epoll(int fd, int events)
{
    struct epoll_event event = {.events = events == UV_READABLE ? EPOLLIN : EPOLLOUT};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        close(epoll);
        epoll = -1;
    }
    return epoll;
}

static int watch_init(struct watch *watch, uv_loop_t *loop, int fd, int events)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    *watch = (struct watch){.kind = KIND_READY, .fd = fd, .own = -1, .events = events};
    if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd))) {
        watch->own = open_anew(fd, events == UV_READABLE ? O_RDONLY : O_WRONLY);
        if (watch->own >= 0) {
            watch->kind = KIND_OWN;
            watch->fd = watch->own;
        }
    }
    if (watch->own < 0 && !S_ISREG(st.st_mode)) {
        watch->own = make_epoll(fd, events);
        if (watch->own >= 0)
            watch->kind = S_ISSOCK(st.st_mode) ? KIND_SOCKET : KIND_SHARED;
    }
    watch->poll.data = watch->idle.data = watch;
    if (watch->kind != KIND_READY) {
        int err = uv_poll_init(loop, &watch->poll, watch->own);
        if (err) {
            close(watch->own);
            return err;
        }
        watch->handles++;
    }
    watch->handles++;
    return uv_idle_init(loop, &watch->idle); /* cannot fail */
}

static void watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    if (--watch->handles == 0)
        watch->release(watch);
}

static void watch_close(struct watch *watch)
{
    watch_set(watch, false);
    uv_close((uv_handle_t *)&watch->idle, watch_closed);
    if (watch->kind != KIND_READY)
        uv_close((uv_handle_t *)&watch->poll, watch_closed);
    if (watch->own >= 0)
        close(watch->own);
}

/* ------------------------------------------------------------------ input */

struct gl_input {
    struct watch watch;
    const struct gl_input_events *events;
    void *ctx;
    struct gl_block *block;
    bool wanted, ended, freed;
};

static ssize_t input_receive(struct gl_input *input)
{
    void *room = gl_block_data(input->block);
    ssize_t n;
    do {
        if (input->watch.kind == KIND_SOCKET)
            n = recv(input->watch.fd, room, READ_SIZE, MSG_DONTWAIT);
        else
            n = read(input->watch.fd, room, READ_SIZE);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static struct gl_slice input_take(struct gl_input *input, size_t n)
{
    if (n < READ_COPY)
        return gl_slice_copy(gl_block_data(input->block), n);
    struct gl_slice slice = gl_slice_of(input->block, 0, n);
    gl_block_unref(input->block);
    input->block = NULL;
    return slice;
}

static void input_ready(struct watch *watch)
{
    struct gl_input *input = (struct gl_input *)watch;
    for (int i = 0; i < READ_ROUNDS && input->wanted && !input->ended; i++) {
        if (!input->block)
            input->block = gl_block_new(READ_SIZE);
        ssize_t n = input_receive(input);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            input->ended = true;
            watch_set(watch, false);
            input->events->on_end(input->ctx, (int)n);
            return;
        }
        input->events->on_data(input->ctx, input_take(input, (size_t)n));
        /* One that may block is read once for each time that it is ready. */
        if (watch->kind == KIND_SHARED || n < 4096)
            return;
    }
}

static void input_release(struct watch *watch)
{
    struct gl_input *input = (struct gl_input *)watch;
    gl_block_unref(input->block);
    gl_free(input);
}

int gl_input_new(uv_loop_t *loop, int fd, const struct gl_input_events *events, void *ctx,
                 struct gl_input **ret_input)
{
    struct gl_input *input = GL_NEW0(struct gl_input);
    int err = watch_init(&input->watch, loop, fd, UV_READABLE);
    if (err) {
        gl_free(input);
        return err;
    }
    input->watch.ready = input_ready;
    input->watch.release = input_release;
    input->events = events;
    input->ctx = ctx;
    *ret_input = input;
    return 0;
}

void gl_input_read(struct gl_input *input, bool on)
{
    input->wanted = on;
    if (!input->freed)
        watch_set(&input->watch, on && !input->ended);
}

void gl_input_free(struct gl_input *input)
{
    if (!input || input->freed)
        return;
    input->wanted = false;
    input->freed = true;
    watch_close(&input->watch);
}

/* ------------------------------------------------------------------ output */

struct piece {
    struct gl_list node;
    struct gl_slice data; /* not yet written */
    size_t charge;
};

struct gl_output {
    struct watch watch;
    const struct gl_output_events *events;
    void *ctx;
    struct gl_list queue; /* of struct piece */
    size_t pieces;
    bool failed, freed, busy;
};

static void piece_free(struct gl_output *output, struct piece *piece)
{
    size_t charge = piece->charge;
    gl_list_remove(&piece->node);
    output->pieces--;
    gl_slice_unref(&piece->data);
    gl_free(piece);
    if (!output->freed)
        output->events->on_written(output->ctx, charge);
}

static struct piece *first_piece(const struct gl_output *output)
{
    return GL_CONTAINER_OF(gl_list_first(&output->queue), struct piece, node);
}

static void output_fail(struct gl_output *output, int error)
{
    output->failed = true;
    watch_set(&output->watch, false);
    output->events->on_failed(output->ctx, error);
    while (!gl_list_empty(&output->queue))
        piece_free(output, first_piece(output));
}

static ssize_t output_send(const struct gl_output *output)
{
    struct iovec iov[WRITE_PIECES];
    size_t count = 0;
    GL_LIST_FOREACH (node, &output->queue) {
        const struct piece *piece = GL_CONTAINER_OF(node, struct piece, node);
        if (count == WRITE_PIECES)
            break;
        iov[count++] = (struct iovec){(void *)(uintptr_t)piece->data.data, piece->data.len};
    }
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
    ssize_t n;
    do {
        if (output->watch.kind == KIND_SOCKET)
            n = sendmsg(output->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        else if (output->watch.kind == KIND_SHARED)
            n = write(output->watch.fd, iov[0].iov_base,
                      iov[0].iov_len < PIPE_BUF ? iov[0].iov_len : PIPE_BUF);
        else
            n = writev(output->watch.fd, iov, (int)count);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void output_written(struct gl_output *output, size_t n)
{
    while (!gl_list_empty(&output->queue)) {
        struct piece *piece = first_piece(output);
        size_t part = n < piece->data.len ? n : piece->data.len;
        piece->data.data += part;
        piece->data.len -= part;
        n -= part;
        if (piece->data.len > 0)
            return;
        piece_free(output, piece);
    }
}

/* `ready`: the descriptor said so; one that may block is written only then. */
static void output_flush(struct gl_output *output, bool ready)
{
    if (output->busy)
        return;
    output->busy = true;
    while (!output->failed && !output->freed && !gl_list_empty(&output->queue)) {
        if (output->watch.kind == KIND_SHARED && !ready)
            break;
        ssize_t n = output_send(output);
        if (n == -EAGAIN)
            break;
        if (n < 0)
            output_fail(output, (int)n);
        else
            output_written(output, (size_t)n);
        ready = false;
    }
    output->busy = false;
    if (output->freed)
        return;
    if (output->watch.kind != KIND_READY)
        uv_idle_stop(&output->watch.idle);
    watch_set(&output->watch, !gl_list_empty(&output->queue));
}

static void output_ready(struct watch *watch)
{
    output_flush((struct gl_output *)watch, true);
}

static void output_turn(uv_idle_t *idle)
{
    output_flush(idle->data, false);
}

static void output_release(struct watch *watch)
{
    gl_free(watch);
}

int gl_output_new(uv_loop_t *loop, int fd, const struct gl_output_events *events, void *ctx,
                  struct gl_output **ret_output)
{
    struct gl_output *output = GL_NEW0(struct gl_output);
    int err = watch_init(&output->watch, loop, fd, UV_WRITABLE);
    if (err) {
        gl_free(output);
        return err;
    }
    output->watch.ready = output_ready;
    output->watch.release = output_release;
    output->events = events;
    output->ctx = ctx;
    gl_list_init(&output->queue);
    *ret_output = output;
    return 0;
}

void gl_output_write(struct gl_output *output, struct gl_slice data, size_t charge)
{
    if (output->failed || data.len == 0) {
        gl_slice_unref(&data);
        output->events->on_written(output->ctx, charge);
        return;
    }
    struct piece *piece = GL_NEW0(struct piece);
    piece->data = data;
    piece->charge = charge;
    gl_list_append(&output->queue, &piece->node);
    output->pieces++;
    if (output->watch.on)
        return;
    /* What one turn of the loop brings in small pieces goes out in one write. */
    if (output->pieces >= WRITE_PIECES)
        output_flush(output, false);
    else if (output->watch.kind == KIND_READY)
        watch_set(&output->watch, true);
    else
        uv_idle_start(&output->watch.idle, output_turn);
}

bool gl_output_is_empty(const struct gl_output *output)
{
    return gl_list_empty(&output->queue);
}

void gl_output_free(struct gl_output *output)
{
    if (!output || output->freed)
        return;
    output->freed = true;
    while (!gl_list_empty(&output->queue))
        piece_free(output, first_piece(output));
    watch_close(&output->watch);
}
