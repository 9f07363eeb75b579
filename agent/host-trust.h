/* SPDX-License-Identifier: MIT */
/*
 * Which hosts this guest answers to (host-trust in agent.conf). What is remembered is in
 * STATE/host-trust, fingerprints in hex:
 *
 *     guestlink host-trust 1
 *     site 3f2a...
 *     host 9c01...
 *
 * pinned: the first host is remembered, by the site that certifies its key and by the key itself.
 * From then on a host is trusted if its key is certified by that site, or is that key (a host that
 * joins another site stays trusted, and its new site is remembered). site: a host is trusted if its
 * key is certified by the site of `site-key`, or, without one, by the first site that was met. any:
 * every host.
 */
#ifndef GL_AGENT_HOST_TRUST_H
#define GL_AGENT_HOST_TRUST_H

#include <stdbool.h>

#include "handshake.h"
#include "settings.h"

struct gl_host_trust {
    enum gl_host_trust_mode mode;
    bool keep; /* whether new pins are made */
    char *path;
    char site[GL_FINGERPRINT_SIZE], host[GL_FINGERPRINT_SIZE]; /* "": none */
};

/* 0, or negative UV_E* with *ret_error one line, for gl_free(). */
int gl_host_trust_load(const struct gl_settings *settings, struct gl_host_trust *ret_trust,
                       char **ret_error);
void gl_host_trust_done(struct gl_host_trust *trust);

/* Whether this host is trusted; its signature has been checked. If not, *ret_why is one line that
 * says what to do, for gl_free(). */
bool gl_host_trust_judge(const struct gl_host_trust *trust, const struct gl_hello *host,
                         char **ret_why);
/* A trusted host has welcomed us: remember what is to be remembered. */
void gl_host_trust_remember(struct gl_host_trust *trust, const struct gl_hello *host);

#endif
