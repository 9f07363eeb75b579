/* SPDX-License-Identifier: MIT */
/* What the agent was told: its command line and agent.conf, put together. */
#ifndef GL_AGENT_SETTINGS_H
#define GL_AGENT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "key.h"
#include "log.h"
#include "policy.h"
#include "transport.h"

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
    char *config; /* the file, */
    bool is_there; /* which is there */
    enum gl_log_level log_level;
    enum gl_host_trust_mode host_trust;
    char site_key[GL_FINGERPRINT_SIZE]; /* fingerprint of the site's key; "": none */
    bool allow_loopback;
    enum gl_hvsock_driver hvsock_driver;
    uint32_t calls_max;       /* at a time */
    uint32_t programs_max;    /* of exec, at a time */
    uint32_t copies_max;      /* of file, at a time: a thread each */
    size_t window_memory;     /* all windows' growth together, bytes */
    uint64_t resume_ms;       /* how long a session waits for its host */
    struct gl_policy *policy; /* never NULL */
    char *policy_error;       /* why it denies everything, with file and line; NULL: it is well */
    bool cut_short; /* the file ends within the policy: what should follow is not known, so nothing
                       new is trusted */
};

/* The command line; what is NULL or 0 was not given. */
struct gl_settings_options {
    struct gl_address connect[GL_CONNECT_MAX];
    size_t n_connect;
    const char *name, *state, *config;
    bool has_log_level;
    enum gl_log_level log_level;
};

/*
 * Reads the file (options->config must exist, the default one need not) and lays the options over
 * it. An error in the policy section is none here: the policy denies everything then, see
 * policy_error. Otherwise negative UV_E*, with *ret_error one line with file and line where it has
 * one, for gl_free().
 */
int gl_settings_load(const struct gl_settings_options *options, struct gl_settings **ret_settings,
                     char **ret_error);
void gl_settings_free(struct gl_settings *settings); /* NULL is fine */

/* Whether an agent can dial the address at all. NULL, or a static text that says why not. */
const char *gl_settings_judge_address(const struct gl_address *address);

/* Whether the address leads back into this guest, as things are now: to be asked before each dial,
 * as devices and CIDs change. */
bool gl_settings_is_loopback(const struct gl_address *address);

#endif
