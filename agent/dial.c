/* SPDX-License-Identifier: MIT */
#include "dial.h"

#include <stdio.h>
#include <string.h>

#include "backoff.h"
#include "greet.h"
#include "log.h"
#include "mem.h"

#define WAIT_MIN_MS 100u
#define WAIT_MAX_MS 5000u
#define FLAP_MAX_MS                                                                                \
    500u /* the host is there and takes us: a link that shakes shall not be slow                   \
          */
#define PATIENCE_MIN_MS 1000u
#define PATIENCE_MAX_MS 30000u
#define LASTED_NS                                                                                  \
    (10ull * 1000 * 1000 * 1000) /* a connection that lived so long was no failure                 \
                                  */
#define SAY_AGAIN_NS (600ull * 1000 * 1000 * 1000)

enum state {
    RESTING,
    WAITING, /* for the timer */
    CONNECTING,
    GREETING,
};

/* One address, and what was last said of it. */
struct place {
    const struct gl_address *address;
    char text[600];
    char said[256];
    uint64_t said_at;
};

struct gl_dial {
    uv_loop_t *loop;
    const struct gl_dial_events *events;
    void *ctx;
    enum state state;
    uv_timer_t timer;
    struct gl_connect *connect;
    struct gl_greet *greet;
    char fingerprint[GL_FINGERPRINT_SIZE]; /* of the key that was shown last */
    struct gl_backoff backoff;             /* of attempts that fail */
    struct gl_backoff flapping;            /* of connections that are made and do not last */
    bool flaps;                            /* the last one did not */
    bool was_of_use;                       /* the last one was, however short */
    bool here_only;
    bool allow_loopback;
    enum gl_hvsock_driver hvsock_driver;
    bool patient;     /* in this round somebody asked for patience */
    uint64_t reached; /* when the last handshake succeeded; 0: never */
    size_t here;      /* the place that is dialled, or was reached */
    size_t tried;     /* places of this round */
    size_t count;
    struct place places[];
};

static void wait_for_next(struct gl_dial *dial, uint64_t ms);

bool gl_dial_wants_patience(enum gl_status status)
{
    switch (status) {
    case GL_STATUS_PENDING:
    case GL_STATUS_REVOKED:
    case GL_STATUS_KEY_MISMATCH:
    case GL_STATUS_DUPLICATE_KEY:
    case GL_STATUS_UNAUTHENTICATED:
    case GL_STATUS_UNSUPPORTED:
        return true;
    default:
        return false;
    }
}

/* ------------------------------------------------------------------ failures */

static void say(struct place *place, enum gl_log_level level, const char *text)
{
    uint64_t now = uv_hrtime();
    if (strncmp(place->said, text, sizeof(place->said) - 1) == 0 &&
        now - place->said_at < SAY_AGAIN_NS) {
        gl_debug("%s: %s", place->text, text);
        return;
    }
    snprintf(place->said, sizeof(place->said), "%s", text);
    place->said_at = now;
    GL_LOG_IF(level, "%s: %s; trying again", place->text, text);
}

static uint64_t next_wait(struct gl_backoff *backoff, uint64_t max_ms, bool patient)
{
    uint64_t random = 0;
    uv_random(NULL, NULL, &random, sizeof(random), 0, NULL);
    return gl_backoff_next(backoff, patient ? PATIENCE_MIN_MS : WAIT_MIN_MS,
                           patient ? PATIENCE_MAX_MS : max_ms, random);
}

/* This place did not work: the next one at once, or after a wait if all have been tried. */
static void try_next(struct gl_dial *dial)
{
    if (!dial->here_only)
        dial->here = (dial->here + 1) % dial->count;
    if (!dial->here_only && ++dial->tried < dial->count) {
        wait_for_next(dial, 0);
        return;
    }
    uint64_t wait = next_wait(&dial->backoff, WAIT_MAX_MS, dial->patient);
    dial->tried = 0;
    dial->patient = false;
    wait_for_next(dial, wait);
}

static void fail(struct gl_dial *dial, enum gl_status status, const char *text)
{
    bool patience = gl_dial_wants_patience(status);
    dial->patient = dial->patient || patience;
    say(&dial->places[dial->here], patience ? GL_LOG_WARN : GL_LOG_INFO, text);
    try_next(dial);
}

/* ------------------------------------------------------------------ greeting */

static void on_decide(void *ctx, struct gl_greet *greet, struct gl_handshake *h)
{
    struct gl_dial *dial = ctx;
    dial->events->decide(dial->ctx, h);
    gl_greet_continue(greet);
}

static void on_done(void *ctx, struct gl_greet *greet, struct gl_handshake *h,
                    struct gl_transport *t, const uint8_t *early, size_t early_len)
{
    struct gl_dial *dial = ctx;
    (void)greet;
    dial->greet = NULL;
    dial->state = RESTING;
    dial->reached = uv_hrtime();
    gl_backoff_reset(&dial->backoff);
    for (size_t i = 0; i < dial->count; i++)
        dial->places[i].said[0] = '\0';
    dial->events->done(dial->ctx, h, t, early, early_len);
}

/*
 * Whether somebody on the host has to decide about our key. He is to compare it with what we say
 * here: the fingerprint in the host's own text is only the host's word.
 */
static bool is_about_key(enum gl_status status)
{
    return status == GL_STATUS_PENDING || status == GL_STATUS_KEY_MISMATCH;
}

#define ACCEPT "guestlink trust accept "

/* How much of the host's text is left without its own advice to accept this key, which is ours. */
static int without_advice(const struct gl_dial *dial, const char *text)
{
    char advice[sizeof(ACCEPT) + GL_FINGERPRINT_SIZE];
    snprintf(advice, sizeof(advice), ACCEPT "%s", dial->fingerprint);
    size_t len = strlen(text), end = strlen(advice);
    if (len < end || strcmp(text + len - end, advice) != 0)
        return (int)len;
    len -= end;
    for (size_t i = len; i > 0; i--)
        if (text[i - 1] == ';')
            return (int)i - 1;
    while (len > 0 && strchr(": ", text[len - 1]))
        len--;
    return (int)len;
}

static void on_failed(void *ctx, struct gl_greet *greet, enum gl_status status, const char *text,
                      bool by_peer)
{
    struct gl_dial *dial = ctx;
    char line[1200];
    (void)greet;
    dial->greet = NULL;
    if (by_peer && is_about_key(status))
        snprintf(line, sizeof(line),
                 "the host refuses: %s%s%.*s; on the host, if it shows this key: " ACCEPT "%s",
                 gl_status_text(status), *text ? ": " : "", without_advice(dial, text), text,
                 dial->fingerprint);
    else if (by_peer)
        snprintf(line, sizeof(line), "the host refuses: %s%s%s", gl_status_text(status),
                 *text ? ": " : "", text);
    else
        snprintf(line, sizeof(line), "%s", text);
    fail(dial, status, line);
}

static const struct gl_greet_events greet_events = {on_decide, on_done, on_failed};

/* ------------------------------------------------------------------ connecting */

static void on_connect(void *ctx, int status, struct gl_transport *t)
{
    struct gl_dial *dial = ctx;
    dial->connect = NULL;
    if (status < 0) {
        char line[128];
        snprintf(line, sizeof(line), "cannot connect: %s",
                 gl_transport_error_text(dial->places[dial->here].address, status));
        fail(dial, GL_STATUS_UNAVAILABLE, line);
        return;
    }
    struct gl_handshake_config config = {.side = GL_SIDE_A};
    dial->events->prepare(dial->ctx, &config);
    gl_key_fingerprint(config.key->public_key, dial->fingerprint);
    config.hello.payload_max = gl_transport_payload_max(t);
    dial->state = GREETING;
    dial->greet = gl_greet_start(dial->loop, t, &config, 0, &greet_events, dial);
}

static void on_timer(uv_timer_t *timer)
{
    struct gl_dial *dial = timer->data;
    /* Reserved source ports tell a vsock host that root is speaking. */
    struct gl_connect_options options = {.privileged_port = true,
                                         .hvsock_driver = dial->hvsock_driver};
    dial->state = CONNECTING;
    if (!dial->allow_loopback && gl_settings_is_loopback(dial->places[dial->here].address)) {
        fail(dial, GL_STATUS_UNAVAILABLE,
             "not dialled: it leads back into this guest, to whoever listens there, as there is no "
             "vsock device that leads to a host");
        return;
    }
    int err = gl_transport_connect(dial->loop, dial->places[dial->here].address, &options,
                                   on_connect, dial, &dial->connect);
    if (err < 0)
        on_connect(dial, err, NULL);
}

static void wait_for_next(struct gl_dial *dial, uint64_t ms)
{
    dial->state = WAITING;
    uv_update_time(dial->loop);
    uv_timer_start(&dial->timer, on_timer, ms, 0);
}

/* ------------------------------------------------------------------ interface */

struct gl_dial *gl_dial_new(uv_loop_t *loop, const struct gl_settings *settings,
                            const struct gl_dial_events *events, void *ctx)
{
    const struct gl_address *addresses = settings->connect;
    size_t count = settings->n_connect;
    struct gl_dial *dial = gl_alloc0(sizeof(*dial) + count * sizeof(struct place));
    dial->loop = loop;
    dial->events = events;
    dial->ctx = ctx;
    dial->count = count;
    dial->allow_loopback = settings->allow_loopback;
    dial->hvsock_driver = settings->hvsock_driver;
    for (size_t i = 0; i < count; i++) {
        dial->places[i].address = &addresses[i];
        gl_address_format(&addresses[i], dial->places[i].text, sizeof(dial->places[i].text));
    }
    uv_timer_init(loop, &dial->timer);
    dial->timer.data = dial;
    return dial;
}

/* What lasted or was of use is dialled again at once; of other connections the first only. */
static uint64_t first_wait(struct gl_dial *dial, bool patient)
{
    bool lasted = !dial->reached || uv_hrtime() - dial->reached >= LASTED_NS;
    lasted = lasted || dial->was_of_use;
    dial->was_of_use = false;
    bool flapped = dial->flaps;
    dial->flaps = !lasted;
    if (lasted)
        gl_backoff_reset(&dial->flapping);
    if (!patient && (lasted || !flapped))
        return 0;
    return next_wait(&dial->flapping, FLAP_MAX_MS, patient);
}

void gl_dial_start(struct gl_dial *dial, enum gl_status why, bool here_only)
{
    bool had_waited_here = dial->here_only;
    dial->here_only = here_only;
    if (dial->state != RESTING) {
        /* The session that tied us to this place is gone: every place counts, from the first try.
         */
        if (had_waited_here && !here_only)
            dial->tried = 0;
        return;
    }
    dial->tried = 0;
    if (!here_only)
        dial->here = 0;
    wait_for_next(dial, first_wait(dial, gl_dial_wants_patience(why)));
}

void gl_dial_was_of_use(struct gl_dial *dial)
{
    dial->was_of_use = true;
}

void gl_dial_stop(struct gl_dial *dial)
{
    uv_timer_stop(&dial->timer);
    if (dial->connect)
        gl_connect_cancel(dial->connect);
    if (dial->greet)
        gl_greet_cancel(dial->greet);
    dial->connect = NULL;
    dial->greet = NULL;
    dial->state = RESTING;
}

static void on_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

void gl_dial_free(struct gl_dial *dial)
{
    gl_dial_stop(dial);
    uv_close((uv_handle_t *)&dial->timer, on_closed);
}
