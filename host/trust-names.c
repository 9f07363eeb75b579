/* SPDX-License-Identifier: MIT */
/* What guests are called: who has a right to which name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "name-set.h"
#include "trust.h"

#define ENTRY_OF(node) GL_CONTAINER_OF(node, struct gl_trust_entry, node)

/* ------------------------------------------------------------------ free or not */

bool gl_trust_is_reserved(const struct gl_trust *trust, const char *name)
{
    for (char **p = trust->reserved; p && *p; p++)
        if (gl_name_alike(*p, name))
            return true;
    return false;
}

static bool is_taken(const struct gl_trust *trust, const char *name,
                     const struct gl_trust_entry *except)
{
    GL_LIST_FOREACH (node, &trust->entries)
        if (ENTRY_OF(node) != except && gl_name_alike(ENTRY_OF(node)->name, name))
            return true;
    return false;
}

static bool is_a_machines(const struct gl_trust_vm *vms, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (gl_name_alike(vms[i].name, name))
            return true;
    return false;
}

bool gl_trust_is_free(const struct gl_trust *trust, const char *name,
                      const struct gl_trust_entry *except)
{
    return !is_taken(trust, name, except) && !gl_trust_is_reserved(trust, name) &&
           !is_a_machines(trust->vms, trust->n_vms, name);
}

/* There are at most GL_TRUST_GUESTS_MAX entries, GL_MACHINES_MAX machines and a few reserved names,
 * so a free number is found. */
void gl_trust_unique_name(const struct gl_trust *trust, const char *base, char out[GL_NAME_SIZE])
{
    snprintf(out, GL_NAME_SIZE, "%s", base);
    for (unsigned n = 2; !gl_trust_is_free(trust, out, NULL); n++)
        gl_name_number(base, n, out);
}

void gl_trust_reserve(struct gl_trust *trust, const char *const *names)
{
    for (char **p = trust->reserved; p && *p; p++)
        gl_free(*p);
    gl_free(trust->reserved);
    size_t n = 0;
    while (names[n])
        n++;
    trust->reserved = GL_NEW0_ARRAY(char *, n + 1);
    for (size_t i = 0; i < n; i++)
        trust->reserved[i] = gl_strdup(names[i]);
}

/* ------------------------------------------------------------------ another name */

static void call(struct gl_trust *trust, struct gl_trust_entry *entry, const char *name)
{
    snprintf(entry->name, sizeof entry->name, "%s", name);
    trust->dirty = true;
    if (trust->on_rename)
        trust->on_rename(trust->ctx, entry);
}

void gl_trust_evict(struct gl_trust *trust, struct gl_trust_entry *holder, const char *by)
{
    char name[GL_NAME_SIZE];
    gl_trust_unique_name(trust, holder->name, name);
    gl_warn("guest '%s' (%s) is called '%s' now: %s has given its name away", holder->name,
            holder->id, name, by);
    call(trust, holder, name);
}

/* ------------------------------------------------------------------ machines */

static int by_id(const void *a, const void *b)
{
    return memcmp(&((const struct gl_trust_vm *)a)->id, &((const struct gl_trust_vm *)b)->id,
                  sizeof(struct gl_guid));
}

static const struct gl_trust_vm *find_vm(const struct gl_trust_vm *vms, size_t n,
                                         const struct gl_guid *id)
{
    const struct gl_trust_vm sought = {.id = *id};
    return n ? bsearch(&sought, vms, n, sizeof *vms, by_id) : NULL;
}

const struct gl_trust_vm *gl_trust_find_vm(const struct gl_trust *trust, const struct gl_guid *id)
{
    return find_vm(trust->vms, trust->n_vms, id);
}

struct gl_trust_entry *gl_trust_find_by_vm(const struct gl_trust *trust, const struct gl_guid *id)
{
    GL_LIST_FOREACH (node, &trust->entries)
        if (ENTRY_OF(node)->has_vm && gl_guid_equal(&ENTRY_OF(node)->vm, id))
            return ENTRY_OF(node);
    return NULL;
}

const struct gl_trust_vm *gl_trust_next_vm(const struct gl_trust *trust,
                                           const struct gl_guid *after)
{
    size_t low = 0, high = after ? trust->n_vms : 0;
    while (low < high) { /* the first one that is greater; `after` itself may have gone */
        size_t middle = (low + high) / 2;
        if (memcmp(&trust->vms[middle].id, after, sizeof *after) > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low < trust->n_vms ? &trust->vms[low] : NULL;
}

static void mark(struct gl_trust *trust, bool has, const struct gl_guid *id)
{
    const struct gl_trust_vm *vm = has ? gl_trust_find_vm(trust, id) : NULL;
    if (vm)
        trust->vms[vm - trust->vms].has_guest = true;
}

/* All at once and seldom: who lists machines asks for each of them. */
static void mark_guests(struct gl_trust *trust)
{
    for (size_t i = 0; i < trust->n_vms; i++)
        trust->vms[i].has_guest = false;
    GL_LIST_FOREACH (node, &trust->entries) {
        const struct gl_trust_entry *entry = ENTRY_OF(node);
        mark(trust, entry->has_vm, &entry->vm);
        mark(trust, entry->has_from, &entry->from);
    }
    trust->guests_marked = true;
}

bool gl_trust_is_silent(struct gl_trust *trust, const struct gl_trust_vm *vm)
{
    if (!trust->guests_marked)
        mark_guests(trust);
    return !vm->has_guest;
}

void gl_trust_came_from(struct gl_trust *trust, struct gl_trust_entry *entry,
                        const struct gl_guid *id)
{
    if (entry->has_from && gl_guid_equal(&entry->from, id))
        return;
    entry->has_from = true;
    entry->from = *id;
    trust->guests_marked = false;
    trust->dirty = true;
}

void gl_trust_bind(struct gl_trust *trust, struct gl_trust_entry *entry,
                   const struct gl_trust_vm *vm)
{
    trust->guests_marked = false;
    entry->fixed = entry->has_vm = entry->vm_there = true;
    entry->first_use = false;
    entry->vm = vm->id;
    entry->vm_state = vm->state;
}

void gl_trust_adopt(struct gl_trust *trust, struct gl_trust_entry *entry, const struct gl_guid *id)
{
    const struct gl_trust_vm *vm = gl_trust_find_vm(trust, id);
    if (!vm || entry->state != GL__TRUST_STATE__TRUST_STATE_ACCEPTED ||
        (entry->fixed && gl_trust_is_reserved(trust, entry->name)) ||
        (entry->has_vm && gl_trust_find_vm(trust, &entry->vm)) || gl_trust_find_by_vm(trust, id))
        return;
    gl_trust_bind(trust, entry, vm);
    trust->dirty = true;
    if (strcmp(entry->name, vm->name) == 0)
        return;
    gl_info("guest '%s' (%s) is called '%s' by the hypervisor", entry->name, entry->id, vm->name);
    call(trust, entry, vm->name);
}

/* ------------------------------------------------------------------ naming machines */

struct naming {
    const struct gl_trust *trust; /* as it was before */
    struct gl_trust_vm *vms;      /* "": not named yet */
    size_t n;
    const struct gl_trust_entry **guests; /* of each; NULL: none */
    struct gl_name_set given, taken;      /* to machines, by guests before */
    struct gl_name_set bases;             /* .number: the last one of those called so */
};

static void naming_init(struct naming *naming, const struct gl_trust *trust,
                        const struct gl_machine *machines, size_t n)
{
    naming->trust = trust;
    naming->vms = GL_NEW0_ARRAY(struct gl_trust_vm, n + 1);
    naming->n = n;
    for (size_t i = 0; i < n; i++) {
        naming->vms[i].id = machines[i].id;
        naming->vms[i].state = machines[i].state;
        gl_name_of_vm(machines[i].name, naming->vms[i].base);
    }
    qsort(naming->vms, n, sizeof *naming->vms, by_id);
    naming->guests = GL_NEW0_ARRAY(const struct gl_trust_entry *, n + 1);
    gl_name_set_init(&naming->given, n);
    gl_name_set_init(&naming->bases, n);
    gl_name_set_init(&naming->taken, trust->count);
    GL_LIST_FOREACH (node, &trust->entries) {
        const struct gl_trust_entry *entry = ENTRY_OF(node);
        const struct gl_trust_vm *vm = entry->has_vm ? find_vm(naming->vms, n, &entry->vm) : NULL;
        if (vm && !naming->guests[vm - naming->vms])
            naming->guests[vm - naming->vms] = entry;
        gl_name_set_add(&naming->taken, entry->name);
    }
}

/* But for the machines, which are the store's from then on. */
static void naming_done(struct naming *naming)
{
    gl_free(naming->guests);
    gl_name_set_done(&naming->given);
    gl_name_set_done(&naming->bases);
    gl_name_set_done(&naming->taken);
}

/* What it is called up to now; NULL: it is new. */
static const char *present_name(const struct naming *naming, size_t i)
{
    const struct gl_trust_vm *before = gl_trust_find_vm(naming->trust, &naming->vms[i].id);
    return naming->guests[i] ? naming->guests[i]->name : before ? before->name : NULL;
}

static bool is_left(const struct naming *naming, const char *name)
{
    return !gl_trust_is_reserved(naming->trust, name) && !gl_name_set_has(&naming->given, name);
}

static void give(struct naming *naming, struct gl_trust_vm *vm, const char *name)
{
    snprintf(vm->name, sizeof vm->name, "%s", name);
    gl_name_set_add(&naming->given, vm->name);
}

/* Those that have their own name keep it. */
static void name_present(struct naming *naming)
{
    for (size_t i = 0; i < naming->n; i++) {
        struct gl_trust_vm *vm = &naming->vms[i];
        const char *present = present_name(naming, i);
        if (present && strcmp(present, vm->base) == 0 && is_left(naming, vm->base))
            give(naming, vm, vm->base);
    }
}

/* Those whose name nobody else has get it; guests that are known come first. */
static void name_plain(struct naming *naming, bool known)
{
    for (size_t i = 0; i < naming->n; i++) {
        struct gl_trust_vm *vm = &naming->vms[i];
        bool is_known = naming->guests[i];
        if (!*vm->name && is_known == known && is_left(naming, vm->base))
            give(naming, vm, vm->base);
    }
}

/* The next one is found at once also where thousands are called alike. */
static void number(struct naming *naming, struct gl_trust_vm *vm)
{
    char name[GL_NAME_SIZE];
    unsigned *last = &gl_name_set_add(&naming->bases, vm->base)->number;
    *last = *last ? *last : 1;
    do
        gl_name_number(vm->base, ++*last, name);
    while (!is_left(naming, name) || gl_name_set_has(&naming->taken, name));
    give(naming, vm, name);
}

/* All others have a number, their own one if they have any. */
static void name_numbered(struct naming *naming)
{
    for (size_t i = 0; i < naming->n; i++) {
        struct gl_trust_vm *vm = &naming->vms[i];
        const char *present = present_name(naming, i);
        if (!*vm->name && present && gl_name_is_number(vm->base, present) &&
            is_left(naming, present))
            give(naming, vm, present);
    }
    for (size_t i = 0; i < naming->n; i++)
        if (!*naming->vms[i].name)
            number(naming, &naming->vms[i]);
}

static void name_all(struct naming *naming)
{
    name_present(naming);
    name_plain(naming, true);
    name_plain(naming, false);
    name_numbered(naming);
}

/* ------------------------------------------------------------------ and their guests */

static const struct gl_trust_vm *machine_of(const struct gl_trust *trust,
                                            const struct gl_trust_entry *entry)
{
    return entry->has_vm ? gl_trust_find_vm(trust, &entry->vm) : NULL;
}

static void rename_guests(struct gl_trust *trust, const struct gl_name_set *machines)
{
    GL_LIST_FOREACH (node, &trust->entries) {
        struct gl_trust_entry *entry = ENTRY_OF(node);
        if (!machine_of(trust, entry) && gl_name_set_has(machines, entry->name))
            gl_trust_evict(trust, entry, "the hypervisor");
    }
    GL_LIST_FOREACH (node, &trust->entries) {
        struct gl_trust_entry *entry = ENTRY_OF(node);
        const struct gl_trust_vm *vm = machine_of(trust, entry);
        entry->vm_there = vm != NULL;
        if (vm)
            entry->vm_state = vm->state;
        if (!vm || strcmp(entry->name, vm->name) == 0)
            continue;
        gl_info("guest '%s' (%s) is called '%s' now, as its virtual machine is", entry->name,
                entry->id, vm->name);
        entry->fixed = true;
        call(trust, entry, vm->name);
    }
}

void gl_trust_set_vms(struct gl_trust *trust, const struct gl_machine *machines, size_t n)
{
    struct naming naming = {0};
    naming_init(&naming, trust, machines, n);
    name_all(&naming);
    gl_free(trust->vms);
    trust->vms = naming.vms;
    trust->n_vms = n;
    trust->guests_marked = false;
    rename_guests(trust, &naming.given);
    naming_done(&naming);
}
