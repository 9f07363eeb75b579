/* SPDX-License-Identifier: MIT */
/* Callbacks may call anything but gl_mux_free(). The address sanitizer is the judge. */
#include "muxpair.h"

static const char *act_on;
static void (*act)(struct side *side, struct gl_stream *stream);
static void act_hook(struct side *side, const char *event, struct gl_stream *stream)
{
    if (act_on && strcmp(event, act_on) == 0) {
        act_on = NULL;
        act(side, stream);
    }
}

static void act_release(struct side *side, struct gl_stream *stream)
{
    if (stream)
        pair_release(side, stream);
}
static void act_reset(struct side *side, struct gl_stream *stream)
{
    (void)side;
    if (stream)
        gl_stream_reset(stream, GL_STATUS_INTERNAL, "act");
}
static void act_end(struct side *side, struct gl_stream *stream)
{
    (void)stream;
    gl_mux_end(side->mux, GL_STATUS_LOST, "act");
}
static void act_end_and_release(struct side *side, struct gl_stream *stream)
{
    gl_mux_end(side->mux, GL_STATUS_LOST, "act");
    act_release(side, stream);
}
static void act_detach(struct side *side, struct gl_stream *stream)
{
    (void)stream;
    gl_mux_detach(side->mux);
}
static void act_goodbye(struct side *side, struct gl_stream *stream)
{
    (void)stream;
    gl_mux_goodbye(side->mux, GL_STATUS_OK, "act");
}
static void act_release_all(struct side *side, struct gl_stream *stream)
{
    (void)stream;
    for (unsigned i = 0; i < GL_ARRAY_SIZE(side->streams); i++) {
        if (side->streams[i])
            gl_stream_release(side->streams[i]);
        if (side->opened[i])
            gl_stream_release(side->opened[i]);
        side->streams[i] = side->opened[i] = NULL;
    }
}

/* Bytes without a judgement: either side may be gone. */
static void shove(struct side *from, struct side *to)
{
    size_t len, used;
    struct gl_block *block;
    while ((block = pair_take(from, 1 << 20, &len))) {
        (void)gl_mux_receive(to->mux, to->now, block, gl_block_data(block), len, &used);
        gl_block_unref(block);
    }
}

/* A conversation of two streams in which each event occurs on both sides. */
static void converse(void)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "1");
    pair_open_stream(&a, 0, "2");
    shove(&a, &b);
    if (a.opened[0])
        gl_stream_send_message(s, pair_text("m"), 1);
    if (a.opened[0])
        gl_stream_send_data(s, 0, pair_bytes(100), 1);
    if (a.opened[0])
        gl_stream_send_eof(s);
    shove(&a, &b);
    for (int i = 0; i < 2; i++) {
        if (b.streams[i])
            gl_stream_send_message(b.streams[i], pair_text("m"), 1);
        if (b.streams[i])
            gl_stream_send_data(b.streams[i], 0, pair_bytes(100), 1);
        if (b.streams[i])
            gl_stream_close(b.streams[i], GL_STATUS_OK, "");
    }
    shove(&b, &a);
    shove(&a, &b);
    shove(&b, &a);
}

START_TEST(callbacks_may_do_what_they_like)
{
    static void (*const acts[])(struct side *, struct gl_stream *) = {
        act_release, act_reset,   act_end,        act_end_and_release,
        act_detach,  act_goodbye, act_release_all};
    static const char *const events[] = {"open", "message", "data", "eof", "end", "sent"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(acts) * GL_ARRAY_SIZE(events) * 2; i++) {
        pair_restart(pair_config(GL_SIDE_A), pair_config(GL_SIDE_B));
        act = acts[i / 2 % GL_ARRAY_SIZE(acts)];
        act_on = events[i / 2 / GL_ARRAY_SIZE(acts)];
        bool at_a = i % 2,
             never = at_a && (strcmp(act_on, "open") == 0 || strcmp(act_on, "eof") == 0);
        (at_a ? &a : &b)->hook = act_hook;
        converse();
        ck_assert_msg(never == (act_on != NULL), "%zu: %s", i, act_on ? act_on : "");
    }
}
END_TEST

START_TEST(a_callback_that_detaches_ends_the_reading)
{
    struct gl_stream *s = pair_open_stream(&a, 0, "1");
    pair_pump(&a, &b);
    pair_clear(&b);
    gl_stream_send_message(s, pair_text("one"), 0);
    gl_stream_send_message(s, pair_text("two"), 0);
    act_on = "message";
    act = act_detach;
    b.hook = act_hook;
    size_t len, used = 0;
    struct gl_block *block = pair_take(&a, 1 << 20, &len);
    ck_assert_int_eq(gl_mux_receive(b.mux, b.now, block, gl_block_data(block), len, &used), 0);
    ck_assert_uint_eq(used, len / 2);
    assert_log(&b, "MESSAGE 1 one\n");
    ck_assert_uint_eq(pair_stats(&b).rx_frames, 2);
    ck_assert_int_eq(gl_mux_receive(b.mux, b.now, block, gl_block_data(block), len, &used),
                     UV_ENOTCONN);
    gl_block_unref(block);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        callbacks_may_do_what_they_like,
        a_callback_that_detaches_ends_the_reading,
    };
    return pair_suite("mux_reentry", tests, GL_ARRAY_SIZE(tests));
}

GL_UNIT_MAIN(suite)
