/* SPDX-License-Identifier: MIT */
/*
 * Links break, sessions don't: a small agent (A) and host (B) have a conversation of each kind of
 * stream over a connection that is cut after byte N, for every N of it in either direction, and
 * again while it is being resumed. The agent dials again, and in the end both must have seen the
 * same as without a cut.
 */
#include "link.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "proto/guestlink.pb-c.h"
#include "transport-cut.h"
#include "unit-loop.h"

#define CAP         4096u
#define STREAM_SIZE 600u
#define DIALS_MAX   6u

struct side;

/* One stream, as its owner at either side sees it. */
struct talk {
    struct side *side;
    char kind;
    struct gl_stream *stream;
    uint64_t sent, received;
    char *log; /* in the side's */
};

struct side {
    struct gl_link *link;
    struct gl_greet *greet;
    uint8_t instance[GL_ID_SIZE];
    struct talk talks[8];
    unsigned talk_count, talks_ended;
    char log[1000];
    bool ended;
};

static struct gl_key keys[2];
static struct side a, b;
static uint8_t sessions; /* how many B has made */
static unsigned dials;
static struct gl_cut_plan plans[DIALS_MAX]; /* of A's connections */
static unsigned plan_count;

static void note(struct side *s, const char *format, ...) GL_PRINTF(2, 3);

static void note(struct side *s, const char *format, ...)
{
    va_list args;
    size_t len = strlen(s->log);
    va_start(args, format);
    vsnprintf(s->log + len, sizeof(s->log) - len, format, args);
    va_end(args);
}

/* ------------------------------------------------------------------ the conversation */

static const struct gl_stream_events talk_events;

static uint8_t content(uint64_t offset)
{
    return (uint8_t)((offset * 2654435761u) >> 13);
}

static void send_content(struct talk *t, size_t len)
{
    struct gl_block *block = gl_block_new(len);
    for (size_t i = 0; i < len; i++)
        gl_block_data(block)[i] = content(t->sent + i);
    ck_assert_int_eq(gl_stream_send_data(t->stream, 1, gl_slice_of(block, 0, len), len), 0);
    gl_block_unref(block);
    t->sent += len;
}

static struct talk *new_talk(struct side *s, char kind, struct gl_stream *stream)
{
    ck_assert_uint_lt(s->talk_count, GL_ARRAY_SIZE(s->talks));
    struct talk *t = &s->talks[s->talk_count++];
    *t = (struct talk){.side = s, .kind = kind, .stream = stream};
    if (stream)
        gl_stream_bind(stream, &talk_events, t);
    return t;
}

static struct talk *open_talk(struct side *s, char kind)
{
    struct talk *t = new_talk(s, kind, NULL);
    ck_assert_int_eq(gl_stream_open(gl_link_mux(s->link), 0, gl_slice_copy(&kind, 1), &talk_events,
                                    t, &t->stream),
                     0);
    return t;
}

static void reply(struct talk *t, const char *text)
{
    gl_stream_send_message(t->stream, gl_slice_copy(text, strlen(text)), 0);
}

/* 'u': unary. 's': data both ways. 'e': what B opens by itself. 'r': reset by its opener. */
static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    struct side *s = ctx;
    char kind = (char)*open.data;
    gl_slice_unref(&open);
    note(s, "open %c\n", kind);
    struct talk *t = new_talk(s, kind, stream);
    if (kind == 'u') {
        reply(t, "answer");
        gl_stream_close(stream, GL_STATUS_OK, "");
    } else if (kind == 'e') {
        gl_stream_close(stream, GL_STATUS_NOT_FOUND, "no such event");
    } else if (kind == 's') {
        open_talk(s, 'e');
    }
}

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    struct talk *t = ctx;
    note(t->side, "%c message %.*s\n", t->kind, (int)message.len, (const char *)message.data);
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
}

static void on_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    struct talk *t = ctx;
    ck_assert_uint_eq(channel, 1);
    for (size_t i = 0; i < data.len; i++)
        if (data.data[i] != content(t->received + i))
            ck_abort_msg("wrong byte at %llu", (unsigned long long)(t->received + i));
    t->received += data.len;
    if (t->side == &b) /* an echo */
        send_content(t, data.len);
    gl_slice_unref(&data);
    gl_stream_consume(stream, charge);
    if (t->side == &a && t->kind == 'r') {
        gl_stream_reset(stream, GL_STATUS_CANCELLED, "changed my mind");
        gl_stream_release(stream);
        a.talks_ended++;
    }
}

static void on_eof(void *ctx, struct gl_stream *stream)
{
    struct talk *t = ctx;
    note(t->side, "%c eof at %llu\n", t->kind, (unsigned long long)t->received);
    if (t->side == &b) {
        reply(t, "that was all");
        gl_stream_close(stream, GL_STATUS_OK, "done");
    }
}

static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct talk *t = ctx;
    note(t->side, "%c end %s '%s' at %llu\n", t->kind, gl_status_name(status), text,
         (unsigned long long)t->received);
    t->side->talks_ended++;
    t->stream = NULL;
    gl_stream_release(stream);
}

static const struct gl_stream_events talk_events = {on_message, on_data, on_eof, on_end, NULL};

static void start_talking(void)
{
    open_talk(&a, 'u');
    struct talk *s = open_talk(&a, 's');
    for (int i = 0; i < 3; i++)
        send_content(s, STREAM_SIZE / 3);
    gl_stream_send_eof(s->stream);
    struct talk *r = open_talk(&a, 'r');
    send_content(r, 10);
}

/* Each side's own streams come in a known order; what differs by chance is how they mix. */
static void check_talk(void)
{
    static const char *const expected[] = {
        "u message answer\n",       "u end OK '' at 0\n", "s message that was all\n",
        "s end OK 'done' at 600\n", "open e\n",           "e end NOT_FOUND 'no such event' at 0\n",
    };
    size_t len = 0;
    for (size_t i = 0; i < GL_ARRAY_SIZE(expected); i++) {
        ck_assert_msg(strstr(a.log, expected[i]), "A heard:\n%s", a.log);
        len += strlen(expected[i]);
    }
    ck_assert_msg(strlen(a.log) == len, "A heard:\n%s", a.log);
    static const char *const expected_b[] = {
        "open u\n",
        "u end OK '' at 0\n",
        "open s\n",
        "s eof at 600\n",
        "s end OK 'done' at 600\n",
        "e end NOT_FOUND 'no such event' at 0\n",
        "open r\n",
        "r end CANCELLED 'changed my mind' at 10\n",
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(expected_b); i++)
        ck_assert_msg(strstr(b.log, expected_b[i]), "B heard:\n%s", b.log);
    /* Nothing twice. */
    for (struct side *s = &a;; s = &b) {
        for (const char *line = s->log; *line; line = strchr(line, '\n') + 1) {
            char copy[200];
            int n = (int)(strchr(line, '\n') + 1 - line);
            snprintf(copy, sizeof(copy), "%.*s", n, line);
            ck_assert_msg(!strstr(line + n, copy), "twice:\n%s", s->log);
        }
        if (s == &b)
            break;
    }
}

/* ------------------------------------------------------------------ links */

static void dial(void);

static void on_detached(void *ctx, const char *why)
{
    (void)why;
    if (ctx == &a)
        dial();
}

static void on_ended(void *ctx, enum gl_status status, const char *text)
{
    struct side *s = ctx;
    s->ended = true;
    note(s, "session ended %s %s\n", gl_status_name(status), text);
}

static const struct gl_link_events link_events = {on_open, on_detached, NULL, on_ended};

static void make_link(struct side *s, const uint8_t *session, struct gl_transport *t,
                      const uint8_t *early, size_t early_len)
{
    struct gl_link_config config = {
        .mux = {.side = s == &a ? GL_SIDE_A : GL_SIDE_B,
                .epoch = 1,
                .payload_max = CAP,
                .local_streams_max = 10,
                .peer_streams_max = 10,
                .window_growth_max = 1024 * 1024,
                .ack_delay_ns = 100000, /* so that ACKs are among what is cut */
                .resumable = true},
        .events = &link_events,
        .ctx = s,
    };
    memcpy(config.mux.session, session, GL_ID_SIZE);
    memcpy(config.mux.instance, s->instance, GL_ID_SIZE);
    memcpy(config.mux.peer, s == &a ? b.instance : a.instance, GL_ID_SIZE);
    s->link = gl_link_new(&loop, &config, t, early, early_len);
}

/* B had made a session that A never learned of. */
static void forget_session(struct side *s)
{
    struct gl_link *link = s->link;
    if (!link)
        return;
    ck_assert_uint_eq(s->talk_count, 0);
    s->link = NULL;
    gl_link_free(link);
}

/* ------------------------------------------------------------------ greetings */

static void decide_proven(struct gl_handshake *h)
{
    const struct gl_hello *hello = gl_handshake_peer(h);
    uint8_t session[GL_ID_SIZE] = {0};
    if (hello->has_resume) {
        struct gl_resume_record record;
        ck_assert_ptr_nonnull(b.link);
        gl_link_detach(b.link);
        gl_mux_record(gl_link_mux(b.link), &record);
        ck_assert_int_eq(gl_mux_check(gl_link_mux(b.link), &hello->resume, CAP), GL_RESUME_OK);
        gl_handshake_offer(h, &record, record.epoch + 1, NULL, (struct gl_slice){0});
        return;
    }
    forget_session(&b);
    session[0] = ++sessions;
    gl_handshake_fresh(h, session, GL_RESUME_OK, NULL, GL_SLICE_EMPTY);
}

static void on_decide(void *ctx, struct gl_greet *greet, struct gl_handshake *h)
{
    (void)ctx;
    switch (gl_handshake_state(h)) {
    case GL_HANDSHAKE_CHECK:
        gl_handshake_trust(h);
        break;
    case GL_HANDSHAKE_PROVEN:
        decide_proven(h);
        break;
    case GL_HANDSHAKE_OFFERED:
        ck_assert_int_eq(gl_mux_check(gl_link_mux(a.link), &gl_handshake_welcome(h)->record, CAP),
                         GL_RESUME_OK);
        gl_handshake_accept(h);
        break;
    default:
        ck_abort_msg("a resume was refused");
    }
    gl_greet_continue(greet);
}

static void on_done(void *ctx, struct gl_greet *greet, struct gl_handshake *h,
                    struct gl_transport *t, const uint8_t *early, size_t early_len)
{
    struct side *s = ctx;
    const struct gl_welcome *welcome = gl_handshake_welcome(h);
    (void)greet;
    s->greet = NULL;
    if (welcome->resume) {
        const struct gl_resume_record *peer =
            s == &a ? &welcome->record : &gl_handshake_peer(h)->resume;
        gl_link_attach(s->link, t, peer, welcome->epoch, early, early_len);
        return;
    }
    make_link(s, welcome->session, t, early, early_len);
    if (s == &a)
        start_talking();
}

static void on_failed(void *ctx, struct gl_greet *greet, enum gl_status status, const char *text,
                      bool by_peer)
{
    struct side *s = ctx;
    (void)greet, (void)by_peer;
    ck_assert_msg(status == GL_STATUS_UNAVAILABLE, "%s", text);
    s->greet = NULL;
    if (s == &a)
        dial();
}

static const struct gl_greet_events greet_events = {on_decide, on_done, on_failed};

static void greet(struct side *s, struct gl_transport *t)
{
    bool is_a = s == &a;
    struct gl_handshake_config config = {
        .side = is_a ? GL_SIDE_A : GL_SIDE_B,
        .key = &keys[!is_a],
        .peer_role = is_a ? GL__ROLE__ROLE_HOST : GL__ROLE__ROLE_GUEST,
        .hello = {.role = is_a ? GL__ROLE__ROLE_GUEST : GL__ROLE__ROLE_HOST,
                  .payload_max = CAP,
                  .streams_max = 10},
    };
    memcpy(config.hello.instance, s->instance, GL_ID_SIZE);
    if (is_a && s->link) {
        config.hello.has_resume = true;
        gl_mux_record(gl_link_mux(s->link), &config.hello.resume);
    }
    /* A host may be greeting an older connection still: the newest one wins. */
    if (s->greet)
        gl_greet_cancel(s->greet);
    s->greet = gl_greet_start(&loop, t, &config, 0, &greet_events, s);
}

static void dial(void)
{
    struct gl_transport *ends[2];
    ck_assert_uint_lt(dials, DIALS_MAX);
    gl_cut_pair(&loop, ends);
    if (dials < plan_count)
        ends[0] = gl_cut_wrap(ends[0], &plans[dials]);
    dials++;
    greet(&b, ends[1]);
    greet(&a, ends[0]);
}

/* ------------------------------------------------------------------ runs */

static bool is_over(void)
{
    return a.talks_ended == 4 && b.talk_count == 4 && b.talks_ended == 4 && b.link;
}

static void run_conversation(void)
{
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    a.instance[0] = 'a';
    b.instance[0] = 'b';
    dials = 0;
    dial();
    gl_unit_run_until(is_over());
    check_talk();
}

/* Whatever comes after the conversation (the last ACKs) is cut as well. */
static void run_and_clean_up(bool settle)
{
    run_conversation();
    if (settle)
        gl_unit_run_for(20);
    ck_assert(!a.ended && !b.ended);
    for (int i = 0; i < 2; i++) {
        struct side *s = i ? &b : &a;
        if (s->greet)
            gl_greet_cancel(s->greet);
        gl_link_free(s->link);
    }
    gl_unit_run_until(uv_run(&loop, UV_RUN_NOWAIT) == 0);
}

static void measure(uint64_t counts[2], unsigned connection)
{
    counts[0] = counts[1] = 0;
    plans[connection] = GL_CUT_NOTHING;
    plans[connection].rx_count = &counts[0];
    plans[connection].tx_count = &counts[1];
    plan_count = connection + 1;
    run_and_clean_up(true);
    ck_assert_uint_eq(dials, connection + 1);
}

static void cut_everywhere(unsigned connection, int way)
{
    uint64_t counts[2];
    measure(counts, connection);
    ck_assert_uint_gt(counts[way], 400);
    for (uint64_t n = 0; n < counts[way]; n++) {
        plans[connection] = GL_CUT_NOTHING;
        *(way ? &plans[connection].tx : &plans[connection].rx) = n;
        plan_count = connection + 1;
        run_and_clean_up(false);
    }
}

static void setup(void)
{
    ck_assert_int_eq(gl_key_global_init(), 0);
    gl_key_generate(&keys[0]);
    gl_key_generate(&keys[1]);
    gl_unit_loop_setup();
}

START_TEST(without_a_cut)
{
    plan_count = 0;
    run_and_clean_up(true);
    ck_assert_uint_eq(dials, 1);
}
END_TEST

/* Handshake, calls and data: [0] what A reads, [1] what it writes. */
START_TEST(first_connection)
{
    cut_everywhere(0, _i);
}
END_TEST

/*
 * The first is cut in the middle; then the handshake of the resume, and the replay by the side
 * whose frames were lost, at each byte.
 */
START_TEST(resuming_connection)
{
    uint64_t counts[2];
    measure(counts, 0);
    plans[0] = GL_CUT_NOTHING;
    *(_i ? &plans[0].tx : &plans[0].rx) = counts[_i] * 2 / 3;
    cut_everywhere(1, _i);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("link_cut");
    TCase *tcase = tcase_create("link_cut");
    tcase_add_checked_fixture(tcase, setup, gl_unit_loop_teardown);
    tcase_add_test(tcase, without_a_cut);
    tcase_add_loop_test(tcase, first_connection, 0, 2);
    tcase_add_loop_test(tcase, resuming_connection, 0, 2);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
