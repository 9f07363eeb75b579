/* SPDX-License-Identifier: MIT */
/*
 * Between a loop and the one thread that does a transfer's file work: a queue each way, and one of
 * reports.
 *
 * `in` holds what the peer sent; its bound is the stream's window, since credit goes back only as
 * the thread uses things up. `out` holds what the thread produced; the thread waits when it is
 * full.
 */
#ifndef GL_CHANNEL_H
#define GL_CHANNEL_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "buf.h"
#include "disk.h"

#define GL_CHANNEL_OUT_MAX (1024u * 1024) /* bytes in `out`, after which the thread waits */

enum gl_item_kind {
    GL_ITEM_MESSAGE,
    GL_ITEM_DATA,
    GL_ITEM_ODD, /* in only: data on a channel that is not in use */
};

struct gl_item {
    enum gl_item_kind kind;
    struct gl_slice slice;
    size_t charge; /* in: to be given back by gl_channel_used() */
};

struct gl_channel;

/* `wake` is called on the thread when the loop has something to do: uv_async_send() or a test's
 * like. */
struct gl_channel *gl_channel_new(void (*wake)(void *ctx), void *ctx);
/* Frees what is queued; reports by `free_report`. The thread must have ended. */
void gl_channel_free(struct gl_channel *channel, void (*free_report)(void *report));

/* ------------------------------------------------------------------ the thread's side */

/* Puts an item (taken in any case) into `out`, waiting for room. UV_ECANCELED. */
int gl_channel_put(struct gl_channel *channel, struct gl_item item);
int gl_channel_put_message(struct gl_channel *channel, const void *message); /* packs it */
/*
 * Something for the owner on the loop and not for the peer; taken in any case, also when cancelled.
 * Waits for the loop alone, never for the peer: so it can be called while `out` is full.
 */
int gl_channel_put_report(struct gl_channel *channel, void *report);
/* The next item of `in`. UV_EAGAIN: none now (only if !wait). UV_EOF: none will come. UV_ECANCELED.
 */
int gl_channel_get(struct gl_channel *channel, bool wait, struct gl_item *ret_item);
/* Waits until there is room in `out`, or something in `in` (then UV_EAGAIN). UV_ECANCELED. */
int gl_channel_wait_room(struct gl_channel *channel);
/* What came with this charge was used up. */
void gl_channel_used(struct gl_channel *channel, size_t charge);
bool gl_channel_is_cancelled(struct gl_channel *channel);

/* ------------------------------------------------------------------ the loop's side */

void gl_channel_give(struct gl_channel *channel, struct gl_item item); /* taken */
void gl_channel_give_eof(struct gl_channel *channel);
/* The next item of `out`. False: none. */
bool gl_channel_take(struct gl_channel *channel, struct gl_item *ret_item);
/* The next report. NULL: none. */
void *gl_channel_take_report(struct gl_channel *channel);
/* Charge that was used up since the last call. */
size_t gl_channel_collect(struct gl_channel *channel);
/* All waiting of the thread ends, now and later. */
void gl_channel_cancel(struct gl_channel *channel);
/* Raised once cancelled: for gl_stream_fd_read(). NULL: this system had none left. */
struct gl_disk_signal *gl_channel_signal(const struct gl_channel *channel);

#endif
