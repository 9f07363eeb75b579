/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include <stdlib.h>

#include "unit.h"

/* Reference values from the xxhsum program (-H2, -H3) of xxHash 0.8.1. */
static const char empty128[] = "99aa06d3014798d86001c324468d497f";
static const char abc128[] = "06b05ab6733a618578af5f94892f3950";

START_TEST(reference_values)
{
    char text[GL_DIGEST_TEXT_SIZE];
    uint8_t bytes[GL_DIGEST_SIZE];
    gl_digest_of(NULL, 0, bytes);
    ck_assert_str_eq(gl_digest_format(bytes, text), empty128);
    gl_digest_of("abc", 3, bytes);
    ck_assert_str_eq(gl_digest_format(bytes, text), abc128);
    ck_assert_uint_eq(gl_hash64("", 0, 0), UINT64_C(0x2d06800538d394c2));
    ck_assert_uint_eq(gl_hash64("abc", 3, 0), UINT64_C(0x78af5f94892f3950));
}
END_TEST

START_TEST(pieces_give_the_same)
{
    enum { SIZE = 100000 };
    static uint8_t data[SIZE];
    uint8_t whole[GL_DIGEST_SIZE], pieces[GL_DIGEST_SIZE];
    struct gl_digest digest;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * i >> 3);
    gl_digest_of(data, SIZE, whole);

    gl_digest_init(&digest);
    gl_digest_update(&digest, "to be forgotten", 15);
    gl_digest_reset(&digest);
    for (size_t at = 0, step = 1; at < SIZE; at += step, step = step * 3 % 1021) {
        if (step > SIZE - at)
            step = SIZE - at;
        gl_digest_update(&digest, data + at, step);
        gl_digest_update(&digest, NULL, 0);
        gl_digest_final(&digest, pieces); /* in between it disturbs nothing */
    }
    gl_digest_final(&digest, pieces);
    gl_digest_done(&digest);
    ck_assert_mem_eq(whole, pieces, GL_DIGEST_SIZE);

    data[SIZE / 2] ^= 1;
    gl_digest_of(data, SIZE, pieces);
    ck_assert_mem_ne(whole, pieces, GL_DIGEST_SIZE);
}
END_TEST

START_TEST(seed_chains)
{
    uint64_t one = gl_hash64("payload", 7, gl_hash64("head", 4, 1));
    ck_assert_uint_eq(one, gl_hash64("payload", 7, gl_hash64("head", 4, 1)));
    ck_assert_uint_ne(one, gl_hash64("payload", 7, gl_hash64("head", 4, 2)));
    ck_assert_uint_ne(one, gl_hash64("payload", 7, gl_hash64("heaD", 4, 1)));
    ck_assert_uint_ne(gl_hash64(NULL, 0, 1), gl_hash64(NULL, 0, 2));
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("digest", reference_values, pieces_give_the_same, seed_chains);
}

GL_UNIT_MAIN(suite)
