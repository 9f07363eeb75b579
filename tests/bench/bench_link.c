/* SPDX-License-Identifier: MIT */
/*
 * What a link takes of a socket's rate: MB/s and round trips over a Unix socketpair between two
 * processes; bare, with links, and with links of a session that is never resumed (without the
 * running hash), in turn. It is always the same 256 KiB that are sent, so that the bare socket
 * never leaves the processor's cache: nothing real is that fast. On a busy machine compare the CPU
 * time.
 *
 * Usage: bench_link [MiB] [rounds]
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link.h"
#include "mem.h"
#include "transport-fd.h"

#define BLOCK  (256u * 1024)
#define TRIPS  20000u
#define WINDOW (32u * 1024 * 1024)

/* Of the receiver and the sender, seconds for the content alone; shared by both. */
static double *cpu_used;
static uint64_t total;
static uv_loop_t loop;

static double seconds(uint64_t from)
{
    return (double)(uv_hrtime() - from) / 1e9;
}

static double cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void must(int ok)
{
    if (!ok) {
        perror("bench_link");
        exit(1);
    }
}

/* ------------------------------------------------------------------ the bare socket */

static void raw_receive(int fd)
{
    char *data = gl_alloc(BLOCK);
    double before = cpu();
    for (uint64_t n = 0; n < total;) {
        ssize_t r = recv(fd, data, BLOCK, 0);
        must(r > 0);
        n += (uint64_t)r;
    }
    cpu_used[0] = cpu() - before;
    must(send(fd, "x", 1, 0) == 1);
    for (unsigned i = 0; i < TRIPS; i++)
        must(recv(fd, data, 100, MSG_WAITALL) == 100 && send(fd, data, 100, 0) == 100);
    gl_free(data);
}

static void raw_send(int fd, double *ret_rate, double *ret_trip)
{
    char *data = gl_alloc0(BLOCK);
    double before = cpu();
    uint64_t begin = uv_hrtime();
    for (uint64_t n = 0; n < total; n += BLOCK)
        must(send(fd, data, BLOCK, 0) == BLOCK);
    must(recv(fd, data, 1, 0) == 1);
    *ret_rate = (double)total / 1e6 / seconds(begin);
    cpu_used[1] = cpu() - before;
    begin = uv_hrtime();
    for (unsigned i = 0; i < TRIPS; i++)
        must(send(fd, data, 100, 0) == 100 && recv(fd, data, 100, MSG_WAITALL) == 100);
    *ret_trip = seconds(begin) / TRIPS * 1e6;
    gl_free(data);
}

/* ------------------------------------------------------------------ links */

enum mode { RAW, LINK, LOCAL };
static const char *const mode_names[] = {"raw", "link", "local"};

static struct gl_link *link_;
static struct gl_block *block;
static uint64_t sent, received, begin_ns;
static unsigned trips;
static double link_rate, link_trip;

static void fill(struct gl_stream *stream)
{
    while (sent < total && gl_stream_queued(stream) < 2 * GL_STREAM_QUEUE) {
        gl_stream_send_data(stream, 0, gl_slice_of(block, 0, BLOCK), BLOCK);
        sent += BLOCK;
    }
}

static void trip(struct gl_stream *stream)
{
    gl_stream_send_message(stream, gl_slice_of(block, 0, 100), 0);
}

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    bool sender = ctx;
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
    if (!sender) {
        trip(stream);
        return;
    }
    if (!trips++) {
        link_rate = (double)total / 1e6 / seconds(begin_ns);
        cpu_used[1] = cpu() - cpu_used[1];
        begin_ns = uv_hrtime();
    }
    if (trips <= TRIPS) {
        trip(stream);
    } else {
        link_trip = seconds(begin_ns) / TRIPS * 1e6;
        gl_link_goodbye(link_, GL_STATUS_OK, "");
    }
}

static void on_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    (void)ctx, (void)channel;
    received += data.len;
    gl_slice_unref(&data);
    gl_stream_consume(stream, charge);
    if (received == total) {
        cpu_used[0] = cpu() - cpu_used[0];
        trip(stream);
    }
}

static void on_sent(void *ctx, struct gl_stream *stream, size_t credit)
{
    (void)credit;
    if (ctx)
        fill(stream);
}

static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    (void)ctx, (void)status, (void)text;
    gl_stream_release(stream);
}

static const struct gl_stream_events stream_events = {on_message, on_data, NULL, on_end, on_sent};

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    (void)ctx;
    gl_slice_unref(&open);
    gl_stream_bind(stream, &stream_events, NULL);
}

static void on_ended(void *ctx, enum gl_status status, const char *text)
{
    (void)ctx;
    if (status != GL_STATUS_OK)
        fprintf(stderr, "bench_link: %s %s\n", gl_status_name(status), text);
    gl_link_free(link_);
}

static const struct gl_link_events link_events = {on_open, NULL, NULL, on_ended};

static void run_link(int fd, bool sender, bool resumable)
{
    struct gl_transport *t;
    struct gl_peer peer = {.address = {.kind = GL_ADDRESS_UNIX}};
    struct gl_stream *stream;
    struct gl_link_config config = {
        .mux = {.side = sender ? GL_SIDE_A : GL_SIDE_B,
                .epoch = 1,
                .payload_max = 256 * 1024,
                .local_streams_max = 10,
                .peer_streams_max = 10,
                .window_growth_max = WINDOW,
                .resumable = resumable},
        .events = &link_events,
    };
    uv_loop_init(&loop);
    must(gl_fd_transport_open(&loop, fd, &peer, 0, &t) == 0);
    block = gl_block_new(BLOCK);
    memset(gl_block_data(block), 0, BLOCK);
    link_ = gl_link_new(&loop, &config, t, NULL, 0);
    cpu_used[sender] = cpu();
    if (sender) {
        begin_ns = uv_hrtime();
        must(gl_stream_open(gl_link_mux(link_), 0, gl_slice_copy("x", 1), &stream_events, &loop,
                            &stream) == 0);
        fill(stream);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    gl_block_unref(block);
}

/* ------------------------------------------------------------------ in turn */

static void measure(enum mode mode)
{
    int fds[2];
    double rate, trip_us;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        if (mode != RAW)
            run_link(fds[1], false, mode == LINK);
        else
            raw_receive(fds[1]);
        _exit(0);
    }
    close(fds[1]);
    if (mode != RAW) {
        sent = received = trips = 0;
        run_link(fds[0], true, mode == LINK);
        rate = link_rate;
        trip_us = link_trip;
    } else {
        raw_send(fds[0], &rate, &trip_us);
        close(fds[0]);
    }
    waitpid(pid, NULL, 0);
    double gib = (double)total / (1024 * 1024 * 1024);
    printf("%-5s %7.0f MB/s  CPU a GiB: %.3f s to send, %.3f s to receive  %6.1f us a round trip\n",
           mode_names[mode], rate, cpu_used[1] / gib, cpu_used[0] / gib, trip_us);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? atoi(argv[2]) : 3;
    cpu_used = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(cpu_used != MAP_FAILED);
    total = (uint64_t)(argc > 1 ? atoi(argv[1]) : 2048) * 1024 * 1024;
    for (int i = 0; i < rounds; i++) {
        measure(RAW);
        measure(LINK);
        measure(LOCAL);
    }
    return 0;
}
