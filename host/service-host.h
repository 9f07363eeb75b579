/* SPDX-License-Identifier: MIT */
/* What the daemon's own two services share. */
#ifndef GL_SERVICE_HOST_H
#define GL_SERVICE_HOST_H

#include "call.h"
#include "guest.h"

void gl_host_reply_guest(struct gl_call *call, const struct gl_trust_entry *entry);
/*
 * The guest that ref means to the call's user. EXACT is for changes, and asks the rules as well.
 * NULL: the call is finished, with the reason.
 */
struct gl_trust_entry *gl_host_resolve(struct gl_call *call, const char *ref,
                                       enum gl_guest_lookup how);
/* Points to the site's own texts. */
void gl_host_fill_site(const struct gl_site *site, Gl__Site *ret_site);

#endif
