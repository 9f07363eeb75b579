/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "greet.h"
#include "guest.h"
#include "link.h"
#include "message.h"
#include "platform.h"
#include "relay.h"
#include "session.h"
#include "share.h"
#include "startup.h"

#define GROUP               "guestlink"
#define CLIENTS_USER_MAX    (GL_CLIENTS_MAX / 8) /* of one user but those two: */
#define CLIENTS_RESERVE     (GL_CLIENTS_MAX / 8) /* for root and the daemon's own user alone */
#define ANSWERS_MAX         (1024u * 1024) /* bytes that a client has not read; above it, no more calls */
#define CLIENT_PARTIALS_MAX (1024u * 1024)
#define WORD_MAX            64u /* bytes of a service's or method's name */
/* The kernel tells when a local client goes. One that was stopped (Ctrl-Z) must not be given up. */
#define NEVER_NS (100ull * 365 * 86400 * 1000000000)

static const struct gl_service *const services[] = {&gl_service_host, &gl_service_trust, NULL};

bool gl_control_may(const struct gl_control_client *client, const struct gl_trust_entry *entry,
                    const char *service, const char *method)
{
    struct gl_rules_guest guest;
    if (entry)
        guest = (struct gl_rules_guest){entry->name, entry->id};
    return gl_rules_allow(client->daemon->settings->rules, client->user, entry ? &guest : NULL,
                          service, method);
}

void gl_control_log_denied(struct gl_control_client *client, const char *guest, const char *service,
                           const char *method)
{
    if (gl_quota_take(&client->denials, uv_hrtime() / 1000000, NULL))
        gl_warn("user '%s' was denied %s.%s%s%s", client->user->name, service, method,
                *guest ? " of guest " : "", guest);
}

/* Lines that any local user can bring about, all users' together. */
static void log_client(struct gl_daemon *daemon, enum gl_log_level level, const char *format, ...)
    GL_PRINTF(3, 4);
static void log_client(struct gl_daemon *daemon, enum gl_log_level level, const char *format, ...)
{
    char more[48] = "";
    unsigned suppressed;
    va_list args;
    if (!gl_quota_take(&daemon->client_log_quota, uv_hrtime() / 1000000, &suppressed))
        return;
    if (suppressed)
        snprintf(more, sizeof more, " (%u more were not shown)", suppressed);
    va_start(args, format);
    char *text = gl_vasprintf(format, args);
    va_end(args);
    gl_log(level, "%s%s", text, more);
    gl_free(text);
}

/* Who must get in to see to it when others have taken all the places. */
static bool is_keeper(uint32_t uid)
{
    return gl_platform_is_superuser(uid) || uid == gl_platform_uid();
}

/* ------------------------------------------------------------------ calls */

static void fill_caller(const struct gl_control_client *client, Gl__Caller *ret_caller)
{
    gl__caller__init(ret_caller);
    ret_caller->user = client->user->name;
    ret_caller->uid = gl_platform_uids_are_shown ? client->user->uid : (uint32_t)GL_CALLER_NO_UID;
    ret_caller->client = (char *)(uintptr_t)client->software;
}

/* Whether so much is kept for the client, or his user, that he gets no more calls. */
static bool keeps_much(const struct gl_control_client *client, struct gl_why *why)
{
    if (!gl_account_is_half_full(&client->account))
        return false;
    gl_why(why, 0,
           "the host daemon keeps too much of user '%s' that nobody takes: read what calls answer, "
           "or end some",
           client->user->name);
    return true;
}

static void refuse(struct gl_stream *stream, enum gl_status status, const char *text)
{
    gl_stream_close(stream, status, text);
    gl_stream_release(stream); /* the CLOSE is sent all the same */
}

/* What only looks may name its guest by the beginning of a name. */
static bool only_looks(const char *service)
{
    return strcmp(service, "info") == 0 || strcmp(service, "link") == 0;
}

/* Whether the client may have one more call of the guest; who has too many is not others' trouble.
 */
static bool take_share(const struct gl_control_client *client, struct gl_shares *shares,
                       const char *guest, size_t bytes, struct gl_share **ret_share,
                       struct gl_why *why)
{
    const struct gl_share_owner owner = {
        .client = client->number, .uid = client->uid, .keeper = is_keeper(client->uid)};
    switch (gl_share_take(shares, &owner, bytes, uv_hrtime() / 1000000, ret_share)) {
    case GL_SHARE_OK:
        return true;
    case GL_SHARE_CLIENT:
        gl_why(why, 0,
               "this client has half of the calls that guest '%s' takes, in progress or just "
               "cancelled; wait for some to end",
               guest);
        return false;
    case GL_SHARE_USER:
        gl_why(why, 0,
               "user '%s' has half of the calls that guest '%s' takes, in progress or just "
               "cancelled; wait for some to end",
               client->user->name, guest);
        return false;
    case GL_SHARE_BYTES:
        gl_why(why, 0,
               "the requests of this client, or user, that wait to be sent to guest '%s' are too "
               "long together; wait for some to be sent",
               guest);
        return false;
    default:
        gl_why(why, 0, "guest '%s' has as many calls in progress as it takes", guest);
        return false;
    }
}

static enum gl_status relay_to(struct gl_control_client *client, struct gl_stream *stream,
                               const Gl__Open *open, bool secret, struct gl_why *why)
{
    struct gl_trust_entry *entry;
    enum gl_status status = gl_guest_resolve(
        client->daemon, client->user, open->target,
        only_looks(open->service) ? GL_LOOKUP_PREFIX : GL_LOOKUP_EXACT, &entry, why);
    if (status != GL_STATUS_OK)
        return status;
    if (!gl_control_may(client, entry, open->service, open->method)) {
        gl_control_log_denied(client, entry->name, open->service, open->method);
        gl_why(why, 0, "the rules of this host do not let '%s' use %s.%s of guest '%s'",
               client->user->name, open->service, open->method, entry->name);
        return GL_STATUS_DENIED;
    }
    struct gl_guest *guest = entry->owner;
    if (!guest || !guest->session)
        return gl_guest_absence(entry, why);

    struct gl_mux *mux = gl_link_mux(gl_session_link(guest->session));
    if (keeps_much(client, why))
        return GL_STATUS_LIMIT;

    Gl__Caller caller;
    Gl__Open ours = *open;
    fill_caller(client, &caller);
    ours.target = (char *)(uintptr_t) "";
    ours.caller = &caller;
    gl_debug("user '%s' calls %s.%s of guest '%s'", client->user->name, open->service, open->method,
             entry->name);
    struct gl_relay_terms terms = {gl_session_shares(guest->session), NULL, &client->account};
    struct gl_slice packed = gl_message_pack(&ours);
    if (secret)
        gl_slice_set_secret(packed);
    size_t bytes = packed.len;
    if (!take_share(client, terms.shares, entry->name, bytes, &terms.share, why)) {
        gl_slice_unref(&packed);
        return GL_STATUS_LIMIT;
    }
    status = gl_relay_start(mux, entry->name, stream, packed, &terms);
    if (status != GL_STATUS_OK) {
        gl_share_sent(terms.share, bytes);
        gl_share_give(terms.shares, terms.share, false, uv_hrtime() / 1000000);
    }
    if (status == GL_STATUS_LIMIT)
        gl_why(why, 0, "guest '%s' has as many calls in progress as it takes", entry->name);
    else if (status == GL_STATUS_TOO_BIG)
        gl_why(why, 0, "the request is too long with what the host adds (at most 256 KiB)");
    else if (status != GL_STATUS_OK)
        gl_why(why, 0, "guest '%s': %s", entry->name, gl_status_text(status));
    return status;
}

/* secret: the request holds one. */
static void open_call(struct gl_control_client *client, struct gl_stream *stream, Gl__Open *open,
                      bool secret)
{
    struct gl_why why;
    Gl__Caller caller, *claimed = open->caller;
    if (strlen(open->service) > WORD_MAX || strlen(open->method) > WORD_MAX) {
        refuse(stream, GL_STATUS_UNSUPPORTED, "no service or method has such a long name");
        return;
    }
    if (*open->target) {
        enum gl_status status = relay_to(client, stream, open, secret, &why);
        if (status != GL_STATUS_OK)
            refuse(stream, status, why.text);
        return;
    }
    if (gl_account_is_full(&client->answers, 0)) {
        refuse(stream, GL_STATUS_LIMIT,
               "too much that the host daemon has answered, or keeps for this user, is not read");
        return;
    }
    gl_stream_set_account(stream, &client->answers);
    fill_caller(client, &caller);
    open->caller = &caller;
    gl_call_dispatch_open(&client->dispatch, stream, open);
    open->caller = claimed; /* it is freed with the message */
}

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice slice)
{
    struct gl_control_client *client = ctx;
    ProtobufCMessage *message;
    const char *why;
    if (client->daemon->stopping) {
        refuse(stream, GL_STATUS_GOING_AWAY, "the host daemon is stopping");
    } else if (gl_message_unpack(&gl__open__descriptor, slice.data, slice.len, &message, &why) <
               0) {
        refuse(stream, GL_STATUS_INVALID, why);
    } else {
        open_call(client, stream, (Gl__Open *)message, gl_slice_is_secret(slice));
        gl_message_free(message);
    }
    gl_slice_unref(&slice);
}

/* ------------------------------------------------------------------ a client's life */

static void client_free(struct gl_control_client *client)
{
    gl_list_remove(&client->node);
    client->daemon->n_clients--;
    gl_daemon_left(client->daemon);
    if (client->link)
        gl_link_free(client->link);
    gl_holder_put(client->holder);
    gl_user_free(client->user);
    gl_free(client);
}

static void on_ended(void *ctx, enum gl_status status, const char *text)
{
    struct gl_control_client *client = ctx;
    gl_debug("client of '%s' is gone: %s%s%s", client->user->name, gl_status_text(status),
             *text ? ": " : "", text);
    client_free(client);
}

static const struct gl_link_events link_events = {.on_open = on_open, .on_ended = on_ended};

static void on_done(void *ctx, struct gl_greet *greet, struct gl_handshake *h,
                    struct gl_transport *t, const uint8_t *early, size_t early_len)
{
    struct gl_control_client *client = ctx;
    const struct gl_hello *hello = gl_handshake_peer(h);
    struct gl_link_config config = {
        .mux =
            {
                .side = GL_SIDE_B,
                .epoch = 1,
                .payload_max = gl_handshake_payload_max(h),
                .local_streams_max = hello->streams_max,
                .peer_streams_max = GL_CLIENT_STREAMS_MAX,
                .window_growth_max = GL_HOST_WINDOWS_MAX,
                .partials_max = CLIENT_PARTIALS_MAX,
                .account = &client->account,
                .resumable = false,
                .ping_after_ns = NEVER_NS,
                .dead_after_ns = NEVER_NS,
            },
        .events = &link_events,
        .ctx = client,
    };
    (void)greet;
    memcpy(config.mux.instance, client->daemon->instance, GL_ID_SIZE);
    memcpy(config.mux.peer, hello->instance, GL_ID_SIZE);
    gl_escape(client->software, sizeof client->software, hello->software, strlen(hello->software));
    client->greet = NULL;
    client->dispatch = (struct gl_dispatch){.services = services, .ctx = client};
    gl_debug("client of '%s': %s", client->user->name, client->software);
    client->link = gl_link_new(client->daemon->loop, &config, t, early, early_len);
}

static void on_failed(void *ctx, struct gl_greet *greet, enum gl_status status, const char *text,
                      bool by_peer)
{
    struct gl_control_client *client = ctx;
    bool went = status == GL_STATUS_UNAVAILABLE; /* whoever looks whether we listen does so */
    (void)greet;
    (void)by_peer;
    if (went)
        gl_debug("a client of user '%s' went before it had greeted", client->user->name);
    else
        log_client(client->daemon, GL_LOG_INFO,
                   "a client of user '%s' did not greet as it should: %s%s%s", client->user->name,
                   gl_status_text(status), text && *text ? ": " : "", text ? text : "");
    client_free(client);
}

static const struct gl_greet_events greet_events = {.on_done = on_done, .on_failed = on_failed};

static void greet(struct gl_control_client *client)
{
    struct gl_handshake_config config = {
        .side = GL_SIDE_B,
        .local = true,
        .hello =
            {
                .role = GL__ROLE__ROLE_HOST,
                .payload_max = gl_transport_payload_max(client->transport),
                .streams_max = GL_CLIENT_STREAMS_MAX,
                .software = GL_HOST_SOFTWARE,
            },
        .peer_role = GL__ROLE__ROLE_CLIENT,
        .now_s = gl_now_s(),
    };
    memcpy(config.hello.instance, client->daemon->instance, GL_ID_SIZE);
    struct gl_transport *t = client->transport;
    client->transport = NULL;
    client->greet = gl_greet_start(client->daemon->loop, t, &config, 0, &greet_events, client);
}

/* ------------------------------------------------------------------ who it is */

static void look_up(uv_work_t *work)
{
    struct gl_control_client *client = work->data;
    client->user = gl_user_lookup(client->uid, client->gid);
}

static void after_look_up(uv_work_t *work, int status)
{
    struct gl_control_client *client = work->data;
    client->looking_up = false;
    if (status < 0 || client->daemon->stopping) {
        gl_transport_close(client->transport);
        client_free(client);
        return;
    }
    greet(client);
}

/* The places of keepers and of others do not fill each other up. */
bool gl_control_has_room(const struct gl_daemon *daemon, uint32_t uid)
{
    unsigned same = 0, others = 0;
    GL_LIST_FOREACH (node, &daemon->clients) {
        uint32_t holder = GL_CONTAINER_OF(node, struct gl_control_client, node)->uid;
        same += holder == uid;
        others += !is_keeper(holder);
    }
    if (is_keeper(uid))
        return daemon->n_clients < GL_CLIENTS_MAX;
    return daemon->n_clients < GL_CLIENTS_MAX && same < CLIENTS_USER_MAX &&
           others < GL_CLIENTS_MAX - CLIENTS_RESERVE;
}

static void on_accept(void *ctx, struct gl_listener *listener, struct gl_transport *t)
{
    struct gl_daemon *daemon = ctx;
    const struct gl_peer *peer = gl_transport_peer(t);
    (void)listener;
    if (!peer->has_credentials || daemon->stopping || !gl_control_has_room(daemon, peer->uid)) {
        log_client(daemon, GL_LOG_WARN, "a client of user %u was not let in: %s", peer->uid,
                   !peer->has_credentials ? "the system does not say who it is"
                   : daemon->stopping     ? "the daemon is stopping"
                                          : "too many connections to the control socket");
        gl_transport_close(t);
        return;
    }
    static uint64_t numbers;
    struct gl_control_client *client = GL_NEW0(struct gl_control_client);
    client->number = ++numbers;
    client->daemon = daemon;
    client->denials = (struct gl_quota){.burst = 5, .every_ms = 10000};
    client->transport = t;
    client->uid = peer->uid;
    client->gid = peer->gid;
    client->holder = gl_holder_get(&daemon->holders, client->uid);
    client->account =
        (struct gl_account){.up = &client->holder->account, .held_max = GL_HOLDER_CLIENT_MAX};
    client->answers = (struct gl_account){.up = &client->account, .held_max = ANSWERS_MAX};
    client->lookup.data = client;
    client->looking_up = true;
    gl_list_append(&daemon->clients, &client->node);
    daemon->n_clients++;
    if (uv_queue_work(daemon->loop, &client->lookup, look_up, after_look_up) < 0)
        after_look_up(&client->lookup, UV_ENOMEM);
}

/* ------------------------------------------------------------------ the socket */

static int options_of(const struct gl_settings *settings, struct gl_listen_options *options,
                      struct gl_why *why)
{
    uint32_t gid;
    bool shared = settings->control_group || gl_platform_serves_group(GROUP);
    const char *group = settings->control_group ? settings->control_group : GROUP;
    *options = (struct gl_listen_options){.gid = -1, .mode = settings->control_mode};
    if (shared && gl_platform_group(group, &gid) == 0)
        options->gid = gid;
    else if (settings->control_group)
        return gl_why(why, UV_ENOENT, "control-group: there is no group '%s'", group);
    if (!options->mode)
        options->mode = options->gid >= 0 ? 0660 : 0600;
    return 0;
}

/* Says which settings have no effect on a socket that the service manager made at `path`. */
static void note_unused(struct gl_daemon *daemon, const char *path)
{
    const struct gl_settings *settings = daemon->settings;
    bool place = strcmp(path, settings->control) != 0, mode = settings->control_mode != 0,
         group = settings->control_group != NULL;
    if (!place && !mode && !group)
        return;
    char *note = gl_asprintf(
        "%s%s%s%s%s: this has no effect on the control socket, as the service manager made it",
        place ? "control" : "", place && mode ? ", " : "", mode ? "control-mode" : "",
        (place || mode) && group ? ", " : "", group ? "control-group" : "");
    gl_warn("%s; change the socket unit (systemctl edit guestlink-hostd.socket)", note);
    daemon->control_note = note;
}

/* Its place, mode and group are the service manager's affair. */
static int open_given(struct gl_daemon *daemon, int fd, struct gl_why *why)
{
    char text[600];
    int err = gl_transport_listen_fd(daemon->loop, fd, on_accept, daemon, &daemon->control);
    if (err < 0)
        return gl_why(why, err, "the service manager's control socket cannot be used: %s",
                      uv_strerror(err));
    const struct gl_address *address = gl_listener_address(daemon->control);
    gl_address_text(address, text, sizeof text);
    gl_info("the control socket is the service manager's, %s", text);
    note_unused(daemon, address->path);
    return 0;
}

static int open_own(struct gl_daemon *daemon, struct gl_why *why)
{
    struct gl_address address;
    struct gl_listen_options options;
    const char *fault;
    int err = gl_address_parse_local(daemon->settings->control, &address, &fault);
    if (err < 0)
        return gl_why(why, err, "control socket '%s': %s", daemon->settings->control, fault);
    err = options_of(daemon->settings, &options, why);
    if (err < 0)
        return err;
    if (address.kind == GL_ADDRESS_UNIX)
        gl_startup_make_parents(address.path);
    err =
        gl_transport_listen(daemon->loop, &address, &options, on_accept, daemon, &daemon->control);
    if (err < 0)
        return gl_why(why, err, "cannot listen on the control socket %s: %s",
                      daemon->settings->control, gl_transport_error_text(&address, err));
    return 0;
}

int gl_control_open(struct gl_daemon *daemon, struct gl_why *why)
{
    int fd, err = gl_platform_take_socket(&fd, why);
    if (err < 0)
        return err;
    return fd < 0 ? open_own(daemon, why) : open_given(daemon, fd, why);
}

void gl_control_close(struct gl_daemon *daemon)
{
    if (daemon->control)
        gl_listener_close(daemon->control, NULL, NULL);
    daemon->control = NULL;
}

void gl_control_dismiss(struct gl_daemon *daemon)
{
    GL_LIST_FOREACH_SAFE (node, &daemon->clients) {
        struct gl_control_client *client = GL_CONTAINER_OF(node, struct gl_control_client, node);
        if (client->link) {
            gl_link_goodbye(client->link, GL_STATUS_GOING_AWAY, "the host daemon is stopping");
        } else if (client->greet) {
            gl_greet_cancel(client->greet);
            client_free(client);
        }
    }
}
