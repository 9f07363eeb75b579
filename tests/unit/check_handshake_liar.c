/* SPDX-License-Identifier: MIT */
/*
 * A liar at one end of a handshake. He builds his frames by hand, after doc/PROTOCOL.md, so that
 * the code is not tested by itself alone.
 */
#include "handshakepair.h"

/* ------------------------------------------------------------------ a liar at one end */

/* What he says, and what he got. */
struct liar {
    struct gl_key key;
    Gl__Hello hello;
    uint8_t nonce[32], instance[16];
    struct gl_slice own, theirs; /* hellos as on the wire */
};

static void liar_init(struct liar *l, int role)
{
    memset(l, 0, sizeof(*l));
    gl_key_generate(&l->key);
    gl__hello__init(&l->hello);
    randombytes_buf(l->nonce, sizeof(l->nonce));
    l->hello.version_min = l->hello.version_max = 1;
    l->hello.role = (Gl__Role)role;
    l->hello.nonce = gl_message_bytes(l->nonce, 32);
    l->hello.key = gl_message_bytes(l->key.public_key, 32);
    l->hello.instance = gl_message_bytes(l->instance, 16);
    l->hello.payload_max = 4096;
    l->hello.streams_max = 1;
}

static void liar_done(struct liar *l)
{
    gl_slice_unref(&l->own);
    gl_slice_unref(&l->theirs);
}

static void liar_encode(struct liar *l)
{
    struct gl_slice m = gl_message_pack(&l->hello);
    uint8_t *bytes = gl_alloc(8 + m.len);
    memcpy(bytes, "guestlnk", 8);
    memcpy(bytes + 8, m.data, m.len);
    gl_slice_unref(&l->own);
    l->own = gl_slice_copy(bytes, 8 + m.len);
    gl_free(bytes);
    gl_slice_unref(&m);
}

/* As chapter 3 says it, and with libsodium alone. */
static void sign_by_hand(const struct gl_key *key, const char *label, struct gl_slice a,
                         struct gl_slice b, uint8_t out[64])
{
    uint8_t text[8192];
    size_t len = strlen(label) + 1;
    memcpy(text, label, len);
    gl_put_u32(text + len, (uint32_t)a.len);
    memcpy(text + len + 4, a.data, a.len);
    len += 4 + a.len;
    gl_put_u32(text + len, (uint32_t)b.len);
    memcpy(text + len + 4, b.data, b.len);
    len += 4 + b.len;
    crypto_sign_detached(out, NULL, text, len, key->secret);
}

static enum gl_handshake_state liar_says_hello_a(struct liar *l, struct gl_handshake *b)
{
    uint8_t frame[4096];
    liar_encode(l);
    put_header(frame, GL_FRAME_HELLO_A, l->own.len);
    memcpy(frame + 12, l->own.data, l->own.len);
    return feed(b, frame, 12 + l->own.len, NULL);
}

/* Takes HELLO_B and sends an AUTH_A with this key and label. */
static enum gl_handshake_state liar_auths(struct liar *l, struct gl_handshake *b,
                                          const struct gl_key *key, const char *label)
{
    struct frames f = take_output(b);
    uint8_t frame[12 + 64];
    ck_assert_uint_eq(f.data[0], GL_FRAME_HELLO_B);
    gl_slice_unref(&l->theirs);
    l->theirs = gl_slice_copy(f.data + 14, gl_get_u16(f.data + 12));
    put_header(frame, GL_FRAME_AUTH_A, 64);
    sign_by_hand(key, label, l->own, l->theirs, frame + 12);
    return feed(b, frame, sizeof(frame), NULL);
}

/* Answers A's HELLO_A. */
static enum gl_handshake_state liar_says_hello_b(struct liar *l, struct gl_handshake *a,
                                                 const struct gl_key *key, const char *label)
{
    struct frames f = take_output(a);
    uint8_t frame[4096];
    gl_slice_unref(&l->theirs);
    l->theirs = gl_slice_copy(f.data + 12, f.len - 12);
    if (!l->own.len)
        liar_encode(l);
    size_t n = l->own.len;
    put_header(frame, GL_FRAME_HELLO_B, 2 + n + 64);
    gl_put_u16(frame + 12, (uint16_t)n);
    memcpy(frame + 14, l->own.data, n);
    if (key)
        sign_by_hand(key, label, l->theirs, l->own, frame + 14 + n);
    else
        memset(frame + 14 + n, 0, 64);
    return feed(a, frame, 14 + n + 64, NULL);
}

/* The hand-made frames are right when nothing is wrong: else the tests below would prove nothing.
 */
START_TEST(second_implementation)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    struct gl_handshake *a = gl_handshake_new(&ca), *b = gl_handshake_new(&cb);
    struct liar l;
    liar_init(&l, GL__ROLE__ROLE_GUEST);
    ck_assert_int_eq(liar_says_hello_a(&l, b), GL_HANDSHAKE_WAIT);
    ck_assert_int_eq(liar_auths(&l, b, &l.key, "guestlink/1 auth A"), GL_HANDSHAKE_PROVEN);
    ck_assert_mem_eq(gl_handshake_peer(b)->key, l.key.public_key, GL_KEY_SIZE);
    liar_done(&l);

    liar_init(&l, GL__ROLE__ROLE_HOST);
    ck_assert_int_eq(liar_says_hello_b(&l, a, &l.key, "guestlink/1 auth B"), GL_HANDSHAKE_CHECK);
    liar_done(&l);
    gl_handshake_free(a);
    gl_handshake_free(b);
}
END_TEST

START_TEST(wrong_label_or_key)
{
    static const char *const labels[] = {"guestlink/1 auth B", "guestlink/1 auth ",
                                         "guestlink/1 certificate", ""};
    for (size_t i = 0; i < GL_ARRAY_SIZE(labels) + 1; i++) {
        struct gl_handshake_config cb = config_of(GL_SIDE_B);
        struct gl_handshake *b = gl_handshake_new(&cb);
        struct gl_key other;
        gl_key_generate(&other);
        struct liar l;
        liar_init(&l, GL__ROLE__ROLE_GUEST);
        ck_assert_int_eq(liar_says_hello_a(&l, b), GL_HANDSHAKE_WAIT);
        if (i < GL_ARRAY_SIZE(labels))
            liar_auths(&l, b, &l.key, labels[i]);
        else
            liar_auths(&l, b, &other, "guestlink/1 auth A");
        ASSERT_FAILED(b, "bad signature");
        assert_mute_goodbye(b, GL_STATUS_PROTOCOL);
        liar_done(&l);
        gl_handshake_free(b);
    }
}
END_TEST

START_TEST(b_with_wrong_label)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A);
    for (int i = 0; i < 3; i++) {
        struct gl_handshake *a = gl_handshake_new(&ca);
        struct liar l;
        liar_init(&l, GL__ROLE__ROLE_HOST);
        liar_says_hello_b(&l, a,
                          i == 0   ? NULL
                          : i == 1 ? &l.key
                                   : &site,
                          i == 1 ? "guestlink/1 auth A" : "guestlink/1 auth B");
        ASSERT_FAILED(a, "bad signature");
        liar_done(&l);
        gl_handshake_free(a);
    }
}
END_TEST

/* A recorded A cannot be played to B again: B's nonce is new. */
START_TEST(replayed_auth)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    struct pair p = pair_new(&ca, &cb);
    struct frames hello = take_output(p.a);
    feed(p.b, hello.data, hello.len, NULL);
    carry(p.b, p.a);
    gl_handshake_trust(p.a);
    struct frames auth = take_output(p.a);
    ck_assert_int_eq(feed(p.b, auth.data, auth.len, NULL), GL_HANDSHAKE_PROVEN);

    struct gl_handshake *b = gl_handshake_new(&cb);
    ck_assert_int_eq(feed(b, hello.data, hello.len, NULL), GL_HANDSHAKE_WAIT);
    feed(b, auth.data, auth.len, NULL);
    ASSERT_FAILED(b, "bad signature");
    gl_handshake_free(b);
    pair_free(&p);
}
END_TEST

/* What a side said must not serve as an answer to it. */
START_TEST(reflection)
{
    /* A's own hello comes back as B's, with A's key: whoever signs. */
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    for (int same_role = 0; same_role < 2; same_role++) {
        ca.peer_role = same_role ? GL__ROLE__ROLE_GUEST : GL__ROLE__ROLE_HOST;
        struct gl_handshake *a = gl_handshake_new(&ca);
        struct gl_iov out = gl_handshake_output(a);
        struct liar l;
        liar_init(&l, GL__ROLE__ROLE_HOST);
        l.own = gl_slice_copy(out.base + 12, out.len - 12);
        liar_says_hello_b(&l, a, &key_a, "guestlink/1 auth B");
        ASSERT_FAILED(a, same_role ? "our own hello came back" : "wrong role");
        liar_done(&l);
        gl_handshake_free(a);
    }

    /* A hello of the liar's own, but with the key of the side that he talks to. */
    struct gl_handshake *b = gl_handshake_new(&cb);
    struct liar l;
    liar_init(&l, GL__ROLE__ROLE_GUEST);
    l.hello.key = gl_message_bytes(key_b.public_key, 32);
    liar_says_hello_a(&l, b);
    ASSERT_FAILED(b, "our own key");
    liar_done(&l);
    gl_handshake_free(b);

    /* B's signature of HELLO_B as AUTH_A. */
    b = gl_handshake_new(&cb);
    liar_init(&l, GL__ROLE__ROLE_GUEST);
    ck_assert_int_eq(liar_says_hello_a(&l, b), GL_HANDSHAKE_WAIT);
    struct frames f = take_output(b);
    uint8_t auth[76];
    put_header(auth, GL_FRAME_AUTH_A, 64);
    memcpy(auth + 12, f.data + f.len - 64, 64);
    feed(b, auth, sizeof(auth), NULL);
    ASSERT_FAILED(b, "bad signature");
    liar_done(&l);
    gl_handshake_free(b);
}
END_TEST

/* Both sides with one key (a copied state folder): refused, not taken for one another. */
START_TEST(same_key_on_both_sides)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    cb.key = &key_a;
    struct pair p = pair_new(&ca, &cb);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_FAILED);
    ASSERT_FAILED(p.b, "our own key");
    assert_mute_goodbye(p.b, GL_STATUS_PROTOCOL);
    pair_free(&p);
}
END_TEST

START_TEST(versions)
{
    static const struct {
        uint32_t min, max;
        const char *why;
        uint32_t status;
    } cases[] = {
        {1, 1, NULL, 0},
        {0, 1, NULL, 0},
        {1, UINT32_MAX, NULL, 0},
        {2, 3, "no protocol version in common", GL_STATUS_UNSUPPORTED},
        {0, 0, "no protocol version in common", GL_STATUS_UNSUPPORTED},
        {2, 1, "bad range of versions", GL_STATUS_PROTOCOL},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
        struct pair p = pair_new(&ca, &cb);
        struct liar l;
        liar_init(&l, GL__ROLE__ROLE_GUEST);
        l.hello.version_min = cases[i].min;
        l.hello.version_max = cases[i].max;
        if (cases[i].why)
            l.hello.payload_max = 0; /* another version may mean other things by it */
        liar_says_hello_a(&l, p.b);
        if (cases[i].why) {
            ASSERT_FAILED(p.b, cases[i].why);
            assert_mute_goodbye(p.b, cases[i].status);
        } else {
            ck_assert_int_eq(liar_auths(&l, p.b, &l.key, "guestlink/1 auth A"),
                             GL_HANDSHAKE_PROVEN);
        }
        gl_slice_unref(&l.own);
        l.hello.role = GL__ROLE__ROLE_HOST;
        liar_says_hello_b(&l, p.a, &l.key, "guestlink/1 auth B");
        if (cases[i].why)
            ASSERT_FAILED(p.a, cases[i].why);
        else
            ck_assert_int_eq(gl_handshake_state(p.a), GL_HANDSHAKE_CHECK);
        liar_done(&l);
        pair_free(&p);
    }
}
END_TEST

/* Both sides must refuse a hello that `l` now says, for this reason, though it is signed well. */
static void refuse_hello(struct liar *l, const char *why)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    struct pair p = pair_new(&ca, &cb);
    l->hello.role = GL__ROLE__ROLE_GUEST;
    liar_says_hello_a(l, p.b);
    ASSERT_FAILED(p.b, why);
    assert_mute_goodbye(p.b, GL_STATUS_PROTOCOL);
    gl_slice_unref(&l->own);
    l->hello.role = GL__ROLE__ROLE_HOST;
    liar_says_hello_b(l, p.a, &l->key, "guestlink/1 auth B");
    ASSERT_FAILED(p.a, why);
    gl_slice_unref(&l->own);
    pair_free(&p);
}

START_TEST(bad_fields)
{
    struct liar l;
    uint8_t bytes[64] = {0};
    char text[300];
    memset(text, 'x', sizeof(text));
    liar_init(&l, 0);
    const Gl__Hello good = l.hello;
#define REFUSED(field, value, why)                                                                 \
    do {                                                                                           \
        l.hello.field = (value);                                                                   \
        refuse_hello(&l, (why));                                                                   \
        l.hello = good;                                                                            \
    } while (0)
    REFUSED(nonce, gl_message_bytes(bytes, 31), "bad nonce or instance");
    REFUSED(nonce, gl_message_bytes(bytes, 33), "bad nonce or instance");
    REFUSED(instance, gl_message_bytes(bytes, 0), "bad nonce or instance");
    REFUSED(instance, gl_message_bytes(bytes, 17), "bad nonce or instance");
    REFUSED(payload_max, 4095, "bad payload_max");
    REFUSED(payload_max, 262145, "bad payload_max");
    REFUSED(streams_max, 0, "bad streams_max");
    REFUSED(machine, gl_message_bytes(bytes, 15), "bad machine id");
    REFUSED(key, gl_message_bytes(NULL, 0), "no key");
    REFUSED(key, gl_message_bytes(bytes, 31), "no key");
    REFUSED(key, gl_message_bytes(bytes, 33), "no key");
    REFUSED(key, gl_message_bytes(bytes, 32), "unusable key"); /* zeros: a point of small order */
    bytes[0] = 1;
    REFUSED(key, gl_message_bytes(bytes, 32), "unusable key"); /* the neutral element */
    memset(bytes, 0xff, 32);
    REFUSED(key, gl_message_bytes(bytes, 32), "unusable key"); /* not a point */
    REFUSED(certificate, gl_message_bytes(bytes, 20), "bad certificate");
    uint8_t *large = gl_alloc0(1025);
    REFUSED(certificate, gl_message_bytes(large, 1025), "certificate too long");
    REFUSED(rekey, gl_message_bytes(large, 1025), "certificate too long");
    gl_free(large);
    REFUSED(rekey, gl_message_bytes(bytes, 20), "bad announcement of a key");
    text[256] = '\0';
    REFUSED(name, text, "name too long");
    text[64] = '\0';
    REFUSED(software, text, "software too long");
    REFUSED(software, (char *)(uintptr_t) "\xff", "text is not UTF-8");
    liar_done(&l);
}
END_TEST

START_TEST(bad_roles)
{
    static const int roles[] = {GL__ROLE__ROLE_NONE, GL__ROLE__ROLE_HOST, GL__ROLE__ROLE_CLIENT, 77,
                                -1};
    for (size_t i = 0; i < GL_ARRAY_SIZE(roles); i++) {
        struct gl_handshake_config cb = config_of(GL_SIDE_B);
        struct gl_handshake *b = gl_handshake_new(&cb);
        struct liar l;
        liar_init(&l, roles[i]);
        liar_says_hello_a(&l, b);
        ASSERT_FAILED(b, "wrong role");
        liar_done(&l);
        gl_handshake_free(b);
    }
}
END_TEST

START_TEST(bad_resume_records)
{
    uint8_t id[17] = {0};
    for (int field = 0; field < 4; field++) {
        struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
        struct pair p = pair_new(&ca, &cb);
        struct liar l;
        Gl__ResumeRecord r = GL__RESUME_RECORD__INIT;
        r.session = gl_message_bytes(id, field == 0 ? 15 : 16);
        r.instance = gl_message_bytes(id, field == 1 ? 17 : 16);
        r.peer = gl_message_bytes(id, field == 2 ? 0 : 16);
        liar_init(&l, GL__ROLE__ROLE_GUEST);
        l.hello.resume = &r;
        if (field < 3) {
            liar_says_hello_a(&l, p.b);
            ASSERT_FAILED(p.b, "bad resume record");
        } else {
            l.hello.role = GL__ROLE__ROLE_HOST;
            liar_says_hello_b(&l, p.a, &l.key, "guestlink/1 auth B");
            ASSERT_FAILED(p.a, "resume asked for by the wrong side");
        }
        liar_done(&l);
        pair_free(&p);
    }
}
END_TEST

/* ------------------------------------------------------------------ noise */

static void refuse_bytes(enum gl_side side, const void *data, size_t len, const char *why)
{
    struct gl_handshake_config c = config_of(side);
    struct gl_handshake *h = gl_handshake_new(&c);
    feed(h, data, len, NULL);
    ASSERT_FAILED(h, why);
    if (side == GL_SIDE_B)
        assert_mute_goodbye(h, GL_STATUS_PROTOCOL);
    gl_handshake_free(h);
}

START_TEST(noise)
{
    uint8_t frame[5000] = {0};
    for (int side = GL_SIDE_A; side <= GL_SIDE_B; side++) {
        enum gl_side s = (enum gl_side)side;
        uint8_t type = s == GL_SIDE_A ? GL_FRAME_HELLO_B : GL_FRAME_HELLO_A;
        refuse_bytes(s, "GET / HTTP/1.1\r\n", 16, "unknown frame type");
        refuse_bytes(s, "SSH-2.0-x\r\n\r\n", 12, "unknown frame type");
        memset(frame, 0, sizeof(frame));
        refuse_bytes(s, frame, 12, "unknown frame type");
        put_header(frame, type, 3001);
        refuse_bytes(s, frame, 12, "payload too long"); /* by its header alone */
        put_header(frame, type, 0xffffffff);
        refuse_bytes(s, frame, 12, "payload too long");
        put_header(frame, GL_FRAME_OPEN, 10);
        frame[4] = 1;
        refuse_bytes(s, frame, 12, "unexpected frame");
        put_header(frame, GL_FRAME_PING, 8);
        refuse_bytes(s, frame, 12, "unexpected frame");
        put_header(frame, GL_FRAME_WELCOME, 0);
        refuse_bytes(s, frame, 12, "unexpected frame");
        put_header(frame, s == GL_SIDE_A ? GL_FRAME_HELLO_A : GL_FRAME_HELLO_B, 100);
        refuse_bytes(s, frame, 12, "unexpected frame");
        put_header(frame, type, 100);
        frame[1] = 1;
        refuse_bytes(s, frame, 12, "unknown flag");
        put_header(frame, type, 100);
        frame[3] = 1;
        refuse_bytes(s, frame, 12, "reserved byte is not 0");
        put_header(frame, GL_FRAME_GOODBYE, 1029);
        refuse_bytes(s, frame, 12, "payload too long");
    }
    put_header(frame, GL_FRAME_HELLO_A, 0);
    refuse_bytes(GL_SIDE_B, frame, 12, "not guestlink");
    put_header(frame, GL_FRAME_HELLO_A, 3000);
    refuse_bytes(GL_SIDE_B, frame, 3012, "not guestlink");
    memcpy(frame + 12, "guestlnk", 8);
    refuse_bytes(GL_SIDE_B, frame, 3012, "bad field number");
    put_header(frame, GL_FRAME_HELLO_B, 66);
    refuse_bytes(GL_SIDE_A, frame, 12 + 66, "bad length of a hello");
    memset(frame, 0, sizeof(frame));
    put_header(frame, GL_FRAME_HELLO_B, 66);
    refuse_bytes(GL_SIDE_A, frame, 12 + 66, "not guestlink");
    gl_put_u16(frame + 12, 1);
    refuse_bytes(GL_SIDE_A, frame, 12 + 66, "bad length of a hello");
    gl_put_u16(frame + 12, 0xffff);
    refuse_bytes(GL_SIDE_A, frame, 12 + 66, "bad length of a hello");
}
END_TEST

START_TEST(random_noise)
{
    for (int round = 0; round < 2000; round++) {
        uint8_t data[256];
        struct gl_handshake_config c = config_of(round % 2 ? GL_SIDE_A : GL_SIDE_B);
        struct gl_handshake *h = gl_handshake_new(&c);
        randombytes_buf(data, sizeof(data));
        if (round % 4 < 2) { /* past the header */
            put_header(data, round % 2 ? GL_FRAME_HELLO_B : GL_FRAME_HELLO_A, 200);
            memcpy(data + (round % 2 ? 14 : 12), "guestlnk", 8);
            gl_put_u16(data + 12, round % 2 ? 134 : gl_get_u16(data + 12));
        }
        feed(h, data, sizeof(data), NULL);
        ck_assert_int_eq(gl_handshake_state(h), GL_HANDSHAKE_FAILED);
        gl_handshake_free(h);
    }
}
END_TEST

/* A says no more than hello and proof: a frame of the mux that comes too early is one too many. */
START_TEST(early_frames_wait)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    struct pair p = pair_new(&ca, &cb);
    carry(p.a, p.b);
    carry(p.b, p.a);
    gl_handshake_trust(p.a);
    struct frames f = take_output(p.a);
    put_header(f.data + f.len, GL_FRAME_PING, 8);
    size_t used;
    ck_assert_int_eq(feed(p.b, f.data, f.len + 20, &used), GL_HANDSHAKE_PROVEN);
    ck_assert_uint_eq(used, f.len);
    struct gl_resume_record record = a_record();
    gl_handshake_offer(p.b, &record, 4, NULL, (struct gl_slice){0});
    feed(p.b, f.data + f.len, 20, NULL);
    ASSERT_FAILED(p.b, "unexpected frame");
    pair_free(&p);
}
END_TEST

/* ------------------------------------------------------------------ local and keyed */

START_TEST(local_against_keyed)
{
    struct gl_handshake_config ca = local_config(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    cb.peer_role = GL__ROLE__ROLE_CLIENT; /* even if the roles agreed */
    struct pair p = pair_new(&ca, &cb);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_FAILED);
    ASSERT_FAILED(p.b, "no key");
    assert_mute_goodbye(p.b, GL_STATUS_PROTOCOL);
    pair_free(&p);

    ca = config_of(GL_SIDE_A);
    cb = local_config(GL_SIDE_B);
    cb.peer_role = GL__ROLE__ROLE_GUEST;
    p = pair_new(&ca, &cb);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_FAILED);
    ASSERT_FAILED(p.b, "a key on a local socket");
    pair_free(&p);

    /* A keyed A that gets a local B's answer. */
    ca = config_of(GL_SIDE_A);
    struct gl_handshake *a = gl_handshake_new(&ca);
    struct liar l;
    liar_init(&l, GL__ROLE__ROLE_HOST);
    l.hello.key = gl_message_bytes(NULL, 0);
    liar_says_hello_b(&l, a, NULL, NULL);
    ASSERT_FAILED(a, "no key");
    liar_done(&l);
    gl_handshake_free(a);

    /* A local A that gets a keyed B's answer. */
    ca = local_config(GL_SIDE_A);
    a = gl_handshake_new(&ca);
    liar_init(&l, GL__ROLE__ROLE_HOST);
    liar_says_hello_b(&l, a, &l.key, "guestlink/1 auth B");
    ASSERT_FAILED(a, "a key on a local socket");
    liar_done(&l);
    gl_handshake_free(a);

    /* A local B signs with zeros, nothing else. */
    a = gl_handshake_new(&ca);
    liar_init(&l, GL__ROLE__ROLE_HOST);
    l.hello.key = gl_message_bytes(NULL, 0);
    liar_says_hello_b(&l, a, &l.key, "guestlink/1 auth B");
    ASSERT_FAILED(a, "bad signature");
    liar_done(&l);
    gl_handshake_free(a);
}
END_TEST

START_TEST(local_echo)
{
    struct gl_handshake_config ca = local_config(GL_SIDE_A);
    ca.peer_role = GL__ROLE__ROLE_CLIENT;
    struct gl_handshake *a = gl_handshake_new(&ca);
    struct gl_iov out = gl_handshake_output(a);
    struct liar l;
    liar_init(&l, 0);
    l.own = gl_slice_copy(out.base + 12, out.len - 12);
    liar_says_hello_b(&l, a, NULL, NULL);
    ASSERT_FAILED(a, "our own hello came back");
    liar_done(&l);
    gl_handshake_free(a);
}
END_TEST

/* ------------------------------------------------------------------ welcomes */

/* A proven A gets this welcome, then this second one if it refused an offer. */
static struct gl_handshake *a_welcomed(bool asked, const Gl__Welcome *first,
                                       const Gl__Welcome *second)
{
    struct pair p = pair_proven(asked);
    const Gl__Welcome *const welcomes[] = {first, second};
    for (int i = 0; i < 2 && welcomes[i]; i++) {
        uint8_t frame[8192];
        struct gl_slice m = gl_message_pack(welcomes[i]);
        put_header(frame, GL_FRAME_WELCOME, m.len);
        if (m.len)
            memcpy(frame + 12, m.data, m.len);
        feed(p.a, frame, 12 + m.len, NULL);
        gl_slice_unref(&m);
        gl_handshake_refuse(p.a, GL_RESUME_HASH);
    }
    gl_handshake_free(p.b);
    return p.a;
}

static void refuse_welcome(bool asked, const Gl__Welcome *first, const Gl__Welcome *second,
                           const char *why)
{
    struct gl_handshake *a = a_welcomed(asked, first, second);
    ASSERT_FAILED(a, why);
    gl_handshake_free(a);
}

START_TEST(bad_welcomes)
{
    struct gl_resume_record record = a_record();
    uint8_t junk[1100] = {0};
    char text[300];
    Gl__ResumeRecord r;
    gl_record_to_message(&record, &r);
    Gl__Welcome fresh_one = GL__WELCOME__INIT, offer = GL__WELCOME__INIT;
    fresh_one.session = gl_message_bytes(session, 16);
    fresh_one.epoch = 1;
    offer.session = r.session;
    offer.resume = 1;
    offer.epoch = 4;
    offer.record = &r;

    struct gl_handshake *a = a_welcomed(true, &offer, &fresh_one);
    ck_assert_int_eq(gl_handshake_state(a), GL_HANDSHAKE_DONE);
    gl_handshake_free(a);

    refuse_welcome(false, &offer, NULL, "a resume that nobody asked for");
    refuse_welcome(true, &offer, &offer, "a resume that nobody asked for");

    Gl__Welcome w = offer;
    w.session = gl_message_bytes(session, 16);
    refuse_welcome(true, &w, NULL, "resume of another session");
    w = offer;
    w.epoch = 3; /* B's record says 3: the next is 4 */
    refuse_welcome(true, &w, NULL, "bad epoch of a resume");
    w.epoch = 5;
    refuse_welcome(true, &w, NULL, "bad epoch of a resume");
    w = offer;
    w.record = NULL;
    refuse_welcome(true, &w, NULL, "bad resume record");
    r.session = gl_message_bytes(session, 16);
    refuse_welcome(true, &offer, NULL, "resume of another session");
    r.session = gl_message_bytes(session, 15);
    refuse_welcome(true, &offer, NULL, "bad resume record");

    w = fresh_one;
    w.session = gl_message_bytes(session, 15);
    refuse_welcome(true, &w, NULL, "bad session id");
    w = fresh_one;
    w.epoch = 2;
    refuse_welcome(true, &w, NULL, "bad epoch of a fresh session");
    w = fresh_one;
    w.certificate = gl_message_bytes(junk, 1025);
    refuse_welcome(true, &w, NULL, "certificate too long");
    memset(text, 'x', sizeof(text));
    text[256] = '\0';
    w = fresh_one;
    w.name = text;
    refuse_welcome(true, &w, NULL, "name too long");

    w = fresh_one;
    w.refused = (Gl__ResumeReason)4711; /* of a newer host */
    a = a_welcomed(true, &w, NULL);
    ck_assert_int_eq(gl_handshake_welcome(a)->refused, GL_RESUME_UNKNOWN_SESSION);
    gl_handshake_free(a);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        second_implementation,
        wrong_label_or_key,
        b_with_wrong_label,
        replayed_auth,
        reflection,
        same_key_on_both_sides,
        versions,
        bad_fields,
        bad_roles,
        bad_resume_records,
        noise,
        random_noise,
        early_frames_wait,
        local_against_keyed,
        local_echo,
        bad_welcomes,
    };
    return handshake_suite("handshake_liar", tests, GL_ARRAY_SIZE(tests));
}

GL_UNIT_MAIN(suite)
