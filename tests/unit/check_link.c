/* SPDX-License-Identifier: MIT */
/* Links over two connected transports, without a handshake: what one link does. Sessions that are
 * cut: check_link_cut.c. */
#include "link.h"

#include <stdio.h>
#include <string.h>

#include "link-input.h"
#include "mem.h"
#include "pair.h"
#include "transport-cut.h"
#include "unit-loop.h"

#define MIB (1024u * 1024)

struct side {
    struct gl_link *link;
    struct gl_transport *cut; /* below it: a gl_cut_wrap */
    struct gl_stream *stream; /* the only one */
    char log[1000];           /* events, a word each */
    enum gl_status ended;
    char ended_text[200], why[200];
    uint64_t sent, wanted, received;
    bool eof, hold; /* hold: keeps what comes, and is slow to consume nothing */
    struct gl_slice *held;
    size_t held_n;
    size_t held_charge;
    void (*hook)(struct side *side, const char *event);
};

static void note(struct side *s, const char *event)
{
    size_t len = strlen(s->log);
    snprintf(s->log + len, sizeof(s->log) - len, "%s%s", len ? " " : "", event);
    if (s->hook)
        s->hook(s, event);
}

/* The content of a stream is known by its offset. */
static uint8_t content(uint64_t offset)
{
    return (uint8_t)((offset * 2654435761u) >> 13);
}

static struct gl_slice make_content(uint64_t offset, size_t len)
{
    struct gl_block *block = gl_block_new(len);
    for (size_t i = 0; i < len; i++)
        gl_block_data(block)[i] = content(offset + i);
    struct gl_slice slice = gl_slice_of(block, 0, len);
    gl_block_unref(block);
    return slice;
}

static void check_content(const struct gl_slice *slice, uint64_t offset)
{
    for (size_t i = 0; i < slice->len; i++)
        if (slice->data[i] != content(offset + i))
            ck_abort_msg("wrong byte at %llu", (unsigned long long)(offset + i));
}

/* ------------------------------------------------------------------ events */

static void fill(struct side *s)
{
    while (s->stream && s->sent < s->wanted && gl_stream_queued(s->stream) < GL_STREAM_QUEUE) {
        size_t len = 100 + (size_t)(s->sent % 100000);
        if (len > s->wanted - s->sent)
            len = (size_t)(s->wanted - s->sent);
        ck_assert_int_eq(gl_stream_send_data(s->stream, 0, make_content(s->sent, len), len), 0);
        s->sent += len;
        if (s->sent == s->wanted)
            gl_stream_send_eof(s->stream);
    }
}

static void on_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    struct side *s = ctx;
    (void)channel;
    if (s->hold) {
        s->held = gl_realloc_array(s->held, s->held_n + 1, sizeof(*s->held));
        s->held[s->held_n++] = data;
        s->received += data.len;
        s->held_charge += charge;
    } else {
        check_content(&data, s->received);
        s->received += data.len;
        gl_slice_unref(&data);
    }
    gl_stream_consume(stream, charge);
    if (s->hook)
        s->hook(s, "data");
}

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
    note(ctx, "message");
}

static void on_eof(void *ctx, struct gl_stream *stream)
{
    struct side *s = ctx;
    (void)stream;
    s->eof = true;
    note(s, "eof");
}

static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct side *s = ctx;
    char event[100];
    (void)text;
    snprintf(event, sizeof(event), "end:%s", gl_status_name(status));
    s->stream = NULL;
    gl_stream_release(stream);
    note(s, event);
}

static void on_sent(void *ctx, struct gl_stream *stream, size_t credit)
{
    (void)stream, (void)credit;
    fill(ctx);
}

static const struct gl_stream_events stream_events = {on_message, on_data, on_eof, on_end, on_sent};

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    struct side *s = ctx;
    gl_slice_unref(&open);
    s->stream = stream;
    gl_stream_bind(stream, &stream_events, s);
    note(s, "open");
    fill(s);
}

static void on_detached(void *ctx, const char *why)
{
    struct side *s = ctx;
    snprintf(s->why, sizeof(s->why), "%s", why);
    note(s, "detached");
}

static void on_attached(void *ctx)
{
    note(ctx, "attached");
}

static void on_ended(void *ctx, enum gl_status status, const char *text)
{
    struct side *s = ctx;
    s->ended = status;
    snprintf(s->ended_text, sizeof(s->ended_text), "%s", text);
    note(s, "ended");
}

static const struct gl_link_events link_events = {on_open, on_detached, on_attached, on_ended};

/* ------------------------------------------------------------------ a pair of links */

static struct side a, b;

static struct gl_link_config config_for(struct side *s)
{
    struct gl_link_config config = {
        .mux = {.side = s == &a ? GL_SIDE_A : GL_SIDE_B,
                .session = "session",
                .instance = {s == &a},
                .peer = {s != &a},
                .epoch = 1,
                .payload_max = 256 * 1024,
                .local_streams_max = 10,
                .peer_streams_max = 10,
                .window_growth_max = 8 * MIB,
                .resumable = true},
        .resume_ms = 10000,
        .events = &link_events,
        .ctx = s,
    };
    return config;
}

static void make_link(struct side *s, const struct gl_link_config *config, struct gl_transport *t,
                      const struct gl_cut_plan *plan)
{
    s->cut = gl_cut_wrap(t, plan);
    s->link = gl_link_new(&loop, config, s->cut, NULL, 0);
}

static void make_pair(bool resumable, uint64_t resume_ms)
{
    struct gl_transport *ends[2];
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    gl_cut_pair(&loop, ends);
    for (int i = 0; i < 2; i++) {
        struct side *s = i ? &b : &a;
        struct gl_link_config config = config_for(s);
        config.mux.resumable = resumable;
        config.resume_ms = resume_ms;
        make_link(s, &config, ends[i], &plan);
    }
}

static void open_stream(struct side *s)
{
    ck_assert_int_eq(gl_stream_open(gl_link_mux(s->link), 0, gl_slice_copy("open", 4),
                                    &stream_events, s, &s->stream),
                     0);
    fill(s);
}

/* What an agent and a host do by a handshake. */
static void resume(const struct gl_cut_plan *plan)
{
    struct gl_transport *ends[2];
    struct gl_resume_record records[2];
    gl_link_detach(a.link);
    gl_link_detach(b.link);
    gl_mux_record(gl_link_mux(a.link), &records[0]);
    gl_mux_record(gl_link_mux(b.link), &records[1]);
    ck_assert_int_eq(gl_mux_check(gl_link_mux(a.link), &records[1], 256 * 1024), GL_RESUME_OK);
    ck_assert_int_eq(gl_mux_check(gl_link_mux(b.link), &records[0], 256 * 1024), GL_RESUME_OK);
    gl_cut_pair(&loop, ends);
    uint64_t epoch = records[1].epoch + 1;
    a.cut = gl_cut_wrap(ends[0], plan);
    b.cut = gl_cut_wrap(ends[1], plan);
    gl_link_attach(a.link, a.cut, &records[1], epoch, NULL, 0);
    gl_link_attach(b.link, b.cut, &records[0], epoch, NULL, 0);
}

static void setup(void)
{
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    gl_unit_loop_setup();
}

static void setup_in_memory(void)
{
    gl_cut_in_memory = true;
    setup();
}

static void teardown(void)
{
    gl_link_free(a.link);
    gl_link_free(b.link);
    for (int i = 0; i < 2; i++) {
        struct side *s = i ? &b : &a;
        for (size_t j = 0; j < s->held_n; j++)
            gl_slice_unref(&s->held[j]);
        gl_free(s->held);
    }
    gl_unit_run_until(uv_run(&loop, UV_RUN_NOWAIT) == 0);
    gl_unit_loop_teardown();
    gl_cut_in_memory = false;
}

/* ------------------------------------------------------------------ content */

START_TEST(content_both_ways)
{
    make_pair(true, 0);
    a.wanted = b.wanted = 8 * MIB;
    open_stream(&a);
    gl_unit_run_until(a.eof && b.eof);
    ck_assert_uint_eq(a.received, 8 * MIB);
    ck_assert_uint_eq(b.received, 8 * MIB);
    gl_stream_close(b.stream, GL_STATUS_OK, "");
    gl_unit_run_until(!a.stream && !b.stream);
    ck_assert_str_eq(a.log, "eof end:OK");
    ck_assert_str_eq(b.log, "open eof end:OK");
}
END_TEST

/* Blocks are not written over while somebody holds a slice of them. */
START_TEST(held_slices_stay_as_they_are)
{
    make_pair(true, 0);
    b.hold = true;
    a.wanted = 6 * MIB;
    open_stream(&a);
    gl_unit_run_until(b.eof);
    uint64_t at = 0;
    for (size_t i = 0; i < b.held_n; i++) {
        check_content(&b.held[i], at);
        at += b.held[i].len;
    }
    ck_assert_uint_eq(at, 6 * MIB);
}
END_TEST

START_TEST(one_byte_reads)
{
    make_pair(true, 0);
    gl_link_detach(a.link);
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    plan.read_max = 1;
    resume(&plan);
    a.wanted = b.wanted = 20000;
    open_stream(&a);
    gl_unit_run_until(a.eof && b.eof);
    ck_assert_uint_eq(b.received, 20000);
    ck_assert_uint_eq(a.received, 20000);
}
END_TEST

/* Two full peers must not wait for each other: one that cannot write goes on reading. */
START_TEST(reads_while_writing_is_blocked)
{
    make_pair(true, 0);
    a.wanted = b.wanted = 2 * MIB;
    open_stream(&a);
    gl_unit_run_until(b.received > 0);
    gl_cut_stall(a.cut, false, true);
    uint64_t before = a.received;
    gl_unit_run_until(a.received > before + 100000);
    gl_cut_stall(a.cut, false, false);
    gl_unit_run_until(a.eof && b.eof);
    ck_assert_uint_eq(a.received, 2 * MIB);
}
END_TEST

/* What came together with the last message of the handshake, cut within a frame. */
START_TEST(early_bytes)
{
    struct gl_transport *ends[2];
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    uint8_t bytes[40000];
    size_t len = 0;
    gl_cut_pair(&loop, ends);
    struct gl_link_config config = config_for(&a);
    struct gl_mux *mux = gl_mux_new(&config.mux, uv_hrtime());
    struct gl_stream *stream;
    ck_assert_int_eq(gl_stream_open(mux, 0, gl_slice_copy("open", 4), NULL, NULL, &stream), 0);
    gl_stream_send_data(stream, 0, make_content(0, 30000), 0);
    gl_stream_send_eof(stream);
    struct gl_iov iov[20];
    size_t n = gl_mux_output(mux, uv_hrtime(), iov, 20, sizeof(bytes));
    for (size_t i = 0; i < n; len += iov[i++].len)
        memcpy(bytes + len, iov[i].base, iov[i].len);
    ck_assert_uint_gt(len, 30000);
    gl_stream_release(stream);
    gl_mux_free(mux);

    config = config_for(&b);
    b.cut = gl_cut_wrap(ends[1], &plan);
    b.link = gl_link_new(&loop, &config, b.cut, bytes, 20000);
    memset(bytes, 0, 20000); /* they were copied */
    ck_assert_str_eq(b.log, "");
    gl_unit_run_until(b.stream);
    struct gl_transport *raw = gl_cut_wrap(ends[0], &plan);
    uv_buf_t buf = uv_buf_init((char *)bytes + 20000, (unsigned)(len - 20000));
    ck_assert_int_eq(gl_transport_write(raw, &buf, 1), 1);
    gl_unit_run_until(b.eof);
    ck_assert_uint_eq(b.received, 30000);
    gl_transport_close(raw);
}
END_TEST

/* ------------------------------------------------------------------ losing, resuming */

START_TEST(lost_and_resumed)
{
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    make_pair(true, 0);
    a.wanted = b.wanted = 4 * MIB;
    open_stream(&a);
    for (unsigned i = 1; i < 4; i++) {
        gl_unit_run_until(b.received > i * MIB);
        gl_cut_now(i == 2 ? b.cut : a.cut);
        gl_unit_run_until(!gl_link_is_attached(a.link) && !gl_link_is_attached(b.link));
        resume(&plan);
    }
    gl_unit_run_until(a.eof && b.eof);
    ck_assert_uint_eq(a.received, 4 * MIB);
    ck_assert_uint_eq(b.received, 4 * MIB);
    /* What came the other way may have ended before the last cut. */
    char *eof = strstr(a.log, " eof");
    ck_assert_ptr_nonnull(eof);
    memmove(eof, eof + 4, strlen(eof + 4) + 1);
    ck_assert_str_eq(a.log, "detached attached detached attached detached attached");
    struct gl_mux_stats stats;
    gl_mux_stats(gl_link_mux(a.link), &stats);
    ck_assert_uint_eq(stats.resumes, 3);
}
END_TEST

/* One side does not notice: it is detached in favour of the new connection, without an event. */
START_TEST(takeover)
{
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    make_pair(true, 0);
    a.wanted = b.wanted = 4 * MIB;
    open_stream(&a);
    gl_unit_run_until(b.received > MIB);
    gl_cut_stall(b.cut, true, true);
    gl_unit_run_for(5);
    resume(&plan);
    gl_unit_run_until(a.eof && b.eof);
    ck_assert_str_eq(a.log, "attached eof");
    ck_assert_str_eq(b.log, "open attached eof");
}
END_TEST

START_TEST(resume_time_over)
{
    make_pair(true, 100);
    open_stream(&a);
    gl_unit_run_until(b.stream);
    uint64_t start = uv_hrtime();
    gl_cut_now(a.cut);
    gl_unit_run_until(a.ended && b.ended);
    ck_assert_uint_ge(uv_hrtime() - start, 90000000);
    ck_assert_int_eq(a.ended, GL_STATUS_TIMED_OUT);
    ck_assert_str_eq(a.ended_text, "not resumed within 1 s");
    ck_assert_str_eq(a.log, "detached end:LOST ended");
    ck_assert_str_eq(b.log, "open detached end:LOST ended");
    ck_assert_str_ne(b.why, "");
}
END_TEST

/* A session on a local socket is over with its connection. */
START_TEST(local_is_not_resumed)
{
    make_pair(false, 0);
    open_stream(&a);
    gl_unit_run_until(b.stream);
    gl_cut_now(a.cut);
    gl_unit_run_until(a.ended && b.ended);
    ck_assert_int_eq(a.ended, GL_STATUS_LOST);
    ck_assert_str_eq(a.log, "end:LOST ended");
    ck_assert_str_eq(b.log, "open end:LOST ended");
}
END_TEST

/* A stream whose OPEN never went out was not started. */
START_TEST(not_started_is_told_apart)
{
    make_pair(true, 50);
    gl_unit_run_until(gl_link_is_attached(a.link));
    gl_link_detach(a.link);
    open_stream(&a);
    gl_unit_run_until(a.ended);
    ck_assert_str_eq(a.log, "end:NOT_STARTED ended");
}
END_TEST

/* What comes while a write hangs is acknowledged as soon as ever once it goes on. */
START_TEST(acknowledged_after_a_slow_write)
{
    struct gl_transport *ends[2];
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    struct gl_mux_stats stats;
    gl_cut_pair(&loop, ends);
    for (int i = 0; i < 2; i++) {
        struct side *s = i ? &b : &a;
        struct gl_link_config config = config_for(s);
        /* No heartbeat that would hide it. */
        config.mux.ping_after_ns = config.mux.dead_after_ns = UINT64_C(3600000000000);
        make_link(s, &config, ends[i], &plan);
    }
    gl_unit_run_for(20);
    /* The first ping hangs, the second one wants to be written and has to wait. */
    gl_cut_stall(b.cut, false, true);
    for (int i = 0; i < 2; i++) {
        gl_mux_ping(gl_link_mux(b.link), uv_hrtime(), NULL, NULL);
        gl_unit_run_for(20);
    }
    open_stream(&a);
    gl_unit_run_until(b.stream);
    gl_mux_stats(gl_link_mux(a.link), &stats);
    ck_assert_uint_gt(stats.replay, 0);
    gl_cut_stall(b.cut, false, false);
    gl_unit_run_until((gl_mux_stats(gl_link_mux(a.link), &stats), stats.replay == 0));
}
END_TEST

START_TEST(silent_peer_is_dead)
{
    struct gl_transport *ends[2];
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    gl_cut_pair(&loop, ends);
    struct gl_link_config config = config_for(&a);
    config.mux.ping_after_ns = 30000000;
    config.mux.dead_after_ns = 100000000;
    uint64_t start = uv_hrtime();
    make_link(&a, &config, ends[0], &plan);
    config = config_for(&b);
    make_link(&b, &config, ends[1], &plan);
    /* While the peer answers, it lives. */
    gl_unit_run_for(250);
    ck_assert_str_eq(a.log, "");
    gl_cut_stall(b.cut, false, true);
    gl_unit_run_until(!gl_link_is_attached(a.link));
    ck_assert_str_eq(a.why, "the other side has been silent for too long");
    ck_assert_uint_lt(uv_hrtime() - start, 5000000000u);
}
END_TEST

/* ------------------------------------------------------------------ the end */

START_TEST(goodbye)
{
    make_pair(true, 0);
    open_stream(&a);
    gl_unit_run_until(b.stream);
    uint64_t start = uv_hrtime();
    gl_link_goodbye(a.link, GL_STATUS_GOING_AWAY, "shutting down");
    ck_assert(!a.ended);
    gl_unit_run_until(a.ended && b.ended);
    ck_assert_uint_lt(uv_hrtime() - start, 1000000000u);
    ck_assert_int_eq(a.ended, GL_STATUS_GOING_AWAY);
    ck_assert_int_eq(b.ended, GL_STATUS_GOING_AWAY);
    ck_assert_str_eq(b.ended_text, "shutting down");
    ck_assert_str_eq(a.log, "end:LOST ended");
    ck_assert_str_eq(b.log, "open end:LOST ended");
}
END_TEST

START_TEST(goodbye_from_both)
{
    make_pair(true, 0);
    uint64_t start = uv_hrtime();
    gl_link_goodbye(a.link, GL_STATUS_GOING_AWAY, "a goes");
    gl_link_goodbye(b.link, GL_STATUS_REVOKED, "b goes");
    gl_unit_run_until(a.ended && b.ended);
    ck_assert_uint_lt(uv_hrtime() - start, 1000000000u);
    ck_assert_int_eq(a.ended, GL_STATUS_GOING_AWAY);
    ck_assert_int_eq(b.ended, GL_STATUS_REVOKED);
}
END_TEST

START_TEST(goodbye_without_answer)
{
    make_pair(true, 0);
    gl_cut_stall(b.cut, true, true);
    uint64_t start = uv_hrtime();
    gl_link_goodbye(a.link, GL_STATUS_GOING_AWAY, "");
    gl_unit_run_until(a.ended);
    ck_assert_uint_ge(uv_hrtime() - start, 1900000000u);
    ck_assert_uint_lt(uv_hrtime() - start, 10000000000u);
    ck_assert_int_eq(a.ended, GL_STATUS_GOING_AWAY);
}
END_TEST

START_TEST(goodbye_when_detached)
{
    make_pair(true, 0);
    gl_link_detach(a.link);
    gl_link_goodbye(a.link, GL_STATUS_GOING_AWAY, "");
    ck_assert(!a.ended);
    gl_unit_run_until(a.ended);
    ck_assert_str_eq(a.log, "ended");
    /* The other one only sees a lost connection. */
    gl_unit_run_until(!gl_link_is_attached(b.link));
    ck_assert_str_eq(b.log, "detached");
    gl_link_end(b.link, GL_STATUS_RESUME_REFUSED, "gone");
    ck_assert_int_eq(b.ended, GL_STATUS_RESUME_REFUSED);
    gl_link_end(b.link, GL_STATUS_LOST, "twice");
    ck_assert_str_eq(b.log, "detached ended");
}
END_TEST

/* A peer that speaks wrongly is told so, and the session is over, not resumed. */
START_TEST(broken_protocol)
{
    struct gl_transport *ends[2];
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    static const char garbage[] = "GET / HTTP/1.1\r\n\r\n";
    gl_cut_pair(&loop, ends);
    struct gl_link_config config = config_for(&a);
    make_link(&a, &config, ends[0], &plan);
    config = config_for(&b);
    b.cut = gl_cut_wrap(ends[1], &plan);
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)garbage, sizeof(garbage));
    ck_assert_int_eq(gl_transport_write(b.cut, &buf, 1), 1);
    /* The first frames of a fresh session are right; then comes GOODBYE. */
    b.link = gl_link_new(&loop, &config, b.cut, NULL, 0);
    gl_unit_run_until(a.ended && b.ended);
    ck_assert_int_eq(a.ended, GL_STATUS_PROTOCOL);
    ck_assert_int_eq(b.ended, GL_STATUS_PROTOCOL);
    ck_assert_str_ne(a.ended_text, "");
    ck_assert_str_eq(a.ended_text, b.ended_text);
    ck_assert_str_eq(a.log, "ended");
}
END_TEST

static void mute_on_close(void *ctx)
{
    (void)ctx;
}

static const struct gl_transport_events mute_events = {NULL, NULL, NULL, mute_on_close};

/*
 * A peer that reads no more, and says why: its words count, although writing to it has failed. If
 * it says nothing, the connection is given up after a while.
 */
START_TEST(last_words)
{
    struct gl_transport *ends[2];
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    struct gl_link_config config = config_for(&a);
    gl_cut_deaf_pair(&loop, ends);
    gl_transport_bind(ends[1], &mute_events, NULL);
    make_link(&a, &config, ends[0], &plan);
    if (_i) {
        uint8_t frame[GL_FRAME_HEADER + 4];
        gl_frame_encode(frame, &(struct gl_frame){.type = GL_FRAME_GOODBYE, .length = 4});
        gl_put_u32(frame + GL_FRAME_HEADER, GL_STATUS_REVOKED);
        gl_unit_run_for(20);
        uv_buf_t buf = uv_buf_init((char *)frame, sizeof(frame));
        ck_assert_int_eq(gl_transport_write(ends[1], &buf, 1), 1);
        gl_unit_run_until(a.ended);
        ck_assert_int_eq(a.ended, GL_STATUS_REVOKED);
        ck_assert_str_eq(a.log, "ended");
    } else {
        uint64_t begin = uv_hrtime();
        gl_unit_run_until(!gl_link_is_attached(a.link));
        ck_assert_uint_ge(uv_hrtime() - begin, 900000000u);
        ck_assert_str_eq(a.why, "the connection takes no more data");
    }
    gl_transport_close(ends[1]);
}
END_TEST

/* Freeing from within any event. */
static const char *free_at;

static void free_hook(struct side *s, const char *event)
{
    if (strcmp(event, free_at) == 0) {
        s->hook = NULL;
        gl_link_free(s->link);
        s->link = NULL;
    }
}

static const char *const free_events[] = {"open",     "data",  "eof",           "message",
                                          "detached", "ended", "end:CANCELLED", "attached"};

START_TEST(free_in_event)
{
    free_at = free_events[_i];
    make_pair(true, 50);
    a.wanted = 300000;
    b.hook = free_hook;
    open_stream(&a);
    gl_unit_run_until(!b.link || b.eof);
    if (b.link && strcmp(free_at, "message") == 0) {
        gl_stream_reset(a.stream, GL_STATUS_CANCELLED, "");
        b.hook = NULL; /* cannot come after EOF: nothing to see here */
    } else if (b.link && strcmp(free_at, "end:CANCELLED") == 0) {
        gl_stream_reset(a.stream, GL_STATUS_CANCELLED, "");
        gl_unit_run_until(!b.link);
    } else if (b.link && strcmp(free_at, "attached") == 0) {
        struct gl_cut_plan plan = GL_CUT_NOTHING;
        resume(&plan);
        gl_unit_run_until(!b.link);
    } else if (b.link) {
        gl_cut_now(a.cut);
        gl_unit_run_until(!b.link);
    }
}
END_TEST

/* ------------------------------------------------------------------ the input alone */

/* Frames of all sizes, read in pieces of all sizes: they lie whole, and little is copied. */
START_TEST(input_rooms)
{
    struct gl_link_input input;
    uint64_t written = 0, parsed = 0;
    unsigned seed = 1;
    gl_link_input_init(&input, 256 * 1024);
    struct gl_slice held[8] = {0};
    unsigned held_at = 0;
    size_t frame = 0, in_frame = 0; /* the frame that is being written */
    while (parsed < 16 * MIB) {
        size_t len;
        uint8_t *room = gl_link_input_room(&input, &len);
        ck_assert_uint_ge(len, 1);
        seed = seed * 1103515245 + 12345;
        size_t n = seed % 3 ? 1 + (seed >> 8) % 250000 : 1 + (seed >> 8) % 40;
        n = n < len ? n : len;
        for (size_t i = 0; i < n; i++) {
            if (in_frame == frame) {
                seed = seed * 1103515245 + 12345;
                frame = GL_FRAME_HEADER + (seed >> 7) % (seed & 64 ? 100 : 256 * 1024 + 1);
                in_frame = 0;
            }
            /* The length at 8 is all of the header that matters here. */
            uint32_t payload = (uint32_t)(frame - GL_FRAME_HEADER);
            room[i] = content(written);
            if (in_frame >= 8 && in_frame < 12)
                room[i] = (uint8_t)(payload >> (8 * (in_frame - 8)));
            in_frame++;
            written++;
        }
        gl_link_input_add(&input, n);
        for (;;) {
            const uint8_t *data = gl_block_data(input.block) + input.begin;
            size_t have = input.end - input.begin;
            if (have < GL_FRAME_HEADER || gl_mux_frame_size(data, have) > have)
                break;
            size_t size = gl_mux_frame_size(data, have);
            for (size_t i = GL_FRAME_HEADER; i < size; i++)
                if (data[i] != content(parsed + i))
                    ck_abort_msg("wrong byte at %llu", (unsigned long long)(parsed + i));
            gl_slice_unref(&held[held_at]);
            held[held_at] = gl_slice_of(input.block, input.begin, size);
            held_at = (held_at + 1) % 8;
            input.begin += size;
            parsed += size;
        }
    }
    for (int i = 0; i < 8; i++)
        gl_slice_unref(&held[i]);
    gl_link_input_done(&input);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = GL_UNIT_SUITE("link", input_rooms);
    const TTest *const tests[] = {
        content_both_ways,
        held_slices_stay_as_they_are,
        one_byte_reads,
        reads_while_writing_is_blocked,
        early_bytes,
        lost_and_resumed,
        takeover,
        resume_time_over,
        local_is_not_resumed,
        not_started_is_told_apart,
        acknowledged_after_a_slow_write,
        silent_peer_is_dead,
        goodbye,
        goodbye_from_both,
        goodbye_without_answer,
        goodbye_when_detached,
        broken_protocol,
    };
    for (int memory = GL_PAIR_OF_SYSTEM ? 0 : 1; memory < 2; memory++) {
        TCase *links = tcase_create(memory ? "in memory" : "over sockets");
        tcase_add_checked_fixture(links, memory ? setup_in_memory : setup, teardown);
        for (size_t i = 0; i < GL_ARRAY_SIZE(tests); i++)
            tcase_add_test(links, tests[i]);
        tcase_add_loop_test(links, last_words, 0, 2);
        tcase_add_loop_test(links, free_in_event, 0, (int)GL_ARRAY_SIZE(free_events));
        suite_add_tcase(s, links);
    }
    return s;
}

GL_UNIT_MAIN(suite)
