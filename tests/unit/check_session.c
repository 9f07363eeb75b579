/* SPDX-License-Identifier: MIT */
/* The whole agent in this process, against a host that does what each test wants. */
#include "session.h"

#include <stdio.h>
#include <string.h>

#include "greet.h"
#include "harm.h"
#include "link.h"
#include "log.h"
#include "mem.h"
#include "message.h"
#include "os.h"
#include "place.h"
#include "proto/guestlink.pb-c.h"
#include "scratch.h"
#include "unit-loop.h"

/* ------------------------------------------------------------------ the host */

enum manner {
    WELCOMES, /* resumes if it can */
    FORGETS,  /* always a fresh session */
    AWAITS,   /* PENDING */
};

struct host {
    struct gl_address address;
    struct gl_key key;
    uint8_t instance[GL_ID_SIZE];
    enum manner manner;
    struct gl_listener *listener;
    struct gl_greet *greet;
    struct gl_link *link;
    struct gl_hello guest; /* what it said last */
    unsigned greetings, sessions, resumes;
    enum gl_status refused_by_guest; /* OK: it was not */
    enum gl_status ended;
    bool closed;
};

static void link_detached(void *ctx, const char *why)
{
    (void)ctx;
    (void)why;
}

static void link_ended(void *ctx, enum gl_status status, const char *text)
{
    struct host *host = ctx;
    (void)text;
    host->ended = status;
    gl_link_free(host->link);
    host->link = NULL;
}

static const struct gl_link_events link_events = {
    .on_detached = link_detached,
    .on_ended = link_ended,
};

static void host_decides(void *ctx, struct gl_greet *greet, struct gl_handshake *h)
{
    struct host *host = ctx;
    const struct gl_hello *guest = gl_handshake_peer(h);
    uint8_t session[GL_ID_SIZE] = {'s', (uint8_t)host->greetings};
    struct gl_resume_record record;
    host->guest = *guest;
    host->greetings++;
    if (host->manner == AWAITS) {
        gl_handshake_fail(h, GL_STATUS_PENDING, "ask the owner");
    } else if (host->manner == WELCOMES && host->link && guest->has_resume &&
               gl_mux_check(gl_link_mux(host->link), &guest->resume, 65536) == GL_RESUME_OK) {
        gl_link_detach(host->link);
        gl_mux_record(gl_link_mux(host->link), &record);
        gl_handshake_offer(h, &record, gl_mux_epoch(gl_link_mux(host->link)) + 1, "guest",
                           (struct gl_slice){0});
    } else {
        gl_handshake_fresh(h, session, guest->has_resume ? GL_RESUME_UNKNOWN_SESSION : GL_RESUME_OK,
                           "guest", GL_SLICE_EMPTY);
    }
    gl_greet_continue(greet);
}

static void host_begins(struct host *host, struct gl_handshake *h, struct gl_transport *t,
                        const uint8_t *early, size_t early_len)
{
    const struct gl_welcome *welcome = gl_handshake_welcome(h);
    struct gl_link_config config = {
        .mux = {.side = GL_SIDE_B,
                .epoch = welcome->epoch,
                .payload_max = gl_handshake_payload_max(h),
                .local_streams_max = host->guest.streams_max,
                .peer_streams_max = 100,
                .resumable = true},
        .events = &link_events,
        .ctx = host,
    };
    memcpy(config.mux.session, welcome->session, GL_ID_SIZE);
    memcpy(config.mux.instance, host->instance, GL_ID_SIZE);
    memcpy(config.mux.peer, host->guest.instance, GL_ID_SIZE);
    if (host->link) {
        gl_link_end(host->link, GL_STATUS_LOST, "");
    }
    host->sessions++;
    host->link = gl_link_new(&loop, &config, t, early, early_len);
}

static void host_done(void *ctx, struct gl_greet *greet, struct gl_handshake *h,
                      struct gl_transport *t, const uint8_t *early, size_t early_len)
{
    struct host *host = ctx;
    (void)greet;
    host->greet = NULL;
    if (!gl_handshake_welcome(h)->resume) {
        host_begins(host, h, t, early, early_len);
        return;
    }
    host->resumes++;
    gl_link_attach(host->link, t, &host->guest.resume, gl_handshake_welcome(h)->epoch, early,
                   early_len);
}

static void host_failed(void *ctx, struct gl_greet *greet, enum gl_status status, const char *text,
                        bool by_peer)
{
    struct host *host = ctx;
    (void)greet;
    (void)text;
    host->greet = NULL;
    if (by_peer)
        host->refused_by_guest = status;
}

static void host_accepts(void *ctx, struct gl_listener *listener, struct gl_transport *t)
{
    static const struct gl_greet_events events = {host_decides, host_done, host_failed};
    struct host *host = ctx;
    (void)listener;
    struct gl_handshake_config config = {
        .side = GL_SIDE_B,
        .hello = {.role = GL__ROLE__ROLE_HOST, .payload_max = 65536, .streams_max = 100},
        .key = &host->key,
        .peer_role = GL__ROLE__ROLE_GUEST,
        .now_s = 1,
    };
    snprintf(config.hello.name, sizeof(config.hello.name), "test host");
    memcpy(config.hello.instance, host->instance, GL_ID_SIZE);
    ck_assert_ptr_null(host->greet);
    host->greet = gl_greet_start(&loop, t, &config, 0, &events, host);
}

static void host_opens(struct host *host)
{
    struct gl_listen_options options = {.gid = -1};
    ck_assert_int_eq(
        gl_transport_listen(&loop, &host->address, &options, host_accepts, host, &host->listener),
        0);
    host->closed = false;
}

static void host_init(struct host *host, const char *dir, const char *name)
{
    *host = (struct host){.manner = WELCOMES};
    gl_place(dir, name, &host->address);
    gl_key_generate(&host->key);
    memcpy(host->instance, host->key.public_key, GL_ID_SIZE);
    host_opens(host);
}

static void host_is_closed(void *ctx)
{
    ((struct host *)ctx)->closed = true;
}

/* As if its process had been killed. */
static void host_dies(struct host *host)
{
    gl_listener_close(host->listener, host_is_closed, host);
    host->listener = NULL;
    if (host->greet)
        gl_greet_cancel(host->greet);
    if (host->link)
        gl_link_free(host->link);
    host->greet = NULL;
    host->link = NULL;
    gl_unit_run_until(host->closed);
}

/* ------------------------------------------------------------------ calls */

struct outcome {
    bool ended;
    enum gl_status status;
    char text[256];
    unsigned messages;
    ProtobufCMessage *message; /* the last */
    const ProtobufCMessageDescriptor *type;
};

static void outcome_message(void *ctx, struct gl_stream *stream, struct gl_slice message,
                            size_t charge)
{
    struct outcome *outcome = ctx;
    outcome->messages++;
    gl_stream_consume(stream, charge);
    gl_message_free(outcome->message);
    ck_assert_int_eq(
        gl_message_unpack(outcome->type, message.data, message.len, &outcome->message, NULL), 0);
    gl_slice_unref(&message);
}

static void outcome_end(void *ctx, struct gl_stream *stream, enum gl_status status,
                        const char *text)
{
    struct outcome *outcome = ctx;
    outcome->ended = true;
    outcome->status = status;
    snprintf(outcome->text, sizeof(outcome->text), "%s", text);
    gl_stream_release(stream);
}

static const struct gl_stream_events outcome_events = {.on_message = outcome_message,
                                                       .on_end = outcome_end};

static void call(struct host *host, struct outcome *outcome, const char *service,
                 const char *method, const void *request, const ProtobufCMessageDescriptor *type)
{
    struct gl_stream *stream;
    *outcome = (struct outcome){.type = type};
    ck_assert_int_eq(gl_call_open(gl_link_mux(host->link), service, method, NULL, request, 0,
                                  &outcome_events, outcome, &stream),
                     0);
    gl_unit_run_until(outcome->ended);
}

static enum gl_status ping(struct host *host)
{
    struct outcome outcome;
    Gl__Ping request = GL__PING__INIT;
    request.cookie = 4711;
    call(host, &outcome, "link", "ping", &request, &gl__ping__descriptor);
    if (outcome.status == GL_STATUS_OK) {
        ck_assert_uint_eq(outcome.messages, 1);
        ck_assert_uint_eq(((Gl__Ping *)outcome.message)->cookie, 4711);
    }
    gl_message_free(outcome.message);
    return outcome.status;
}

/* ------------------------------------------------------------------ the guest */

static char dir[GL_SCRATCH_PATH];
static struct host host, other;
static struct gl_agent *agent;
static struct gl_session *session;
static struct gl_identity identity;
static struct gl_host_trust trust;
static bool stopped;
static unsigned lines; /* of the log with `wanted` in them */
static const char *wanted;
static char last_line[1024];

static void on_log(enum gl_log_level level, const char *line, void *data)
{
    (void)level;
    (void)data;
    if (!wanted || !strstr(line, wanted))
        return;
    lines++;
    snprintf(last_line, sizeof(last_line), "%s", line);
}

static void watch_log(const char *text)
{
    wanted = text;
    lines = 0;
}

static void setup(void)
{
    gl_unit_loop_setup();
    ck_assert_int_eq(gl_key_global_init(), 0);
    gl_scratch_new(dir, "session");
    gl_log_set_sink(on_log, NULL);
    watch_log(NULL);
    stopped = false;
    session = NULL;
    host_init(&host, dir, "host");
    host_init(&other, dir, "other");
}

/* Starts the agent with the text as its configuration, to connect to the hosts given. */
static void start(const char *text, const struct host *first, const struct host *second)
{
    const struct host *const hosts[] = {first, second};
    char path[GL_SCRATCH_PATH + 16], *error = NULL;
    struct gl_settings *settings;
    struct gl_settings_options options = {.config = path, .state = dir, .name = "proposed"};
    snprintf(path, sizeof(path), "%s/agent.conf", dir);
    gl_scratch_put_text(path, text);
    gl_harm_undo(path);
    for (size_t i = 0; i < 2 && hosts[i]; i++)
        options.connect[options.n_connect++] = hosts[i]->address;
    ck_assert_msg(gl_settings_load(&options, &settings, &error) == 0, "%s", error);
    ck_assert_msg(gl_identity_load(dir, NULL, &identity, &error) == 0, "%s", error);
    ck_assert_msg(gl_host_trust_load(settings, &trust, &error) == 0, "%s", error);
    agent = gl_agent_new(&loop, settings);
    session = gl_session_new(agent, &identity, &trust);
    gl_session_start(session);
}

static void on_stopped(void *ctx)
{
    (void)ctx;
    stopped = true;
}

static void stop(void)
{
    gl_session_stop(session, on_stopped, NULL);
    gl_unit_run_until(stopped);
    gl_session_free(session);
    session = NULL;
    ck_assert_uint_eq(gl_agent_calls(agent), 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    gl_agent_free(agent);
    gl_identity_done(&identity);
    gl_host_trust_done(&trust);
}

static void teardown(void)
{
    if (session)
        stop();
    host_dies(&host);
    host_dies(&other);
    gl_unit_loop_teardown();
    gl_log_set_sink(NULL, NULL);
    gl_scratch_remove(dir);
}

/* ------------------------------------------------------------------ tests */

START_TEST(connects_and_answers)
{
    start("", &host, NULL);
    gl_unit_run_until(host.link);
    ck_assert_str_eq(host.guest.name, "proposed");
    ck_assert_ptr_nonnull(strstr(host.guest.software, "guestlink-agent "));
    ck_assert_mem_eq(host.guest.key, identity.key.public_key, GL_KEY_SIZE);
    ck_assert_int_eq(ping(&host), GL_STATUS_OK);
}
END_TEST

START_TEST(info)
{
    struct outcome outcome;
    Gl__Empty request = GL__EMPTY__INIT;
    char hostname[256];
    size_t hostname_len = sizeof(hostname);
    uv_cpu_info_t *cpus;
    int n_cpus;
    start("", &host, NULL);
    gl_unit_run_until(host.link);
    call(&host, &outcome, "info", "get", &request, &gl__info__descriptor);
    ck_assert_int_eq(outcome.status, GL_STATUS_OK);
    const Gl__Info *got = (const Gl__Info *)outcome.message;
    ck_assert_int_eq(uv_os_gethostname(hostname, &hostname_len), 0);
    ck_assert_int_eq(uv_cpu_info(&cpus, &n_cpus), 0);
    uv_free_cpu_info(cpus, n_cpus);
    ck_assert_str_eq(got->system, GL_OS_NAME);
    ck_assert_str_eq(got->hostname, hostname);
    ck_assert_str_eq(got->agent_version, PACKAGE_VERSION);
    ck_assert_uint_eq(got->protocol_version, 1);
    ck_assert_uint_eq(got->cpus, (unsigned)n_cpus);
    ck_assert_uint_eq(got->memory_total, uv_get_total_memory());
    ck_assert_uint_gt(got->memory_available, 0);
    ck_assert_uint_gt(got->uptime, 0);
    ck_assert_uint_gt(got->boot_time, 1600000000);
    ck_assert_str_ne(got->virtualization, "");
    ck_assert_str_ne(got->kernel, "");
    bool loopback = false, root = false, services = false;
    for (size_t i = 0; i < got->n_addresses; i++)
        loopback |= strcmp(got->addresses[i]->address, "127.0.0.1") == 0 &&
                    got->addresses[i]->prefix == 8 && got->addresses[i]->up;
    for (size_t i = 0; i < got->n_filesystems; i++)
        root |= got->filesystems[i]->mount.len == strlen(GL_PLACE_ROOT) &&
                got->filesystems[i]->total > 0;
    for (size_t i = 0; i < got->n_services; i++)
        services |= strcmp(got->services[i]->name, "link") == 0 && got->services[i]->n_methods == 1;
    ck_assert(loopback);
    if (gl_place_is_mount(GL_PLACE_ROOT))
        ck_assert(root);
    else
        puts("not checked: that the root file system is listed, as / is no mount point in this "
             "chroot");
    ck_assert(services);
    gl_message_free(outcome.message);
}
END_TEST

START_TEST(a_lost_link_is_resumed)
{
    start("", &host, NULL);
    gl_unit_run_until(host.link);
    ck_assert_int_eq(ping(&host), GL_STATUS_OK);
    struct gl_link *link = host.link;
    for (unsigned i = 1; i <= 3; i++) {
        gl_link_detach(host.link);
        gl_unit_run_until(host.resumes == i);
        ck_assert_int_eq(ping(&host), GL_STATUS_OK);
    }
    ck_assert_ptr_eq(host.link, link);
    ck_assert_uint_eq(host.sessions, 1);
}
END_TEST

START_TEST(a_host_that_forgot_gets_a_fresh_session)
{
    start("", &host, NULL);
    gl_unit_run_until(host.link);
    ck_assert_int_eq(ping(&host), GL_STATUS_OK);
    host.manner = FORGETS;
    watch_log("session with the host has ended");
    gl_link_detach(host.link);
    gl_unit_run_until(host.sessions == 2);
    ck_assert(host.guest.has_resume);
    ck_assert_int_eq(ping(&host), GL_STATUS_OK);
    ck_assert_uint_eq(lines, 1);
    gl_unit_run_for(400); /* the end of the old one is no reason to dial */
    ck_assert_uint_eq(host.greetings, 2);
}
END_TEST

START_TEST(a_host_that_restarts_is_found_again)
{
    start("", &host, NULL);
    gl_unit_run_until(host.link);
    host_dies(&host);
    host_opens(&host);
    gl_unit_run_until(host.link);
    ck_assert_int_eq(ping(&host), GL_STATUS_OK);
}
END_TEST

/* While a session waits for its host, no other one is asked; when it is over, the other one is. */
START_TEST(addresses_are_alternatives)
{
    host_dies(&host);
    start("limits { resume-seconds = 1 }\nhost-trust = any\n", &host, &other);
    gl_unit_run_until(other.link);
    ck_assert_int_eq(ping(&other), GL_STATUS_OK);
    host_opens(&host);
    gl_listener_close(other.listener, host_is_closed, &other);
    gl_unit_run_until(other.closed);
    other.listener = NULL;
    watch_log("not resumed within");
    gl_link_detach(other.link);
    gl_unit_run_until(host.link);
    ck_assert_uint_eq(lines, 1);
    ck_assert_int_eq(ping(&host), GL_STATUS_OK);
    host_opens(&other);
}
END_TEST

START_TEST(pending_is_said_once_and_waited_for)
{
    host.manner = AWAITS;
    watch_log("ask the owner");
    gl_log_set_level(GL_LOG_DEBUG);
    start("", &host, NULL);
    gl_unit_run_until(lines == 1);
    ck_assert_ptr_nonnull(strstr(last_line, "guestlink trust accept"));
    ck_assert_ptr_nonnull(strstr(last_line, "trying again"));
    gl_unit_run_until(lines == 2);
    ck_assert_ptr_null(strstr(last_line, "trying again")); /* it is the line of level debug */
    ck_assert_uint_eq(host.greetings, 2);
    gl_log_set_level(GL_LOG_INFO);
    host.manner = WELCOMES;
    gl_unit_run_until(host.link);
    ck_assert_int_eq(ping(&host), GL_STATUS_OK);
}
END_TEST

/* After a session that the host ends for a reason that somebody must see to. */
START_TEST(told_to_wait)
{
    start("", &host, NULL);
    gl_unit_run_until(host.link);
    ck_assert_int_eq(ping(&host), GL_STATUS_OK);
    uint64_t before = uv_hrtime();
    gl_link_goodbye(host.link, GL_STATUS_DUPLICATE_KEY, "there are two of you");
    gl_unit_run_until(host.greetings == 2);
    ck_assert_uint_ge(uv_hrtime() - before, 1000000000);
}
END_TEST

START_TEST(only_the_first_host_is_trusted)
{
    start("", &host, NULL);
    gl_unit_run_until(host.link);
    gl_key_generate(&host.key);
    watch_log("is not the one that this guest remembers");
    host_dies(&host);
    host_opens(&host);
    gl_unit_run_until(host.refused_by_guest != GL_STATUS_OK);
    ck_assert_int_eq(host.refused_by_guest, GL_STATUS_UNAUTHENTICATED);
    ck_assert_ptr_null(host.link);
    gl_unit_run_until(lines == 1);
}
END_TEST

START_TEST(policy_denies_and_changes)
{
    struct outcome outcome;
    Gl__Ping request = GL__PING__INIT;
    start("policy {\n  deny noping { service = link }\n}\n", &host, NULL);
    gl_unit_run_until(host.link);
    watch_log("call link.ping");
    gl_log_set_level(GL_LOG_DEBUG);
    call(&host, &outcome, "link", "ping", &request, &gl__ping__descriptor);
    ck_assert_int_eq(outcome.status, GL_STATUS_DENIED);
    ck_assert_uint_eq(outcome.messages, 0);
    ck_assert_ptr_nonnull(strstr(outcome.text, "noping"));
    ck_assert_ptr_nonnull(strstr(outcome.text, "agent.conf:2"));
    ck_assert_ptr_nonnull(strstr(last_line, "status=PERMISSION_DENIED rule="));
    gl_agent_set_policy(agent, gl_policy_new(true, NULL));
    ck_assert_int_eq(ping(&host), GL_STATUS_OK);
    ck_assert_ptr_nonnull(strstr(last_line, "status=OK ms="));
    gl_log_set_level(GL_LOG_INFO);
}
END_TEST

START_TEST(says_goodbye)
{
    start("", &host, NULL);
    gl_unit_run_until(host.link);
    ck_assert_int_eq(ping(&host), GL_STATUS_OK);
    stop();
    gl_unit_run_until(!host.link);
    ck_assert_int_eq(host.ended, GL_STATUS_GOING_AWAY);
}
END_TEST

START_TEST(stops_in_any_state)
{
    start("", &host, NULL); /* before it has connected */
    stop();
    stopped = false;
    host_dies(&host);
    start("", &host, NULL);
    watch_log("cannot connect");
    gl_unit_run_until(lines > 0); /* waiting */
    stop();
    stopped = false;
    host_opens(&host);
    start("", &host, NULL);
    gl_unit_run_until(host.link);
    watch_log("the link to the host was lost");
    gl_link_free(host.link); /* detached */
    host.link = NULL;
    gl_unit_run_until(lines > 0);
    stop();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("session");
    TCase *tc = tcase_create("session");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, connects_and_answers);
    tcase_add_test(tc, info);
    tcase_add_test(tc, a_lost_link_is_resumed);
    tcase_add_test(tc, a_host_that_forgot_gets_a_fresh_session);
    tcase_add_test(tc, a_host_that_restarts_is_found_again);
    tcase_add_test(tc, addresses_are_alternatives);
    tcase_add_test(tc, pending_is_said_once_and_waited_for);
    tcase_add_test(tc, told_to_wait);
    tcase_add_test(tc, only_the_first_host_is_trusted);
    tcase_add_test(tc, policy_denies_and_changes);
    tcase_add_test(tc, says_goodbye);
    tcase_add_test(tc, stops_in_any_state);
    suite_add_tcase(s, tc);
    return s;
}

GL_UNIT_MAIN(suite)
