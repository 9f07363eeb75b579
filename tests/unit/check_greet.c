/* SPDX-License-Identifier: MIT */
/* Greetings over pairs of connected transports: two of ours, or one and a peer that misbehaves. */
#include "greet.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "pair.h"
#include "proto/guestlink.pb-c.h"
#include "transport-cut.h"
#include "unit-loop.h"

struct side {
    struct gl_greet *greet;
    struct gl_transport *cut;  /* below the greeting */
    struct gl_transport *open; /* what on_done gave */
    char log[300];             /* what was heard, a word each */
    enum gl_status status;
    char text[200];
    bool by_peer, done, failed, resumed;
    uint8_t early[100];
    size_t early_len;
    /* What is decided, and when. */
    bool later, refuse_key, reject, offer, refuse_offer, cancel, close;
    const char *say; /* written right after the handshake */
    struct gl_handshake *undecided;
};

static struct gl_key keys[2];
static struct side a, b, nobody;
static uint8_t session[GL_ID_SIZE] = "the session";

/* ------------------------------------------------------------------ deciding */

static struct gl_resume_record record_of(const struct side *s)
{
    struct gl_resume_record record = {.epoch = 4, .rx_count = 7};
    memcpy(record.session, session, GL_ID_SIZE);
    record.instance[0] = s == &a;
    record.peer[0] = s != &a;
    return record;
}

static void decide_proven(struct side *s, struct gl_handshake *h)
{
    const struct gl_hello *peer = gl_handshake_peer(h);
    struct gl_resume_record record = record_of(s);
    ck_assert_str_eq(peer->name, "web");
    ck_assert_mem_eq(peer->key, keys[0].public_key, GL_KEY_SIZE);
    if (s->reject)
        gl_handshake_fail(h, GL_STATUS_REVOKED, "key was revoked by an administrator");
    else if (s->offer && gl_handshake_state(h) == GL_HANDSHAKE_PROVEN)
        gl_handshake_offer(h, &record, 5, "web", (struct gl_slice){0});
    else
        gl_handshake_fresh(h, session, GL_RESUME_OK, "web-1", GL_SLICE_EMPTY);
}

static void decide(struct side *s, struct gl_handshake *h)
{
    switch (gl_handshake_state(h)) {
    case GL_HANDSHAKE_CHECK:
        ck_assert_mem_eq(gl_handshake_peer(h)->key, keys[1].public_key, GL_KEY_SIZE);
        if (s->refuse_key)
            gl_handshake_fail(h, GL_STATUS_KEY_MISMATCH, "not the host that is known");
        else
            gl_handshake_trust(h);
        break;
    case GL_HANDSHAKE_PROVEN:
    case GL_HANDSHAKE_REFUSED:
        decide_proven(s, h);
        break;
    case GL_HANDSHAKE_OFFERED:
        ck_assert_uint_eq(gl_handshake_welcome(h)->record.rx_count, 7);
        if (s->refuse_offer)
            gl_handshake_refuse(h, GL_RESUME_HASH);
        else
            gl_handshake_accept(h);
        break;
    default:
        ck_abort_msg("nothing to decide");
    }
}

static void note(struct side *s, const char *word)
{
    size_t len = strlen(s->log);
    snprintf(s->log + len, sizeof(s->log) - len, "%s%s", len ? " " : "", word);
}

static void on_decide(void *ctx, struct gl_greet *greet, struct gl_handshake *h)
{
    struct side *s = ctx;
    static const char *const words[] = {[GL_HANDSHAKE_CHECK] = "check",
                                        [GL_HANDSHAKE_PROVEN] = "proven",
                                        [GL_HANDSHAKE_OFFERED] = "offered",
                                        [GL_HANDSHAKE_REFUSED] = "refused"};
    ck_assert(!s->undecided);
    note(s, words[gl_handshake_state(h)]);
    if (s->cancel) {
        gl_greet_cancel(greet);
        s->greet = NULL;
    } else if (s->later) {
        s->undecided = h;
    } else {
        decide(s, h);
        gl_greet_continue(greet);
    }
}

static void decide_now(struct side *s)
{
    struct gl_handshake *h = s->undecided;
    gl_unit_run_for(2);
    s->undecided = NULL;
    decide(s, h);
    gl_greet_continue(s->greet);
}

/* ------------------------------------------------------------------ events */

static void open_on_buffer(void *ctx, uv_buf_t *ret_room)
{
    struct side *s = ctx;
    *ret_room = uv_buf_init((char *)s->early, sizeof(s->early));
}

static void open_on_read(void *ctx, ssize_t n)
{
    (void)ctx, (void)n;
}

static void open_on_close(void *ctx)
{
    ((struct side *)ctx)->open = NULL;
}

static void open_on_written(void *ctx, int status)
{
    (void)ctx, (void)status;
}

static const struct gl_transport_events open_events = {open_on_buffer, open_on_read,
                                                       open_on_written, open_on_close};

static void on_done(void *ctx, struct gl_greet *greet, struct gl_handshake *h,
                    struct gl_transport *t, const uint8_t *early, size_t early_len)
{
    struct side *s = ctx;
    ck_assert(!s->done && !s->failed);
    ck_assert_ptr_eq(gl_greet_peer(greet)->address.path, gl_greet_peer(greet)->address.path);
    ck_assert_str_eq(gl_greet_peer(greet)->address.path, "pair");
    s->done = true;
    s->greet = NULL;
    if (s->close) {
        gl_transport_close(t);
        return;
    }
    s->open = t;
    gl_transport_bind(t, &open_events, s);
    ck_assert_uint_le(early_len, sizeof(s->early));
    memcpy(s->early, early, early_len);
    s->early_len = early_len;
    s->resumed = gl_handshake_welcome(h)->resume;
    note(s, "done");
    if (s->say) {
        uv_buf_t buf = uv_buf_init((char *)(uintptr_t)s->say, (unsigned)strlen(s->say));
        ck_assert_int_eq(gl_transport_write(t, &buf, 1), 1);
    }
}

static void on_failed(void *ctx, struct gl_greet *greet, enum gl_status status, const char *text,
                      bool by_peer)
{
    struct side *s = ctx;
    (void)greet;
    ck_assert(!s->done && !s->failed);
    s->failed = true;
    s->greet = NULL;
    s->status = status;
    s->by_peer = by_peer;
    snprintf(s->text, sizeof(s->text), "%s", text);
    note(s, "failed");
}

static const struct gl_greet_events events = {on_decide, on_done, on_failed};

/* ------------------------------------------------------------------ a pair */

static struct gl_handshake_config config_of(struct side *s, bool local)
{
    bool is_a = s == &a;
    int guest = local ? GL__ROLE__ROLE_CLIENT : GL__ROLE__ROLE_GUEST;
    struct gl_handshake_config config = {
        .side = is_a ? GL_SIDE_A : GL_SIDE_B,
        .local = local,
        .key = local ? NULL : &keys[!is_a],
        .peer_role = is_a ? GL__ROLE__ROLE_HOST : guest,
        .now_s = 1700000000,
        .hello = {.role = is_a ? guest : GL__ROLE__ROLE_HOST,
                  .payload_max = 65536,
                  .streams_max = 100,
                  .software = "test",
                  .name = "web",
                  .has_resume = is_a && b.offer,
                  .resume = record_of(s)},
    };
    config.hello.instance[0] = is_a;
    return config;
}

static void start(struct side *s, struct gl_transport *t, const struct gl_cut_plan *plan,
                  uint64_t timeout_ms, bool local)
{
    struct gl_handshake_config config = config_of(s, local);
    s->cut = gl_cut_wrap(t, plan);
    s->greet = gl_greet_start(&loop, s->cut, &config, timeout_ms, &events, s);
    ck_assert_str_eq(s->log, ""); /* no event from within start */
}

static void start_pair(const struct gl_cut_plan *plan_a)
{
    struct gl_transport *ends[2];
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    gl_cut_pair(&loop, ends);
    start(&a, ends[0], plan_a ? plan_a : &plan, 0, false);
    start(&b, ends[1], &plan, 0, false);
}

static void finish_sides(void)
{
    for (int i = 0; i < 2; i++) {
        struct side *s = i ? &b : &a;
        if (s->greet)
            gl_greet_cancel(s->greet);
        if (s->open)
            gl_transport_close(s->open);
    }
    gl_unit_run_until(uv_run(&loop, UV_RUN_NOWAIT) == 0);
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
}

static void setup(void)
{
    ck_assert_int_eq(gl_key_global_init(), 0);
    gl_key_generate(&keys[0]);
    gl_key_generate(&keys[1]);
    gl_unit_loop_setup();
}

static void setup_in_memory(void)
{
    gl_cut_in_memory = true;
    setup();
}

static void teardown(void)
{
    finish_sides();
    gl_unit_loop_teardown();
    gl_cut_in_memory = false;
}

/* One of ours against bytes: B, or A, and the other end bare. */
static struct gl_transport *start_alone(struct side *s, uint64_t timeout_ms)
{
    struct gl_transport *ends[2];
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    gl_cut_pair(&loop, ends);
    start(s, ends[0], &plan, timeout_ms, false);
    struct gl_transport *raw = gl_cut_wrap(ends[1], &plan);
    gl_transport_bind(raw, &open_events, &nobody);
    return raw;
}

static void say(struct gl_transport *t, const void *data, size_t len)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)len);
    ck_assert_int_ge(gl_transport_write(t, &buf, 1), 0);
}

/* ------------------------------------------------------------------ tests */

START_TEST(fresh)
{
    start_pair(NULL);
    gl_unit_run_until(a.done && b.done);
    ck_assert_str_eq(a.log, "check done");
    ck_assert_str_eq(b.log, "proven done");
    ck_assert(!a.resumed && !b.resumed);
    ck_assert(a.open && b.open);
    ck_assert_uint_eq(a.early_len + b.early_len, 0);
}
END_TEST

START_TEST(decided_later)
{
    a.later = b.later = true;
    start_pair(NULL);
    gl_unit_run_until(a.undecided);
    decide_now(&a);
    gl_unit_run_until(b.undecided);
    decide_now(&b);
    gl_unit_run_until(a.done && b.done);
}
END_TEST

START_TEST(byte_by_byte)
{
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    plan.read_max = 1;
    plan.delay_ms = 1;
    b.offer = true;
    start_pair(&plan);
    gl_unit_run_until(a.done && b.done);
    ck_assert_str_eq(a.log, "check offered done");
}
END_TEST

START_TEST(resumed)
{
    b.offer = true;
    start_pair(NULL);
    gl_unit_run_until(a.done && b.done);
    ck_assert_str_eq(a.log, "check offered done");
    ck_assert_str_eq(b.log, "proven done");
    ck_assert(a.resumed && b.resumed);
}
END_TEST

START_TEST(resume_refused)
{
    b.offer = a.refuse_offer = true;
    start_pair(NULL);
    gl_unit_run_until(a.done && b.done);
    ck_assert_str_eq(a.log, "check offered done");
    ck_assert_str_eq(b.log, "proven refused done");
    ck_assert(!a.resumed && !b.resumed);
}
END_TEST

START_TEST(local)
{
    struct gl_transport *ends[2];
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    gl_cut_pair(&loop, ends);
    start(&a, ends[0], &plan, 0, true);
    start(&b, ends[1], &plan, 0, true);
    gl_unit_run_until(a.done && b.done);
    ck_assert_str_eq(a.log, "done");
    ck_assert_str_eq(b.log, "done");
}
END_TEST

/* What B says at once after WELCOME belongs to the mux, though it is read together with it. */
START_TEST(early_bytes)
{
    a.later = true;
    b.say = "first words of a session";
    start_pair(NULL);
    gl_unit_run_until(a.undecided);
    decide_now(&a);
    gl_cut_stall(a.cut, true, false);
    gl_unit_run_until(b.done);
    gl_cut_stall(a.cut, false, false);
    gl_unit_run_until(a.done);
    ck_assert_uint_eq(a.early_len, strlen(b.say));
    ck_assert_mem_eq(a.early, b.say, strlen(b.say));
}
END_TEST

/* Who has no use for the connection any more just closes it. */
START_TEST(closed_when_done)
{
    a.close = b.close = true;
    start_pair(NULL);
    gl_unit_run_until(a.done && b.done);
}
END_TEST

START_TEST(key_refused_by_a)
{
    a.refuse_key = true;
    start_pair(NULL);
    gl_unit_run_until(a.failed && b.failed);
    ck_assert_int_eq(a.status, GL_STATUS_KEY_MISMATCH);
    ck_assert(!a.by_peer);
    ck_assert_str_eq(a.text, "not the host that is known");
    ck_assert_str_eq(b.log, "failed");
}
END_TEST

/* After A is proven it is told why. */
START_TEST(rejected_by_b)
{
    b.reject = true;
    start_pair(NULL);
    gl_unit_run_until(a.failed && b.failed);
    ck_assert_int_eq(a.status, GL_STATUS_REVOKED);
    ck_assert(a.by_peer);
    ck_assert_str_eq(a.text, "key was revoked by an administrator");
    ck_assert_int_eq(b.status, GL_STATUS_REVOKED);
    ck_assert(!b.by_peer);
}
END_TEST

/* Bytes that trickle in do not lengthen the time. */
START_TEST(time_is_limited)
{
    struct gl_transport *raw = start_alone(&b, 100);
    uint64_t begin = uv_hrtime();
    static const uint8_t header[12] = {0x01, 0, 0, 0, 0, 0, 0, 0, 0xff, 0x01};
    for (size_t i = 0; i < sizeof(header) && !b.failed; i++) {
        say(raw, header + i, 1);
        gl_unit_run_for(20);
    }
    ck_assert(b.failed);
    ck_assert_uint_ge(uv_hrtime() - begin, 90000000);
    ck_assert_int_eq(b.status, GL_STATUS_TIMED_OUT);
    ck_assert(!b.by_peer);
    gl_transport_close(raw);
}
END_TEST

/* Time for the decision counts too. */
START_TEST(undecided_for_too_long)
{
    struct gl_transport *ends[2];
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    a.later = true;
    gl_cut_pair(&loop, ends);
    start(&a, ends[0], &plan, 50, false);
    start(&b, ends[1], &plan, 0, false);
    gl_unit_run_until(a.failed && b.failed);
    ck_assert_int_eq(a.status, GL_STATUS_TIMED_OUT);
    ck_assert_int_eq(b.status, GL_STATUS_UNAVAILABLE);
    ck_assert_str_eq(b.text, "the connection was closed during the handshake");
}
END_TEST

START_TEST(closed_by_peer)
{
    struct gl_transport *raw = start_alone(&b, 0);
    say(raw, "\1", 1);
    gl_transport_close(raw);
    gl_unit_run_until(b.failed);
    ck_assert_int_eq(b.status, GL_STATUS_UNAVAILABLE);

    raw = start_alone(&a, 0);
    gl_transport_close(raw);
    gl_unit_run_until(a.failed);
    ck_assert_int_eq(a.status, GL_STATUS_UNAVAILABLE);
}
END_TEST

START_TEST(garbage)
{
    struct gl_transport *raw = start_alone(&b, 0);
    say(raw, "SSH-2.0-OpenSSH_9.2p1\r\n", 23);
    gl_unit_run_until(b.failed);
    ck_assert_int_eq(b.status, GL_STATUS_PROTOCOL);
    ck_assert(!b.by_peer);
    gl_transport_close(raw);
}
END_TEST

/* A flood ends it; what is kept is bounded by the handshake and one room. */
START_TEST(flood)
{
    struct gl_transport *raw = start_alone(&b, 0);
    uint8_t *zeros = gl_alloc0(1000000);
    say(raw, zeros, 1000000);
    gl_unit_run_until(b.failed);
    ck_assert_int_eq(b.status, GL_STATUS_PROTOCOL);
    gl_transport_close(raw);
    gl_unit_run_for(1);
    gl_free(zeros);
}
END_TEST

START_TEST(cancelled)
{
    a.cancel = true;
    start_pair(NULL);
    gl_unit_run_until(b.failed);
    ck_assert_str_eq(a.log, "check");

    finish_sides();
    struct gl_transport *raw = start_alone(&b, 0);
    gl_greet_cancel(b.greet);
    b.greet = NULL;
    gl_transport_close(raw);
    gl_unit_run_for(5);
    ck_assert_str_eq(b.log, "");
}
END_TEST

/* Cut after every byte of either direction: both sides end, by one event each, or are done. */
START_TEST(cut_at_every_byte)
{
    uint64_t counts[2] = {0, 0};
    struct gl_cut_plan plan = GL_CUT_NOTHING;
    plan.rx_count = &counts[0];
    plan.tx_count = &counts[1];
    b.offer = true;
    start_pair(&plan);
    gl_unit_run_until(a.done && b.done);
    finish_sides();
    ck_assert_uint_gt(counts[0], 200);
    ck_assert_uint_gt(counts[1], 200);
    for (int way = 0; way < 2; way++)
        for (uint64_t n = 0; n < counts[way]; n++) {
            plan = GL_CUT_NOTHING;
            *(way ? &plan.tx : &plan.rx) = n;
            b.offer = true;
            start_pair(&plan);
            gl_unit_run_until((a.done || a.failed) && (b.done || b.failed));
            /* Before its last byte went through, nobody can believe that all is well but who sent
             * it. */
            ck_assert(way ? b.failed : a.failed);
            finish_sides();
        }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("greet");
    const TTest *const tests[] = {
        fresh,          decided_later,     byte_by_byte,
        resumed,        resume_refused,    local,
        early_bytes,    closed_when_done,  key_refused_by_a,
        rejected_by_b,  time_is_limited,   undecided_for_too_long,
        closed_by_peer, garbage,           flood,
        cancelled,      cut_at_every_byte,
    };
    for (int memory = GL_PAIR_OF_SYSTEM ? 0 : 1; memory < 2; memory++) {
        TCase *tcase = tcase_create(memory ? "in memory" : "over sockets");
        tcase_add_checked_fixture(tcase, memory ? setup_in_memory : setup, teardown);
        for (size_t i = 0; i < GL_ARRAY_SIZE(tests); i++)
            tcase_add_test(tcase, tests[i]);
        suite_add_tcase(s, tcase);
    }
    return s;
}

GL_UNIT_MAIN(suite)
