/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <uv.h>

#include "sim.h"

void sim_end_init(struct sim_end *end, const struct gl_mux_config *config)
{
    memset(end, 0, sizeof(*end));
    end->side = config->side;
    end->config = *config;
    end->config.ctx = end;
    end->config.events = &sim_mux_events;
    end->now = SIM_S;
    end->mux = gl_mux_new(&end->config, end->now);
    end->links[0].state = SIM_ATTACHED;
    end->attached = 0;
}

void sim_end_done(struct sim_end *end)
{
    sim_app_done(end);
    gl_mux_free(end->mux);
    for (unsigned i = 0; i < SIM_CONNS; i++)
        gl_free(end->links[i].in);
    gl_free(end->wrote);
}

static void end_session(struct sim_end *end)
{
    end->over = true;
    gl_mux_end(end->mux, GL_STATUS_LOST, "");
}

static void drop_link(struct sim_end *end, unsigned conn)
{
    struct sim_link *link = &end->links[conn];
    link->state = SIM_CLOSED;
    link->in_len = link->out_len = 0;
    if (end->attached == (int)conn) {
        end->attached = -1;
        gl_mux_detach(end->mux);
    }
}

/* ------------------------------------------------------------------ handshake */

/* Frames of the handshake, as small as the simulation needs them: a record and an epoch, or
 * nothing. */
static void say(struct sim_link *link, uint8_t type, const struct gl_resume_record *record,
                uint64_t epoch)
{
    struct gl_frame frame = {.type = type, .length = sizeof(*record) + 8};
    uint8_t *out = link->out + link->out_len;
    SIM_CHECK(link->out_len + GL_FRAME_HEADER + frame.length <= sizeof(link->out), "out");
    gl_frame_encode(out, &frame);
    memset(out + GL_FRAME_HEADER, 0, frame.length);
    if (record)
        memcpy(out + GL_FRAME_HEADER, record, sizeof(*record));
    gl_put_u64(out + GL_FRAME_HEADER + sizeof(*record), epoch);
    link->out_len += GL_FRAME_HEADER + frame.length;
}

static void refuse(struct sim_end *end, enum gl_resume_reason reason)
{
    end->refused = true;
    end->reason = reason;
    end_session(end);
}

static void attach(struct sim_end *end, unsigned conn)
{
    struct sim_link *link = &end->links[conn];
    link->state = SIM_ATTACHED;
    end->attached = (int)conn;
    end->attaches++;
    gl_mux_attach(end->mux, end->now, &link->peer, link->epoch);
    SIM_CHECK(gl_mux_epoch(end->mux) == link->epoch, "epoch");
}

/* B: A is proven. The old connection goes first, so that nothing on it counts any more. */
static void proven(struct sim_end *end, unsigned conn)
{
    struct sim_link *link = &end->links[conn];
    if (end->attached >= 0) {
        end->takeovers++;
        drop_link(end, (unsigned)end->attached);
    }
    for (unsigned i = 0; i < conn; i++)
        if (end->links[i].state == SIM_WAIT_RESUME)
            drop_link(end, i);
    enum gl_resume_reason reason = gl_mux_check(end->mux, &link->peer, end->config.payload_max);
    if (reason != GL_RESUME_OK) {
        refuse(end, reason);
        return;
    }
    if (link->peer.epoch != gl_mux_epoch(end->mux))
        end->epoch_gaps++;
    struct gl_resume_record own;
    gl_mux_record(end->mux, &own);
    link->epoch = gl_mux_epoch(end->mux) + 1;
    say(link, GL_FRAME_WELCOME, &own, link->epoch);
    link->state = SIM_WAIT_RESUME;
}

static void handshake_frame(struct sim_end *end, unsigned conn, uint8_t type,
                            const struct gl_resume_record *record, uint64_t epoch)
{
    struct sim_link *link = &end->links[conn];
    switch (link->state) {
    case SIM_WAIT_HELLO: /* both */
        if (end->side == GL_SIDE_B) {
            SIM_CHECK(type == GL_FRAME_HELLO_A, "type %u", type);
            link->peer = *record;
            say(link, GL_FRAME_HELLO_B, NULL, 0);
            link->state = SIM_WAIT_AUTH;
        } else {
            SIM_CHECK(type == GL_FRAME_HELLO_B, "type %u", type);
            say(link, GL_FRAME_AUTH_A, NULL, 0);
            link->state = SIM_WAIT_WELCOME;
        }
        break;
    case SIM_WAIT_AUTH:
        SIM_CHECK(type == GL_FRAME_AUTH_A, "type %u", type);
        proven(end, conn);
        break;
    case SIM_WAIT_WELCOME: {
        SIM_CHECK(type == GL_FRAME_WELCOME, "type %u", type);
        link->peer = *record;
        link->epoch = epoch;
        enum gl_resume_reason reason = gl_mux_check(end->mux, record, end->config.payload_max);
        if (reason != GL_RESUME_OK) {
            refuse(end, reason);
            return;
        }
        say(link, GL_FRAME_RESUME, NULL, 0);
        attach(end, conn);
        break;
    }
    case SIM_WAIT_RESUME:
        SIM_CHECK(type == GL_FRAME_RESUME, "type %u", type);
        attach(end, conn);
        break;
    default:
        SIM_CHECK(false, "handshake frame %u in state %d", type, link->state);
    }
}

/* ------------------------------------------------------------------ bytes */

/* The rest, as a block of its own, as a reader would have it. */
static size_t receive_mux(struct sim_end *end, struct gl_block *block, size_t from, size_t len)
{
    size_t used = 0;
    int rc =
        gl_mux_receive(end->mux, end->now, block, gl_block_data(block) + from, len - from, &used);
    if (rc == UV_EPROTO) {
        end->broken = true;
        if (getenv("GL_SIM_VERBOSE"))
            fprintf(stderr, "seed %llu %c: %s\n", (unsigned long long)sim_seed,
                    end->side == GL_SIDE_A ? 'A' : 'B', gl_mux_error(end->mux));
        end_session(end);
    } else {
        SIM_CHECK(rc == 0, "%s", uv_err_name(rc));
    }
    return from + used;
}

static void receive(struct sim_end *end, unsigned conn, const uint8_t *bytes, size_t len)
{
    struct sim_link *link = &end->links[conn];
    if (link->state == SIM_CLOSED || end->over)
        return;
    struct gl_block *block = gl_block_new(link->in_len + len);
    uint8_t *all = gl_block_data(block);
    if (link->in_len)
        memcpy(all, link->in, link->in_len);
    memcpy(all + link->in_len, bytes, len);
    len += link->in_len;
    size_t at = 0;
    while (link->state != SIM_ATTACHED && link->state != SIM_CLOSED && !end->over) {
        struct gl_resume_record record;
        if (len - at < GL_FRAME_HEADER + sizeof(record) + 8)
            break;
        const uint8_t *payload = all + at + GL_FRAME_HEADER;
        memcpy(&record, payload, sizeof(record));
        uint8_t type = all[at];
        at += GL_FRAME_HEADER + sizeof(record) + 8;
        handshake_frame(end, conn, type, &record, gl_get_u64(payload + sizeof(record)));
    }
    if (link->state == SIM_ATTACHED && !end->over)
        at = receive_mux(end, block, at, len);
    gl_free(link->in);
    link->in = gl_memdup(all + at, len - at);
    link->in_len = len - at;
    gl_block_unref(block);
}

static void wrote(struct sim_end *end, const uint8_t *bytes, size_t len)
{
    if (len)
        memcpy(end->wrote + end->wrote_len, bytes, len);
    end->wrote_len += len;
}

static void output(struct sim_end *end, const struct sim_input *input)
{
    struct sim_link *link = &end->links[input->conn];
    size_t room = input->room;
    if (room > end->wrote_room) {
        end->wrote = gl_realloc(end->wrote, room);
        end->wrote_room = room;
    }
    end->wrote_len = 0;
    size_t n = link->out_len < room ? link->out_len : room;
    wrote(end, link->out, n);
    link->out_len -= n;
    memmove(link->out, link->out + n, link->out_len);
    room -= n;
    if (end->attached != (int)input->conn || link->out_len)
        return;
    struct gl_iov iov[64];
    size_t pieces = gl_mux_output(end->mux, end->now, iov, input->pieces, input->max);
    size_t written = 0;
    for (size_t i = 0; i < pieces && room; i++) {
        n = iov[i].len < room ? iov[i].len : room;
        wrote(end, iov[i].base, n);
        room -= n;
        written += n;
    }
    gl_mux_written(end->mux, end->now, written);
}

void sim_end_apply(struct sim_end *end, const struct sim_input *input)
{
    end->now = input->now;
    end->rng = input->seed;
    struct sim_link *link = &end->links[input->conn];
    if (end->over && input->op != SIM_OUTPUT)
        return;
    switch (input->op) {
    case SIM_APP:
        sim_app_step(end);
        break;
    case SIM_CALM:
        end->calm = true;
        break;
    case SIM_OUTPUT:
        output(end, input);
        break;
    case SIM_RECEIVE:
        receive(end, input->conn, input->bytes, input->len);
        break;
    case SIM_TICK:
        if (end->now >= gl_mux_deadline(end->mux))
            end->wants_lost = gl_mux_tick(end->mux, end->now) == UV_ETIMEDOUT;
        break;
    case SIM_LOST:
        end->wants_lost = false;
        drop_link(end, input->conn);
        break;
    case SIM_DIAL: { /* A closes what it had before it says how far it got */
        struct gl_resume_record record;
        for (unsigned i = 0; i < input->conn; i++)
            drop_link(end, i);
        gl_mux_record(end->mux, &record);
        say(link, GL_FRAME_HELLO_A, &record, 0);
        link->state = SIM_WAIT_HELLO;
        break;
    }
    case SIM_ACCEPT:
        link->state = SIM_WAIT_HELLO;
        break;
    }
}
