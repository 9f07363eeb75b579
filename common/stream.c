/* SPDX-License-Identifier: MIT */
#include "mux-internal.h"

#include <uv.h>

/* A peer that refuses our streams counts the refusals and loses patience: stop long before that. */
static bool is_refused_much(const struct gl_mux *mux)
{
    return mux->refused_by_peer >= GL_REFUSED_PAUSE &&
           mux->now - mux->refused_since < GL_REFUSALS_TIME;
}

static uint8_t secret_flag(struct gl_slice message)
{
    return gl_slice_is_secret(message) ? GL_FLAG_SECRET : 0;
}

int gl_stream_open(struct gl_mux *mux, unsigned flags, struct gl_slice open,
                   const struct gl_stream_events *events, void *ctx, struct gl_stream **ret_stream)
{
    int rc = 0;
    if (mux->ended || mux->broken || mux->goodbye_queued)
        rc = UV_ECONNABORTED;
    else if (open.len > GL_MESSAGE_MAX)
        rc = UV_EMSGSIZE;
    else if (mux->local_count >= mux->config.local_streams_max || is_refused_much(mux))
        rc = UV_EAGAIN;
    if (rc) {
        gl_slice_unref(&open);
        return rc;
    }
    struct gl_stream *stream = gl_stream_new(mux, true, flags);
    stream->bound = true;
    stream->events = events;
    stream->ctx = ctx;
    struct gl_unit *unit = gl_unit_new(GL_FRAME_OPEN, open);
    unit->frame.flags = (flags & GL_FLAG_INTERACTIVE) | secret_flag(unit->payload);
    stream->open_queued = true;
    gl_stream_charge(stream, gl_item_charge(unit));
    gl_unit_push(&stream->queue, unit);
    *ret_stream = stream;
    gl_stream_ready(stream);
    return 0;
}

void gl_stream_bind(struct gl_stream *stream, const struct gl_stream_events *events, void *ctx)
{
    stream->bound = true;
    stream->events = events;
    stream->ctx = ctx;
}

void *gl_stream_context(const struct gl_stream *stream)
{
    return stream->ctx;
}

struct gl_mux *gl_stream_mux(const struct gl_stream *stream)
{
    return stream->mux;
}

uint32_t gl_stream_id(const struct gl_stream *stream)
{
    return stream->id;
}

bool gl_stream_is_interactive(const struct gl_stream *stream)
{
    return stream->interactive;
}

size_t gl_stream_queued(const struct gl_stream *stream)
{
    return stream->queued;
}

/* Takes the slice. */
static void queue_item(struct gl_stream *stream, uint8_t type, uint8_t channel,
                       struct gl_slice payload, size_t credit)
{
    struct gl_unit *unit = gl_unit_new(type, payload);
    unit->frame.channel = channel;
    if (type == GL_FRAME_MESSAGE)
        unit->frame.flags = secret_flag(unit->payload);
    unit->credit = credit;
    gl_unit_push(&stream->queue, unit);
    gl_stream_charge(stream, gl_item_charge(unit));
    gl_stream_ready(stream);
}

int gl_stream_send_message(struct gl_stream *stream, struct gl_slice message, size_t credit)
{
    int rc = stream->tx_ended ? UV_EPIPE : message.len > GL_MESSAGE_MAX ? UV_EMSGSIZE : 0;
    if (rc)
        gl_slice_unref(&message);
    else
        queue_item(stream, GL_FRAME_MESSAGE, 0, message, credit);
    return rc;
}

int gl_stream_send_data(struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                        size_t credit)
{
    if (stream->tx_ended) {
        gl_slice_unref(&data);
        return UV_EPIPE;
    }
    queue_item(stream, GL_FRAME_DATA, channel, data, credit);
    return 0;
}

int gl_stream_send_eof(struct gl_stream *stream)
{
    if (stream->tx_ended)
        return UV_EPIPE;
    stream->tx_ended = true;
    queue_item(stream, GL_FRAME_EOF, 0, GL_SLICE_EMPTY, 0);
    return 0;
}

/* Bytes like these are seldom waited for: a window that is consumed within two round trips is too
 * small. */
static void grow_window(struct gl_stream *stream)
{
    struct gl_mux *mux = stream->mux;
    if (stream->rx_consumed - stream->mark_consumed < stream->rx_window)
        return;
    uint64_t took = mux->now - stream->mark_time;
    stream->mark_consumed = stream->rx_consumed;
    stream->mark_time = mux->now;
    gl_pulse_measure(mux);
    if (mux->rtt && took <= 2 * mux->rtt && stream->rx_window * 2 <= GL_WINDOW_MAX &&
        mux->growth + stream->rx_window <= mux->config.window_growth_max &&
        gl_account_may_grow(stream->account, stream->rx_window)) {
        mux->growth += stream->rx_window;
        gl_account_grow(stream->account, stream->rx_window);
        stream->rx_window *= 2;
    }
}

/*
 * When a WINDOW is due: half a window is to be renewed; or, while a message is being put together,
 * anything at all.
 *
 * Why nobody waits for ever: a sender waits only if its credit is below GL_SMALL_PIECE (or below
 * the charge of a smaller piece). Let W be the window (at least GL_WINDOW_INITIAL), U the charge
 * that was received and not consumed. Since less than W / 2 is left unannounced, the credit is more
 * than W / 2 - U, so U > W / 2 - GL_SMALL_PIECE > 0: something is there that the consumer will
 * consume, which makes more room; unless U is all of a partial message. Then everything before it
 * was announced at once by the second rule, the credit is W - U, and the rest of the message fits
 * into that, as the whole is at most GL_MESSAGE_MAX <= W and senders leave no last piece below
 * GL_CHARGE_MIN (mux-send.c), so that its charge is its length.
 */
void gl_stream_check_window(struct gl_stream *stream)
{
    if (stream->window_due || stream->finished || stream->rx_ended)
        return;
    uint64_t gain = stream->rx_consumed + stream->rx_window - stream->rx_limit;
    if (gain < stream->rx_window / 2 && !(stream->partial && gain > 0))
        return;
    stream->window_due = true;
    gl_list_append(&stream->mux->windows, &stream->window_link);
    gl_mux_wake(stream->mux);
}

void gl_stream_consume(struct gl_stream *stream, size_t charge)
{
    if (stream->finished)
        return;
    uint64_t most = stream->rx_charged - stream->rx_consumed - stream->partial_charge;
    stream->rx_consumed += charge < most ? charge : most;
    grow_window(stream);
    gl_stream_check_window(stream);
}

int gl_stream_close(struct gl_stream *stream, enum gl_status status, const char *text)
{
    if (stream->opener)
        return UV_EINVAL;
    if (stream->finished || stream->closing)
        return UV_EPIPE;
    stream->tx_ended = true;
    stream->closing = true;
    stream->close_status = status;
    struct gl_slice payload = gl_status_pack(status, text);
    stream->close_text = gl_strndup((const char *)payload.data + 4, payload.len - 4);
    struct gl_unit *unit = gl_unit_new(GL_FRAME_CLOSE, payload);
    gl_unit_push(&stream->queue, unit);
    gl_stream_ready(stream);
    return 0;
}

void gl_stream_reset(struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct gl_mux *mux = stream->mux;
    stream->end_due = false;
    if (stream->finished)
        return;
    gl_mux_enter(mux);
    gl_stream_cancel(stream, status, text);
    gl_mux_leave(mux);
}

void gl_stream_release(struct gl_stream *stream)
{
    struct gl_mux *mux = stream->mux;
    if (stream->released)
        return;
    gl_mux_enter(mux);
    stream->released = true;
    stream->events = NULL;
    stream->end_due = false;
    if (!stream->finished && !stream->closing)
        gl_stream_cancel(stream, GL_STATUS_CANCELLED, "");
    else
        gl_stream_settle(stream);
    gl_mux_leave(mux);
}
