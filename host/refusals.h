/* SPDX-License-Identifier: MIT */
/*
 * Who was not let in lately, for `guestlink doctor`: the last refusal of each place, of the places
 * that were heard last. What is known of a guest (pending, revoked, ...) is not here: its trust
 * entry has it.
 */
#ifndef GL_REFUSALS_H
#define GL_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "key.h"
#include "status.h"

#define GL_REFUSALS_MAX 16u

struct gl_refusal {
    char place[160]; /* "vsock:3", or the listener where it cannot tell machines apart */
    char reason[320];
    uint8_t key[GL_KEY_SIZE]; /* that was claimed; zeros: none */
    enum gl_status status;
    bool by_guest;
    uint64_t at;    /* the last one, seconds since 1970 */
    uint64_t count; /* of the same kind from there, without another one between */
};

struct gl_refusals {
    struct gl_refusal items[GL_REFUSALS_MAX]; /* the last first */
    size_t count;
};

/* `text` may be a guest's: it is made harmless. `key` is what it claimed, proven or not; NULL: it
 * came to none. */
void gl_refusals_add(struct gl_refusals *refusals, const struct gl_address *from,
                     const uint8_t key[GL_KEY_SIZE], enum gl_status status, const char *text,
                     bool by_guest, uint64_t now_s);
/* A guest with this key was let in from there: what was before is over, if it was the same machine,
 * or, where that cannot be told, the same key. */
void gl_refusals_clear(struct gl_refusals *refusals, const struct gl_address *from,
                       const uint8_t key[GL_KEY_SIZE]);

#endif
