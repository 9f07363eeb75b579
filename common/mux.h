/* SPDX-License-Identifier: MIT */
/*
 * A session: streams, credit, sequencing, replay (doc/PROTOCOL.md chapters 4 to 8).
 *
 * No I/O and no clock: the caller feeds received bytes and the time, and writes the bytes that it
 * is given. One thread. A session outlives its connections: gl_mux_detach() when one is lost,
 * gl_mux_attach() when another has been proven to belong to the same session.
 *
 * Events come from within gl_mux_receive(), output(), end() and free() (on_wake from any call). A
 * callback may call anything here but gl_mux_free(). Output that becomes possible is announced by
 * on_wake, once until the next gl_mux_output(); not for a mux that was just made, which has
 * something to write, nor within gl_mux_output(), which is to be called until it gives nothing.
 *
 * Times are nanoseconds of one monotonic clock. Errors are negative UV_E*.
 */
#ifndef GL_MUX_H
#define GL_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account.h"
#include "buf.h"
#include "frame.h"
#include "status.h"

#define GL_ID_SIZE             16u                /* session and instance ids, bytes */
#define GL_WINDOW_INITIAL      (256u * 1024)      /* charge */
#define GL_WINDOW_MAX          (4u * 1024 * 1024) /* charge, per stream */
#define GL_CHARGE_MIN          128u               /* of one MESSAGE or DATA frame */
#define GL_REPLAY_MAX          (4u * 1024 * 1024) /* charge */
#define GL_REPLAY_RESERVE      (64u * 1024)       /* for EOF, CLOSE, RESET, WINDOW */
#define GL_REPLAY_FRAME_CHARGE 128u               /* added to a frame's payload */
#define GL_STREAM_QUEUE        (256u * 1024)      /* producers stop at this, charge */
#define GL_PARTIALS_MAX        (4u * 1024 * 1024) /* memory of a session's unfinished messages */

struct gl_mux;
struct gl_stream;

enum gl_side { GL_SIDE_A, GL_SIDE_B };

/* Why a resume is refused; the numbers of enum ResumeReason in guestlink.proto. */
enum gl_resume_reason {
    GL_RESUME_OK = 0,
    GL_RESUME_UNKNOWN_SESSION = 1,
    GL_RESUME_INSTANCE = 2,
    GL_RESUME_EPOCH = 3,
    GL_RESUME_GENERATION = 4,
    GL_RESUME_LIMITS = 5,
    GL_RESUME_COUNTERS = 6,
    GL_RESUME_HASH = 7,
    GL_RESUME_EXPIRED = 8,
};
const char *gl_resume_reason_text(enum gl_resume_reason reason);

struct gl_resume_record {
    uint8_t session[GL_ID_SIZE];
    uint64_t epoch;
    uint8_t instance[GL_ID_SIZE]; /* of the record's sender */
    uint8_t peer[GL_ID_SIZE];     /* of the other process, as the sender knows it */
    uint64_t rx_count, rx_hash, tx_count;
};

/* What on_* get; all may be NULL. `ctx` is gl_mux_config.ctx. */
struct gl_mux_events {
    /*
     * The peer opened a stream. `open` is the whole payload of OPEN, owned by the callee (unref
     * it). The callee calls gl_stream_bind() now and owns the stream. If it does not, it may close
     * or reset it now and forgets it; what it left open is reset.
     */
    void (*on_open)(void *ctx, struct gl_stream *stream, struct gl_slice open);
    /* The peer said GOODBYE; an answer is queued. The caller of the mux ends the session. */
    void (*on_goodbye)(void *ctx, enum gl_status status, const char *text);
    /* gl_mux_output() has something to write, or gl_mux_deadline() came nearer. */
    void (*on_wake)(void *ctx);
};

/* `ctx` is what gl_stream_bind()/open() was given. Slices are owned by the callee. */
struct gl_stream_events {
    /* `charge` is to be given back by gl_stream_consume() when the content was used up. */
    void (*on_message)(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge);
    void (*on_data)(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                    size_t charge);
    void (*on_eof)(void *ctx, struct gl_stream *stream);
    /*
     * The stream is finished: CLOSE or RESET came, or the session ended. Exactly once, and last.
     * `text` is valid UTF-8, may be empty, is valid during the call. Not called after release, nor
     * for an end that this side caused by gl_stream_reset(); for gl_stream_close() it is called
     * when CLOSE has been handed to a transport (with the status that was sent).
     */
    void (*on_end)(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text);
    /*
     * Queued items left the stream's queue; `credit` is the sum of what they were queued with. Also
     * for OPEN, whose credit is 0: so the first of them says that OPEN is out.
     */
    void (*on_sent)(void *ctx, struct gl_stream *stream, size_t credit);
};

struct gl_mux_config {
    enum gl_side side;
    uint8_t session[GL_ID_SIZE];
    uint8_t instance[GL_ID_SIZE]; /* this process */
    uint8_t peer[GL_ID_SIZE];     /* the other one */
    uint64_t epoch;               /* 1 for a fresh session */
    uint32_t payload_max;         /* cap: the smaller of both hellos, bytes */
    uint32_t local_streams_max;   /* the peer's streams_max: we open no more */
    uint32_t peer_streams_max;    /* our streams_max: a further OPEN gets RESET(LIMIT) */
    size_t window_growth_max;     /* sum of all windows' growth over the initial one, charge */
    size_t partials_max;          /* memory of all unfinished messages; 0: GL_PARTIALS_MAX */
    uint32_t open_max;            /* longest OPEN of the peer; 0: GL_MESSAGE_MAX */
    struct gl_account *account;   /* of its streams, unless told otherwise; may be NULL */
    bool resumable;               /* false on local sockets: no ACK, no replay, no hash */
    /* 0: the protocol's defaults, 5 s, 15 s, 50 ms */
    uint64_t ping_after_ns, dead_after_ns, ack_delay_ns;
    const struct gl_mux_events *events;
    void *ctx;
};

/* A fresh session, attached at `now`. */
struct gl_mux *gl_mux_new(const struct gl_mux_config *config, uint64_t now);
/*
 * Ends the session first (gl_mux_end LOST) if that was not done. Not from a callback. Streams whose
 * owner has not released them keep a little memory until that is done: no pointer of an owner
 * dangles.
 */
void gl_mux_free(struct gl_mux *mux);

/* ------------------------------------------------------------------ bytes in and out */

/*
 * Takes whole frames from data[0, len), which lies in `block` (slices of large payloads refer to
 * it, small ones are copied). *ret_used is how much was used: the caller keeps the rest, appends
 * what comes next and calls again. Returns 0, or UV_EPROTO: the peer broke the protocol;
 * gl_mux_error() says how; the link must be closed and the session ended (gl_mux_goodbye() may
 * still be put out). UV_ECONNABORTED after the session ended, UV_ENOTCONN while detached. If a
 * callback detaches, what follows in data is not looked at. The payload of a frame with
 * GL_FLAG_SECRET is wiped in `data`; what it was handed on as is a secret slice.
 */
int gl_mux_receive(struct gl_mux *mux, uint64_t now, struct gl_block *block, uint8_t *data,
                   size_t len, size_t *ret_used);
/* Wipes the payloads of those that are secret of frames that gl_mux_receive() has not seen, the
 * last of which may be a part of one. */
void gl_mux_wipe_secrets(uint8_t *data, size_t len);
/*
 * How many bytes the frame that begins at data needs in all (header and payload); GL_FRAME_HEADER
 * if unknown, or if it is one that gl_mux_receive() refuses. Never above GL_FRAME_HEADER +
 * GL_PAYLOAD_MAX_CAP.
 */
size_t gl_mux_frame_size(const uint8_t *data, size_t len);

struct gl_iov {
    const uint8_t *base;
    size_t len;
};
/*
 * Up to `n` pieces and about `max` bytes to be written in order; the bytes stay valid until
 * gl_mux_written() has covered them, or gl_mux_detach(). Returns how many pieces were filled in (0:
 * nothing to do). Frames are picked here: control, replay, interactive streams, bulk streams in
 * turn. Asking again without gl_mux_written() gives the same pieces, perhaps more.
 */
size_t gl_mux_output(struct gl_mux *mux, uint64_t now, struct gl_iov *iov, size_t n, size_t max);
void gl_mux_written(struct gl_mux *mux, uint64_t now, size_t bytes);

/* When gl_mux_tick() wants to be called next; UINT64_MAX: never. */
uint64_t gl_mux_deadline(const struct gl_mux *mux);
/*
 * Acknowledges, pings. Returns 0, or UV_ETIMEDOUT: the peer is silent, the link must be given up
 * (and may be resumed).
 */
int gl_mux_tick(struct gl_mux *mux, uint64_t now);

/* ------------------------------------------------------------------ resume */

/*
 * The connection is lost: what was handed out and not written is forgotten, nothing is lost.
 * Streams go on queueing.
 */
void gl_mux_detach(struct gl_mux *mux);
/*
 * For a transport that may still be reading the bytes of gl_mux_output() when it is being closed:
 * keeps them, called before gl_mux_detach(), until gl_mux_hold_free(), which may come after
 * gl_mux_free(). `more` (or NULL) is an earlier hold, which becomes part of the result. NULL if
 * there is nothing to keep.
 */
struct gl_mux_hold *gl_mux_hold(const struct gl_mux *mux, struct gl_mux_hold *more);
void gl_mux_hold_free(struct gl_mux_hold *hold); /* NULL is fine */
bool gl_mux_is_attached(const struct gl_mux *mux);
/* Our record as of now. Call only when no more bytes of an old connection will be fed. */
void gl_mux_record(const struct gl_mux *mux, struct gl_resume_record *ret_record);
/*
 * Would attaching to the peer with this record be right? All of PROTOCOL's checks but the key and
 * the generation.
 */
enum gl_resume_reason gl_mux_check(const struct gl_mux *mux, const struct gl_resume_record *peer,
                                   uint32_t payload_max);
/*
 * The record was checked and both sides agreed: replay begins. `epoch` is the new one, which B
 * chooses: always its own gl_mux_epoch() + 1, whatever A's is.
 */
void gl_mux_attach(struct gl_mux *mux, uint64_t now, const struct gl_resume_record *peer,
                   uint64_t epoch);
/* A raises its epoch when it accepts, before it knows that B heard it: gl_mux_attach does it. */
uint64_t gl_mux_epoch(const struct gl_mux *mux);

/* ------------------------------------------------------------------ end */

/*
 * Sends GOODBYE (link-local), once: after it nothing is sent any more, and the session cannot be
 * resumed. The caller closes after the peer's, or after a time. While detached: nothing is sent.
 */
void gl_mux_goodbye(struct gl_mux *mux, enum gl_status status, const char *text);
/*
 * Ends the session: every stream gets on_end, with NOT_STARTED if its OPEN was never handed to a
 * transport, else with `status` (LOST usually). No further output but the rest of what was handed
 * out and a GOODBYE that was queued before.
 */
void gl_mux_end(struct gl_mux *mux, enum gl_status status, const char *text);
bool gl_mux_has_ended(const struct gl_mux *mux);
/* After UV_EPROTO: what was wrong. Never NULL. */
const char *gl_mux_error(const struct gl_mux *mux);

struct gl_mux_stats {
    uint64_t tx_frames, rx_frames, tx_bytes, rx_bytes; /* sequenced frames; bytes with headers */
    uint64_t rx_dropped;                               /* frames for finished streams */
    uint64_t resumes;
    uint64_t rtt_ns;  /* smoothed, of PING; 0: not known */
    uint32_t streams; /* not yet released or finished */
    size_t replay;    /* charge kept */
    size_t queued;    /* charge of what is in all send queues */
    size_t partials;  /* memory of unfinished messages */
    uint64_t growth;  /* charge: windows over their initial size */
};
void gl_mux_stats(const struct gl_mux *mux, struct gl_mux_stats *ret_stats);
/*
 * Sends a PING now. on_pong (may be NULL) is called exactly once: with the round trip, on a later
 * connection if the present one is lost; with UINT64_MAX when the session ends before.
 */
void gl_mux_ping(struct gl_mux *mux, uint64_t now, void (*on_pong)(void *ctx, uint64_t rtt_ns),
                 void *ctx);

/* ------------------------------------------------------------------ streams */

/*
 * Opens a stream; takes `open` (its reference) in any case. flags: GL_FLAG_INTERACTIVE. A secret
 * slice, here and in gl_stream_send_message(), is sent with GL_FLAG_SECRET.
 * UV_EAGAIN: streams_max of the peer reached, or it has refused many of late. UV_EMSGSIZE: over
 * GL_MESSAGE_MAX. UV_ECONNABORTED: session ended.
 */
int gl_stream_open(struct gl_mux *mux, unsigned flags, struct gl_slice open,
                   const struct gl_stream_events *events, void *ctx, struct gl_stream **ret_stream);
/* Sets who hears of a stream: in on_open, or to hand it over. */
void gl_stream_bind(struct gl_stream *stream, const struct gl_stream_events *events, void *ctx);
void *gl_stream_context(const struct gl_stream *stream);
struct gl_mux *gl_stream_mux(const struct gl_stream *stream);
/* Who answers for what the stream holds from now on, and for what it holds already. */
void gl_stream_set_account(struct gl_stream *stream, struct gl_account *account);
/* 0 until OPEN was handed to a transport: ids are given in the order in which OPENs are sent. */
uint32_t gl_stream_id(const struct gl_stream *stream);
bool gl_stream_is_interactive(const struct gl_stream *stream);

/*
 * Queue a message or data; both take the reference in any case. `credit` comes back through on_sent
 * when the whole item was handed out (data is cut into frames as cap and credit allow). UV_EPIPE:
 * this direction or the stream has ended. UV_EMSGSIZE: message over GL_MESSAGE_MAX. Producers watch
 * gl_stream_queued() and stop at GL_STREAM_QUEUE until on_sent; nothing is refused for it.
 */
int gl_stream_send_message(struct gl_stream *stream, struct gl_slice message, size_t credit);
int gl_stream_send_data(struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                        size_t credit);
int gl_stream_send_eof(struct gl_stream *stream);
/* Not yet handed out, as charge: an item costs its length, but GL_CHARGE_MIN at least. */
size_t gl_stream_queued(const struct gl_stream *stream);

/* What on_message and on_data told of `charge` was used up: the peer may send as much again. */
void gl_stream_consume(struct gl_stream *stream, size_t charge);

/* Responder: the final status, after all that is queued. `text` is cut at GL_STATUS_TEXT_MAX. */
int gl_stream_close(struct gl_stream *stream, enum gl_status status, const char *text);
/* Either side: at once; drops what is queued; no event follows. Fine on a finished stream. */
void gl_stream_reset(struct gl_stream *stream, enum gl_status status, const char *text);
/*
 * The owner is done with the stream and forgets the pointer; no event follows. A stream that has
 * not finished is reset with CANCELLED (a close that is queued is still sent). Until then a stream
 * that the peer opened counts against peer_streams_max.
 */
void gl_stream_release(struct gl_stream *stream);

#endif
