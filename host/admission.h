/* SPDX-License-Identifier: MIT */
/*
 * One connection at a door, from accept until it is let in: greeting, trust, and which session it
 * belongs to (doc/PROTOCOL.md chapters 3 and 10).
 */
#ifndef GL_ADMISSION_H
#define GL_ADMISSION_H

#include "door.h"

struct gl_admission;

/* Takes the transport. The limits were looked at. */
void gl_admission_start(struct gl_door *door, struct gl_transport *t);
/* Closes the connection and forgets it. */
void gl_admission_cancel(struct gl_admission *admission);
/* How many are in progress from this vsock CID, over all doors. */
unsigned gl_admission_count_cid(const struct gl_daemon *daemon, uint32_t cid);
/* All of a door (NULL: of all doors), when it is closed. */
void gl_admission_cancel_all(struct gl_daemon *daemon, const struct gl_door *door);

#endif
