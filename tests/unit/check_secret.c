/* SPDX-License-Identifier: MIT */
/*
 * Secrets on their way: nothing that held one is given back before it was wiped. Each test does the
 * same once more with what is no secret, and sees it in memory that is given back: so it would be
 * found.
 */
#include "freed.h"

#include "link-input.h"
#include "message.h"
#include "muxpair.h"
#include "proto/guestlink.pb-c.h"

#define NEEDLE "correct horse battery staple"

static const size_t lengths[] = {28, 36, 37, 1000, 16384, 16385, 70000, GL_MESSAGE_MAX};

/* Unless told otherwise the cap is 16 KiB, so that the longer ones are cut. */
static void setup(void)
{
    struct gl_mux_config config_a = pair_config(GL_SIDE_A), config_b = pair_config(GL_SIDE_B);
    config_a.payload_max = config_b.payload_max = 16384;
    freed_needle = NULL;
    pair_start(config_a, config_b);
    freed_needle = NEEDLE;
    freed_with_it = 0;
}

static void teardown(void)
{
    pair_teardown();
    freed_needle = NULL;
}

/* The needle over and over, and at the very end. */
static struct gl_slice payload(size_t len, bool secret)
{
    struct gl_block *block = gl_block_new(len);
    uint8_t *data = gl_block_data(block);
    size_t n = strlen(NEEDLE);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)NEEDLE[i % n];
    memcpy(data + len - n, NEEDLE, n);
    if (secret)
        gl_block_set_secret(block);
    struct gl_slice slice = gl_slice_of(block, 0, len);
    gl_block_unref(block);
    return slice;
}

static unsigned freed(void)
{
    unsigned n = freed_with_it;
    freed_with_it = 0;
    return n;
}

/* What was given back since then, by whether it was a secret. */
#define assert_freed(secret)                                                                       \
    do {                                                                                           \
        unsigned n_ = freed();                                                                     \
        ck_assert_msg((n_ == 0) == (secret), "%u pieces of memory held the %s", n_,                \
                      (secret) ? "secret" : "text");                                               \
    } while (0)

/* ------------------------------------------------------------------ blocks */

START_TEST(blocks)
{
    for (unsigned secret = 0; secret < 2; secret++) {
        struct gl_slice slice = payload(1000, secret), part = gl_slice_sub(slice, 900, 100);
        ck_assert_int_eq(gl_slice_is_secret(part), secret);
        gl_slice_unref(&slice);
        ck_assert_uint_eq(freed(), 0); /* it lives on */
        ck_assert_mem_eq(part.data + 100 - strlen(NEEDLE), NEEDLE, strlen(NEEDLE));
        gl_slice_unref(&part);
        assert_freed(secret);
    }
    ck_assert(!gl_slice_is_secret(GL_SLICE_EMPTY));
    gl_slice_set_secret(GL_SLICE_EMPTY);
}
END_TEST

START_TEST(taken_slices)
{
    for (unsigned copies = 0; copies < 2; copies++) {
        struct gl_block *block = gl_block_new(100);
        memset(gl_block_data(block), ' ', 100);
        memcpy(gl_block_data(block), NEEDLE, strlen(NEEDLE));
        gl_block_set_secret(block);
        struct gl_slice slice = gl_slice_take(&block, 50, copies ? 51 : 50);
        ck_assert_int_eq(block != NULL, copies);
        ck_assert(gl_slice_is_secret(slice));
        gl_block_unref(block);
        gl_slice_unref(&slice);
        assert_freed(true);
    }
}
END_TEST

/* ------------------------------------------------------------------ messages */

START_TEST(decoded_messages)
{
    Gl__ExecStart start = GL__EXEC_START__INIT;
    ProtobufCBinaryData words[] = {gl_message_bytes("true", 4),
                                   gl_message_bytes(NEEDLE, strlen(NEEDLE))};
    start.n_argv = 2;
    start.argv = words;
    start.user = (char *)(uintptr_t)NEEDLE;
    struct gl_slice packed = gl_message_pack(&start);
    gl_slice_set_secret(packed);
    ProtobufCMessage *message;
    ck_assert_int_eq(
        gl_message_unpack(&gl__exec_start__descriptor, packed.data, packed.len, &message, NULL), 0);
    ck_assert_str_eq(((Gl__ExecStart *)message)->user, NEEDLE);
    gl_slice_unref(&packed);
    gl_message_free(message);
    assert_freed(true);
    char *copy = gl_strdup(NEEDLE);
    gl_free(copy);
    assert_freed(false);
}
END_TEST

/* As gl_message_unpack() has it, but that nothing is wiped. */
static void *capped_alloc(void *data, size_t size)
{
    size_t *left = data;
    if (size > *left)
        return NULL;
    *left -= size;
    return gl_alloc(size);
}

static void plain_free(void *data, void *ptr)
{
    (void)data;
    gl_free(ptr);
}

/* The text is copied before the empty items behind it, which grow from 2 bytes to 100, become too
 * much. */
START_TEST(messages_that_are_given_up)
{
    enum { N = 60000 };
    static Gl__Info__Address nothing = GL__INFO__ADDRESS__INIT;
    static Gl__Info__Address *items[N];
    for (size_t i = 0; i < N; i++)
        items[i] = &nothing;
    Gl__Info info = GL__INFO__INIT;
    info.system = (char *)(uintptr_t)NEEDLE;
    info.n_addresses = N;
    info.addresses = items;
    struct gl_slice packed = gl_message_pack(&info);
    gl_slice_set_secret(packed);
    ProtobufCMessage *message;
    ck_assert_int_eq(
        gl_message_unpack(&gl__info__descriptor, packed.data, packed.len, &message, NULL),
        UV_EINVAL);
    assert_freed(true);
    size_t left = GL_MESSAGE_MEMORY_FACTOR * packed.len + GL_MESSAGE_MEMORY_BASE;
    ProtobufCAllocator plain = {capped_alloc, plain_free, &left};
    ck_assert_ptr_null(
        protobuf_c_message_unpack(&gl__info__descriptor, &plain, packed.len, packed.data));
    assert_freed(false);
    gl_slice_unref(&packed);
    assert_freed(true);
}
END_TEST

/* ------------------------------------------------------------------ a session */

/* An OPEN and a MESSAGE of every length, from the one's queue to the other's handler. */
START_TEST(from_end_to_end)
{
    for (unsigned secret = 0; secret < 2; secret++) {
        for (size_t i = 0; i < GL_ARRAY_SIZE(lengths); i++) {
            struct gl_stream *stream;
            struct gl_slice open = payload(lengths[i], secret);
            ck_assert_int_eq(gl_stream_open(a.mux, 0, open, &pair_stream_events, &a, &stream), 0);
            gl_stream_send_message(stream, payload(lengths[i], secret), 0);
            pair_pump(&a, &b);
            gl_stream_send_message(b.streams[0], payload(lengths[i], secret), 0);
            gl_stream_close(b.streams[0], GL_STATUS_OK, "");
            pair_pump(&a, &b);
            pair_release(&b, b.streams[0]);
            b.stream_count = 0;
            gl_stream_release(stream);
            pair_advance(60 * PAIR_MS);
            gl_mux_tick(a.mux, a.now);
            gl_mux_tick(b.mux, b.now);
            pair_pump(&a, &b);
            ck_assert_uint_eq(pair_stats(&a).replay, 0);
            ck_assert_uint_eq(pair_stats(&b).replay, 0);
            pair_clear(&a);
            pair_clear(&b);
            assert_freed(secret);
        }
    }
}
END_TEST

static bool told_secret;
static void note_secret(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    (void)ctx;
    told_secret = gl_slice_is_secret(message);
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
}

START_TEST(each_frame_of_it_says_so_and_no_other)
{
    static const struct gl_stream_events events = {.on_message = note_secret};
    struct gl_stream *stream;
    ck_assert_int_eq(gl_stream_open(a.mux, GL_FLAG_INTERACTIVE | GL_FLAG_SECRET, pair_text("call"),
                                    &pair_stream_events, &a, &stream),
                     0);
    pair_pump(&a, &b);
    gl_stream_bind(b.streams[0], &events, &b);
    gl_stream_send_message(stream, payload(40000, true), 0);
    gl_stream_send_message(stream, payload(40000, false), 0);
    gl_stream_send_data(stream, 0, payload(20000, true), 0);
    static const uint8_t flags[] = {GL_FLAG_SECRET | GL_FLAG_MORE,
                                    GL_FLAG_SECRET | GL_FLAG_MORE,
                                    GL_FLAG_SECRET,
                                    GL_FLAG_MORE,
                                    GL_FLAG_MORE,
                                    0,
                                    0,
                                    0};
    size_t len, at = 0, n = 0;
    struct gl_block *block = pair_take(&a, 1 << 20, &len);
    for (uint8_t *data = gl_block_data(block); at < len; n++) {
        size_t size = gl_mux_frame_size(data + at, len - at);
        ck_assert_uint_lt(n, GL_ARRAY_SIZE(flags));
        ck_assert_uint_eq(data[at + 1], flags[n]);
        size_t used;
        ck_assert_int_eq(gl_mux_receive(b.mux, b.now, block, data + at, size, &used), 0);
        if (n == 2)
            ck_assert(told_secret);
        else if (n == 5)
            ck_assert(!told_secret);
        at += size;
    }
    ck_assert_uint_eq(n, GL_ARRAY_SIZE(flags));
    gl_block_unref(block);
    pair_pump(&a, &b);
    pair_release(&b, b.streams[0]);
    gl_stream_release(stream);
}
END_TEST

/* One piece is enough: the rest of it is as secret. */
START_TEST(a_message_is_secret_if_a_piece_of_it_is)
{
    pair_open_stream(&a, 0, "call");
    pair_pump(&a, &b);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, GL_FLAG_MORE, 0, 1, "correct horse", 13), 0);
    freed(); /* the first piece in the test's own block */
    ck_assert_int_eq(
        pair_feed(&b, GL_FRAME_MESSAGE, GL_FLAG_MORE | GL_FLAG_SECRET, 0, 1, " battery staple", 15),
        0);
    ck_assert_int_eq(pair_feed(&b, GL_FRAME_MESSAGE, 0, 0, 1, NULL, 1000), 0);
    assert_log(&b, "OPEN 1 call\nMESSAGE 1 (1028)\n");
    assert_freed(true);
}
END_TEST

/* It never gets there: what waits, what is kept for a resume, and what has come in part. */
START_TEST(whatever_becomes_of_it)
{
    for (unsigned secret = 0; secret < 2; secret++) {
        for (unsigned way = 0; way < 4; way++) {
            struct gl_stream *stream = pair_open_stream(&a, 0, "call");
            pair_pump(&a, &b);
            gl_stream_send_message(stream, payload(GL_MESSAGE_MAX, secret), 0);
            size_t len = 0;
            struct gl_block *block = way ? pair_take(&a, 20000, &len) : NULL;
            if (way == 2)
                ck_assert_int_eq(pair_give(&b, block, len), 0);
            if (block && secret)
                gl_mux_wipe_secrets(gl_block_data(block), len);
            gl_block_unref(block);
            if (way == 3)
                gl_mux_detach(a.mux);
            gl_stream_reset(stream, GL_STATUS_CANCELLED, "");
            teardown();
            assert_freed(secret);
            setup();
        }
    }
}
END_TEST

START_TEST(sent_again_after_a_resume)
{
    for (unsigned secret = 0; secret < 2; secret++) {
        struct gl_stream *stream = pair_open_stream(&a, 0, "call");
        pair_pump(&a, &b);
        gl_stream_send_message(stream, payload(30000, secret), 0);
        size_t len;
        struct gl_block *block = pair_take(&a, 1 << 20, &len); /* lost */
        if (secret)
            gl_mux_wipe_secrets(gl_block_data(block), len);
        gl_block_unref(block);
        struct gl_resume_record record_a, record_b;
        gl_mux_detach(a.mux);
        gl_mux_detach(b.mux);
        gl_mux_record(a.mux, &record_a);
        gl_mux_record(b.mux, &record_b);
        uint64_t epoch = gl_mux_epoch(b.mux) + 1;
        gl_mux_attach(a.mux, a.now, &record_b, epoch);
        gl_mux_attach(b.mux, b.now, &record_a, epoch);
        pair_clear(&b);
        pair_pump(&a, &b);
        ck_assert_ptr_nonnull(strstr(b.log, "(30000)"));
        pair_advance(60 * PAIR_MS);
        gl_mux_tick(b.mux, b.now);
        pair_pump(&a, &b);
        assert_freed(secret);
    }
}
END_TEST

/* ------------------------------------------------------------------ what it was read into */

/* In any portions, so that what has come in part is moved; the last of it never comes. */
START_TEST(the_link_input)
{
    static const size_t portions[] = {1, 13, 4096, 70000};
    for (unsigned secret = 0; secret < 2; secret++) {
        for (size_t i = 0; i < GL_ARRAY_SIZE(portions); i++) {
            struct gl_link_input input;
            struct gl_stream *stream = pair_open_stream(&a, 0, "call");
            gl_link_input_init(&input, 16384);
            for (unsigned n = 0; n < 12; n++)
                gl_stream_send_message(stream, payload(n % 2 ? 50 : 20000, secret), 0);
            size_t len, at = 0;
            struct gl_block *block = pair_take(&a, 1 << 20, &len);
            ck_assert_uint_gt(len, 100000);
            while (at < len - 40) {
                size_t n = portions[i] < len - 40 - at ? portions[i] : len - 40 - at, room, used;
                uint8_t *to = gl_link_input_room(&input, &room);
                n = n < room ? n : room;
                memcpy(to, gl_block_data(block) + at, n);
                at += n;
                gl_link_input_add(&input, n);
                struct gl_block *held = gl_block_ref(input.block);
                ck_assert_int_eq(gl_mux_receive(b.mux, b.now, held,
                                                gl_block_data(held) + input.begin,
                                                input.end - input.begin, &used),
                                 0);
                gl_block_unref(held);
                input.begin += used;
            }
            if (secret)
                gl_mux_wipe_secrets(gl_block_data(block), len);
            freed_needle = NULL; /* the test's own copy */
            gl_block_unref(block);
            freed_needle = NEEDLE;
            gl_link_input_done(&input);
            assert_freed(secret);
            teardown();
            setup();
        }
    }
}
END_TEST

/* Many frames that nobody has parsed yet, in a block that must move. */
START_TEST(link_input_that_moves)
{
    for (unsigned secret = 0; secret < 2; secret++) {
        struct gl_link_input input;
        struct gl_stream *stream = pair_open_stream(&a, 0, "call");
        gl_link_input_init(&input, 4096);
        for (unsigned n = 0; n < 40; n++)
            gl_stream_send_message(stream, payload(2000, secret), 0);
        size_t len;
        struct gl_block *block = pair_take(&a, 1 << 20, &len);
        for (size_t at = 0; at < len; at += 999)
            gl_link_input_append(&input, gl_block_data(block) + at,
                                 len - at < 999 ? len - at : 999);
        if (secret)
            gl_mux_wipe_secrets(gl_block_data(block), len);
        freed_needle = NULL;
        gl_block_unref(block);
        freed_needle = NEEDLE;
        gl_link_input_done(&input);
        assert_freed(secret);
        teardown();
        setup();
    }
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE_WITH(setup, teardown, "secret", blocks, taken_slices, decoded_messages,
                              messages_that_are_given_up, from_end_to_end,
                              each_frame_of_it_says_so_and_no_other,
                              a_message_is_secret_if_a_piece_of_it_is, whatever_becomes_of_it,
                              sent_again_after_a_resume, the_link_input, link_input_that_moves);
}

GL_UNIT_MAIN(suite)
