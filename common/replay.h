/* SPDX-License-Identifier: MIT */
/*
 * What a mux has to send, frame by frame: units, queues of them, and the replay buffer that keeps
 * sequenced frames, with their running hash, until the peer has acknowledged them
 * (doc/PROTOCOL.md chapters 3 and 6). Internal to the mux.
 */
#ifndef GL_REPLAY_H
#define GL_REPLAY_H

#include "buf.h"
#include "frame.h"
#include "mux.h"

/* Payloads up to this lie beside the header: one piece to write, and no block is held for them. */
#define GL_UNIT_INLINE 36u

/*
 * First an item of a stream's queue (`frame` says what, `payload` is what is left of it), then,
 * sealed, a frame: it may be in the outbox, in the replay buffer, or in both, by the same object,
 * of which each has a reference.
 */
struct gl_unit {
    struct gl_unit *next;     /* in a gl_unit_queue or the replay buffer */
    struct gl_unit *next_out; /* in the outbox */
    struct gl_slice payload;  /* empty if it lies in `head` */
    uint64_t hash;            /* numbered: the running hash up to and with this frame */
    size_t credit;            /* item: what on_sent gives back */
    struct gl_stream *stream; /* RESET: who waits for it to be numbered or acknowledged; or NULL */
    struct gl_frame frame;
    uint8_t head_len;
    uint32_t refs; /* whoever made it; then outbox, replay buffer, holds */
    uint8_t head[GL_FRAME_HEADER + GL_UNIT_INLINE];
};

/* One reference, the caller's. Takes the payload's. */
struct gl_unit *gl_unit_new(uint8_t type, struct gl_slice payload);
void gl_unit_unref(struct gl_unit *unit);
/* Writes the header; from here on the unit is a frame. */
void gl_unit_seal(struct gl_unit *unit);
/* What is to be written of a sealed unit: header and payload, bytes. */
static inline size_t gl_unit_size(const struct gl_unit *unit)
{
    return unit->head_len + unit->payload.len;
}

struct gl_unit_queue {
    struct gl_unit *head, *tail;
};
void gl_unit_push(struct gl_unit_queue *queue, struct gl_unit *unit);
struct gl_unit *gl_unit_pop(struct gl_unit_queue *queue); /* NULL when empty */

/* H(0), and H(n) from H(n-1). */
uint64_t gl_chain_start(const uint8_t session[GL_ID_SIZE]);
uint64_t gl_chain_next(uint64_t hash, const uint8_t header[GL_FRAME_HEADER], const uint8_t *payload,
                       size_t len);

struct gl_replay {
    bool keep;                   /* false: frames are numbered, but neither kept nor hashed */
    struct gl_unit_queue frames; /* numbers acked + 1 to sent, if kept */
    struct gl_unit *cursor;      /* next to be put out again; NULL: all were */
    uint64_t acked, acked_hash;
    uint64_t handed; /* last number handed to the present link */
    uint64_t sent, sent_hash;
    size_t charge; /* kept: payloads + GL_REPLAY_FRAME_CHARGE each */
    /* A unit with a `stream`, which has been set to NULL, is kept no more. NULL: there are none. */
    void (*on_dropped)(struct gl_stream *stream);
};

void gl_replay_init(struct gl_replay *replay, const uint8_t session[GL_ID_SIZE], bool keep);
void gl_replay_done(struct gl_replay *replay);
/* Whether a frame may be numbered now. `control`: it may use the reserve (EOF, CLOSE, RESET,
 * WINDOW). */
bool gl_replay_has_room(const struct gl_replay *replay, size_t payload, bool control);
/* Gives the sealed unit the next number; has a reference of its own if it keeps it. Not while
 * gl_replay_next() has something. */
void gl_replay_add(struct gl_replay *replay, struct gl_unit *unit);
/* The peer has all up to `count`. UV_EPROTO if that goes back, or beyond what it was handed. */
int gl_replay_ack(struct gl_replay *replay, uint64_t count);
/* A new link: all that is kept will be put out again. */
void gl_replay_rewind(struct gl_replay *replay);
/* The next unit to put out again, with a reference for the caller, or NULL. */
struct gl_unit *gl_replay_next(struct gl_replay *replay);
/* The running hash after `count` frames. False if that is not known any more, or not yet. */
bool gl_replay_hash_at(const struct gl_replay *replay, uint64_t count, uint64_t *ret_hash);

#endif
