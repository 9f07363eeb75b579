/* SPDX-License-Identifier: MIT */
/*
 * Two honest sides, and a middle that changes bytes between them. check_handshake_liar has sides
 * that are not honest.
 */
#include "handshakepair.h"

/* ------------------------------------------------------------------ good runs */

START_TEST(fresh)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    ca.rekey = rekey;
    ca.hello.has_machine = true;
    memset(ca.hello.machine, 0x11, GL_MACHINE_SIZE);
    cb.certificate = certificate;
    struct pair p = pair_new(&ca, &cb);
    ck_assert_int_eq(gl_handshake_state(p.a), GL_HANDSHAKE_WAIT);
    ck_assert_uint_eq(gl_handshake_output(p.b).len, 0);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_WAIT);
    ck_assert_int_eq(carry(p.b, p.a), GL_HANDSHAKE_CHECK);

    const struct gl_hello *b = gl_handshake_peer(p.a);
    ck_assert_mem_eq(b->key, key_b.public_key, GL_KEY_SIZE);
    ck_assert_int_eq(b->role, GL__ROLE__ROLE_HOST);
    ck_assert_str_eq(b->name, "host-1");
    ck_assert(b->has_certificate);
    ck_assert(!b->certificate_expired);
    ck_assert_mem_eq(b->certificate.site, site.public_key, GL_KEY_SIZE);
    ck_assert(!b->has_machine);
    ck_assert_uint_eq(gl_handshake_output(p.a).len, 0); /* nothing before it is trusted */

    gl_handshake_trust(p.a);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_PROVEN);
    const struct gl_hello *a = gl_handshake_peer(p.b);
    ck_assert_mem_eq(a->key, key_a.public_key, GL_KEY_SIZE);
    ck_assert_str_eq(a->software, "agent 1");
    ck_assert(a->has_rekey);
    ck_assert(a->has_machine);
    ck_assert_uint_eq(a->machine[15], 0x11);
    ck_assert(!a->has_certificate);
    ck_assert(!a->has_resume);
    ck_assert_uint_eq(a->streams_max, 100);
    ck_assert_uint_eq(gl_handshake_output(p.b).len, 0);

    struct gl_slice cert =
        gl_certificate_make(&site, key_a.public_key, "web-1", GL__ROLE__ROLE_GUEST, 0);
    gl_handshake_fresh(p.b, session, GL_RESUME_OK, "web-1", cert);
    ck_assert_int_eq(gl_handshake_state(p.b), GL_HANDSHAKE_DONE);

    /* What follows is the mux's: it must be left alone. */
    struct frames f = take_output(p.b);
    memcpy(f.data + f.len, "mux", 3);
    size_t used;
    ck_assert_int_eq(feed(p.a, f.data, f.len + 3, &used), GL_HANDSHAKE_DONE);
    ck_assert_uint_eq(used, f.len);
    const struct gl_welcome *w = gl_handshake_welcome(p.a);
    ck_assert(!w->resume);
    ck_assert_mem_eq(w->session, session, GL_ID_SIZE);
    ck_assert_uint_eq(w->epoch, 1);
    ck_assert_str_eq(w->name, "web-1");
    ck_assert_uint_eq(w->certificate.len, cert.len);
    ck_assert_mem_eq(w->certificate.data, cert.data, cert.len);
    ck_assert_uint_eq(gl_handshake_payload_max(p.a), 16384);
    ck_assert_uint_eq(gl_handshake_payload_max(p.b), 16384);
    ck_assert_int_eq(feed(p.a, "mux", 3, &used), GL_HANDSHAKE_DONE);
    ck_assert_uint_eq(used, 0);
    gl_slice_unref(&cert);
    pair_free(&p);
}
END_TEST

START_TEST(resume_accepted)
{
    struct pair p = pair_proven(true);
    struct gl_resume_record want = a_record(), record = a_record();
    const struct gl_hello *a = gl_handshake_peer(p.b);
    ck_assert(a->has_resume);
    ck_assert_mem_eq(a->resume.session, want.session, GL_ID_SIZE);
    ck_assert_mem_eq(a->resume.instance, want.instance, GL_ID_SIZE);
    ck_assert_mem_eq(a->resume.peer, want.peer, GL_ID_SIZE);
    ck_assert_uint_eq(a->resume.rx_count, want.rx_count);
    ck_assert_uint_eq(a->resume.rx_hash, want.rx_hash);
    ck_assert_uint_eq(a->resume.tx_count, want.tx_count);
    ck_assert_uint_eq(a->resume.epoch, want.epoch);

    record.tx_count = 99;
    struct gl_slice shown = gl_slice_copy("a certificate", 13);
    gl_handshake_offer(p.b, &record, 4, "web", shown);
    gl_slice_unref(&shown);
    ck_assert_int_eq(carry(p.b, p.a), GL_HANDSHAKE_OFFERED);
    ck_assert(gl_handshake_welcome(p.a)->resume);
    ck_assert_uint_eq(gl_handshake_welcome(p.a)->certificate.len, 13);
    ck_assert_uint_eq(gl_handshake_welcome(p.a)->record.tx_count, 99);
    ck_assert_uint_eq(gl_handshake_welcome(p.a)->epoch, 4);
    ck_assert_int_eq(gl_handshake_state(p.b), GL_HANDSHAKE_WAIT);
    gl_handshake_accept(p.a);
    ck_assert_int_eq(gl_handshake_state(p.a), GL_HANDSHAKE_DONE);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_DONE);
    ck_assert(gl_handshake_welcome(p.b)->resume);
    pair_free(&p);
}
END_TEST

START_TEST(resume_refused_by_a)
{
    struct pair p = pair_proven(true);
    struct gl_resume_record record = a_record();
    gl_handshake_offer(p.b, &record, 4, NULL, (struct gl_slice){0});
    ck_assert_int_eq(carry(p.b, p.a), GL_HANDSHAKE_OFFERED);
    gl_handshake_refuse(p.a, GL_RESUME_HASH);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_REFUSED);
    ck_assert_int_eq(gl_handshake_welcome(p.b)->refused, GL_RESUME_HASH);
    gl_handshake_fresh(p.b, session, GL_RESUME_HASH, NULL, GL_SLICE_EMPTY);
    ck_assert_int_eq(gl_handshake_state(p.b), GL_HANDSHAKE_DONE);
    ck_assert_int_eq(carry(p.b, p.a), GL_HANDSHAKE_DONE);
    ck_assert(!gl_handshake_welcome(p.a)->resume);
    ck_assert_int_eq(gl_handshake_welcome(p.a)->refused, GL_RESUME_HASH);
    ck_assert_mem_eq(gl_handshake_welcome(p.a)->session, session, GL_ID_SIZE);
    pair_free(&p);
}
END_TEST

START_TEST(resume_refused_by_b)
{
    struct pair p = pair_proven(true);
    gl_handshake_fresh(p.b, session, GL_RESUME_UNKNOWN_SESSION, NULL, GL_SLICE_EMPTY);
    ck_assert_int_eq(carry(p.b, p.a), GL_HANDSHAKE_DONE);
    ck_assert_int_eq(gl_handshake_welcome(p.a)->refused, GL_RESUME_UNKNOWN_SESSION);
    pair_free(&p);
}
END_TEST

START_TEST(local)
{
    struct gl_handshake_config ca = local_config(GL_SIDE_A), cb = local_config(GL_SIDE_B);
    struct pair p = pair_new(&ca, &cb);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_DONE);
    ck_assert_int_eq(carry(p.b, p.a), GL_HANDSHAKE_DONE);
    ck_assert_uint_eq(gl_handshake_output(p.a).len, 0);
    ck_assert_str_eq(gl_handshake_peer(p.b)->software, "agent 1");
    ck_assert_int_eq(gl_handshake_peer(p.b)->role, GL__ROLE__ROLE_CLIENT);
    ck_assert(!gl_handshake_welcome(p.a)->resume);
    ck_assert_uint_eq(gl_handshake_payload_max(p.b), 16384);
    pair_free(&p);
}
END_TEST

static enum gl_handshake_state carry_bytewise(struct gl_handshake *from, struct gl_handshake *to)
{
    struct frames f = take_output(from);
    enum gl_handshake_state state = gl_handshake_state(to);
    for (size_t i = 0; i < f.len; i++) {
        size_t used;
        ck_assert_int_eq(state, GL_HANDSHAKE_WAIT); /* cut short at i: never more than WAIT */
        state = feed(to, f.data + i, 1, &used);
        ck_assert_uint_eq(used, 1);
    }
    return state;
}

START_TEST(byte_by_byte)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    ca.hello.has_resume = true;
    ca.hello.resume = a_record();
    cb.certificate = certificate;
    struct pair p = pair_new(&ca, &cb);
    struct gl_resume_record record = a_record();
    ck_assert_int_eq(carry_bytewise(p.a, p.b), GL_HANDSHAKE_WAIT);
    ck_assert_int_eq(carry_bytewise(p.b, p.a), GL_HANDSHAKE_CHECK);
    gl_handshake_trust(p.a);
    ck_assert_int_eq(carry_bytewise(p.a, p.b), GL_HANDSHAKE_PROVEN);
    gl_handshake_offer(p.b, &record, 4, NULL, (struct gl_slice){0});
    ck_assert_int_eq(carry_bytewise(p.b, p.a), GL_HANDSHAKE_OFFERED);
    gl_handshake_refuse(p.a, GL_RESUME_EPOCH);
    ck_assert_int_eq(carry_bytewise(p.a, p.b), GL_HANDSHAKE_REFUSED);
    gl_handshake_fresh(p.b, session, GL_RESUME_EPOCH, NULL, GL_SLICE_EMPTY);
    ck_assert_int_eq(carry_bytewise(p.b, p.a), GL_HANDSHAKE_DONE);
    pair_free(&p);
}
END_TEST

/* The longest hello that can be configured fits into its frame. */
START_TEST(longest_hello)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    uint8_t junk[GL_HANDSHAKE_CERTIFICATE_MAX + 1] = {0};
    memset(ca.hello.name, 'n', sizeof(ca.hello.name) - 1);
    memset(ca.hello.software, 's', sizeof(ca.hello.software) - 1);
    ca.hello.has_machine = true;
    ca.hello.has_resume = true;
    memset(&ca.hello.resume, 0xff, sizeof(ca.hello.resume));
    ca.hello.streams_max = UINT32_MAX;
    ca.hello.payload_max = GL_PAYLOAD_MAX_CAP;
    ca.certificate = ca.rekey = (struct gl_slice){NULL, junk, sizeof(junk) - 1};
    struct pair p = pair_new(&ca, &cb);
    struct frames f = take_output(p.a);
    ck_assert_uint_gt(f.len, 2 * GL_HANDSHAKE_CERTIFICATE_MAX);
    ck_assert_uint_le(f.len + 12 + 64, GL_HANDSHAKE_INPUT_MAX);
    feed(p.b, f.data, f.len, NULL);
    ASSERT_FAILED(p.b, "bad announcement of a key");
    pair_free(&p);

    /* A longer certificate is left out. */
    ca = config_of(GL_SIDE_A);
    ca.certificate = (struct gl_slice){NULL, junk, sizeof(junk)};
    p = pair_new(&ca, &cb);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_WAIT);
    pair_free(&p);
}
END_TEST

START_TEST(decisions_out_of_place_do_nothing)
{
    struct pair p = pair_proven(false);
    struct gl_resume_record record = a_record();
    gl_handshake_trust(p.a);
    gl_handshake_accept(p.a);
    gl_handshake_refuse(p.a, GL_RESUME_HASH);
    gl_handshake_fresh(p.a, session, GL_RESUME_OK, NULL, GL_SLICE_EMPTY);
    gl_handshake_offer(p.a, &record, 2, NULL, (struct gl_slice){0});
    ck_assert_int_eq(gl_handshake_state(p.a), GL_HANDSHAKE_WAIT);
    ck_assert_uint_eq(gl_handshake_output(p.a).len, 0);
    gl_handshake_fail(p.b, GL_STATUS_REVOKED, "no");
    gl_handshake_fresh(p.b, session, GL_RESUME_OK, NULL, GL_SLICE_EMPTY);
    ck_assert_int_eq(gl_handshake_state(p.b), GL_HANDSHAKE_FAILED);
    pair_free(&p);
}
END_TEST

/* ------------------------------------------------------------------ refusals by the programs */

static void assert_told(struct gl_handshake *h, enum gl_status status, const char *text)
{
    enum gl_status got;
    bool by_peer;
    ck_assert_str_eq(gl_handshake_error(h, &got, &by_peer), text);
    ck_assert_int_eq(got, status);
    ck_assert(by_peer);
}

START_TEST(b_refuses_a_proven_peer)
{
    struct pair p = pair_proven(false);
    gl_handshake_fail(p.b, GL_STATUS_PENDING, "wait for \x1b[2J approval");
    ck_assert_int_eq(carry(p.b, p.a), GL_HANDSHAKE_FAILED);
    assert_told(p.a, GL_STATUS_PENDING, "wait for \\x1b[2J approval");
    ck_assert_uint_eq(gl_handshake_output(p.a).len, 0); /* no answer to a goodbye here */
    pair_free(&p);
}
END_TEST

START_TEST(a_refuses_the_key)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    struct pair p = pair_new(&ca, &cb);
    carry(p.a, p.b);
    ck_assert_int_eq(carry(p.b, p.a), GL_HANDSHAKE_CHECK);
    gl_handshake_fail(p.a, GL_STATUS_KEY_MISMATCH, "not our host");
    struct frames f = take_output(p.a);
    ck_assert_uint_eq(f.data[0], GL_FRAME_GOODBYE); /* and no AUTH_A before it */
    ck_assert_int_eq(feed(p.b, f.data, f.len, NULL), GL_HANDSHAKE_FAILED);
    assert_told(p.b, GL_STATUS_KEY_MISMATCH, "not our host");
    pair_free(&p);
}
END_TEST

START_TEST(b_is_mute_before_the_proof)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    struct pair p = pair_new(&ca, &cb);
    carry(p.a, p.b);
    gl_handshake_fail(p.b, GL_STATUS_REVOKED, "secret");
    assert_mute_goodbye(p.b, GL_STATUS_PROTOCOL);
    ASSERT_FAILED(p.b, "secret"); /* for our own log */
    pair_free(&p);
}
END_TEST

START_TEST(goodbye_with_odd_content)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A);
    uint8_t frame[12 + 4 + 1024];
    struct gl_handshake *a = gl_handshake_new(&ca);
    put_header(frame, GL_FRAME_GOODBYE, 1028);
    gl_put_u32(frame + 12, 0xffffffff);
    memset(frame + 16, 0x80, 1024);
    ck_assert_int_eq(feed(a, frame, sizeof(frame), NULL), GL_HANDSHAKE_FAILED);
    enum gl_status status;
    ck_assert_uint_eq(strlen(gl_handshake_error(a, &status, NULL)), 1024);
    ck_assert_int_eq(status, GL_STATUS_INTERNAL);
    gl_handshake_free(a);
}
END_TEST

/* ------------------------------------------------------------------ a middle that changes bytes */

/* The number of frames in a whole run, and which are signed. */
enum { HELLO_A, HELLO_B, AUTH, WELCOME, ANSWER, WELCOME_2, FRAMES };

struct change {
    int frame; /* -1: none */
    size_t at;
    uint8_t with;
    size_t size; /* out: of the frame */
};

/* Whether the run went on beyond this frame. */
static bool carry_changed(struct gl_handshake *from, struct gl_handshake *to, int frame,
                          struct change *change, enum gl_handshake_state want)
{
    struct frames f = take_output(from);
    if (frame == change->frame) {
        change->size = f.len;
        f.data[change->at] ^= change->with;
    }
    size_t used;
    return feed(to, f.data, f.len, &used) == want && used == f.len;
}

/* How far a run with a resume that A refuses gets: the first frame that was not taken. */
static int run_changed(struct change *change)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    ca.hello.has_resume = true;
    ca.hello.resume = a_record();
    ca.rekey = rekey;
    ca.nonce = nonce_a;
    cb.nonce = nonce_b;
    cb.certificate = certificate;
    struct gl_resume_record record = a_record();
    struct pair p = pair_new(&ca, &cb);
    int at = HELLO_A;
    if (!carry_changed(p.a, p.b, at, change, GL_HANDSHAKE_WAIT))
        goto done;
    at = HELLO_B;
    if (!carry_changed(p.b, p.a, at, change, GL_HANDSHAKE_CHECK))
        goto done;
    gl_handshake_trust(p.a);
    at = AUTH;
    if (!carry_changed(p.a, p.b, at, change, GL_HANDSHAKE_PROVEN))
        goto done;
    gl_handshake_offer(p.b, &record, 4, "web", (struct gl_slice){0});
    at = WELCOME;
    if (!carry_changed(p.b, p.a, at, change, GL_HANDSHAKE_OFFERED))
        goto done;
    gl_handshake_refuse(p.a, GL_RESUME_HASH);
    at = ANSWER;
    if (!carry_changed(p.a, p.b, at, change, GL_HANDSHAKE_REFUSED))
        goto done;
    gl_handshake_fresh(p.b, session, GL_RESUME_HASH, "web", GL_SLICE_EMPTY);
    at = WELCOME_2;
    if (carry_changed(p.b, p.a, at, change, GL_HANDSHAKE_DONE))
        at = FRAMES;
done:
    pair_free(&p);
    return at;
}

static void change_every_byte(int frame, int not_beyond)
{
    static const uint8_t with[] = {0x01, 0x08, 0x80, 0xff};
    struct change none = {.frame = -1};
    ck_assert_int_eq(run_changed(&none), FRAMES);
    struct change c = {.frame = frame, .at = 0, .size = 1};
    for (; c.at < c.size; c.at++) {
        for (size_t i = 0; i < sizeof(with); i++) {
            c.with = with[i];
            int got = run_changed(&c);
            ck_assert_msg(got <= not_beyond, "frame %d byte %zu: got to %d", frame, c.at, got);
        }
    }
    ck_assert_uint_gt(c.size, 12);
}

/* A change in HELLO_A may be seen by A only: B signs what it got. */
START_TEST(changed_hello_a)
{
    change_every_byte(HELLO_A, HELLO_B);
}
END_TEST

START_TEST(changed_hello_b)
{
    change_every_byte(HELLO_B, HELLO_B);
}
END_TEST

START_TEST(changed_auth)
{
    change_every_byte(AUTH, AUTH);
}
END_TEST

/* These are not signed: no crash is all that is asked. */
START_TEST(changed_later_frames)
{
    change_every_byte(WELCOME, FRAMES);
    change_every_byte(ANSWER, FRAMES);
    change_every_byte(WELCOME_2, FRAMES);
}
END_TEST

/* ------------------------------------------------------------------ certificates */

static struct gl_handshake *a_that_saw(struct gl_slice cert, uint64_t now)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    ca.now_s = now;
    cb.certificate = cert;
    struct pair p = pair_new(&ca, &cb);
    carry(p.a, p.b);
    carry(p.b, p.a);
    gl_handshake_free(p.b);
    return p.a;
}

START_TEST(certificates)
{
    struct gl_handshake *a = a_that_saw(certificate, NOW + 10);
    ck_assert(gl_handshake_peer(a)->has_certificate);
    gl_handshake_free(a);

    a = a_that_saw(certificate, NOW + 11);
    ck_assert_int_eq(gl_handshake_state(a), GL_HANDSHAKE_CHECK);
    ck_assert(!gl_handshake_peer(a)->has_certificate);
    ck_assert(gl_handshake_peer(a)->certificate_expired);
    gl_handshake_free(a);

    /* Of another site: sound, and told apart by its site. */
    struct gl_key other;
    gl_key_generate(&other);
    struct gl_slice c = gl_certificate_make(&other, key_b.public_key, "x", GL__ROLE__ROLE_HOST, 0);
    a = a_that_saw(c, NOW);
    ck_assert_mem_eq(gl_handshake_peer(a)->certificate.site, other.public_key, GL_KEY_SIZE);
    gl_handshake_free(a);
    gl_slice_unref(&c);

    /* Of another key; of a guest; with a wrong signature. */
    c = gl_certificate_make(&site, other.public_key, "x", GL__ROLE__ROLE_HOST, 0);
    a = a_that_saw(c, NOW);
    ASSERT_FAILED(a, "certificate of somebody else");
    gl_handshake_free(a);
    gl_slice_unref(&c);
    c = gl_certificate_make(&site, key_b.public_key, "x", GL__ROLE__ROLE_GUEST, 0);
    a = a_that_saw(c, NOW);
    ASSERT_FAILED(a, "certificate of somebody else");
    gl_handshake_free(a);
    gl_slice_unref(&c);
    uint8_t *bad = gl_memdup(certificate.data, certificate.len);
    bad[certificate.len - 1] ^= 1;
    a = a_that_saw((struct gl_slice){NULL, bad, certificate.len}, NOW);
    ASSERT_FAILED(a, "bad certificate");
    gl_handshake_free(a);
    gl_free(bad);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        fresh,
        resume_accepted,
        resume_refused_by_a,
        resume_refused_by_b,
        local,
        byte_by_byte,
        longest_hello,
        decisions_out_of_place_do_nothing,
        b_refuses_a_proven_peer,
        a_refuses_the_key,
        b_is_mute_before_the_proof,
        goodbye_with_odd_content,
        changed_hello_a,
        changed_hello_b,
        changed_auth,
        changed_later_frames,
        certificates,
    };
    return handshake_suite("handshake", tests, GL_ARRAY_SIZE(tests));
}

GL_UNIT_MAIN(suite)
