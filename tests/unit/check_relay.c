/* SPDX-License-Identifier: MIT */
/*
 * The relay between two pairs of muxes in memory:
 *
 *     a ======== b [relay] h ======== g
 *   client        the daemon         guest
 */
#include "relay.h"

#include "heap.h"
#include "muxpair.h"

static struct side h, g;
static struct gl_shares shares;
static struct gl_account account;
static enum gl_share_verdict share_verdict; /* of the last OPEN */
static enum gl_status started;              /* what the last gl_relay_start() said */

static void relay_on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    (void)ctx;
    const struct gl_share_owner owner = {.client = 1};
    struct gl_relay_terms terms = {&shares, NULL, &account};
    size_t bytes = open.len;
    started = GL_STATUS_LIMIT;
    share_verdict = gl_share_take(&shares, &owner, bytes, uv_hrtime() / 1000000, &terms.share);
    if (share_verdict == GL_SHARE_OK) {
        started = gl_relay_start(h.mux, "web1", stream, open, &terms);
        if (started != GL_STATUS_OK) {
            gl_share_sent(terms.share, bytes);
            gl_share_give(&shares, terms.share, false, uv_hrtime() / 1000000);
        }
    } else {
        gl_slice_unref(&open);
    }
    if (started != GL_STATUS_OK) {
        gl_stream_close(stream, started, "refused");
        gl_stream_release(stream);
    }
}

static const struct gl_mux_events relay_mux_events = {relay_on_open, NULL, NULL};

static void start(uint32_t guest_payload_max, uint32_t guest_streams_max)
{
    struct gl_mux_config client = pair_config(GL_SIDE_A), ours = pair_config(GL_SIDE_B);
    client.resumable = ours.resumable = false;
    ours.events = &relay_mux_events;
    ours.account = &account;
    pair_start(client, ours);
    gl_shares_init(&shares, 16, 100);
    account = (struct gl_account){0};
    struct gl_mux_config guest = pair_config(GL_SIDE_A), host = pair_config(GL_SIDE_B);
    guest.payload_max = host.payload_max = guest_payload_max;
    host.local_streams_max = guest.peer_streams_max = guest_streams_max;
    pair_side_init(&h, host);
    pair_side_init(&g, guest);
    pair_pump(&h, &g);
}

static void setup(void)
{
    start(16 * 1024, 1024);
}

static void teardown(void)
{
    pair_teardown();
    pair_release_all(&g);
    gl_mux_free(h.mux);
    gl_mux_free(g.mux);
    gl_shares_done(&shares);
}

static void pump(void)
{
    bool any = true;
    while (any) {
        any = pair_move(&a, &b);
        any = pair_move(&b, &a) || any;
        any = pair_move(&h, &g) || any;
        any = pair_move(&g, &h) || any;
    }
}

/* What the daemon holds for both halves. */
static size_t held(void)
{
    return pair_stats(&b).queued + pair_stats(&h).queued;
}

static void assert_nothing_left(void)
{
    pump();
    ck_assert_uint_eq(pair_stats(&b).streams, 0);
    ck_assert_uint_eq(pair_stats(&h).streams, 0);
    ck_assert_uint_eq(held(), 0);
}

START_TEST(everything_passes_both_ways)
{
    struct gl_stream *stream = pair_open_stream(&a, GL_FLAG_INTERACTIVE, "call");
    gl_stream_send_message(stream, pair_text("question"), 0);
    gl_stream_send_data(stream, 0, pair_text("in"), 0);
    gl_stream_send_eof(stream);
    pump();
    assert_log(&g, "OPEN 2i call\nMESSAGE 2 question\nDATA 2/0 in\nEOF 2\n");
    gl_stream_send_data(g.streams[0], 1, pair_text("out"), 0);
    gl_stream_send_data(g.streams[0], 2, pair_text("err"), 0);
    gl_stream_send_message(g.streams[0], pair_text("answer"), 0);
    gl_stream_close(g.streams[0], GL_STATUS_NOT_FOUND, "no such thing");
    pump();
    assert_log(&a, "DATA 1/1 out\nDATA 1/2 err\nMESSAGE 1 answer\nEND 1 NOT_FOUND no such thing\n");
    assert_nothing_left();
}
END_TEST

START_TEST(a_bulk_stream_stays_one)
{
    pair_open_stream(&a, 0, "bulk");
    pump();
    assert_log(&g, "OPEN 2 bulk\n");
}
END_TEST

/* A whole message of a peer with large frames, to one with small frames. */
START_TEST(messages_are_cut_to_the_other_links_frames)
{
    struct gl_stream *stream = pair_open_stream(&a, 0, "call");
    gl_stream_send_message(stream, pair_bytes(GL_MESSAGE_MAX), 0);
    pump();
    assert_log(&g, "OPEN 2 call\nMESSAGE 2 (262144)\n");
    gl_stream_send_message(g.streams[0], pair_bytes(GL_MESSAGE_MAX), 0);
    pump();
    assert_log(&a, "MESSAGE 1 (262144)\n");
}
END_TEST

START_TEST(secrets_stay_secret)
{
    struct gl_slice open = pair_text("call"), message = pair_bytes(20000);
    struct gl_stream *stream;
    gl_slice_set_secret(open);
    gl_slice_set_secret(message);
    ck_assert_int_eq(gl_stream_open(a.mux, 0, open, &pair_stream_events, &a, &stream), 0);
    a.opened[a.opened_count++] = stream;
    gl_stream_send_message(stream, message, 0);
    gl_stream_send_message(stream, pair_text("no more"), 0);
    pair_move(&a, &b);
    ck_assert_str_eq(pair_frames(&h), "OPEN 2 4*, MESSAGE 2 16384*+, MESSAGE 2 3616*, MESSAGE 2 7");
}
END_TEST

static size_t total(const struct side *side, const char *prefix)
{
    size_t sum = 0;
    for (const char *line = side->log; *line; line = strchr(line, '\n') + 1) {
        unsigned long n = 0;
        if (strncmp(line, prefix, strlen(prefix)) == 0 &&
            sscanf(line + strlen(prefix), " (%lu)", &n) == 1)
            sum += n;
    }
    return sum;
}

#define MANY  (40u * 256 * 1024)
#define PIECE (64u * 1024)

static void send_many(struct gl_stream *stream, uint8_t channel)
{
    for (size_t n = 0; n < MANY; n += PIECE)
        gl_stream_send_data(stream, channel, pair_bytes(PIECE), 0);
}

/*
 * The charge of every frame counts against a window, be it in the receiver's hands or in the
 * daemon's queue: two windows for the whole way.
 */
START_TEST(a_guest_that_does_not_read_stops_the_client)
{
    struct gl_stream *stream = pair_open_stream(&a, 0, "call");
    g.consume = false;
    pump();
    send_many(stream, 0);
    pump();
    ck_assert_uint_le(held(), GL_WINDOW_INITIAL);
    ck_assert_uint_ge(gl_stream_queued(stream), MANY - 2 * GL_WINDOW_INITIAL);
    ck_assert_uint_gt(g.charge, 0);

    size_t before = total(&g, "DATA 2/0");
    g.consume = true;
    gl_stream_consume(g.streams[0], g.charge);
    pump();
    ck_assert_uint_eq(total(&g, "DATA 2/0"), MANY);
    ck_assert_uint_lt(before, MANY);
    ck_assert_uint_eq(held(), 0);
}
END_TEST

START_TEST(a_client_that_does_not_read_stops_the_guest)
{
    pair_open_stream(&a, 0, "call");
    a.consume = false;
    pump();
    send_many(g.streams[0], 1);
    gl_stream_close(g.streams[0], GL_STATUS_OK, "");
    pump();
    ck_assert_uint_le(held(), GL_WINDOW_INITIAL);
    ck_assert_ptr_null(strstr(a.log, "END"));
    a.consume = true;
    gl_stream_consume(a.opened[0], a.charge);
    pump();
    ck_assert_uint_eq(total(&a, "DATA 1/1"), MANY);
    ck_assert_ptr_nonnull(strstr(a.log, "END 1 OK\n"));
    assert_nothing_left();
}
END_TEST

static void count_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                       size_t charge)
{
    (void)stream;
    (void)channel;
    (void)charge;
    gl_slice_unref(&data);
    ++*(unsigned *)ctx;
}

/* Frames of one byte are charged 128: the count of frames that are held is bounded as well. */
START_TEST(small_frames_are_bounded_too)
{
    static const struct gl_stream_events counting = {.on_data = count_data};
    const unsigned window = GL_WINDOW_INITIAL / GL_CHARGE_MIN;
    unsigned arrived = 0;
    struct gl_stream *stream = pair_open_stream(&a, 0, "call");
    pump();
    gl_stream_bind(g.streams[0], &counting, &arrived);
    for (unsigned n = 0; n < 3 * window; n++)
        gl_stream_send_data(stream, 0, pair_text("x"), 0);
    pump();
    ck_assert_uint_eq(arrived, window);
    ck_assert_uint_le(held(), GL_WINDOW_INITIAL);
    ck_assert_uint_ge(gl_stream_queued(stream), GL_WINDOW_INITIAL);
}
END_TEST

/* A window full of the smallest frames, which a guest that is away does not take. */
static void fill_with(uint8_t type)
{
    pair_open_stream(&a, 0, "call");
    pump();
    gl_mux_detach(h.mux);
    gl_mux_detach(g.mux);
    size_t before = heap_used();
    for (unsigned used = 0; used < GL_WINDOW_INITIAL; used += GL_CHARGE_MIN)
        ck_assert_int_eq(pair_feed(&b, type, 0, 0, 1, "x", 1), 0);
    ck_assert_uint_eq(held(), GL_WINDOW_INITIAL);
    ck_assert_uint_le(heap_used() - before, 2 * GL_WINDOW_INITIAL);
    ck_assert_int_ne(pair_feed(&b, type, 0, 0, 1, "x", 1), 0);
}

START_TEST(tiny_data_takes_little_memory)
{
    fill_with(GL_FRAME_DATA);
}
END_TEST

START_TEST(tiny_messages_take_little_memory)
{
    fill_with(GL_FRAME_MESSAGE);
}
END_TEST

/* Another stream goes on as if nothing were. */
START_TEST(a_stalled_stream_holds_up_no_other)
{
    struct gl_stream *stalled = pair_open_stream(&a, 0, "stalled");
    pump();
    g.consume = false;
    send_many(stalled, 0);
    pump();
    pair_clear(&g);
    struct gl_stream *other = pair_open_stream(&a, 0, "other");
    gl_stream_send_data(other, 0, pair_text("hello"), 0);
    pump();
    assert_log(&g, "OPEN 4 other\nDATA 4/0 hello\n");
}
END_TEST

START_TEST(a_reset_of_the_client_reaches_the_guest)
{
    struct gl_stream *stream = pair_open_stream(&a, 0, "call");
    g.consume = false;
    pump();
    send_many(stream, 0);
    pump();
    pair_clear(&g);
    gl_stream_reset(stream, GL_STATUS_CANCELLED, "enough");
    pump();
    assert_log(&g, "END 2 CANCELLED enough\n");
    assert_nothing_left();
}
END_TEST

START_TEST(a_reset_of_the_guest_reaches_the_client)
{
    struct gl_stream *stream = pair_open_stream(&a, 0, "call");
    pump();
    g.consume = false;
    send_many(stream, 0);
    pump();
    gl_stream_reset(g.streams[0], GL_STATUS_BUSY, "not now");
    pump();
    assert_log(&a, "END 1 BUSY not now\n");
    assert_nothing_left();
}
END_TEST

START_TEST(a_client_that_goes_resets_the_guests_stream)
{
    pair_open_stream(&a, 0, "one");
    pair_open_stream(&a, 0, "two");
    pump();
    pair_clear(&g);
    gl_mux_end(b.mux, GL_STATUS_LOST, "gone");
    pump();
    assert_log(&g, "END 2 CANCELLED gone\nEND 4 CANCELLED gone\n");
    ck_assert_uint_eq(pair_stats(&h).streams, 0);
}
END_TEST

START_TEST(the_end_of_the_guests_session_is_told_in_our_words)
{
    pair_open_stream(&a, 0, "running");
    pump();
    gl_mux_detach(h.mux);
    pair_open_stream(&a, 0, "waiting");
    pair_pump(&a, &b);
    assert_log(&a, "");
    gl_mux_end(h.mux, GL_STATUS_LOST, "not resumed within 60 s");
    pair_pump(&a, &b);
    assert_log(&a, "END 1 LOST guest 'web1': not resumed within 60 s\n"
                   "END 3 NOT_STARTED guest 'web1': not resumed within 60 s\n");
    ck_assert_uint_eq(pair_stats(&b).streams, 0);
    pair_open_stream(&a, 0, "late");
    pair_pump(&a, &b);
    ck_assert_int_eq(started, GL_STATUS_UNAVAILABLE);
    assert_log(&a, "END 5 UNAVAILABLE refused\n");
}
END_TEST

START_TEST(a_detached_guest_makes_streams_wait)
{
    struct gl_resume_record ours, theirs;
    struct gl_stream *stream = pair_open_stream(&a, 0, "call");
    pump();
    gl_mux_detach(h.mux);
    gl_mux_detach(g.mux);
    send_many(stream, 0);
    pair_pump(&a, &b);
    ck_assert_uint_le(held(), GL_WINDOW_INITIAL);
    ck_assert_uint_gt(held(), 0);
    gl_mux_record(h.mux, &ours);
    gl_mux_record(g.mux, &theirs);
    gl_mux_attach(h.mux, h.now, &theirs, 2);
    gl_mux_attach(g.mux, g.now, &ours, 2);
    pump();
    ck_assert_uint_eq(total(&g, "DATA 2/0"), MANY);
}
END_TEST

START_TEST(the_guests_limit_of_streams_is_told)
{
    teardown();
    start(16 * 1024, 1);
    pair_open_stream(&a, 0, "one");
    pair_open_stream(&a, 0, "two");
    pump();
    ck_assert_int_eq(started, GL_STATUS_LIMIT);
    assert_log(&a, "END 3 LIMIT refused\n");
    gl_stream_close(g.streams[0], GL_STATUS_OK, "");
    pump();
    assert_log(&a, "END 1 OK\n");
    pair_open_stream(&a, 0, "three");
    pump();
    ck_assert_int_eq(started, GL_STATUS_OK);
}
END_TEST

/* Opens as many as one client may have, which is 8. */
static void open_eight(void)
{
    pair_release_all(&a);
    pair_release_all(&g);
    pump();
    for (unsigned i = 0; i < 8; i++) {
        pair_open_stream(&a, 0, "call");
        pump();
        ck_assert_int_eq(share_verdict, GL_SHARE_OK);
    }
}

START_TEST(calls_that_have_ended_are_counted_no_more)
{
    for (unsigned round = 0; round < 5; round++) {
        open_eight();
        for (unsigned i = 0; i < 8; i++)
            gl_stream_close(g.streams[i], GL_STATUS_OK, "");
        pump();
    }
}
END_TEST

START_TEST(calls_that_were_cancelled_are)
{
    open_eight();
    pair_release(&a, a.opened[3]); /* resets it */
    pump();
    pair_open_stream(&a, 0, "one more");
    pump();
    ck_assert_int_eq(share_verdict, GL_SHARE_CLIENT);
    assert_log(&a, "END 17 LIMIT refused\n");
    gl_stream_close(g.streams[0], GL_STATUS_OK, "");
    pump();
    pair_open_stream(&a, 0, "one more");
    pump();
    ck_assert_int_eq(share_verdict, GL_SHARE_OK);
}
END_TEST

START_TEST(calls_that_were_cancelled_before_the_guest_heard_of_them_are_not)
{
    gl_mux_detach(h.mux);
    gl_mux_detach(g.mux);
    for (unsigned round = 0; round < 5; round++)
        open_eight();
}
END_TEST

START_TEST(calls_that_the_guest_refused_are)
{
    open_eight();
    gl_stream_reset(g.streams[0], GL_STATUS_LIMIT, "too many streams");
    pump();
    pair_open_stream(&a, 0, "one more");
    pump();
    ck_assert_int_eq(share_verdict, GL_SHARE_CLIENT);
}
END_TEST

START_TEST(calls_end_with_the_guests_session)
{
    open_eight();
    gl_mux_end(h.mux, GL_STATUS_LOST, "");
    pump();
    struct gl_share *share;
    const struct gl_share_owner owner = {.client = 1};
    ck_assert_int_eq(gl_share_take(&shares, &owner, 0, uv_hrtime() / 1000000, &share), GL_SHARE_OK);
    gl_share_give(&shares, share, false, uv_hrtime() / 1000000);
}
END_TEST

/* 100 bytes wait at the most, 50 of one client; an Open that is out waits no more. */
START_TEST(requests_that_were_not_sent_are_bounded)
{
    for (unsigned round = 0; round < 3; round++) {
        pair_open_stream(&a, 0, "an Open of thirty-two characters");
        pump();
        ck_assert_int_eq(share_verdict, GL_SHARE_OK);
    }
    gl_mux_detach(h.mux);
    pair_open_stream(&a, 0, "an Open of thirty-two characters");
    pair_pump(&a, &b);
    ck_assert_int_eq(share_verdict, GL_SHARE_OK);
    pair_open_stream(&a, 0, "an Open of thirty-two characters");
    pair_pump(&a, &b);
    ck_assert_int_eq(share_verdict, GL_SHARE_BYTES);
    assert_log(&a, "END 9 LIMIT refused\n");
    gl_stream_reset(a.opened[3], GL_STATUS_CANCELLED, "");
    pair_open_stream(&a, 0, "an Open of thirty-two characters");
    pair_pump(&a, &b);
    ck_assert_int_eq(share_verdict, GL_SHARE_OK);
}
END_TEST

START_TEST(what_is_kept_for_a_client_is_in_its_account)
{
    struct gl_stream *stream = pair_open_stream(&a, 0, "call");
    pump();
    g.consume = a.consume = false;
    send_many(stream, 0);
    send_many(g.streams[0], 1);
    pump();
    ck_assert_uint_gt(account.held, 0);
    ck_assert_uint_eq(account.held, held());
    gl_stream_reset(stream, GL_STATUS_CANCELLED, "");
    pump();
    ck_assert_uint_eq(account.held, 0);
}
END_TEST

START_TEST(a_client_that_overdraws_its_account_loses_the_call)
{
    account.held_max = GL_WINDOW_INITIAL + PIECE;
    struct gl_stream *first = pair_open_stream(&a, 0, "1"), *second = pair_open_stream(&a, 0, "2");
    pump();
    pair_clear(&g);
    g.consume = false;
    send_many(first, 0);
    pump();
    ck_assert_uint_eq(account.held, GL_WINDOW_INITIAL);
    assert_log(&a, "");
    send_many(second, 0);
    pump();
    assert_log(&a, "END 3 LIMIT the host daemon keeps too much of this user's that nobody takes\n");
    ck_assert_ptr_nonnull(strstr(g.log, "END 4 CANCELLED the client takes more than its share"));
    ck_assert_uint_eq(account.held, GL_WINDOW_INITIAL);

    /* The first goes on. */
    g.consume = true;
    gl_stream_consume(g.streams[0], g.charge);
    pump();
    ck_assert_uint_eq(total(&g, "DATA 2/0"), MANY);
    ck_assert_uint_eq(account.held, 0);
}
END_TEST

START_TEST(so_does_one_whose_guest_sends_more_than_it_reads)
{
    account.held_max = 3 * PIECE;
    pair_open_stream(&a, 0, "call");
    pump();
    pair_clear(&g);
    a.consume = false;
    send_many(g.streams[0], 1);
    pump();
    assert_log(&g, "END 2 CANCELLED the client takes more than its share of the host daemon\n");
    ck_assert_ptr_nonnull(strstr(a.log, "END 1 LIMIT the host daemon keeps too much"));
    assert_nothing_left();
    ck_assert_uint_eq(account.held, 0);
}
END_TEST

/* What the client still sends is swallowed; its link must not stall, nor complain. */
START_TEST(data_for_a_guest_that_has_finished_is_dropped)
{
    struct gl_stream *stream = pair_open_stream(&a, 0, "call");
    pump();
    gl_stream_close(g.streams[0], GL_STATUS_OK, "");
    pair_pump(&h, &g); /* the daemon knows, the client does not */
    send_many(stream, 0);
    pump();
    assert_log(&a, "END 1 OK\n");
    assert_nothing_left();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("relay");
    TCase *tcase = tcase_create("relay");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, everything_passes_both_ways);
    tcase_add_test(tcase, a_bulk_stream_stays_one);
    tcase_add_test(tcase, messages_are_cut_to_the_other_links_frames);
    tcase_add_test(tcase, secrets_stay_secret);
    tcase_add_test(tcase, a_guest_that_does_not_read_stops_the_client);
    tcase_add_test(tcase, a_client_that_does_not_read_stops_the_guest);
    tcase_add_test(tcase, small_frames_are_bounded_too);
    tcase_add_test(tcase, tiny_data_takes_little_memory);
    tcase_add_test(tcase, tiny_messages_take_little_memory);
    tcase_add_test(tcase, a_stalled_stream_holds_up_no_other);
    tcase_add_test(tcase, a_reset_of_the_client_reaches_the_guest);
    tcase_add_test(tcase, a_reset_of_the_guest_reaches_the_client);
    tcase_add_test(tcase, a_client_that_goes_resets_the_guests_stream);
    tcase_add_test(tcase, the_end_of_the_guests_session_is_told_in_our_words);
    tcase_add_test(tcase, a_detached_guest_makes_streams_wait);
    tcase_add_test(tcase, the_guests_limit_of_streams_is_told);
    tcase_add_test(tcase, calls_that_have_ended_are_counted_no_more);
    tcase_add_test(tcase, calls_that_were_cancelled_are);
    tcase_add_test(tcase, calls_that_were_cancelled_before_the_guest_heard_of_them_are_not);
    tcase_add_test(tcase, calls_that_the_guest_refused_are);
    tcase_add_test(tcase, calls_end_with_the_guests_session);
    tcase_add_test(tcase, data_for_a_guest_that_has_finished_is_dropped);
    tcase_add_test(tcase, requests_that_were_not_sent_are_bounded);
    tcase_add_test(tcase, what_is_kept_for_a_client_is_in_its_account);
    tcase_add_test(tcase, a_client_that_overdraws_its_account_loses_the_call);
    tcase_add_test(tcase, so_does_one_whose_guest_sends_more_than_it_reads);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
