/* SPDX-License-Identifier: MIT */
/* The rules of doc/PROTOCOL.md, one by one. check_sim tries them all at once. */
#include "muxpair.h"

static struct side a, b;

static void start(struct gl_mux_config config_a, struct gl_mux_config config_b)
{
    pair_side_init(&a, config_a);
    pair_side_init(&b, config_b);
    pair_pump(&a, &b);
}

static void setup(void)
{
    start(pair_config(GL_SIDE_A), pair_config(GL_SIDE_B));
}

/* Streams that a test left open. */
static void release_all(struct side *side)
{
    for (unsigned i = 0; i < side->stream_count && i < GL_ARRAY_SIZE(side->streams); i++)
        if (side->streams[i])
            gl_stream_release(side->streams[i]);
}

static void teardown(void)
{
    a.hook = b.hook = NULL;
    release_all(&a);
    release_all(&b);
    gl_mux_free(a.mux);
    gl_mux_free(b.mux);
}

/* ------------------------------------------------------------------ streams */

START_TEST(unary_call)
{
    struct gl_stream *call = pair_open_stream(&a, 0, "request");
    ck_assert_uint_eq(gl_stream_id(call), 0);
    pair_pump(&a, &b);
    ck_assert_uint_eq(gl_stream_id(call), 1);
    assert_log(&b, "OPEN 1 request\n");
    ck_assert_int_eq(gl_stream_send_message(b.streams[0], pair_text("response"), 5), 0);
    ck_assert_int_eq(gl_stream_close(b.streams[0], GL_STATUS_OK, ""), 0);
    pair_pump(&a, &b);
    assert_log(&b, "SENT 1 5\nEND 1 OK\n");
    assert_log(&a, "MESSAGE 1 response\nEND 1 OK\n");
    gl_stream_release(call);
    struct gl_mux_stats stats;
    gl_mux_stats(a.mux, &stats);
    ck_assert_uint_eq(stats.streams, 0);
    ck_assert_uint_eq(stats.tx_frames, 1);
    ck_assert_uint_eq(stats.rx_frames, 2);
}
END_TEST

START_TEST(ids_are_consecutive_by_side)
{
    struct gl_stream *s[4];
    for (int i = 0; i < 2; i++) {
        s[i] = pair_open_stream(&a, 0, "a");
        s[i + 2] = pair_open_stream(&b, 0, "b");
    }
    pair_pump(&a, &b);
    ck_assert_uint_eq(gl_stream_id(s[0]), 1);
    ck_assert_uint_eq(gl_stream_id(s[1]), 3);
    ck_assert_uint_eq(gl_stream_id(s[2]), 2);
    ck_assert_uint_eq(gl_stream_id(s[3]), 4);
    for (int i = 0; i < 4; i++)
        gl_stream_release(s[i]);
}
END_TEST

START_TEST(stream_that_was_reset_before_it_was_sent_uses_no_id)
{
    struct gl_stream *gone = pair_open_stream(&a, 0, "gone");
    gl_stream_reset(gone, GL_STATUS_CANCELLED, "");
    gl_stream_release(gone);
    struct gl_stream *call = pair_open_stream(&a, 0, "call");
    ck_assert_str_eq(pair_frames(&a), "OPEN 1 4");
    gl_stream_release(call);
}
END_TEST

START_TEST(data_messages_and_eof_keep_their_order)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "exec");
    gl_stream_send_message(s, pair_text("one"), 0);
    gl_stream_send_data(s, 0, pair_text("two"), 3);
    gl_stream_send_data(s, 7, GL_SLICE_EMPTY, 0);
    gl_stream_send_eof(s);
    ck_assert_int_eq(gl_stream_send_data(s, 0, pair_text("late"), 0), UV_EPIPE);
    ck_assert_int_eq(gl_stream_send_message(s, pair_text("late"), 0), UV_EPIPE);
    ck_assert_int_eq(gl_stream_send_eof(s), UV_EPIPE);
    pair_pump(&a, &b);
    assert_log(&b, "OPEN 1 exec\nMESSAGE 1 one\nDATA 1/0 two\nDATA 1/7 \nEOF 1\n");
    /* EOF ends one direction only. */
    gl_stream_send_data(b.streams[0], 1, pair_text("out"), 0);
    gl_stream_close(b.streams[0], GL_STATUS_NOT_FOUND, "no such thing");
    ck_assert_int_eq(gl_stream_send_data(b.streams[0], 1, pair_text("late"), 0), UV_EPIPE);
    ck_assert_int_eq(gl_stream_close(b.streams[0], GL_STATUS_OK, ""), UV_EPIPE);
    pair_pump(&a, &b);
    assert_log(&a, "SENT 1 3\nDATA 1/1 out\nEND 1 NOT_FOUND no such thing\n");
    gl_stream_release(s);
}
END_TEST

START_TEST(only_the_responder_closes)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    ck_assert_int_eq(gl_stream_close(s, GL_STATUS_OK, ""), UV_EINVAL);
    gl_stream_release(s);
}
END_TEST

START_TEST(close_waits_for_the_data_before_it)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "cat");
    pair_pump(&a, &b);
    a.consume = false;
    gl_stream_send_data(b.streams[0], 1, pair_bytes(400 * 1024), 0);
    gl_stream_close(b.streams[0], GL_STATUS_OK, "");
    gl_stream_release(b.streams[0]);
    b.streams[0] = NULL;
    pair_clear(&a);
    pair_pump(&a, &b);
    assert_log(&a, "DATA 1/1 (131072)\nDATA 1/1 (131072)\n");
    a.consume = true;
    gl_stream_consume(s, a.charge);
    pair_pump(&a, &b);
    assert_log(&a, "DATA 1/1 (147456)\nEND 1 OK\n");
    gl_stream_release(s);
}
END_TEST

START_TEST(reset_drops_what_is_queued)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_send_data(s, 0, pair_bytes(1000), 0);
    gl_stream_reset(s, GL_STATUS_CANCELLED, "enough");
    ck_assert_uint_eq(gl_stream_queued(s), 0);
    ck_assert_int_eq(gl_stream_send_data(s, 0, pair_text("late"), 0), UV_EPIPE);
    pair_clear(&b);
    pair_pump(&a, &b);
    assert_log(&b, "END 1 CANCELLED enough\n");
    assert_log(&a, "");
    gl_stream_reset(s, GL_STATUS_INTERNAL, "again");
    gl_stream_release(s);
    pair_pump(&a, &b);
    assert_log(&b, "");
}
END_TEST

START_TEST(release_cancels)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_release(s);
    pair_clear(&b);
    pair_pump(&a, &b);
    assert_log(&b, "END 1 CANCELLED\n");
}
END_TEST

START_TEST(resets_may_cross)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_reset(s, GL_STATUS_CANCELLED, "a");
    gl_stream_reset(b.streams[0], GL_STATUS_INTERNAL, "b");
    pair_clear(&b);
    pair_pump(&a, &b);
    assert_log(&a, "");
    assert_log(&b, "");
    struct gl_mux_stats stats;
    gl_mux_stats(a.mux, &stats);
    ck_assert_uint_eq(stats.rx_dropped, 1);
    gl_stream_release(s);
}
END_TEST

START_TEST(frames_for_a_finished_stream_are_dropped)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_close(b.streams[0], GL_STATUS_OK, "");
    pair_move(&b, &a);
    for (int i = 0; i < 10; i++) /* more than the window: uncharged */
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_DATA, 0, 0, 1, NULL, 100000), 0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_EOF, 0, 0, 1, NULL, 0), 0);
    ck_assert_int_eq(pair_feed_u64(&b, GL_FRAME_WINDOW, 1, 0), 0);
    struct gl_mux_stats stats;
    gl_mux_stats(b.mux, &stats);
    ck_assert_uint_eq(stats.rx_dropped, 12);
    gl_stream_release(s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("mux");
    TCase *tc = tcase_create("streams");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, unary_call);
    tcase_add_test(tc, ids_are_consecutive_by_side);
    tcase_add_test(tc, stream_that_was_reset_before_it_was_sent_uses_no_id);
    tcase_add_test(tc, data_messages_and_eof_keep_their_order);
    tcase_add_test(tc, only_the_responder_closes);
    tcase_add_test(tc, close_waits_for_the_data_before_it);
    tcase_add_test(tc, reset_drops_what_is_queued);
    tcase_add_test(tc, release_cancels);
    tcase_add_test(tc, resets_may_cross);
    tcase_add_test(tc, frames_for_a_finished_stream_are_dropped);
    suite_add_tcase(s, tc);
    return s;
}

GL_UNIT_MAIN(suite)
