/* SPDX-License-Identifier: MIT */
#include "refusals.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static struct gl_refusals refusals;

static struct gl_address vsock(uint32_t cid, uint32_t port)
{
    return (struct gl_address){.kind = GL_ADDRESS_VSOCK, .cid = cid, .port = port};
}

static void add(uint32_t cid, uint32_t port, enum gl_status status, uint64_t now_s)
{
    struct gl_address from = vsock(cid, port);
    gl_refusals_add(&refusals, &from, NULL, status, "not \033 you", true, now_s);
}

static void setup(void)
{
    memset(&refusals, 0, sizeof refusals);
}

START_TEST(one_entry_a_place_the_last_first)
{
    add(3, 600, GL_STATUS_UNAUTHENTICATED, 10);
    add(4, 601, GL_STATUS_UNAUTHENTICATED, 11);
    add(3, 602, GL_STATUS_UNAUTHENTICATED, 12);
    ck_assert_uint_eq(refusals.count, 2);
    ck_assert_str_eq(refusals.items[0].place, "vsock:3");
    ck_assert_uint_eq(refusals.items[0].count, 2);
    ck_assert_uint_eq(refusals.items[0].at, 12);
    ck_assert_ptr_null(strchr(refusals.items[0].reason, '\033'));
    ck_assert_str_eq(refusals.items[1].place, "vsock:4");
    add(3, 603, GL_STATUS_LIMIT, 13);
    ck_assert_uint_eq(refusals.items[0].count, 1);
}
END_TEST

START_TEST(what_is_known_of_guests_is_not_kept)
{
    add(3, 600, GL_STATUS_PENDING, 10);
    add(3, 600, GL_STATUS_REVOKED, 10);
    add(3, 600, GL_STATUS_KEY_MISMATCH, 10);
    add(3, 600, GL_STATUS_DUPLICATE_KEY, 10);
    ck_assert_uint_eq(refusals.count, 0);
}
END_TEST

START_TEST(only_a_few_are_kept)
{
    for (uint32_t cid = 3; cid < 1000; cid++)
        add(cid, 600, GL_STATUS_LIMIT, cid);
    ck_assert_uint_eq(refusals.count, GL_REFUSALS_MAX);
    ck_assert_str_eq(refusals.items[0].place, "vsock:999");
    ck_assert_str_eq(refusals.items[GL_REFUSALS_MAX - 1].place, "vsock:984");
}
END_TEST

/* Behind a Unix socket there may be another machine: it is over only for the same key. */
START_TEST(over_when_the_machine_is_let_in)
{
    struct gl_address from = vsock(4, 700), path = {.kind = GL_ADDRESS_UNIX};
    snprintf(path.path, sizeof path.path, "/run/vm.sock");
    add(3, 600, GL_STATUS_LIMIT, 10);
    add(4, 600, GL_STATUS_LIMIT, 11);
    const uint8_t one[GL_KEY_SIZE] = {1}, other[GL_KEY_SIZE] = {2};
    gl_refusals_add(&refusals, &path, one, GL_STATUS_LIMIT, "", false, 12);
    gl_refusals_clear(&refusals, &from, other);
    gl_refusals_clear(&refusals, &path, other);
    ck_assert_uint_eq(refusals.count, 2);
    ck_assert_str_eq(refusals.items[0].place, "unix:/run/vm.sock");
    ck_assert_str_ne(refusals.items[0].reason, "");
    ck_assert_str_eq(refusals.items[1].place, "vsock:3");
    gl_refusals_clear(&refusals, &path, one);
    ck_assert_uint_eq(refusals.count, 1);
    ck_assert_str_eq(refusals.items[0].place, "vsock:3");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("refusals");
    TCase *tcase = tcase_create("refusals");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, one_entry_a_place_the_last_first);
    tcase_add_test(tcase, what_is_known_of_guests_is_not_kept);
    tcase_add_test(tcase, only_a_few_are_kept);
    tcase_add_test(tcase, over_when_the_machine_is_let_in);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
