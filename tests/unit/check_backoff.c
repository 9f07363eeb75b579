/* SPDX-License-Identifier: MIT */
#include "backoff.h"

#include "unit.h"

START_TEST(doubles_up_to_the_maximum)
{
    static const uint64_t low[] = {100, 200, 400, 800, 1600, 2500, 2500};
    static const uint64_t high[] = {200, 400, 800, 1600, 3200, 5000, 5000};
    struct gl_backoff backoff = {0};
    for (int i = 0; i < 7; i++) {
        struct gl_backoff copy = backoff;
        ck_assert_uint_eq(gl_backoff_next(&copy, 100, 5000, 0), low[i]);
        copy = backoff;
        ck_assert_uint_eq(gl_backoff_next(&copy, 100, 5000, high[i] - low[i]), high[i]);
        uint64_t wait = gl_backoff_next(&backoff, 100, 5000, UINT64_MAX - (uint64_t)i);
        ck_assert_uint_ge(wait, low[i]);
        ck_assert_uint_le(wait, high[i]);
    }
    gl_backoff_reset(&backoff);
    ck_assert_uint_le(gl_backoff_next(&backoff, 100, 5000, 12345), 200);
}
END_TEST

/* A longer range that follows, and the way back from it. */
START_TEST(ranges_may_change)
{
    struct gl_backoff backoff = {0};
    for (int i = 0; i < 10; i++)
        gl_backoff_next(&backoff, 100, 5000, 7);
    ck_assert_uint_ge(gl_backoff_next(&backoff, 1000, 30000, 0), 5000);
    for (int i = 0; i < 10; i++)
        ck_assert_uint_le(gl_backoff_next(&backoff, 1000, 30000, (uint64_t)i * 999331), 30000);
    ck_assert_uint_le(gl_backoff_next(&backoff, 100, 5000, 31337), 5000);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("backoff", doubles_up_to_the_maximum, ranges_may_change);
}

GL_UNIT_MAIN(suite)
