/* SPDX-License-Identifier: MIT */
/* Nobody takes more than his share of a guest, nor all of them more than it takes. */
#include "share.h"

#include <string.h>

#include "unit.h"

#define MAX 1000u

static struct gl_shares shares;
static uint64_t now = 1000000;

/* By client: what it has. */
static struct gl_share *taken[8][MAX + 1];
static unsigned count[8];

static const struct gl_share_owner owners[8] = {
    {1, 0, true},      {2, 0, true},      {3, 50001, false}, {4, 50001, false},
    {5, 50002, false}, {6, 50003, false}, {7, 50003, false}, {8, 50003, false},
};

static enum gl_share_verdict take(unsigned who)
{
    enum gl_share_verdict verdict =
        gl_share_take(&shares, &owners[who], 0, now, &taken[who][count[who]]);
    count[who] += verdict == GL_SHARE_OK;
    ck_assert_uint_le(count[who], MAX);
    return verdict;
}

static unsigned take_all(unsigned who, enum gl_share_verdict end)
{
    unsigned n = 0;
    enum gl_share_verdict verdict;
    while ((verdict = take(who)) == GL_SHARE_OK)
        n++;
    ck_assert_int_eq(verdict, end);
    return n;
}

static void give_all(unsigned who, bool lingers)
{
    while (count[who])
        gl_share_give(&shares, taken[who][--count[who]], lingers, now);
}

static void setup(void)
{
    gl_shares_init(&shares, MAX, 8000);
    memset(count, 0, sizeof(count));
}

static void teardown(void)
{
    for (unsigned i = 0; i < 8; i++)
        give_all(i, i % 2);
    gl_shares_done(&shares);
}

START_TEST(what_has_ended_is_free_again)
{
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(take_all(2, GL_SHARE_CLIENT), MAX / 2);
        give_all(2, false);
    }
}
END_TEST

START_TEST(what_was_cancelled_counts_for_ten_to_twenty_seconds)
{
    take_all(2, GL_SHARE_CLIENT);
    give_all(2, true);
    ck_assert_int_eq(take(2), GL_SHARE_CLIENT);
    now += 9999;
    ck_assert_int_eq(take(2), GL_SHARE_CLIENT);
    now += 10001;
    ck_assert_uint_eq(take_all(2, GL_SHARE_CLIENT), MAX / 2);
    give_all(2, true);
    now += 1000000; /* nobody came for long */
    ck_assert_uint_eq(take_all(2, GL_SHARE_CLIENT), MAX / 2);
}
END_TEST

START_TEST(never_more_than_the_guest_takes_is_cancelled_in_ten_seconds)
{
    unsigned in_window[10] = {0};
    for (unsigned second = 0; second < 100; second++, now += 1000) {
        unsigned n = 0, sum = 0;
        for (unsigned who = 0; who < 8; who++) {
            while (take(who) == GL_SHARE_OK)
                n++;
            give_all(who, true);
        }
        in_window[second % 10] = n;
        for (unsigned i = 0; i < 10; i++)
            sum += in_window[i];
        ck_assert_uint_le(sum, MAX);
    }
}
END_TEST

START_TEST(a_client_leaves_room_for_another_of_its_user)
{
    ck_assert_uint_eq(take_all(0, GL_SHARE_CLIENT), MAX / 2);
    ck_assert_int_eq(take(1), GL_SHARE_OK);
    give_all(0, true);
    ck_assert_int_eq(take(0), GL_SHARE_CLIENT);
    ck_assert_uint_gt(take_all(1, GL_SHARE_CLIENT), 200);
}
END_TEST

START_TEST(a_user_has_a_half_by_however_many_clients)
{
    for (unsigned i = 0; i < MAX / 4; i++)
        ck_assert_int_eq(take(2), GL_SHARE_OK);
    ck_assert_uint_eq(take_all(3, GL_SHARE_USER), MAX / 4);
    ck_assert_int_eq(take(2), GL_SHARE_USER);
    ck_assert_int_eq(take(4), GL_SHARE_OK);
}
END_TEST

START_TEST(users_leave_an_eighth_to_root)
{
    ck_assert_uint_eq(take_all(2, GL_SHARE_CLIENT), MAX / 2);
    ck_assert_uint_eq(take_all(4, GL_SHARE_GUEST), MAX / 2 - MAX / 8);
    ck_assert_int_eq(take(5), GL_SHARE_GUEST);
    ck_assert_uint_eq(take_all(0, GL_SHARE_GUEST), MAX / 8);
}
END_TEST

START_TEST(a_guest_that_takes_one_call_takes_one)
{
    gl_shares_done(&shares);
    gl_shares_init(&shares, 1, 8000);
    ck_assert_uint_eq(take_all(2, GL_SHARE_CLIENT), 1);
    ck_assert_int_eq(take(4), GL_SHARE_GUEST);
    give_all(2, false);
    ck_assert_int_eq(take(4), GL_SHARE_OK);
}
END_TEST

/* Requests that wait, of 100 bytes each, until one more is too many. */
static unsigned wait_all(unsigned who)
{
    unsigned n = 0;
    while (gl_share_take(&shares, &owners[who], 100, now, &taken[who][count[who]]) == GL_SHARE_OK) {
        count[who]++;
        n++;
    }
    struct gl_share *none;
    ck_assert_int_eq(gl_share_take(&shares, &owners[who], 100, now, &none), GL_SHARE_BYTES);
    return n;
}

static void send_all(unsigned who)
{
    for (unsigned i = 0; i < count[who]; i++)
        gl_share_sent(taken[who][i], 100);
}

START_TEST(bytes_of_waiting_requests_are_shared_too)
{
    ck_assert_uint_eq(wait_all(2), 40);
    ck_assert_uint_eq(wait_all(3), 0);  /* the same user's */
    ck_assert_uint_eq(wait_all(4), 30); /* an eighth is kept */
    ck_assert_uint_eq(wait_all(5), 0);
    ck_assert_uint_eq(wait_all(0), 10); /* for root */
    /* What has been sent waits no more, though the calls go on. */
    send_all(2);
    ck_assert_uint_eq(wait_all(5), 40);
    send_all(0);
    send_all(4);
    send_all(5);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("share");
    TCase *tcase = tcase_create("share");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_has_ended_is_free_again);
    tcase_add_test(tcase, what_was_cancelled_counts_for_ten_to_twenty_seconds);
    tcase_add_test(tcase, never_more_than_the_guest_takes_is_cancelled_in_ten_seconds);
    tcase_add_test(tcase, a_client_leaves_room_for_another_of_its_user);
    tcase_add_test(tcase, a_user_has_a_half_by_however_many_clients);
    tcase_add_test(tcase, users_leave_an_eighth_to_root);
    tcase_add_test(tcase, a_guest_that_takes_one_call_takes_one);
    tcase_add_test(tcase, bytes_of_waiting_requests_are_shared_too);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
