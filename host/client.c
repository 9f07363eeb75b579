/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <stdio.h>
#include <string.h>

#include "call.h"
#include "greet.h"
#include "link.h"
#include "mem.h"
#include "message.h"

#define CLIENT_GROWTH_MAX (32u * 1024 * 1024) /* bytes that all windows may grow by */

struct gl_client {
    uv_loop_t *loop;
    const char *path;
    struct gl_address address; /* the same */
    struct gl_connect *connect;
    struct gl_greet *greet;
    struct gl_link *link;
    uv_timer_t patience; /* for connecting */
    bool late;
    bool settled; /* connected, or failed with `outcome` */
    bool ended;   /* the daemon is gone */
    unsigned limit_ms;
    struct gl_outcome outcome;
};

static void outcome_set(struct gl_outcome *outcome, enum gl_status status, const char *text)
{
    outcome->status = status;
    snprintf(outcome->text, sizeof(outcome->text), "%s", text);
}

/* ------------------------------------------------------------------ the link */

static void client_on_ended(void *ctx, enum gl_status status, const char *text)
{
    struct gl_client *client = ctx;
    client->ended = true;
    (void)status;
    outcome_set(&client->outcome, GL_STATUS_LOST, text);
}

static const struct gl_link_events client_link_events = {
    .on_ended = client_on_ended,
};

/* ------------------------------------------------------------------ connecting */

static void client_settle(struct gl_client *client, enum gl_status status, const char *text)
{
    client->settled = true;
    outcome_set(&client->outcome, status, text);
}

static void client_on_greeted(void *ctx, struct gl_greet *greet, struct gl_handshake *h,
                              struct gl_transport *t, const uint8_t *early, size_t early_len)
{
    struct gl_client *client = ctx;
    const struct gl_hello *peer = gl_handshake_peer(h);
    struct gl_link_config config = {
        .mux = {.side = GL_SIDE_A,
                .epoch = 1,
                .payload_max = gl_handshake_payload_max(h),
                .local_streams_max = peer->streams_max,
                .peer_streams_max = 1, /* it opens none */
                .window_growth_max = CLIENT_GROWTH_MAX,
                .resumable = false},
        .events = &client_link_events,
        .ctx = client,
    };
    (void)greet;
    client->greet = NULL;
    client->link = gl_link_new(client->loop, &config, t, early, early_len);
    client_settle(client, GL_STATUS_OK, "");
}

static void client_on_greet_failed(void *ctx, struct gl_greet *greet, enum gl_status status,
                                   const char *text, bool by_peer)
{
    struct gl_client *client = ctx;
    char line[sizeof(client->outcome.text)];
    (void)greet;
    client->greet = NULL;
    snprintf(line, sizeof(line), "%s at %s: %s",
             by_peer ? "refused by the host daemon" : "no greeting", client->path, text);
    client_settle(client, status, line);
}

static const struct gl_greet_events client_greet_events = {
    .on_done = client_on_greeted,
    .on_failed = client_on_greet_failed,
};

static void client_explain(struct gl_client *client, int error)
{
    enum gl_status status = GL_STATUS_UNAVAILABLE;
    char line[sizeof(client->outcome.text)];
    uv_fs_t request;
    bool is_file = error == UV_ECONNREFUSED &&
                   uv_fs_stat(NULL, &request, client->path, NULL) == 0 &&
                   ((request.statbuf.st_mode & S_IFMT) == S_IFREG ||
                    (request.statbuf.st_mode & S_IFMT) == S_IFDIR);
    if (is_file) {
        snprintf(line, sizeof(line),
                 "%s is no socket: name the host daemon's with --control or $GUESTLINK_CONTROL",
                 client->path);
        client_settle(client, GL_STATUS_UNAVAILABLE, line);
        return;
    }
    switch (error) {
    case UV_ENOENT:
    case UV_ECONNREFUSED:
        snprintf(line, sizeof(line),
                 "no host daemon listens at %s: start guestlink-hostd, or name its socket with "
                 "--control or $GUESTLINK_CONTROL",
                 client->path);
        break;
    case UV_EACCES:
    case UV_EPERM:
        snprintf(line, sizeof(line),
                 "no permission to open %s: run as root or as a member of the group that owns it",
                 client->path);
        status = GL_STATUS_PERMISSION_DENIED;
        break;
    default:
        snprintf(line, sizeof(line), "cannot connect to the host daemon at %s: %s", client->path,
                 error == UV_ENOTSUP ? gl_transport_error_text(&client->address, error)
                                     : uv_strerror(error));
    }
    client_settle(client, status, line);
}

static void client_explain_address(struct gl_client *client, const char *why)
{
    char line[sizeof(client->outcome.text)];
    snprintf(line, sizeof(line), "no host daemon can be at %s: %s%s", client->path, why,
             strncmp(client->path, "pipe:", 5) == 0 ? " (a pipe is written pipe:NAME)" : "");
    client_settle(client, GL_STATUS_UNAVAILABLE, line);
}

static void client_on_connected(void *ctx, int status, struct gl_transport *t)
{
    struct gl_client *client = ctx;
    client->connect = NULL;
    if (status < 0) {
        client_explain(client, status);
        return;
    }
    struct gl_handshake_config config = {
        .side = GL_SIDE_A,
        .local = true,
        .hello = {.role = GL__ROLE__ROLE_CLIENT,
                  .payload_max = gl_transport_payload_max(t),
                  .streams_max = 1, /* the least that a hello may say */
                  .software = "guestlink " PACKAGE_VERSION},
        .peer_role = GL__ROLE__ROLE_HOST,
    };
    client->greet = gl_greet_start(client->loop, t, &config, 0, &client_greet_events, client);
}

static void client_on_late(uv_timer_t *timer)
{
    struct gl_client *client = timer->data;
    char line[sizeof(client->outcome.text)];
    uv_stop(client->loop); /* it may be about to wait for what does not come */
    if (client->connect != NULL)
        gl_connect_cancel(client->connect);
    if (client->greet != NULL)
        gl_greet_cancel(client->greet);
    client->connect = NULL;
    client->greet = NULL;
    client->late = true;
    snprintf(line, sizeof(line), "the host daemon at %s does not answer", client->path);
    client_settle(client, GL_STATUS_TIMED_OUT, line);
}

int gl_client_connect(uv_loop_t *loop, const char *path, uint64_t timeout_ms,
                      struct gl_client **ret_client, struct gl_outcome *ret_outcome)
{
    struct gl_client *client = GL_NEW0(struct gl_client);
    client->loop = loop;
    client->path = path;
    uv_timer_init(loop, &client->patience);
    client->patience.data = client;
    if (timeout_ms > 0)
        uv_timer_start(&client->patience, client_on_late, timeout_ms, 0);

    const char *why;
    int error = gl_address_parse_local(path, &client->address, &why);
    if (error < 0) {
        client_explain_address(client, why);
    } else {
        error = gl_transport_connect(loop, &client->address, NULL, client_on_connected, client,
                                     &client->connect);
        if (error < 0)
            client_explain(client, error);
    }
    while (!client->settled)
        uv_run(loop, UV_RUN_ONCE);

    uv_timer_stop(&client->patience);
    if (client->outcome.status != GL_STATUS_OK) {
        *ret_outcome = client->outcome;
        if (error == 0)
            error = client->late ? UV_ETIMEDOUT : UV_ECONNREFUSED;
        gl_client_free(client);
        return error;
    }
    *ret_client = client;
    return 0;
}

void gl_client_free(struct gl_client *client)
{
    if (client == NULL)
        return;
    uv_loop_t *loop = client->loop;
    if (client->link != NULL)
        gl_link_free(client->link);
    uv_close((uv_handle_t *)&client->patience, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    gl_free(client);
}

bool gl_client_has_ended(const struct gl_client *client)
{
    return client->ended || gl_mux_has_ended(gl_link_mux(client->link));
}

struct gl_mux *gl_client_mux(struct gl_client *client)
{
    return gl_link_mux(client->link);
}

void gl_client_limit(struct gl_client *client, unsigned limit_ms)
{
    client->limit_ms = limit_ms;
}

/* ------------------------------------------------------------------ simple calls */

struct client_call {
    const ProtobufCMessageDescriptor *answer;
    gl_client_item_cb on_item;
    void *ctx;
    bool ended;
    struct gl_outcome *outcome;
    struct gl_stream *stream;
    uv_timer_t limit;
    bool limit_closed;
};

static void call_end(struct client_call *call, enum gl_status status, const char *text)
{
    call->ended = true;
    outcome_set(call->outcome, status, text);
    gl_stream_release(call->stream);
}

static void call_on_message(void *ctx, struct gl_stream *stream, struct gl_slice message,
                            size_t charge)
{
    struct client_call *call = ctx;
    ProtobufCMessage *item = NULL;
    const char *why = "";
    int error = gl_message_unpack(call->answer, message.data, message.len, &item, &why);
    gl_slice_unref(&message);
    if (error < 0) {
        gl_stream_reset(stream, GL_STATUS_INVALID, why);
        call_end(call, GL_STATUS_PROTOCOL, "the answer cannot be read; do the versions differ?");
        return;
    }
    if (call->on_item != NULL)
        call->on_item(call->ctx, item);
    gl_message_free(item);
    gl_stream_consume(stream, charge);
}

static void call_on_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                         size_t charge)
{
    (void)ctx, (void)channel;
    gl_slice_unref(&data);
    gl_stream_consume(stream, charge);
}

static void call_on_end(void *ctx, struct gl_stream *stream, enum gl_status status,
                        const char *text)
{
    (void)stream;
    call_end(ctx, status, text);
}

static void call_on_limit(uv_timer_t *timer)
{
    char text[64];
    if (((struct client_call *)timer->data)->ended)
        return;
    snprintf(text, sizeof(text), "no answer within %g s", (double)uv_timer_get_repeat(timer) / 1e3);
    call_end(timer->data, GL_STATUS_TIMED_OUT, text);
}

static void call_on_limit_closed(uv_handle_t *timer)
{
    ((struct client_call *)timer->data)->limit_closed = true;
}

static void call_run(struct gl_client *client, struct client_call *call)
{
    uv_timer_init(client->loop, &call->limit);
    call->limit.data = call;
    if (client->limit_ms > 0)
        uv_timer_start(&call->limit, call_on_limit, client->limit_ms, client->limit_ms);
    while (!call->ended)
        uv_run(client->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&call->limit, call_on_limit_closed);
    while (!call->limit_closed)
        uv_run(client->loop, UV_RUN_NOWAIT);
}

static const struct gl_stream_events client_call_events = {
    .on_message = call_on_message,
    .on_data = call_on_data,
    .on_end = call_on_end,
};

enum gl_status gl_client_call(struct gl_client *client, const char *service, const char *method,
                              const char *target, const void *request, unsigned flags,
                              const ProtobufCMessageDescriptor *answer, gl_client_item_cb on_item,
                              void *ctx, struct gl_outcome *ret_outcome)
{
    struct client_call call = {
        .answer = answer, .on_item = on_item, .ctx = ctx, .outcome = ret_outcome};
    if (client->ended) {
        outcome_set(ret_outcome, GL_STATUS_NOT_STARTED, "the host daemon went away");
        return ret_outcome->status;
    }
    int error = gl_call_open(gl_link_mux(client->link), service, method, target, request,
                             flags | GL_FLAG_INTERACTIVE, &client_call_events, &call, &call.stream);
    if (error < 0) {
        outcome_set(ret_outcome, gl_status_from_errno(error), uv_strerror(error));
        return ret_outcome->status;
    }
    call_run(client, &call);
    return ret_outcome->status;
}
