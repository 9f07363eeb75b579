/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <stdio.h>
#include <string.h>

#include "dial.h"
#include "link.h"
#include "log.h"
#include "mem.h"
#include "os.h"
#include "proto/guestlink.pb-c.h"
#include "service.h"
#include "startup.h"
#include "sys.h"
#include "utf8.h"

/* A job that ignores TERM gets 5 s before KILL (services/exec.c); then it takes a moment to end. */
#define STOP_MS 6000u
/* The link gives its buffers back at its first heartbeat after 5 s of silence. */
#define QUIET_MS 11000u

struct gl_session {
    struct gl_agent *agent;
    struct gl_identity *identity;
    struct gl_host_trust *trust;
    uv_loop_t *loop;
    uint8_t instance[GL_ID_SIZE];
    struct gl_dial *dial;

    struct gl_link *link; /* NULL: no session */
    uint8_t host_key[GL_KEY_SIZE];
    uint64_t frames; /* at the beginning of the present link */
    bool replacing;  /* it is being ended in favour of another */
    bool has_generation;
    uint8_t generation[GL_SYS_GENERATION_SIZE];

    uv_timer_t quiet_timer; /* since the last call ended */

    bool stopping;
    uv_timer_t stop_timer;
    void (*on_stopped)(void *ctx);
    void *on_stopped_ctx;
};

/* ------------------------------------------------------------------ the link's events */

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    struct gl_session *session = ctx;
    gl_call_dispatch(gl_agent_dispatch(session->agent), stream, open);
}

/* Sequenced frames of both directions, ever. */
static uint64_t frames(const struct gl_session *session)
{
    struct gl_mux_stats stats;
    gl_mux_stats(gl_link_mux(session->link), &stats);
    return stats.rx_frames + stats.tx_frames;
}

static void on_detached(void *ctx, const char *why)
{
    struct gl_session *session = ctx;
    if (frames(session) > session->frames)
        gl_dial_was_of_use(session->dial);
    gl_info("the link to the host was lost (%s); the session waits for another", why);
    gl_dial_start(session->dial, GL_STATUS_LOST, true);
}

static void check_stopped(struct gl_session *session);

static void on_ended(void *ctx, enum gl_status status, const char *text)
{
    struct gl_session *session = ctx;
    gl_link_free(session->link);
    session->link = NULL;
    GL_LOG_IF(gl_dial_wants_patience(status) ? GL_LOG_WARN : GL_LOG_INFO,
              "the session with the host has ended: %s%s%s", gl_status_text(status),
              *text ? ": " : "", text);
    if (session->stopping)
        check_stopped(session);
    else if (!session->replacing)
        gl_dial_start(session->dial, status, false);
}

static const struct gl_link_events link_events = {
    .on_open = on_open,
    .on_detached = on_detached,
    .on_ended = on_ended,
};

/* Another session takes its place, or will: nobody needs to dial for it. */
static void end_session(struct gl_session *session, enum gl_status status, const char *text)
{
    if (!session->link)
        return;
    session->replacing = true;
    gl_link_end(session->link, status, text);
    session->replacing = false;
}

/* ------------------------------------------------------------------ the handshake */

static uint64_t now_s(void)
{
    uv_timeval64_t now;
    return uv_gettimeofday(&now) == 0 ? (uint64_t)now.tv_sec : 0;
}

/* The machine was set back to a snapshot: what the host did since is not in our memory. */
static bool generation_changed(const struct gl_session *session)
{
    uint8_t generation[GL_SYS_GENERATION_SIZE];
    return session->has_generation && gl_sys_generation(generation) &&
           memcmp(generation, session->generation, sizeof(generation)) != 0;
}

/* Whoever called the machine so did not choose a name for the host, which takes text only. */
static void make_text(char *name)
{
    size_t left = strlen(name), n;
    for (char *p = name; *p; p += n, left -= n) {
        n = gl_utf8_char_len(p, left);
        if (n == 0) {
            *p = '-';
            n = 1;
        }
    }
}

static void prepare_resume(struct gl_session *session, struct gl_hello *hello)
{
    if (session->link && generation_changed(session))
        end_session(session, GL_STATUS_LOST, "this machine was set back to a snapshot");
    if (!session->link)
        return;
    gl_link_detach(session->link);
    hello->has_resume = true;
    gl_mux_record(gl_link_mux(session->link), &hello->resume);
}

static void prepare(void *ctx, struct gl_handshake_config *config)
{
    struct gl_session *session = ctx;
    const struct gl_settings *settings = gl_agent_settings(session->agent);
    const struct gl_identity *identity = session->identity;
    struct gl_hello *hello = &config->hello;

    hello->role = GL__ROLE__ROLE_GUEST;
    hello->streams_max = settings->calls_max;
    memcpy(hello->instance, session->instance, sizeof(hello->instance));
    snprintf(hello->software, sizeof(hello->software), "guestlink-agent %s (%s)", PACKAGE_VERSION,
             GL_OS_NAME);
    if (settings->name) {
        snprintf(hello->name, sizeof(hello->name), "%s", settings->name);
    } else {
        gl_sys_hostname(hello->name, sizeof(hello->name));
        make_text(hello->name);
    }
    hello->has_machine = identity->has_machine;
    memcpy(hello->machine, identity->machine, sizeof(hello->machine));
    prepare_resume(session, hello);

    config->key = &identity->key;
    config->certificate = identity->certificate;
    config->rekey = identity->rekey;
    config->peer_role = GL__ROLE__ROLE_HOST;
    config->now_s = now_s();
}

static void judge_host(struct gl_session *session, struct gl_handshake *h)
{
    char *why;
    if (gl_host_trust_judge(session->trust, gl_handshake_peer(h), &why)) {
        gl_handshake_trust(h);
        return;
    }
    gl_handshake_fail(h, GL_STATUS_UNAUTHENTICATED, why);
    gl_free(why);
}

static enum gl_resume_reason judge_resume(struct gl_session *session, struct gl_handshake *h)
{
    if (!session->link)
        return GL_RESUME_EXPIRED; /* while the host was making up its mind */
    if (generation_changed(session))
        return GL_RESUME_GENERATION;
    if (memcmp(session->host_key, gl_handshake_peer(h)->key, GL_KEY_SIZE) != 0)
        return GL_RESUME_UNKNOWN_SESSION;
    return gl_mux_check(gl_link_mux(session->link), &gl_handshake_welcome(h)->record,
                        gl_handshake_payload_max(h));
}

static void judge_offer(struct gl_session *session, struct gl_handshake *h)
{
    enum gl_resume_reason reason = judge_resume(session, h);
    if (reason == GL_RESUME_OK) {
        gl_handshake_accept(h);
        return;
    }
    gl_warn("the session is not resumed: %s", gl_resume_reason_text(reason));
    gl_handshake_refuse(h, reason);
    end_session(session, GL_STATUS_RESUME_REFUSED, gl_resume_reason_text(reason));
}

static void decide(void *ctx, struct gl_handshake *h)
{
    if (gl_handshake_state(h) == GL_HANDSHAKE_OFFERED)
        judge_offer(ctx, h);
    else
        judge_host(ctx, h);
}

static void resume(struct gl_session *session, const struct gl_welcome *welcome,
                   struct gl_transport *t, const uint8_t *early, size_t early_len)
{
    if (!session->link) {
        /* Its resume time ran out between the answer and here: the host will see the link close. */
        gl_transport_bind(t, NULL, NULL);
        gl_transport_close(t);
        gl_dial_start(session->dial, GL_STATUS_LOST, false);
        return;
    }
    gl_info("the session with the host is resumed");
    session->frames = frames(session);
    gl_link_attach(session->link, t, &welcome->record, welcome->epoch, early, early_len);
}

static void begin(struct gl_session *session, struct gl_handshake *h, struct gl_transport *t,
                  const uint8_t *early, size_t early_len)
{
    const struct gl_welcome *welcome = gl_handshake_welcome(h);
    const struct gl_hello *host = gl_handshake_peer(h);
    const struct gl_settings *settings = gl_agent_settings(session->agent);
    struct gl_link_config config = {
        .mux =
            {
                .side = GL_SIDE_A,
                .epoch = welcome->epoch,
                .payload_max = gl_handshake_payload_max(h),
                .local_streams_max = host->streams_max,
                .peer_streams_max = settings->calls_max,
                .window_growth_max = settings->window_memory,
                .resumable = true,
            },
        .resume_ms = settings->resume_ms,
        .events = &link_events,
        .ctx = session,
    };
    memcpy(config.mux.session, welcome->session, GL_ID_SIZE);
    memcpy(config.mux.instance, session->instance, GL_ID_SIZE);
    memcpy(config.mux.peer, host->instance, GL_ID_SIZE);
    memcpy(session->host_key, host->key, GL_KEY_SIZE);
    session->has_generation = gl_sys_generation(session->generation);
    session->frames = 0;
    session->link = gl_link_new(session->loop, &config, t, early, early_len);
}

static void done(void *ctx, struct gl_handshake *h, struct gl_transport *t, const uint8_t *early,
                 size_t early_len)
{
    struct gl_session *session = ctx;
    const struct gl_welcome *welcome = gl_handshake_welcome(h);
    const struct gl_hello *host = gl_handshake_peer(h);
    /* With a resume, too: the host may have joined another site since. */
    gl_host_trust_remember(session->trust, host);
    gl_identity_take_certificate(session->identity, welcome->certificate, now_s());
    if (welcome->resume) {
        resume(session, welcome, t, early, early_len);
        return;
    }
    if (session->link) /* asked for and not given */
        end_session(session, GL_STATUS_RESUME_REFUSED, gl_resume_reason_text(welcome->refused));
    char fingerprint[GL_FINGERPRINT_SIZE], address[600];
    gl_key_fingerprint(host->key, fingerprint);
    gl_address_format(&gl_transport_peer(t)->address, address, sizeof(address));
    gl_info("connected to host \"%s\" (key %.16s) at %s, which calls this guest \"%s\"", host->name,
            fingerprint, address, welcome->name);
    begin(session, h, t, early, early_len);
    gl_startup_notify("STATUS=Connected to the host");
}

static const struct gl_dial_events dial_events = {prepare, decide, done};

/* ------------------------------------------------------------------ stopping */

static void stopped(struct gl_session *session)
{
    void (*on_stopped)(void *ctx) = session->on_stopped;
    uv_timer_stop(&session->stop_timer);
    gl_agent_on_idle(session->agent, NULL, NULL);
    session->on_stopped = NULL;
    if (on_stopped)
        on_stopped(session->on_stopped_ctx);
}

static void check_stopped(struct gl_session *session)
{
    if (!session->link && gl_agent_calls(session->agent) == 0)
        stopped(session);
}

/* What a busy time has left in the allocator is of no use to a guest that has other things to do.
 */
static void on_quiet(uv_timer_t *timer)
{
    struct gl_session *session = timer->data;
    if (gl_agent_calls(session->agent) == 0)
        gl_sys_trim_memory();
}

static void on_idle(void *ctx)
{
    struct gl_session *session = ctx;
    if (session->stopping)
        check_stopped(session);
    else
        uv_timer_start(&session->quiet_timer, on_quiet, QUIET_MS, 0);
}

static void on_stop_timer(uv_timer_t *timer)
{
    struct gl_session *session = timer->data;
    gl_warn("%zu calls have not ended", gl_agent_calls(session->agent));
    stopped(session);
}

void gl_session_stop(struct gl_session *session, void (*on_stopped)(void *ctx), void *ctx)
{
    session->stopping = true;
    session->on_stopped = on_stopped;
    session->on_stopped_ctx = ctx;
    gl_dial_stop(session->dial);
    uv_timer_start(&session->stop_timer, on_stop_timer, STOP_MS, 0);
    if (session->link)
        gl_link_goodbye(session->link, GL_STATUS_GOING_AWAY, "the agent stops");
    else
        check_stopped(session);
}

/* ------------------------------------------------------------------ the session */

struct gl_session *gl_session_new(struct gl_agent *agent, struct gl_identity *identity,
                                  struct gl_host_trust *trust)
{
    struct gl_session *session = GL_NEW0(struct gl_session);
    const struct gl_settings *settings = gl_agent_settings(agent);
    session->agent = agent;
    session->identity = identity;
    session->trust = trust;
    session->loop = gl_agent_loop(agent);
    uv_random(NULL, NULL, session->instance, sizeof(session->instance), 0, NULL);
    session->dial = gl_dial_new(session->loop, settings, &dial_events, session);
    uv_timer_init(session->loop, &session->stop_timer);
    uv_timer_init(session->loop, &session->quiet_timer);
    session->stop_timer.data = session->quiet_timer.data = session;
    gl_agent_on_idle(agent, on_idle, session);
    return session;
}

static void on_quiet_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

static void on_stop_closed(uv_handle_t *handle)
{
    struct gl_session *session = handle->data;
    uv_close((uv_handle_t *)&session->quiet_timer, on_quiet_closed);
}

void gl_session_free(struct gl_session *session)
{
    gl_dial_free(session->dial);
    if (session->link)
        gl_link_free(session->link);
    gl_agent_on_idle(session->agent, NULL, NULL);
    uv_close((uv_handle_t *)&session->stop_timer, on_stop_closed);
}

void gl_session_start(struct gl_session *session)
{
    gl_dial_start(session->dial, GL_STATUS_OK, false);
}
