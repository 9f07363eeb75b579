/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the mux share; mux.h is the contract for everybody else.
 *
 *   mux.c          a session's life: made, resumed, ended
 *   mux-receive.c  frames that come in
 *   mux-send.c     which frame goes out next
 *   mux-pulse.c    acknowledgements, heartbeat and round trips: all that has to do with time
 *   stream.c       what the owner of a stream calls
 *   stream-life.c  how a stream ends, who counts it, when its memory goes
 *   replay.c       frames that are kept until acknowledged
 *
 * Re-entry: callbacks may call anything but gl_mux_free(). So every function that runs callbacks is
 * between gl_mux_enter() and gl_mux_leave(): streams are freed by the outermost leave only, and
 * after a callback nothing is taken for granted but that objects still exist.
 */
#ifndef GL_MUX_INTERNAL_H
#define GL_MUX_INTERNAL_H

#include "list.h"
#include "mem.h"
#include "mux.h"
#include "replay.h"

#define GL_PING_AFTER    (5 * UINT64_C(1000000000)) /* ns without a byte received */
#define GL_DEAD_AFTER    (15 * UINT64_C(1000000000))
#define GL_ACK_DELAY     (50 * UINT64_C(1000000))
#define GL_TICK_LATE     (2 * UINT64_C(1000000000)) /* this process was stopped */
#define GL_ACK_CHARGE    (1024u * 1024)
#define GL_PONGS_MAX     16u
#define GL_PINGS_MAX     8u /* on their way; below the peer's bound for PONGs */
#define GL_STREAM_ID_MAX 0x7fffffffu
#define GL_REFUSALS_MIN  1000u /* refused OPENs in GL_REFUSALS_TIME, or twice streams_max: fatal */
#define GL_REFUSALS_TIME (10 * UINT64_C(1000000000))
#define GL_REFUSED_PAUSE 100u /* of ours, in GL_REFUSALS_TIME: we open no more for a while */
#define GL_DATA_PIECE    (128u * 1024) /* DATA is cut at this, so that others get their turn */
#define GL_SMALL_PIECE   4096u         /* no piece is cut smaller for want of credit */
#define GL_SLICE_MIN     (64u * 1024)  /* received payloads of this size are not copied */

struct gl_stream {
    struct gl_mux *mux;
    struct gl_list link;       /* in mux->live, then alone, then in mux->dead */
    struct gl_list ready_link; /* in mux->ready[interactive]: the head of `queue` may be sendable */
    struct gl_list window_link; /* in mux->windows */
    struct gl_list notify_link; /* in mux->notify */
    struct gl_stream *map_next;
    const struct gl_stream_events *events;
    void *ctx;
    uint32_t id; /* 0: its OPEN was not handed out yet */

    bool opener;      /* this side sent OPEN */
    bool interactive; /* goes before others */
    bool bound;       /* somebody took it in on_open */
    bool released;    /* no owner (any more) */
    bool finished;    /* for the wire: not in mux->live, nor in the map */
    bool tx_ended;    /* EOF or CLOSE queued: nothing more may be queued */
    bool closing;     /* CLOSE queued */
    bool rx_ended;    /* EOF came */
    bool opening;     /* pieces of OPEN are still to come */
    bool counted;     /* in mux->local_count or peer_count */
    bool reset_waits; /* its RESET was not numbered or, of one of ours, not acknowledged yet */
    bool window_due;
    bool end_due; /* on_end is to be called with close_status */
    bool sent_due;

    struct gl_account *account; /* of `queued` and `partial`; may be NULL */
    struct gl_unit_queue queue;
    size_t queued;    /* charge of it */
    bool open_queued; /* what is first in it is OPEN, or what is left of it */
    size_t sent_credit;
    uint64_t tx_charged, tx_limit;
    enum gl_status close_status;
    char *close_text;

    uint64_t rx_charged, rx_consumed, rx_limit; /* rx_limit: as announced */
    uint64_t rx_window;
    uint64_t mark_consumed, mark_time; /* where the measured window began */
    struct gl_block *partial;          /* message being put together; NULL: none */
    size_t partial_len, partial_charge;
};

struct gl_ping {
    struct gl_ping *next;
    uint64_t cookie, sent_at;
    void (*on_pong)(void *ctx, uint64_t rtt_ns); /* NULL: a heartbeat */
    void *ctx;
};

struct gl_ping_queue {
    struct gl_ping *head, *tail;
    unsigned count;
};

struct gl_mux {
    struct gl_mux_config config;
    uint64_t now;
    uint64_t epoch;
    uint64_t links; /* how many there were: tells a callback that changed the link */
    unsigned depth; /* of gl_mux_enter */
    bool attached;
    bool ended;
    bool broken; /* the peer broke the protocol */
    bool freed;  /* gl_mux_free was called; streams of others keep the memory */
    bool woken;  /* on_wake was called since the last output */
    bool in_output;
    char error[256];

    /* streams */
    struct gl_list live, dead;
    struct gl_list ready[2]; /* [interactive] */
    struct gl_list windows, notify;
    struct gl_stream **map; /* by id, chained */
    uint32_t map_size, map_count;
    uint32_t tx_next_id, rx_next_id;
    uint32_t local_count, peer_count;
    uint32_t live_count;
    uint32_t objects; /* streams whose memory is not freed */
    size_t queued;
    size_t partials; /* memory of all streams' unfinished messages */
    uint64_t growth; /* windows over their initial size */

    /* out */
    struct gl_replay replay;
    struct gl_unit_queue resets; /* sealed, not numbered */
    uint32_t orphan_resets;      /* of them: answers to OPENs that were refused */
    struct gl_unit *out_head, *out_tail;
    size_t out_bytes;        /* not written */
    size_t out_offset;       /* written of out_head */
    struct gl_unit *goodbye; /* waits */
    bool goodbye_queued;     /* ever */
    bool goodbye_out;        /* handed out: nothing follows */

    /* in */
    uint64_t rx_count, rx_hash;
    bool goodbye_came;
    uint64_t *refusals; /* ring of times, allocated at the first */
    unsigned refusal_at;
    uint64_t refusal_count;
    unsigned refused_by_peer; /* since refused_since */
    uint64_t refused_since;

    /* pulse */
    bool ack_due;
    uint64_t ack_deadline; /* UINT64_MAX: nothing to acknowledge */
    size_t rx_unacked;     /* charge since the last ACK */
    uint64_t heard_at, ping_at, grace_until;
    uint64_t pongs[GL_PONGS_MAX];
    unsigned pong_first, pong_count;
    struct gl_ping_queue pings_waiting, pings_sent;
    uint64_t ping_cookie;
    uint64_t rtt, rtt_at;

    uint64_t tx_bytes, rx_bytes, rx_dropped, resumes;
};

/* mux.c */
void gl_mux_enter(struct gl_mux *mux);
void gl_mux_leave(struct gl_mux *mux);
void gl_mux_wake(struct gl_mux *mux);
void gl_mux_set_now(struct gl_mux *mux, uint64_t now);
/* Notes what the peer did wrong. Returns UV_EPROTO. */
int gl_mux_fail(struct gl_mux *mux, const char *format, ...) GL_PRINTF(2, 3);
/* Payload of CLOSE, RESET, GOODBYE; text may be NULL, is made valid and cut to fit. */
struct gl_slice gl_status_pack(enum gl_status status, const char *text);
/* The reverse, of a payload whose length is within bounds. text: GL_STATUS_TEXT_MAX + 1 bytes. */
enum gl_status gl_status_unpack(const uint8_t *payload, size_t len, char *text);

/* stream-map.c */
void gl_stream_map_add(struct gl_mux *mux, struct gl_stream *stream);
void gl_stream_map_remove(struct gl_mux *mux, struct gl_stream *stream);
struct gl_stream *gl_stream_map_find(const struct gl_mux *mux, uint32_t id);

/* stream-life.c */
struct gl_stream *gl_stream_new(struct gl_mux *mux, bool opener, unsigned flags);
/* Puts another block (its reference is taken; NULL: none) in the place of the partial message's. */
void gl_stream_set_partial(struct gl_stream *stream, struct gl_block *block);
/* Nothing more is sent or received; queue, window and partial message go. */
void gl_stream_finish(struct gl_stream *stream);
/* Uncounts and frees what can be, after `finished`, `released` or `reset_waits` changed. */
void gl_stream_settle(struct gl_stream *stream);
/* Its RESET was numbered, or acknowledged: it waits for it no more. */
void gl_stream_reset_arrived(struct gl_stream *stream);
/* Finishes it and queues a RESET, if the peer knows it. */
void gl_stream_cancel(struct gl_stream *stream, enum gl_status status, const char *text);
/* on_end, if somebody is to hear it. */
void gl_stream_tell_end(struct gl_stream *stream, enum gl_status status, const char *text);
/* Marks it ready if it has something queued. */
void gl_stream_ready(struct gl_stream *stream);

/* stream.c */
static inline size_t gl_charge(size_t len)
{
    return len < GL_CHARGE_MIN ? GL_CHARGE_MIN : len;
}
/* What an item in a stream's queue counts there: each takes memory, however small it is. */
static inline size_t gl_item_charge(const struct gl_unit *item)
{
    bool control = item->frame.type == GL_FRAME_EOF || item->frame.type == GL_FRAME_CLOSE;
    return control ? 0 : gl_charge(item->payload.len);
}
static inline void gl_stream_charge(struct gl_stream *stream, size_t charge)
{
    stream->queued += charge;
    stream->mux->queued += charge;
    gl_account_hold(stream->account, charge);
}
static inline void gl_stream_discharge(struct gl_stream *stream, size_t charge)
{
    stream->queued -= charge;
    stream->mux->queued -= charge;
    gl_account_drop(stream->account, charge);
}
/* Queues a WINDOW if one is due. */
void gl_stream_check_window(struct gl_stream *stream);

/* mux-send.c */
void gl_mux_queue_reset(struct gl_mux *mux, uint32_t id, struct gl_stream *stream,
                        enum gl_status status, const char *text);
void gl_mux_drop_outbox(struct gl_mux *mux);

/* mux-pulse.c */
void gl_pulse_start(struct gl_mux *mux); /* at attach */
void gl_pulse_stop(struct gl_mux *mux);  /* at detach */
void gl_pulse_done(struct gl_mux *mux);  /* at the end: pings of others hear that */
void gl_pulse_received(struct gl_mux *mux, uint32_t length); /* a sequenced frame */
void gl_pulse_ping_came(struct gl_mux *mux, uint64_t cookie);
int gl_pulse_pong_came(struct gl_mux *mux, uint64_t cookie);
void gl_pulse_measure(struct gl_mux *mux); /* a PING, if the round trip is not known well */
/* The next ACK, PONG or PING as a sealed unit, or NULL. */
struct gl_unit *gl_pulse_pick(struct gl_mux *mux);
struct gl_unit *gl_unit_control(uint8_t type, uint32_t stream, uint64_t value);

#endif
