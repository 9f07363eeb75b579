/* SPDX-License-Identifier: MIT */
/* A listener for guests, with the limits of who may be greeted at a time. */
#ifndef GL_DOOR_H
#define GL_DOOR_H

#include "daemon.h"
#include "quota.h"
#include "transport.h"

struct gl_door {
    struct gl_list node; /* of daemon->doors */
    struct gl_daemon *daemon;
    const struct gl_listen *listen;
    struct gl_listen_options options; /* its group was looked up at the start, */
    bool no_group;                    /* in vain */
    struct gl_listener *listener;     /* NULL: it could not be opened; tried again at times */
    char error[160];                  /* why */
    unsigned n_admissions;
    uint64_t accepted, refused; /* let in; closed for whatever reason before that */
    struct gl_quota dials;      /* of those that are not told apart */
    struct gl_quota log_quota;
};

/* Opens all that the settings name. How many of them listen. */
unsigned gl_doors_open(struct gl_daemon *daemon);
/* Tries those again that do not listen: a device or directory may be there now. */
void gl_doors_retry(struct gl_daemon *daemon);
/* Nobody comes in any more; greetings in progress are closed. */
void gl_doors_close(struct gl_daemon *daemon);
void gl_doors_free(struct gl_daemon *daemon);

/* A greeting has failed: one line in the log, within reason, and counted. `key` as in refusals.h.
 */
void gl_door_refused(struct gl_door *door, const struct gl_address *from, const uint8_t *key,
                     enum gl_status status, const char *text, bool by_peer);

#endif
