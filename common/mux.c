/* SPDX-License-Identifier: MIT */
/* A session's life: made, attached, detached, resumed, ended. */
#include "mux-internal.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "utf8.h"

/* ------------------------------------------------------------------ re-entry */

static void free_stream(struct gl_stream *stream)
{
    gl_list_remove(&stream->link);
    stream->mux->objects--;
    gl_free(stream->close_text);
    gl_free(stream);
}

static void free_mux(struct gl_mux *mux)
{
    gl_free(mux->map);
    gl_free(mux->refusals);
    gl_free(mux);
}

void gl_mux_enter(struct gl_mux *mux)
{
    mux->depth++;
}

void gl_mux_leave(struct gl_mux *mux)
{
    if (--mux->depth)
        return;
    struct gl_list *node;
    while ((node = gl_list_first(&mux->dead)))
        free_stream(GL_CONTAINER_OF(node, struct gl_stream, link));
    if (mux->freed && !mux->objects)
        free_mux(mux);
}

void gl_mux_wake(struct gl_mux *mux)
{
    if (!mux->attached || mux->woken || mux->in_output)
        return;
    mux->woken = true;
    if (mux->config.events && mux->config.events->on_wake)
        mux->config.events->on_wake(mux->config.ctx);
}

void gl_mux_set_now(struct gl_mux *mux, uint64_t now)
{
    if (now > mux->now)
        mux->now = now;
}

int gl_mux_fail(struct gl_mux *mux, const char *format, ...)
{
    if (!mux->broken) {
        va_list args;
        va_start(args, format);
        vsnprintf(mux->error, sizeof(mux->error), format, args);
        va_end(args);
        mux->broken = true;
    }
    return UV_EPROTO;
}

const char *gl_mux_error(const struct gl_mux *mux)
{
    return mux->error;
}

/* ------------------------------------------------------------------ status and text */

/* Copies text, at most `max` bytes of it, as valid UTF-8 without NUL: what is not becomes '?'. */
static size_t copy_text(char *out, const char *text, size_t len, size_t max)
{
    size_t at = 0;
    while (len) {
        size_t n = gl_utf8_char_len(text, len);
        if (at + (n ? n : 1) > max)
            break;
        if (!n || !*text)
            out[at] = '?';
        else
            memcpy(out + at, text, n);
        n = n ? n : 1;
        at += n;
        text += n;
        len -= n;
    }
    return at;
}

struct gl_slice gl_status_pack(enum gl_status status, const char *text)
{
    uint8_t payload[4 + GL_STATUS_TEXT_MAX];
    gl_put_u32(payload, (uint32_t)status);
    size_t len = text ? strlen(text) : 0;
    len = copy_text((char *)payload + 4, text, len, GL_STATUS_TEXT_MAX);
    return gl_slice_copy(payload, 4 + len);
}

enum gl_status gl_status_unpack(const uint8_t *payload, size_t len, char *text)
{
    uint32_t status = gl_get_u32(payload);
    size_t n = copy_text(text, (const char *)payload + 4, len - 4, GL_STATUS_TEXT_MAX);
    text[n] = '\0';
    return gl_status_valid(status) ? (enum gl_status)status : GL_STATUS_INTERNAL;
}

/* ------------------------------------------------------------------ made and freed */

static void set_defaults(struct gl_mux_config *config)
{
    if (!config->ping_after_ns)
        config->ping_after_ns = GL_PING_AFTER;
    if (!config->dead_after_ns)
        config->dead_after_ns = GL_DEAD_AFTER;
    if (!config->ack_delay_ns)
        config->ack_delay_ns = GL_ACK_DELAY;
    if (!config->partials_max)
        config->partials_max = GL_PARTIALS_MAX;
    if (!config->open_max)
        config->open_max = GL_MESSAGE_MAX;
}

struct gl_mux *gl_mux_new(const struct gl_mux_config *config, uint64_t now)
{
    struct gl_mux *mux = GL_NEW0(struct gl_mux);
    mux->config = *config;
    set_defaults(&mux->config);
    mux->now = now;
    mux->epoch = config->epoch;
    gl_list_init(&mux->live);
    gl_list_init(&mux->dead);
    gl_list_init(&mux->ready[0]);
    gl_list_init(&mux->ready[1]);
    gl_list_init(&mux->windows);
    gl_list_init(&mux->notify);
    mux->tx_next_id = config->side == GL_SIDE_A ? 1 : 2;
    mux->rx_next_id = config->side == GL_SIDE_A ? 2 : 1;
    gl_replay_init(&mux->replay, config->session, config->resumable);
    mux->replay.on_dropped = gl_stream_reset_arrived;
    mux->rx_hash = gl_chain_start(config->session);
    mux->attached = true;
    mux->links = 1;
    mux->woken = true; /* the caller knows that a fresh session has something to write */
    gl_pulse_start(mux);
    return mux;
}

void gl_mux_free(struct gl_mux *mux)
{
    if (!mux)
        return;
    gl_mux_enter(mux);
    gl_mux_end(mux, GL_STATUS_LOST, "");
    gl_mux_detach(mux);
    mux->freed = true;
    gl_mux_leave(mux);
}

/* ------------------------------------------------------------------ resume */

void gl_mux_detach(struct gl_mux *mux)
{
    if (!mux->attached)
        return;
    mux->attached = false;
    mux->woken = false;
    gl_mux_drop_outbox(mux);
    gl_pulse_stop(mux);
    if (mux->goodbye)
        gl_unit_unref(mux->goodbye);
    mux->goodbye = NULL;
}

bool gl_mux_is_attached(const struct gl_mux *mux)
{
    return mux->attached;
}

void gl_mux_record(const struct gl_mux *mux, struct gl_resume_record *ret_record)
{
    memcpy(ret_record->session, mux->config.session, GL_ID_SIZE);
    memcpy(ret_record->instance, mux->config.instance, GL_ID_SIZE);
    memcpy(ret_record->peer, mux->config.peer, GL_ID_SIZE);
    ret_record->epoch = mux->epoch;
    ret_record->rx_count = mux->rx_count;
    ret_record->rx_hash = mux->rx_hash;
    ret_record->tx_count = mux->replay.sent;
}

static bool epoch_fits(const struct gl_mux *mux, uint64_t peer)
{
    bool is_a = mux->config.side == GL_SIDE_A;
    uint64_t a = is_a ? mux->epoch : peer, b = is_a ? peer : mux->epoch;
    return a == b || (a > b && a - b == 1);
}

enum gl_resume_reason gl_mux_check(const struct gl_mux *mux, const struct gl_resume_record *peer,
                                   uint32_t payload_max)
{
    const struct gl_mux_config *config = &mux->config;
    uint64_t hash;
    if (!config->resumable || mux->ended || mux->broken || mux->goodbye_queued ||
        memcmp(peer->session, config->session, GL_ID_SIZE) != 0)
        return GL_RESUME_UNKNOWN_SESSION;
    if (memcmp(peer->instance, config->peer, GL_ID_SIZE) != 0 ||
        memcmp(peer->peer, config->instance, GL_ID_SIZE) != 0)
        return GL_RESUME_INSTANCE;
    if (!epoch_fits(mux, peer->epoch))
        return GL_RESUME_EPOCH;
    if (payload_max < config->payload_max)
        return GL_RESUME_LIMITS;
    if (!gl_replay_hash_at(&mux->replay, peer->rx_count, &hash) || mux->rx_count > peer->tx_count)
        return GL_RESUME_COUNTERS;
    return hash == peer->rx_hash ? GL_RESUME_OK : GL_RESUME_HASH;
}

void gl_mux_attach(struct gl_mux *mux, uint64_t now, const struct gl_resume_record *peer,
                   uint64_t epoch)
{
    if (mux->ended || mux->broken)
        return;
    gl_mux_enter(mux);
    gl_mux_detach(mux);
    gl_mux_set_now(mux, now);
    mux->epoch = epoch;
    mux->attached = true;
    mux->links++;
    mux->resumes++;
    mux->replay.handed = mux->replay.sent;
    gl_replay_ack(&mux->replay, peer->rx_count);
    gl_replay_rewind(&mux->replay);
    gl_pulse_start(mux);
    gl_mux_wake(mux);
    gl_mux_leave(mux);
}

uint64_t gl_mux_epoch(const struct gl_mux *mux)
{
    return mux->epoch;
}

const char *gl_resume_reason_text(enum gl_resume_reason reason)
{
    static const char *const texts[] = {
        [GL_RESUME_OK] = "can be resumed",
        [GL_RESUME_UNKNOWN_SESSION] = "no such session",
        [GL_RESUME_INSTANCE] = "the other program was restarted",
        [GL_RESUME_EPOCH] = "the session was resumed elsewhere meanwhile",
        [GL_RESUME_GENERATION] = "the virtual machine was reverted or cloned",
        [GL_RESUME_LIMITS] = "the new connection has a smaller frame limit",
        [GL_RESUME_COUNTERS] = "the two sides disagree on how much was sent",
        [GL_RESUME_HASH] = "the two sides disagree on what was sent",
        [GL_RESUME_EXPIRED] = "the resume time is over",
    };
    if ((size_t)reason >= GL_ARRAY_SIZE(texts))
        return "unknown reason";
    return texts[reason];
}

/* ------------------------------------------------------------------ end */

void gl_mux_goodbye(struct gl_mux *mux, enum gl_status status, const char *text)
{
    if (mux->goodbye_queued)
        return;
    mux->goodbye_queued = true;
    mux->goodbye = gl_unit_new(GL_FRAME_GOODBYE, gl_status_pack(status, text));
    gl_unit_seal(mux->goodbye);
    if (!mux->attached) {
        gl_unit_unref(mux->goodbye);
        mux->goodbye = NULL;
        return;
    }
    gl_mux_wake(mux);
}

static void drop_resets(struct gl_mux *mux)
{
    struct gl_unit *unit;
    while ((unit = gl_unit_pop(&mux->resets))) {
        if (unit->stream)
            gl_stream_reset_arrived(unit->stream);
        gl_unit_unref(unit);
    }
    mux->orphan_resets = 0;
}

void gl_mux_end(struct gl_mux *mux, enum gl_status status, const char *text)
{
    if (mux->ended)
        return;
    gl_mux_enter(mux);
    mux->ended = true;
    drop_resets(mux);
    gl_replay_done(&mux->replay);
    struct gl_list *node;
    while ((node = gl_list_first(&mux->live))) {
        struct gl_stream *stream = GL_CONTAINER_OF(node, struct gl_stream, link);
        gl_stream_finish(stream);
        gl_stream_tell_end(stream, stream->id ? status : GL_STATUS_NOT_STARTED, text ? text : "");
        gl_stream_settle(stream);
    }
    gl_pulse_done(mux);
    gl_mux_leave(mux);
}

bool gl_mux_has_ended(const struct gl_mux *mux)
{
    return mux->ended;
}

void gl_mux_stats(const struct gl_mux *mux, struct gl_mux_stats *ret_stats)
{
    *ret_stats = (struct gl_mux_stats){
        .tx_frames = mux->replay.sent,
        .rx_frames = mux->rx_count,
        .tx_bytes = mux->tx_bytes,
        .rx_bytes = mux->rx_bytes,
        .rx_dropped = mux->rx_dropped,
        .resumes = mux->resumes,
        .rtt_ns = mux->rtt,
        .streams = mux->live_count,
        .replay = mux->replay.charge,
        .queued = mux->queued,
        .partials = mux->partials,
        .growth = mux->growth,
    };
}
