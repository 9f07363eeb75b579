/* SPDX-License-Identifier: MIT */
/* What a peer must not do: fatal to the link, fatal to one stream, or refused within limits. */
#include "../../common/mux-internal.h"
#include "heap.h"
#include "muxpair.h"

/* The frame was fatal, and the text names what was wrong. */
#define assert_fatal(rc, part)                                                                     \
    do {                                                                                           \
        ck_assert_int_eq((rc), UV_EPROTO);                                                         \
        ck_assert_msg(strstr(gl_mux_error(b.mux), (part)) != NULL, "%s", gl_mux_error(b.mux));     \
        /* and stays so */                                                                         \
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 99, "x", 1), UV_EPROTO);               \
        ck_assert_str_eq(pair_frames(&b), "");                                                     \
    } while (0)

/* A stream 1 that A opened and B took. */
static struct gl_stream *opened(void)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    pair_clear(&b);
    return s;
}

/* ------------------------------------------------------------------ fatal */

START_TEST(open_that_leaves_a_gap)
{
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 1, "x", 1), 0);
    assert_fatal(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 5, "x", 1),
                 "OPEN with id 5 where 3 is the next");
}
END_TEST

START_TEST(open_again)
{
    opened();
    assert_fatal(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 1, "x", 1), "OPEN with id 1");
}
END_TEST

START_TEST(open_of_the_other_parity)
{
    assert_fatal(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 2, "x", 1), "OPEN with id 2");
}
END_TEST

START_TEST(frame_for_a_stream_never_opened)
{
    assert_fatal(pair_feed(&b, GL_FRAME_DATA, 0, 0, 1, "x", 1),
                 "DATA on stream 1, which was never opened");
}
END_TEST

START_TEST(frame_for_a_stream_that_we_never_opened)
{
    pair_open_stream(&b, 0, "not sent yet");
    assert_fatal(pair_feed_status(&b, GL_FRAME_RESET, 2, 0, ""), "RESET on stream 2");
}
END_TEST

START_TEST(window_for_a_stream_never_opened)
{
    assert_fatal(pair_feed_u64(&b, GL_FRAME_WINDOW, 2, 1 << 20), "WINDOW on stream 2");
}
END_TEST

START_TEST(close_by_the_opener)
{
    opened();
    assert_fatal(pair_feed_status(&b, GL_FRAME_CLOSE, 1, 0, ""), "CLOSE on stream 1");
}
END_TEST

START_TEST(credit_overrun)
{
    opened();
    b.consume = false;
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_DATA, 0, 0, 1, NULL, GL_WINDOW_INITIAL), 0);
    assert_fatal(pair_feed(&b, GL_FRAME_DATA, 0, 0, 1, "", 0),
                 "overruns its credit: 262144 of 262144");
}
END_TEST

START_TEST(small_frames_cost_more_than_their_length)
{
    opened();
    b.consume = false;
    for (unsigned i = 0; i < GL_WINDOW_INITIAL / GL_CHARGE_MIN; i++) {
        pair_clear(&b);
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, 0, 0, 1, "", 0), 0);
    }
    ck_assert_uint_eq(b.charge, GL_WINDOW_INITIAL);
    assert_fatal(pair_feed(&b, GL_FRAME_MESSAGE, 0, 0, 1, "", 0), "overruns its credit");
}
END_TEST

START_TEST(consumed_is_not_granted_before_window_is_sent)
{
    opened();
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_DATA, 0, 0, 1, NULL, GL_WINDOW_INITIAL), 0);
    assert_fatal(pair_feed(&b, GL_FRAME_DATA, 0, 0, 1, "x", 1), "overruns its credit");
}
END_TEST

START_TEST(window_going_back)
{
    pair_open_stream(&b, 0, "x");
    pair_pump(&a, &b);
    ck_assert_int_eq(pair_feed_u64(&b, GL_FRAME_WINDOW, 2, 300000), 0);
    ck_assert_int_eq(pair_feed_u64(&b, GL_FRAME_WINDOW, 2, 300000), 0);
    assert_fatal(pair_feed_u64(&b, GL_FRAME_WINDOW, 2, 299999),
                 "WINDOW of stream 2 goes back from 300000 to 299999");
}
END_TEST

START_TEST(ack_of_what_was_not_sent)
{
    pair_open_stream(&b, 0, "x");
    pair_frames(&b);
    assert_fatal(pair_feed_u64(&b, GL_FRAME_ACK, 0, 2), "ACK 2 where 0 to 1 can be");
}
END_TEST

START_TEST(ack_going_back)
{
    pair_open_stream(&b, 0, "x");
    pair_open_stream(&b, 0, "y");
    pair_frames(&b);
    ck_assert_int_eq(pair_feed_u64(&b, GL_FRAME_ACK, 0, 2), 0);
    assert_fatal(pair_feed_u64(&b, GL_FRAME_ACK, 0, 1), "ACK 1 where 2 to 2 can be");
}
END_TEST

START_TEST(ack_in_a_local_session)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_a.resumable = config_b.resumable = false;
    pair_restart(config_a, config_b);
    assert_fatal(pair_feed_u64(&b, GL_FRAME_ACK, 0, 0), "never resumed");
}
END_TEST

START_TEST(pong_that_nobody_asked_for)
{
    assert_fatal(pair_feed_u64(&b, GL_FRAME_PONG, 0, 4711), "PONG 4711 was never asked for");
}
END_TEST

START_TEST(pong_twice)
{
    gl_mux_ping(b.mux, b.now, NULL, NULL);
    size_t len;
    struct gl_block *block = pair_take(&b, 1000, &len);
    uint64_t cookie = gl_get_u64(gl_block_data(block) + GL_FRAME_HEADER);
    gl_block_unref(block);
    ck_assert_int_eq(pair_feed_u64(&b, GL_FRAME_PONG, 0, cookie), 0);
    assert_fatal(pair_feed_u64(&b, GL_FRAME_PONG, 0, cookie), "never asked for");
}
END_TEST

START_TEST(handshake_after_the_handshake)
{
    assert_fatal(pair_feed(&b, GL_FRAME_HELLO_A, 0, 0, 0, NULL, 100),
                 "HELLO_A after the handshake");
}
END_TEST

START_TEST(malformed_header)
{
    assert_fatal(pair_feed(&b, GL_FRAME_EOF, 0, 0, 1, "x", 1), "EOF (type 0x13");
}
END_TEST

START_TEST(payload_over_the_cap)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_a.payload_max = config_b.payload_max = 4096;
    pair_restart(config_a, config_b);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 1, NULL, 4096), 0);
    /* Judged by its header: nothing of it is waited for. */
    uint8_t header[GL_FRAME_HEADER];
    gl_frame_encode(header, &(struct gl_frame){GL_FRAME_DATA, 0, 0, 1, 4097});
    size_t used;
    ck_assert_int_eq(gl_mux_receive(b.mux, b.now, NULL, header, sizeof(header), &used), UV_EPROTO);
}
END_TEST

START_TEST(stream_numbers_end)
{
    b.mux->rx_next_id = GL_STREAM_ID_MAX;
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, GL_STREAM_ID_MAX, "x", 1), 0);
    assert_fatal(pair_feed(&b, GL_FRAME_OPEN, 0, 0, GL_STREAM_ID_MAX + 2, "x", 1), "OPEN with id");
}
END_TEST

START_TEST(our_own_stream_numbers_end_with_goodbye)
{
    a.mux->tx_next_id = GL_STREAM_ID_MAX;
    pair_open_stream(&a, 0, "last");
    pair_open_stream(&a, 0, "one more");
    ck_assert_str_eq(pair_frames(&a),
                     "OPEN 2147483647 4, GOODBYE LIMIT stream numbers are used up");
}
END_TEST

START_TEST(a_violation_leaves_room_for_goodbye)
{
    pair_open_stream(&b, 0, "x");
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_DATA, 0, 0, 1, "x", 1), UV_EPROTO);
    gl_mux_goodbye(b.mux, GL_STATUS_PROTOCOL, gl_mux_error(b.mux));
    gl_mux_end(b.mux, GL_STATUS_PROTOCOL, gl_mux_error(b.mux));
    assert_log(&b, "END 0 NOT_STARTED DATA on stream 1, which was never opened\n");
    ck_assert_str_eq(pair_frames(&b), "GOODBYE PROTOCOL DATA on stream 1, which was never opened");
}
END_TEST

/* ------------------------------------------------------------------ one stream */

#define assert_stream_failed(status, why)                                                          \
    do {                                                                                           \
        ck_assert_str_eq(pair_frames(&b), "RESET 1 " status " " why);                              \
        assert_log(&b, "END 1 " status " " why "\n");                                              \
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 3, "x", 1), 0);                        \
    } while (0)

START_TEST(frame_after_eof)
{
    static const uint8_t types[] = {GL_FRAME_DATA, GL_FRAME_MESSAGE, GL_FRAME_EOF};
    for (size_t i = 0; i < GL_ARRAY_SIZE(types); i++) {
        pair_restart(pair_config(GL_SIDE_A), pair_config(GL_SIDE_B));
        opened();
        pair_feed(&b, GL_FRAME_EOF, 0, 0, 1, NULL, 0);
        pair_clear(&b);
        ck_assert_int_eq(pair_feed(&b, types[i], 0, 0, 1, NULL, 0), 0);
        assert_stream_failed("INVALID", "frame after EOF");
    }
}
END_TEST

START_TEST(data_within_a_message)
{
    opened();
    pair_feed(&b, GL_FRAME_MESSAGE, GL_FLAG_MORE, 0, 1, "x", 1);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_DATA, 0, 0, 1, "y", 1), 0);
    assert_stream_failed("INVALID", "DATA within a message");
}
END_TEST

START_TEST(eof_within_a_message)
{
    opened();
    pair_feed(&b, GL_FRAME_MESSAGE, GL_FLAG_MORE, 0, 1, "x", 1);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_EOF, 0, 0, 1, NULL, 0), 0);
    assert_stream_failed("INVALID", "EOF within a message");
}
END_TEST

START_TEST(close_within_a_message)
{
    pair_open_stream(&b, 0, "x");
    pair_pump(&a, &b);
    pair_feed(&b, GL_FRAME_MESSAGE, GL_FLAG_MORE, 0, 2, "x", 1);
    ck_assert_int_eq(pair_feed_status(&b, GL_FRAME_CLOSE, 2, GL_STATUS_OK, ""), 0);
    assert_log(&b, "END 2 PROTOCOL CLOSE within a message\n");
}
END_TEST

START_TEST(message_too_big)
{
    /* OPEN is not charged, so that credit does not stop this one first. */
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, GL_FLAG_MORE, 0, 1, NULL, 200000), 0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, 0, 0, 1, NULL, 62145), 0);
    ck_assert_str_eq(pair_frames(&b), "RESET 1 TOO_BIG message is over 256 KiB");
    assert_log(&b, ""); /* nobody was told of it yet */
    ck_assert_uint_eq(pair_stats(&b).streams, 0);
}
END_TEST

START_TEST(reset_before_open_was_whole)
{
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, GL_FLAG_MORE, 0, 1, "x", 1), 0);
    ck_assert_int_eq(pair_feed_status(&b, GL_FRAME_RESET, 1, GL_STATUS_CANCELLED, ""), 0);
    assert_log(&b, "");
    ck_assert_uint_eq(b.mux->objects, 0);
    ck_assert_uint_eq(b.mux->peer_count, 0);
}
END_TEST

/* ------------------------------------------------------------------ limits */

static void limited(uint32_t streams, bool a_knows)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_b.peer_streams_max = streams;
    if (a_knows)
        config_a.local_streams_max = streams;
    pair_restart(config_a, config_b);
}

START_TEST(streams_over_the_limit_are_not_opened)
{
    limited(2, true);
    struct gl_stream *s = pair_open_stream(&a, 0, "1"), *other = NULL;
    pair_open_stream(&a, 0, "2");
    ck_assert_int_eq(gl_stream_open(a.mux, 0, pair_text("3"), NULL, NULL, &other), UV_EAGAIN);
    ck_assert_ptr_null(other);
    pair_pump(&a, &b);
    gl_stream_reset(s, GL_STATUS_CANCELLED, "");
    /* Until the peer has heard of it, it would count it. */
    ck_assert_int_eq(gl_stream_open(a.mux, 0, pair_text("3"), NULL, NULL, &other), UV_EAGAIN);
    pair_pump(&a, &b);
    ck_assert_int_eq(gl_stream_open(a.mux, 0, pair_text("3"), NULL, NULL, &other), UV_EAGAIN);
    pair_advance(50 * PAIR_MS);
    gl_mux_tick(b.mux, b.now);
    pair_pump(&a, &b); /* ACK */
    pair_open_stream(&a, 0, "3");
}
END_TEST

START_TEST(a_stream_waits_for_its_reset_to_be_acknowledged_or_for_the_end)
{
    limited(1, true);
    struct gl_stream *s = pair_open_stream(&a, 0, "1"), *other = NULL;
    pair_pump(&a, &b);
    pair_release(&a, s); /* with nobody to own it */
    pair_frames(&a);     /* lost */
    gl_mux_detach(a.mux);
    ck_assert_int_eq(gl_stream_open(a.mux, 0, pair_text("2"), NULL, NULL, &other), UV_EAGAIN);
    ck_assert_uint_eq(a.mux->objects, 1);
    gl_mux_end(a.mux, GL_STATUS_LOST, "");
    ck_assert_uint_eq(a.mux->objects, 0);
}
END_TEST

START_TEST(streams_over_the_limit_are_refused)
{
    limited(2, false);
    pair_open_stream(&a, 0, "1");
    pair_open_stream(&a, 0, "2");
    struct gl_stream *third = pair_open_stream(&a, 0, "3");
    gl_stream_send_data(third, 0, pair_bytes(100), 0);
    gl_stream_send_eof(third);
    pair_pump(&a, &b);
    assert_log(&b, "OPEN 1 1\nOPEN 3 2\n");
    assert_log(&a, "END 5 LIMIT too many streams\n");
}
END_TEST

START_TEST(handlers_count_until_they_are_done)
{
    limited(1, false);
    struct gl_stream *s = pair_open_stream(&a, 0, "1");
    pair_pump(&a, &b);
    gl_stream_reset(s, GL_STATUS_CANCELLED, "");
    pair_open_stream(&a, 0, "2");
    pair_pump(&a, &b);
    assert_log(&a, "END 3 LIMIT too many streams\n");
    pair_release(&b, b.streams[0]);
    pair_open_stream(&a, 0, "3");
    pair_pump(&a, &b);
    assert_log(&b, "OPEN 1 1\nEND 1 CANCELLED\nOPEN 5 3\n");
}
END_TEST

START_TEST(answers_that_nobody_reads_count)
{
    /* Done at once, but A does not read: B must not pile up CLOSE frames. */
    limited(3, false);
    for (unsigned i = 0; i < 5; i++)
        pair_open_stream(&a, 0, "x");
    pair_move(&a, &b);
    for (unsigned i = 0; i < 3; i++) {
        gl_stream_close(b.streams[i], GL_STATUS_OK, "");
        pair_release(&b, b.streams[i]);
    }
    pair_feed(&b, GL_FRAME_OPEN, 0, 0, 11, "x", 1);
    ck_assert_uint_eq(b.mux->peer_count, 3);
    pair_frames(&b);
    ck_assert_uint_eq(b.mux->peer_count, 0);
}
END_TEST

static uint32_t refuse_many(unsigned count, uint32_t id)
{
    for (unsigned i = 0; i < count; i++, id += 2)
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, id, "x", 1), 0);
    return id;
}

START_TEST(a_flood_of_refused_opens_is_fatal)
{
    limited(0, false);
    uint32_t id = refuse_many(1000, 1);
    pair_frames(&b);
    assert_fatal(pair_feed(&b, GL_FRAME_OPEN, 0, 0, id, "x", 1),
                 "more than 1000 OPENs beyond the limit");
}
END_TEST

START_TEST(who_may_open_many_may_be_refused_as_many_twice)
{
    limited(700, false);
    b.mux->peer_count = 700; /* as if so many were open */
    uint32_t id = refuse_many(1400, 1);
    pair_frames(&b);
    assert_fatal(pair_feed(&b, GL_FRAME_OPEN, 0, 0, id, "x", 1),
                 "more than 1400 OPENs beyond the limit");
}
END_TEST

START_TEST(refused_opens_over_a_long_time_are_not)
{
    limited(0, false);
    uint32_t id = 1;
    for (int i = 0; i < 5; i++) {
        id = refuse_many(500, id);
        pair_frames(&b);
        pair_advance(5 * PAIR_S + 1);
    }
    /* Answers that are not read are, however slowly they come. */
    for (int i = 0; i < 2; i++) {
        id = refuse_many(500, id);
        pair_advance(6 * PAIR_S);
    }
    assert_fatal(pair_feed(&b, GL_FRAME_OPEN, 0, 0, id, "x", 1), "no answer is read");
}
END_TEST

START_TEST(an_opener_that_is_refused_pauses)
{
    limited(0, false);
    struct gl_stream *s = NULL;
    unsigned refused = 0;
    for (int i = 0; i < 2000; i++) {
        int rc = gl_stream_open(a.mux, 0, pair_text("x"), NULL, NULL, &s);
        if (rc == 0) {
            pair_pump(&a, &b);
            gl_stream_release(s);
            refused++;
        } else {
            ck_assert_int_eq(rc, UV_EAGAIN);
        }
    }
    ck_assert_uint_le(refused, 100);
    pair_advance(10 * PAIR_S);
    pair_pump(&a, &b); /* time passes by calls only */
    ck_assert_int_eq(gl_stream_open(a.mux, 0, pair_text("x"), NULL, NULL, &s), 0);
    gl_stream_release(s);
}
END_TEST

START_TEST(only_sixteen_pongs_wait)
{
    for (uint64_t i = 1; i <= 20; i++)
        ck_assert_int_eq(pair_feed_u64(&b, GL_FRAME_PING, 0, i), 0);
    size_t len;
    struct gl_block *block = pair_take(&b, 1 << 20, &len);
    ck_assert_uint_eq(len, 16 * (GL_FRAME_HEADER + 8));
    for (size_t i = 0; i < 16; i++) {
        const uint8_t *frame = gl_block_data(block) + i * (GL_FRAME_HEADER + 8);
        ck_assert_uint_eq(frame[0], GL_FRAME_PONG);
        ck_assert_uint_eq(gl_get_u64(frame + GL_FRAME_HEADER), i + 5); /* the oldest went */
    }
    gl_block_unref(block);
}
END_TEST

START_TEST(a_message_in_pieces_takes_little_more_than_came)
{
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, GL_FLAG_MORE, 0, 1, "x", 1), 0);
    struct gl_stream *s = gl_stream_map_find(b.mux, 1);
    ck_assert_uint_le(gl_block_capacity(s->partial), 256);
    for (int i = 0; i < 2000; i++)
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, GL_FLAG_MORE, 0, 1, "x", 1), 0);
    ck_assert_uint_le(gl_block_capacity(s->partial), 2 * 2001);
}
END_TEST

#define PIECE (GL_MESSAGE_MAX - 1024) /* takes the memory of a whole message */
#define WHOLE (GL_PARTIALS_MAX / GL_MESSAGE_MAX)

START_TEST(unfinished_opens_have_a_budget)
{
    size_t before = heap_used();
    for (uint32_t n = 0; n < 512; n++)
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, GL_FLAG_MORE, 0, 2 * n + 1, NULL, PIECE), 0);
    ck_assert_uint_eq(pair_stats(&b).partials, GL_PARTIALS_MAX);
    ck_assert_uint_le(heap_used() - before, GL_PARTIALS_MAX + 1024 * 1024);
    const char *frames = pair_frames(&b);
    ck_assert_ptr_null(strstr(frames, "RESET 31 "));
    ck_assert_ptr_nonnull(strstr(frames, "RESET 33 LIMIT too many messages that are not finished"));
    ck_assert_ptr_nonnull(strstr(frames, "RESET 1023 LIMIT"));

    /* Those within it go on, and make room. */
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, 0, 0, 1, "x", 1), 0);
    assert_log(&b, "OPEN 1 (261121)\n");
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, GL_FLAG_MORE, 0, 1025, NULL, PIECE), 0);
    ck_assert_str_eq(pair_frames(&b), "");
    ck_assert_int_eq(pair_feed_status(&b, GL_FRAME_RESET, 3, GL_STATUS_CANCELLED, ""), 0);
    ck_assert_uint_eq(pair_stats(&b).partials, GL_PARTIALS_MAX - GL_MESSAGE_MAX);
}
END_TEST

START_TEST(unfinished_messages_have_a_budget)
{
    for (uint32_t n = 0; n <= WHOLE; n++) {
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 2 * n + 1, "x", 1), 0);
        pair_clear(&b);
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, GL_FLAG_MORE, 0, 2 * n + 1, NULL, PIECE),
                         0);
    }
    assert_log(&b, "END 33 LIMIT too many messages that are not finished\n");
    ck_assert_ptr_nonnull(strstr(pair_frames(&b), "RESET 33 LIMIT"));
    /* A message in one piece needs none of it. */
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 35, "x", 1), 0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, 0, 0, 35, "y", 1), 0);
    assert_log(&b, "OPEN 35 x\nMESSAGE 35 y\n");
}
END_TEST

START_TEST(an_account_bounds_unfinished_messages_of_several_sessions)
{
    static struct gl_account account = {.held_max = GL_MESSAGE_MAX};
    struct gl_mux_config config = pair_config(GL_SIDE_B);
    config.account = &account;
    pair_restart(pair_config(GL_SIDE_A), config);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, GL_FLAG_MORE, 0, 1, NULL, PIECE), 0);
    ck_assert_uint_eq(account.held, GL_MESSAGE_MAX);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, GL_FLAG_MORE, 0, 3, "x", 1), 0);
    ck_assert_str_eq(pair_frames(&b), "RESET 3 LIMIT too many messages that are not finished");
    gl_mux_end(b.mux, GL_STATUS_LOST, "");
    ck_assert_uint_eq(account.held, 0);
}
END_TEST

START_TEST(requests_may_be_bounded_to_less)
{
    struct gl_mux_config config = pair_config(GL_SIDE_B);
    config.open_max = 1000;
    pair_restart(pair_config(GL_SIDE_A), config);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 1, NULL, 1000), 0);
    assert_log(&b, "OPEN 1 (1000)\n");
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 3, NULL, 1001), 0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, GL_FLAG_MORE, 0, 5, NULL, 1000), 0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, 0, 0, 5, NULL, 1), 0);
    ck_assert_str_eq(pair_frames(&b), "RESET 3 TOO_BIG no request here is so long, "
                                      "RESET 5 TOO_BIG no request here is so long");
    assert_log(&b, "");
    /* Messages may be as long as ever. */
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, 0, 0, 1, NULL, 2000), 0);
    assert_log(&b, "MESSAGE 1 (2000)\n");
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        open_that_leaves_a_gap,
        open_again,
        open_of_the_other_parity,
        frame_for_a_stream_never_opened,
        frame_for_a_stream_that_we_never_opened,
        window_for_a_stream_never_opened,
        close_by_the_opener,
        credit_overrun,
        small_frames_cost_more_than_their_length,
        consumed_is_not_granted_before_window_is_sent,
        window_going_back,
        ack_of_what_was_not_sent,
        ack_going_back,
        ack_in_a_local_session,
        pong_that_nobody_asked_for,
        pong_twice,
        handshake_after_the_handshake,
        malformed_header,
        payload_over_the_cap,
        stream_numbers_end,
        our_own_stream_numbers_end_with_goodbye,
        a_violation_leaves_room_for_goodbye,
        frame_after_eof,
        data_within_a_message,
        eof_within_a_message,
        close_within_a_message,
        message_too_big,
        reset_before_open_was_whole,
        streams_over_the_limit_are_not_opened,
        a_stream_waits_for_its_reset_to_be_acknowledged_or_for_the_end,
        streams_over_the_limit_are_refused,
        handlers_count_until_they_are_done,
        answers_that_nobody_reads_count,
        a_flood_of_refused_opens_is_fatal,
        who_may_open_many_may_be_refused_as_many_twice,
        refused_opens_over_a_long_time_are_not,
        an_opener_that_is_refused_pauses,
        only_sixteen_pongs_wait,
        a_message_in_pieces_takes_little_more_than_came,
        unfinished_opens_have_a_budget,
        unfinished_messages_have_a_budget,
        an_account_bounds_unfinished_messages_of_several_sessions,
        requests_may_be_bounded_to_less,
    };
    return pair_suite("mux_bad", tests, GL_ARRAY_SIZE(tests));
}

GL_UNIT_MAIN(suite)
