/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <stdio.h>
#include <string.h>

#include "admission.h"
#include "call.h"
#include "link.h"
#include "share.h"
#include "wait.h"
#include "watch.h"

#define TOUCH_EVERY_S  60u   /* how far the store may be behind what was last heard of a guest */
#define PROBE_MS       2000u /* that a link has to answer */
#define OPEN_MAX       4096u /* bytes: of a call of a service that the host has not */
#define OPENS_MAX      1000u /* that come to nothing, */
#define OPENS_EVERY_MS 10u   /* and one more each: a guest that goes on is cut off */

struct gl_session {
    struct gl_list node; /* of daemon->sessions */
    struct gl_daemon *daemon;
    struct gl_guest *guest; /* NULL: dismissed or replaced, its end is under way */
    struct gl_link *link;
    struct gl_session_terms terms;
    uint64_t since_s; /* of the present connection */
    struct gl_quota opens;
    struct gl_shares shares;                  /* of those who call the guest */
    void (*on_answer)(void *ctx, bool alive); /* of a probe */
    void *probe_ctx;
    uint64_t probed_ns;
    bool pinging; /* a PING of a probe is on its way: one, however many probes there are, */
    uint64_t pinged_ns;
};

/* What guests may call here. */
static const struct gl_service *const no_services[] = {NULL};
static const struct gl_dispatch no_dispatch = {.services = no_services};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* A guest whose link comes and goes all the time shall not fill the log. */
#define LOG_LINK(guest, ...)                                                                       \
    do {                                                                                           \
        if (gl_quota_take(&(guest)->log_quota, now_ms(), NULL))                                    \
            gl_info(__VA_ARGS__);                                                                  \
        else                                                                                       \
            gl_debug(__VA_ARGS__);                                                                 \
    } while (0)

/* ------------------------------------------------------------------ probing */

static void answer_probe(struct gl_session *session, bool alive)
{
    void (*on_answer)(void *, bool) = session->on_answer;
    session->on_answer = NULL;
    if (on_answer)
        on_answer(session->probe_ctx, alive);
}

static void on_pong(void *ctx, uint64_t rtt_ns);

static void ping(struct gl_session *session)
{
    session->pinging = true;
    session->pinged_ns = uv_hrtime();
    gl_mux_ping(gl_link_mux(session->link), session->pinged_ns, on_pong, session);
}

static void on_pong(void *ctx, uint64_t rtt_ns)
{
    struct gl_session *session = ctx;
    session->pinging = false;
    if (!session->on_answer || rtt_ns == UINT64_MAX) /* none will come */
        return;
    if (rtt_ns <= uv_hrtime() - session->probed_ns)
        answer_probe(session, true);
    else
        ping(session); /* the answer to an earlier PING says nothing of now */
}

unsigned gl_session_probe(struct gl_session *session, void (*on_answer)(void *ctx, bool alive),
                          void *ctx)
{
    session->on_answer = on_answer;
    session->probe_ctx = ctx;
    session->probed_ns = uv_hrtime();
    if (!session->pinging)
        ping(session);
    uint64_t waited_ms = (uv_hrtime() - session->pinged_ns) / 1000000;
    return waited_ms < PROBE_MS ? (unsigned)(PROBE_MS - waited_ms) : 0;
}

void gl_session_probe_cancel(struct gl_session *session, const void *ctx)
{
    if (session->probe_ctx == ctx)
        session->on_answer = NULL;
}

/* ------------------------------------------------------------------ events of the link */

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    struct gl_session *session = ctx;
    if (!gl_quota_take(&session->opens, now_ms(), NULL) && session->guest) {
        gl_warn("guest '%s' asks without end for services that this host has not",
                session->guest->entry->name);
        gl_session_dismiss(session->guest, GL_STATUS_LIMIT,
                           "too many calls of services that the host has not");
    }
    gl_call_dispatch(&no_dispatch, stream, open);
}

static void touch(struct gl_session *session)
{
    if (session->guest)
        gl_trust_touch(session->daemon->trust, session->guest->entry, NULL,
                       gl_link_heard_s(session->link));
}

static void on_detached(void *ctx, const char *why)
{
    struct gl_session *session = ctx;
    if (session->guest)
        LOG_LINK(session->guest,
                 "guest '%s': its link is lost (%s); its session waits %llu s for it",
                 session->guest->entry->name, why,
                 (unsigned long long)session->daemon->settings->resume_ms / 1000);
    touch(session);
    if (session->guest)
        gl_watch_notify(session->daemon, session->guest->entry);
    answer_probe(session, false); /* whoever asked may end the session: it is gone then */
}

static void on_attached(void *ctx)
{
    struct gl_session *session = ctx;
    session->since_s = gl_now_s();
    session->pinged_ns = uv_hrtime(); /* a PING that was lost is sent anew */
    if (!session->guest)
        return;
    session->guest->resumes++;
    LOG_LINK(session->guest, "guest '%s' is back, its session goes on",
             session->guest->entry->name);
    gl_wait_notify(session->daemon, session->guest->entry);
    gl_watch_notify(session->daemon, session->guest->entry);
}

static void retire(struct gl_session *session)
{
    struct gl_guest *guest = session->guest;
    touch(session);
    session->guest = NULL;
    if (!guest)
        return;
    guest->session = NULL;
    gl_watch_notify(session->daemon, guest->entry);
}

static void on_ended(void *ctx, enum gl_status status, const char *text)
{
    struct gl_session *session = ctx;
    if (session->guest)
        LOG_LINK(session->guest, "guest '%s': its session has ended: %s%s%s",
                 session->guest->entry->name, gl_status_text(status), *text ? ": " : "", text);
    retire(session);
    answer_probe(session, false);
    gl_list_remove(&session->node);
    gl_daemon_left(session->daemon);
    gl_link_free(session->link);
    gl_shares_done(&session->shares);
    gl_free(session);
}

static const struct gl_link_events link_events = {
    .on_open = on_open,
    .on_detached = on_detached,
    .on_attached = on_attached,
    .on_ended = on_ended,
};

/* ------------------------------------------------------------------ begin, resume, end */

static void note_address(struct gl_session *session, char *out, size_t size)
{
    struct gl_address address;
    gl_session_address(session, &address);
    gl_address_text(&address, out, size);
    gl_trust_touch(session->daemon->trust, session->guest->entry, out, gl_now_s());
}

void gl_session_start(struct gl_guest *guest, const struct gl_session_terms *terms,
                      struct gl_transport *t, const uint8_t *early, size_t early_len)
{
    struct gl_daemon *daemon = guest->daemon;
    struct gl_session *session = GL_NEW0(struct gl_session);
    char address[GL_TRUST_PLACE_SIZE];
    session->daemon = daemon;
    session->guest = guest;
    session->terms = *terms;
    session->since_s = gl_now_s();
    session->opens = (struct gl_quota){.burst = OPENS_MAX, .every_ms = OPENS_EVERY_MS};
    gl_shares_init(&session->shares, terms->streams_max, GL_GUEST_QUEUE_MAX);
    gl_list_append(&daemon->sessions, &session->node);
    guest->session = session;
    struct gl_link_config config = {
        .mux =
            {
                .side = GL_SIDE_B,
                .epoch = 1,
                .payload_max = terms->payload_max,
                .local_streams_max = terms->streams_max,
                .peer_streams_max = GL_HOST_STREAMS_MAX,
                .window_growth_max = GL_HOST_WINDOWS_MAX,
                .open_max = OPEN_MAX,
                .resumable = true,
            },
        .resume_ms = daemon->settings->resume_ms,
        .events = &link_events,
        .ctx = session,
    };
    memcpy(config.mux.session, terms->id, GL_ID_SIZE);
    memcpy(config.mux.instance, daemon->instance, GL_ID_SIZE);
    memcpy(config.mux.peer, terms->instance, GL_ID_SIZE);
    session->link = gl_link_new(daemon->loop, &config, t, early, early_len);
    note_address(session, address, sizeof address);
    LOG_LINK(guest, "guest '%s' is connected from %s (%s)", guest->entry->name, address,
             guest->entry->software);
    gl_wait_notify(daemon, guest->entry);
    gl_watch_notify(daemon, guest->entry);
}

void gl_session_resume(struct gl_session *session, struct gl_transport *t,
                       const struct gl_resume_record *peer, uint64_t epoch, const uint8_t *early,
                       size_t early_len)
{
    char address[GL_TRUST_PLACE_SIZE];
    gl_link_attach(session->link, t, peer, epoch, early, early_len);
    if (session->guest)
        note_address(session, address, sizeof address);
}

void gl_session_end(struct gl_session *session, const char *why)
{
    if (session->guest)
        LOG_LINK(session->guest, "guest '%s': its session has ended: %s",
                 session->guest->entry->name, why);
    retire(session);
    gl_link_end(session->link, GL_STATUS_LOST, why);
}

void gl_session_dismiss(struct gl_guest *guest, enum gl_status status, const char *text)
{
    struct gl_session *session = guest->session;
    if (guest->admission)
        gl_admission_cancel(guest->admission);
    if (!session)
        return;
    LOG_LINK(guest, "guest '%s': its session is ended: %s", session->guest->entry->name, text);
    retire(session);
    gl_link_goodbye(session->link, status, text);
}

void gl_sessions_dismiss(struct gl_daemon *daemon, enum gl_status status, const char *text)
{
    GL_LIST_FOREACH_SAFE (node, &daemon->sessions) {
        struct gl_session *session = GL_CONTAINER_OF(node, struct gl_session, node);
        if (session->guest)
            gl_session_dismiss(session->guest, status, text);
    }
}

void gl_sessions_redial(struct gl_daemon *daemon, const char *why)
{
    gl_admission_cancel_all(daemon, NULL);
    GL_LIST_FOREACH_SAFE (node, &daemon->sessions) {
        struct gl_session *session = GL_CONTAINER_OF(node, struct gl_session, node);
        if (!session->guest || !gl_session_is_attached(session))
            continue;
        gl_link_detach(session->link);
        on_detached(session, why);
    }
}

/* All at once, so that the store is written once a minute, however many guests there are. */
void gl_sessions_touch(struct gl_daemon *daemon)
{
    bool behind = false;
    GL_LIST_FOREACH (node, &daemon->sessions) {
        const struct gl_session *session = GL_CONTAINER_OF(node, struct gl_session, node);
        if (session->guest &&
            gl_link_heard_s(session->link) >= session->guest->entry->last_seen + TOUCH_EVERY_S)
            behind = true;
    }
    if (!behind)
        return;
    GL_LIST_FOREACH (node, &daemon->sessions)
        touch(GL_CONTAINER_OF(node, struct gl_session, node));
}

/* ------------------------------------------------------------------ looking */

bool gl_session_is_attached(const struct gl_session *session)
{
    return gl_link_is_attached(session->link);
}

const uint8_t *gl_session_id(const struct gl_session *session)
{
    return session->terms.id;
}

const uint8_t *gl_session_instance(const struct gl_session *session)
{
    return session->terms.instance;
}

struct gl_link *gl_session_link(struct gl_session *session)
{
    return session->link;
}

struct gl_shares *gl_session_shares(struct gl_session *session)
{
    return &session->shares;
}

void gl_session_address(const struct gl_session *session, struct gl_address *ret_address)
{
    *ret_address = gl_link_peer(session->link)->address;
}

void gl_session_describe(const struct gl_session *session, Gl__Guest *guest)
{
    struct gl_mux_stats stats;
    gl_mux_stats(gl_link_mux(session->link), &stats);
    guest->streams = stats.streams;
    guest->rtt_us = stats.rtt_ns / 1000;
    guest->last_seen = gl_link_heard_s(session->link);
    if (gl_session_is_attached(session)) {
        guest->connected_since = session->since_s;
    } else {
        guest->resume_left = (uint32_t)((gl_link_resume_left_ms(session->link) + 999) / 1000);
    }
}
