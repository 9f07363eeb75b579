/* SPDX-License-Identifier: MIT */
/*
 * Two muxes joined in memory, for tests: each side writes down what it is told as lines of text,
 * and frames can be fed and taken by hand. Included by one file of a test program.
 */
#ifndef GL_MUXPAIR_H
#define GL_MUXPAIR_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "mem.h"
#include "mux.h"
#include "unit.h"

#define PAIR_MS UINT64_C(1000000)
#define PAIR_S  (1000 * PAIR_MS)

struct side {
    struct gl_mux *mux;
    char name;
    uint64_t now;
    char log[65536]; /* "OPEN 1 ping\n" */
    size_t log_len;
    struct gl_stream *streams[64]; /* in the order of on_open */
    unsigned stream_count;
    struct gl_stream *opened[64]; /* by pair_open_stream() */
    unsigned opened_count;
    unsigned wakes;
    bool refuse;   /* on_open: leaves the stream unbound */
    bool consume;  /* at once */
    size_t charge; /* told and not consumed */
    /* A test's own idea of what a callback does; NULL: nothing more. */
    void (*hook)(struct side *side, const char *event, struct gl_stream *stream);
};

static inline void pair_log(struct side *side, const char *format, ...) GL_PRINTF(2, 3);
static inline void pair_log(struct side *side, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(side->log + side->log_len, sizeof(side->log) - side->log_len, format, args);
    va_end(args);
    ck_assert_int_ge(n, 0);
    side->log_len += (size_t)n;
    ck_assert_uint_lt(side->log_len, sizeof(side->log));
}

static inline void pair_log_bytes(struct side *side, struct gl_slice bytes)
{
    if (bytes.len > 40)
        pair_log(side, " (%zu)", bytes.len);
    else
        pair_log(side, " %.*s", (int)bytes.len, (const char *)bytes.data);
}

static inline void pair_hook(struct side *side, const char *event, struct gl_stream *stream)
{
    if (side->hook)
        side->hook(side, event, stream);
}

static inline void pair_message(void *ctx, struct gl_stream *stream, struct gl_slice message,
                                size_t charge)
{
    struct side *side = ctx;
    pair_log(side, "MESSAGE %u", gl_stream_id(stream));
    pair_log_bytes(side, message);
    pair_log(side, "\n");
    gl_slice_unref(&message);
    if (side->consume)
        gl_stream_consume(stream, charge);
    else
        side->charge += charge;
    pair_hook(side, "message", stream);
}

static inline void pair_data(void *ctx, struct gl_stream *stream, uint8_t channel,
                             struct gl_slice data, size_t charge)
{
    struct side *side = ctx;
    pair_log(side, "DATA %u/%u", gl_stream_id(stream), channel);
    pair_log_bytes(side, data);
    pair_log(side, "\n");
    gl_slice_unref(&data);
    if (side->consume)
        gl_stream_consume(stream, charge);
    else
        side->charge += charge;
    pair_hook(side, "data", stream);
}

static inline void pair_eof(void *ctx, struct gl_stream *stream)
{
    struct side *side = ctx;
    pair_log(side, "EOF %u\n", gl_stream_id(stream));
    pair_hook(side, "eof", stream);
}

static inline void pair_end(void *ctx, struct gl_stream *stream, enum gl_status status,
                            const char *text)
{
    struct side *side = ctx;
    pair_log(side, "END %u %s%s%s\n", gl_stream_id(stream), gl_status_name(status),
             *text ? " " : "", text);
    pair_hook(side, "end", stream);
}

static inline void pair_sent(void *ctx, struct gl_stream *stream, size_t credit)
{
    struct side *side = ctx;
    if (credit)
        pair_log(side, "SENT %u %zu\n", gl_stream_id(stream), credit);
    pair_hook(side, "sent", stream);
}

static const struct gl_stream_events pair_stream_events = {
    .on_message = pair_message,
    .on_data = pair_data,
    .on_eof = pair_eof,
    .on_end = pair_end,
    .on_sent = pair_sent,
};

static inline void pair_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    struct side *side = ctx;
    pair_log(side, "OPEN %u%s", gl_stream_id(stream), gl_stream_is_interactive(stream) ? "i" : "");
    pair_log_bytes(side, open);
    pair_log(side, "\n");
    gl_slice_unref(&open);
    if (!side->refuse) {
        gl_stream_bind(stream, &pair_stream_events, side);
        if (side->stream_count < GL_ARRAY_SIZE(side->streams))
            side->streams[side->stream_count] = stream;
        side->stream_count++;
    }
    pair_hook(side, "open", stream);
}

static inline void pair_goodbye(void *ctx, enum gl_status status, const char *text)
{
    struct side *side = ctx;
    pair_log(side, "GOODBYE %s%s%s\n", gl_status_name(status), *text ? " " : "", text);
    pair_hook(side, "goodbye", NULL);
}

static inline void pair_wake(void *ctx)
{
    struct side *side = ctx;
    side->wakes++;
}

static const struct gl_mux_events pair_mux_events = {pair_open, pair_goodbye, pair_wake};

/* What tests start from; they change it before pair_side_init(). */
static inline struct gl_mux_config pair_config(enum gl_side which)
{
    struct gl_mux_config config = {
        .side = which,
        .session = "sixteen-byte-id",
        .instance = "instance of one",
        .peer = "instance of two",
        .epoch = 1,
        .payload_max = 256 * 1024,
        .local_streams_max = 1024,
        .peer_streams_max = 1024,
        .window_growth_max = 0,
        .resumable = true,
        .events = &pair_mux_events,
    };
    if (which == GL_SIDE_B) {
        memcpy(config.instance, "instance of two", GL_ID_SIZE);
        memcpy(config.peer, "instance of one", GL_ID_SIZE);
    }
    return config;
}

static inline void pair_side_init(struct side *side, struct gl_mux_config config)
{
    memset(side, 0, sizeof(*side));
    side->name = config.side == GL_SIDE_A ? 'A' : 'B';
    side->now = 1000 * PAIR_S;
    side->consume = true;
    config.ctx = side;
    side->mux = gl_mux_new(&config, side->now);
}

/* Forgets what was written down. */
static inline void pair_clear(struct side *side)
{
    side->log_len = 0;
    side->log[0] = '\0';
}

#define assert_log(side, text)                                                                     \
    do {                                                                                           \
        ck_assert_str_eq((side)->log, (text));                                                     \
        pair_clear(side);                                                                          \
    } while (0)

/* ------------------------------------------------------------------ bytes */

/* All that the side has to write now, at most max bytes a time, as one block. NULL if nothing. */
static inline struct gl_block *pair_take(struct side *side, size_t max, size_t *ret_len)
{
    static struct gl_iov iov[16384]; /* room enough that only whole frames come */
    size_t n = gl_mux_output(side->mux, side->now, iov, GL_ARRAY_SIZE(iov), max);
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += iov[i].len;
    *ret_len = len;
    if (!len)
        return NULL;
    struct gl_block *block = gl_block_new(len);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(gl_block_data(block) + at, iov[i].base, iov[i].len);
        at += iov[i].len;
    }
    gl_mux_written(side->mux, side->now, len);
    return block;
}

/* Feeds whole frames; everything must be taken. */
static inline int pair_give(struct side *side, struct gl_block *block, size_t len)
{
    size_t used = 0;
    int rc = gl_mux_receive(side->mux, side->now, block, gl_block_data(block), len, &used);
    if (rc == 0)
        ck_assert_uint_eq(used, len);
    return rc;
}

/* Moves what `from` has to write to `to`; returns whether there was any. */
static inline bool pair_move(struct side *from, struct side *to)
{
    size_t len;
    bool any = false;
    struct gl_block *block;
    while ((block = pair_take(from, 512 * 1024, &len))) {
        int rc = pair_give(to, block, len);
        ck_assert_msg(rc == 0, "%c: %s %s", to->name, uv_err_name(rc), gl_mux_error(to->mux));
        gl_block_unref(block);
        any = true;
    }
    return any;
}

static inline void pair_pump(struct side *a, struct side *b)
{
    bool any = true;
    while (any) {
        any = pair_move(a, b);
        any = pair_move(b, a) || any;
    }
}

/* One frame by hand. */
static inline int pair_feed(struct side *side, uint8_t type, unsigned flags, unsigned channel,
                            uint32_t stream, const void *payload, size_t len)
{
    struct gl_block *block = gl_block_new(GL_FRAME_HEADER + len);
    struct gl_frame frame = {type, (uint8_t)flags, (uint8_t)channel, stream, (uint32_t)len};
    gl_frame_encode(gl_block_data(block), &frame);
    if (len && payload)
        memcpy(gl_block_data(block) + GL_FRAME_HEADER, payload, len);
    else if (len)
        memset(gl_block_data(block) + GL_FRAME_HEADER, 'x', len);
    size_t used;
    int rc = gl_mux_receive(side->mux, side->now, block, gl_block_data(block),
                            GL_FRAME_HEADER + len, &used);
    gl_block_unref(block);
    return rc;
}

static inline int pair_feed_u64(struct side *side, uint8_t type, uint32_t stream, uint64_t value)
{
    uint8_t payload[8];
    gl_put_u64(payload, value);
    return pair_feed(side, type, 0, 0, stream, payload, sizeof(payload));
}

static inline int pair_feed_status(struct side *side, uint8_t type, uint32_t stream,
                                   uint32_t status, const char *text)
{
    uint8_t payload[4 + GL_STATUS_TEXT_MAX];
    gl_put_u32(payload, status);
    memcpy(payload + 4, text, strlen(text));
    return pair_feed(side, type, 0, 0, stream, payload, 4 + strlen(text));
}

static inline size_t pair_describe(char *out, size_t size, const struct gl_frame *frame,
                                   const uint8_t *payload)
{
    int n = snprintf(out, size, "%s", gl_frame_type_name(frame->type));
    if (frame->stream)
        n += snprintf(out + n, size - (size_t)n, " %u", frame->stream);
    switch (frame->type) {
    case GL_FRAME_OPEN:
    case GL_FRAME_MESSAGE:
    case GL_FRAME_DATA:
        n += snprintf(out + n, size - (size_t)n, " %u%s%s", frame->length,
                      frame->flags & GL_FLAG_SECRET ? "*" : "",
                      frame->flags & GL_FLAG_MORE ? "+" : "");
        break;
    case GL_FRAME_ACK:
    case GL_FRAME_WINDOW:
        n += snprintf(out + n, size - (size_t)n, " %llu", (unsigned long long)gl_get_u64(payload));
        break;
    case GL_FRAME_CLOSE:
    case GL_FRAME_RESET:
    case GL_FRAME_GOODBYE:
        n += snprintf(out + n, size - (size_t)n, " %s%s%.*s", gl_status_name(gl_get_u32(payload)),
                      frame->length > 4 ? " " : "", (int)frame->length - 4,
                      (const char *)payload + 4);
        break;
    default:
        break;
    }
    return (size_t)n;
}

/*
 * The frames that the side puts out now, as text: "OPEN 1 5, DATA 1 100". PING and PONG are left
 * out: their numbers are of no interest. Static memory.
 */
static inline const char *pair_frames(struct side *side)
{
    static char text[1 << 20];
    size_t at = 0, len;
    text[0] = '\0';
    struct gl_block *block;
    while ((block = pair_take(side, 1 << 20, &len))) {
        const uint8_t *p = gl_block_data(block), *end = p + len;
        while (p < end) {
            struct gl_frame frame;
            const char *why;
            ck_assert_int_eq(gl_frame_decode(p, GL_PAYLOAD_MAX_CAP, &frame, &why), 0);
            ck_assert_uint_lt(at + 2000, sizeof(text));
            if (frame.type != GL_FRAME_PING && frame.type != GL_FRAME_PONG) {
                if (at)
                    at += (size_t)snprintf(text + at, sizeof(text) - at, ", ");
                at += pair_describe(text + at, sizeof(text) - at, &frame, p + GL_FRAME_HEADER);
            }
            p += GL_FRAME_HEADER + frame.length;
        }
        ck_assert_ptr_eq(p, end);
        gl_block_unref(block);
    }
    return text;
}

static inline struct gl_slice pair_text(const char *text)
{
    return gl_slice_copy(text, strlen(text));
}

static inline struct gl_slice pair_bytes(size_t len)
{
    struct gl_block *block = gl_block_new(len);
    memset(gl_block_data(block), 'x', len);
    struct gl_slice slice = gl_slice_of(block, 0, len);
    gl_block_unref(block);
    return slice;
}

/* Opens a stream that writes down what it hears. */
static inline struct gl_stream *pair_open_stream(struct side *side, unsigned flags,
                                                 const char *text)
{
    struct gl_stream *stream = NULL;
    int rc = gl_stream_open(side->mux, flags, pair_text(text), &pair_stream_events, side, &stream);
    ck_assert_int_eq(rc, 0);
    side->opened[side->opened_count++ % GL_ARRAY_SIZE(side->opened)] = stream;
    return stream;
}

/* ------------------------------------------------------------------ fixture */

static struct side a, b;

static inline void pair_start(struct gl_mux_config config_a, struct gl_mux_config config_b)
{
    pair_side_init(&a, config_a);
    pair_side_init(&b, config_b);
    pair_pump(&a, &b);
}

static inline void pair_setup(void)
{
    pair_start(pair_config(GL_SIDE_A), pair_config(GL_SIDE_B));
}

/* Streams that a test left open; it sets those to NULL that it released itself. */
static inline void pair_release_all(struct side *side)
{
    side->hook = NULL;
    for (unsigned i = 0; i < side->stream_count && i < GL_ARRAY_SIZE(side->streams); i++)
        if (side->streams[i])
            gl_stream_release(side->streams[i]);
    for (unsigned i = 0; i < side->opened_count && i < GL_ARRAY_SIZE(side->opened); i++)
        if (side->opened[i])
            gl_stream_release(side->opened[i]);
    side->stream_count = side->opened_count = 0;
}

/* Releases one stream, wherever it is kept. */
static inline void pair_release(struct side *side, struct gl_stream *stream)
{
    for (unsigned i = 0; i < GL_ARRAY_SIZE(side->streams); i++) {
        if (side->streams[i] == stream)
            side->streams[i] = NULL;
        if (side->opened[i] == stream)
            side->opened[i] = NULL;
    }
    gl_stream_release(stream);
}

static inline void pair_teardown(void)
{
    pair_release_all(&a);
    pair_release_all(&b);
    gl_mux_free(a.mux);
    gl_mux_free(b.mux);
}

/* For tests that need another configuration. */
static inline void pair_restart(struct gl_mux_config config_a, struct gl_mux_config config_b)
{
    pair_teardown();
    pair_start(config_a, config_b);
}

static inline void pair_advance(uint64_t ns)
{
    a.now += ns;
    b.now += ns;
}

static inline struct gl_mux_stats pair_stats(const struct side *side)
{
    struct gl_mux_stats stats;
    gl_mux_stats(side->mux, &stats);
    return stats;
}

/* A suite of tests with this fixture. */
static inline Suite *pair_suite(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, pair_setup, pair_teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

#endif
