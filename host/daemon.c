/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "door.h"
#include "escape.h"
#include "guest.h"
#include "link.h"
#include "orders.h"
#include "places.h"
#include "platform.h"
#include "reload.h"
#include "rules-check.h"
#include "session.h"
#include "startup.h"
#include "vms.h"

#define CHORES_MS 5000u
#define STOP_MS   5000u /* a link takes 2 s at most to say goodbye */

uint64_t gl_now_s(void)
{
    uv_timeval64_t now;
    return uv_gettimeofday(&now) == 0 && now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
}

void gl_address_text(const struct gl_address *address, char *out, size_t size)
{
    char raw[600];
    gl_address_format(address, raw, sizeof raw);
    gl_escape(out, size, raw, strlen(raw));
}

static void flush(struct gl_daemon *daemon)
{
    struct gl_why why;
    if (gl_trust_flush(daemon->trust, &why) < 0)
        gl_error("%s", why.text);
}

static void on_chores(uv_timer_t *timer)
{
    struct gl_daemon *daemon = timer->data;
    gl_site_renew(daemon->site, gl_now_s());
    gl_doors_retry(daemon);
    gl_sessions_touch(daemon);
    flush(daemon);
}

/* ------------------------------------------------------------------ stop */

static void close_handles(struct gl_daemon *daemon)
{
    if (uv_is_closing((uv_handle_t *)&daemon->chores))
        return;
    uv_close((uv_handle_t *)&daemon->chores, NULL);
    uv_close((uv_handle_t *)&daemon->stop_timer, NULL);
    for (size_t i = 0; i < daemon->n_signals; i++)
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    gl_orders_close();
    gl_vms_stop(daemon);
    gl_watchdog_stop(&daemon->watchdog);
}

/* Then nothing keeps the loop alive but what is being closed. */
void gl_daemon_left(struct gl_daemon *daemon)
{
    if (daemon->stopping && gl_list_empty(&daemon->sessions) && gl_list_empty(&daemon->clients))
        close_handles(daemon);
}

static void on_stop_timeout(uv_timer_t *timer)
{
    gl_warn("some connections could not be closed in time");
    uv_stop(timer->loop);
}

static void stop(struct gl_daemon *daemon)
{
    daemon->stopping = true;
    uv_timer_start(&daemon->stop_timer, on_stop_timeout, STOP_MS, 0);
    gl_doors_close(daemon);
    gl_control_close(daemon);
    gl_control_dismiss(daemon);
    gl_sessions_dismiss(daemon, GL_STATUS_GOING_AWAY, "the host daemon is stopping");
    gl_daemon_left(daemon);
}

static void told_to_stop(struct gl_daemon *daemon, const char *how)
{
    if (daemon->stopping) {
        uv_stop(daemon->loop); /* somebody is in a hurry */
        return;
    }
    gl_info("stopping (%s)", how);
    gl_startup_notify("STOPPING=1");
    stop(daemon);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct gl_daemon *daemon = handle->data;
    if (number == gl_platform_reload_signal)
        gl_reload(daemon);
    else
        told_to_stop(daemon, number == SIGINT ? "interrupted" : "terminated");
}

static void on_order(void *ctx, enum gl_order order)
{
    if (order == GL_ORDER_RELOAD)
        gl_reload(ctx);
    else
        told_to_stop(ctx, "by the service manager");
}

/* ------------------------------------------------------------------ start */

static void who_am_i(struct gl_daemon *daemon)
{
    uv_passwd_t passwd;
    snprintf(daemon->user, sizeof daemon->user, "%u", gl_platform_uid());
    if (uv_os_get_passwd(&passwd) == 0) {
        gl_escape(daemon->user, sizeof daemon->user, passwd.username, strlen(passwd.username));
        uv_os_free_passwd(&passwd);
    }
}

static int open_site(struct gl_daemon *daemon, struct gl_why *why)
{
    char name[UV_MAXHOSTNAMESIZE] = "host";
    size_t size = sizeof name;
    const char *configured = daemon->settings->host_name;
    if (!configured)
        uv_os_gethostname(name, &size);
    return gl_site_open(daemon->settings->state, configured ? configured : name, gl_now_s(),
                        &daemon->site, why);
}

static void reserve_names(struct gl_daemon *daemon)
{
    const struct gl_settings *settings = daemon->settings;
    const char **names = GL_NEW0_ARRAY(const char *, settings->n_listen + 1);
    size_t n = 0;
    for (size_t i = 0; i < settings->n_listen; i++)
        if (*settings->listen[i].name)
            names[n++] = settings->listen[i].name;
    gl_trust_reserve(daemon->trust, names);
    gl_free(names);
}

static int open_state(struct gl_daemon *daemon, struct gl_why *why)
{
    const struct gl_settings *settings = daemon->settings;
    char *error;
    int err = gl_startup_claim_state(settings->state, "guestlink-hostd", &error);
    if (err < 0) {
        gl_why(why, err, "%s", error);
        gl_free(error);
        return err;
    }
    /* Before anybody hears that it listens. */
    err = gl_site_check(settings->state, why);
    if (err < 0)
        return err;
    char *path = gl_asprintf("%s/guests.json", settings->state);
    err = gl_trust_open(path, settings->trust, &daemon->trust, why);
    gl_free(path);
    if (err < 0)
        return err;
    daemon->trust->is_live = gl_guest_is_live;
    daemon->trust->on_forget = gl_guest_forget;
    daemon->trust->ctx = daemon;
    reserve_names(daemon);
    return 0;
}

static void watch_signal(struct gl_daemon *daemon, int number)
{
    uv_signal_t *handle = &daemon->signals[daemon->n_signals];
    if (number == 0 || daemon->n_signals == GL_ARRAY_SIZE(daemon->signals))
        return;
    uv_signal_init(daemon->loop, handle);
    handle->data = daemon;
    uv_signal_start(handle, on_signal, number);
    daemon->n_signals++;
}

static void open_handles(struct gl_daemon *daemon)
{
    uv_timer_init(daemon->loop, &daemon->chores);
    uv_timer_init(daemon->loop, &daemon->stop_timer);
    daemon->chores.data = daemon;
    uv_timer_start(&daemon->chores, on_chores, CHORES_MS, CHORES_MS);
    for (const int *number = gl_platform_stop_signals; *number; number++)
        watch_signal(daemon, *number);
    watch_signal(daemon, gl_platform_reload_signal);
    gl_orders_open(daemon->loop, on_order, daemon);
    gl_watchdog_start(&daemon->watchdog, daemon->loop);
}

/* Both or nothing: a daemon that no guest or no user can reach is of no use. */
static int open_sockets(struct gl_daemon *daemon, struct gl_why *why)
{
    int err = gl_control_open(daemon, why);
    if (err < 0)
        return err;
    if (gl_doors_open(daemon) == 0)
        return gl_why(why, UV_EADDRNOTAVAIL, "there is nowhere to listen for guests");
    return 0;
}

static void daemon_init(struct gl_daemon *daemon, struct gl_settings *settings)
{
    memset(daemon, 0, sizeof *daemon);
    daemon->settings = settings;
    daemon->loop = uv_default_loop();
    daemon->started_s = gl_now_s();
    randombytes_buf(daemon->instance, sizeof daemon->instance);
    gl_list_init(&daemon->doors);
    gl_list_init(&daemon->admissions);
    gl_list_init(&daemon->sessions);
    gl_list_init(&daemon->clients);
    gl_list_init(&daemon->holders);
    gl_list_init(&daemon->waiters);
    gl_list_init(&daemon->watchers);
    daemon->places = gl_places_new();
    daemon->client_log_quota =
        (struct gl_quota){.burst = GL_LINES_BURST, .every_ms = GL_LINES_EVERY_MS};
    who_am_i(daemon);
}

static void daemon_done(struct gl_daemon *daemon)
{
    if (daemon->trust) {
        flush(daemon);
        gl_guests_free(daemon);
    }
    gl_doors_free(daemon);
    gl_places_free(daemon->places);
    gl_trust_free(daemon->trust);
    gl_site_free(daemon->site);
    gl_free(daemon->config_error);
    gl_free(daemon->control_note);
    uv_loop_close(daemon->loop);
}

int gl_daemon_run(struct gl_settings *settings)
{
    struct gl_daemon daemon;
    struct gl_why why;
    gl_startup_prepare();
    gl_log_set_level(settings->log_level);
    if (gl_key_global_init() < 0) {
        gl_error("the cryptographic library cannot be used");
        return 1;
    }
    daemon_init(&daemon, settings);
    int err = open_state(&daemon, &why);
    if (err == 0) {
        open_handles(&daemon);
        err = open_sockets(&daemon, &why);
        /* Keys are made where they are of use: not by a start that fails. */
        if (err == 0)
            err = open_site(&daemon, &why);
        if (err < 0)
            stop(&daemon);
    }
    if (err < 0) {
        gl_error("%s", why.text);
    } else {
        gl_rules_warn(daemon.loop, settings->rules, settings->config);
        gl_vms_start(&daemon, gl_machines_system);
        gl_startup_notify("READY=1");
    }
    uv_run(daemon.loop, UV_RUN_DEFAULT);
    daemon_done(&daemon);
    return err < 0 ? 1 : 0;
}
