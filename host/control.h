/* SPDX-License-Identifier: MIT */
/*
 * The control socket: local clients by peer credentials, each on a link of its own that is not
 * resumed. Calls without target are the daemon's own (services `host` and `trust`), the others are
 * relayed to the guest that the target names.
 */
#ifndef GL_CONTROL_H
#define GL_CONTROL_H

#include "call.h"
#include "daemon.h"
#include "holder.h"
#include "quota.h"
#include "user.h"

/* One connection; also the context of its calls (gl_call_dispatch_context). */
struct gl_control_client {
    struct gl_list node; /* of daemon->clients */
    struct gl_daemon *daemon;
    struct gl_user *user;
    char software[64];
    struct gl_link *link; /* NULL while it is greeted */
    struct gl_greet *greet;
    struct gl_dispatch dispatch;
    struct gl_holder *holder;
    struct gl_account account; /* of all its streams; below the holder's */
    struct gl_account answers; /* of its calls of the daemon itself; below that */
    uint32_t uid, gid;
    uint64_t number; /* never given again */
    /* private to control.c */
    struct gl_quota denials; /* of log lines */
    struct gl_transport *transport;
    uv_work_t lookup;
    bool looking_up;
};

int gl_control_open(struct gl_daemon *daemon, struct gl_why *why);
/* No new clients. */
void gl_control_close(struct gl_daemon *daemon);
/* GOODBYE to all, and no more calls. They are gone when daemon->clients is empty. */
void gl_control_dismiss(struct gl_daemon *daemon);

/* Whether one more connection of this user is let in. */
bool gl_control_has_room(const struct gl_daemon *daemon, uint32_t uid);

extern const struct gl_service gl_service_host, gl_service_trust;

/* One line, within reason. guest: "" if it was about none. */
void gl_control_log_denied(struct gl_control_client *client, const char *guest, const char *service,
                           const char *method);

/* Whether the client's user may call the service for this guest (NULL: for none). */
bool gl_control_may(const struct gl_control_client *client, const struct gl_trust_entry *entry,
                    const char *service, const char *method);

#endif
