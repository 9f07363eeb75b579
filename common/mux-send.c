/* SPDX-License-Identifier: MIT */
/*
 * Which frame goes out next: control, replay, WINDOWs, RESETs, interactive streams, bulk streams in
 * turn. Frames that were picked and not yet written are the outbox.
 */
#include "mux-internal.h"

/* ------------------------------------------------------------------ outbox */

/* Takes the reference. */
static void out_push(struct gl_mux *mux, struct gl_unit *unit)
{
    unit->next_out = NULL;
    if (mux->out_tail)
        mux->out_tail->next_out = unit;
    else
        mux->out_head = unit;
    mux->out_tail = unit;
    mux->out_bytes += gl_unit_size(unit);
}

static void out_pop(struct gl_mux *mux)
{
    struct gl_unit *unit = mux->out_head;
    mux->out_head = unit->next_out;
    if (!mux->out_head)
        mux->out_tail = NULL;
    gl_unit_unref(unit);
}

void gl_mux_drop_outbox(struct gl_mux *mux)
{
    while (mux->out_head)
        out_pop(mux);
    mux->out_bytes = 0;
    mux->out_offset = 0;
}

struct gl_mux_hold {
    struct gl_mux_hold *more;
    size_t count;
    struct gl_unit *units[];
};

struct gl_mux_hold *gl_mux_hold(const struct gl_mux *mux, struct gl_mux_hold *more)
{
    size_t count = 0;
    for (const struct gl_unit *unit = mux->out_head; unit; unit = unit->next_out)
        count++;
    if (!count)
        return more;
    struct gl_mux_hold *hold = gl_alloc(sizeof(*hold) + count * sizeof(hold->units[0]));
    hold->more = more;
    hold->count = 0;
    for (struct gl_unit *unit = mux->out_head; unit; unit = unit->next_out) {
        unit->refs++;
        hold->units[hold->count++] = unit;
    }
    return hold;
}

void gl_mux_hold_free(struct gl_mux_hold *hold)
{
    while (hold) {
        struct gl_mux_hold *more = hold->more;
        for (size_t i = 0; i < hold->count; i++)
            gl_unit_unref(hold->units[i]);
        gl_free(hold);
        hold = more;
    }
}

void gl_mux_written(struct gl_mux *mux, uint64_t now, size_t bytes)
{
    gl_mux_set_now(mux, now);
    if (bytes > mux->out_bytes)
        bytes = mux->out_bytes;
    mux->tx_bytes += bytes;
    mux->out_bytes -= bytes;
    mux->out_offset += bytes;
    while (mux->out_head && mux->out_offset >= gl_unit_size(mux->out_head)) {
        mux->out_offset -= gl_unit_size(mux->out_head);
        out_pop(mux);
    }
}

/* ------------------------------------------------------------------ picking */

void gl_mux_queue_reset(struct gl_mux *mux, uint32_t id, struct gl_stream *stream,
                        enum gl_status status, const char *text)
{
    struct gl_unit *unit = gl_unit_new(GL_FRAME_RESET, gl_status_pack(status, text));
    unit->frame.stream = id;
    gl_unit_seal(unit);
    unit->stream = stream;
    if (stream)
        stream->reset_waits = true;
    else
        mux->orphan_resets++;
    gl_unit_push(&mux->resets, unit);
    gl_mux_wake(mux);
}

static struct gl_unit *pick_reset(struct gl_mux *mux)
{
    struct gl_unit *unit = mux->resets.head;
    if (!unit || !gl_replay_has_room(&mux->replay, unit->frame.length, true))
        return NULL;
    struct gl_stream *stream = unit->stream;
    gl_unit_pop(&mux->resets);
    gl_replay_add(&mux->replay, unit);
    if (!stream)
        mux->orphan_resets--;
    /* The peer counts a stream of ours until it has heard of its end, and so do we. */
    if (stream && (!stream->opener || !mux->replay.keep)) {
        unit->stream = NULL;
        gl_stream_reset_arrived(stream);
    }
    return unit;
}

static struct gl_unit *pick_window(struct gl_mux *mux)
{
    struct gl_list *node = gl_list_first(&mux->windows);
    if (!node || !gl_replay_has_room(&mux->replay, 8, true))
        return NULL;
    struct gl_stream *stream = GL_CONTAINER_OF(node, struct gl_stream, window_link);
    gl_list_remove(node);
    stream->window_due = false;
    stream->rx_limit = stream->rx_consumed + stream->rx_window;
    struct gl_unit *unit = gl_unit_control(GL_FRAME_WINDOW, stream->id, stream->rx_limit);
    gl_replay_add(&mux->replay, unit);
    return unit;
}

enum verdict { SEND, WAIT_CREDIT, WAIT_REPLAY };

/* How much of a MESSAGE, DATA or OPEN item its next frame takes. */
static enum verdict measure(const struct gl_stream *stream, const struct gl_unit *item,
                            size_t *ret_len)
{
    size_t left = item->payload.len;
    size_t cap = stream->mux->config.payload_max;
    size_t len = left;
    /* A little more than a piece is not worth two. */
    if (item->frame.type == GL_FRAME_DATA && left > GL_DATA_PIECE + GL_DATA_PIECE / 2)
        len = GL_DATA_PIECE;
    if (len > cap)
        len = cap;
    if (item->frame.type != GL_FRAME_OPEN) {
        uint64_t credit = stream->tx_limit - stream->tx_charged;
        if (gl_charge(len) > credit) {
            if (credit < GL_SMALL_PIECE)
                return WAIT_CREDIT;
            len = (size_t)credit;
        }
    }
    /* A last piece below GL_CHARGE_MIN would cost more than its length: see gl_stream_check_window.
     */
    if (left - len > 0 && left - len < GL_CHARGE_MIN)
        len -= GL_CHARGE_MIN;
    *ret_len = len;
    return SEND;
}

static enum verdict judge(const struct gl_stream *stream, size_t *ret_len)
{
    const struct gl_unit *item = stream->queue.head;
    bool control = item->frame.type == GL_FRAME_EOF || item->frame.type == GL_FRAME_CLOSE;
    *ret_len = item->payload.len;
    if (!control && measure(stream, item, ret_len) == WAIT_CREDIT)
        return WAIT_CREDIT;
    return gl_replay_has_room(&stream->mux->replay, *ret_len, control) ? SEND : WAIT_REPLAY;
}

static void notify(struct gl_stream *stream)
{
    if (gl_list_empty(&stream->notify_link))
        gl_list_append(&stream->mux->notify, &stream->notify_link);
}

/* Takes len bytes off the first item, as a unit of its own or, if that is all of it, the item. */
static struct gl_unit *cut(struct gl_stream *stream, size_t len)
{
    struct gl_unit *item = stream->queue.head;
    bool whole = len == item->payload.len;
    size_t gone = gl_item_charge(item) - (whole ? 0 : gl_charge(item->payload.len - len));
    gl_stream_discharge(stream, gone);
    if (whole) {
        gl_unit_pop(&stream->queue);
        if (item->frame.type == GL_FRAME_MESSAGE || item->frame.type == GL_FRAME_DATA ||
            stream->open_queued) {
            stream->open_queued = false;
            stream->sent_credit += item->credit;
            stream->sent_due = true;
            notify(stream);
        }
        return item;
    }
    struct gl_unit *unit = gl_unit_new(item->frame.type, gl_slice_sub(item->payload, 0, len));
    unit->frame = item->frame;
    item->payload.data += len;
    item->payload.len -= len;
    if (item->frame.type != GL_FRAME_DATA) {
        unit->frame.flags |= GL_FLAG_MORE;
        item->frame.type = GL_FRAME_MESSAGE;
        item->frame.flags &= GL_FLAG_SECRET;
    }
    return unit;
}

/* Our CLOSE is on its way. What was sent before it in this same output is still to be told. */
static void finish_closed(struct gl_stream *stream)
{
    bool sent_due = stream->sent_due;
    gl_stream_finish(stream);
    if (!stream->released) {
        stream->sent_due = sent_due;
        stream->end_due = true;
        notify(stream);
    }
    gl_stream_settle(stream);
}

/* The unit is a frame that was numbered: what that means for its stream. */
static void account(struct gl_stream *stream, const struct gl_unit *unit)
{
    switch (unit->frame.type) {
    case GL_FRAME_MESSAGE:
    case GL_FRAME_DATA:
        stream->tx_charged += gl_charge(unit->frame.length);
        break;
    case GL_FRAME_CLOSE:
        finish_closed(stream);
        break;
    default:
        break;
    }
}

static struct gl_unit *send_head(struct gl_stream *stream, size_t len)
{
    struct gl_mux *mux = stream->mux;
    struct gl_unit *unit = cut(stream, len);
    if (unit->frame.type == GL_FRAME_OPEN) {
        stream->id = mux->tx_next_id;
        mux->tx_next_id += 2;
        gl_stream_map_add(mux, stream);
    }
    unit->frame.stream = stream->id;
    gl_unit_seal(unit);
    gl_replay_add(&mux->replay, unit);
    account(stream, unit);
    return unit;
}

static struct gl_unit *pick_ready(struct gl_mux *mux, struct gl_list *ready)
{
    GL_LIST_FOREACH_SAFE (node, ready) {
        struct gl_stream *stream = GL_CONTAINER_OF(node, struct gl_stream, ready_link);
        size_t len;
        enum verdict verdict = judge(stream, &len);
        if (verdict == WAIT_REPLAY)
            continue; /* another may have an EOF or CLOSE, which have a reserve */
        gl_list_remove(node);
        if (verdict == WAIT_CREDIT)
            continue; /* WINDOW makes it ready again */
        if (stream->queue.head->frame.type == GL_FRAME_OPEN && mux->tx_next_id > GL_STREAM_ID_MAX) {
            gl_mux_goodbye(mux, GL_STATUS_LIMIT, "stream numbers are used up");
            return NULL;
        }
        struct gl_unit *unit = send_head(stream, len);
        /* Behind the others; but a message that was begun is finished first: the receiver has room
         * for a few only. */
        if (stream->queue.head && unit->frame.flags & GL_FLAG_MORE)
            gl_list_prepend(ready, node);
        else if (stream->queue.head)
            gl_list_append(ready, node);
        return unit;
    }
    return NULL;
}

/* The next frame to go out, or NULL. */
static struct gl_unit *pick(struct gl_mux *mux)
{
    struct gl_unit *unit;
    if (mux->goodbye) {
        unit = mux->goodbye;
        mux->goodbye = NULL;
        return unit;
    }
    if (mux->goodbye_queued || mux->ended || mux->broken)
        return NULL;
    if ((unit = gl_pulse_pick(mux)))
        return unit;
    if ((unit = gl_replay_next(&mux->replay)))
        return unit;
    if ((unit = pick_window(mux)) || (unit = pick_reset(mux)) ||
        (unit = pick_ready(mux, &mux->ready[true])) || (unit = pick_ready(mux, &mux->ready[false])))
        return unit;
    return mux->goodbye ? pick(mux) : NULL;
}

/* ------------------------------------------------------------------ output */

/* Tells streams what has left their queues. Returns whether anybody was told. */
static bool run_notify(struct gl_mux *mux)
{
    bool any = false;
    struct gl_list *node;
    while ((node = gl_list_first(&mux->notify))) {
        struct gl_stream *stream = GL_CONTAINER_OF(node, struct gl_stream, notify_link);
        gl_list_remove(node);
        any = true;
        if (stream->sent_due) {
            size_t credit = stream->sent_credit;
            stream->sent_due = false;
            stream->sent_credit = 0;
            if (stream->events && stream->events->on_sent)
                stream->events->on_sent(stream->ctx, stream, credit);
        }
        if (stream->end_due) {
            stream->end_due = false;
            gl_stream_tell_end(stream, stream->close_status, stream->close_text);
        }
    }
    return any;
}

static size_t add_piece(struct gl_iov *iov, size_t at, const uint8_t *base, size_t len,
                        size_t *skip)
{
    if (*skip >= len) {
        *skip -= len;
        return at;
    }
    iov[at] = (struct gl_iov){base + *skip, len - *skip};
    *skip = 0;
    return at + 1;
}

static size_t fill(const struct gl_mux *mux, struct gl_iov *iov, size_t n)
{
    size_t at = 0, skip = mux->out_offset;
    for (const struct gl_unit *unit = mux->out_head; unit && at < n; unit = unit->next_out) {
        at = add_piece(iov, at, unit->head, unit->head_len, &skip);
        if (at < n && unit->payload.len)
            at = add_piece(iov, at, unit->payload.data, unit->payload.len, &skip);
    }
    return at;
}

static bool pick_some(struct gl_mux *mux, size_t max, size_t *units)
{
    bool any = false;
    while (mux->out_bytes < max && *units) {
        struct gl_unit *unit = pick(mux);
        if (!unit)
            break;
        out_push(mux, unit);
        any = true;
        --*units;
    }
    return any;
}

size_t gl_mux_output(struct gl_mux *mux, uint64_t now, struct gl_iov *iov, size_t n, size_t max)
{
    if (!mux->attached)
        return 0;
    gl_mux_enter(mux);
    gl_mux_set_now(mux, now);
    mux->in_output = true;
    uint64_t link = mux->links;
    size_t units = n; /* each fills one piece at least */
    /* What streams are told may make them queue more. */
    do
        pick_some(mux, max, &units);
    while (run_notify(mux) && mux->attached && mux->links == link && mux->out_bytes < max && units);
    mux->in_output = false;
    mux->woken = false;
    size_t filled = mux->attached && mux->links == link ? fill(mux, iov, n) : 0;
    gl_mux_leave(mux);
    return filled;
}
