/* SPDX-License-Identifier: MIT */
/* Calls of host.watch: each hears how it stands with one guest, now and whenever that changes. */
#ifndef GL_WATCH_H
#define GL_WATCH_H

#include "call.h"
#include "daemon.h"
#include "user.h"

/*
 * Answers the call with a Guest message, and with another whenever the guest's link comes or goes,
 * until the caller goes or the guest is forgotten. A caller that does not read gets the latest when
 * it reads again. `user` sees only his guests, and must outlive the call.
 */
void gl_watch_start(struct gl_daemon *daemon, struct gl_user *user, struct gl_call *call,
                    const char *ref);
/* The guest's state is another one. */
void gl_watch_notify(struct gl_daemon *daemon, const struct gl_trust_entry *entry);
/* The entry is about to be freed. */
void gl_watch_forget(struct gl_daemon *daemon, const struct gl_trust_entry *entry);

#endif
