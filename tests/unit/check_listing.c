/* SPDX-License-Identifier: MIT */
/* host.list between two muxes in memory: a is the client, b the daemon. */
#include "listing.h"

#include <stdio.h>
#include <string.h>

#include "hostcall.h"

#define GUESTS    4000u
#define QUEUE_MAX (64u * 1024)

static unsigned heard;    /* answers at the client, */
static unsigned in_order; /* of which so many have the name that comes next, */
static unsigned silent;   /* and so many are machines without an agent */

static void list(struct gl_call *call, const ProtobufCMessage *request)
{
    (void)request;
    gl_listing_start(&daemon_, &user, call, true);
}

static const struct gl_method methods[] = {
    {.name = "list", .request = &gl__empty__descriptor, .request_max = 4096, .start = list},
    {0},
};

static void on_guest(const Gl__Guest *guest)
{
    char expected[16];
    silent += guest->state == GL__GUEST_STATE__GUEST_STATE_NO_AGENT;
    snprintf(expected, sizeof expected, "web%u", heard++);
    in_order += strcmp(guest->name, expected) == 0;
}

static struct gl_trust_entry *add_guest(unsigned number)
{
    uint8_t key[GL_KEY_SIZE] = {(uint8_t)number, (uint8_t)(number >> 8)};
    struct gl_trust_entry *entry = gl_trust_entry_new(key);
    snprintf(entry->name, sizeof entry->name, "web%u", number);
    entry->state = GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
    gl_trust_append(&trust, entry);
    trust.count++;
    return entry;
}

static void setup(void)
{
    hostcall_setup(methods, "", 990);
    for (unsigned i = 0; i < GUESTS; i++)
        add_guest(i);
    heard = in_order = silent = 0;
}

static void teardown(void)
{
    hostcall_teardown();
    GL_LIST_FOREACH_SAFE (node, &trust.entries)
        gl_free(GL_CONTAINER_OF(node, struct gl_trust_entry, node));
    gl_free(trust.vms);
}

static void start(void)
{
    Gl__Empty request = GL__EMPTY__INIT;
    hostcall_start("list", &request);
}

START_TEST(who_does_not_read_gets_no_more)
{
    start();
    ck_assert_uint_ge(unread, GL_WINDOW_INITIAL / 2);
    ck_assert_uint_lt(heard, GUESTS);
    ck_assert_uint_le(pair_stats(&b).queued, QUEUE_MAX + 1024);
    while (hostcall_read())
        ck_assert_uint_le(pair_stats(&b).queued, QUEUE_MAX + 1024);
    ck_assert_uint_eq(heard, GUESTS);
    ck_assert_uint_eq(in_order, GUESTS);
    ck_assert_int_eq(ended, GL_STATUS_OK);
}
END_TEST

START_TEST(guests_may_come_and_go_meanwhile)
{
    start();
    unsigned told = heard;
    GL_LIST_FOREACH_SAFE (node, &trust.entries) {
        struct gl_trust_entry *entry = GL_CONTAINER_OF(node, struct gl_trust_entry, node);
        if (entry->number > GUESTS - 100 || entry->number < 10) {
            gl_list_remove(node);
            gl_free(entry);
        }
    }
    ck_assert_uint_gt(told, 10);
    add_guest(GUESTS);
    while (hostcall_read())
        continue;
    ck_assert_uint_eq(heard, GUESTS - 100 + 1);
    ck_assert_int_eq(ended, GL_STATUS_OK);
}
END_TEST

/* After the guests, however slowly somebody reads, and each once. */
START_TEST(machines_without_an_agent_follow)
{
    enum { MACHINES = GL_MACHINES_MAX };
    struct gl_machine *machines = GL_NEW0_ARRAY(struct gl_machine, MACHINES);
    for (unsigned i = 0; i < MACHINES; i++) {
        machines[i].id.bytes[0] = (uint8_t)(i >> 8);
        machines[i].id.bytes[1] = (uint8_t)i;
        snprintf(machines[i].name, sizeof machines[i].name, "machine %u", i);
    }
    gl_trust_set_vms(&trust, machines, MACHINES);
    gl_free(machines);
    start();
    while (hostcall_read())
        ck_assert_uint_le(pair_stats(&b).queued, QUEUE_MAX + 1024);
    ck_assert_uint_eq(heard, GUESTS + MACHINES);
    ck_assert_uint_eq(silent, MACHINES);
    ck_assert_uint_eq(in_order, GUESTS);
    ck_assert_int_eq(ended, GL_STATUS_OK);
}
END_TEST

START_TEST(a_caller_that_goes_ends_it)
{
    start();
    hostcall_leave();
    ck_assert_uint_eq(pair_stats(&b).streams, 0);
    ck_assert_uint_eq(pair_stats(&b).queued, 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("listing");
    TCase *tcase = tcase_create("listing");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, who_does_not_read_gets_no_more);
    tcase_add_test(tcase, guests_may_come_and_go_meanwhile);
    tcase_add_test(tcase, machines_without_an_agent_follow);
    tcase_add_test(tcase, a_caller_that_goes_ends_it);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
