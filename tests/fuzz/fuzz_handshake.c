/* SPDX-License-Identifier: MIT */
/*
 * A handshake that is fed by a liar. The first byte says how:
 *   bit 0    the side that is tested: A or B
 *   bit 1    local socket
 *   bit 2    the liar has a key and signs well; what follows is u16 length and his hello without
 * the eight bytes at its start, then raw bytes. Else all is raw bytes. bit 3    A has asked for a
 * resume; B offers one bit 4    A refuses, B fails bit 5    bytes come one by one Keys and nonces
 * are fixed, so that a run can be repeated.
 */
#include <sodium.h>
#include <string.h>

#include "fuzz.h"
#include "handshake.h"
#include "mem.h"
#include "proto/guestlink.pb-c.h"

const char gl_fuzz_name[] = "handshake";

enum { SIDE_B = 1, LOCAL = 2, SIGNED = 4, RESUME = 8, REFUSE = 16, BYTEWISE = 32 };

static struct gl_key key_of(uint8_t number)
{
    struct gl_key key;
    uint8_t seed[32];
    memset(seed, number, sizeof(seed));
    crypto_sign_seed_keypair(key.public_key, key.secret, seed);
    return key;
}

static struct gl_resume_record record(void)
{
    struct gl_resume_record r = {.epoch = 3, .rx_count = 5, .rx_hash = 77, .tx_count = 6};
    memset(r.session, 's', sizeof(r.session));
    return r;
}

static struct gl_handshake *start(unsigned mode, const struct gl_key *key, const uint8_t *nonce)
{
    bool b = mode & SIDE_B;
    struct gl_handshake_config c = {
        .side = b ? GL_SIDE_B : GL_SIDE_A,
        .local = mode & LOCAL,
        .key = key,
        .nonce = nonce,
        .now_s = 1700000000,
        .peer_role = !b             ? GL__ROLE__ROLE_HOST
                     : mode & LOCAL ? GL__ROLE__ROLE_CLIENT
                                    : GL__ROLE__ROLE_GUEST,
        .hello = {.role = b ? GL__ROLE__ROLE_HOST : GL__ROLE__ROLE_GUEST,
                  .payload_max = 16384,
                  .streams_max = 16,
                  .has_resume = mode & RESUME,
                  .resume = record()},
    };
    return gl_handshake_new(&c);
}

static void decide(struct gl_handshake *h, unsigned mode)
{
    struct gl_resume_record r = record();
    switch (gl_handshake_state(h)) {
    case GL_HANDSHAKE_CHECK:
        gl_handshake_trust(h);
        break;
    case GL_HANDSHAKE_PROVEN:
        if (mode & RESUME)
            gl_handshake_offer(h, &r, 4, "name", (struct gl_slice){0});
        else if (mode & REFUSE)
            gl_handshake_fail(h, GL_STATUS_REVOKED, "text");
        else
            gl_handshake_fresh(h, r.session, GL_RESUME_HASH, NULL, GL_SLICE_EMPTY);
        break;
    case GL_HANDSHAKE_OFFERED:
        if (mode & REFUSE)
            gl_handshake_refuse(h, GL_RESUME_HASH);
        else
            gl_handshake_accept(h);
        break;
    case GL_HANDSHAKE_REFUSED:
        gl_handshake_fresh(h, r.session, gl_handshake_welcome(h)->refused, NULL, GL_SLICE_EMPTY);
        break;
    default:
        break;
    }
}

static void feed(struct gl_handshake *h, unsigned mode, const uint8_t *data, size_t len)
{
    while (len) {
        size_t used = SIZE_MAX, n = mode & BYTEWISE ? 1 : len;
        enum gl_handshake_state state = gl_handshake_receive(h, data, n, &used);
        FUZZ_ASSERT(used <= n);
        FUZZ_ASSERT(state == gl_handshake_state(h));
        FUZZ_ASSERT(gl_handshake_output(h).len < 10000);
        data += used;
        len -= used;
        if (state == GL_HANDSHAKE_DONE || state == GL_HANDSHAKE_FAILED)
            return;
        FUZZ_ASSERT(used || state != GL_HANDSHAKE_WAIT);
        decide(h, mode);
    }
}

static void sign(const struct gl_key *key, const char *label, const uint8_t *a, size_t a_len,
                 const uint8_t *b, size_t b_len, uint8_t out[GL_SIGNATURE_SIZE])
{
    uint8_t lengths[8];
    gl_put_u32(lengths, (uint32_t)a_len);
    gl_put_u32(lengths + 4, (uint32_t)b_len);
    struct gl_slice parts[4] = {
        {NULL, lengths, 4}, {NULL, a, a_len}, {NULL, lengths + 4, 4}, {NULL, b, b_len}};
    gl_key_sign(key, label, parts, 4, out);
}

/* The liar's hello and, to B, his proof. Frames are well formed, but for what the hello holds. */
static void say_hello(struct gl_handshake *h, unsigned mode, const struct gl_key *liar,
                      const uint8_t *hello, size_t len)
{
    uint8_t frame[GL_FRAME_HEADER + 2 + 8 + 2900 + GL_SIGNATURE_SIZE], *p = frame + GL_FRAME_HEADER;
    struct gl_iov out = gl_handshake_output(h);
    struct gl_frame header = {.type = mode & SIDE_B ? GL_FRAME_HELLO_A : GL_FRAME_HELLO_B};
    if (!(mode & SIDE_B)) {
        gl_put_u16(p, (uint16_t)(8 + len));
        p += 2;
    }
    uint8_t *start_of_hello = p;
    memcpy(p, "guestlnk", 8);
    memcpy(p + 8, hello, len);
    p += 8 + len;
    if (!(mode & SIDE_B)) {
        memset(p, 0, GL_SIGNATURE_SIZE);
        if (!(mode & LOCAL))
            sign(liar, "guestlink/1 auth B", out.base + GL_FRAME_HEADER, out.len - GL_FRAME_HEADER,
                 start_of_hello, 8 + len, p);
        p += GL_SIGNATURE_SIZE;
    }
    header.length = (uint32_t)(p - frame - GL_FRAME_HEADER);
    gl_frame_encode(frame, &header);
    feed(h, mode, frame, GL_FRAME_HEADER + header.length);

    out = gl_handshake_output(h);
    if (!(mode & SIDE_B) || gl_handshake_state(h) != GL_HANDSHAKE_WAIT || !out.len)
        return;
    uint8_t auth[GL_FRAME_HEADER + GL_SIGNATURE_SIZE];
    gl_frame_encode(auth, &(struct gl_frame){.type = GL_FRAME_AUTH_A, .length = GL_SIGNATURE_SIZE});
    sign(liar, "guestlink/1 auth A", start_of_hello, 8 + len, out.base + GL_FRAME_HEADER + 2,
         gl_get_u16(out.base + GL_FRAME_HEADER), auth + GL_FRAME_HEADER);
    feed(h, mode, auth, sizeof(auth));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gl_key key = key_of(1), liar = key_of(2);
    uint8_t nonce[32] = {9};
    FUZZ_ASSERT(gl_key_global_init() == 0);
    if (!size)
        return 0;
    unsigned mode = data[0];
    struct gl_handshake *h = start(mode, &key, nonce);
    data++;
    size--;
    if (mode & SIGNED && size >= 2) {
        size_t len = gl_get_u16(data);
        data += 2;
        size -= 2;
        if (len > size)
            len = size;
        if (len > 2900)
            len = 2900;
        say_hello(h, mode, &liar, data, len);
        data += len;
        size -= len;
    }
    feed(h, mode, data, size);
    if (gl_handshake_state(h) == GL_HANDSHAKE_FAILED) {
        FUZZ_ASSERT(strlen(gl_handshake_error(h, NULL, NULL)) <= GL_STATUS_TEXT_MAX);
        gl_handshake_fail(h, GL_STATUS_INTERNAL, "again");
    }
    gl_handshake_written(h, gl_handshake_output(h).len);
    gl_handshake_free(h);
    return 0;
}
