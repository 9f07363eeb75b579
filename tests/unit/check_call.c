/* SPDX-License-Identifier: MIT */
/* Calls between two muxes in memory: `a` opens, `b` answers. */
#include "call.h"

#include "message.h"
#include "muxpair.h"

/* ------------------------------------------------------------------ the responder's services */

/* What happened to handlers and gate, as lines. */
static char log_text[65536];
static size_t log_len;
static struct gl_call *held; /* of the handlers that do not finish at once */

static void note(const char *format, ...) GL_PRINTF(1, 2);
static void note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_len += (size_t)vsnprintf(log_text + log_len, sizeof(log_text) - log_len, format, args);
    va_end(args);
}

#define assert_noted(text)                                                                         \
    do {                                                                                           \
        ck_assert_str_eq(log_text, (text));                                                        \
        log_len = 0;                                                                               \
        log_text[0] = '\0';                                                                        \
    } while (0)

static void unary_start(struct gl_call *call, const ProtobufCMessage *request)
{
    const Gl__Ping *ping = (const Gl__Ping *)request;
    Gl__Ping answer = GL__PING__INIT;
    answer.cookie = ping->cookie + 1;
    note("unary %s/%s for %s %u\n", gl_call_service(call)->name, gl_call_method(call)->name,
         gl_call_caller(call)->user, gl_call_caller(call)->uid);
    ck_assert_int_eq(gl_call_reply(call, &answer), 0);
    gl_call_finish(call, GL_STATUS_OK, NULL);
}

static void list_start(struct gl_call *call, const ProtobufCMessage *request)
{
    (void)request;
    for (uint64_t i = 0; i < 3; i++) {
        Gl__Ping item = GL__PING__INIT;
        item.cookie = i;
        gl_call_reply(call, &item);
    }
    gl_call_finish(call, GL_STATUS_OK, "%s", "");
}

static void fails_start(struct gl_call *call, const ProtobufCMessage *request)
{
    (void)request;
    gl_call_finish(call, GL_STATUS_NOT_FOUND, "no file '%s'", "\xff\n\x1b");
}

static void wordy_start(struct gl_call *call, const ProtobufCMessage *request)
{
    char text[3000];
    (void)request;
    for (size_t i = 0; i + 1 < sizeof(text); i++)
        text[i] = i % 2 ? '\xa4' : '\xc3';
    text[sizeof(text) - 1] = '\0';
    gl_call_finish(call, GL_STATUS_IO, "x%s", text);
}

static void forgets_start(struct gl_call *call, const ProtobufCMessage *request)
{
    (void)call;
    (void)request;
}

/* A conversation: "!" as data makes it finish from within the callback. */
static void talk_message(void *ctx, struct gl_call *call, struct gl_slice message, size_t charge)
{
    ck_assert_ptr_eq(ctx, &held);
    note("message %zu\n", message.len);
    gl_slice_unref(&message);
    gl_call_consume(call, charge);
}

static void talk_data(void *ctx, struct gl_call *call, uint8_t channel, struct gl_slice data,
                      size_t charge)
{
    (void)ctx;
    note("data %u %.*s\n", channel, data.len < 40 ? (int)data.len : 0, (const char *)data.data);
    bool finish = data.len == 1 && data.data[0] == '!';
    if (finish) {
        gl_slice_unref(&data);
        gl_call_finish(call, GL_STATUS_OK, "as told");
        held = NULL;
        return;
    }
    gl_call_consume(call, charge);
    gl_call_send_data(call, (uint8_t)(channel + 1), data); /* gives the reference on */
}

static void talk_eof(void *ctx, struct gl_call *call)
{
    (void)ctx;
    note("eof\n");
    gl_call_finish(call, GL_STATUS_OK, "bye");
    held = NULL;
}

static void talk_sent(void *ctx, struct gl_call *call, size_t credit)
{
    (void)ctx;
    note("sent %zu of %zu\n", credit, gl_call_queued(call));
}

static bool finish_on_cancel;

static void talk_cancel(void *ctx, struct gl_call *call, enum gl_status status)
{
    (void)ctx;
    note("cancel %s\n", gl_status_name(status));
    ck_assert(gl_call_is_cancelled(call));
    ck_assert_ptr_null(gl_call_stream(call));
    if (finish_on_cancel) {
        gl_call_finish(call, GL_STATUS_CANCELLED, "gone");
        held = NULL;
    }
}

static const struct gl_call_events talk_events = {talk_message, talk_data, talk_eof, talk_sent,
                                                  talk_cancel};
static const struct gl_call_events deaf_events = {.on_cancel = talk_cancel};

static void talk_start(struct gl_call *call, const ProtobufCMessage *request)
{
    (void)request;
    ck_assert(!gl_call_is_cancelled(call));
    ck_assert_ptr_nonnull(gl_call_stream(call));
    held = call;
    gl_call_handle(call, &talk_events, &held);
}

static void deaf_start(struct gl_call *call, const ProtobufCMessage *request)
{
    (void)request;
    held = call;
    gl_call_handle(call, &deaf_events, NULL);
}

static void ends_session_start(struct gl_call *call, const ProtobufCMessage *request)
{
    (void)request;
    gl_mux_end(b.mux, GL_STATUS_LOST, "");
    note("cancelled in start: %d\n", gl_call_is_cancelled(call));
    held = call;
    gl_call_handle(call, &talk_events, &held);
}

/* The same, but the listener is there already. */
static void ends_session_late_start(struct gl_call *call, const ProtobufCMessage *request)
{
    (void)request;
    held = call;
    gl_call_handle(call, &talk_events, &held);
    gl_mux_end(b.mux, GL_STATUS_LOST, "");
}

static const struct gl_method alpha_methods[] = {
    {.name = "unary", .request = &gl__ping__descriptor, .request_max = 100, .start = unary_start},
    {.name = "list", .request = &gl__empty__descriptor, .request_max = 100, .start = list_start},
    {.name = "fails", .request = &gl__empty__descriptor, .request_max = 100, .start = fails_start},
    {.name = "wordy", .request = &gl__empty__descriptor, .request_max = 100, .start = wordy_start},
    {.name = "forgets",
     .request = &gl__empty__descriptor,
     .request_max = 100,
     .start = forgets_start},
    {.name = NULL},
};
static const struct gl_method beta_methods[] = {
    {.name = "talk", .request = &gl__empty__descriptor, .request_max = 100, .start = talk_start},
    {.name = "deaf", .request = &gl__empty__descriptor, .request_max = 100, .start = deaf_start},
    {.name = "ends-session",
     .request = &gl__empty__descriptor,
     .request_max = 100,
     .start = ends_session_start},
    {.name = "ends-session-late",
     .request = &gl__empty__descriptor,
     .request_max = 100,
     .start = ends_session_late_start},
    {.name = NULL},
};
static const struct gl_service alpha = {"alpha", 1, "inspect", alpha_methods};
static const struct gl_service beta = {"beta", 1, "run", beta_methods};
static const struct gl_service *const services[] = {&alpha, &beta, NULL};

static enum gl_status answer_of_gate;

static enum gl_status gate(void *ctx, struct gl_call *call, const struct gl_service *service,
                           const struct gl_method *method, const ProtobufCMessage *request,
                           const char **ret_text)
{
    ck_assert_ptr_eq(ctx, &answer_of_gate);
    ck_assert_ptr_eq(gl_call_dispatch_context(call), ctx);
    ck_assert_ptr_nonnull(request);
    note("allow %s.%s?\n", service->name, method->name);
    if (answer_of_gate != GL_STATUS_OK)
        *ret_text = "the policy says no";
    return answer_of_gate;
}

static void gate_ended(void *ctx, struct gl_call *call, enum gl_status status)
{
    ck_assert_ptr_eq(ctx, &answer_of_gate);
    note("ended %s.%s %s\n", gl_call_service(call)->name, gl_call_method(call)->name,
         gl_status_name(status));
}

static const struct gl_dispatch plain = {.services = services};
static const struct gl_dispatch gated = {services, gate, gate_ended, &answer_of_gate};
static const struct gl_dispatch *dispatch;

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    (void)ctx;
    gl_call_dispatch(dispatch, stream, open);
}

static void start(const struct gl_dispatch *which, uint32_t streams_max)
{
    static const struct gl_mux_events events = {on_open, pair_goodbye, pair_wake};
    struct gl_mux_config config = pair_config(GL_SIDE_B);
    config.events = &events;
    config.peer_streams_max = streams_max;
    dispatch = which;
    pair_restart(pair_config(GL_SIDE_A), config);
}

static void setup(void)
{
    pair_setup();
    start(&plain, 1024);
    answer_of_gate = GL_STATUS_OK;
    finish_on_cancel = true;
}

/* ------------------------------------------------------------------ the opener */

static struct gl_stream *call_with(const char *service, const char *method, const void *request)
{
    struct gl_stream *stream = NULL;
    ck_assert_int_eq(
        gl_call_open(a.mux, service, method, NULL, request, 0, &pair_stream_events, &a, &stream),
        0);
    a.opened[a.opened_count++ % GL_ARRAY_SIZE(a.opened)] = stream;
    return stream;
}

static struct gl_stream *call(const char *service, const char *method)
{
    Gl__Empty empty = GL__EMPTY__INIT;
    struct gl_stream *stream = call_with(service, method, &empty);
    pair_pump(&a, &b);
    return stream;
}

/* What a is told of a call whose OPEN holds these bytes. */
static void open_raw(const void *data, size_t len)
{
    struct gl_stream *stream;
    ck_assert_int_eq(
        gl_stream_open(a.mux, 0, gl_slice_copy(data, len), &pair_stream_events, &a, &stream), 0);
    a.opened[a.opened_count++ % GL_ARRAY_SIZE(a.opened)] = stream;
    pair_pump(&a, &b);
}

/* ------------------------------------------------------------------ tests */

START_TEST(unary)
{
    Gl__Ping ping = GL__PING__INIT;
    ping.cookie = 6;
    call_with("alpha", "unary", &ping);
    pair_pump(&a, &b);
    assert_log(&a, "MESSAGE 1 \x08\x07\nEND 1 OK\n");
    assert_noted("unary alpha/unary for  0\n");
    ck_assert_uint_eq(pair_stats(&b).streams, 0);
}
END_TEST

START_TEST(items_of_a_list)
{
    call("alpha", "list");
    assert_log(&a, "MESSAGE 1 \nMESSAGE 1 \x08\x01\nMESSAGE 1 \x08\x02\nEND 1 OK\n");
}
END_TEST

START_TEST(caller_is_told)
{
    Gl__Open open = GL__OPEN__INIT;
    Gl__Caller caller = GL__CALLER__INIT;
    open.service = (char *)(uintptr_t) "alpha";
    open.method = (char *)(uintptr_t) "unary";
    caller.user = (char *)(uintptr_t) "mia";
    caller.uid = 1000;
    open.caller = &caller;
    struct gl_slice slice = gl_message_pack(&open);
    open_raw(slice.data, slice.len);
    gl_slice_unref(&slice);
    assert_noted("unary alpha/unary for mia 1000\n");
}
END_TEST

START_TEST(unknown_methods)
{
    call("alpha", "other");
    assert_log(&a, "END 1 UNSUPPORTED no such service or method\n");
    call("gamma", "unary");
    assert_log(&a, "END 3 UNSUPPORTED no such service or method\n");
    call("", "");
    assert_log(&a, "END 5 UNSUPPORTED no such service or method\n");
    call("beta", "unary"); /* the method of another service */
    assert_log(&a, "END 7 UNSUPPORTED no such service or method\n");
    assert_noted("");
}
END_TEST

START_TEST(bad_requests)
{
    open_raw("\xff\xff", 2);
    assert_log(&a, "END 1 INVALID bad field number\n");
    open_raw("\x0a\x02\xc3(", 4);
    assert_log(&a, "END 3 INVALID text is not UTF-8\n");

    /* alpha.unary with a request that is no Ping; with one that is too long. */
    open_raw("\x0a\x05"
             "alpha\x12\x05unary\x22\x02\x0a\x00",
             18);
    assert_log(&a, "END 5 INVALID wrong type of a field\n");
    Gl__Ping ping = GL__PING__INIT;
    uint8_t padding[200] = {0};
    ping.padding = gl_message_bytes(padding, 97);
    call_with("alpha", "unary", &ping); /* 99 bytes */
    pair_pump(&a, &b);
    assert_noted("unary alpha/unary for  0\n");
    pair_clear(&a);
    ping.padding.len = 99;
    call_with("alpha", "unary", &ping);
    pair_pump(&a, &b);
    assert_log(&a, "END 9 INVALID request too long\n");
    assert_noted("");
}
END_TEST

/* First the method, then the request, then the policy: nobody is asked about nonsense. */
START_TEST(order_of_checks)
{
    start(&gated, 1024);
    answer_of_gate = GL_STATUS_DENIED;
    open_raw("\x0a\x05"
             "alpha\x12\x05other\x22\x02\x0a\x00",
             18);
    assert_log(&a, "END 1 UNSUPPORTED no such service or method\n");
    open_raw("\x0a\x05"
             "alpha\x12\x05unary\x22\x02\x0a\x00",
             18);
    assert_log(&a, "END 3 INVALID wrong type of a field\n");
    assert_noted("");
    call("alpha", "unary");
    assert_log(&a, "END 5 PERMISSION_DENIED the policy says no\n");
    assert_noted("allow alpha.unary?\n"); /* and neither a handler nor an end */
}
END_TEST

START_TEST(gate_hears_of_the_end)
{
    start(&gated, 1024);
    call("alpha", "fails");
    assert_noted("allow alpha.fails?\nended alpha.fails NOT_FOUND\n");
    struct gl_stream *s = call("beta", "talk");
    gl_stream_reset(s, GL_STATUS_TIMED_OUT, "");
    pair_pump(&a, &b);
    assert_noted("allow beta.talk?\ncancel TIMED_OUT\nended beta.talk TIMED_OUT\n");
}
END_TEST

START_TEST(texts_are_safe)
{
    call("alpha", "fails");
    assert_log(&a, "END 1 NOT_FOUND no file '\\xff\\x0a\\x1b'\n");
    call("alpha", "wordy");
    /* Cut at 1024 bytes between characters: "END 3 IO " and x and 511 times two bytes. */
    ck_assert_uint_eq(a.log_len, strlen("END 3 IO ") + 1 + 2 * 511 + 1);
}
END_TEST

START_TEST(handler_that_forgets)
{
    call("alpha", "forgets");
    assert_log(&a, "END 1 INTERNAL the handler forgot the call\n");
}
END_TEST

START_TEST(conversation)
{
    struct gl_stream *s = call("beta", "talk");
    gl_stream_send_data(s, 0, pair_text("hello"), 0);
    gl_stream_send_message(s, pair_text("1234"), 0);
    pair_pump(&a, &b);
    assert_noted("data 0 hello\nmessage 4\nsent 5 of 0\n");
    assert_log(&a, "DATA 1/1 hello\n");
    gl_stream_send_eof(s);
    pair_pump(&a, &b);
    assert_noted("eof\n");
    assert_log(&a, "END 1 OK bye\n");
    ck_assert_uint_eq(pair_stats(&b).streams, 0);
}
END_TEST

START_TEST(finish_within_a_callback)
{
    struct gl_stream *s = call("beta", "talk");
    gl_stream_send_data(s, 0, pair_text("!"), 0);
    gl_stream_send_data(s, 0, pair_text("more"), 0);
    gl_stream_send_eof(s);
    pair_pump(&a, &b);
    assert_noted("data 0 !\n");
    assert_log(&a, "END 1 OK as told\n");
}
END_TEST

START_TEST(finish_after_what_is_queued)
{
    struct gl_stream *s = call("beta", "talk");
    (void)s;
    a.consume = false;
    gl_call_send_data(held, 1, pair_bytes(300000));
    ck_assert_uint_eq(gl_call_queued(held), 300000);
    gl_call_finish(held, GL_STATUS_OK, NULL);
    pair_pump(&a, &b);
    ck_assert_ptr_null(strstr(a.log, "END"));
    gl_stream_consume(s, a.charge);
    a.consume = true;
    pair_pump(&a, &b);
    ck_assert_ptr_nonnull(strstr(a.log, "END 1 OK\n"));
    assert_noted(""); /* a finished call hears nothing */
}
END_TEST

/* Cancelled, the handler takes its time; until it is done, its stream counts. */
START_TEST(cancelled_handlers_count)
{
    start(&plain, 1);
    finish_on_cancel = false;
    struct gl_stream *s = call("beta", "talk");
    struct gl_call *mine = held;
    gl_stream_reset(s, GL_STATUS_CANCELLED, "");
    pair_pump(&a, &b);
    assert_noted("cancel CANCELLED\n");
    ck_assert_int_eq(gl_call_send_data(mine, 1, pair_text("dropped")), 0);
    Gl__Empty empty = GL__EMPTY__INIT;
    ck_assert_int_eq(gl_call_reply(mine, &empty), 0);
    ck_assert_uint_eq(gl_call_queued(mine), 0);
    gl_call_consume(mine, 100);

    call("alpha", "list");
    assert_log(&a, "END 3 LIMIT too many streams\n");
    gl_call_finish(mine, GL_STATUS_OK, NULL);
    pair_pump(&a, &b);
    call("alpha", "list");
    ck_assert_ptr_nonnull(strstr(a.log, "END 5 OK\n"));
}
END_TEST

START_TEST(session_ends)
{
    finish_on_cancel = false;
    call("beta", "talk");
    gl_mux_end(b.mux, GL_STATUS_LOST, "");
    assert_noted("cancel LOST\n");
    ck_assert(gl_call_is_cancelled(held));
    /* The mux goes; the handler ends later. */
    gl_mux_free(b.mux);
    gl_call_finish(held, GL_STATUS_OK, NULL);
    pair_side_init(&b, pair_config(GL_SIDE_B));
}
END_TEST

START_TEST(session_ends_and_all_finish_at_once)
{
    call("beta", "talk");
    call("beta", "deaf");
    gl_mux_end(b.mux, GL_STATUS_LOST, "");
    assert_noted("cancel LOST\ncancel LOST\n");
    ck_assert_uint_eq(pair_stats(&b).streams, 0);
}
END_TEST

/* A handler whose call was lost before it could say who listens hears of it all the same; once. */
static void lose_within_start(const char *method, bool finish)
{
    Gl__Empty empty = GL__EMPTY__INIT;
    size_t len;
    finish_on_cancel = finish;
    call_with("beta", method, &empty);
    struct gl_block *block = pair_take(&a, 1 << 20, &len);
    ck_assert_int_eq(pair_give(&b, block, len), UV_ECONNABORTED);
    gl_block_unref(block);
    if (!finish)
        gl_call_finish(held, GL_STATUS_OK, NULL);
}

START_TEST(cancelled_within_start)
{
    lose_within_start("ends-session", true);
    assert_noted("cancelled in start: 1\ncancel LOST\n");
    start(&plain, 1024);
    lose_within_start("ends-session", false);
    assert_noted("cancelled in start: 1\ncancel LOST\n");
    start(&plain, 1024);
    lose_within_start("ends-session-late", true);
    assert_noted("cancel LOST\n");
    start(&plain, 1024);
    lose_within_start("ends-session-late", false);
    assert_noted("cancel LOST\n");
}
END_TEST

/* What the method does not take ends the call, and costs no more than itself. */
START_TEST(uninvited_input)
{
    struct gl_stream *s = call("beta", "deaf");
    gl_stream_send_data(s, 0, pair_text("x"), 0);
    gl_stream_send_data(s, 0, pair_text("y"), 0);
    pair_pump(&a, &b);
    assert_noted("cancel INVALID\n");
    assert_log(&a, "END 1 INVALID this method takes no data\n");

    finish_on_cancel = false;
    s = call("beta", "deaf");
    gl_stream_send_message(s, pair_text("x"), 0);
    gl_stream_send_message(s, pair_text("y"), 0);
    pair_pump(&a, &b);
    assert_noted("cancel INVALID\n");
    assert_log(&a, "END 3 INVALID this method takes one message only\n");
    gl_call_finish(held, GL_STATUS_OK, NULL);

    finish_on_cancel = true;
    s = call("beta", "deaf");
    gl_stream_send_eof(s); /* this is polite */
    pair_pump(&a, &b);
    assert_noted("");
    gl_call_finish(held, GL_STATUS_OK, NULL);
    pair_pump(&a, &b);
    assert_log(&a, "END 5 OK\n");
}
END_TEST

START_TEST(open_carries_its_fields)
{
    /* b listens by hand. */
    pair_restart(pair_config(GL_SIDE_A), pair_config(GL_SIDE_B));
    Gl__Ping ping = GL__PING__INIT;
    struct gl_stream *s;
    ping.cookie = 1;
    ck_assert_int_eq(gl_call_open(a.mux, "s", "m", "web", &ping, GL_FLAG_INTERACTIVE,
                                  &pair_stream_events, &a, &s),
                     0);
    a.opened[a.opened_count++] = s;
    pair_pump(&a, &b);
    assert_log(&b, "OPEN 1i \x0a\x01s\x12\x01m\x1a\x03web\x22\x02\x08\x01\n");
}
END_TEST

/* A request over a frame's size travels in pieces, which is the mux's business. */
START_TEST(large_request)
{
    Gl__Ping ping = GL__PING__INIT;
    static const struct gl_method big[] = {{.name = "unary",
                                            .request = &gl__ping__descriptor,
                                            .request_max = GL_MESSAGE_MAX,
                                            .start = unary_start},
                                           {.name = NULL}};
    static const struct gl_service big_service = {"big", 1, "inspect", big};
    static const struct gl_service *const big_services[] = {&big_service, NULL};
    static const struct gl_dispatch big_dispatch = {.services = big_services};
    struct gl_mux_config config = pair_config(GL_SIDE_A);
    static const struct gl_mux_events events = {on_open, pair_goodbye, pair_wake};
    struct gl_mux_config config_b = pair_config(GL_SIDE_B);
    config.payload_max = config_b.payload_max = 4096;
    config_b.events = &events;
    dispatch = &big_dispatch;
    pair_restart(config, config_b);

    uint8_t *padding = gl_alloc0(GL_MESSAGE_MAX);
    ping.padding = gl_message_bytes(padding, 200000);
    call_with("big", "unary", &ping);
    pair_pump(&a, &b);
    assert_noted("unary big/unary for  0\n");
    struct gl_stream *s;
    ping.padding.len = GL_MESSAGE_MAX;
    ck_assert_int_eq(
        gl_call_open(a.mux, "big", "unary", NULL, &ping, 0, &pair_stream_events, &a, &s),
        UV_EMSGSIZE);
    gl_free(padding);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("call");
    TCase *t = tcase_create("call");
    tcase_add_checked_fixture(t, setup, pair_teardown);
    const TTest *const tests[] = {
        unary,
        items_of_a_list,
        caller_is_told,
        unknown_methods,
        bad_requests,
        order_of_checks,
        gate_hears_of_the_end,
        texts_are_safe,
        handler_that_forgets,
        conversation,
        finish_within_a_callback,
        finish_after_what_is_queued,
        cancelled_handlers_count,
        session_ends,
        session_ends_and_all_finish_at_once,
        cancelled_within_start,
        uninvited_input,
        open_carries_its_fields,
        large_request,
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(tests); i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    return s;
}

GL_UNIT_MAIN(suite)
