/* SPDX-License-Identifier: MIT */
/*
 * The simulation of a session: two ends in memory, a network that delays and cuts, all driven by
 * one seed (check_sim.c says what is tried and what must hold).
 *
 *   sim-end.c    one side: a mux, what its application does, the resume handshake. It changes by
 *                inputs only and without any other source of chance, so that to bring a side back
 * to an earlier time is to feed its first inputs to a new one. sim-app.c    the application: opens,
 * sends, consumes, closes, resets, and keeps what it sent and got sim-world.c  the network, the
 * clock and the dice
 */
#ifndef GL_SIM_H
#define GL_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "mux.h"

#define SIM_MS    UINT64_C(1000000)
#define SIM_S     (1000 * SIM_MS)
#define SIM_CONNS 64

/* A test that fails ends the process: the seed says how to see it again. */
extern uint64_t sim_seed;
#define SIM_CHECK(cond, ...)                                                                       \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "GL_SIM_SEED=%llu: %s:%d: %s: ", (unsigned long long)sim_seed,         \
                    __FILE__, __LINE__, #cond);                                                    \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* splitmix64 */
static inline uint64_t sim_next(uint64_t *rng)
{
    uint64_t z = (*rng += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}
static inline uint64_t sim_below(uint64_t *rng, uint64_t n)
{
    return n ? sim_next(rng) % n : 0;
}
static inline bool sim_chance(uint64_t *rng, unsigned percent)
{
    return sim_below(rng, 100) < percent;
}

/* ------------------------------------------------------------------ application */

enum sim_item { SIM_MESSAGE, SIM_DATA, SIM_EOF };
struct sim_record {
    uint8_t item, channel;
    size_t len;
};
/* What went one way on a stream: cuts of DATA do not show. */
struct sim_log {
    struct sim_record *records;
    size_t count, room;
    uint8_t *bytes;
    size_t len, bytes_room;
};

struct sim_flow {
    uint64_t key; /* told by the opener in OPEN */
    bool opener;
    struct sim_end *end;
    struct gl_stream *stream; /* NULL once released */
    struct sim_log sent, got;
    size_t unconsumed;
    size_t credit_out; /* given with items, not come back */
    bool stalled;      /* consumes nothing for now */
    bool eof_sent, closed, reset, ended;
    enum gl_status close_status, reset_status, end_status;
};

/* ------------------------------------------------------------------ one end */

enum sim_op {
    SIM_APP,
    SIM_OUTPUT,
    SIM_RECEIVE,
    SIM_TICK,
    SIM_LOST,
    SIM_DIAL,
    SIM_ACCEPT,
    SIM_CALM
};

struct sim_input {
    enum sim_op op;
    uint64_t now, seed;
    unsigned conn;
    size_t max, pieces, room; /* SIM_OUTPUT */
    uint8_t *bytes;           /* SIM_RECEIVE; owned by whoever keeps the input */
    size_t len;
};

enum sim_conn_state {
    SIM_NONE,
    SIM_WAIT_HELLO,
    SIM_WAIT_AUTH,
    SIM_WAIT_WELCOME,
    SIM_WAIT_RESUME,
    SIM_ATTACHED,
    SIM_CLOSED
};

struct sim_link {
    enum sim_conn_state state;
    uint8_t *in; /* not parsed yet */
    size_t in_len;
    uint8_t out[256]; /* of the handshake */
    size_t out_len;
    struct gl_resume_record peer;
    uint64_t epoch;
};

struct sim_end {
    enum gl_side side;
    struct gl_mux *mux;
    struct gl_mux_config config;
    uint64_t now, rng;
    struct sim_link links[SIM_CONNS];
    int attached; /* connection, or -1 */
    bool calm;    /* bring all to an end */
    unsigned pings, pongs;
    struct sim_flow **flows;
    size_t flow_count, flow_room;

    bool over; /* the session has ended */
    bool refused;
    enum gl_resume_reason reason;
    bool broken;     /* ended by a violation */
    bool wants_lost; /* the heartbeat gave the connection up */
    unsigned attaches, takeovers, epoch_gaps;

    /* of the last SIM_OUTPUT */
    uint8_t *wrote;
    size_t wrote_len, wrote_room;
};

void sim_end_init(struct sim_end *end, const struct gl_mux_config *config);
void sim_end_done(struct sim_end *end);
void sim_end_apply(struct sim_end *end, const struct sim_input *input);

extern const struct gl_mux_events sim_mux_events;
void sim_app_step(struct sim_end *end);
void sim_app_done(struct sim_end *end);
/* All streams over, nothing queued, nothing unconsumed. */
bool sim_app_is_idle(const struct sim_end *end);
/* Every byte that arrived is one that was sent, in order, once; ends are as they must be. */
void sim_app_compare(const struct sim_end *a, const struct sim_end *b);

/* ------------------------------------------------------------------ world */

enum sim_outcome { SIM_DONE, SIM_REFUSED, SIM_BROKEN };
struct sim_result {
    enum sim_outcome outcome;
    enum gl_resume_reason reason;
    unsigned cuts, attaches, takeovers, epoch_gaps, steps;
    bool reverted;
    bool told;      /* the other side had heard of what the revert undid */
    uint64_t moved; /* frames that the revert undid */
    uint64_t bytes, streams, dropped;
};
/* One run. `revert`: one side falls back to an earlier time once. */
struct sim_result sim_run(uint64_t seed, bool revert);

#endif
