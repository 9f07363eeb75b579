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
#include "status.h"

#define GL_REFUSALS_MAX 16u

struct gl_refusal {
    char place[160]; /* "vsock:3", or the listener where it cannot tell machines apart */
    char reason[320];
    enum gl_status status;
    bool by_guest;
    uint64_t at;    /* the last one, seconds since 1970 */
    uint64_t count; /* of the same kind from there, without another one between */
};

struct gl_refusals {
    struct gl_refusal items[GL_REFUSALS_MAX]; /* the last first */
    size_t count;
};

/* `text` may be a guest's: it is made harmless. */
void gl_refusals_add(struct gl_refusals *refusals, const struct gl_address *from,
                     enum gl_status status, const char *text, bool by_guest, uint64_t now_s);
/* A guest was let in from there: what was before is over, if it surely was the same machine. */
void gl_refusals_clear(struct gl_refusals *refusals, const struct gl_address *from);

#endif
