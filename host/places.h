/* SPDX-License-Identifier: MIT */
/*
 * How often each virtual machine (vsock CID) dials: one that does so without end must not keep the
 * daemon busy with signatures. The last GL_PLACES_MAX that dialled are remembered; the host gives
 * CIDs out, so a guest cannot make itself many.
 */
#ifndef GL_PLACES_H
#define GL_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#define GL_PLACES_MAX     1024u
#define GL_PLACE_BURST    100u
#define GL_PLACE_EVERY_MS 50u

struct gl_places;

struct gl_places *gl_places_new(void);
void gl_places_free(struct gl_places *places); /* NULL is fine */
/* May this CID be greeted now? Counts. */
bool gl_places_take(struct gl_places *places, uint32_t cid, uint64_t now_ms);

#endif
