/* SPDX-License-Identifier: MIT */
/* Ends of transports under test, on the loop of unit-loop.h: what each heard, and how two of them
 * are connected. */
#ifndef GL_TRANSPORT_ENDS_H
#define GL_TRANSPORT_ENDS_H

#include <string.h>

#include "mem.h"
#include "transport.h"
#include "unit-loop.h"

#define ENDS_ROOM (64 * 1024)

struct end {
    struct gl_transport *t;
    uint8_t room[ENDS_ROOM];
    size_t room_len; /* offered to reads; 0: all */
    uint8_t *data;
    size_t len, cap;
    size_t wanted; /* got_wanted is set when so much came */
    int reads;     /* with content */
    ssize_t last;  /* the final status */
    int write_status;
    bool got_wanted, ended, written, closed, close_in_read;
};

static inline void ends_on_buffer(void *ctx, uv_buf_t *ret_room)
{
    struct end *e = ctx;
    *ret_room = uv_buf_init((char *)e->room, (unsigned)(e->room_len ? e->room_len : ENDS_ROOM));
}

static inline void ends_on_read(void *ctx, ssize_t n)
{
    struct end *e = ctx;
    ck_assert(!e->ended && !e->closed);
    if (n < 0) {
        e->last = n;
        e->ended = true;
        return;
    }
    if (e->len + (size_t)n > e->cap)
        e->data = gl_realloc(e->data, e->cap = 2 * (e->len + (size_t)n));
    memcpy(e->data + e->len, e->room, (size_t)n);
    e->len += (size_t)n;
    e->reads += n > 0;
    e->got_wanted = e->wanted && e->len >= e->wanted;
    if (e->close_in_read)
        gl_transport_close(e->t);
}

static inline void ends_on_written(void *ctx, int status)
{
    struct end *e = ctx;
    ck_assert(!e->written && !e->closed);
    e->write_status = status;
    e->written = true;
}

static inline void ends_on_close(void *ctx)
{
    struct end *e = ctx;
    ck_assert(!e->closed);
    e->closed = true;
    e->t = NULL;
    gl_free(e->data);
    e->data = NULL;
}

static const struct gl_transport_events ends_events = {ends_on_buffer, ends_on_read,
                                                       ends_on_written, ends_on_close};

static inline void ends_take(struct end *e, struct gl_transport *t)
{
    e->t = t;
    gl_transport_bind(t, &ends_events, e);
}

static inline void ends_close_one(struct end *e)
{
    char text[] = "x";
    uv_buf_t buf = uv_buf_init(text, 1);
    gl_transport_close(e->t);
    gl_transport_close(e->t); /* as promised: fine */
    ck_assert_int_eq(gl_transport_write(e->t, &buf, 1), UV_ECANCELED);
    ck_assert_int_eq(gl_transport_read_start(e->t), UV_ECANCELED);
    gl_unit_run_until(e->closed);
}

static inline void ends_on_accept(void *ctx, struct gl_listener *listener, struct gl_transport *t)
{
    (void)listener;
    ends_take(ctx, t);
}

struct dial {
    bool done;
    int status;
    struct end *end;
};

static inline void ends_on_dialled(void *ctx, int status, struct gl_transport *t)
{
    struct dial *d = ctx;
    ck_assert(!d->done);
    d->done = true;
    d->status = status;
    ck_assert((t != NULL) == (status == 0));
    if (t)
        ends_take(d->end, t);
}

static inline void ends_on_listener_closed(void *ctx)
{
    *(bool *)ctx = true;
}

static inline void ends_stop_listening(struct gl_listener *listener)
{
    bool closed = false;
    gl_listener_close(listener, ends_on_listener_closed, &closed);
    gl_unit_run_until(closed);
}

static inline struct gl_listener *ends_listen(const struct gl_address *address,
                                              const struct gl_listen_options *options,
                                              struct end *accepted)
{
    struct gl_listener *listener = NULL;
    ck_assert_int_eq(
        gl_transport_listen(&loop, address, options, ends_on_accept, accepted, &listener), 0);
    return listener;
}

static inline int ends_dial(const struct gl_address *address,
                            const struct gl_connect_options *options, struct end *end)
{
    struct dial d = {.end = end};
    int r = gl_transport_connect(&loop, address, options, ends_on_dialled, &d, NULL);
    ck_assert(!d.done);
    if (r)
        return r;
    gl_unit_run_until(d.done);
    return d.status;
}

static inline uint8_t *ends_pattern(size_t len, unsigned seed)
{
    uint8_t *data = gl_alloc(len);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)((i * 2654435761u + seed) >> 11);
    return data;
}

/*
 * Two ends, connected by way of a listener: `a` dials, and says the byte that a pipe's listener
 * waits for, which `b` reads.
 */
static inline void ends_connect(const struct gl_address *address,
                                const struct gl_listen_options *listen_options,
                                const struct gl_connect_options *connect_options, struct end *a,
                                struct end *b)
{
    char text[] = "h";
    uv_buf_t buf = uv_buf_init(text, 1);
    struct gl_listener *listener = ends_listen(address, listen_options, b);
    size_t wanted = b->wanted;
    ck_assert_int_eq(ends_dial(address, connect_options, a), 0);
    if (gl_transport_write(a->t, &buf, 1) == 0)
        gl_unit_run_until(a->written);
    a->written = false;
    gl_unit_run_until(b->t);
    b->wanted = 1;
    gl_transport_read_start(b->t);
    gl_unit_run_until(b->got_wanted);
    ck_assert_uint_eq(b->data[0], 'h');
    gl_transport_read_stop(b->t);
    b->len = 0;
    b->reads = 0;
    b->got_wanted = false;
    b->wanted = wanted;
    ends_stop_listening(listener);
}

/* A writer who is so far ahead waits until the reader reads. Both are as they were, `b` reads. */
static inline void ends_press(struct end *a, struct end *b, size_t len)
{
    uint8_t *data = ends_pattern(len, 4);
    uv_buf_t buf = uv_buf_init((char *)data, (unsigned)len);
    b->wanted = len;
    ck_assert_int_eq(gl_transport_write(a->t, &buf, 1), 0);
    gl_unit_run_for(50);
    ck_assert(!a->written);
    gl_transport_read_start(b->t);
    gl_unit_run_until(a->written);
    ck_assert_int_eq(a->write_status, 0);
    gl_unit_run_until(b->got_wanted);
    ck_assert(memcmp(b->data, data, len) == 0);
    a->written = false;
    gl_free(data);
}

/* Both write so many bytes at once, in pieces of odd sizes, and read what the other wrote. */
static inline void ends_exchange(struct end *a, struct end *b, size_t len)
{
    enum { PIECES = 2000 };
    uint8_t *sent[2] = {ends_pattern(len, 1), ends_pattern(len, 2)};
    struct end *ends[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        uv_buf_t bufs[PIECES];
        unsigned n = 0;
        size_t at = 0;
        while (n < PIECES - 1) {
            size_t piece = (n * 7919) % 2100; /* empty ones too */
            bufs[n++] = uv_buf_init((char *)sent[i] + at, (unsigned)piece);
            at += piece;
        }
        ck_assert_uint_lt(at, len);
        bufs[n++] = uv_buf_init((char *)sent[i] + at, (unsigned)(len - at));
        ends[i]->wanted = len;
        ends[i]->got_wanted = false;
        ck_assert_int_eq(gl_transport_read_start(ends[i]->t), 0);
        int r = gl_transport_write(ends[i]->t, bufs, n);
        ends[i]->written = r == 1; /* a socket may take much at once */
        ck_assert_int_eq(r ? UV_EBUSY : gl_transport_write(ends[i]->t, bufs, n), UV_EBUSY);
        ck_assert_int_ge(r, 0);
    }
    for (int i = 0; i < 2; i++) {
        gl_unit_run_until(ends[i]->got_wanted);
        gl_unit_run_until(ends[i]->written);
        ck_assert_int_eq(ends[i]->write_status, 0);
        ck_assert_uint_eq(ends[i]->len, len);
        ck_assert(memcmp(ends[i]->data, sent[!i], len) == 0);
        ends[i]->written = false;
    }
    gl_free(sent[0]);
    gl_free(sent[1]);
}

/* ------------------------------------------------------------------ many at once */

struct ends_crowd {
    struct end *ends; /* [0, count) dialled, [count, 2 * count) accepted */
    unsigned count, accepted;
};

static inline void ends_on_crowd_accept(void *ctx, struct gl_listener *listener,
                                        struct gl_transport *t)
{
    struct ends_crowd *crowd = ctx;
    (void)listener;
    ck_assert_uint_lt(crowd->accepted, crowd->count);
    struct end *e = &crowd->ends[crowd->count + crowd->accepted++];
    ends_take(e, t);
    e->wanted = 5;
    gl_transport_read_start(t);
}

/* So many connections at a time: all dial at once, each says its number and is answered with it. */
static inline void ends_many_at(const struct gl_address *at, const struct gl_address *to,
                                const struct gl_listen_options *listen_options,
                                const struct gl_connect_options *connect_options, unsigned count)
{
    struct ends_crowd crowd = {GL_NEW0_ARRAY(struct end, 2 * (size_t)count), count, 0};
    struct dial *dials = GL_NEW0_ARRAY(struct dial, count);
    char(*texts)[6] = gl_alloc0(count * sizeof(*texts));
    struct gl_listener *listener = NULL;
    ck_assert_int_eq(
        gl_transport_listen(&loop, at, listen_options, ends_on_crowd_accept, &crowd, &listener), 0);
    for (unsigned i = 0; i < count; i++) {
        dials[i].end = &crowd.ends[i];
        ck_assert_int_eq(
            gl_transport_connect(&loop, to, connect_options, ends_on_dialled, &dials[i], NULL), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        gl_unit_run_until(dials[i].done);
        ck_assert_int_eq(dials[i].status, 0);
        snprintf(texts[i], sizeof(texts[i]), "%05u", i);
        uv_buf_t buf = uv_buf_init(texts[i], 5);
        struct end *e = &crowd.ends[i];
        e->wanted = 5;
        gl_transport_read_start(e->t);
        ck_assert_int_ge(gl_transport_write(e->t, &buf, 1), 0);
    }
    gl_unit_run_until(crowd.accepted == count);
    for (unsigned i = 0; i < count; i++) {
        struct end *e = &crowd.ends[count + i];
        gl_unit_run_until(e->got_wanted);
        uv_buf_t buf = uv_buf_init((char *)e->data, 5);
        ck_assert_int_ge(gl_transport_write(e->t, &buf, 1), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        gl_unit_run_until(crowd.ends[i].got_wanted);
        ck_assert(memcmp(crowd.ends[i].data, texts[i], 5) == 0);
    }
    for (unsigned i = 0; i < 2 * count; i++)
        gl_transport_close(crowd.ends[i].t);
    for (unsigned i = 0; i < 2 * count; i++)
        gl_unit_run_until(crowd.ends[i].closed);
    ends_stop_listening(listener);
    gl_free(texts);
    gl_free(dials);
    gl_free(crowd.ends);
}

static inline void ends_many(const struct gl_address *address,
                             const struct gl_listen_options *listen_options,
                             const struct gl_connect_options *connect_options, unsigned count)
{
    ends_many_at(address, address, listen_options, connect_options, count);
}

#endif
