/* SPDX-License-Identifier: MIT */
/*
 * One call of the service `host` between two muxes in memory: a is the client, b the daemon. A
 * suite has a method of its own and says in on_guest() what it looks at of each answer.
 */
#ifndef GL_HOSTCALL_H
#define GL_HOSTCALL_H

#include <string.h>

#include "config.h"
#include "guest.h"
#include "message.h"
#include "muxpair.h"

static struct gl_daemon daemon_;
static struct gl_settings settings;
static struct gl_trust trust;
static struct gl_user user;
static size_t unread;        /* what the client has not consumed of the answers */
static enum gl_status ended; /* UINT32_MAX: it has not */
static struct gl_stream *stream;

static struct gl_service service = {.name = "host", .version = 1, .group = "manage"};
static const struct gl_service *const services[] = {&service, NULL};
static const struct gl_dispatch dispatch = {.services = services};

static void on_guest(const Gl__Guest *guest);

static void on_open(void *ctx, struct gl_stream *opened, struct gl_slice open)
{
    (void)ctx;
    gl_call_dispatch(&dispatch, opened, open);
}

static void on_message(void *ctx, struct gl_stream *from, struct gl_slice message, size_t charge)
{
    ProtobufCMessage *decoded = NULL;
    (void)ctx, (void)from;
    ck_assert_int_eq(
        gl_message_unpack(&gl__guest__descriptor, message.data, message.len, &decoded, NULL), 0);
    on_guest((const Gl__Guest *)decoded);
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

/* A daemon that knows no guest, with these methods; rules: of hostd.conf. The caller is root. */
static void hostcall_setup(const struct gl_method *methods, const char *rules, uint32_t own_uid)
{
    static const struct gl_mux_events daemon_events = {.on_open = on_open};
    static cfg_opt_t options[] = {CFG_SEC("allow", gl_rules_options, CFGF_MULTI), CFG_END()};
    struct gl_mux_config client = pair_config(GL_SIDE_A), ours = pair_config(GL_SIDE_B);
    cfg_t *cfg = cfg_init(options, CFGF_NONE);
    ck_assert_int_eq(cfg_parse_buf(cfg, rules), CFG_SUCCESS);
    service.methods = methods;
    settings.rules = gl_rules_new(cfg, own_uid);
    cfg_free(cfg);
    trust = (struct gl_trust){0}; /* it has a test's before, in the same process */
    gl_list_init(&trust.entries);
    gl_list_init(&daemon_.watchers);
    daemon_.settings = &settings;
    daemon_.trust = &trust;
    user = (struct gl_user){.uid = 0, .name = "root"};
    client.resumable = ours.resumable = false;
    ours.events = &daemon_events;
    pair_start(client, ours);
    unread = 0;
    ended = (enum gl_status)UINT32_MAX;
}

/* The suite frees what it put into the trust store, after this. */
static void hostcall_teardown(void)
{
    if (stream)
        gl_stream_release(stream);
    stream = NULL;
    pair_teardown();
    gl_rules_free((struct gl_rules *)(uintptr_t)settings.rules);
}

static void hostcall_start(const char *method, const void *request)
{
    static const struct gl_stream_events client_events = {.on_message = on_message,
                                                          .on_end = on_end};
    ck_assert_int_eq(
        gl_call_open(a.mux, "host", method, "", request, 0, &client_events, NULL, &stream), 0);
    pair_pump(&a, &b);
}

/* The client goes. */
static void hostcall_leave(void)
{
    gl_stream_release(stream);
    stream = NULL;
    pair_pump(&a, &b);
}

/* Reads what is there; returns whether there was anything. */
static bool hostcall_read(void)
{
    size_t charge = unread;
    unread = 0;
    if (stream)
        gl_stream_consume(stream, charge);
    pair_pump(&a, &b);
    return charge > 0;
}

#endif
