/* SPDX-License-Identifier: MIT */
/* Calls that answer with all guests, one message each: host.list and trust.list. */
#ifndef GL_LISTING_H
#define GL_LISTING_H

#include "call.h"
#include "daemon.h"
#include "user.h"

/*
 * Replies with every guest that `user` may see, no faster than the caller reads, and finishes; with
 * `silent` also with the virtual machines that have no agent. Those that are renamed meanwhile are
 * told of once, those that come or go perhaps. `user` must outlive the call.
 */
void gl_listing_start(struct gl_daemon *daemon, const struct gl_user *user, struct gl_call *call,
                      bool silent);

#endif
