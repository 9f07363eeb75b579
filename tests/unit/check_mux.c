/* SPDX-License-Identifier: MIT */
/*
 * Streams, as doc/PROTOCOL.md chapters 4 and 5 have them. check_mux_bad is what a peer must not do,
 * check_mux_link what concerns the whole link, check_mux_resume its loss; check_sim tries all at
 * once.
 */
#include "heap.h"
#include "muxpair.h"

/* ------------------------------------------------------------------ life */

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
    ck_assert_uint_eq(pair_stats(&a).streams, 0);
    ck_assert_uint_eq(pair_stats(&a).tx_frames, 1);
    ck_assert_uint_eq(pair_stats(&a).rx_frames, 2);
    ck_assert_uint_eq(pair_stats(&b).streams, 0);
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
}
END_TEST

START_TEST(a_stream_that_was_never_sent_uses_no_id)
{
    struct gl_stream *gone = pair_open_stream(&a, 0, "gone");
    gl_stream_reset(gone, GL_STATUS_CANCELLED, "");
    pair_open_stream(&a, 0, "call");
    ck_assert_str_eq(pair_frames(&a), "OPEN 1 4");
}
END_TEST

START_TEST(order_is_kept)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "exec");
    gl_stream_send_message(s, pair_text("one"), 0);
    gl_stream_send_data(s, 0, pair_text("two"), 3);
    gl_stream_send_data(s, 7, GL_SLICE_EMPTY, 0);
    gl_stream_send_message(s, GL_SLICE_EMPTY, 0);
    gl_stream_send_eof(s);
    ck_assert_int_eq(gl_stream_send_data(s, 0, pair_text("late"), 0), UV_EPIPE);
    ck_assert_int_eq(gl_stream_send_message(s, pair_text("late"), 0), UV_EPIPE);
    ck_assert_int_eq(gl_stream_send_eof(s), UV_EPIPE);
    pair_pump(&a, &b);
    assert_log(&b, "OPEN 1 exec\nMESSAGE 1 one\nDATA 1/0 two\nDATA 1/7 \nMESSAGE 1 \nEOF 1\n");
    /* EOF ends one direction only. */
    gl_stream_send_data(b.streams[0], 1, pair_text("out"), 0);
    gl_stream_close(b.streams[0], GL_STATUS_NOT_FOUND, "no such thing");
    ck_assert_int_eq(gl_stream_send_data(b.streams[0], 1, pair_text("late"), 0), UV_EPIPE);
    ck_assert_int_eq(gl_stream_close(b.streams[0], GL_STATUS_OK, ""), UV_EPIPE);
    pair_pump(&a, &b);
    assert_log(&a, "SENT 1 3\nDATA 1/1 out\nEND 1 NOT_FOUND no such thing\n");
    ck_assert_int_eq(gl_stream_send_data(s, 0, pair_text("late"), 0), UV_EPIPE);
}
END_TEST

START_TEST(close_after_own_eof)
{
    pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_send_eof(b.streams[0]);
    gl_stream_close(b.streams[0], GL_STATUS_OK, "");
    pair_pump(&a, &b);
    assert_log(&a, "EOF 1\nEND 1 OK\n");
}
END_TEST

START_TEST(only_the_responder_closes)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    ck_assert_int_eq(gl_stream_close(s, GL_STATUS_OK, ""), UV_EINVAL);
}
END_TEST

START_TEST(close_waits_for_the_data_before_it)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "cat");
    pair_pump(&a, &b);
    a.consume = false;
    gl_stream_send_data(b.streams[0], 1, pair_bytes(400 * 1024), 0);
    gl_stream_close(b.streams[0], GL_STATUS_OK, "");
    pair_release(&b, b.streams[0]);
    pair_pump(&a, &b);
    assert_log(&a, "DATA 1/1 (131072)\nDATA 1/1 (131072)\n");
    a.consume = true;
    gl_stream_consume(s, a.charge);
    pair_pump(&a, &b);
    assert_log(&a, "DATA 1/1 (147456)\nEND 1 OK\n");
}
END_TEST

START_TEST(after_close_the_openers_bytes_are_used_up)
{
    /* An opener that writes first and reads later must not hang on a responder that has finished.
     */
    struct gl_stream *s = pair_open_stream(&a, 0, "head");
    pair_pump(&a, &b);
    a.consume = b.consume = false;
    gl_stream_send_data(b.streams[0], 1, pair_bytes(300 * 1024), 0);
    gl_stream_close(b.streams[0], GL_STATUS_OK, "");
    gl_stream_send_data(s, 0, pair_bytes(1000 * 1024), 1);
    pair_clear(&b);
    pair_pump(&a, &b);
    assert_log(&b, "");
    ck_assert_uint_eq(gl_stream_queued(s), 0);
}
END_TEST

START_TEST(reset_drops_what_is_queued)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_send_data(s, 0, pair_bytes(1000), 0);
    ck_assert_uint_eq(gl_stream_queued(s), 1000);
    ck_assert_uint_eq(pair_stats(&a).queued, 1000);
    gl_stream_reset(s, GL_STATUS_CANCELLED, "enough");
    ck_assert_uint_eq(gl_stream_queued(s), 0);
    ck_assert_uint_eq(pair_stats(&a).queued, 0);
    ck_assert_int_eq(gl_stream_send_data(s, 0, pair_text("late"), 0), UV_EPIPE);
    pair_clear(&b);
    pair_pump(&a, &b);
    assert_log(&b, "END 1 CANCELLED enough\n");
    assert_log(&a, "");
    gl_stream_reset(s, GL_STATUS_INTERNAL, "again");
    pair_release(&a, s);
    pair_pump(&a, &b);
    assert_log(&b, "");
}
END_TEST

START_TEST(responder_may_reset)
{
    pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_reset(b.streams[0], GL_STATUS_NO_SPACE, "full");
    pair_pump(&a, &b);
    assert_log(&a, "END 1 NO_SPACE full\n");
}
END_TEST

START_TEST(release_cancels)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    pair_release(&a, s);
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
    ck_assert_uint_eq(pair_stats(&a).rx_dropped, 1);
    ck_assert_uint_eq(pair_stats(&b).rx_dropped, 1);
}
END_TEST

START_TEST(frames_for_a_finished_stream_are_dropped)
{
    pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_close(b.streams[0], GL_STATUS_OK, "");
    pair_move(&b, &a);
    for (int i = 0; i < 10; i++) /* more than the window: uncharged */
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_DATA, 0, 0, 1, NULL, 100000), 0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_EOF, 0, 0, 1, NULL, 0), 0);
    ck_assert_int_eq(pair_feed_u64(&b, GL_FRAME_WINDOW, 1, 0), 0);
    ck_assert_uint_eq(pair_stats(&b).rx_dropped, 12);
}
END_TEST

START_TEST(a_stream_that_nobody_takes_is_reset)
{
    b.refuse = true;
    pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    assert_log(&a, "END 1 CANCELLED\n");
}
END_TEST

static void close_at_once(struct side *side, const char *event, struct gl_stream *stream)
{
    (void)side;
    if (strcmp(event, "open") == 0)
        gl_stream_close(stream, GL_STATUS_UNSUPPORTED, "no such service");
}

START_TEST(refused_within_on_open_without_an_owner)
{
    b.refuse = true;
    b.hook = close_at_once;
    for (int i = 0; i < 10; i++)
        pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    ck_assert_ptr_nonnull(strstr(a.log, "END 19 UNSUPPORTED no such service\n"));
    ck_assert_uint_eq(pair_stats(&b).streams, 0);
}
END_TEST

START_TEST(text_is_made_valid)
{
    pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    char text[2000];
    memset(text, 'e', sizeof(text));
    memcpy(text, "\xff.\xc3\xa9", 4);
    memcpy(text + GL_STATUS_TEXT_MAX - 1, "\xc3\xa9", 2); /* does not fit whole */
    text[sizeof(text) - 1] = '\0';
    gl_stream_close(b.streams[0], GL_STATUS_IO, text);
    pair_pump(&a, &b);
    ck_assert_uint_eq(strlen(a.log), strlen("END 1 IO ") + GL_STATUS_TEXT_MAX - 1 + 1);
    ck_assert_int_eq(strncmp(a.log,
                             "END 1 IO ?.\xc3\xa9"
                             "ee",
                             15),
                     0);
    pair_clear(&a);

    pair_open_stream(&a, 0, "y");
    pair_pump(&a, &b);
    ck_assert_int_eq(pair_feed_status(&a, GL_FRAME_RESET, 3, 4711, "odd \xc3 text"), 0);
    assert_log(&a, "END 3 INTERNAL odd ? text\n");
}
END_TEST

/* ------------------------------------------------------------------ messages */

START_TEST(long_messages_go_in_pieces)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_a.payload_max = config_b.payload_max = 4096;
    pair_restart(config_a, config_b);
    struct gl_stream *s = NULL;
    ck_assert_int_eq(gl_stream_open(a.mux, 0, pair_bytes(10000), &pair_stream_events, &a, &s), 0);
    gl_stream_send_message(s, pair_bytes(4096), 7);
    gl_stream_send_message(s, pair_bytes(4100), 8);
    gl_stream_send_eof(s);
    /* The rest of 4100 would be 4 bytes, charged 128: a piece is cut shorter instead. */
    ck_assert_str_eq(pair_frames(&a),
                     "OPEN 1 4096+, MESSAGE 1 4096+, MESSAGE 1 1808, MESSAGE 1 4096, "
                     "MESSAGE 1 3968+, MESSAGE 1 132, EOF 1");
    assert_log(&a, "SENT 1 15\n");
    gl_stream_release(s);
}
END_TEST

START_TEST(pieces_are_put_together)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_a.payload_max = config_b.payload_max = 5000; /* does not divide 256 KiB */
    pair_restart(config_a, config_b);
    struct gl_stream *s = NULL;
    ck_assert_int_eq(
        gl_stream_open(a.mux, 0, pair_bytes(GL_MESSAGE_MAX), &pair_stream_events, &a, &s), 0);
    for (int i = 0; i < 3; i++)
        gl_stream_send_message(s, pair_bytes(GL_MESSAGE_MAX), 0);
    gl_stream_send_eof(s);
    pair_pump(&a, &b);
    assert_log(&b, "OPEN 1 (262144)\nMESSAGE 1 (262144)\nMESSAGE 1 (262144)\n"
                   "MESSAGE 1 (262144)\nEOF 1\n");
    ck_assert_int_eq(gl_stream_open(a.mux, 0, pair_bytes(GL_MESSAGE_MAX + 1), NULL, NULL, &s),
                     UV_EMSGSIZE);
    ck_assert_int_eq(gl_stream_send_message(b.streams[0], pair_bytes(GL_MESSAGE_MAX + 1), 0),
                     UV_EMSGSIZE);
    gl_stream_release(s);
}
END_TEST

START_TEST(content_survives_the_cutting)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_a.payload_max = config_b.payload_max = 4096;
    pair_restart(config_a, config_b);
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_send_message(s, gl_slice_copy("short", 5), 0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, GL_FLAG_MORE, 0, 1, "one,", 4), 0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, GL_FLAG_MORE, 0, 1, "", 0), 0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, GL_FLAG_MORE, 0, 1, "two,", 4), 0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, 0, 0, 1, "three", 5), 0);
    assert_log(&b, "OPEN 1 x\nMESSAGE 1 one,two,three\n");
}
END_TEST

START_TEST(messages_do_not_wait_for_credit_that_will_not_come)
{
    /*
     * 100 KiB were consumed, which is less than half a window, so no WINDOW was sent; the message
     * does not fit into what is left. Its pieces cannot be consumed before it is whole.
     */
    for (int small = 0; small < 2; small++) {
        struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
        if (small)
            config_a.payload_max = config_b.payload_max = 4096;
        pair_restart(config_a, config_b);
        struct gl_stream *s = pair_open_stream(&a, 0, "x");
        gl_stream_send_data(s, 0, pair_bytes(100 * 1024), 0);
        gl_stream_send_message(s, pair_bytes(GL_MESSAGE_MAX), 0);
        pair_pump(&a, &b);
        ck_assert_uint_eq(gl_stream_queued(s), 0);
        ck_assert_ptr_nonnull(strstr(b.log, "MESSAGE 1 (262144)\n"));
    }
}
END_TEST

/* ------------------------------------------------------------------ credit */

START_TEST(window_is_renewed_by_halves)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    b.consume = false;
    gl_stream_send_data(s, 0, pair_bytes(GL_WINDOW_INITIAL), 0);
    pair_move(&a, &b);
    gl_stream_consume(b.streams[0], GL_WINDOW_INITIAL / 2 - 1);
    ck_assert_str_eq(pair_frames(&b), "");
    gl_stream_consume(b.streams[0], 1);
    ck_assert_str_eq(pair_frames(&b), "WINDOW 1 393216");
    gl_stream_consume(b.streams[0], GL_WINDOW_INITIAL); /* more than there is */
    ck_assert_str_eq(pair_frames(&b), "WINDOW 1 524288");
}
END_TEST

START_TEST(data_is_cut_to_the_credit_but_not_into_crumbs)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    gl_stream_send_data(s, 0, pair_bytes(GL_WINDOW_INITIAL - 10000), 0);
    gl_stream_send_data(s, 0, pair_bytes(20000), 0);
    ck_assert_str_eq(pair_frames(&a), "OPEN 1 1, DATA 1 131072, DATA 1 121072, DATA 1 10000");
    pair_feed_u64(&a, GL_FRAME_WINDOW, 1, GL_WINDOW_INITIAL + 4095);
    ck_assert_str_eq(pair_frames(&a), "");
    pair_feed_u64(&a, GL_FRAME_WINDOW, 1, GL_WINDOW_INITIAL + 4096);
    ck_assert_str_eq(pair_frames(&a), "DATA 1 4096");
    pair_feed_u64(&a, GL_FRAME_WINDOW, 1, GL_WINDOW_INITIAL + 10000);
    ck_assert_str_eq(pair_frames(&a), "DATA 1 5904");
    /* A small item goes as soon as it fits. */
    gl_stream_send_data(s, 0, pair_bytes(1), 0);
    pair_feed_u64(&a, GL_FRAME_WINDOW, 1, GL_WINDOW_INITIAL + 10127);
    ck_assert_str_eq(pair_frames(&a), "");
    pair_feed_u64(&a, GL_FRAME_WINDOW, 1, GL_WINDOW_INITIAL + 10128);
    ck_assert_str_eq(pair_frames(&a), "DATA 1 1");
}
END_TEST

START_TEST(eof_close_and_reset_need_no_credit)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    gl_stream_send_data(s, 0, pair_bytes(GL_WINDOW_INITIAL), 0);
    gl_stream_send_eof(s);
    ck_assert_str_eq(pair_frames(&a), "OPEN 1 1, DATA 1 131072, DATA 1 131072, EOF 1");
    gl_stream_reset(s, GL_STATUS_CANCELLED, "");
    ck_assert_str_eq(pair_frames(&a), "RESET 1 CANCELLED");
}
END_TEST

START_TEST(no_window_after_eof)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    b.consume = false;
    gl_stream_send_data(s, 0, pair_bytes(GL_WINDOW_INITIAL), 0);
    gl_stream_send_eof(s);
    pair_pump(&a, &b);
    gl_stream_consume(b.streams[0], GL_WINDOW_INITIAL);
    ck_assert_str_eq(pair_frames(&b), "");
}
END_TEST

START_TEST(a_queue_of_tiny_items_takes_little_memory)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    size_t before = heap_used();
    for (unsigned n = 0; gl_stream_queued(s) < GL_STREAM_QUEUE; n++)
        gl_stream_send_data(s, (uint8_t)(n % 2), pair_text("x"), 0);
    ck_assert_uint_le(heap_used() - before, 2 * GL_STREAM_QUEUE);
}
END_TEST

START_TEST(on_sent_returns_the_credit_of_whole_items)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    gl_stream_send_data(s, 0, pair_bytes(200000), 1000);
    gl_stream_send_data(s, 0, pair_bytes(100000), 30);
    gl_stream_send_message(s, pair_text("m"), 4);
    pair_frames(&a);
    assert_log(&a, "SENT 1 1000\n"); /* of the second a part is out only */
    ck_assert_uint_eq(gl_stream_queued(s), 300000 - GL_WINDOW_INITIAL + GL_CHARGE_MIN);
    pair_feed_u64(&a, GL_FRAME_WINDOW, 1, 1000000);
    pair_frames(&a);
    assert_log(&a, "SENT 1 34\n");
    ck_assert_uint_eq(gl_stream_queued(s), 0);
}
END_TEST

/* Much data that B consumes at once. Returns by how much B's windows have grown. */
static uint64_t pour(struct gl_stream *s)
{
    gl_stream_send_data(s, 0, pair_bytes(16 << 20), 0);
    pair_pump(&a, &b);
    ck_assert_uint_eq(gl_stream_queued(s), 0);
    return pair_stats(&b).growth;
}

/* Makes the round trip known to B. */
static void know_rtt(uint64_t rtt)
{
    gl_mux_ping(b.mux, b.now, NULL, NULL);
    pair_move(&b, &a);
    pair_advance(rtt);
    pair_pump(&a, &b);
}

START_TEST(window_grows_when_it_is_the_brake)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_b.window_growth_max = 5 << 20;
    pair_restart(config_a, config_b);
    know_rtt(10 * PAIR_MS);
    struct gl_stream *s1 = pair_open_stream(&a, 0, "1"), *s2 = pair_open_stream(&a, 0, "2");
    ck_assert_uint_eq(pour(s1), GL_WINDOW_MAX - GL_WINDOW_INITIAL);
    /* The second gets what is left of the cap: 256 K to 512 K, 1 M; 2 M is too much. */
    ck_assert_uint_eq(pour(s2), GL_WINDOW_MAX - GL_WINDOW_INITIAL + 768 * 1024);
    gl_stream_reset(s1, GL_STATUS_CANCELLED, "");
    pair_pump(&a, &b);
    ck_assert_uint_eq(pair_stats(&b).growth, 768 * 1024);
    pour(s2);
    ck_assert_uint_eq(pair_stats(&b).growth, GL_WINDOW_MAX - GL_WINDOW_INITIAL);
}
END_TEST

START_TEST(window_does_not_grow_for_a_slow_consumer)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_b.window_growth_max = 5 << 20;
    pair_restart(config_a, config_b);
    know_rtt(1 * PAIR_MS);
    struct gl_stream *s = pair_open_stream(&a, 0, "1");
    gl_stream_send_data(s, 0, pair_bytes(4 << 20), 0);
    b.consume = false;
    while (gl_stream_queued(s)) {
        pair_pump(&a, &b);
        pair_advance(2 * PAIR_MS);
        gl_stream_consume(b.streams[0], 128 * 1024); /* a window in 4 ms */
    }
    ck_assert_uint_eq(pair_stats(&b).growth, 0);
}
END_TEST

/* ------------------------------------------------------------------ accounts */

static unsigned told;

static void count_sent(struct side *side, const char *event, struct gl_stream *stream)
{
    (void)side, (void)stream;
    told += strcmp(event, "sent") == 0;
}

START_TEST(the_first_on_sent_says_that_open_is_out)
{
    told = 0;
    a.hook = count_sent;
    pair_open_stream(&a, 0, "x");
    ck_assert_uint_eq(told, 0);
    pair_frames(&a);
    ck_assert_uint_eq(told, 1);
}
END_TEST

/* A receiver has room for few unfinished messages. */
START_TEST(a_message_that_was_begun_is_finished_before_the_next)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_a.payload_max = 16 * 1024;
    config_b.partials_max = GL_MESSAGE_MAX;
    pair_restart(config_a, config_b);
    struct gl_stream *streams[20];
    for (unsigned n = 0; n < GL_ARRAY_SIZE(streams); n++) {
        streams[n] = pair_open_stream(&a, 0, "x");
        gl_stream_send_message(streams[n], pair_bytes(GL_MESSAGE_MAX), 0);
    }
    pair_pump(&a, &b);
    for (unsigned n = 0; n < GL_ARRAY_SIZE(streams); n++)
        ck_assert_uint_eq(gl_stream_queued(streams[n]), 0);
    ck_assert_ptr_null(strstr(a.log, "END"));
    ck_assert_uint_eq(pair_stats(&b).partials, 0);
}
END_TEST

START_TEST(an_account_has_what_its_streams_hold)
{
    static struct gl_account all, own = {.up = &all};
    struct gl_stream *one = pair_open_stream(&a, 0, "1"), *two = pair_open_stream(&a, 0, "2");
    gl_stream_send_data(one, 0, pair_bytes(1000), 0);
    gl_stream_set_account(one, &own);
    gl_stream_set_account(two, &all);
    ck_assert_uint_eq(own.held, 1000 + GL_CHARGE_MIN); /* with OPEN */
    gl_stream_send_data(two, 0, pair_bytes(5000), 0);
    ck_assert_uint_eq(all.held, 6000 + 2 * GL_CHARGE_MIN);
    ck_assert_uint_eq(own.held, 1000 + GL_CHARGE_MIN);
    gl_stream_reset(one, GL_STATUS_CANCELLED, "");
    ck_assert_uint_eq(own.held, 0);
    ck_assert_uint_eq(all.held, 5000 + GL_CHARGE_MIN);
    pair_pump(&a, &b);
    ck_assert_uint_eq(all.held, 0);
}
END_TEST

START_TEST(an_account_bounds_the_growth_of_windows)
{
    static struct gl_account account = {.growth_max = 1 << 20};
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_b.window_growth_max = 32 << 20;
    config_b.account = &account;
    pair_restart(config_a, config_b);
    know_rtt(10 * PAIR_MS);
    struct gl_stream *s = pair_open_stream(&a, 0, "1");
    ck_assert_uint_eq(pour(s), 768 * 1024);
    ck_assert_uint_eq(account.growth, 768 * 1024);
    gl_stream_set_account(b.streams[0], NULL);
    ck_assert_uint_eq(account.growth, 0);
    gl_stream_set_account(b.streams[0], &account);
    gl_stream_reset(s, GL_STATUS_CANCELLED, "");
    pair_pump(&a, &b);
    ck_assert_uint_eq(account.growth, 0);
}
END_TEST

/* ------------------------------------------------------------------ suite */

static Suite *suite(void)
{
    const TTest *const tests[] = {
        unary_call,
        ids_are_consecutive_by_side,
        a_stream_that_was_never_sent_uses_no_id,
        order_is_kept,
        close_after_own_eof,
        only_the_responder_closes,
        close_waits_for_the_data_before_it,
        after_close_the_openers_bytes_are_used_up,
        reset_drops_what_is_queued,
        responder_may_reset,
        release_cancels,
        resets_may_cross,
        frames_for_a_finished_stream_are_dropped,
        a_stream_that_nobody_takes_is_reset,
        refused_within_on_open_without_an_owner,
        text_is_made_valid,
        long_messages_go_in_pieces,
        pieces_are_put_together,
        content_survives_the_cutting,
        messages_do_not_wait_for_credit_that_will_not_come,
        window_is_renewed_by_halves,
        data_is_cut_to_the_credit_but_not_into_crumbs,
        eof_close_and_reset_need_no_credit,
        no_window_after_eof,
        a_queue_of_tiny_items_takes_little_memory,
        on_sent_returns_the_credit_of_whole_items,
        window_grows_when_it_is_the_brake,
        window_does_not_grow_for_a_slow_consumer,
        the_first_on_sent_says_that_open_is_out,
        a_message_that_was_begun_is_finished_before_the_next,
        an_account_has_what_its_streams_hold,
        an_account_bounds_the_growth_of_windows,
    };
    return pair_suite("mux", tests, GL_ARRAY_SIZE(tests));
}

GL_UNIT_MAIN(suite)
