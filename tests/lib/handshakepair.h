/* SPDX-License-Identifier: MIT */
/*
 * Two handshakes joined in memory, for tests: configurations of both sides, and carrying of bytes
 * between them or by hand. Included by one file of a test program.
 */
#ifndef GL_HANDSHAKEPAIR_H
#define GL_HANDSHAKEPAIR_H

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "hello.h"
#include "mem.h"
#include "message.h"
#include "unit.h"

#define NOW 1700000000u

struct frames {
    uint8_t data[16384];
    size_t len;
};

static struct gl_key key_a, key_b, site;
static struct gl_slice certificate, rekey;
static uint8_t nonce_a[32], nonce_b[32];

static inline void setup(void)
{
    struct gl_key old;
    ck_assert_int_eq(gl_key_global_init(), 0);
    gl_key_generate(&key_a);
    gl_key_generate(&key_b);
    gl_key_generate(&site);
    gl_key_generate(&old);
    certificate =
        gl_certificate_make(&site, key_b.public_key, "host-1", GL__ROLE__ROLE_HOST, NOW + 10);
    rekey = gl_rekey_make(&old, key_a.public_key, NULL);
    randombytes_buf(nonce_a, sizeof(nonce_a));
    randombytes_buf(nonce_b, sizeof(nonce_b));
}

static inline void teardown(void)
{
    gl_slice_unref(&certificate);
    gl_slice_unref(&rekey);
}

static inline struct gl_handshake_config config_of(enum gl_side side)
{
    bool a = side == GL_SIDE_A;
    struct gl_handshake_config c = {
        .side = side,
        .key = a ? &key_a : &key_b,
        .peer_role = a ? GL__ROLE__ROLE_HOST : GL__ROLE__ROLE_GUEST,
        .now_s = NOW,
        .hello = {.role = a ? GL__ROLE__ROLE_GUEST : GL__ROLE__ROLE_HOST,
                  .payload_max = a ? 16384 : 65536,
                  .streams_max = a ? 100 : 200},
    };
    memset(c.hello.instance, a ? 0xaa : 0xbb, GL_ID_SIZE);
    strcpy(c.hello.software, a ? "agent 1" : "hostd 1");
    strcpy(c.hello.name, a ? "web" : "host-1");
    return c;
}

static inline struct gl_handshake_config local_config(enum gl_side side)
{
    struct gl_handshake_config c = config_of(side);
    c.local = true;
    c.key = NULL;
    if (side == GL_SIDE_A)
        c.hello.role = GL__ROLE__ROLE_CLIENT;
    else
        c.peer_role = GL__ROLE__ROLE_CLIENT;
    return c;
}

static inline struct gl_resume_record a_record(void)
{
    struct gl_resume_record r = {
        .epoch = 3, .rx_count = 1ull << 40, .rx_hash = 0xfedcba9876543210u, .tx_count = 7};
    memset(r.session, 0x51, GL_ID_SIZE);
    memset(r.instance, 0xaa, GL_ID_SIZE);
    memset(r.peer, 0xbb, GL_ID_SIZE);
    return r;
}

/* ------------------------------------------------------------------ carrying bytes */

static inline struct frames take_output(struct gl_handshake *h)
{
    struct gl_iov out = gl_handshake_output(h);
    struct frames f = {.len = out.len};
    ck_assert_uint_le(out.len, sizeof(f.data));
    if (out.len)
        memcpy(f.data, out.base, out.len);
    gl_handshake_written(h, out.len);
    ck_assert_uint_eq(gl_handshake_output(h).len, 0);
    return f;
}

/* A copy of exactly these bytes, for the sanitizer's sake. */
static inline enum gl_handshake_state feed(struct gl_handshake *h, const void *data, size_t len,
                                           size_t *ret_used)
{
    uint8_t *copy = gl_memdup(data, len);
    size_t used = SIZE_MAX;
    enum gl_handshake_state state = gl_handshake_receive(h, copy, len, &used);
    gl_free(copy);
    ck_assert_uint_le(used, len);
    ck_assert_int_eq(state, gl_handshake_state(h));
    if (ret_used)
        *ret_used = used;
    return state;
}

static inline enum gl_handshake_state carry(struct gl_handshake *from, struct gl_handshake *to)
{
    struct frames f = take_output(from);
    size_t used;
    enum gl_handshake_state state = feed(to, f.data, f.len, &used);
    if (state != GL_HANDSHAKE_FAILED)
        ck_assert_uint_eq(used, f.len);
    return state;
}

static inline const char *error_of(const struct gl_handshake *h)
{
    ck_assert_int_eq(gl_handshake_state(h), GL_HANDSHAKE_FAILED);
    return gl_handshake_error(h, NULL, NULL);
}

#define ASSERT_FAILED(h, text) ck_assert_str_eq(error_of(h), (text))

/* Header of a frame, by hand. */
static inline void put_header(uint8_t *out, uint8_t type, size_t len)
{
    memset(out, 0, 12);
    out[0] = type;
    gl_put_u32(out + 8, (uint32_t)len);
}

/* B tells nothing before A is proven: whatever went wrong, these bytes and no others. */
static inline void assert_mute_goodbye(struct gl_handshake *b, uint32_t status)
{
    uint8_t want[16];
    put_header(want, GL_FRAME_GOODBYE, 4);
    gl_put_u32(want + 12, status);
    struct frames f = take_output(b);
    ck_assert_uint_ge(f.len, sizeof(want));
    ck_assert_mem_eq(f.data + f.len - sizeof(want), want, sizeof(want));
}

struct pair {
    struct gl_handshake *a, *b;
};

static inline struct pair pair_new(const struct gl_handshake_config *a,
                                   const struct gl_handshake_config *b)
{
    return (struct pair){gl_handshake_new(a), gl_handshake_new(b)};
}

static inline void pair_free(struct pair *p)
{
    gl_handshake_free(p->a);
    gl_handshake_free(p->b);
}

/* As far as B has proven A. */
static inline struct pair pair_proven(bool resume)
{
    struct gl_handshake_config ca = config_of(GL_SIDE_A), cb = config_of(GL_SIDE_B);
    ca.hello.has_resume = resume;
    ca.hello.resume = a_record();
    struct pair p = pair_new(&ca, &cb);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_WAIT);
    ck_assert_int_eq(carry(p.b, p.a), GL_HANDSHAKE_CHECK);
    gl_handshake_trust(p.a);
    ck_assert_int_eq(carry(p.a, p.b), GL_HANDSHAKE_PROVEN);
    return p;
}

static const uint8_t session[GL_ID_SIZE] = "0123456789abcdef";

/* A suite of tests with this fixture. */
static inline Suite *handshake_suite(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

#endif
