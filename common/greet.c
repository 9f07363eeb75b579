/* SPDX-License-Identifier: MIT */
#include "greet.h"

#include <sodium.h>
#include <string.h>

#include "mem.h"

/* Room for what comes; the handshake keeps what it needs itself and bounds it. */
#define ROOM               (16u * 1024)
#define DEFAULT_TIMEOUT_MS 10000u

struct gl_greet {
    struct gl_transport *transport; /* NULL once handed over */
    struct gl_peer peer;
    struct gl_handshake *handshake;
    uv_timer_t limit;
    const struct gl_greet_events *events;
    void *ctx;
    unsigned handles;
    bool in_pump;
    bool deciding; /* on_decide was called for this state, gl_greet_continue() not yet */
    bool writing;
    bool deaf; /* a write failed: only what the peer still says counts */
    bool ended;
    uint8_t *output; /* what is being written */
    size_t len;      /* of what lies unused in: */
    uint8_t room[ROOM];
};

/* ------------------------------------------------------------------ the end */

static void release(struct gl_greet *g)
{
    if (--g->handles)
        return;
    gl_free(g->output);
    sodium_memzero(g->room, sizeof(g->room)); /* a hasty peer's first request may be a secret */
    gl_free(g);
}

static void on_timer_closed(uv_handle_t *handle)
{
    release(handle->data);
}

/* Nothing more happens; memory goes when the handles are closed. */
static void end(struct gl_greet *g)
{
    g->ended = true;
    uv_close((uv_handle_t *)&g->limit, on_timer_closed);
    if (g->transport) {
        g->handles++;
        gl_transport_close(g->transport);
    }
    gl_handshake_free(g->handshake);
    g->handshake = NULL;
}

static void fail(struct gl_greet *g, enum gl_status status, const char *text, bool by_peer)
{
    /* The callee may cancel, needlessly; and text may be the handshake's. */
    g->ended = true;
    g->events->on_failed(g->ctx, g, status, text, by_peer);
    end(g);
}

static void fail_as_told(struct gl_greet *g)
{
    enum gl_status status;
    bool by_peer;
    const char *text = gl_handshake_error(g->handshake, &status, &by_peer);
    fail(g, status, text, by_peer);
}

static void done(struct gl_greet *g)
{
    struct gl_transport *t = g->transport;
    g->ended = true;
    g->transport = NULL;
    gl_transport_read_stop(t);
    gl_transport_bind(t, NULL, NULL); /* for a callee that only closes it */
    g->events->on_done(g->ctx, g, g->handshake, t, g->room, g->len);
    end(g);
}

static void lost(struct gl_greet *g, int status)
{
    fail(g, GL_STATUS_UNAVAILABLE,
         status == UV_EOF ? "the connection was closed during the handshake" : uv_strerror(status),
         false);
}

/* ------------------------------------------------------------------ the work */

/* Puts out what the handshake has to say. The bytes are copied since a pending write needs them to
 * stay. */
static void flush(struct gl_greet *g)
{
    struct gl_iov out = gl_handshake_output(g->handshake);
    if (!out.len || g->writing)
        return;
    if (!g->deaf) {
        gl_free(g->output);
        g->output = gl_memdup(out.base, out.len);
        uv_buf_t buf = uv_buf_init((char *)g->output, (unsigned)out.len);
        int r = gl_transport_write(g->transport, &buf, 1);
        g->writing = r == 0;
        g->deaf = r < 0;
    }
    gl_handshake_written(g->handshake, out.len);
}

/* Feeds what has come. False: more is needed. */
static bool feed(struct gl_greet *g)
{
    size_t used = 0;
    if (!g->len)
        return false;
    enum gl_handshake_state state = gl_handshake_receive(g->handshake, g->room, g->len, &used);
    g->len -= used;
    memmove(g->room, g->room + used, g->len);
    return used || state != GL_HANDSHAKE_WAIT;
}

static void decide(struct gl_greet *g)
{
    g->deciding = true;
    gl_transport_read_stop(g->transport);
    g->events->on_decide(g->ctx, g, g->handshake);
}

/* One step. False: wait for an event. */
static bool step(struct gl_greet *g)
{
    flush(g);
    switch (gl_handshake_state(g->handshake)) {
    case GL_HANDSHAKE_WAIT:
        if (feed(g))
            return true;
        if (g->len == ROOM)
            fail(g, GL_STATUS_PROTOCOL, "a message of the handshake is too long", false);
        else
            gl_transport_read_start(g->transport);
        return false;
    case GL_HANDSHAKE_CHECK:
    case GL_HANDSHAKE_PROVEN:
    case GL_HANDSHAKE_OFFERED:
    case GL_HANDSHAKE_REFUSED:
        if (!g->deciding)
            decide(g);
        return !g->deciding;
    case GL_HANDSHAKE_DONE:
        gl_transport_read_stop(g->transport);
        if (g->deaf)
            lost(g, UV_EOF);
        else if (!g->writing)
            done(g);
        return false;
    case GL_HANDSHAKE_FAILED:
        break;
    }
    gl_transport_read_stop(g->transport);
    if (!g->writing)
        fail_as_told(g);
    return false;
}

static void pump(struct gl_greet *g)
{
    if (g->in_pump || g->ended)
        return;
    g->in_pump = true;
    while (!g->ended && step(g))
        ;
    g->in_pump = false;
}

/* ------------------------------------------------------------------ events */

static void on_buffer(void *ctx, uv_buf_t *ret_room)
{
    struct gl_greet *g = ctx;
    *ret_room = uv_buf_init((char *)g->room + g->len, (unsigned)(ROOM - g->len));
}

static void on_read(void *ctx, ssize_t n)
{
    struct gl_greet *g = ctx;
    if (g->ended)
        return;
    if (n < 0) {
        lost(g, (int)n);
        return;
    }
    g->len += (size_t)n;
    pump(g);
}

static void on_written(void *ctx, int status)
{
    struct gl_greet *g = ctx;
    g->writing = false;
    g->deaf |= status < 0;
    pump(g);
}

static void on_transport_closed(void *ctx)
{
    release(ctx);
}

static const struct gl_transport_events transport_events = {on_buffer, on_read, on_written,
                                                            on_transport_closed};

static void on_limit(uv_timer_t *timer)
{
    fail(timer->data, GL_STATUS_TIMED_OUT, "the handshake took too long", false);
}

/* ------------------------------------------------------------------ interface */

struct gl_greet *gl_greet_start(uv_loop_t *loop, struct gl_transport *t,
                                const struct gl_handshake_config *config, uint64_t timeout_ms,
                                const struct gl_greet_events *events, void *ctx)
{
    struct gl_greet *g = GL_NEW0(struct gl_greet);
    g->transport = t;
    g->peer = *gl_transport_peer(t);
    g->handshake = gl_handshake_new(config);
    g->events = events;
    g->ctx = ctx;
    g->handles = 1;
    uv_timer_init(loop, &g->limit);
    g->limit.data = g;
    uv_timer_start(&g->limit, on_limit, timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS, 0);
    gl_transport_bind(t, &transport_events, g);
    /* A fresh handshake waits, so this calls no event. */
    pump(g);
    return g;
}

void gl_greet_continue(struct gl_greet *g)
{
    g->deciding = false;
    pump(g);
}

void gl_greet_cancel(struct gl_greet *g)
{
    if (!g->ended)
        end(g);
}

const struct gl_hello *gl_greet_hello(const struct gl_greet *greet)
{
    return gl_handshake_peer(greet->handshake);
}

const struct gl_peer *gl_greet_peer(const struct gl_greet *g)
{
    return &g->peer;
}
