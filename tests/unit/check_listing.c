/* SPDX-License-Identifier: MIT */
/* host.list between two muxes in memory: a is the client, b the daemon. */
#include "listing.h"

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "guest.h"
#include "message.h"
#include "muxpair.h"

#define GUESTS    4000u
#define QUEUE_MAX (64u * 1024)

static struct gl_daemon daemon_;
static struct gl_settings settings;
static struct gl_trust trust;
static struct gl_user user = {.uid = 0, .name = "root"};
static unsigned heard;       /* answers at the client, */
static unsigned in_order;    /* of which so many have the name that comes next, */
static unsigned silent;      /* and so many are machines without an agent, */
static size_t unread;        /* and what it has not consumed of them */
static enum gl_status ended; /* UINT32_MAX: it has not */
static struct gl_stream *stream;

static void list(struct gl_call *call, const ProtobufCMessage *request)
{
    (void)request;
    gl_listing_start(&daemon_, &user, call, true);
}

static const struct gl_method methods[] = {
    {.name = "list", .request = &gl__empty__descriptor, .request_max = 4096, .start = list},
    {0},
};
static const struct gl_service service = {
    .name = "host", .version = 1, .group = "manage", .methods = methods};
static const struct gl_service *const services[] = {&service, NULL};
static const struct gl_dispatch dispatch = {.services = services};

static void on_open(void *ctx, struct gl_stream *opened, struct gl_slice open)
{
    (void)ctx;
    gl_call_dispatch(&dispatch, opened, open);
}

static const struct gl_mux_events daemon_events = {.on_open = on_open};

static void on_message(void *ctx, struct gl_stream *from, struct gl_slice message, size_t charge)
{
    ProtobufCMessage *decoded = NULL;
    char expected[16];
    (void)ctx, (void)from;
    ck_assert_int_eq(
        gl_message_unpack(&gl__guest__descriptor, message.data, message.len, &decoded, NULL), 0);
    silent += ((const Gl__Guest *)decoded)->state == GL__GUEST_STATE__GUEST_STATE_NO_AGENT;
    snprintf(expected, sizeof expected, "web%u", heard++);
    in_order += strcmp(((const Gl__Guest *)decoded)->name, expected) == 0;
    unread += charge;
    gl_message_free(decoded);
    gl_slice_unref(&message);
}

static void on_end(void *ctx, struct gl_stream *from, enum gl_status status, const char *text)
{
    (void)ctx, (void)text;
    ended = status;
    gl_stream_release(from);
    stream = NULL;
}

static const struct gl_stream_events client_events = {.on_message = on_message, .on_end = on_end};

static struct gl_trust_entry *add_guest(unsigned number)
{
    uint8_t key[GL_KEY_SIZE] = {(uint8_t)number, (uint8_t)(number >> 8)};
    struct gl_trust_entry *entry = gl_trust_entry_new(key);
    snprintf(entry->name, sizeof entry->name, "web%u", number);
    entry->state = GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
    gl_trust_append(&trust, entry);
    return entry;
}

static void setup(void)
{
    static cfg_opt_t options[] = {CFG_SEC("allow", gl_rules_options, CFGF_MULTI), CFG_END()};
    struct gl_mux_config client = pair_config(GL_SIDE_A), ours = pair_config(GL_SIDE_B);
    cfg_t *cfg = cfg_init(options, CFGF_NONE);
    settings.rules = gl_rules_new(cfg, 990);
    cfg_free(cfg);
    memset(&trust, 0, sizeof trust);
    gl_list_init(&trust.entries);
    trust.numbers = 0; /* of a test before, in the same process */
    daemon_.settings = &settings;
    daemon_.trust = &trust;
    for (unsigned i = 0; i < GUESTS; i++)
        add_guest(i);
    client.resumable = ours.resumable = false;
    ours.events = &daemon_events;
    pair_start(client, ours);
    heard = in_order = silent = 0;
    unread = 0;
    ended = (enum gl_status)UINT32_MAX;
}

static void teardown(void)
{
    if (stream)
        gl_stream_release(stream);
    stream = NULL;
    pair_teardown();
    gl_rules_free((struct gl_rules *)(uintptr_t)settings.rules);
    GL_LIST_FOREACH_SAFE (node, &trust.entries)
        gl_free(GL_CONTAINER_OF(node, struct gl_trust_entry, node));
    gl_free(trust.vms);
}

static void start(void)
{
    Gl__Empty request = GL__EMPTY__INIT;
    ck_assert_int_eq(
        gl_call_open(a.mux, "host", "list", "", &request, 0, &client_events, NULL, &stream), 0);
    pair_pump(&a, &b);
}

/* Reads what is there; returns whether there was anything. */
static bool read_some(void)
{
    size_t charge = unread;
    unread = 0;
    if (stream)
        gl_stream_consume(stream, charge);
    pair_pump(&a, &b);
    return charge > 0;
}

START_TEST(who_does_not_read_gets_no_more)
{
    start();
    ck_assert_uint_ge(unread, GL_WINDOW_INITIAL / 2);
    ck_assert_uint_lt(heard, GUESTS);
    ck_assert_uint_le(pair_stats(&b).queued, QUEUE_MAX + 1024);
    while (read_some())
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
    while (read_some())
        continue;
    ck_assert_uint_eq(heard, GUESTS - 100 + 1);
    ck_assert_int_eq(ended, GL_STATUS_OK);
}
END_TEST

/* After the guests, however slowly somebody reads, and each once. */
START_TEST(machines_without_an_agent_follow)
{
    enum { MACHINES = 500 };
    struct gl_machine *machines = GL_NEW0_ARRAY(struct gl_machine, MACHINES);
    for (unsigned i = 0; i < MACHINES; i++) {
        machines[i].id.bytes[0] = (uint8_t)(i >> 8);
        machines[i].id.bytes[1] = (uint8_t)i;
        snprintf(machines[i].name, sizeof machines[i].name, "machine %u", i);
    }
    gl_trust_set_vms(&trust, machines, MACHINES);
    gl_free(machines);
    start();
    while (read_some())
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
    gl_stream_release(stream);
    stream = NULL;
    pair_pump(&a, &b);
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
