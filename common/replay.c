/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include <string.h>
#include <uv.h>

#include "digest.h"
#include "mem.h"

struct gl_unit *gl_unit_new(uint8_t type, struct gl_slice payload)
{
    struct gl_unit *unit = GL_NEW(struct gl_unit);
    unit->next = NULL;
    unit->next_out = NULL;
    unit->payload = payload;
    unit->credit = 0;
    unit->stream = NULL;
    unit->frame = (struct gl_frame){.type = type};
    unit->refs = 1;
    unit->head_len = 0;
    return unit;
}

void gl_unit_unref(struct gl_unit *unit)
{
    if (--unit->refs)
        return;
    gl_slice_unref(&unit->payload);
    if (unit->frame.flags & GL_FLAG_SECRET)
        gl_secure_free(unit, sizeof(*unit));
    else
        gl_free(unit);
}

void gl_unit_seal(struct gl_unit *unit)
{
    unit->frame.length = (uint32_t)unit->payload.len;
    gl_frame_encode(unit->head, &unit->frame);
    unit->head_len = GL_FRAME_HEADER;
    if (unit->payload.len <= GL_UNIT_INLINE) {
        if (unit->payload.len)
            memcpy(unit->head + GL_FRAME_HEADER, unit->payload.data, unit->payload.len);
        unit->head_len = (uint8_t)(GL_FRAME_HEADER + unit->payload.len);
        gl_slice_unref(&unit->payload);
    }
}

void gl_unit_push(struct gl_unit_queue *queue, struct gl_unit *unit)
{
    unit->next = NULL;
    if (queue->tail)
        queue->tail->next = unit;
    else
        queue->head = unit;
    queue->tail = unit;
}

struct gl_unit *gl_unit_pop(struct gl_unit_queue *queue)
{
    struct gl_unit *unit = queue->head;
    if (!unit)
        return NULL;
    queue->head = unit->next;
    if (!queue->head)
        queue->tail = NULL;
    unit->next = NULL;
    return unit;
}

uint64_t gl_chain_start(const uint8_t session[GL_ID_SIZE])
{
    return gl_hash64(session, GL_ID_SIZE, 0);
}

uint64_t gl_chain_next(uint64_t hash, const uint8_t header[GL_FRAME_HEADER], const uint8_t *payload,
                       size_t len)
{
    return gl_hash64(payload, len, gl_hash64(header, GL_FRAME_HEADER, hash));
}

void gl_replay_init(struct gl_replay *replay, const uint8_t session[GL_ID_SIZE], bool keep)
{
    memset(replay, 0, sizeof(*replay));
    replay->keep = keep;
    replay->acked_hash = replay->sent_hash = gl_chain_start(session);
}

static void drop_oldest(struct gl_replay *replay)
{
    struct gl_unit *unit = gl_unit_pop(&replay->frames);
    struct gl_stream *stream = unit->stream;
    replay->charge -= unit->frame.length + GL_REPLAY_FRAME_CHARGE;
    unit->stream = NULL;
    gl_unit_unref(unit);
    if (stream)
        replay->on_dropped(stream);
}

void gl_replay_done(struct gl_replay *replay)
{
    while (replay->frames.head)
        drop_oldest(replay);
    replay->cursor = NULL;
}

bool gl_replay_has_room(const struct gl_replay *replay, size_t payload, bool control)
{
    if (!replay->keep)
        return true;
    size_t max = control ? GL_REPLAY_MAX : GL_REPLAY_MAX - GL_REPLAY_RESERVE;
    return replay->charge + payload + GL_REPLAY_FRAME_CHARGE <= max;
}

void gl_replay_add(struct gl_replay *replay, struct gl_unit *unit)
{
    replay->sent++;
    replay->handed = replay->sent;
    if (!replay->keep)
        return;
    const uint8_t *payload = unit->payload.len ? unit->payload.data : unit->head + GL_FRAME_HEADER;
    unit->hash = gl_chain_next(replay->sent_hash, unit->head, payload, unit->frame.length);
    replay->sent_hash = unit->hash;
    replay->charge += unit->frame.length + GL_REPLAY_FRAME_CHARGE;
    unit->refs++;
    gl_unit_push(&replay->frames, unit);
}

int gl_replay_ack(struct gl_replay *replay, uint64_t count)
{
    if (count < replay->acked || count > replay->handed)
        return UV_EPROTO;
    while (replay->acked < count) {
        replay->acked_hash = replay->frames.head->hash;
        replay->acked++;
        drop_oldest(replay);
    }
    return 0;
}

void gl_replay_rewind(struct gl_replay *replay)
{
    replay->cursor = replay->frames.head;
    replay->handed = replay->acked;
}

struct gl_unit *gl_replay_next(struct gl_replay *replay)
{
    struct gl_unit *unit = replay->cursor;
    if (!unit)
        return NULL;
    replay->cursor = unit->next;
    replay->handed++;
    unit->refs++;
    return unit;
}

bool gl_replay_hash_at(const struct gl_replay *replay, uint64_t count, uint64_t *ret_hash)
{
    if (count < replay->acked || count > replay->sent)
        return false;
    uint64_t hash = replay->acked_hash;
    const struct gl_unit *unit = replay->frames.head;
    for (uint64_t n = replay->acked; n < count; n++, unit = unit->next)
        hash = unit->hash;
    *ret_hash = hash;
    return true;
}
