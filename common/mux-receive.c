/* SPDX-License-Identifier: MIT */
/* Frames that come in: each is checked against doc/PROTOCOL.md, then acted upon. */
#include "mux-internal.h"

#include <sodium.h>
#include <string.h>
#include <uv.h>

/* A frame as it lies in the caller's buffer. */
struct arrival {
    struct gl_frame frame;
    uint8_t *header, *payload;
    struct gl_block *block; /* may be NULL */
};

static bool is_secret(const struct arrival *a)
{
    return a->frame.flags & GL_FLAG_SECRET;
}

static struct gl_slice payload_slice(const struct arrival *a)
{
    size_t len = a->frame.length;
    /* A small slice must not keep a large block alive; and a secret has a block of its own, since
     * what it was read into is used on, and wiped at once. */
    if (len >= GL_SLICE_MIN && a->block && !is_secret(a))
        return (struct gl_slice){gl_block_ref(a->block), a->payload, len};
    struct gl_slice copy = gl_slice_copy(a->payload, len);
    if (is_secret(a))
        gl_slice_set_secret(copy);
    return copy;
}

static bool is_own_id(const struct gl_mux *mux, uint32_t id)
{
    return (id & 1) == (mux->config.side == GL_SIDE_A);
}

/* *ret_stream NULL: it has finished, and the frame is to be dropped (is counted here). */
static int find_stream(struct gl_mux *mux, const struct gl_frame *frame,
                       struct gl_stream **ret_stream)
{
    uint32_t next = is_own_id(mux, frame->stream) ? mux->tx_next_id : mux->rx_next_id;
    if (frame->stream >= next)
        return gl_mux_fail(mux, "%s on stream %u, which was never opened",
                           gl_frame_type_name(frame->type), frame->stream);
    *ret_stream = gl_stream_map_find(mux, frame->stream);
    if (!*ret_stream)
        mux->rx_dropped++;
    return 0;
}

/* The stream alone is at fault: RESET, and its owner hears of it. */
static int fail_stream(struct gl_stream *stream, enum gl_status status, const char *text)
{
    gl_stream_cancel(stream, status, text);
    gl_stream_tell_end(stream, status, text);
    return 0;
}

/* ------------------------------------------------------------------ messages */

/*
 * Room for so many bytes in all: not for the whole at once, what is allocated stays near what was
 * received. A peer may have no more unfinished messages than fit into its budget; one that keeps to
 * chapter 5 finishes what it has begun before it begins another.
 */
static const char *partial_reserve(struct gl_stream *stream, size_t need)
{
    struct gl_mux *mux = stream->mux;
    size_t before = stream->partial ? gl_block_capacity(stream->partial) : 0;
    if (stream->partial && need <= before)
        return NULL;
    size_t room = need < 128 ? 256 : need * 2;
    if (room > GL_MESSAGE_MAX)
        room = GL_MESSAGE_MAX;
    if (mux->partials - before + room > mux->config.partials_max ||
        gl_account_is_full(stream->account, room - before))
        return "too many messages that are not finished";
    struct gl_block *block = gl_block_new(room);
    if (stream->partial) {
        memcpy(gl_block_data(block), gl_block_data(stream->partial), stream->partial_len);
        if (gl_block_is_secret(stream->partial))
            gl_block_set_secret(block);
    }
    gl_stream_set_partial(stream, block);
    return NULL;
}

static struct gl_slice partial_take(struct gl_stream *stream)
{
    struct gl_slice whole = gl_slice_of(stream->partial, 0, stream->partial_len);
    gl_stream_set_partial(stream, NULL);
    stream->partial_len = 0;
    return whole;
}

static int deliver_open(struct gl_stream *stream, struct gl_slice open)
{
    struct gl_mux *mux = stream->mux;
    stream->opening = false;
    stream->released = false;
    if (mux->config.events && mux->config.events->on_open)
        mux->config.events->on_open(mux->config.ctx, stream, open);
    else
        gl_slice_unref(&open);
    if (!stream->bound)
        gl_stream_release(stream); /* nobody took it */
    return 0;
}

static void deliver_message(struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    if (!stream->closing && stream->events && stream->events->on_message) {
        stream->events->on_message(stream->ctx, stream, message, charge);
    } else {
        gl_slice_unref(&message);
        gl_stream_consume(stream, charge);
    }
}

/* A piece of a message, or the last of one that came in pieces. */
static int take_piece(struct gl_stream *stream, const struct arrival *a, size_t charge)
{
    size_t len = stream->partial_len + a->frame.length;
    if (len > GL_MESSAGE_MAX)
        return fail_stream(stream, GL_STATUS_TOO_BIG, "message is over 256 KiB");
    if (stream->opening && len > stream->mux->config.open_max)
        return fail_stream(stream, GL_STATUS_TOO_BIG, "no request here is so long");
    const char *why = partial_reserve(stream, len);
    if (why)
        return fail_stream(stream, GL_STATUS_LIMIT, why);
    if (a->frame.length)
        memcpy(gl_block_data(stream->partial) + stream->partial_len, a->payload, a->frame.length);
    if (is_secret(a))
        gl_block_set_secret(stream->partial);
    stream->partial_len = len;
    stream->partial_charge += charge;
    if (a->frame.flags & GL_FLAG_MORE) {
        gl_stream_check_window(stream);
        return 0;
    }
    charge = stream->partial_charge;
    stream->partial_charge = 0;
    struct gl_slice whole = partial_take(stream);
    if (stream->opening) {
        gl_stream_consume(stream, charge); /* the request is small beside what follows */
        return deliver_open(stream, whole);
    }
    deliver_message(stream, whole, charge);
    return 0;
}

/* ------------------------------------------------------------------ sequenced frames */

/*
 * Whether refusals come too fast: a ring holds the times of the last so many. Twice the limit, as
 * an honest peer that cannot know how long our handlers take to end may have as many refused at
 * once.
 */
static int count_refusal(struct gl_mux *mux)
{
    unsigned max = mux->config.peer_streams_max < GL_REFUSALS_MIN / 2
                       ? GL_REFUSALS_MIN
                       : 2 * mux->config.peer_streams_max;
    if (!mux->refusals)
        mux->refusals = GL_NEW0_ARRAY(uint64_t, max);
    uint64_t oldest = mux->refusals[mux->refusal_at];
    mux->refusals[mux->refusal_at] = mux->now;
    mux->refusal_at = (mux->refusal_at + 1) % max;
    mux->refusal_count++;
    if (mux->refusal_count > max && mux->now - oldest < GL_REFUSALS_TIME)
        return gl_mux_fail(mux, "more than %u OPENs beyond the limit of %u streams within 10 s",
                           max, mux->config.peer_streams_max);
    if (mux->orphan_resets > max)
        return gl_mux_fail(mux, "%u OPENs were refused and no answer is read", mux->orphan_resets);
    return 0;
}

static int take_open(struct gl_mux *mux, const struct arrival *a)
{
    uint32_t id = a->frame.stream;
    if (id != mux->rx_next_id || id > GL_STREAM_ID_MAX)
        return gl_mux_fail(mux, "OPEN with id %u where %u is the next", id, mux->rx_next_id);
    mux->rx_next_id += 2;
    if (mux->goodbye_queued)
        return 0; /* nothing can be answered any more */
    if (mux->peer_count >= mux->config.peer_streams_max) {
        gl_mux_queue_reset(mux, id, NULL, GL_STATUS_LIMIT, "too many streams");
        return count_refusal(mux);
    }
    struct gl_stream *stream = gl_stream_new(mux, false, a->frame.flags);
    stream->id = id;
    stream->released = true; /* until somebody is to own it */
    gl_stream_map_add(mux, stream);
    if (a->frame.length > mux->config.open_max)
        return fail_stream(stream, GL_STATUS_TOO_BIG, "no request here is so long");
    if (!(a->frame.flags & GL_FLAG_MORE))
        return deliver_open(stream, payload_slice(a));
    stream->opening = true;
    return take_piece(stream, a, 0);
}

/* Credit of a MESSAGE or DATA. *ret_taken: the frame is to be delivered. */
static int take_charge(struct gl_stream *stream, const struct gl_frame *frame, bool *ret_taken)
{
    size_t charge = gl_charge(frame->length);
    if (charge > stream->rx_limit - stream->rx_charged)
        return gl_mux_fail(
            stream->mux, "%s of %u bytes on stream %u overruns its credit: %llu of %llu used",
            gl_frame_type_name(frame->type), frame->length, frame->stream,
            (unsigned long long)stream->rx_charged, (unsigned long long)stream->rx_limit);
    *ret_taken = false;
    if (stream->rx_ended)
        return fail_stream(stream, GL_STATUS_INVALID, "frame after EOF");
    stream->rx_charged += charge;
    *ret_taken = true;
    return 0;
}

static int take_message(struct gl_stream *stream, const struct arrival *a)
{
    bool taken;
    int rc = take_charge(stream, &a->frame, &taken);
    if (rc || !taken)
        return rc;
    size_t charge = gl_charge(a->frame.length);
    if (stream->partial || (a->frame.flags & GL_FLAG_MORE))
        return take_piece(stream, a, charge);
    deliver_message(stream, payload_slice(a), charge);
    return 0;
}

static int take_data(struct gl_stream *stream, const struct arrival *a)
{
    bool taken;
    int rc = take_charge(stream, &a->frame, &taken);
    if (rc || !taken)
        return rc;
    if (stream->partial)
        return fail_stream(stream, GL_STATUS_INVALID, "DATA within a message");
    size_t charge = gl_charge(a->frame.length);
    if (!stream->closing && stream->events && stream->events->on_data)
        stream->events->on_data(stream->ctx, stream, a->frame.channel, payload_slice(a), charge);
    else
        gl_stream_consume(stream, charge);
    return 0;
}

static int take_eof(struct gl_stream *stream)
{
    if (stream->rx_ended)
        return fail_stream(stream, GL_STATUS_INVALID, "frame after EOF");
    if (stream->partial)
        return fail_stream(stream, GL_STATUS_INVALID, "EOF within a message");
    stream->rx_ended = true;
    stream->window_due = false;
    gl_list_remove(&stream->window_link);
    if (!stream->closing && stream->events && stream->events->on_eof)
        stream->events->on_eof(stream->ctx, stream);
    return 0;
}

static int take_window(struct gl_stream *stream, uint64_t limit)
{
    if (limit < stream->tx_limit)
        return gl_mux_fail(stream->mux, "WINDOW of stream %u goes back from %llu to %llu",
                           stream->id, (unsigned long long)stream->tx_limit,
                           (unsigned long long)limit);
    stream->tx_limit = limit;
    gl_stream_ready(stream);
    return 0;
}

/* Too many of ours were refused: gl_stream_open() takes notice. */
static void note_refused(struct gl_mux *mux)
{
    if (mux->now - mux->refused_since >= GL_REFUSALS_TIME) {
        mux->refused_since = mux->now;
        mux->refused_by_peer = 0;
    }
    mux->refused_by_peer++;
}

static int take_end(struct gl_stream *stream, const struct arrival *a)
{
    char text[GL_STATUS_TEXT_MAX + 1];
    enum gl_status status = gl_status_unpack(a->payload, a->frame.length, text);
    if (a->frame.type == GL_FRAME_CLOSE && !stream->opener)
        return gl_mux_fail(stream->mux, "CLOSE on stream %u from the side that opened it",
                           stream->id);
    bool cut_short = a->frame.type == GL_FRAME_CLOSE && stream->partial;
    if (a->frame.type == GL_FRAME_RESET && stream->opener && status == GL_STATUS_LIMIT)
        note_refused(stream->mux);
    gl_stream_finish(stream);
    if (cut_short)
        gl_stream_tell_end(stream, GL_STATUS_PROTOCOL, "CLOSE within a message");
    else
        gl_stream_tell_end(stream, status, text);
    gl_stream_settle(stream);
    return 0;
}

static int take_sequenced(struct gl_mux *mux, const struct arrival *a)
{
    mux->rx_count++;
    if (mux->config.resumable)
        mux->rx_hash = gl_chain_next(mux->rx_hash, a->header, a->payload, a->frame.length);
    gl_pulse_received(mux, a->frame.length);
    if (a->frame.type == GL_FRAME_OPEN)
        return take_open(mux, a);
    struct gl_stream *stream;
    int rc = find_stream(mux, &a->frame, &stream);
    if (rc || !stream)
        return rc;
    switch (a->frame.type) {
    case GL_FRAME_MESSAGE:
        return take_message(stream, a);
    case GL_FRAME_DATA:
        return take_data(stream, a);
    case GL_FRAME_EOF:
        return take_eof(stream);
    case GL_FRAME_WINDOW:
        return take_window(stream, gl_get_u64(a->payload));
    default:
        return take_end(stream, a);
    }
}

/* ------------------------------------------------------------------ frames of the link */

static int take_ack(struct gl_mux *mux, uint64_t count)
{
    if (!mux->config.resumable)
        return gl_mux_fail(mux, "ACK in a session that is never resumed");
    uint64_t before = mux->replay.acked, handed = mux->replay.handed;
    if (gl_replay_ack(&mux->replay, count))
        return gl_mux_fail(mux, "ACK %llu where %llu to %llu can be", (unsigned long long)count,
                           (unsigned long long)before, (unsigned long long)handed);
    /* Whoever waits for room in the replay buffer is still in its list. */
    if (mux->resets.head || !gl_list_empty(&mux->windows) || !gl_list_empty(&mux->ready[0]) ||
        !gl_list_empty(&mux->ready[1]))
        gl_mux_wake(mux);
    return 0;
}

static int take_goodbye(struct gl_mux *mux, const struct arrival *a)
{
    char text[GL_STATUS_TEXT_MAX + 1];
    enum gl_status status = gl_status_unpack(a->payload, a->frame.length, text);
    mux->goodbye_came = true;
    gl_mux_goodbye(mux, GL_STATUS_OK, ""); /* the answer, unless we said it first */
    if (mux->config.events && mux->config.events->on_goodbye)
        mux->config.events->on_goodbye(mux->config.ctx, status, text);
    return 0;
}

static int take_frame(struct gl_mux *mux, const struct arrival *a)
{
    switch (a->frame.type) {
    case GL_FRAME_OPEN:
    case GL_FRAME_MESSAGE:
    case GL_FRAME_DATA:
    case GL_FRAME_EOF:
    case GL_FRAME_CLOSE:
    case GL_FRAME_RESET:
    case GL_FRAME_WINDOW:
        return take_sequenced(mux, a);
    case GL_FRAME_ACK:
        return take_ack(mux, gl_get_u64(a->payload));
    case GL_FRAME_PING:
        gl_pulse_ping_came(mux, gl_get_u64(a->payload));
        return 0;
    case GL_FRAME_PONG:
        return gl_pulse_pong_came(mux, gl_get_u64(a->payload));
    case GL_FRAME_GOODBYE:
        return take_goodbye(mux, a);
    default:
        return gl_mux_fail(mux, "%s after the handshake", gl_frame_type_name(a->frame.type));
    }
}

/* One whole frame at data. *ret_size 0: there is none yet. */
static int take_one(struct gl_mux *mux, struct gl_block *block, uint8_t *data, size_t len,
                    size_t *ret_size)
{
    struct arrival a = {.header = data, .payload = data + GL_FRAME_HEADER, .block = block};
    const char *why;
    *ret_size = 0;
    if (len < GL_FRAME_HEADER)
        return 0;
    if (gl_frame_decode(data, mux->config.payload_max, &a.frame, &why))
        return gl_mux_fail(mux, "%s (type 0x%02x flags 0x%02x stream %u length %u): %s",
                           gl_frame_type_name(data[0]), data[0], data[1], gl_get_u32(data + 4),
                           gl_get_u32(data + 8), why);
    if (len - GL_FRAME_HEADER < a.frame.length)
        return 0;
    *ret_size = GL_FRAME_HEADER + a.frame.length;
    int rc = take_frame(mux, &a);
    if (is_secret(&a))
        sodium_memzero(a.payload, a.frame.length);
    return rc;
}

int gl_mux_receive(struct gl_mux *mux, uint64_t now, struct gl_block *block, uint8_t *data,
                   size_t len, size_t *ret_used)
{
    if (mux->broken)
        return UV_EPROTO;
    if (mux->ended)
        return UV_ECONNABORTED;
    if (!mux->attached)
        return UV_ENOTCONN;
    gl_mux_enter(mux);
    gl_mux_set_now(mux, now);
    if (len)
        mux->heard_at = mux->now;
    uint64_t link = mux->links;
    size_t used = 0, size = 1;
    int rc = 0;
    /* A callback may end the session or change the link: then what follows is not for it. */
    while (!rc && size && !mux->ended && mux->attached && mux->links == link) {
        if (mux->goodbye_came) {
            used = len; /* nothing follows a GOODBYE */
            break;
        }
        rc = take_one(mux, block, data + used, len - used, &size);
        used += size;
        mux->rx_bytes += size;
    }
    if (!rc && mux->ended)
        rc = UV_ECONNABORTED;
    gl_mux_leave(mux);
    if (!rc)
        *ret_used = used;
    return rc;
}

void gl_mux_wipe_secrets(uint8_t *data, size_t len)
{
    for (size_t at = 0, size; len - at > GL_FRAME_HEADER; at += size) {
        size = gl_mux_frame_size(data + at, len - at);
        if (size > len - at)
            size = len - at;
        if (data[at + 1] & GL_FLAG_SECRET)
            sodium_memzero(data + at + GL_FRAME_HEADER, size - GL_FRAME_HEADER);
    }
}

size_t gl_mux_frame_size(const uint8_t *data, size_t len)
{
    if (len < GL_FRAME_HEADER)
        return GL_FRAME_HEADER;
    uint32_t length = gl_get_u32(data + 8);
    /* gl_mux_receive() refuses it by its header. */
    if (length > GL_PAYLOAD_MAX_CAP)
        return GL_FRAME_HEADER;
    return GL_FRAME_HEADER + length;
}
