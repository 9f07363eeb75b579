/* SPDX-License-Identifier: MIT */
#include "name-set.h"

#include "mem.h"
#include "name.h"

void gl_name_set_init(struct gl_name_set *set, size_t max)
{
    size_t size = 2;
    while (size < 2 * max)
        size *= 2;
    set->slots = GL_NEW0_ARRAY(struct gl_name_slot, size);
    set->mask = size - 1;
}

void gl_name_set_done(struct gl_name_set *set)
{
    gl_free(set->slots);
}

/* Its own, or the free one where it would be: half of them are free. */
static struct gl_name_slot *find(const struct gl_name_set *set, const char *name)
{
    size_t at = gl_name_hash(name) & set->mask;
    while (set->slots[at].name && !gl_name_alike(set->slots[at].name, name))
        at = (at + 1) & set->mask;
    return &set->slots[at];
}

bool gl_name_set_has(const struct gl_name_set *set, const char *name)
{
    return find(set, name)->name;
}

struct gl_name_slot *gl_name_set_add(struct gl_name_set *set, const char *name)
{
    struct gl_name_slot *slot = find(set, name);
    if (!slot->name)
        slot->name = name;
    return slot;
}
