/* SPDX-License-Identifier: MIT */
/*
 * A call lives from its start until its handler finishes it, whatever becomes of the stream
 * meanwhile. The stream is kept so long, even over the end of the session: thus the handler goes on
 * counting against the peer's limit of streams.
 */
#include "call.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "escape.h"
#include "mem.h"
#include "message.h"

struct gl_call {
    const struct gl_dispatch *dispatch;
    const struct gl_service *service;
    const struct gl_method *method;
    Gl__Caller caller; /* its texts are ours */
    struct gl_stream *stream;
    const struct gl_call_events *events; /* NULL until gl_call_handle() */
    void *ctx;
    bool *starting; /* set while start() runs: made false by finish */
    bool cancelled;
    bool cancel_told;
    bool allowed; /* so that `ended` is told of what `allow` let through */
    enum gl_status cancel_status;
};

/* ------------------------------------------------------------------ what the stream tells */

/* Not before the handler has said who listens: call_start() comes back to it then. */
static void tell_cancel(struct gl_call *call)
{
    if (call->cancel_told || !call->events)
        return;
    call->cancel_told = true;
    if (call->events->on_cancel)
        call->events->on_cancel(call->ctx, call, call->cancel_status);
}

/* A reset by ourselves brings no on_end, hence the call of tell_cancel() here. */
void gl_call_refuse_input(struct gl_call *call, const char *why)
{
    if (call->cancelled)
        return;
    call->cancelled = true;
    call->cancel_status = GL_STATUS_INVALID;
    gl_stream_reset(call->stream, GL_STATUS_INVALID, why);
    tell_cancel(call);
}

static void call_message(void *ctx, struct gl_stream *stream, struct gl_slice message,
                         size_t charge)
{
    struct gl_call *call = ctx;
    (void)stream;
    if (call->cancelled) {
        gl_slice_unref(&message);
    } else if (call->events && call->events->on_message) {
        call->events->on_message(call->ctx, call, message, charge);
    } else {
        gl_slice_unref(&message);
        gl_call_refuse_input(call, "this method takes one message only");
    }
}

static void call_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                      size_t charge)
{
    struct gl_call *call = ctx;
    (void)stream;
    if (call->cancelled) {
        gl_slice_unref(&data);
    } else if (call->events && call->events->on_data) {
        call->events->on_data(call->ctx, call, channel, data, charge);
    } else {
        gl_slice_unref(&data);
        gl_call_refuse_input(call, "this method takes no data");
    }
}

static void call_eof(void *ctx, struct gl_stream *stream)
{
    struct gl_call *call = ctx;
    (void)stream;
    if (!call->cancelled && call->events && call->events->on_eof)
        call->events->on_eof(call->ctx, call);
}

static void call_sent(void *ctx, struct gl_stream *stream, size_t credit)
{
    struct gl_call *call = ctx;
    (void)stream;
    if (!call->cancelled && call->events && call->events->on_sent)
        call->events->on_sent(call->ctx, call, credit);
}

static void call_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct gl_call *call = ctx;
    (void)stream;
    (void)text;
    if (call->cancelled)
        return;
    call->cancelled = true;
    call->cancel_status = status;
    tell_cancel(call);
}

static const struct gl_stream_events call_stream_events = {
    .on_message = call_message,
    .on_data = call_data,
    .on_eof = call_eof,
    .on_end = call_end,
    .on_sent = call_sent,
};

/* ------------------------------------------------------------------ dispatch */

static const struct gl_method *find_method(const struct gl_dispatch *dispatch, const Gl__Open *open,
                                           const struct gl_service **ret_service)
{
    for (const struct gl_service *const *s = dispatch->services; *s; s++) {
        if (strcmp((*s)->name, open->service) != 0)
            continue;
        for (const struct gl_method *m = (*s)->methods; m->name; m++) {
            if (strcmp(m->name, open->method) == 0) {
                *ret_service = *s;
                return m;
            }
        }
    }
    return NULL;
}

/* A call that has not begun. The stream stays until its CLOSE is out, and nobody listens to it. */
static void refuse(struct gl_stream *stream, enum gl_status status, const char *text)
{
    static const struct gl_stream_events nobody = {NULL, NULL, NULL, NULL, NULL};
    gl_stream_bind(stream, &nobody, NULL);
    gl_stream_close(stream, status, text);
    gl_stream_release(stream);
}

static struct gl_call *call_new(const struct gl_dispatch *dispatch,
                                const struct gl_service *service, const struct gl_method *method,
                                struct gl_stream *stream, const Gl__Caller *caller)
{
    struct gl_call *call = GL_NEW0(struct gl_call);
    call->dispatch = dispatch;
    call->service = service;
    call->method = method;
    call->stream = stream;
    gl__caller__init(&call->caller);
    call->caller.user = gl_strdup(caller ? caller->user : "");
    call->caller.client = gl_strdup(caller ? caller->client : "");
    call->caller.uid = caller ? caller->uid : 0;
    gl_stream_bind(stream, &call_stream_events, call);
    return call;
}

static void call_free(struct gl_call *call)
{
    gl_free(call->caller.user);
    gl_free(call->caller.client);
    gl_free(call);
}

static void call_start(struct gl_call *call, const ProtobufCMessage *request)
{
    const struct gl_dispatch *d = call->dispatch;
    const char *text = "not allowed";
    enum gl_status status =
        d->allow ? d->allow(d->ctx, call, call->service, call->method, request, &text)
                 : GL_STATUS_OK;
    if (status != GL_STATUS_OK) {
        gl_call_finish(call, status, "%s", text);
        return;
    }
    bool alive = true;
    call->allowed = true;
    call->starting = &alive;
    call->method->start(call, request);
    if (!alive)
        return;
    call->starting = NULL;
    if (!call->events)
        gl_call_finish(call, GL_STATUS_INTERNAL, "the handler forgot the call");
    else if (call->cancelled)
        tell_cancel(call);
}

void gl_call_dispatch_open(const struct gl_dispatch *dispatch, struct gl_stream *stream,
                           const Gl__Open *open)
{
    const struct gl_service *service = NULL;
    const struct gl_method *method = find_method(dispatch, open, &service);
    if (!method) {
        refuse(stream, GL_STATUS_UNSUPPORTED, GL_CALL_UNKNOWN);
        return;
    }
    ProtobufCMessage *request;
    const char *why = "request too long";
    if (open->request.len > method->request_max ||
        gl_message_unpack(method->request, open->request.data, open->request.len, &request, &why) <
            0) {
        refuse(stream, GL_STATUS_INVALID, why);
        return;
    }
    call_start(call_new(dispatch, service, method, stream, open->caller), request);
    gl_message_free(request);
}

void gl_call_dispatch(const struct gl_dispatch *dispatch, struct gl_stream *stream,
                      struct gl_slice open)
{
    ProtobufCMessage *message;
    const char *why;
    int err = gl_message_unpack(&gl__open__descriptor, open.data, open.len, &message, &why);
    gl_slice_unref(&open);
    if (err < 0) {
        refuse(stream, GL_STATUS_INVALID, why);
        return;
    }
    gl_call_dispatch_open(dispatch, stream, (const Gl__Open *)message);
    gl_message_free(message);
}

/* ------------------------------------------------------------------ for handlers */

void *gl_call_dispatch_context(const struct gl_call *call)
{
    return call->dispatch->ctx;
}

const struct gl_service *gl_call_service(const struct gl_call *call)
{
    return call->service;
}

const struct gl_method *gl_call_method(const struct gl_call *call)
{
    return call->method;
}

const Gl__Caller *gl_call_caller(const struct gl_call *call)
{
    return &call->caller;
}

struct gl_stream *gl_call_stream(struct gl_call *call)
{
    return call->cancelled ? NULL : call->stream;
}

void gl_call_handle(struct gl_call *call, const struct gl_call_events *events, void *ctx)
{
    call->events = events;
    call->ctx = ctx;
}

static int reply(struct gl_call *call, const void *message, bool secret)
{
    if (call->cancelled)
        return 0;
    struct gl_slice slice = gl_message_pack(message);
    if (secret)
        gl_slice_set_secret(slice);
    return gl_stream_send_message(call->stream, slice, slice.len);
}

int gl_call_reply(struct gl_call *call, const void *message)
{
    return reply(call, message, false);
}

int gl_call_reply_secret(struct gl_call *call, const void *message)
{
    return reply(call, message, true);
}

int gl_call_send_data(struct gl_call *call, uint8_t channel, struct gl_slice data)
{
    if (call->cancelled) {
        gl_slice_unref(&data);
        return 0;
    }
    return gl_stream_send_data(call->stream, channel, data, data.len);
}

size_t gl_call_queued(const struct gl_call *call)
{
    return call->cancelled ? 0 : gl_stream_queued(call->stream);
}

void gl_call_consume(struct gl_call *call, size_t charge)
{
    if (!call->cancelled)
        gl_stream_consume(call->stream, charge);
}

bool gl_call_is_cancelled(const struct gl_call *call)
{
    return call->cancelled;
}

void gl_call_finish(struct gl_call *call, enum gl_status status, const char *format, ...)
{
    /* The format's arguments may be anything, file names in old encodings too: the wire has UTF-8.
     */
    char raw[GL_STATUS_TEXT_MAX + 1] = "", text[GL_STATUS_TEXT_MAX + 1];
    if (format) {
        va_list args;
        va_start(args, format);
        vsnprintf(raw, sizeof(raw), format, args);
        va_end(args);
    }
    gl_escape(text, sizeof(text), raw, strlen(raw));
    if (call->starting)
        *call->starting = false;

    /* The stream first: `ended` and what it calls see a call that is over. */
    if (!call->cancelled)
        gl_stream_close(call->stream, status, text);
    gl_stream_release(call->stream);
    call->stream = NULL;

    const struct gl_dispatch *d = call->dispatch;
    if (call->allowed && d->ended)
        d->ended(d->ctx, call, call->cancelled ? call->cancel_status : status);
    call_free(call);
}

/* ------------------------------------------------------------------ opener */

int gl_call_open(struct gl_mux *mux, const char *service, const char *method, const char *target,
                 const void *request, unsigned flags, const struct gl_stream_events *events,
                 void *ctx, struct gl_stream **ret_stream)
{
    bool secret = flags & GL_FLAG_SECRET;
    struct gl_slice packed = gl_message_pack(request);
    if (secret)
        gl_slice_set_secret(packed);
    Gl__Open open = GL__OPEN__INIT;
    /* protobuf-c's structs have no const; nothing is written through these. */
    open.service = (char *)(uintptr_t)service;
    open.method = (char *)(uintptr_t)method;
    open.target = (char *)(uintptr_t)(target ? target : "");
    open.request = gl_message_bytes(packed.data, packed.len);
    struct gl_slice slice = gl_message_pack(&open);
    if (secret)
        gl_slice_set_secret(slice);
    gl_slice_unref(&packed);
    return gl_stream_open(mux, flags, slice, events, ctx, ret_stream);
}
