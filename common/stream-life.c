/* SPDX-License-Identifier: MIT */
#include "mux-internal.h"

struct gl_stream *gl_stream_new(struct gl_mux *mux, bool opener, unsigned flags)
{
    struct gl_stream *stream = GL_NEW0(struct gl_stream);
    stream->mux = mux;
    stream->opener = opener;
    stream->account = mux->config.account;
    stream->interactive = (flags & GL_FLAG_INTERACTIVE) != 0;
    stream->tx_limit = stream->rx_limit = stream->rx_window = GL_WINDOW_INITIAL;
    stream->mark_time = mux->now;
    gl_list_init(&stream->ready_link);
    gl_list_init(&stream->window_link);
    gl_list_init(&stream->notify_link);
    gl_list_init(&stream->link);
    gl_list_append(&mux->live, &stream->link);
    mux->live_count++;
    mux->objects++;
    stream->counted = true;
    if (opener)
        mux->local_count++;
    else
        mux->peer_count++;
    return stream;
}

static size_t partial_size(const struct gl_block *block)
{
    return block ? gl_block_capacity(block) : 0;
}

void gl_stream_set_partial(struct gl_stream *stream, struct gl_block *block)
{
    size_t before = partial_size(stream->partial), now = partial_size(block);
    stream->mux->partials += now - before;
    gl_account_drop(stream->account, before);
    gl_account_hold(stream->account, now);
    gl_block_unref(stream->partial);
    stream->partial = block;
}

void gl_stream_set_account(struct gl_stream *stream, struct gl_account *account)
{
    size_t held = stream->queued + partial_size(stream->partial);
    uint64_t growth = stream->rx_window - GL_WINDOW_INITIAL;
    if (stream->finished)
        return;
    gl_account_drop(stream->account, held);
    gl_account_shrink(stream->account, growth);
    stream->account = account;
    gl_account_hold(account, held);
    gl_account_grow(account, growth);
}

void gl_stream_finish(struct gl_stream *stream)
{
    struct gl_mux *mux = stream->mux;
    stream->finished = true;
    stream->tx_ended = true;
    stream->window_due = false;
    stream->sent_due = false;
    if (stream->id)
        gl_stream_map_remove(mux, stream);
    gl_list_remove(&stream->link);
    gl_list_remove(&stream->ready_link);
    gl_list_remove(&stream->window_link);
    gl_list_remove(&stream->notify_link);
    mux->live_count--;

    struct gl_unit *unit;
    while ((unit = gl_unit_pop(&stream->queue)))
        gl_unit_unref(unit);
    gl_stream_discharge(stream, stream->queued);
    mux->growth -= stream->rx_window - GL_WINDOW_INITIAL;
    gl_account_shrink(stream->account, stream->rx_window - GL_WINDOW_INITIAL);
    gl_stream_set_partial(stream, NULL);
    stream->account = NULL;
}

/*
 * A stream that we opened counts until the peer has heard of its end; one of the peer's until its
 * handler is done and the peer is going to hear of it, so that neither handlers nor answers that
 * the peer does not read can pile up.
 */
void gl_stream_settle(struct gl_stream *stream)
{
    struct gl_mux *mux = stream->mux;
    if (!stream->finished || stream->reset_waits)
        return;
    if (stream->counted && (stream->opener || stream->released)) {
        stream->counted = false;
        if (stream->opener)
            mux->local_count--;
        else
            mux->peer_count--;
    }
    if (stream->released) {
        gl_list_remove(&stream->notify_link);
        gl_list_remove(&stream->link);
        gl_list_append(&mux->dead, &stream->link);
    }
}

void gl_stream_reset_arrived(struct gl_stream *stream)
{
    stream->reset_waits = false;
    gl_stream_settle(stream);
}

void gl_stream_cancel(struct gl_stream *stream, enum gl_status status, const char *text)
{
    gl_stream_finish(stream);
    if (stream->id && !stream->mux->ended)
        gl_mux_queue_reset(stream->mux, stream->id, stream, status, text);
    gl_stream_settle(stream);
}

void gl_stream_tell_end(struct gl_stream *stream, enum gl_status status, const char *text)
{
    if (!stream->released && stream->events && stream->events->on_end)
        stream->events->on_end(stream->ctx, stream, status, text);
}

void gl_stream_ready(struct gl_stream *stream)
{
    if (!stream->queue.head || !gl_list_empty(&stream->ready_link))
        return;
    gl_list_append(&stream->mux->ready[stream->interactive], &stream->ready_link);
    gl_mux_wake(stream->mux);
}
