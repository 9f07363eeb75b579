/* SPDX-License-Identifier: MIT */
#include "presence.h"

#include "call.h"
#include "mem.h"
#include "message.h"
#include "proto/guestlink.pb-c.h"

#define NOTICE_MS          1000u /* detached, and the call unanswered */
#define NOTICE_ANSWERED_MS 3000u

struct gl_presence {
    struct gl_cli *cli;
    const char *guest, *how;
    const struct gl_presence_events *events;
    void *ctx;
    struct gl_stream *stream; /* NULL: it has ended, nothing is known any more */
    uv_timer_t notice;
    bool known, detached, was_there, answered;
    uint64_t since_ms;    /* when we heard that it is detached, */
    uint32_t resume_left; /* and how long it would be waited for from then on, seconds */
};

static const struct gl_presence_events no_events;

/* ------------------------------------------------------------------ the notice */

static void on_notice(uv_timer_t *timer)
{
    struct gl_presence *p = timer->data;
    uint64_t passed = gl_presence_detached_ms(p) / 1000;
    uv_stop(timer->loop); /* who waits looks again, also if the loop has not begun to */
    unsigned left = passed < p->resume_left ? p->resume_left - (unsigned)passed : 0;
    if (p->events->on_waiting && !p->events->on_waiting(p->ctx))
        return;
    if (p->how)
        gl_cli_notice(p->cli, p->guest, "DETACHED",
                      "the guest is detached, waiting for it (up to %u s; %s)", left, p->how);
}

static void arm(struct gl_presence *p)
{
    uint64_t after = p->answered ? NOTICE_ANSWERED_MS : NOTICE_MS;
    uint64_t passed = gl_presence_detached_ms(p);
    uv_timer_start(&p->notice, on_notice, passed < after ? after - passed : 0, 0);
}

static void set_detached(struct gl_presence *p, bool detached)
{
    bool was = p->detached;
    p->known = true;
    p->detached = detached;
    p->was_there = p->was_there || !detached;
    if (detached == was)
        return;
    p->since_ms = uv_now(p->cli->loop);
    if (detached)
        arm(p);
    else
        uv_timer_stop(&p->notice);
    if (p->events->on_change)
        p->events->on_change(p->ctx);
}

/* ------------------------------------------------------------------ the stream */

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    struct gl_presence *p = ctx;
    ProtobufCMessage *decoded = NULL;
    int error =
        gl_message_unpack(&gl__guest__descriptor, message.data, message.len, &decoded, NULL);
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
    if (error)
        return;
    const Gl__Guest *guest = (const Gl__Guest *)decoded;
    p->resume_left = guest->resume_left;
    set_detached(p, guest->state == GL__GUEST_STATE__GUEST_STATE_DETACHED);
    gl_message_free(decoded);
}

static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct gl_presence *p = ctx;
    (void)status, (void)text;
    gl_stream_release(stream);
    p->stream = NULL;
    set_detached(p, false);
}

static const struct gl_stream_events stream_events = {.on_message = on_message, .on_end = on_end};

/* ------------------------------------------------------------------ interface */

struct gl_presence *gl_presence_new(struct gl_cli *cli, const char *guest, const char *how,
                                    const struct gl_presence_events *events, void *ctx)
{
    struct gl_presence *p = GL_NEW0(struct gl_presence);
    Gl__GuestRef request = GL__GUEST_REF__INIT;
    p->cli = cli;
    p->guest = guest;
    p->how = how;
    p->events = events ? events : &no_events;
    p->ctx = ctx;
    uv_timer_init(cli->loop, &p->notice);
    p->notice.data = p;
    request.guest = (char *)(uintptr_t)guest;
    if (gl_call_open(gl_client_mux(cli->client), "host", "watch", "", &request, GL_FLAG_INTERACTIVE,
                     &stream_events, p, &p->stream) < 0)
        p->stream = NULL;
    return p;
}

static void on_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

void gl_presence_free(struct gl_presence *p)
{
    if (!p)
        return;
    if (p->stream)
        gl_stream_release(p->stream);
    uv_close((uv_handle_t *)&p->notice, on_closed);
}

void gl_presence_answered(struct gl_presence *p, const char *how)
{
    p->answered = true;
    p->was_there = true;
    p->how = how;
    if (p->detached && uv_is_active((uv_handle_t *)&p->notice))
        arm(p);
}

bool gl_presence_is_detached(const struct gl_presence *p)
{
    return p->detached;
}

uint64_t gl_presence_detached_ms(const struct gl_presence *p)
{
    return p->detached ? uv_now(p->cli->loop) - p->since_ms : 0;
}

bool gl_presence_was_there(const struct gl_presence *p)
{
    return p->was_there || !p->known;
}
