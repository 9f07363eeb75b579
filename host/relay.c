/* SPDX-License-Identifier: MIT */
#include "relay.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "escape.h"
#include "mem.h"
#include "name.h"

struct gl_relay {
    struct gl_stream *client, *guest; /* NULL once it has ended and was released */
    struct gl_relay_terms terms;      /* the share is held as long as there is `guest` */
    size_t open_waits;                /* bytes of an Open that was not sent */
    char guest_name[GL_NAME_SIZE];
};

/* ------------------------------------------------------------------ either way */

/*
 * The charge of what came is the credit of what is sent on: it comes back by on_sent when that has
 * been handed to a transport, and only then is it granted again. A target that takes nothing more
 * (it has ended, or its direction has) swallows: the source must not stall for it.
 */
static struct gl_stream *other(const struct gl_relay *relay, const struct gl_stream *stream)
{
    return stream == relay->client ? relay->guest : relay->client;
}

static void overdrawn(struct gl_relay *relay);

/* Whether so much more may be kept; if not, the relay is gone. */
static bool may_keep(struct gl_relay *relay, size_t len)
{
    if (!gl_account_is_full(relay->terms.account, len))
        return true;
    overdrawn(relay);
    return false;
}

static void on_message(void *ctx, struct gl_stream *from, struct gl_slice message, size_t charge)
{
    struct gl_stream *to = other(ctx, from);
    if (!to || !may_keep(ctx, charge)) {
        gl_slice_unref(&message);
        gl_stream_consume(from, charge);
    } else if (gl_stream_send_message(to, message, charge) < 0) {
        gl_stream_consume(from, charge);
    }
}

static void on_data(void *ctx, struct gl_stream *from, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    struct gl_stream *to = other(ctx, from);
    if (!to || !may_keep(ctx, charge)) {
        gl_slice_unref(&data);
        gl_stream_consume(from, charge);
    } else if (gl_stream_send_data(to, channel, data, charge) < 0) {
        gl_stream_consume(from, charge);
    }
}

static void on_eof(void *ctx, struct gl_stream *from)
{
    struct gl_stream *to = other(ctx, from);
    if (to)
        gl_stream_send_eof(to);
}

static void open_was_sent(struct gl_relay *relay)
{
    gl_share_sent(relay->terms.share, relay->open_waits);
    relay->open_waits = 0;
}

/* What came from the other stream was sent on. The first that is sent to a guest is the Open. */
static void on_sent(void *ctx, struct gl_stream *stream, size_t credit)
{
    struct gl_relay *relay = ctx;
    struct gl_stream *source = other(relay, stream);
    if (stream == relay->guest && relay->open_waits)
        open_was_sent(relay);
    if (source)
        gl_stream_consume(source, credit);
}

/* ------------------------------------------------------------------ the end */

/* The guest's stream has ended, or will now. */
static void end_guest(struct gl_relay *relay, bool lingers)
{
    open_was_sent(relay);
    gl_share_give(relay->terms.shares, relay->terms.share, lingers, uv_hrtime() / 1000000);
    gl_stream_release(relay->guest);
    relay->guest = NULL;
}

static void cancel_guest(struct gl_relay *relay, const char *text)
{
    bool may_have_heard = gl_stream_id(relay->guest) != 0;
    gl_stream_reset(relay->guest, GL_STATUS_CANCELLED, text);
    end_guest(relay, may_have_heard);
}

/* Both ends at once: what is queued is what there is too much of. */
static void overdrawn(struct gl_relay *relay)
{
    gl_stream_reset(relay->client, GL_STATUS_LIMIT,
                    "the host daemon keeps too much of this user's that nobody takes");
    gl_stream_release(relay->client);
    if (relay->guest)
        cancel_guest(relay, "the client takes more than its share of the host daemon");
    gl_free(relay);
}

/* Either the status was handed on (the guest's half has ended before), or the client went away. */
static void on_client_end(void *ctx, struct gl_stream *stream, enum gl_status status,
                          const char *text)
{
    struct gl_relay *relay = ctx;
    (void)status;
    gl_stream_release(stream);
    if (relay->guest)
        cancel_guest(relay, *text ? text : "the client went away");
    gl_free(relay);
}

static const struct gl_stream_events client_events = {
    .on_message = on_message,
    .on_data = on_data,
    .on_eof = on_eof,
    .on_sent = on_sent,
    .on_end = on_client_end,
};

/* A session's end is told in our words, since the peer had none; what the guest said itself is
 * passed on as it is. */
static void on_guest_end(void *ctx, struct gl_stream *stream, enum gl_status status,
                         const char *text)
{
    struct gl_relay *relay = ctx;
    char ours[GL_STATUS_TEXT_MAX + 1], why[700];
    bool ended = gl_mux_has_ended(gl_stream_mux(stream));
    end_guest(relay, status == GL_STATUS_LIMIT);
    if (ended) {
        gl_escape(why, sizeof why, text, strlen(text)); /* and cut between characters */
        snprintf(ours, sizeof ours, "guest '%s': %s", relay->guest_name,
                 *why ? why : "its session has ended");
        text = ours;
    }
    gl_stream_close(relay->client, status, text);
}

static const struct gl_stream_events guest_events = {
    .on_message = on_message,
    .on_data = on_data,
    .on_eof = on_eof,
    .on_sent = on_sent,
    .on_end = on_guest_end,
};

/* ------------------------------------------------------------------ start */

enum gl_status gl_relay_start(struct gl_mux *guest, const char *guest_name,
                              struct gl_stream *client, struct gl_slice open,
                              const struct gl_relay_terms *terms)
{
    struct gl_relay *relay = GL_NEW0(struct gl_relay);
    unsigned flags = gl_stream_is_interactive(client) ? GL_FLAG_INTERACTIVE : 0;
    snprintf(relay->guest_name, sizeof relay->guest_name, "%s", guest_name);
    relay->client = client;
    relay->terms = *terms;
    relay->open_waits = open.len;
    int err = gl_stream_open(guest, flags, open, &guest_events, relay, &relay->guest);
    if (err < 0) {
        gl_free(relay);
        return err == UV_EAGAIN     ? GL_STATUS_LIMIT
               : err == UV_EMSGSIZE ? GL_STATUS_TOO_BIG
                                    : GL_STATUS_UNAVAILABLE;
    }
    gl_stream_set_account(relay->guest, terms->account);
    gl_stream_bind(client, &client_events, relay);
    return GL_STATUS_OK;
}
