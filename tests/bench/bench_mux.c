/* SPDX-License-Identifier: MIT */
/*
 * What the mux itself costs: two of them joined in memory, one thread. The bytes go through one
 * copy, which stands for the kernel; the same copy alone is shown first.
 *
 * bench_mux [SECONDS [WORD]]: only the lines in which WORD occurs
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem.h"
#include "mux.h"

#define READ_BLOCK (256u * 1024)
#define WRITE_MAX  (512u * 1024)

struct end {
    struct gl_mux *mux;
    struct gl_block *block; /* read block: [0, len) has bytes, up to `used` consumed */
    size_t len, used;
    struct gl_stream *stream;
    uint64_t bytes, items;
};

static struct end a, b;
static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* the machine may be busy */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    struct end *end = ctx;
    (void)channel;
    end->bytes += data.len;
    end->items++;
    gl_slice_unref(&data);
    gl_stream_consume(stream, charge);
}

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    on_data(ctx, stream, 0, message, charge);
}

static const struct gl_stream_events stream_events = {.on_data = on_data, .on_message = on_message};

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    struct end *end = ctx;
    gl_slice_unref(&open);
    end->stream = stream;
    gl_stream_bind(stream, &stream_events, end);
}

static const struct gl_mux_events mux_events = {.on_open = on_open};

/* As a link does: what is left of a frame goes to the front of a new block. */
static void parse(struct end *end, uint64_t now)
{
    size_t used = 0;
    if (gl_mux_receive(end->mux, now, end->block, gl_block_data(end->block) + end->used,
                       end->len - end->used, &used) != 0) {
        fprintf(stderr, "%s\n", gl_mux_error(end->mux));
        exit(1);
    }
    end->used += used;
    size_t left = end->len - end->used;
    size_t need = gl_mux_frame_size(gl_block_data(end->block) + end->used, left);
    size_t room = gl_block_capacity(end->block) - end->used;
    if (room < need || room - left < READ_BLOCK / 8) {
        struct gl_block *block = gl_block_new(need > READ_BLOCK ? need : READ_BLOCK);
        memcpy(gl_block_data(block), gl_block_data(end->block) + end->used, left);
        gl_block_unref(end->block);
        end->block = block;
        end->used = 0;
        end->len = left;
    }
}

static void deliver(struct end *to, const uint8_t *bytes, size_t len, uint64_t now)
{
    while (len) {
        size_t room = gl_block_capacity(to->block) - to->len;
        size_t n = len < room ? len : room;
        memcpy(gl_block_data(to->block) + to->len, bytes, n);
        to->len += n;
        bytes += n;
        len -= n;
        if (to->len == gl_block_capacity(to->block) || !len)
            parse(to, now);
    }
}

static void move(struct end *from, struct end *to)
{
    struct gl_iov iov[64];
    uint64_t now = clock_ns();
    size_t n;
    while ((n = gl_mux_output(from->mux, now, iov, 64, WRITE_MAX))) {
        size_t len = 0;
        for (size_t i = 0; i < n; i++) {
            /* Parse by whole writes, not by pieces. */
            size_t room = gl_block_capacity(to->block) - to->len;
            if (iov[i].len <= room) {
                memcpy(gl_block_data(to->block) + to->len, iov[i].base, iov[i].len);
                to->len += iov[i].len;
            } else {
                deliver(to, iov[i].base, iov[i].len, now);
            }
            len += iov[i].len;
        }
        parse(to, now);
        gl_mux_written(from->mux, now, len);
    }
    if (now >= gl_mux_deadline(from->mux))
        gl_mux_tick(from->mux, now);
}

static void start(bool resumable)
{
    struct gl_mux_config config = {
        .side = GL_SIDE_A,
        .epoch = 1,
        .payload_max = 256 * 1024,
        .local_streams_max = 10,
        .peer_streams_max = 10,
        .window_growth_max = 32 << 20,
        .resumable = resumable,
        .events = &mux_events,
        .ctx = &a,
    };
    a = (struct end){.mux = gl_mux_new(&config, clock_ns()), .block = gl_block_new(READ_BLOCK)};
    config.side = GL_SIDE_B;
    config.ctx = &b;
    b = (struct end){.mux = gl_mux_new(&config, clock_ns()), .block = gl_block_new(READ_BLOCK)};
    if (gl_stream_open(a.mux, 0, GL_SLICE_EMPTY, &stream_events, &a, &a.stream) != 0)
        exit(1);
    move(&a, &b);
    move(&b, &a);
}

static void stop(void)
{
    gl_stream_release(a.stream);
    gl_stream_release(b.stream);
    gl_mux_free(a.mux);
    gl_mux_free(b.mux);
    gl_block_unref(a.block);
    gl_block_unref(b.block);
}

static const char *only = "";

/* Items of `size` bytes as fast as they go. */
static void run(const char *name, bool resumable, bool messages, size_t size, double seconds)
{
    if (!strstr(name, only))
        return;
    start(resumable);
    struct gl_block *source = gl_block_new(256 * 1024);
    memset(gl_block_data(source), 'x', 256 * 1024);
    uint64_t begin = clock_ns(), end = begin + (uint64_t)(seconds * 1e9), now;
    while ((now = clock_ns()) < end) {
        while (gl_stream_queued(a.stream) < GL_STREAM_QUEUE) {
            /* Small ones are blocks of their own, as a producer has them. */
            struct gl_slice item = size < 4096 ? gl_slice_copy(gl_block_data(source), size)
                                               : gl_slice_of(source, 0, size);
            if (messages)
                gl_stream_send_message(a.stream, item, 0);
            else
                gl_stream_send_data(a.stream, 0, item, 0);
        }
        move(&a, &b);
        move(&b, &a);
    }
    double took = (double)(now - begin) / 1e9;
    printf("%-34s %8.2f GB/s %10.0f items/s\n", name, (double)b.bytes / took / 1e9,
           (double)b.items / took);
    stop();
    gl_block_unref(source);
}

static void copy_alone(double seconds)
{
    uint8_t *from = gl_alloc(READ_BLOCK), *to = gl_alloc(READ_BLOCK);
    memset(from, 'x', READ_BLOCK);
    uint64_t begin = clock_ns(), end = begin + (uint64_t)(seconds * 1e9), now, bytes = 0;
    while ((now = clock_ns()) < end) {
        memcpy(to, from, READ_BLOCK);
        __asm__ volatile("" : : "r"(to) : "memory");
        bytes += READ_BLOCK;
    }
    printf("%-34s %8.2f GB/s\n", "the copy alone",
           (double)bytes / ((double)(now - begin) / 1e9) / 1e9);
    gl_free(from);
    gl_free(to);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    if (argc > 2)
        only = argv[2];
    copy_alone(seconds);
    run("DATA 256 KiB, local", false, false, 256 * 1024, seconds);
    run("DATA 256 KiB, resumable", true, false, 256 * 1024, seconds);
    run("DATA 64 KiB, resumable", true, false, 64 * 1024, seconds);
    run("DATA 16 KiB, resumable", true, false, 16 * 1024, seconds);
    run("MESSAGE 16 bytes, local", false, true, 16, seconds);
    run("MESSAGE 16 bytes, resumable", true, true, 16, seconds);
    return 0;
}
