/* SPDX-License-Identifier: MIT */
/*
 * Two muxes in a live session. The input is a script of operations, one byte and what it needs:
 * calls of either side's own, honest carrying of bytes between them, cuts and resumes, time, and
 * frames or raw bytes that a liar puts in. What callbacks do is taken from the script too, so that
 * re-entry is tried everywhere.
 *
 * As long as the liar did not speak, no side may accuse the other. Whatever is said, each stream
 * ends once, nothing is told of it after that, and memory stays within the bounds.
 */
#include <string.h>
#include <uv.h>

#include "fuzz.h"
#include "mem.h"
#include "mux.h"

const char gl_fuzz_name[] = "mux";

#define STREAMS     32
#define STREAMS_MAX 8u /* announced */
#define CAP         4096u
#define MS          UINT64_C(1000000)

struct owned {
    struct gl_stream *stream; /* NULL: free */
    struct side *side;
    bool ended;
    size_t charge; /* told and not consumed */
};

struct side {
    struct gl_mux *mux;
    struct world *world;
    struct owned owned[STREAMS];
    uint8_t rest[GL_FRAME_HEADER + CAP]; /* of a frame that was carried in part */
    size_t rest_len;
    bool over;
};

struct world {
    const uint8_t *script;
    size_t left;
    uint64_t now;
    struct side a, b;
    bool lied;
    unsigned depth; /* of callbacks */
};

static unsigned next(struct world *w)
{
    if (!w->left)
        return 0;
    w->left--;
    return *w->script++;
}

static struct side *other(struct side *s)
{
    return s == &s->world->a ? &s->world->b : &s->world->a;
}

/* ------------------------------------------------------------------ streams */

static void release(struct owned *o)
{
    struct gl_stream *stream = o->stream;
    o->stream = NULL;
    if (stream)
        gl_stream_release(stream);
}

static struct gl_slice payload(struct world *w)
{
    /* Small, large, or larger than a window. */
    static const size_t sizes[] = {0, 1, 127, 128, 129, 100, 4095, 4096, 4097, 5000, 70000, 262144};
    size_t len = sizes[next(w) % GL_ARRAY_SIZE(sizes)];
    struct gl_block *block = gl_block_new(len);
    memset(gl_block_data(block), 'x', len);
    struct gl_slice slice = gl_slice_of(block, 0, len);
    gl_block_unref(block);
    return slice;
}

static void act(struct world *w, struct owned *o)
{
    unsigned what = next(w);
    if (!o->stream)
        return;
    switch (what % 12) {
    case 0:
        gl_stream_send_message(o->stream, payload(w), 1);
        break;
    case 1:
        gl_stream_send_data(o->stream, (uint8_t)what, payload(w), 1);
        break;
    case 2:
        gl_stream_send_eof(o->stream);
        break;
    case 3:
        gl_stream_close(o->stream, GL_STATUS_OK, "done");
        break;
    case 4:
        gl_stream_reset(o->stream, GL_STATUS_CANCELLED, "enough");
        break;
    case 5:
        release(o);
        break;
    case 6:
        gl_stream_consume(o->stream, o->charge);
        o->charge = 0;
        break;
    case 7:
        gl_stream_consume(o->stream, 1000000); /* more than there is */
        break;
    default:
        break;
    }
}

/* What a callback does on the side, now and then. */
static void react(struct owned *o)
{
    struct world *w = o->side->world;
    if (w->depth > 8)
        return;
    w->depth++;
    unsigned what = next(w);
    if (what == 0xf0)
        gl_mux_detach(o->side->mux);
    else if (what == 0xf1)
        gl_mux_end(o->side->mux, GL_STATUS_LOST, "");
    else if (what == 0xf2)
        gl_mux_goodbye(o->side->mux, GL_STATUS_GOING_AWAY, "");
    else if (what >= 0x80)
        act(w, &o->side->owned[what % STREAMS]);
    else if (what >= 0x40)
        act(w, o);
    w->depth--;
}

static void told(struct owned *o, struct gl_stream *stream)
{
    FUZZ_ASSERT(o->stream == stream && !o->ended);
}

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    struct owned *o = ctx;
    told(o, stream);
    FUZZ_ASSERT(message.len <= GL_MESSAGE_MAX);
    o->charge += charge;
    FUZZ_ASSERT(o->charge <= GL_WINDOW_MAX);
    gl_slice_unref(&message);
    react(o);
}

static void on_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    struct owned *o = ctx;
    (void)channel;
    told(o, stream);
    FUZZ_ASSERT(data.len <= CAP);
    o->charge += charge;
    FUZZ_ASSERT(o->charge <= GL_WINDOW_MAX);
    gl_slice_unref(&data);
    react(o);
}

static void on_eof(void *ctx, struct gl_stream *stream)
{
    told(ctx, stream);
    react(ctx);
}

static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct owned *o = ctx;
    told(o, stream);
    FUZZ_ASSERT(gl_status_valid(status) && strlen(text) <= GL_STATUS_TEXT_MAX);
    o->ended = true;
    react(o);
}

static void on_sent(void *ctx, struct gl_stream *stream, size_t credit)
{
    (void)credit;
    told(ctx, stream);
    react(ctx);
}

static const struct gl_stream_events stream_events = {on_message, on_data, on_eof, on_end, on_sent};

static struct owned *free_place(struct side *s)
{
    for (size_t i = 0; i < STREAMS; i++) {
        if (!s->owned[i].stream) {
            s->owned[i] = (struct owned){.side = s};
            return &s->owned[i];
        }
    }
    return NULL;
}

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    struct side *s = ctx;
    unsigned what = next(s->world);
    struct owned *o = what % 8 == 7 ? NULL : free_place(s);
    gl_slice_unref(&open);
    if (!o) {
        if (what & 0x10)
            gl_stream_close(stream, GL_STATUS_OK, "");
        return; /* not bound: reset by the mux */
    }
    o->stream = stream;
    gl_stream_bind(stream, &stream_events, o);
    react(o);
}

static void on_goodbye(void *ctx, enum gl_status status, const char *text)
{
    struct side *s = ctx;
    FUZZ_ASSERT(gl_status_valid(status) && strlen(text) <= GL_STATUS_TEXT_MAX);
    if (next(s->world) & 1)
        gl_mux_end(s->mux, status, text);
}

static const struct gl_mux_events mux_events = {on_open, on_goodbye, NULL};

static void on_pong(void *ctx, uint64_t rtt)
{
    (void)rtt;
    ++*(unsigned *)ctx;
}

/* ------------------------------------------------------------------ carrying */

static void check_bounds(const struct side *s)
{
    struct gl_mux_stats stats;
    gl_mux_stats(s->mux, &stats);
    FUZZ_ASSERT(stats.replay <= GL_REPLAY_MAX);
}

static void receive(struct side *s, const uint8_t *data, size_t len)
{
    struct gl_block *block = gl_block_new(s->rest_len + len);
    uint8_t *bytes = gl_block_data(block);
    size_t total = s->rest_len + len, used = 0;
    memcpy(bytes, s->rest, s->rest_len);
    if (len)
        memcpy(bytes + s->rest_len, data, len);
    s->rest_len = 0;
    int rc = gl_mux_receive(s->mux, s->world->now, block, bytes, total, &used);
    if (rc == UV_EPROTO) {
        FUZZ_ASSERT(s->world->lied);
        FUZZ_ASSERT(*gl_mux_error(s->mux));
        gl_mux_goodbye(s->mux, GL_STATUS_PROTOCOL, gl_mux_error(s->mux));
        gl_mux_end(s->mux, GL_STATUS_LOST, "");
        s->over = true;
    } else if (rc == 0) {
        FUZZ_ASSERT(used <= total);
        if (gl_mux_is_attached(s->mux)) {
            FUZZ_ASSERT(total - used < gl_mux_frame_size(bytes + used, total - used));
            s->rest_len = total - used;
            FUZZ_ASSERT(s->rest_len <= sizeof(s->rest));
            memcpy(s->rest, bytes + used, s->rest_len);
        }
    } else {
        FUZZ_ASSERT(rc == UV_ECONNABORTED || rc == UV_ENOTCONN);
    }
    gl_block_unref(block);
    check_bounds(s);
}

/* Up to `max` bytes from one side to the other. */
static size_t carry(struct side *from, size_t max)
{
    struct gl_iov iov[64];
    size_t n = gl_mux_output(from->mux, from->world->now, iov, GL_ARRAY_SIZE(iov), max), total = 0;
    uint8_t *bytes = gl_alloc(max + 1);
    for (size_t i = 0; i < n && total < max; i++) {
        FUZZ_ASSERT(iov[i].len);
        size_t take = iov[i].len < max - total ? iov[i].len : max - total;
        memcpy(bytes + total, iov[i].base, take);
        total += take;
    }
    gl_mux_written(from->mux, from->world->now, total);
    check_bounds(from);
    if (total && gl_mux_is_attached(from->mux))
        receive(other(from), bytes, total);
    gl_free(bytes);
    return total;
}

static void pump(struct world *w)
{
    for (int i = 0; i < 50; i++)
        if (!carry(&w->a, 65536) && !carry(&w->b, 65536))
            break;
}

static void cut(struct world *w)
{
    gl_mux_detach(w->a.mux);
    gl_mux_detach(w->b.mux);
    w->a.rest_len = w->b.rest_len = 0;
}

/* As the handshake would do it. */
static void resume(struct world *w)
{
    struct gl_resume_record a, b;
    cut(w);
    gl_mux_record(w->a.mux, &a);
    gl_mux_record(w->b.mux, &b);
    enum gl_resume_reason by_b = gl_mux_check(w->b.mux, &a, CAP);
    enum gl_resume_reason by_a = gl_mux_check(w->a.mux, &b, CAP);
    if (by_a != GL_RESUME_OK || by_b != GL_RESUME_OK)
        return;
    uint64_t epoch = gl_mux_epoch(w->b.mux) + 1;
    gl_mux_attach(w->a.mux, w->now, &b, epoch);
    gl_mux_attach(w->b.mux, w->now, &a, epoch);
}

/* ------------------------------------------------------------------ the liar */

static void lie_frame(struct world *w, struct side *s)
{
    static const uint8_t types[] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
                                    0x20, 0x22, 0x23, 0x24, 0x01, 0x04, 0x30};
    uint8_t bytes[GL_FRAME_HEADER + 300];
    struct gl_frame frame = {.type = types[next(w) % sizeof(types)]};
    frame.flags = next(w) & 3;
    frame.channel = frame.type == GL_FRAME_DATA ? (uint8_t)next(w) : 0;
    frame.stream = next(w);
    frame.length = next(w);
    gl_frame_encode(bytes, &frame);
    for (size_t i = 0; i < frame.length; i++)
        bytes[GL_FRAME_HEADER + i] = (uint8_t)next(w);
    w->lied = true;
    receive(s, bytes, GL_FRAME_HEADER + frame.length);
}

static void lie_raw(struct world *w, struct side *s)
{
    uint8_t bytes[256];
    size_t len = next(w);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)next(w);
    w->lied = true;
    receive(s, bytes, len);
}

/* ------------------------------------------------------------------ the script */

static void open_stream(struct side *s)
{
    struct owned *o = free_place(s);
    if (!o)
        return;
    unsigned flags = next(s->world);
    struct gl_stream *stream;
    struct gl_slice open = payload(s->world);
    if (flags & GL_FLAG_SECRET)
        gl_slice_set_secret(open);
    if (gl_stream_open(s->mux, flags & GL_FLAG_INTERACTIVE, open, &stream_events, o, &stream) == 0)
        o->stream = stream;
}

static void tick(struct world *w)
{
    static const uint64_t steps[] = {0, 1 * MS, 60 * MS, 1000 * MS, 6000 * MS, 20000 * MS};
    w->now += steps[next(w) % GL_ARRAY_SIZE(steps)];
    int a = gl_mux_tick(w->a.mux, w->now), b = gl_mux_tick(w->b.mux, w->now);
    FUZZ_ASSERT(a == 0 || a == UV_ETIMEDOUT);
    if (a || b)
        cut(w);
}

static void step(struct world *w, unsigned *pongs)
{
    unsigned op = next(w);
    struct side *s = op & 0x80 ? &w->b : &w->a;
    switch (op & 0x7f) {
    case 0:
        pump(w);
        break;
    case 1:
        carry(s, 1 + next(w));
        break;
    case 2:
        carry(s, 65536);
        break;
    case 3:
        open_stream(s);
        break;
    case 4:
        tick(w);
        break;
    case 5:
        cut(w);
        break;
    case 6:
        resume(w);
        break;
    case 7:
        gl_mux_ping(s->mux, w->now, on_pong, pongs);
        break;
    case 8:
        lie_frame(w, s);
        break;
    case 9:
        lie_raw(w, s);
        break;
    case 10:
        gl_mux_goodbye(s->mux, GL_STATUS_OK, "bye");
        break;
    case 11:
        gl_mux_end(s->mux, GL_STATUS_LOST, "");
        break;
    default:
        act(w, &s->owned[next(w) % STREAMS]);
        break;
    }
}

static void side_init(struct world *w, struct side *s, enum gl_side which, bool resumable)
{
    struct gl_mux_config config = {
        .side = which,
        .epoch = 1,
        .payload_max = CAP,
        .local_streams_max = STREAMS_MAX,
        .peer_streams_max = STREAMS_MAX,
        .window_growth_max = 1 << 20,
        .resumable = resumable,
        .events = &mux_events,
        .ctx = s,
    };
    memset(config.instance, which == GL_SIDE_A ? 1 : 2, GL_ID_SIZE);
    memset(config.peer, which == GL_SIDE_A ? 2 : 1, GL_ID_SIZE);
    s->world = w;
    s->mux = gl_mux_new(&config, w->now);
}

static void side_done(struct side *s, bool release_first)
{
    s->world->left = 0; /* callbacks do nothing more */
    for (size_t i = 0; release_first && i < STREAMS; i++)
        release(&s->owned[i]);
    gl_mux_free(s->mux);
    for (size_t i = 0; i < STREAMS; i++) {
        FUZZ_ASSERT(!s->owned[i].stream || s->owned[i].ended || s->world->lied || !release_first);
        release(&s->owned[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    unsigned pongs = 0, mode;
    memset(&w, 0, sizeof(w));
    w.script = data;
    w.left = size < 4096 ? size : 4096;
    w.now = 1000 * 1000 * MS;
    mode = next(&w);
    side_init(&w, &w.a, GL_SIDE_A, !(mode & 1));
    side_init(&w, &w.b, GL_SIDE_B, !(mode & 1));
    while (w.left)
        step(&w, &pongs);
    side_done(&w.a, mode & 2);
    side_done(&w.b, mode & 2);
    return 0;
}
