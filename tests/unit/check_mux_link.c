/* SPDX-License-Identifier: MIT */
/* What concerns the whole link: bytes in and out, who goes first, ACK, heartbeat, the end. */
#include "heap.h"
#include "muxpair.h"

/* ------------------------------------------------------------------ bytes */

START_TEST(payloads_are_not_copied_on_the_way_out)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    struct gl_slice data = pair_bytes(100000);
    gl_stream_send_data(s, 0, gl_slice_ref(data), 0);
    struct gl_iov iov[8];
    ck_assert_uint_eq(gl_mux_output(a.mux, a.now, iov, 8, 1 << 20), 2);
    ck_assert_uint_eq(iov[0].len, GL_FRAME_HEADER);
    ck_assert_ptr_eq(iov[1].base, data.data);
    ck_assert_uint_eq(iov[1].len, 100000);
    gl_slice_unref(&data);
}
END_TEST

START_TEST(the_same_pieces_until_written)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_send_data(s, 0, pair_bytes(1000), 0);
    struct gl_iov iov[8], again[8];
    ck_assert_uint_eq(gl_mux_output(a.mux, a.now, iov, 8, 1), 2);
    gl_stream_send_data(s, 0, pair_bytes(2000), 0);
    ck_assert_uint_eq(gl_mux_output(a.mux, a.now, again, 8, 1), 2); /* max was reached */
    ck_assert_mem_eq(iov, again, 2 * sizeof(iov[0]));
    ck_assert_uint_eq(gl_mux_output(a.mux, a.now, again, 8, 10000), 4);
    ck_assert_mem_eq(iov, again, 2 * sizeof(iov[0]));
    ck_assert_uint_eq(gl_mux_output(a.mux, a.now, again, 3, 10000), 3);
    /* A write takes what it likes. */
    gl_mux_written(a.mux, a.now, 5);
    ck_assert_uint_eq(gl_mux_output(a.mux, a.now, again, 8, 10000), 4);
    ck_assert_ptr_eq(again[0].base, iov[0].base + 5);
    ck_assert_uint_eq(again[0].len, GL_FRAME_HEADER - 5);
    gl_mux_written(a.mux, a.now, GL_FRAME_HEADER - 5 + 999);
    ck_assert_uint_eq(gl_mux_output(a.mux, a.now, again, 8, 10000), 3);
    ck_assert_ptr_eq(again[0].base, iov[1].base + 999);
    ck_assert_uint_eq(again[0].len, 1);
    gl_mux_written(a.mux, a.now, 1 + GL_FRAME_HEADER + 2000);
    ck_assert_uint_eq(gl_mux_output(a.mux, a.now, again, 8, 10000), 0);
}
END_TEST

static struct gl_slice kept;
static void keep_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                      size_t charge)
{
    (void)ctx, (void)stream, (void)channel, (void)charge;
    gl_slice_unref(&kept);
    kept = data;
}

START_TEST(large_payloads_are_not_copied_on_the_way_in)
{
    static const struct gl_stream_events events = {.on_data = keep_data};
    pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    gl_stream_bind(b.streams[0], &events, NULL);
    for (unsigned large = 0; large < 2; large++) {
        size_t len = 64 * 1024 - 1 + large;
        struct gl_block *block = gl_block_new(GL_FRAME_HEADER + len);
        gl_frame_encode(gl_block_data(block),
                        &(struct gl_frame){GL_FRAME_DATA, 0, 0, 1, (uint32_t)len});
        memset(gl_block_data(block) + GL_FRAME_HEADER, 'y', len);
        ck_assert_int_eq(pair_give(&b, block, GL_FRAME_HEADER + len), 0);
        ck_assert_uint_eq(kept.len, len);
        ck_assert_int_eq(kept.data == gl_block_data(block) + GL_FRAME_HEADER, large);
        ck_assert_int_eq(kept.block == block, large);
        ck_assert_uint_eq(kept.data[len - 1], 'y');
        gl_block_unref(block);
    }
    gl_slice_unref(&kept);
}
END_TEST

START_TEST(frames_may_come_in_any_portions)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    gl_stream_send_message(s, pair_text("one"), 0);
    gl_stream_send_message(s, pair_text("two"), 0);
    gl_stream_send_eof(s);
    size_t len, from = 0;
    struct gl_block *block = pair_take(&a, 1 << 20, &len);
    for (size_t have = 1; have <= len; have++) {
        size_t used = 4711;
        uint8_t *at = gl_block_data(block) + from;
        ck_assert_int_eq(gl_mux_receive(b.mux, b.now, block, at, have - from, &used), 0);
        if (used)
            ck_assert_uint_eq(used, have - from); /* as soon as it is whole */
        else
            ck_assert_uint_gt(gl_mux_frame_size(at, have - from), have - from);
        from += used;
    }
    ck_assert_uint_eq(from, len);
    gl_block_unref(block);
    assert_log(&b, "OPEN 1 x\nMESSAGE 1 one\nMESSAGE 1 two\nEOF 1\n");
}
END_TEST

START_TEST(frame_size)
{
    uint8_t header[GL_FRAME_HEADER];
    gl_frame_encode(header, &(struct gl_frame){GL_FRAME_DATA, 0, 0, 1, 1000});
    ck_assert_uint_eq(gl_mux_frame_size(header, 0), GL_FRAME_HEADER);
    ck_assert_uint_eq(gl_mux_frame_size(header, 11), GL_FRAME_HEADER);
    ck_assert_uint_eq(gl_mux_frame_size(header, 12), GL_FRAME_HEADER + 1000);
    gl_put_u32(header + 8, UINT32_MAX); /* nobody should make room for that */
    ck_assert_uint_eq(gl_mux_frame_size(header, 12), GL_FRAME_HEADER);
}
END_TEST

/* ------------------------------------------------------------------ who goes first */

START_TEST(interactive_before_bulk_in_turn)
{
    struct gl_stream *bulk1 = pair_open_stream(&a, 0, "1"), *bulk2 = pair_open_stream(&a, 0, "2");
    struct gl_stream *shell = pair_open_stream(&a, GL_FLAG_INTERACTIVE, "s");
    ck_assert_str_eq(pair_frames(&a), "OPEN 1 1, OPEN 3 1, OPEN 5 1");
    ck_assert_uint_eq(gl_stream_id(shell), 1); /* it overtook the others */
    gl_stream_send_data(bulk1, 0, pair_bytes(250000), 0);
    gl_stream_send_data(bulk2, 0, pair_bytes(250000), 0);
    gl_stream_send_data(shell, 0, pair_bytes(1), 0);
    gl_stream_send_data(shell, 0, pair_bytes(2), 0);
    ck_assert_str_eq(pair_frames(&a), "DATA 1 1, DATA 1 2, DATA 3 131072, DATA 5 131072, "
                                      "DATA 3 118928, DATA 5 118928");
}
END_TEST

START_TEST(interactive_goes_both_ways)
{
    pair_open_stream(&a, 0, "1");
    pair_open_stream(&a, GL_FLAG_INTERACTIVE, "2");
    pair_pump(&a, &b);
    assert_log(&b, "OPEN 1i 2\nOPEN 3 1\n");
    gl_stream_send_data(b.streams[1], 0, pair_bytes(10), 0);
    gl_stream_send_data(b.streams[0], 0, pair_bytes(20), 0);
    ck_assert_str_eq(pair_frames(&b), "DATA 1 20, DATA 3 10");
}
END_TEST

START_TEST(what_is_picked_stays_small)
{
    struct gl_stream *bulk = pair_open_stream(&a, 0, "b");
    gl_stream_send_data(bulk, 0, pair_bytes(10 << 20), 0);
    struct gl_iov iov[64];
    size_t n = gl_mux_output(a.mux, a.now, iov, 64, 100000), bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += iov[i].len;
    ck_assert_uint_lt(bytes, 100000 + 200000);
    /* so what is urgent now goes right after */
    gl_mux_written(a.mux, a.now, bytes);
    pair_open_stream(&a, GL_FLAG_INTERACTIVE, "urgent");
    ck_assert_int_eq(strncmp(pair_frames(&a), "OPEN 3 6, DATA 1", 16), 0);
}
END_TEST

START_TEST(one_without_credit_does_not_stop_others)
{
    struct gl_stream *s1 = pair_open_stream(&a, 0, "1"), *s2 = pair_open_stream(&a, 0, "2");
    gl_stream_send_data(s1, 0, pair_bytes(GL_WINDOW_INITIAL + 1), 0);
    pair_frames(&a);
    gl_stream_send_data(s2, 0, pair_bytes(5), 0);
    ck_assert_str_eq(pair_frames(&a), "DATA 3 5");
}
END_TEST

START_TEST(wake_is_called_once)
{
    unsigned before = a.wakes;
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    ck_assert_uint_eq(a.wakes, before + 1);
    gl_stream_send_data(s, 0, pair_bytes(1), 0);
    ck_assert_uint_eq(a.wakes, before + 1);
    pair_frames(&a);
    gl_stream_send_data(s, 0, pair_bytes(1), 0);
    ck_assert_uint_eq(a.wakes, before + 2);
    pair_frames(&a);
    pair_feed_u64(&a, GL_FRAME_PING, 0, 1);
    ck_assert_uint_eq(a.wakes, before + 3);
}
END_TEST

/* ------------------------------------------------------------------ ACK */

START_TEST(ack_after_a_delay)
{
    pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    ck_assert_uint_eq(pair_stats(&a).replay, 1 + GL_REPLAY_FRAME_CHARGE);
    uint64_t due = b.now + 50 * PAIR_MS;
    ck_assert_uint_eq(gl_mux_deadline(b.mux), due);
    b.now = due - 1;
    ck_assert_int_eq(gl_mux_tick(b.mux, b.now), 0);
    ck_assert_str_eq(pair_frames(&b), "");
    b.now = due;
    unsigned wakes = b.wakes;
    ck_assert_int_eq(gl_mux_tick(b.mux, b.now), 0);
    ck_assert_uint_eq(b.wakes, wakes + 1);
    pair_move(&b, &a);
    ck_assert_uint_eq(pair_stats(&a).replay, 0);
    ck_assert_uint_gt(gl_mux_deadline(b.mux), b.now + PAIR_S);
}
END_TEST

START_TEST(ack_by_size)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    size_t charge = 1 + GL_REPLAY_FRAME_CHARGE;
    while (charge + 50000 + GL_REPLAY_FRAME_CHARGE < 1 << 20) {
        gl_stream_send_data(s, 0, pair_bytes(50000), 0);
        pair_pump(&a, &b);
        charge += 50000 + GL_REPLAY_FRAME_CHARGE;
    }
    ck_assert_uint_eq(pair_stats(&a).replay, charge);
    gl_stream_send_data(s, 0, pair_bytes(50000), 0);
    pair_pump(&a, &b);
    ck_assert_uint_eq(pair_stats(&a).replay, 0);
}
END_TEST

START_TEST(ack_passes_a_full_replay_buffer)
{
    struct gl_stream *s = pair_open_stream(&b, 0, "x");
    pair_pump(&a, &b);
    pair_feed_u64(&b, GL_FRAME_WINDOW, 2, 0x10000000);
    gl_stream_send_data(s, 0, pair_bytes(8 << 20), 0);
    pair_frames(&b);
    ck_assert_uint_gt(pair_stats(&b).replay, GL_REPLAY_MAX - GL_REPLAY_RESERVE - 200000);
    pair_feed(&b, GL_FRAME_OPEN, 0, 0, 1, "x", 1);
    pair_advance(50 * PAIR_MS);
    gl_mux_tick(b.mux, b.now);
    ck_assert_str_eq(pair_frames(&b), "ACK 2"); /* WINDOW and OPEN */
}
END_TEST

START_TEST(full_replay_stops_all_but_the_end_of_streams)
{
    struct gl_stream *bulk = pair_open_stream(&b, 0, "1"), *other = pair_open_stream(&b, 0, "2"),
                     *eof = pair_open_stream(&b, 0, "3");
    pair_pump(&a, &b);
    pair_feed(&b, GL_FRAME_OPEN, 0, 0, 1, "x", 1);
    pair_feed_u64(&b, GL_FRAME_WINDOW, 2, 0x10000000);
    gl_stream_send_data(bulk, 0, pair_bytes(8 << 20), 0);
    pair_frames(&b);
    size_t full = pair_stats(&b).replay;
    gl_stream_send_data(other, 0, pair_bytes(100000), 0);
    gl_stream_send_eof(eof);
    gl_stream_close(b.streams[0], GL_STATUS_OK, "");
    pair_open_stream(&b, 0, "4");
    ck_assert_str_eq(pair_frames(&b), "EOF 6, CLOSE 1 OK, OPEN 8 1");
    /* Fill it to the last byte: then not even an OPEN. */
    struct gl_stream *fill = pair_open_stream(&b, GL_FLAG_INTERACTIVE, "f");
    pair_frames(&b);
    size_t left = GL_REPLAY_MAX - GL_REPLAY_RESERVE - pair_stats(&b).replay;
    gl_stream_send_data(fill, 0, pair_bytes(left - GL_REPLAY_FRAME_CHARGE), 0);
    pair_frames(&b);
    pair_open_stream(&b, 0, "5");
    ck_assert_str_eq(pair_frames(&b), "");
    gl_stream_reset(bulk, GL_STATUS_CANCELLED, "");
    ck_assert_str_eq(pair_frames(&b), "RESET 2 CANCELLED");
    ck_assert_uint_gt(pair_stats(&b).replay, full);
    /* An ACK lets all go on. */
    unsigned wakes = b.wakes;
    pair_feed_u64(&b, GL_FRAME_ACK, 0, pair_stats(&b).tx_frames);
    ck_assert_uint_eq(b.wakes, wakes + 1);
    ck_assert_str_eq(pair_frames(&b), "DATA 4 100000, OPEN 12 1");
}
END_TEST

START_TEST(resets_wait_when_even_the_reserve_is_full)
{
    struct gl_stream *bulk = pair_open_stream(&b, 0, "1");
    pair_pump(&a, &b);
    pair_feed_u64(&b, GL_FRAME_WINDOW, 2, 0x10000000);
    gl_stream_send_data(bulk, 0, pair_bytes(8 << 20), 0);
    pair_frames(&b);
    char text[1000];
    memset(text, 't', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    uint32_t id = 1;
    for (; id < 400; id += 2) {
        pair_feed(&b, GL_FRAME_OPEN, 0, 0, id, "x", 1);
        gl_stream_reset(b.streams[0], GL_STATUS_INTERNAL, text);
        pair_release(&b, b.streams[0]);
        b.stream_count = 0;
    }
    pair_frames(&b);
    ck_assert_uint_le(pair_stats(&b).replay, GL_REPLAY_MAX);
    ck_assert_uint_gt(pair_stats(&b).replay, GL_REPLAY_MAX - 2000);
    pair_feed_u64(&b, GL_FRAME_ACK, 0, pair_stats(&b).tx_frames);
    gl_stream_reset(bulk, GL_STATUS_CANCELLED, "");
    const char *frames = pair_frames(&b);
    ck_assert_ptr_nonnull(strstr(frames, "RESET 399 INTERNAL t"));
    ck_assert_ptr_nonnull(strstr(frames, "RESET 2 CANCELLED"));
}
END_TEST

START_TEST(a_replay_buffer_of_tiny_frames_takes_little_memory)
{
    struct gl_stream *s = pair_open_stream(&b, 0, "x");
    pair_pump(&a, &b);
    pair_feed_u64(&b, GL_FRAME_WINDOW, 2, 0x10000000);
    pair_frames(&b);
    size_t before = heap_used(), replay;
    do {
        replay = pair_stats(&b).replay;
        for (int i = 0; i < 100; i++)
            gl_stream_send_data(s, 0, pair_text("x"), 0);
        pair_frames(&b);
    } while (pair_stats(&b).replay > replay);
    ck_assert_uint_gt(replay, GL_REPLAY_MAX / 2);
    ck_assert_uint_le(heap_used() - before, 2 * GL_REPLAY_MAX);
}
END_TEST

START_TEST(windows_use_the_reserve_and_wait_when_it_is_full)
{
    struct gl_stream *bulk = pair_open_stream(&b, 0, "1");
    pair_open_stream(&a, 0, "2");
    pair_pump(&a, &b);
    b.consume = false;
    pair_feed_u64(&b, GL_FRAME_WINDOW, 2, 0x10000000);
    gl_stream_send_data(bulk, 0, pair_bytes(8 << 20), 0);
    pair_frames(&b);
    char last[64] = "";
    for (unsigned i = 1;; i++) {
        ck_assert_int_eq(pair_feed(&b, GL_FRAME_DATA, 0, 0, 1, NULL, GL_WINDOW_INITIAL), 0);
        gl_stream_consume(b.streams[0], GL_WINDOW_INITIAL);
        const char *frames = pair_frames(&b);
        snprintf(last, sizeof(last), "WINDOW 1 %u", (i + 1) * GL_WINDOW_INITIAL);
        if (!strstr(frames, last))
            break;
        ck_assert_uint_lt(i, GL_REPLAY_RESERVE / GL_REPLAY_FRAME_CHARGE + 3000);
    }
    ck_assert_uint_le(pair_stats(&b).replay, GL_REPLAY_MAX);
    ck_assert_uint_gt(pair_stats(&b).replay, GL_REPLAY_MAX - 100);
    unsigned wakes = b.wakes;
    pair_feed_u64(&b, GL_FRAME_ACK, 0, pair_stats(&b).tx_frames);
    ck_assert_uint_eq(b.wakes, wakes + 1);
    ck_assert_ptr_nonnull(strstr(pair_frames(&b), last));
}
END_TEST

START_TEST(local_sessions_keep_nothing)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_a.resumable = config_b.resumable = false;
    pair_restart(config_a, config_b);
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    gl_stream_send_data(s, 0, pair_bytes(20 << 20), 0);
    pair_pump(&a, &b);
    pair_advance(PAIR_S);
    gl_mux_tick(b.mux, b.now);
    ck_assert_str_eq(pair_frames(&b), "");
    ck_assert_uint_eq(pair_stats(&a).replay, 0);
    ck_assert_uint_eq(gl_stream_queued(s), 0);
}
END_TEST

/* ------------------------------------------------------------------ heartbeat */

/* Whether the side puts out a PING now. */
static bool pings(struct side *side)
{
    size_t len;
    struct gl_block *block = pair_take(side, 1 << 20, &len);
    bool any = block && gl_block_data(block)[0] == GL_FRAME_PING;
    gl_block_unref(block);
    return any;
}

START_TEST(ping_when_it_is_quiet)
{
    pair_advance(PAIR_S);
    pair_feed_u64(&a, GL_FRAME_PING, 0, 1); /* anything that is heard counts */
    pair_frames(&a);
    ck_assert_uint_eq(gl_mux_deadline(a.mux), a.now + 5 * PAIR_S);
    a.now += 5 * PAIR_S;
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), 0);
    ck_assert(pings(&a));
    ck_assert_uint_eq(gl_mux_deadline(a.mux), a.now + 5 * PAIR_S);
}
END_TEST

START_TEST(dead_after_fifteen_seconds)
{
    uint64_t heard = a.now;
    for (int i = 1; i <= 2; i++) {
        a.now = heard + (uint64_t)i * 5 * PAIR_S;
        ck_assert_int_eq(gl_mux_tick(a.mux, a.now), 0);
        pair_frames(&a);
    }
    a.now = heard + 15 * PAIR_S - 1;
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), 0);
    a.now = heard + 15 * PAIR_S;
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), UV_ETIMEDOUT);
}
END_TEST

START_TEST(a_late_timer_gives_one_more_chance)
{
    a.now += 3600 * PAIR_S; /* this process was stopped */
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), 0);
    ck_assert(pings(&a));
    uint64_t last = a.now + 5 * PAIR_S;
    ck_assert_uint_eq(gl_mux_deadline(a.mux), last);
    a.now = last - 1;
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), 0);
    a.now = last;
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), UV_ETIMEDOUT);
}
END_TEST

START_TEST(a_late_timer_and_an_answer)
{
    pair_advance(3600 * PAIR_S);
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), 0);
    pair_pump(&a, &b);
    pair_advance(5 * PAIR_S);
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), 0);
}
END_TEST

START_TEST(a_timer_slightly_late_is_not_late)
{
    uint64_t heard = a.now;
    a.now = heard + 5 * PAIR_S;
    gl_mux_tick(a.mux, a.now);
    a.now = heard + 10 * PAIR_S;
    gl_mux_tick(a.mux, a.now);
    a.now = heard + 17 * PAIR_S; /* 2 s late */
    ck_assert_int_eq(gl_mux_tick(a.mux, a.now), UV_ETIMEDOUT);
}
END_TEST

static uint64_t pong_rtt;
static unsigned pong_calls;
static void on_pong(void *ctx, uint64_t rtt_ns)
{
    (void)ctx;
    pong_rtt = rtt_ns;
    pong_calls++;
}

START_TEST(ping_measures_the_round_trip)
{
    pong_calls = 0;
    gl_mux_ping(a.mux, a.now, on_pong, NULL);
    pair_move(&a, &b);
    pair_advance(7 * PAIR_MS);
    pair_move(&b, &a);
    ck_assert_uint_eq(pong_calls, 1);
    ck_assert_uint_eq(pong_rtt, 7 * PAIR_MS);
    ck_assert_uint_gt(pair_stats(&a).rtt_ns, 0);
}
END_TEST

START_TEST(many_pings_are_all_answered)
{
    pong_calls = 0;
    for (int i = 0; i < 100; i++)
        gl_mux_ping(a.mux, a.now, on_pong, NULL);
    pair_pump(&a, &b);
    ck_assert_uint_eq(pong_calls, 100);
    gl_mux_ping(a.mux, a.now, on_pong, NULL);
    gl_mux_end(a.mux, GL_STATUS_LOST, "");
    ck_assert_uint_eq(pong_calls, 101);
    ck_assert(pong_rtt == UINT64_MAX);
    gl_mux_ping(a.mux, a.now, on_pong, NULL);
    ck_assert_uint_eq(pong_calls, 102);
}
END_TEST

/* ------------------------------------------------------------------ end */

START_TEST(not_started_or_lost)
{
    struct gl_stream *sent = pair_open_stream(&a, 0, "sent");
    pair_pump(&a, &b);
    pair_open_stream(&a, 0, "handed out");
    struct gl_iov iov[8];
    ck_assert_uint_gt(gl_mux_output(a.mux, a.now, iov, 8, 100000), 0); /* not written */
    pair_open_stream(&a, 0, "waits");
    gl_mux_end(a.mux, GL_STATUS_LOST, "gone");
    assert_log(&a, "END 1 LOST gone\nEND 3 LOST gone\nEND 0 NOT_STARTED gone\n");
    ck_assert(gl_mux_has_ended(a.mux));
    gl_mux_end(a.mux, GL_STATUS_LOST, "again");
    assert_log(&a, "");
    ck_assert_int_eq(gl_stream_send_data(sent, 0, pair_text("x"), 0), UV_EPIPE);
    struct gl_stream *s;
    ck_assert_int_eq(gl_stream_open(a.mux, 0, pair_text("x"), NULL, NULL, &s), UV_ECONNABORTED);
    ck_assert_int_eq(pair_feed_u64(&a, GL_FRAME_PING, 0, 1), UV_ECONNABORTED);
    ck_assert_uint_eq(gl_mux_deadline(a.mux), UINT64_MAX);
    /* Handlers hear of it, too. */
    pair_clear(&b);
    gl_mux_end(b.mux, GL_STATUS_LOST, "");
    assert_log(&b, "END 1 LOST\n");
}
END_TEST

START_TEST(goodbye_is_answered)
{
    pair_open_stream(&a, 0, "x");
    pair_pump(&a, &b);
    pair_clear(&b);
    gl_mux_goodbye(a.mux, GL_STATUS_GOING_AWAY, "stopping");
    gl_mux_goodbye(a.mux, GL_STATUS_OK, "again");
    struct gl_stream *s;
    ck_assert_int_eq(gl_stream_open(a.mux, 0, pair_text("x"), NULL, NULL, &s), UV_ECONNABORTED);
    pair_move(&a, &b);
    assert_log(&b, "GOODBYE GOING_AWAY stopping\n");
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_OPEN, 0, 0, 99, "after it", 8), 0); /* not looked at */
    gl_mux_end(b.mux, GL_STATUS_GOING_AWAY, "stopping");
    assert_log(&b, "END 1 GOING_AWAY stopping\n");
    pair_move(&b, &a);
    assert_log(&a, "GOODBYE OK\n");
    ck_assert_str_eq(pair_frames(&a), "");
}
END_TEST

START_TEST(nothing_follows_goodbye)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "x");
    gl_mux_goodbye(a.mux, GL_STATUS_GOING_AWAY, "");
    gl_stream_send_data(s, 0, pair_bytes(10), 0);
    ck_assert_str_eq(pair_frames(&a), "GOODBYE GOING_AWAY");
    ck_assert_int_eq(pair_feed(&a, GL_FRAME_OPEN, 0, 0, 2, "x", 1), 0);
    ck_assert_str_eq(pair_frames(&a), "");
    assert_log(&a, "");
}
END_TEST

START_TEST(streams_outlive_the_mux)
{
    struct gl_mux *mux = gl_mux_new(
        &(struct gl_mux_config){.side = GL_SIDE_A, .payload_max = 4096, .local_streams_max = 1}, 0);
    struct gl_stream *s = NULL;
    ck_assert_int_eq(gl_stream_open(mux, 0, GL_SLICE_EMPTY, NULL, NULL, &s), 0);
    gl_mux_free(mux);
    ck_assert_int_eq(gl_stream_send_eof(s), UV_EPIPE);
    gl_stream_consume(s, 100);
    gl_stream_reset(s, GL_STATUS_OK, "");
    gl_stream_release(s); /* the sanitizer would see a leak */
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        payloads_are_not_copied_on_the_way_out,
        the_same_pieces_until_written,
        large_payloads_are_not_copied_on_the_way_in,
        frames_may_come_in_any_portions,
        frame_size,
        interactive_before_bulk_in_turn,
        interactive_goes_both_ways,
        what_is_picked_stays_small,
        one_without_credit_does_not_stop_others,
        wake_is_called_once,
        ack_after_a_delay,
        ack_by_size,
        ack_passes_a_full_replay_buffer,
        full_replay_stops_all_but_the_end_of_streams,
        resets_wait_when_even_the_reserve_is_full,
        a_replay_buffer_of_tiny_frames_takes_little_memory,
        windows_use_the_reserve_and_wait_when_it_is_full,
        local_sessions_keep_nothing,
        ping_when_it_is_quiet,
        dead_after_fifteen_seconds,
        a_late_timer_gives_one_more_chance,
        a_late_timer_and_an_answer,
        a_timer_slightly_late_is_not_late,
        ping_measures_the_round_trip,
        many_pings_are_all_answered,
        not_started_or_lost,
        goodbye_is_answered,
        nothing_follows_goodbye,
        streams_outlive_the_mux,
    };
    return pair_suite("mux_link", tests, GL_ARRAY_SIZE(tests));
}

GL_UNIT_MAIN(suite)
