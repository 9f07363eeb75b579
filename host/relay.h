/* SPDX-License-Identifier: MIT */
/*
 * Joins a stream of a client to one of a guest's session, for as long as both live. Payloads are
 * passed on by reference. Each side is granted only what the other side has taken, so a relay holds
 * a window's worth for each direction at most, whatever either side does.
 *
 *   client                       relay                               guest
 *   MESSAGE DATA EOF  ------->                 ------->              MESSAGE DATA EOF
 *   MESSAGE DATA EOF  <-------                 <-------              MESSAGE DATA EOF
 *   CLOSE(status)     <------- after all data  <-------              CLOSE or RESET(status), or its
 * session ended RESET, gone       ------->                 -------> RESET
 *
 * While the guest is detached its stream waits, and with it the client's.
 */
#ifndef GL_RELAY_H
#define GL_RELAY_H

#include "mux.h"
#include "share.h"

/* Whose a relayed call is. */
struct gl_relay_terms {
    struct gl_shares *shares;   /* of the guest's session */
    struct gl_share *share;     /* of it, taken for the length of the Open */
    struct gl_account *account; /* of the client: for what is kept for either stream. May be NULL */
};

/*
 * Opens a stream at `guest` with the packed Open (its reference is taken) and joins it to `client`,
 * a stream that the client opened and that nobody is bound to yet. On success the relay owns both
 * streams and itself, and gives the share back when the guest's stream has ended. LIMIT, TOO_BIG,
 * UNAVAILABLE: client and share are still the caller's. Over the account both streams are reset
 * with LIMIT. guest_name is for texts.
 */
enum gl_status gl_relay_start(struct gl_mux *guest, const char *guest_name,
                              struct gl_stream *client, struct gl_slice open,
                              const struct gl_relay_terms *terms);

#endif
