/* SPDX-License-Identifier: MIT */
#include "transport-overlapped.h"

#include <sodium.h>
#include <string.h>

#include "list.h"
#include "mem.h"

#define BLOCK_SMALL 4096u
#define BLOCK_LARGE (256u * 1024)
/* A read that succeeds at once is followed by another without asking the loop, this often. */
#define READS_PER_EVENT 4
/* Pipes have no gathering write: pieces shorter than this are put together, up to so much. */
#define STAGE_PIECE (16u * 1024)
#define STAGE_MAX   (64u * 1024)
#define WSABUFS_MAX 256u /* of one WSASend() */

struct overlapped_transport {
    struct gl_transport base;
    struct gl_overlapped_end end;

    struct gl_operation read;
    struct gl_operation turn; /* asked for to go on, or to be closed, in the loop's next turn */
    bool reading;             /* as asked for */
    bool read_ended;          /* EOF or an error was reported */
    int read_status;          /* what is reported after the bytes that are in the block */
    uint8_t *block;
    size_t block_size, begin, used; /* not given yet: block[begin, used) */
    bool bulk;                      /* the last read brought more than a small block holds */

    struct gl_operation write;
    bool writing;
    bool shutdown; /* wanted when it is done */
    uv_buf_t *rest;
    unsigned rest_at, rest_n, rest_room;
    uint8_t *stage;
    size_t stage_room, stage_used;
};

static struct overlapped_transport *of(struct gl_transport *t)
{
    return (struct overlapped_transport *)t;
}

static bool is_socket(const struct overlapped_transport *o)
{
    return o->end.handle == NULL;
}

/* ------------------------------------------------------------------ the end */

/* The last of what was pending frees it. */
static void release(struct overlapped_transport *o)
{
    if (o->read.pending || o->write.pending || o->turn.pending)
        return;
    if (o->base.events)
        o->base.events->on_close(o->base.ctx);
    gl_completion_put(o->end.completion);
    /* What was read and not given, or is staged, may be a secret. */
    gl_secure_free(o->block, o->block_size);
    gl_secure_free(o->stage, o->stage_used);
    gl_free(o->rest);
    gl_free(o);
}

static void ask_turn(struct overlapped_transport *o)
{
    if (!o->turn.pending)
        gl_completion_defer(o->end.completion, &o->turn, 0);
}

static void overlapped_close(struct gl_transport *t)
{
    struct overlapped_transport *o = of(t);
    /* At once: the peer is to be told. What is pending is cancelled by it, too, if need be. */
    if (is_socket(o)) {
        CancelIoEx((HANDLE)o->end.socket, NULL);
        closesocket(o->end.socket); /* never CloseHandle() */
    } else {
        CancelIoEx(o->end.handle, NULL);
        CloseHandle(o->end.handle);
    }
    ask_turn(o);
}

/* ------------------------------------------------------------------ read */

static void choose_block(struct overlapped_transport *o)
{
    size_t size = o->bulk ? BLOCK_LARGE : BLOCK_SMALL;
    o->begin = o->used = 0;
    if (o->block && o->block_size == size)
        return;
    gl_free(o->block);
    o->block = gl_alloc(size);
    o->block_size = size;
}

/* What a read has brought. */
static void take_read(struct overlapped_transport *o, int status, size_t n)
{
    o->used = n;
    o->bulk = n > BLOCK_SMALL || n == o->block_size;
    if (status == UV_EPIPE || (status == 0 && n == 0 && is_socket(o)))
        status = UV_EOF;
    o->read_status = status;
}

/* As gl_operation_started(), and what is done at once has been taken. */
static int start_read(struct overlapped_transport *o)
{
    DWORD n = 0, flags = 0, error = 0;
    choose_block(o);
    OVERLAPPED *overlapped = gl_operation_prepare(&o->read);
    if (is_socket(o)) {
        WSABUF buf = {(ULONG)o->block_size, (char *)o->block};
        if (WSARecv(o->end.socket, &buf, 1, &n, &flags, overlapped, NULL) != 0)
            error = (DWORD)WSAGetLastError();
    } else if (!ReadFile(o->end.handle, o->block, (DWORD)o->block_size, &n, overlapped)) {
        error = GetLastError();
    }
    int r = gl_operation_started(&o->read, o->end.skips, error);
    if (r == 1)
        take_read(o, 0, n);
    else if (r < 0)
        take_read(o, r, 0);
    return r;
}

static bool wants_more(const struct overlapped_transport *o)
{
    return o->reading && !o->read_ended && !o->base.closing;
}

/*
 * Gives what is in the block, and keeps no copy: not known here is whether it is a secret, as with
 * what is written. False: no more is wanted.
 */
static bool deliver(struct overlapped_transport *o)
{
    struct gl_transport *t = &o->base;
    while (wants_more(o) && o->begin < o->used) {
        uv_buf_t room = {0};
        t->events->on_buffer(t->ctx, &room);
        size_t n = o->used - o->begin < room.len ? o->used - o->begin : room.len;
        memcpy(room.base, o->block + o->begin, n);
        sodium_memzero(o->block + o->begin, n);
        o->begin += n;
        t->events->on_read(t->ctx, (ssize_t)n);
    }
    if (!wants_more(o))
        return false;
    if (o->read_status == 0)
        return true;
    o->read_ended = true;
    t->events->on_read(t->ctx, o->read_status);
    return false;
}

static void pump(struct overlapped_transport *o)
{
    for (int i = 0; i < READS_PER_EVENT; i++)
        if (!deliver(o) || o->read.pending || start_read(o) == 0)
            return;
    ask_turn(o);
}

static void on_read_done(struct gl_operation *operation)
{
    struct overlapped_transport *o = GL_CONTAINER_OF(operation, struct overlapped_transport, read);
    if (o->base.closing) {
        release(o);
        return;
    }
    take_read(o, gl_operation_status(operation), gl_operation_bytes(operation));
    pump(o);
}

static void on_turn(struct gl_operation *operation)
{
    struct overlapped_transport *o = GL_CONTAINER_OF(operation, struct overlapped_transport, turn);
    if (o->base.closing)
        release(o);
    else
        pump(o);
}

/* No event is called from here. */
static int overlapped_read_start(struct gl_transport *t)
{
    struct overlapped_transport *o = of(t);
    o->reading = true;
    if (!o->read_ended && !o->read.pending)
        ask_turn(o);
    return 0;
}

/* A read that is pending stays so: what it brings is kept in the block. */
static void overlapped_read_stop(struct gl_transport *t)
{
    of(t)->reading = false;
}

/* ------------------------------------------------------------------ write */

/* Moves over so many bytes of the rest; false if there is more. Empty pieces count as written. */
static bool skip_written(struct overlapped_transport *o, size_t n)
{
    while (o->rest_at < o->rest_n && n >= o->rest[o->rest_at].len)
        n -= o->rest[o->rest_at++].len;
    if (o->rest_at == o->rest_n)
        return true;
    o->rest[o->rest_at].base += n;
    o->rest[o->rest_at].len -= (ULONG)n;
    return false;
}

/* Not known here is whether what was written is a secret. It costs little beside the write. */
static void wipe_stage(struct overlapped_transport *o)
{
    if (o->stage_used)
        sodium_memzero(o->stage, o->stage_used);
    o->stage_used = 0;
}

static void drop_stage(struct overlapped_transport *o)
{
    wipe_stage(o);
    gl_free(o->stage);
    o->stage = NULL;
    o->stage_room = 0;
}

/* What goes into a pipe next. */
static uv_buf_t next_piece(struct overlapped_transport *o)
{
    size_t len = 0;
    unsigned n = o->rest_at;
    for (; n < o->rest_n && o->rest[n].len < STAGE_PIECE && len + o->rest[n].len <= STAGE_MAX; n++)
        len += o->rest[n].len;
    if (n <= o->rest_at + 1)
        return o->rest[o->rest_at];
    if (o->stage_room < len) {
        drop_stage(o);
        o->stage = gl_alloc(len);
        o->stage_room = len;
    }
    len = 0;
    for (unsigned i = o->rest_at; i < n; i++) {
        memcpy(o->stage + len, o->rest[i].base, o->rest[i].len);
        len += o->rest[i].len;
    }
    o->stage_used = len;
    return uv_buf_init((char *)o->stage, (unsigned)len);
}

/* As gl_operation_started(). */
static int start_write(struct overlapped_transport *o, size_t *ret_written)
{
    DWORD written = 0, error = 0;
    OVERLAPPED *overlapped = gl_operation_prepare(&o->write);
    if (is_socket(o)) {
        unsigned n = o->rest_n - o->rest_at;
        /* uv_buf_t is laid out like WSABUF on Windows; uv_buf_t in libuv's documentation. */
        WSABUF *bufs = (WSABUF *)(o->rest + o->rest_at);
        if (WSASend(o->end.socket, bufs, n < WSABUFS_MAX ? n : WSABUFS_MAX, &written, 0, overlapped,
                    NULL) != 0)
            error = (DWORD)WSAGetLastError();
    } else {
        uv_buf_t piece = next_piece(o);
        if (!WriteFile(o->end.handle, piece.base, piece.len, &written, overlapped))
            error = GetLastError();
    }
    *ret_written = written;
    return gl_operation_started(&o->write, o->end.skips, error);
}

/* Writes on. 1: all is written; 0: pending; or negative. */
static int write_on(struct overlapped_transport *o)
{
    size_t n = 0;
    while (!skip_written(o, n)) {
        int r = start_write(o, &n);
        if (r != 0)
            wipe_stage(o);
        if (r != 1)
            return r;
        if (n == 0)
            return UV_EIO; /* it would never end */
    }
    return 1;
}

static void shutdown_now(struct overlapped_transport *o)
{
    o->shutdown = false;
    shutdown(o->end.socket, SD_SEND);
}

static void finish_write(struct overlapped_transport *o, int status)
{
    o->writing = false;
    if (o->shutdown)
        shutdown_now(o);
    drop_stage(o);
    o->base.events->on_written(o->base.ctx, status);
}

static void on_write_done(struct gl_operation *operation)
{
    struct overlapped_transport *o = GL_CONTAINER_OF(operation, struct overlapped_transport, write);
    if (o->base.closing) {
        release(o);
        return;
    }
    size_t n = gl_operation_bytes(operation);
    int r = gl_operation_status(operation);
    wipe_stage(o);
    if (r == 0 && n == 0)
        r = UV_EIO;
    if (r == 0)
        r = skip_written(o, n) ? 1 : write_on(o);
    if (r != 0)
        finish_write(o, r < 0 ? r : 0);
}

static int overlapped_write(struct gl_transport *t, const uv_buf_t *bufs, unsigned n)
{
    struct overlapped_transport *o = of(t);
    if (o->writing)
        return UV_EBUSY;
    if (n > o->rest_room) {
        o->rest = gl_realloc_array(o->rest, n, sizeof(*o->rest));
        o->rest_room = n;
    }
    if (n)
        memcpy(o->rest, bufs, n * sizeof(*bufs));
    o->rest_at = 0;
    o->rest_n = n;
    int r = write_on(o);
    o->writing = r == 0;
    return r;
}

/* Pipes close both ways or not at all. */
static int overlapped_shutdown(struct gl_transport *t)
{
    struct overlapped_transport *o = of(t);
    if (!is_socket(o))
        return UV_ENOTSUP;
    if (o->writing)
        o->shutdown = true;
    else
        shutdown_now(o);
    return 0;
}

/* ------------------------------------------------------------------ open */

static const struct gl_transport_ops overlapped_ops = {
    .name = "overlapped",
    .read_start = overlapped_read_start,
    .read_stop = overlapped_read_stop,
    .write = overlapped_write,
    .close = overlapped_close,
    .shutdown = overlapped_shutdown,
};

struct gl_transport *gl_overlapped_transport_new(uv_loop_t *loop,
                                                 const struct gl_overlapped_end *end,
                                                 const struct gl_peer *peer, uint32_t payload_max,
                                                 const void *early, size_t early_len)
{
    struct overlapped_transport *o = GL_NEW0(struct overlapped_transport);
    o->base.ops = &overlapped_ops;
    o->base.loop = loop;
    o->base.peer = *peer;
    o->base.payload_max = payload_max;
    o->end = *end;
    o->read.done = on_read_done;
    o->turn.done = on_turn;
    o->write.done = on_write_done;
    if (early_len) {
        o->block = gl_memdup(early, early_len);
        o->block_size = o->used = early_len;
    }
    return &o->base;
}
