/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include "disk.h"
#include "mem.h"
#include "message.h"

/* Credit is given back in pieces of about this size, and whenever the thread has nothing to do. */
#define COLLECT_AT (32u * 1024)
/* What an item costs besides its bytes, so that the queue is bounded in items too. */
#define ITEM_COST 128u

#define REPORTS_MAX 256u

struct ring {
    struct gl_item *items;
    size_t room, first, count; /* room is a power of two */
};

struct gl_channel {
    uv_mutex_t mutex;
    uv_cond_t changed; /* something for the thread */
    struct ring in, out;
    size_t out_bytes;
    void *reports[REPORTS_MAX];
    size_t report_first, report_count;
    size_t used;
    bool eof, cancelled;
    bool woken; /* wake was called and the loop has not looked yet */
    void (*wake)(void *ctx);
    void *ctx;
    struct gl_disk_signal *signal; /* NULL: this system had none left */
};

static void ring_push(struct ring *ring, struct gl_item item)
{
    if (ring->count == ring->room) {
        size_t room = ring->room ? 2 * ring->room : 16;
        struct gl_item *items = GL_NEW0_ARRAY(struct gl_item, room);
        for (size_t i = 0; i < ring->count; i++)
            items[i] = ring->items[(ring->first + i) & (ring->room - 1)];
        gl_free(ring->items);
        *ring = (struct ring){items, room, 0, ring->count};
    }
    ring->items[(ring->first + ring->count++) & (ring->room - 1)] = item;
}

static bool ring_pop(struct ring *ring, struct gl_item *ret_item)
{
    if (!ring->count)
        return false;
    *ret_item = ring->items[ring->first];
    ring->first = (ring->first + 1) & (ring->room - 1);
    ring->count--;
    return true;
}

static void ring_done(struct ring *ring)
{
    struct gl_item item;
    while (ring_pop(ring, &item))
        gl_slice_unref(&item.slice);
    gl_free(ring->items);
}

struct gl_channel *gl_channel_new(void (*wake)(void *ctx), void *ctx)
{
    struct gl_channel *channel = GL_NEW0(struct gl_channel);
    if (uv_mutex_init(&channel->mutex) || uv_cond_init(&channel->changed))
        abort(); /* only without memory */
    channel->wake = wake;
    channel->ctx = ctx;
    (void)gl_disk_signal_new(&channel->signal);
    return channel;
}

void gl_channel_free(struct gl_channel *channel, void (*free_report)(void *report))
{
    ring_done(&channel->in);
    ring_done(&channel->out);
    void *report;
    while ((report = gl_channel_take_report(channel)))
        free_report(report);
    gl_disk_signal_free(channel->signal);
    uv_cond_destroy(&channel->changed);
    uv_mutex_destroy(&channel->mutex);
    gl_free(channel);
}

/* With the mutex held. One wake is enough until the loop has looked. */
static void wake_loop(struct gl_channel *channel)
{
    if (channel->woken)
        return;
    channel->woken = true;
    channel->wake(channel->ctx);
}

/* ------------------------------------------------------------------ the thread's side */

int gl_channel_put(struct gl_channel *channel, struct gl_item item)
{
    uv_mutex_lock(&channel->mutex);
    while (!channel->cancelled && channel->out_bytes >= GL_CHANNEL_OUT_MAX)
        uv_cond_wait(&channel->changed, &channel->mutex);
    bool cancelled = channel->cancelled;
    if (!cancelled) {
        channel->out_bytes += item.slice.len + ITEM_COST;
        ring_push(&channel->out, item);
        wake_loop(channel);
    }
    uv_mutex_unlock(&channel->mutex);
    if (cancelled)
        gl_slice_unref(&item.slice);
    return cancelled ? UV_ECANCELED : 0;
}

int gl_channel_put_report(struct gl_channel *channel, void *report)
{
    uv_mutex_lock(&channel->mutex);
    while (channel->report_count >= REPORTS_MAX)
        uv_cond_wait(&channel->changed, &channel->mutex);
    channel->reports[(channel->report_first + channel->report_count++) % REPORTS_MAX] = report;
    wake_loop(channel);
    bool cancelled = channel->cancelled;
    uv_mutex_unlock(&channel->mutex);
    return cancelled ? UV_ECANCELED : 0;
}

int gl_channel_put_message(struct gl_channel *channel, const void *message)
{
    return gl_channel_put(
        channel, (struct gl_item){.kind = GL_ITEM_MESSAGE, .slice = gl_message_pack(message)});
}

int gl_channel_wait_room(struct gl_channel *channel)
{
    uv_mutex_lock(&channel->mutex);
    while (!channel->cancelled && !channel->in.count && channel->out_bytes >= GL_CHANNEL_OUT_MAX)
        uv_cond_wait(&channel->changed, &channel->mutex);
    int err = channel->cancelled ? UV_ECANCELED : channel->in.count ? UV_EAGAIN : 0;
    uv_mutex_unlock(&channel->mutex);
    return err;
}

int gl_channel_get(struct gl_channel *channel, bool wait, struct gl_item *ret_item)
{
    uv_mutex_lock(&channel->mutex);
    while (wait && !channel->cancelled && !channel->in.count && !channel->eof) {
        if (channel->used)
            wake_loop(channel);
        uv_cond_wait(&channel->changed, &channel->mutex);
    }
    int err = 0;
    if (channel->cancelled)
        err = UV_ECANCELED;
    else if (!ring_pop(&channel->in, ret_item))
        err = channel->eof ? UV_EOF : UV_EAGAIN;
    uv_mutex_unlock(&channel->mutex);
    return err;
}

void gl_channel_used(struct gl_channel *channel, size_t charge)
{
    uv_mutex_lock(&channel->mutex);
    channel->used += charge;
    if (channel->used >= COLLECT_AT)
        wake_loop(channel);
    uv_mutex_unlock(&channel->mutex);
}

bool gl_channel_is_cancelled(struct gl_channel *channel)
{
    uv_mutex_lock(&channel->mutex);
    bool cancelled = channel->cancelled;
    uv_mutex_unlock(&channel->mutex);
    return cancelled;
}

struct gl_disk_signal *gl_channel_signal(const struct gl_channel *channel)
{
    return channel->signal;
}

/* ------------------------------------------------------------------ the loop's side */

void gl_channel_give(struct gl_channel *channel, struct gl_item item)
{
    uv_mutex_lock(&channel->mutex);
    ring_push(&channel->in, item);
    uv_cond_signal(&channel->changed);
    uv_mutex_unlock(&channel->mutex);
}

void gl_channel_give_eof(struct gl_channel *channel)
{
    uv_mutex_lock(&channel->mutex);
    channel->eof = true;
    uv_cond_signal(&channel->changed);
    uv_mutex_unlock(&channel->mutex);
}

bool gl_channel_take(struct gl_channel *channel, struct gl_item *ret_item)
{
    uv_mutex_lock(&channel->mutex);
    channel->woken = false;
    bool taken = ring_pop(&channel->out, ret_item);
    if (taken) {
        bool was_full = channel->out_bytes >= GL_CHANNEL_OUT_MAX;
        channel->out_bytes -= ret_item->slice.len + ITEM_COST;
        if (was_full && channel->out_bytes < GL_CHANNEL_OUT_MAX)
            uv_cond_signal(&channel->changed);
    }
    uv_mutex_unlock(&channel->mutex);
    return taken;
}

void *gl_channel_take_report(struct gl_channel *channel)
{
    void *report = NULL;
    uv_mutex_lock(&channel->mutex);
    channel->woken = false;
    if (channel->report_count) {
        report = channel->reports[channel->report_first];
        channel->report_first = (channel->report_first + 1) % REPORTS_MAX;
        channel->report_count--;
        uv_cond_signal(&channel->changed);
    }
    uv_mutex_unlock(&channel->mutex);
    return report;
}

size_t gl_channel_collect(struct gl_channel *channel)
{
    uv_mutex_lock(&channel->mutex);
    channel->woken = false;
    size_t used = channel->used;
    channel->used = 0;
    uv_mutex_unlock(&channel->mutex);
    return used;
}

void gl_channel_cancel(struct gl_channel *channel)
{
    uv_mutex_lock(&channel->mutex);
    channel->cancelled = true;
    uv_cond_signal(&channel->changed);
    if (channel->signal)
        gl_disk_signal_raise(channel->signal);
    uv_mutex_unlock(&channel->mutex);
}
