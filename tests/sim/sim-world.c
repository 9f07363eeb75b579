/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "sim.h"

/* One direction of a connection. */
struct pipe {
    uint8_t *bytes;
    size_t len, room;
    size_t arrived; /* of len: what the reader may have */
    bool cut;       /* what is written from now on is lost */
};

struct conn {
    struct pipe pipes[2]; /* [side that writes] */
    bool closed[2];       /* by that side */
    uint64_t
        notice_at[2]; /* when that side learns that it is dead; UINT64_MAX: by its heartbeat only */
    uint64_t second_cut_at; /* of the other direction */
};

struct tape {
    struct sim_input *inputs;
    size_t count, room;
};

struct world {
    uint64_t rng, now;
    struct sim_end ends[2];
    struct tape tapes[2];
    struct conn conns[SIM_CONNS];
    unsigned conn_count;
    uint64_t redial_at;
    size_t buffer;       /* of a pipe, bytes */
    unsigned cut_chance; /* of 10,000 steps */
    struct sim_result result;
    /* revert */
    unsigned revert_side;
    size_t mark; /* inputs of that side that are kept */
    struct gl_resume_record marked;
};

/* ------------------------------------------------------------------ inputs */

static void feed(struct world *w, unsigned side, struct sim_input input)
{
    struct tape *tape = &w->tapes[side];
    input.now = w->now;
    input.seed = sim_next(&w->rng);
    if (tape->count == tape->room) {
        tape->room = tape->room ? tape->room * 2 : 64;
        tape->inputs = gl_realloc_array(tape->inputs, tape->room, sizeof(input));
    }
    tape->inputs[tape->count++] = input;
    sim_end_apply(&w->ends[side], &input);
}

static void tape_cut(struct tape *tape, size_t count)
{
    while (tape->count > count)
        gl_free(tape->inputs[--tape->count].bytes);
}

/* ------------------------------------------------------------------ network */

static void pipe_write(struct pipe *pipe, const uint8_t *bytes, size_t len)
{
    if (pipe->cut)
        return;
    if (pipe->len + len > pipe->room) {
        pipe->room = (pipe->len + len) * 2;
        pipe->bytes = gl_realloc(pipe->bytes, pipe->room);
    }
    if (len)
        memcpy(pipe->bytes + pipe->len, bytes, len);
    pipe->len += len;
}

/* From a random byte on, all is lost. */
static void pipe_cut(struct world *w, struct pipe *pipe)
{
    if (pipe->cut)
        return;
    pipe->cut = true;
    pipe->len = sim_below(&w->rng, pipe->len + 1);
    if (pipe->arrived > pipe->len)
        pipe->arrived = pipe->len;
}

static uint64_t random_delay(struct world *w)
{
    static const uint64_t most[] = {SIM_MS, 5 * SIM_MS, 30 * SIM_MS, 300 * SIM_MS};
    uint64_t delay = sim_below(&w->rng, most[sim_below(&w->rng, 4)]);
    return sim_chance(&w->rng, 5) ? delay * 100 : delay;
}

/* The directions die at different times, the sides learn of it at different times, or never. */
static void conn_cut(struct world *w, struct conn *conn)
{
    if (conn->second_cut_at != UINT64_MAX || conn->closed[0] || conn->closed[1])
        return;
    unsigned first = (unsigned)sim_below(&w->rng, 2);
    pipe_cut(w, &conn->pipes[first]);
    conn->second_cut_at = w->now + random_delay(w);
    for (int side = 0; side < 2; side++)
        conn->notice_at[side] =
            sim_chance(&w->rng, 30) ? UINT64_MAX : conn->second_cut_at + random_delay(w);
    /* One of them at once, while the other direction still delivers. */
    if (sim_chance(&w->rng, 50))
        conn->notice_at[sim_below(&w->rng, 2)] = w->now;
    w->result.cuts++;
}

static void close_side(struct world *w, unsigned index, unsigned side)
{
    struct conn *conn = &w->conns[index];
    if (conn->closed[side])
        return;
    conn->closed[side] = true;
    /* A reset may overtake what is on its way. */
    if (sim_chance(&w->rng, 50))
        pipe_cut(w, &conn->pipes[side]);
    conn->pipes[side].cut = true;
    pipe_cut(w, &conn->pipes[!side]);
    if (conn->notice_at[!side] == UINT64_MAX && sim_chance(&w->rng, 50))
        conn->notice_at[!side] = w->now + random_delay(w);
}

/* What a side has closed by itself (takeover, redial). */
static void sync_closed(struct world *w)
{
    for (unsigned i = 0; i < w->conn_count; i++)
        for (unsigned side = 0; side < 2; side++)
            if (w->ends[side].links[i].state == SIM_CLOSED)
                close_side(w, i, side);
}

static void lose(struct world *w, unsigned index, unsigned side)
{
    feed(w, side, (struct sim_input){.op = SIM_LOST, .conn = index});
    close_side(w, index, side);
}

static void notice(struct world *w)
{
    for (unsigned i = 0; i < w->conn_count; i++) {
        struct conn *conn = &w->conns[i];
        if (conn->second_cut_at <= w->now) {
            pipe_cut(w, &conn->pipes[0]);
            pipe_cut(w, &conn->pipes[1]);
        }
        for (unsigned side = 0; side < 2; side++) {
            /* A close is seen after what came before it. */
            bool drained = !conn->pipes[!side].len || sim_chance(&w->rng, 30);
            if (!conn->closed[side] && conn->notice_at[side] <= w->now && drained)
                lose(w, i, side);
        }
    }
    for (unsigned side = 0; side < 2; side++)
        if (w->ends[side].wants_lost && w->ends[side].attached >= 0)
            lose(w, (unsigned)w->ends[side].attached, side);
}

static unsigned last_open(const struct world *w, unsigned side)
{
    for (unsigned i = w->conn_count; i-- > 0;)
        if (!w->conns[i].closed[side])
            return i;
    return SIM_CONNS;
}

static void redial(struct world *w)
{
    if (last_open(w, 0) < SIM_CONNS) {
        /* A greeting that gets no answer is given up. */
        unsigned i = last_open(w, 0);
        if (w->ends[0].links[i].state != SIM_ATTACHED && w->conns[i].notice_at[0] == UINT64_MAX)
            w->conns[i].notice_at[0] = w->now + 10 * SIM_S;
        w->redial_at = w->now + random_delay(w) / 10;
        return;
    }
    if (w->now < w->redial_at || w->conn_count == SIM_CONNS)
        return;
    unsigned index = w->conn_count++;
    struct conn *conn = &w->conns[index];
    conn->notice_at[0] = conn->notice_at[1] = conn->second_cut_at = UINT64_MAX;
    feed(w, 0, (struct sim_input){.op = SIM_DIAL, .conn = index});
    feed(w, 1, (struct sim_input){.op = SIM_ACCEPT, .conn = index});
}

/* ------------------------------------------------------------------ steps */

static void step_output(struct world *w, unsigned side, unsigned index)
{
    struct conn *conn = &w->conns[index];
    struct pipe *pipe = &conn->pipes[side];
    if (conn->closed[side])
        return;
    size_t room = pipe->cut ? w->buffer : pipe->len < w->buffer ? w->buffer - pipe->len : 0;
    room = sim_chance(&w->rng, 50) ? room : sim_below(&w->rng, room + 1);
    static const size_t most[] = {1, 5000, 65536, 512 * 1024};
    struct sim_input input = {.op = SIM_OUTPUT,
                              .conn = index,
                              .room = room,
                              .max = most[sim_below(&w->rng, 4)],
                              .pieces = 1 + sim_below(&w->rng, 64)};
    feed(w, side, input);
    pipe_write(pipe, w->ends[side].wrote, w->ends[side].wrote_len);
}

/*
 * What has arrived, or a part of it. An older connection is read first: A closed it before it
 * dialled the next.
 */
static void step_receive(struct world *w, unsigned side, unsigned index)
{
    struct conn *conn = &w->conns[index];
    struct pipe *pipe = &conn->pipes[!side];
    for (unsigned i = 0; i < index; i++)
        if (w->ends[side].links[i].state == SIM_WAIT_AUTH && w->conns[i].pipes[!side].len)
            index = i;
    conn = &w->conns[index];
    pipe = &conn->pipes[!side];
    if (conn->closed[side] || !pipe->len)
        return;
    size_t more = pipe->len - pipe->arrived;
    pipe->arrived += sim_chance(&w->rng, 30) ? more : sim_below(&w->rng, more + 1);
    size_t len = sim_chance(&w->rng, 70) ? pipe->arrived : sim_below(&w->rng, pipe->arrived + 1);
    if (!len)
        return;
    struct sim_input input = {
        .op = SIM_RECEIVE, .conn = index, .bytes = gl_memdup(pipe->bytes, len), .len = len};
    pipe->len -= len;
    pipe->arrived -= len;
    memmove(pipe->bytes, pipe->bytes + len, pipe->len);
    feed(w, side, input);
}

static void check_bounds(const struct world *w)
{
    for (int side = 0; side < 2; side++) {
        struct gl_mux_stats stats;
        gl_mux_stats(w->ends[side].mux, &stats);
        SIM_CHECK(stats.replay <= GL_REPLAY_MAX, "%zu", stats.replay);
        SIM_CHECK(stats.growth <= w->ends[side].config.window_growth_max, "%llu",
                  (unsigned long long)stats.growth);
    }
}

static uint64_t random_step(struct world *w, bool calm)
{
    unsigned dice = (unsigned)sim_below(&w->rng, 1000);
    if (dice < 700 || calm)
        return sim_below(&w->rng, calm || w->ends[0].attached < 0 ? 5 * SIM_MS : SIM_MS / 5);
    if (dice < 990)
        return sim_below(&w->rng, 20 * SIM_MS);
    return sim_below(&w->rng, 6 * SIM_S);
}

static void step(struct world *w, bool calm)
{
    w->result.steps++;
    w->now += random_step(w, calm);
    if (!calm && sim_below(&w->rng, 10000) < w->cut_chance && w->conn_count < SIM_CONNS - 8)
        conn_cut(w, &w->conns[w->conn_count - 1 - sim_below(&w->rng, w->conn_count > 1 ? 2 : 1)]);
    notice(w);
    redial(w);
    unsigned side = (unsigned)sim_below(&w->rng, 2);
    unsigned index = w->conn_count - 1;
    /* Half open, a side may still be busy on an older one. */
    if (w->ends[side].attached >= 0 && sim_chance(&w->rng, 70))
        index = (unsigned)w->ends[side].attached;
    unsigned dice = (unsigned)sim_below(&w->rng, 100);
    if (dice < 35)
        step_output(w, side, index);
    else if (dice < 70)
        step_receive(w, side, index);
    else if (dice < 95)
        feed(w, side, (struct sim_input){.op = SIM_APP});
    else
        feed(w, side, (struct sim_input){.op = SIM_TICK});
    sync_closed(w);
    check_bounds(w);
}

/* ------------------------------------------------------------------ revert */

static void take_mark(struct world *w)
{
    w->revert_side = (unsigned)sim_below(&w->rng, 2);
    w->mark = w->tapes[w->revert_side].count;
    gl_mux_record(w->ends[w->revert_side].mux, &w->marked);
}

/*
 * The virtual machine of one side is again what it was: its connections are dead, though it may not
 * know that for a while and go on sending. The other side may not know it either.
 */
static void revert(struct world *w)
{
    unsigned side = w->revert_side;
    struct sim_end *end = &w->ends[side];
    struct gl_mux_config config = end->config;
    struct gl_resume_record record;
    gl_mux_record(end->mux, &record);
    w->result.moved = record.tx_count - w->marked.tx_count + record.rx_count - w->marked.rx_count;
    sim_end_done(end);
    sim_end_init(end, &config);
    tape_cut(&w->tapes[side], w->mark);
    for (size_t i = 0; i < w->mark; i++)
        sim_end_apply(end, &w->tapes[side].inputs[i]);
    gl_mux_record(end->mux, &record);
    SIM_CHECK(memcmp(&record, &w->marked, sizeof(record)) == 0, "the simulation is not repeatable");
    const struct sim_end *other = &w->ends[!side];
    w->result.told = gl_mux_check(other->mux, &record, config.payload_max) != GL_RESUME_OK;

    for (unsigned i = 0; i < w->conn_count; i++) {
        struct conn *conn = &w->conns[i];
        pipe_cut(w, &conn->pipes[side]);
        conn->pipes[!side].cut = true;
        conn->pipes[!side].len = conn->pipes[!side].arrived = 0;
        enum sim_conn_state state = end->links[i].state;
        conn->closed[side] = state == SIM_CLOSED || state == SIM_NONE;
        if (state == SIM_NONE)
            end->links[i].state = SIM_CLOSED;
        conn->notice_at[side] = w->now + 10 * random_delay(w);
        if (sim_chance(&w->rng, 70))
            conn->notice_at[!side] = w->now + random_delay(w);
    }
    w->result.reverted = true;
    /* It goes on, with other traffic than before. */
    for (uint64_t n = sim_below(&w->rng, 200); n && end->attached >= 0; n--) {
        feed(w, side, (struct sim_input){.op = SIM_APP});
        step_output(w, side, (unsigned)end->attached);
    }
}

/* ------------------------------------------------------------------ a run */

static void configure(struct world *w)
{
    static const uint32_t caps[] = {4096, 5000, 16384, 65536, 262144};
    struct gl_mux_config config = {
        .side = GL_SIDE_A,
        .epoch = 1,
        .payload_max = caps[sim_below(&w->rng, GL_ARRAY_SIZE(caps))],
        .window_growth_max = sim_below(&w->rng, 3) * (3 << 20),
        .resumable = true,
    };
    for (unsigned i = 0; i < GL_ID_SIZE; i++) {
        config.session[i] = (uint8_t)sim_next(&w->rng);
        config.instance[i] = (uint8_t)sim_next(&w->rng);
        config.peer[i] = (uint8_t)sim_next(&w->rng);
    }
    uint32_t limits[2] = {1 + (uint32_t)sim_below(&w->rng, 40),
                          1 + (uint32_t)sim_below(&w->rng, 40)};
    config.peer_streams_max = limits[0];
    config.local_streams_max = limits[1];
    if (sim_chance(&w->rng, 20))
        config.local_streams_max += 3; /* does not know the limit */
    sim_end_init(&w->ends[0], &config);
    config.side = GL_SIDE_B;
    config.peer_streams_max = limits[1];
    config.local_streams_max = limits[0];
    uint8_t id[GL_ID_SIZE];
    memcpy(id, config.instance, sizeof(id));
    memcpy(config.instance, config.peer, sizeof(id));
    memcpy(config.peer, id, sizeof(id));
    sim_end_init(&w->ends[1], &config);
    w->conn_count = 1;
    struct conn *conn = &w->conns[0];
    conn->notice_at[0] = conn->notice_at[1] = conn->second_cut_at = UINT64_MAX;
    static const size_t buffers[] = {300, 8000, 65536, 65536, 200000, 1 << 20};
    w->buffer = buffers[sim_below(&w->rng, GL_ARRAY_SIZE(buffers))];
    static const unsigned cuts[] = {0, 20, 100, 400};
    w->cut_chance = cuts[sim_below(&w->rng, 4)];
}

static bool is_over(const struct world *w)
{
    return w->ends[0].over || w->ends[1].over;
}

static void wild(struct world *w, bool with_revert)
{
    unsigned steps = 300 + (unsigned)sim_below(&w->rng, 2500);
    unsigned mark_at = with_revert ? (unsigned)sim_below(&w->rng, steps) : UINT32_MAX;
    static const unsigned spans[] = {30, 300, 1000, 2000};
    unsigned revert_at =
        with_revert ? mark_at + 1 + (unsigned)sim_below(&w->rng, spans[sim_below(&w->rng, 4)])
                    : UINT32_MAX;
    for (unsigned i = 0; (i < steps || (with_revert && i <= revert_at)) && !is_over(w); i++) {
        if (i == mark_at)
            take_mark(w);
        if (i == revert_at)
            revert(w);
        step(w, false);
    }
}

/* The network stays as it is: everything comes to its end now. */
static void settle(struct world *w)
{
    if (is_over(w))
        return;
    feed(w, 0, (struct sim_input){.op = SIM_CALM});
    feed(w, 1, (struct sim_input){.op = SIM_CALM});
    unsigned most = w->result.steps + 400000;
    if (w->buffer < 20000)
        w->buffer = 20000;
    while (!is_over(w) && !(sim_app_is_idle(&w->ends[0]) && sim_app_is_idle(&w->ends[1]))) {
        step(w, true);
        SIM_CHECK(w->result.steps < most, "something hangs");
    }
}

static void judge(struct world *w)
{
    struct sim_result *r = &w->result;
    for (int side = 0; side < 2; side++) {
        const struct sim_end *end = &w->ends[side];
        struct gl_mux_stats stats;
        gl_mux_stats(end->mux, &stats);
        if (end->refused) {
            r->outcome = SIM_REFUSED;
            r->reason = end->reason;
        }
        if (end->broken)
            r->outcome = SIM_BROKEN;
        r->attaches += end->attaches;
        r->takeovers += end->takeovers;
        r->epoch_gaps += end->epoch_gaps;
        r->bytes += stats.rx_bytes;
        r->streams += end->flow_count;
        r->dropped += stats.rx_dropped;
    }
    /* A session whose sides agree is never given up, whatever the network does. */
    if (!r->reverted)
        SIM_CHECK(r->outcome == SIM_DONE, "refused (%s) or broken",
                  gl_resume_reason_text(r->reason));
    SIM_CHECK(r->outcome != SIM_BROKEN, "resumed, and then a violation");
    /* Who was resumed forgot nothing that the other side had heard of, or has said just that again.
     */
    if (r->outcome != SIM_REFUSED)
        sim_app_compare(&w->ends[0], &w->ends[1]);
}

struct sim_result sim_run(uint64_t seed, bool with_revert)
{
    struct world *w = GL_NEW0(struct world);
    sim_seed = seed;
    w->rng = seed * 2 + with_revert;
    w->now = SIM_S;
    configure(w);
    wild(w, with_revert);
    settle(w);
    judge(w);
    struct sim_result result = w->result;
    for (int side = 0; side < 2; side++) {
        sim_end_done(&w->ends[side]);
        tape_cut(&w->tapes[side], 0);
        gl_free(w->tapes[side].inputs);
    }
    for (unsigned i = 0; i < SIM_CONNS; i++) {
        gl_free(w->conns[i].pipes[0].bytes);
        gl_free(w->conns[i].pipes[1].bytes);
    }
    gl_free(w);
    return result;
}
