/* SPDX-License-Identifier: MIT */
/* Names of guests, found at once where there are thousands; those that are alike are one. */
#ifndef GL_NAME_SET_H
#define GL_NAME_SET_H

#include <stdbool.h>
#include <stddef.h>

struct gl_name_slot {
    const char *name; /* the caller's; NULL: free */
    unsigned number;  /* whatever the caller wants to know of it, 0 at first */
};

struct gl_name_set {
    struct gl_name_slot *slots;
    size_t mask;
};

/* For at most so many names. */
void gl_name_set_init(struct gl_name_set *set, size_t max);
void gl_name_set_done(struct gl_name_set *set);
bool gl_name_set_has(const struct gl_name_set *set, const char *name);
/* The slot of the name, which is put in if need be, and must stay as it is while the set is used.
 */
struct gl_name_slot *gl_name_set_add(struct gl_name_set *set, const char *name);

#endif
