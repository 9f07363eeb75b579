/* SPDX-License-Identifier: MIT */
/*
 * Whether the guest of a call can hear us at present: a guest whose link broke is *detached*, and
 * calls wait for it to come back. The daemon tells (host.watch), by a stream beside the call's.
 */
#ifndef GL_CLI_PRESENCE_H
#define GL_CLI_PRESENCE_H

#include "cli.h"

struct gl_presence;

struct gl_presence_events {
    /* The guest is detached now, or is not any more. May be NULL. */
    void (*on_change)(void *ctx);
    /* It has been detached for so long that the user is to be told: true if so. May be NULL. */
    bool (*on_waiting)(void *ctx);
};

/*
 * After gl_cli_connect(); best before the call itself, so that gl_presence_was_there() is about all
 * of it. `how` is the user's way out, e.g. "Ctrl-C to stop", for the one line on stderr that is
 * shown when the guest has been detached for 1 s; NULL: none is shown. `events` may be NULL.
 */
struct gl_presence *gl_presence_new(struct gl_cli *cli, const char *guest, const char *how,
                                    const struct gl_presence_events *events, void *ctx);
/* No event follows; freed when the loop has closed its handles. NULL is fine. */
void gl_presence_free(struct gl_presence *presence);

/*
 * The call has been answered, it is in progress: a link that breaks and is back within 3 s is not
 * worth a line. `how` as above, may be another one.
 */
void gl_presence_answered(struct gl_presence *presence, const char *how);

/* Where the daemon does not tell (it may be older), the guest counts as there. */
bool gl_presence_is_detached(const struct gl_presence *presence);
/* For how long we know that; 0 if it is not. */
uint64_t gl_presence_detached_ms(const struct gl_presence *presence);
/* It was there at some time since gl_presence_new(): what was sent may have reached it. */
bool gl_presence_was_there(const struct gl_presence *presence);

#endif
