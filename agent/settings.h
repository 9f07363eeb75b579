/* SPDX-License-Identifier: MIT */
/* What the agent was told: its command line and agent.conf, put together. */
#ifndef GL_AGENT_SETTINGS_H
#define GL_AGENT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "key.h"
#include "policy.h"

enum gl_host_trust_mode {
    GL_HOST_TRUST_PINNED, /* the first host is remembered; the default */
    GL_HOST_TRUST_SITE,   /* only hosts with a certificate of the site */
    GL_HOST_TRUST_ANY,
};

#define GL_CONNECT_MAX 16u

struct gl_settings {
    struct gl_address connect[GL_CONNECT_MAX];
    size_t n_connect;
    char *name;   /* proposed to the host; NULL: the host name */
    char *state;  /* directory */
    char *config; /* file that was read, NULL: none */
    enum gl_host_trust_mode host_trust;
    bool has_site_key;
    uint8_t site_key[GL_KEY_SIZE];
    bool allow_loopback;
    uint32_t streams_max;     /* calls at a time */
    size_t window_memory;     /* all windows' growth together, bytes */
    uint64_t resume_ms;       /* how long a session waits for its host */
    struct gl_policy *policy; /* never NULL */
};

void gl_settings_free(struct gl_settings *settings); /* NULL is fine */

#endif
