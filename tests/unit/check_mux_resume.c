/* SPDX-License-Identifier: MIT */
/* A link is lost and the session goes on, or is refused: doc/PROTOCOL.md chapters 3 and 6. */
#include "muxpair.h"

#define CAP (256u * 1024)

static enum gl_resume_reason check_b(void)
{
    struct gl_resume_record record;
    gl_mux_record(a.mux, &record);
    return gl_mux_check(b.mux, &record, CAP);
}

static void detach_both(void)
{
    gl_mux_detach(a.mux);
    gl_mux_detach(b.mux);
}

/* The whole of a resume, as the handshake does it. */
static void resume(void)
{
    detach_both();
    struct gl_resume_record of_a, of_b;
    gl_mux_record(a.mux, &of_a);
    ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_OK);
    gl_mux_record(b.mux, &of_b);
    ck_assert_int_eq(gl_mux_check(a.mux, &of_b, CAP), GL_RESUME_OK);
    uint64_t epoch = gl_mux_epoch(b.mux) + 1;
    gl_mux_attach(a.mux, a.now, &of_b, epoch);
    gl_mux_attach(b.mux, b.now, &of_a, epoch);
}

/* Gives B the first `len` bytes of what A puts out, and loses the rest. */
static void move_some(size_t len)
{
    size_t have, used = 0;
    struct gl_block *block = pair_take(&a, 1 << 20, &have);
    ck_assert_uint_le(len, have);
    ck_assert_int_eq(gl_mux_receive(b.mux, b.now, block, gl_block_data(block), len, &used), 0);
    gl_block_unref(block);
}

START_TEST(cut_at_every_byte)
{
    /* PING is 20 bytes of the second link's output, hence the first attach is used up here. */
    size_t total = 0;
    for (size_t at = 0; !total || at <= total; at++) {
        pair_restart(pair_config(GL_SIDE_A), pair_config(GL_SIDE_B));
        struct gl_stream *s = pair_open_stream(&a, 0, "open");
        gl_stream_send_message(s, pair_text("message"), 0);
        gl_stream_send_data(s, 3, pair_bytes(100), 0);
        gl_stream_send_eof(s);
        total = 4 * GL_FRAME_HEADER + 4 + 7 + 100;
        move_some(at);
        resume();
        pair_pump(&a, &b);
        assert_log(&b, "OPEN 1 open\nMESSAGE 1 message\nDATA 1/3 (100)\nEOF 1\n");
        ck_assert_uint_eq(pair_stats(&b).rx_frames, 4);
    }
}
END_TEST

START_TEST(what_was_received_is_not_sent_again)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    gl_stream_send_message(s, pair_text("one"), 0);
    gl_stream_send_message(s, pair_text("two"), 0);
    move_some(GL_FRAME_HEADER + 1 + GL_FRAME_HEADER + 3);
    gl_stream_send_message(s, pair_text("three"), 0);
    detach_both();
    gl_stream_send_message(s, pair_text("fourth"), 0);
    resume();
    /* Replay first, then what is new. */
    ck_assert_str_eq(pair_frames(&a), "MESSAGE 1 3, MESSAGE 1 5, MESSAGE 1 6");
}
END_TEST

START_TEST(a_window_that_was_lost_is_sent_again)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    gl_stream_send_data(s, 0, pair_bytes(300000), 0);
    pair_move(&a, &b);
    ck_assert_uint_eq(gl_stream_queued(s), 300000 - GL_WINDOW_INITIAL);
    ck_assert_str_eq(pair_frames(&b), "WINDOW 1 524288"); /* lost */
    resume();
    ck_assert_str_eq(pair_frames(&b), "WINDOW 1 524288"); /* lost again */
    resume();
    pair_pump(&a, &b);
    ck_assert_uint_eq(gl_stream_queued(s), 0);
}
END_TEST

START_TEST(a_ping_that_was_lost_is_not_missed)
{
    gl_mux_ping(a.mux, a.now, NULL, NULL);
    pair_frames(&a);
    for (int i = 0; i < 100; i++) {
        resume();
        pair_pump(&a, &b);
    }
    ck_assert_uint_eq(pair_stats(&a).resumes, 100);
    ck_assert_uint_eq(gl_mux_epoch(a.mux), 101);
}
END_TEST

static unsigned pongs;
static void on_pong(void *ctx, uint64_t rtt_ns)
{
    (void)ctx, (void)rtt_ns;
    pongs++;
}

START_TEST(a_ping_that_somebody_waits_for_is_sent_again)
{
    pongs = 0;
    gl_mux_ping(a.mux, a.now, on_pong, NULL);
    pair_frames(&a);
    resume();
    pair_pump(&a, &b);
    ck_assert_uint_eq(pongs, 1);
}
END_TEST

START_TEST(streams_go_on_while_detached)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    detach_both();
    ck_assert(!gl_mux_is_attached(a.mux));
    unsigned wakes = a.wakes;
    gl_stream_send_data(s, 0, pair_bytes(10), 0);
    struct gl_stream *t = pair_open_stream(&a, 0, "new");
    struct gl_stream *gone = pair_open_stream(&a, 0, "never");
    gl_stream_reset(gone, GL_STATUS_CANCELLED, "");
    ck_assert_uint_eq(a.wakes, wakes);
    ck_assert_str_eq(pair_frames(&a), "");
    ck_assert_uint_eq(gl_mux_deadline(a.mux), UINT64_MAX);
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now + 100 * PAIR_S), 0);
    ck_assert_uint_eq(gl_stream_id(t), 0);
    pair_clear(&b);
    resume();
    ck_assert_uint_gt(a.wakes, wakes);
    pair_pump(&a, &b);
    assert_log(&b, "DATA 1/0 xxxxxxxxxx\nOPEN 3 new\n");
}
END_TEST

START_TEST(never_handed_out_is_not_started)
{
    detach_both();
    pair_open_stream(&a, 0, "x");
    gl_mux_end(a.mux, GL_STATUS_LOST, "");
    assert_log(&a, "END 0 NOT_STARTED\n");
}
END_TEST

START_TEST(heartbeat_begins_anew)
{
    detach_both();
    pair_advance(50 * PAIR_S);
    resume();
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), 0);
    pair_advance(15 * PAIR_S);
    gl_mux_tick(a.mux, a.now - 10 * PAIR_S);
    gl_mux_tick(a.mux, a.now - 5 * PAIR_S);
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), UV_ETIMEDOUT);
}
END_TEST

START_TEST(ack_beyond_what_this_link_was_handed)
{
    for (int i = 0; i < 3; i++)
        pair_open_stream(&a, 0, "x");
    pair_frames(&a);
    resume();
    struct gl_iov iov[1];
    size_t n = 0;
    while (n < 2) { /* PING, then the first of three */
        ck_assert_uint_eq(gl_mux_output(a.mux, a.now, iov, 1, 1), 1);
        gl_mux_written(a.mux, a.now, iov[0].len);
        n++;
    }
    ck_assert_int_eq(pair_feed_u64(&a, GL_FRAME_ACK, 0, 1), 0);
    ck_assert_int_eq(pair_feed_u64(&a, GL_FRAME_ACK, 0, 2), UV_EPROTO);
}
END_TEST

START_TEST(missed_accepts_do_not_add_up)
{
    /* A hears WELCOME and accepts, B does not hear that: any number of times. */
    pair_open_stream(&a, 0, "x");
    for (int i = 0; i < 5; i++) {
        detach_both();
        struct gl_resume_record of_a, of_b;
        gl_mux_record(a.mux, &of_a);
        ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_OK);
        gl_mux_record(b.mux, &of_b);
        ck_assert_int_eq(gl_mux_check(a.mux, &of_b, CAP), GL_RESUME_OK);
        gl_mux_attach(a.mux, a.now, &of_b, gl_mux_epoch(b.mux) + 1);
        pair_frames(&a); /* into the void */
    }
    ck_assert_uint_eq(gl_mux_epoch(a.mux), gl_mux_epoch(b.mux) + 1);
    resume();
    pair_pump(&a, &b);
    assert_log(&b, "OPEN 1 x\n");
}
END_TEST

START_TEST(a_hold_keeps_what_is_being_written)
{
    /* The address sanitizer is the judge. */
    struct gl_mux *mux = gl_mux_new(
        &(struct gl_mux_config){.side = GL_SIDE_A, .payload_max = 4096, .local_streams_max = 2}, 0);
    struct gl_stream *s = NULL;
    ck_assert_int_eq(gl_stream_open(mux, 0, pair_bytes(3000), NULL, NULL, &s), 0);
    struct gl_iov iov[8];
    size_t n = gl_mux_output(mux, 0, iov, 8, 100000), bytes = 0;
    ck_assert_uint_eq(n, 3);
    struct gl_mux_hold *hold = gl_mux_hold(mux, NULL);
    gl_mux_detach(mux);
    ck_assert_ptr_eq(gl_mux_hold(mux, hold), hold);
    gl_stream_release(s);
    gl_mux_free(mux);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < iov[i].len; j++)
            bytes += iov[i].base[j] != 'y';
    ck_assert_uint_eq(bytes, GL_FRAME_HEADER + 8 + GL_FRAME_HEADER + 3000);
    gl_mux_hold_free(hold);
    gl_mux_hold_free(NULL);

    pair_open_stream(&a, 0, "x");
    n = gl_mux_output(a.mux, a.now, iov, 8, 100000);
    hold = gl_mux_hold(a.mux, NULL);
    resume(); /* it is in the replay, too */
    pair_pump(&a, &b);
    ck_assert_uint_eq(iov[0].base[0], GL_FRAME_OPEN);
    gl_mux_hold_free(hold);
    assert_log(&b, "OPEN 1 x\n");
}
END_TEST

/* ------------------------------------------------------------------ refused */

START_TEST(refused_by_identity)
{
    struct gl_resume_record good, bad;
    detach_both();
    gl_mux_record(a.mux, &good);
    ck_assert_int_eq(gl_mux_check(b.mux, &good, CAP), GL_RESUME_OK);
    bad = good;
    bad.session[15] ^= 1;
    ck_assert_int_eq(gl_mux_check(b.mux, &bad, CAP), GL_RESUME_UNKNOWN_SESSION);
    bad = good;
    bad.instance[0] ^= 1; /* restarted */
    ck_assert_int_eq(gl_mux_check(b.mux, &bad, CAP), GL_RESUME_INSTANCE);
    bad = good;
    bad.peer[0] ^= 1; /* we were */
    ck_assert_int_eq(gl_mux_check(b.mux, &bad, CAP), GL_RESUME_INSTANCE);
    ck_assert_int_eq(gl_mux_check(b.mux, &good, CAP - 1), GL_RESUME_LIMITS);
    ck_assert_int_eq(gl_mux_check(b.mux, &good, CAP + 1), GL_RESUME_OK);
}
END_TEST

START_TEST(refused_by_epoch)
{
    for (int i = 0; i < 3; i++)
        resume();
    struct gl_resume_record of_a, of_b;
    detach_both();
    gl_mux_record(a.mux, &of_a);
    gl_mux_record(b.mux, &of_b);
    ck_assert_uint_eq(of_a.epoch, 4);
    of_a.epoch = 5;
    ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_OK);
    of_a.epoch = 6;
    ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_EPOCH);
    of_a.epoch = 3;
    ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_EPOCH);
    /* In mirror image. */
    of_b.epoch = 3;
    ck_assert_int_eq(gl_mux_check(a.mux, &of_b, CAP), GL_RESUME_OK);
    of_b.epoch = 2;
    ck_assert_int_eq(gl_mux_check(a.mux, &of_b, CAP), GL_RESUME_EPOCH);
    of_b.epoch = 5;
    ck_assert_int_eq(gl_mux_check(a.mux, &of_b, CAP), GL_RESUME_EPOCH);
    of_b.epoch = UINT64_MAX; /* + 1 is 0 */
    ck_assert_int_eq(gl_mux_check(a.mux, &of_b, CAP), GL_RESUME_EPOCH);
}
END_TEST

START_TEST(refused_by_counters_and_hash)
{
    struct gl_stream *s = pair_open_stream(&b, 0, "x");
    gl_stream_send_data(s, 0, pair_bytes(10), 0);
    pair_move(&b, &a);
    pair_feed_u64(&b, GL_FRAME_ACK, 0, 1);
    gl_stream_send_data(s, 0, pair_bytes(20), 0);
    pair_frames(&b); /* lost */
    detach_both();
    struct gl_resume_record good, bad;
    gl_mux_record(a.mux, &good);
    ck_assert_uint_eq(good.rx_count, 2);
    ck_assert_int_eq(check_b(), GL_RESUME_OK);
    bad = good;
    bad.rx_hash ^= 1;
    ck_assert_int_eq(gl_mux_check(b.mux, &bad, CAP), GL_RESUME_HASH);
    bad.rx_count = 3; /* with the hash of 2 */
    ck_assert_int_eq(gl_mux_check(b.mux, &bad, CAP), GL_RESUME_HASH);
    bad.rx_count = 0; /* acknowledged once */
    ck_assert_int_eq(gl_mux_check(b.mux, &bad, CAP), GL_RESUME_COUNTERS);
    bad.rx_count = 4; /* never sent */
    ck_assert_int_eq(gl_mux_check(b.mux, &bad, CAP), GL_RESUME_COUNTERS);
}
END_TEST

START_TEST(refused_when_we_received_what_the_peer_never_sent)
{
    pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    detach_both();
    struct gl_resume_record of_a;
    gl_mux_record(a.mux, &of_a);
    of_a.tx_count = 0;
    ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_COUNTERS);
}
END_TEST

START_TEST(refused_when_credit_was_forgotten)
{
    /* B is a copy of a time before it granted what A has seen. */
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    b.consume = false;
    gl_stream_send_data(s, 0, pair_bytes(GL_WINDOW_INITIAL), 0);
    pair_pump(&a, &b);
    struct gl_resume_record of_a, of_b, of_copy;
    gl_mux_record(b.mux, &of_copy);
    gl_stream_consume(b.streams[0], GL_WINDOW_INITIAL);
    const struct gl_mux_stats before = pair_stats(&a);
    pair_move(&b, &a);
    ck_assert_uint_eq(pair_stats(&a).rx_frames, before.rx_frames + 1); /* nothing but a WINDOW */
    detach_both();
    gl_mux_record(a.mux, &of_a);
    gl_mux_record(b.mux, &of_b);
    ck_assert_int_eq(gl_mux_check(a.mux, &of_b, CAP), GL_RESUME_OK);
    ck_assert_int_eq(gl_mux_check(a.mux, &of_copy, CAP), GL_RESUME_COUNTERS);
    /* Nor if the copy has granted since, but something else. */
    struct side copy;
    pair_side_init(&copy, pair_config(GL_SIDE_B));
    copy.consume = false;
    pair_feed(&copy, GL_FRAME_OPEN, 0, 0, 1, "x", 1);
    pair_feed(&copy, GL_FRAME_DATA, 0, 0, 1, NULL, 128 * 1024);
    pair_feed(&copy, GL_FRAME_DATA, 0, 0, 1, NULL, 128 * 1024);
    gl_stream_consume(copy.streams[0], GL_WINDOW_INITIAL - 1);
    ck_assert_str_eq(pair_frames(&copy), "WINDOW 1 524287");
    ck_assert_int_eq(gl_mux_check(copy.mux, &of_a, CAP), GL_RESUME_HASH);
    pair_release_all(&copy);
    gl_mux_free(copy.mux);
}
END_TEST

START_TEST(refused_after_the_end)
{
    struct gl_resume_record of_a;
    gl_mux_record(a.mux, &of_a);
    ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_OK);
    gl_mux_goodbye(b.mux, GL_STATUS_GOING_AWAY, "");
    ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_UNKNOWN_SESSION);

    pair_restart(pair_config(GL_SIDE_A), pair_config(GL_SIDE_B));
    gl_mux_end(b.mux, GL_STATUS_LOST, "");
    ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_UNKNOWN_SESSION);

    pair_restart(pair_config(GL_SIDE_A), pair_config(GL_SIDE_B));
    pair_feed(&b, GL_FRAME_EOF, 0, 0, 7, NULL, 0);
    ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_UNKNOWN_SESSION);

    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_a.resumable = config_b.resumable = false;
    pair_restart(config_a, config_b);
    ck_assert_int_eq(gl_mux_check(b.mux, &of_a, CAP), GL_RESUME_UNKNOWN_SESSION);
}
END_TEST

START_TEST(each_reason_has_a_text)
{
    for (int i = 0; i <= GL_RESUME_EXPIRED; i++)
        ck_assert_uint_gt(strlen(gl_resume_reason_text((enum gl_resume_reason)i)), 5);
    ck_assert_str_eq(gl_resume_reason_text((enum gl_resume_reason)99), "unknown reason");
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        cut_at_every_byte,
        what_was_received_is_not_sent_again,
        a_window_that_was_lost_is_sent_again,
        a_ping_that_was_lost_is_not_missed,
        a_ping_that_somebody_waits_for_is_sent_again,
        streams_go_on_while_detached,
        never_handed_out_is_not_started,
        heartbeat_begins_anew,
        ack_beyond_what_this_link_was_handed,
        missed_accepts_do_not_add_up,
        a_hold_keeps_what_is_being_written,
        refused_by_identity,
        refused_by_epoch,
        refused_by_counters_and_hash,
        refused_when_we_received_what_the_peer_never_sent,
        refused_when_credit_was_forgotten,
        refused_after_the_end,
        each_reason_has_a_text,
    };
    return pair_suite("mux_resume", tests, GL_ARRAY_SIZE(tests));
}

GL_UNIT_MAIN(suite)
