/* SPDX-License-Identifier: MIT */
/*
 * The host daemon: what its parts share. Everything runs on one loop and one thread; the look-up of
 * users alone is done by libuv's pool.
 *
 *   door       a listener for guests, with its limits             owned by the daemon
 *   admission  one greeting at a door, until it is let in or not  owned by itself, until its
 * greeting has ended guest      one known key: trust entry, session, counters      owned by its
 * trust entry session    a link of a guest                                  owned by itself, until
 * the link has ended client     one connection to the control socket               owned by itself,
 * until the link has ended waiter     a host.wait call that waits for a guest            owned by
 * itself, until the call is finished
 *   watcher    a host.watch call that hears of a guest      likewise
 */
#ifndef GL_DAEMON_H
#define GL_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "list.h"
#include "mux.h"
#include "quota.h"
#include "refusals.h"
#include "settings.h"
#include "site.h"
#include "trust.h"
#include "user.h"
#include "watchdog.h"
#include "why.h"

#define GL_HOST_SOFTWARE "guestlink-hostd " PACKAGE_VERSION
#define GL_HOST_STREAMS_MAX                                                                        \
    128u /* that a guest may have open here: there is no service for it yet */
#define GL_CLIENT_STREAMS_MAX 1024u               /* that a client may have open here */
#define GL_HOST_WINDOWS_MAX   (32u * 1024 * 1024) /* growth of all windows of one link, charge */
#define GL_GREETINGS_MAX      256u                /* at a time, not yet let in: in all, */
#define GL_GREETINGS_CID_MAX  4u                  /* from one virtual machine, */
#define GL_GREETINGS_DOOR_MAX 32u /* and at one listener that cannot tell who is who */
#define GL_GREETINGS_DOOR_FEW 4u  /* at one listener, however many there are at others */
#define GL_GUEST_QUEUE_MAX                                                                         \
    (64u * 1024 * 1024)      /* bytes of requests that wait for one guest; shared, see share.h */
#define GL_CLIENTS_MAX 2048u /* connections of the control socket, see control.c */

#define GL_DAEMON_SIGNALS_MAX 8u

struct gl_listener;
struct gl_machines;
struct gl_places;

/* Lines about who is not let in: one each, as long as the log stays small (20 MB a day is the
 * most). */
#define GL_LINES_BURST    2000u
#define GL_LINES_EVERY_MS 1000u

struct gl_daemon {
    uv_loop_t *loop;
    struct gl_settings *settings; /* the caller's; changed by reload.c alone */
    char
        *config_error; /* why the last reload changed nothing, valid UTF-8; NULL: it did not fail */
    char *control_note; /* see HostStatus; NULL: nothing to say */
    struct gl_site *site;
    struct gl_trust *trust;
    uint8_t instance[GL_ID_SIZE];
    uint64_t started_s;
    char user[GL_USER_NAME_SIZE]; /* who it runs as */
    struct gl_list doors, admissions, sessions, clients, waiters, watchers;
    struct gl_list holders; /* one of each user who is connected to the control socket */
    unsigned n_admissions, n_clients;
    struct gl_refusals refusals;
    struct gl_machines *machines; /* see vms.h; NULL: no hypervisor names them */
    struct gl_places *places;     /* how often each virtual machine dials */
    struct gl_listener *control;
    struct gl_quota client_log_quota; /* of lines about clients that are not let in */
    uv_timer_t chores;                /* every few seconds: see daemon.c */
    uv_timer_t stop_timer;
    uv_signal_t signals[GL_DAEMON_SIGNALS_MAX];
    size_t n_signals;
    struct gl_watchdog watchdog;
    bool stopping;
};

/*
 * Runs the daemon until it is told to stop. 0, or 1 after one line on stderr or in the log.
 * `settings` is the caller's.
 */
int gl_daemon_run(struct gl_settings *settings);

/* A session or client is gone from its list: when stopping, the last one lets the loop end. */
void gl_daemon_left(struct gl_daemon *daemon);

/* An address for logs and messages: valid UTF-8, whatever a path is made of; cut between
 * characters. */
void gl_address_text(const struct gl_address *address, char *out, size_t size);

/* Wall clock, seconds since 1970. */
uint64_t gl_now_s(void);

#endif
