/* SPDX-License-Identifier: MIT */
/* host.watch between two muxes in memory: a is the client, b the daemon. */
#include "watch.h"

#include <string.h>

#include "hostcall.h"

#define OWN_UID 990

static struct gl_trust_entry *web;
static unsigned heard; /* answers at the client, */
static uint64_t last;  /* last_seen of the latest */

static void watch(struct gl_call *call, const ProtobufCMessage *request)
{
    gl_watch_start(&daemon_, &user, call, ((const Gl__GuestRef *)request)->guest);
}

static const struct gl_method methods[] = {
    {.name = "watch", .request = &gl__guest_ref__descriptor, .request_max = 4096, .start = watch},
    {0},
};

static void on_guest(const Gl__Guest *guest)
{
    heard++;
    last = guest->last_seen;
}

static void setup(void)
{
    static const uint8_t key[GL_KEY_SIZE] = {1};
    hostcall_setup(methods, "allow { user = alice }", OWN_UID);
    web = gl_trust_entry_new(key);
    strcpy(web->name, "web1");
    web->state = GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
    gl_list_append(&trust.entries, &web->node);
    heard = 0;
    last = 0;
}

static void teardown(void)
{
    hostcall_teardown();
    ck_assert(gl_list_empty(&daemon_.watchers));
    gl_free(web);
}

static void start(const char *ref)
{
    Gl__GuestRef request = GL__GUEST_REF__INIT;
    request.guest = (char *)(uintptr_t)ref;
    hostcall_start("watch", &request);
}

static void change(uint64_t last_seen)
{
    web->last_seen = last_seen;
    gl_watch_notify(&daemon_, web);
    pair_pump(&a, &b);
}

START_TEST(tells_how_it_stands_and_each_change)
{
    web->last_seen = 7;
    start("web");
    ck_assert_uint_eq(heard, 1);
    ck_assert_uint_eq(last, 7);
    change(8);
    change(9);
    ck_assert_uint_eq(heard, 3);
    ck_assert_uint_eq(last, 9);
    ck_assert_uint_eq(ended, UINT32_MAX);
}
END_TEST

START_TEST(of_other_guests_nothing)
{
    static const uint8_t key[GL_KEY_SIZE] = {2};
    struct gl_trust_entry *other = gl_trust_entry_new(key);
    strcpy(other->name, "web2");
    start("web1");
    gl_watch_notify(&daemon_, other);
    gl_watch_forget(&daemon_, other);
    pair_pump(&a, &b);
    ck_assert_uint_eq(heard, 1);
    ck_assert_uint_eq(ended, UINT32_MAX);
    gl_free(other);
}
END_TEST

START_TEST(whoever_may_not_see_a_guest_hears_nothing)
{
    user.uid = 50001;
    start("web1");
    ck_assert_uint_eq(ended, GL_STATUS_NOT_FOUND);
    ck_assert_uint_eq(heard, 0);
    user.uid = 0;
    start("nobody");
    ck_assert_uint_eq(ended, GL_STATUS_NOT_FOUND);
}
END_TEST

START_TEST(a_right_that_was_lost_with_the_name_ends_the_news)
{
    start("web1");
    user.uid = 50001;
    change(8);
    user.uid = 0;
    ck_assert_uint_eq(heard, 1);
}
END_TEST

START_TEST(ends_when_the_guest_is_forgotten)
{
    start("web1");
    gl_watch_forget(&daemon_, web);
    pair_pump(&a, &b);
    ck_assert_uint_eq(ended, GL_STATUS_NOT_FOUND);
}
END_TEST

START_TEST(ends_when_the_caller_goes)
{
    start("web1");
    ck_assert(!gl_list_empty(&daemon_.watchers));
    hostcall_leave();
    ck_assert(gl_list_empty(&daemon_.watchers));
    change(8);
}
END_TEST

/* However often a guest comes and goes, little is kept for it; the latest is told in the end. */
START_TEST(who_does_not_read_hears_the_latest_when_he_does)
{
    start("web1");
    for (uint64_t i = 1; i <= 20000; i++) {
        change(i);
        ck_assert_uint_lt(pair_stats(&b).queued, 20 * 1024);
    }
    ck_assert_uint_lt(heard, 20000);
    ck_assert_uint_lt(last, 20000);
    while (hostcall_read())
        continue;
    ck_assert_uint_eq(last, 20000);
}
END_TEST

START_TEST(a_client_watches_a_few_guests_only)
{
    struct gl_stream *streams[GL_USER_WAITING_MAX];
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < GL_USER_WAITING_MAX; i++) {
            start("web1");
            ck_assert_uint_eq(ended, UINT32_MAX);
            streams[i] = stream;
        }
        start("web1");
        ck_assert_uint_eq(ended, GL_STATUS_LIMIT);
        ended = (enum gl_status)UINT32_MAX;
        for (unsigned i = 0; i < GL_USER_WAITING_MAX; i++)
            gl_stream_release(streams[i]);
        stream = NULL;
        pair_pump(&a, &b);
        ck_assert_uint_eq(user.waiting, 0);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("watch");
    TCase *tcase = tcase_create("watch");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, tells_how_it_stands_and_each_change);
    tcase_add_test(tcase, of_other_guests_nothing);
    tcase_add_test(tcase, whoever_may_not_see_a_guest_hears_nothing);
    tcase_add_test(tcase, a_right_that_was_lost_with_the_name_ends_the_news);
    tcase_add_test(tcase, ends_when_the_guest_is_forgotten);
    tcase_add_test(tcase, ends_when_the_caller_goes);
    tcase_add_test(tcase, who_does_not_read_hears_the_latest_when_he_does);
    tcase_add_test(tcase, a_client_watches_a_few_guests_only);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
