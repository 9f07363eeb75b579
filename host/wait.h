/* SPDX-License-Identifier: MIT */
/* Calls of host.wait that have not been answered: each waits for one guest to be connected. */
#ifndef GL_WAIT_H
#define GL_WAIT_H

#include "call.h"
#include "daemon.h"
#include "user.h"

/*
 * Answers the call with a Guest message when the guest that `ref` means is connected, perhaps at
 * once. One that is not known yet may still come, under just that name. `user` sees only his
 * guests, and must outlive the call.
 */
void gl_wait_start(struct gl_daemon *daemon, struct gl_user *user, struct gl_call *call,
                   const char *ref);
/*
 * One more call of the user's, here or in watch.c, that goes on: user->waiting is counted, and is
 * the caller's to give back. False: he has as many as he may, and the call is finished with LIMIT.
 */
bool gl_wait_take_place(struct gl_user *user, struct gl_call *call);
/* The guest is connected. */
void gl_wait_notify(struct gl_daemon *daemon, struct gl_trust_entry *entry);

#endif
