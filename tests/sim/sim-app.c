/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <uv.h>

#include "sim.h"

#define PATTERN (1u << 20)

/* Random bytes that all payloads are parts of. */
static struct gl_block *pattern;

static void make_pattern(void)
{
    uint64_t rng = 4711;
    pattern = gl_block_new(PATTERN);
    for (size_t i = 0; i < PATTERN; i += 8)
        gl_put_u64(gl_block_data(pattern) + i, sim_next(&rng));
}

static struct gl_slice random_bytes(uint64_t *rng, size_t len)
{
    return gl_slice_of(pattern, sim_below(rng, PATTERN - len), len);
}

/* Mostly small, at times as large as it may be. */
static size_t random_len(uint64_t *rng, size_t max)
{
    unsigned dice = (unsigned)sim_below(rng, 100);
    size_t most = dice < 5 ? 1 : dice < 60 ? 200 : dice < 90 ? 5000 : dice < 97 ? 70000 : max;
    return sim_below(rng, (most < max ? most : max) + 1);
}

/* ------------------------------------------------------------------ logs */

static void log_add(struct sim_log *log, enum sim_item item, uint8_t channel, struct gl_slice bytes)
{
    if (item == SIM_DATA && !bytes.len)
        return;
    struct sim_record *last = log->count ? &log->records[log->count - 1] : NULL;
    if (item == SIM_DATA && last && last->item == SIM_DATA && last->channel == channel) {
        last->len += bytes.len;
    } else {
        if (log->count == log->room) {
            log->room = log->room ? log->room * 2 : 16;
            log->records = gl_realloc_array(log->records, log->room, sizeof(*log->records));
        }
        log->records[log->count++] = (struct sim_record){(uint8_t)item, channel, bytes.len};
    }
    if (log->len + bytes.len > log->bytes_room) {
        log->bytes_room = (log->len + bytes.len) * 2;
        log->bytes = gl_realloc(log->bytes, log->bytes_room);
    }
    if (bytes.len)
        memcpy(log->bytes + log->len, bytes.data, bytes.len);
    log->len += bytes.len;
}

static bool log_is_prefix(const struct sim_log *got, const struct sim_log *sent)
{
    if (got->count > sent->count || got->len > sent->len)
        return false;
    for (size_t i = 0; i < got->count; i++) {
        const struct sim_record *g = &got->records[i], *s = &sent->records[i];
        bool may_be_short = i + 1 == got->count && g->item == SIM_DATA;
        if (g->item != s->item || g->channel != s->channel ||
            (may_be_short ? g->len > s->len : g->len != s->len))
            return false;
    }
    return !got->len || memcmp(got->bytes, sent->bytes, got->len) == 0;
}

static bool log_is_equal(const struct sim_log *got, const struct sim_log *sent)
{
    return got->len == sent->len && got->count == sent->count && log_is_prefix(got, sent);
}

/* ------------------------------------------------------------------ flows */

static struct sim_flow *flow_new(struct sim_end *end, uint64_t key, bool opener)
{
    struct sim_flow *flow = GL_NEW0(struct sim_flow);
    flow->key = key;
    flow->opener = opener;
    flow->end = end;
    if (end->flow_count == end->flow_room) {
        end->flow_room = end->flow_room ? end->flow_room * 2 : 16;
        end->flows = gl_realloc_array(end->flows, end->flow_room, sizeof(struct sim_flow *));
    }
    end->flows[end->flow_count++] = flow;
    return flow;
}

/* What OPEN carries: the key, then bytes that follow from it. */
static struct gl_slice open_payload(uint64_t key)
{
    uint64_t rng = key;
    size_t len = random_len(&rng, GL_MESSAGE_MAX - 8);
    struct gl_slice bytes = random_bytes(&rng, len);
    struct gl_block *block = gl_block_new(8 + len);
    gl_put_u64(gl_block_data(block), key);
    if (len)
        memcpy(gl_block_data(block) + 8, bytes.data, len);
    gl_slice_unref(&bytes);
    struct gl_slice whole = gl_slice_of(block, 0, 8 + len);
    gl_block_unref(block);
    return whole;
}

/* Some of them are sent as secrets: by their length, so that the receiver knows which. */
static bool is_secret(size_t len)
{
    return len % 5 == 2;
}

/* Takes the slice; the pattern that it is of must not be marked. */
static struct gl_slice as_sent(struct gl_slice message)
{
    if (!is_secret(message.len))
        return message;
    struct gl_slice copy = gl_slice_copy(message.data, message.len);
    gl_slice_set_secret(copy);
    gl_slice_unref(&message);
    return copy;
}

static enum gl_status random_status(uint64_t *rng)
{
    return (enum gl_status)sim_below(rng, 13);
}

static void status_text(const struct sim_flow *flow, char text[32])
{
    snprintf(text, 32, "%llx", (unsigned long long)flow->key);
}

static void flow_close(struct sim_flow *flow)
{
    char text[32];
    status_text(flow, text);
    flow->close_status = random_status(&flow->end->rng);
    int rc = gl_stream_close(flow->stream, flow->close_status, text);
    SIM_CHECK(rc == 0, "%s", uv_err_name(rc));
    flow->closed = true;
}

static void flow_reset(struct sim_flow *flow)
{
    char text[32];
    status_text(flow, text);
    flow->reset_status = random_status(&flow->end->rng);
    flow->reset = true;
    gl_stream_reset(flow->stream, flow->reset_status, text);
}

/* Released before it has ended: that is a reset, too, unless it was closed. */
static void flow_release(struct sim_flow *flow)
{
    struct gl_stream *stream = flow->stream;
    flow->stream = NULL;
    if (!flow->ended && !flow->reset && !flow->closed) {
        flow->reset = true;
        flow->reset_status = GL_STATUS_CANCELLED;
    }
    gl_stream_release(stream);
}

static void flow_send(struct sim_flow *flow, bool message)
{
    uint64_t *rng = &flow->end->rng;
    size_t len = random_len(rng, message ? GL_MESSAGE_MAX : 400000);
    struct gl_slice bytes = random_bytes(rng, len);
    uint8_t channel = (uint8_t)sim_below(rng, 3);
    log_add(&flow->sent, message ? SIM_MESSAGE : SIM_DATA, message ? 0 : channel, bytes);
    flow->credit_out += len + 1;
    int rc = message ? gl_stream_send_message(flow->stream, as_sent(bytes), len + 1)
                     : gl_stream_send_data(flow->stream, channel, bytes, len + 1);
    SIM_CHECK(rc == 0, "%s", uv_err_name(rc));
}

static void flow_eof(struct sim_flow *flow)
{
    log_add(&flow->sent, SIM_EOF, 0, GL_SLICE_EMPTY);
    flow->eof_sent = true;
    int rc = gl_stream_send_eof(flow->stream);
    SIM_CHECK(rc == 0, "%s", uv_err_name(rc));
}

static void flow_consume(struct sim_flow *flow, size_t charge)
{
    flow->unconsumed -= charge;
    gl_stream_consume(flow->stream, charge);
}

static bool flow_is_live(const struct sim_flow *flow)
{
    return flow->stream && !flow->ended && !flow->reset;
}

static bool flow_may_send(const struct sim_flow *flow)
{
    return flow_is_live(flow) && !flow->eof_sent && !flow->closed;
}

/* ------------------------------------------------------------------ events */

/* Callbacks act, too: re-entry is where state machines break. */
static void act_within_callback(struct sim_flow *flow)
{
    uint64_t *rng = &flow->end->rng;
    if (flow->end->calm || !sim_chance(rng, 20) || !flow_is_live(flow))
        return;
    switch (sim_below(rng, 12)) {
    case 0:
        flow_reset(flow);
        break;
    case 1:
        flow_release(flow);
        break;
    case 2:
        if (!flow->opener && !flow->closed)
            flow_close(flow);
        break;
    default:
        if (flow_may_send(flow) && gl_stream_queued(flow->stream) < GL_STREAM_QUEUE)
            flow_send(flow, sim_chance(rng, 50));
    }
}

static void flow_got(struct sim_flow *flow, enum sim_item item, uint8_t channel,
                     struct gl_slice bytes, size_t charge)
{
    SIM_CHECK(flow_is_live(flow) && !flow->closed, "event after the end");
    log_add(&flow->got, item, channel, bytes);
    gl_slice_unref(&bytes);
    flow->unconsumed += charge;
    SIM_CHECK(flow->unconsumed <= GL_WINDOW_MAX, "%zu", flow->unconsumed);
    if (!flow->stalled && sim_chance(&flow->end->rng, 50))
        flow_consume(flow, flow->unconsumed);
    act_within_callback(flow);
}

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    (void)stream;
    SIM_CHECK(charge >= GL_CHARGE_MIN, "%zu", charge);
    SIM_CHECK(gl_slice_is_secret(message) == is_secret(message.len), "%zu", message.len);
    flow_got(ctx, SIM_MESSAGE, 0, message, charge);
}

static void on_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    (void)stream;
    SIM_CHECK(charge >= GL_CHARGE_MIN && charge >= data.len, "%zu", charge);
    flow_got(ctx, SIM_DATA, channel, data, charge);
}

static void on_eof(void *ctx, struct gl_stream *stream)
{
    (void)stream;
    flow_got(ctx, SIM_EOF, 0, GL_SLICE_EMPTY, 0);
}

static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct sim_flow *flow = ctx;
    (void)stream;
    (void)text;
    SIM_CHECK(flow->stream && !flow->ended && !flow->reset, "a second end");
    flow->ended = true;
    flow->end_status = status;
    if (sim_chance(&flow->end->rng, 50))
        flow_release(flow);
}

static void on_sent(void *ctx, struct gl_stream *stream, size_t credit)
{
    struct sim_flow *flow = ctx;
    (void)stream;
    SIM_CHECK(flow_is_live(flow), "event after the end");
    SIM_CHECK(credit <= flow->credit_out, "%zu of %zu", credit, flow->credit_out);
    flow->credit_out -= credit;
    act_within_callback(flow);
}

static const struct gl_stream_events flow_events = {on_message, on_data, on_eof, on_end, on_sent};

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    struct sim_end *end = ctx;
    SIM_CHECK(open.len >= 8, "%zu", open.len);
    uint64_t key = gl_get_u64(open.data);
    for (size_t i = 0; i < end->flow_count; i++)
        SIM_CHECK(end->flows[i]->key != key, "opened twice");
    struct gl_slice expected = open_payload(key);
    SIM_CHECK(open.len == expected.len && memcmp(open.data, expected.data, open.len) == 0, "%zu",
              open.len);
    SIM_CHECK(gl_slice_is_secret(open) == is_secret(open.len), "%zu", open.len);
    gl_slice_unref(&expected);
    gl_slice_unref(&open);
    struct sim_flow *flow = flow_new(end, key, false);
    flow->stream = stream;
    gl_stream_bind(stream, &flow_events, flow);
    act_within_callback(flow);
}

const struct gl_mux_events sim_mux_events = {.on_open = on_open};

/* ------------------------------------------------------------------ steps */

static void open_flow(struct sim_end *end)
{
    uint64_t key = sim_next(&end->rng);
    struct sim_flow *flow = flow_new(end, key, true);
    unsigned flags = sim_chance(&end->rng, 30) ? GL_FLAG_INTERACTIVE : 0;
    int rc = gl_stream_open(end->mux, flags, as_sent(open_payload(key)), &flow_events, flow,
                            &flow->stream);
    if (rc) {
        SIM_CHECK(rc == UV_EAGAIN, "%s", uv_err_name(rc));
        end->flow_count--;
        gl_free(flow);
    }
}

static void calm_flow(struct sim_flow *flow)
{
    flow->stalled = false;
    if (flow->unconsumed && flow_is_live(flow))
        flow_consume(flow, flow->unconsumed);
    if (flow_may_send(flow))
        flow_eof(flow);
    /* Polite responders wait for the opener's EOF, others do not. */
    bool eof = flow->got.count && flow->got.records[flow->got.count - 1].item == SIM_EOF;
    if (flow_is_live(flow) && !flow->opener && !flow->closed && (eof || flow->key % 4 == 0))
        flow_close(flow);
    if (flow->stream && (flow->ended || flow->reset))
        flow_release(flow);
}

static void random_act(struct sim_flow *flow)
{
    uint64_t *rng = &flow->end->rng;
    unsigned dice = (unsigned)sim_below(rng, 100);
    if (flow->stream && (flow->ended || flow->reset)) {
        if (dice < 30)
            flow_release(flow);
        return;
    }
    if (!flow->stream)
        return;
    if (dice < 25) {
        if (!flow->stalled)
            flow_consume(flow, sim_below(rng, flow->unconsumed + 1));
    } else if (dice < 30) {
        flow->stalled = !flow->stalled;
    } else if (dice < 31) {
        if (sim_chance(rng, 40))
            flow_release(flow);
        else
            flow_reset(flow);
    } else if (flow_may_send(flow) && gl_stream_queued(flow->stream) < GL_STREAM_QUEUE) {
        if (dice < 32)
            flow_eof(flow);
        else if (dice < 33 && !flow->opener)
            flow_close(flow);
        else
            flow_send(flow, dice < 65);
    }
}

static void on_pong(void *ctx, uint64_t rtt_ns)
{
    struct sim_end *end = ctx;
    (void)rtt_ns;
    end->pongs++;
}

void sim_app_step(struct sim_end *end)
{
    if (!pattern)
        make_pattern();
    if (end->calm) {
        for (size_t i = 0; i < end->flow_count; i++)
            calm_flow(end->flows[i]);
        return;
    }
    if (sim_chance(&end->rng, 25))
        open_flow(end);
    if (sim_chance(&end->rng, 1)) {
        end->pings++;
        gl_mux_ping(end->mux, end->now, on_pong, end);
    }
    /* Young ones are more likely to be alive. */
    for (int i = 0; i < 8 && end->flow_count; i++) {
        size_t back = sim_below(&end->rng, end->flow_count < 12 ? end->flow_count : 12);
        random_act(end->flows[end->flow_count - 1 - back]);
    }
}

void sim_app_done(struct sim_end *end)
{
    for (size_t i = 0; i < end->flow_count; i++) {
        struct sim_flow *flow = end->flows[i];
        if (flow->stream)
            flow_release(flow);
        gl_free(flow->sent.records);
        gl_free(flow->sent.bytes);
        gl_free(flow->got.records);
        gl_free(flow->got.bytes);
        gl_free(flow);
    }
    gl_free(end->flows);
}

bool sim_app_is_idle(const struct sim_end *end)
{
    struct gl_mux_stats stats;
    gl_mux_stats(end->mux, &stats);
    if (stats.streams || stats.queued || stats.replay || end->pings != end->pongs)
        return false;
    for (size_t i = 0; i < end->flow_count; i++)
        if (end->flows[i]->stream)
            return false;
    return true;
}

/* ------------------------------------------------------------------ verdict */

static const struct sim_flow *find_flow(const struct sim_end *end, uint64_t key, bool opener)
{
    for (size_t i = 0; i < end->flow_count; i++)
        if (end->flows[i]->key == key && end->flows[i]->opener == opener)
            return end->flows[i];
    return NULL;
}

/* The end that one side heard of is one that the other caused, or the session's. */
static void compare_end(const struct sim_flow *flow, const struct sim_flow *other, bool over)
{
    if (!flow->ended)
        return;
    enum gl_status status = flow->end_status;
    if (over && status == GL_STATUS_LOST)
        return;
    if (!flow->opener && flow->closed && status == flow->close_status)
        return;
    if (other->reset && status == other->reset_status)
        return;
    SIM_CHECK(flow->opener && other->closed && status == other->close_status,
              "ended with %s, which nobody said", gl_status_name(status));
    SIM_CHECK(log_is_equal(&flow->got, &other->sent), "closed before all of it was there");
}

static void compare_pair(const struct sim_flow *opener, const struct sim_flow *responder, bool over)
{
    SIM_CHECK(log_is_prefix(&responder->got, &opener->sent), "request bytes differ");
    SIM_CHECK(log_is_prefix(&opener->got, &responder->sent), "response bytes differ");
    compare_end(opener, responder, over);
    compare_end(responder, opener, over);
}

static void compare_opened_by(const struct sim_end *end, const struct sim_end *peer)
{
    bool over = end->over || peer->over;
    for (size_t i = 0; i < end->flow_count; i++) {
        const struct sim_flow *flow = end->flows[i];
        if (!flow->opener)
            continue;
        const struct sim_flow *other = find_flow(peer, flow->key, false);
        if (other) {
            SIM_CHECK(!flow->ended || flow->end_status != GL_STATUS_NOT_STARTED,
                      "it was started, in fact");
            compare_pair(flow, other, over);
            continue;
        }
        /* The peer never heard of it. */
        SIM_CHECK(!flow->got.count, "an answer to nothing");
        SIM_CHECK(over || flow->reset || flow->end_status == GL_STATUS_LIMIT, "OPEN was lost (%s)",
                  flow->ended ? gl_status_name(flow->end_status) : "open");
    }
    for (size_t i = 0; i < peer->flow_count; i++)
        SIM_CHECK(peer->flows[i]->opener || find_flow(end, peer->flows[i]->key, true),
                  "a stream that nobody opened");
}

void sim_app_compare(const struct sim_end *a, const struct sim_end *b)
{
    compare_opened_by(a, b);
    compare_opened_by(b, a);
}
