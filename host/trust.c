/* SPDX-License-Identifier: MIT */
#include "trust.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "escape.h"
#include "log.h"

#define ENTRY_OF(node) GL_CONTAINER_OF(node, struct gl_trust_entry, node)

/* ------------------------------------------------------------------ entries */

static void set_key(struct gl_trust_entry *entry, const uint8_t key[GL_KEY_SIZE])
{
    memcpy(entry->key, key, GL_KEY_SIZE);
    gl_key_fingerprint(key, entry->fingerprint);
    memcpy(entry->id, entry->fingerprint, GL_TRUST_ID_SIZE - 1);
    entry->id[GL_TRUST_ID_SIZE - 1] = '\0';
}

struct gl_trust_entry *gl_trust_entry_new(const uint8_t key[GL_KEY_SIZE])
{
    struct gl_trust_entry *entry = GL_NEW0(struct gl_trust_entry);
    gl_list_init(&entry->node);
    set_key(entry, key);
    return entry;
}

void gl_trust_append(struct gl_trust *trust, struct gl_trust_entry *entry)
{
    trust->guests_marked = false;
    entry->number = ++trust->numbers;
    gl_list_append(&trust->entries, &entry->node);
}

static void add(struct gl_trust *trust, struct gl_trust_entry *entry)
{
    gl_trust_append(trust, entry);
    trust->count++;
}

static void drop(struct gl_trust *trust, struct gl_trust_entry *entry)
{
    if (trust->on_forget)
        trust->on_forget(trust->ctx, entry);
    gl_list_remove(&entry->node);
    trust->count--;
    trust->guests_marked = false;
    gl_free(entry);
}

struct gl_trust_entry *gl_trust_find_key(const struct gl_trust *trust,
                                         const uint8_t key[GL_KEY_SIZE])
{
    GL_LIST_FOREACH (node, &trust->entries)
        if (memcmp(ENTRY_OF(node)->key, key, GL_KEY_SIZE) == 0)
            return ENTRY_OF(node);
    return NULL;
}

static struct gl_trust_entry *find_name(const struct gl_trust *trust, const char *name)
{
    GL_LIST_FOREACH (node, &trust->entries)
        if (strcmp(ENTRY_OF(node)->name, name) == 0)
            return ENTRY_OF(node);
    return NULL;
}

struct gl_trust_entry *gl_trust_find(const struct gl_trust *trust, const char *ref)
{
    struct gl_trust_entry *entry = find_name(trust, ref);
    if (entry)
        return entry;
    GL_LIST_FOREACH (node, &trust->entries) {
        entry = ENTRY_OF(node);
        if (strcmp(entry->id, ref) == 0 || strcmp(entry->fingerprint, ref) == 0)
            return entry;
    }
    return NULL;
}

Gl__TrustState gl_trust_shown(const struct gl_trust_entry *entry)
{
    if (entry->has_offered && entry->state == GL__TRUST_STATE__TRUST_STATE_ACCEPTED)
        return GL__TRUST_STATE__TRUST_STATE_MISMATCH;
    return entry->state;
}

/* ------------------------------------------------------------------ judging */

static void harmless(char *out, size_t size, const char *text)
{
    gl_escape(out, size, text ? text : "", text ? strlen(text) : 0);
}

static void GL_PRINTF(2, 3) set_reason(struct gl_trust_entry *entry, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = gl_vasprintf(format, args);
    va_end(args);
    harmless(entry->reason, sizeof entry->reason, text);
    gl_free(text);
}

static void describe(struct gl_trust_entry *entry, const struct gl_trust_claim *claim)
{
    harmless(entry->software, sizeof entry->software, claim->software);
    if (claim->machine) {
        memcpy(entry->machine, claim->machine, GL_MACHINE_SIZE);
        entry->has_machine = true;
    }
}

/* Whether it is a key of the place that nobody has decided about. */
static bool counts(const struct gl_trust_entry *entry, const char *place)
{
    return entry->first_use && !entry->fixed && strcmp(entry->place, place) == 0;
}

static unsigned count_first_use(const struct gl_trust *trust, const char *place)
{
    unsigned n = 0;
    GL_LIST_FOREACH (node, &trust->entries)
        n += counts(ENTRY_OF(node), place);
    return n;
}

/* Those that were not seen any more an hour after they came and are not here now. Keys that are
 * kept out must stay known. */
static bool is_fleeting(const struct gl_trust *trust, const struct gl_trust_entry *entry)
{
    return entry->state == GL__TRUST_STATE__TRUST_STATE_ACCEPTED && !entry->has_offered &&
           entry->last_seen < entry->first_seen + GL_TRUST_QUOTA_PERIOD &&
           !(trust->is_live && trust->is_live(entry));
}

static struct gl_trust_entry *oldest_fleeting(const struct gl_trust *trust, const char *place)
{
    struct gl_trust_entry *oldest = NULL;
    GL_LIST_FOREACH (node, &trust->entries) {
        struct gl_trust_entry *entry = ENTRY_OF(node);
        if (counts(entry, place) && is_fleeting(trust, entry) &&
            (!oldest || entry->first_seen < oldest->first_seen))
            oldest = entry;
    }
    return oldest;
}

static int by_place(const void *a, const void *b)
{
    const struct gl_trust_entry *const *left = a, *const *right = b;
    return strcmp((*left)->place, (*right)->place);
}

/* The place with the most first-use keys, of those where one can be dropped. */
static const char *fullest_place(const struct gl_trust *trust)
{
    struct gl_trust_entry **sorted = GL_NEW0_ARRAY(struct gl_trust_entry *, trust->count);
    const char *fullest = NULL;
    size_t n = 0, most = 0;
    GL_LIST_FOREACH (node, &trust->entries)
        if (counts(ENTRY_OF(node), ENTRY_OF(node)->place))
            sorted[n++] = ENTRY_OF(node);
    qsort(sorted, n, sizeof(struct gl_trust_entry *), by_place);
    for (size_t i = 0, first = 0; i < n; i++) {
        if (strcmp(sorted[first]->place, sorted[i]->place) != 0)
            first = i;
        if (i - first >= most && oldest_fleeting(trust, sorted[i]->place)) {
            most = i - first + 1;
            fullest = sorted[i]->place;
        }
    }
    gl_free(sorted);
    return fullest;
}

/* What is dropped for another one is said: who comes back is pinned anew. */
static bool drop_fleeting(struct gl_trust *trust, const char *place)
{
    struct gl_trust_entry *entry = place ? oldest_fleeting(trust, place) : NULL;
    if (!entry)
        return false;
    gl_info("guest '%s' (%s) is forgotten: it has not come back, and too many keys came from %s",
            entry->name, entry->id, entry->place);
    drop(trust, entry);
    return true;
}

/* A pending key of the place goes, if need be, for a newer one. */
static bool make_room_pending(struct gl_trust *trust, const struct gl_trust_claim *claim,
                              bool pending, bool *ret_crowded)
{
    unsigned recent = 0, waiting = 0;
    struct gl_trust_entry *oldest = NULL;
    GL_LIST_FOREACH (node, &trust->entries) {
        struct gl_trust_entry *entry = ENTRY_OF(node);
        bool waits = entry->state == GL__TRUST_STATE__TRUST_STATE_PENDING;
        waiting += waits;
        if (strcmp(entry->place, claim->place) != 0)
            continue;
        recent += entry->first_seen + GL_TRUST_QUOTA_PERIOD > claim->now_s;
        if (waits && !entry->fixed && (!oldest || entry->first_seen < oldest->first_seen))
            oldest = entry;
        *ret_crowded |= waits && entry->crowded;
    }
    if (recent < claim->quota && !(pending && waiting >= GL_TRUST_PENDING_MAX))
        return true;
    if (!oldest)
        return false;
    drop(trust, oldest);
    *ret_crowded = true;
    return true;
}

/* Guests of machines that were removed, the longest away first: where machines come and go they
 * would fill the store. */
static bool drop_orphan(struct gl_trust *trust)
{
    struct gl_trust_entry *oldest = NULL;
    GL_LIST_FOREACH (node, &trust->entries) {
        struct gl_trust_entry *entry = ENTRY_OF(node);
        if (entry->has_vm && !entry->vm_there && trust->n_vms &&
            entry->state == GL__TRUST_STATE__TRUST_STATE_ACCEPTED && !entry->has_offered &&
            !(trust->is_live && trust->is_live(entry)) &&
            (!oldest || entry->last_seen < oldest->last_seen))
            oldest = entry;
    }
    if (!oldest)
        return false;
    gl_info("guest '%s' (%s) is forgotten: its virtual machine is gone, and too many are known",
            oldest->name, oldest->id);
    drop(trust, oldest);
    return true;
}

/*
 * Room for one more new key of this place. *ret_crowded: keys of the place had to go, or have had
 * to, while this one waits: its name may just now have been another key's.
 */
static bool make_room(struct gl_trust *trust, const struct gl_trust_claim *claim, bool pending,
                      bool *ret_crowded)
{
    if (!make_room_pending(trust, claim, pending, ret_crowded))
        return false;
    if (!pending && !claim->fixed_name &&
        count_first_use(trust, claim->place) >= GL_TRUST_FIRST_USE_MAX &&
        !drop_fleeting(trust, claim->place))
        return false;
    return trust->count < GL_TRUST_GUESTS_MAX || drop_fleeting(trust, fullest_place(trust)) ||
           drop_orphan(trust);
}

static enum gl_status introduce(struct gl_trust *trust, const struct gl_trust_claim *claim,
                                struct gl_trust_entry **ret_entry, struct gl_why *why)
{
    bool pending = trust->policy == GL_TRUST_APPROVE && !claim->certified;
    bool crowded = false;
    if (!make_room(trust, claim, pending, &crowded)) {
        gl_why(why, 0, "too many new keys from %s: forget some guests, or wait", claim->place);
        return GL_STATUS_LIMIT;
    }
    struct gl_trust_entry *entry = gl_trust_entry_new(claim->key);
    if (claim->fixed_name) {
        snprintf(entry->name, sizeof entry->name, "%s", claim->fixed_name);
        entry->fixed = true;
        if (claim->vm)
            gl_trust_bind(trust, entry, gl_trust_find_vm(trust, claim->vm));
    } else {
        char base[GL_NAME_SIZE];
        gl_name_sanitise(claim->proposal ? claim->proposal : "", base);
        gl_trust_unique_name(trust, base, entry->name);
    }
    entry->state =
        pending ? GL__TRUST_STATE__TRUST_STATE_PENDING : GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
    entry->first_use = !pending && !claim->fixed_name;
    entry->crowded = pending && crowded;
    entry->first_seen = entry->last_seen = claim->now_s;
    snprintf(entry->place, sizeof entry->place, "%s", claim->place);
    snprintf(entry->address, sizeof entry->address, "%s", claim->address);
    describe(entry, claim);
    add(trust, entry);
    if (gl_trust_save(trust, why) < 0) { /* a pin that is not kept is none */
        drop(trust, entry);
        return GL_STATUS_INTERNAL;
    }
    gl_info("new guest '%s' (%s) at %s: %s", entry->name, entry->id, claim->address,
            pending            ? "waits for `guestlink trust accept`"
            : claim->certified ? "let in by its certificate of this site"
                               : "its key is pinned");
    *ret_entry = entry;
    return GL_STATUS_OK;
}

static enum gl_status mismatch(struct gl_trust *trust, struct gl_trust_entry *holder,
                               const struct gl_trust_claim *claim, struct gl_why *why)
{
    char offered[GL_FINGERPRINT_SIZE];
    gl_key_fingerprint(claim->key, offered);
    memcpy(holder->offered, claim->key, GL_KEY_SIZE);
    holder->has_offered = true;
    holder->offered_at = claim->now_s;
    set_reason(holder,
               "another key was offered%s: guestlink trust accept %s takes it; it came at %s",
               claim->old_key && memcmp(claim->old_key, holder->key, GL_KEY_SIZE) == 0
                   ? ", announced by the pinned one"
                   : "",
               offered, claim->address);
    trust->dirty = true; /* not at once: whoever makes keys in a loop would keep the disk busy */
    gl_why(why, 0,
           "this key is not the one pinned for '%s'; if it is right: guestlink trust accept %s",
           holder->name, offered);
    return GL_STATUS_KEY_MISMATCH;
}

static void take_fixed_name(struct gl_trust *trust, struct gl_trust_entry *entry, const char *name)
{
    if (strcmp(entry->name, name) != 0) {
        gl_info("guest '%s' (%s) is called '%s' by the configuration", entry->name, entry->id,
                name);
        snprintf(entry->name, sizeof entry->name, "%s", name);
    }
    entry->fixed = true;
    entry->has_vm = entry->vm_there = false;
    trust->guests_marked = false;
    trust->dirty = true;
}

/* The announcement gives the new key no right of the old one; it only settles who is the copy. */
static void settle_rekey(struct gl_trust *trust, const struct gl_trust_claim *claim)
{
    struct gl_trust_entry *old = claim->old_key ? gl_trust_find_key(trust, claim->old_key) : NULL;
    if (!old || old->state != GL__TRUST_STATE__TRUST_STATE_DUPLICATE)
        return;
    gl_info("guest '%s' (%s): its copy at %s has made itself a new key", old->name, old->id,
            claim->address);
    old->state = GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
    old->reason[0] = '\0';
    trust->dirty = true;
}

static enum gl_status by_state(const struct gl_trust_entry *entry, struct gl_why *why)
{
    switch (entry->state) {
    case GL__TRUST_STATE__TRUST_STATE_ACCEPTED:
        return GL_STATUS_OK;
    case GL__TRUST_STATE__TRUST_STATE_PENDING:
        gl_why(why, 0, "its key waits for approval on the host: guestlink trust accept %s",
               entry->fingerprint);
        return GL_STATUS_PENDING;
    case GL__TRUST_STATE__TRUST_STATE_REVOKED:
        gl_why(why, 0, "the key of '%s' was revoked", entry->name);
        return GL_STATUS_REVOKED;
    case GL__TRUST_STATE__TRUST_STATE_DUPLICATE:
        gl_why(why, 0, "'%s' is kept out: " GL_TRUST_REKEY ", then guestlink trust accept %s",
               entry->name, entry->fingerprint);
        return GL_STATUS_DUPLICATE_KEY;
    default:
        gl_why(why, 0, "guest '%s' has no trust state", entry->name);
        return GL_STATUS_INTERNAL;
    }
}

/* *entry is the key's, which is accepted, or NULL, and becomes that of the name. */
static enum gl_status judge_fixed(struct gl_trust *trust, const struct gl_trust_claim *claim,
                                  struct gl_trust_entry **entry, struct gl_why *why)
{
    struct gl_trust_entry *holder = find_name(trust, claim->fixed_name);
    if (holder && holder != *entry) {
        if (holder->fixed && !holder->has_vm) {
            enum gl_status status = mismatch(trust, holder, claim, why);
            *entry = holder;
            return status;
        }
        gl_trust_evict(trust, holder, "the configuration");
        trust->dirty = true;
    }
    if (!*entry)
        return introduce(trust, claim, entry, why);
    if ((*entry)->fixed && strcmp((*entry)->name, claim->fixed_name) != 0 &&
        gl_trust_is_reserved(trust, (*entry)->name)) {
        gl_why(
            why, 0,
            "its key is pinned for '%s', but it came as '%s': if this is a copy, " GL_TRUST_REKEY,
            (*entry)->name, claim->fixed_name);
        return GL_STATUS_DUPLICATE_KEY;
    }
    if (!(*entry)->fixed || (*entry)->has_vm || strcmp((*entry)->name, claim->fixed_name) != 0)
        take_fixed_name(trust, *entry, claim->fixed_name);
    return GL_STATUS_OK;
}

/*
 * The same by the machine that it comes from. The pin is per machine, also while the hypervisor
 * says nothing of it: its name may be another one next time.
 */
static enum gl_status judge_vm(struct gl_trust *trust, const struct gl_trust_claim *claim,
                               struct gl_trust_entry **entry, struct gl_why *why)
{
    struct gl_trust_entry *holder = gl_trust_find_by_vm(trust, claim->vm);
    const struct gl_trust_vm *vm = gl_trust_find_vm(trust, claim->vm);
    if (holder && holder != *entry) {
        enum gl_status status = mismatch(trust, holder, claim, why);
        *entry = holder;
        return status;
    }
    if (!*entry) {
        struct gl_trust_claim named = *claim;
        named.fixed_name = vm ? vm->name : NULL;
        return introduce(trust, &named, entry, why);
    }
    if (!holder && (*entry)->has_vm && gl_trust_find_vm(trust, &(*entry)->vm)) {
        gl_why(
            why, 0,
            "its key is pinned for '%s', but it came from %s: if this is a copy, " GL_TRUST_REKEY,
            (*entry)->name, vm ? vm->name : claim->address);
        return GL_STATUS_DUPLICATE_KEY;
    }
    gl_trust_adopt(trust, *entry, claim->vm);
    return GL_STATUS_OK;
}

/* Its state comes first: a key that is kept out moves no names and makes no offers. */
static enum gl_status judge_known(struct gl_trust *trust, const struct gl_trust_claim *claim,
                                  struct gl_trust_entry *entry, struct gl_why *why)
{
    if (entry->state == GL__TRUST_STATE__TRUST_STATE_PENDING && claim->certified) {
        entry->state = GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
        trust->dirty = true;
    }
    return by_state(entry, why);
}

/* Whether the guest with this key is where the claim says: not if there is a doubt about that. */
static bool is_there(const struct gl_trust_entry *entry, const struct gl_trust_claim *claim,
                     enum gl_status status)
{
    return entry && status != GL_STATUS_KEY_MISMATCH && status != GL_STATUS_DUPLICATE_KEY &&
           memcmp(entry->key, claim->key, GL_KEY_SIZE) == 0;
}

/* The certificate outlives what this host has decided about the key. */
static bool certificate_counts(const struct gl_trust *trust, const struct gl_trust_claim *claim)
{
    char fingerprint[GL_FINGERPRINT_SIZE];
    gl_key_fingerprint(claim->key, fingerprint);
    return claim->certified && !gl_forgotten_has(&trust->forgotten, fingerprint) &&
           claim->certified_s >= trust->forgotten.issued_from;
}

enum gl_status gl_trust_judge(struct gl_trust *trust, const struct gl_trust_claim *claimed,
                              struct gl_trust_entry **ret_entry, struct gl_why *why)
{
    struct gl_trust_claim weighed = *claimed;
    const struct gl_trust_claim *claim = &weighed;
    weighed.certified = certificate_counts(trust, claimed);
    if (claimed->fixed_name)
        weighed.vm = NULL; /* the configuration is above the hypervisor */
    struct gl_trust_entry *entry = gl_trust_find_key(trust, claim->key);
    enum gl_status status = GL_STATUS_OK;
    settle_rekey(trust, claim);
    if (entry)
        status = judge_known(trust, claim, entry, why);
    if (status == GL_STATUS_OK && claim->fixed_name)
        status = judge_fixed(trust, claim, &entry, why);
    else if (status == GL_STATUS_OK && claim->vm)
        status = judge_vm(trust, claim, &entry, why);
    else if (!entry)
        status = introduce(trust, claim, &entry, why);
    if (status == GL_STATUS_OK)
        status = by_state(entry, why); /* a new one may have to wait */
    if (status == GL_STATUS_OK)
        describe(entry, claim);
    if (claimed->vm && is_there(entry, claim, status))
        gl_trust_came_from(trust, entry, claimed->vm);
    *ret_entry = entry;
    return status;
}

void gl_trust_mark_duplicate(struct gl_trust *trust, struct gl_trust_entry *entry,
                             const char *address)
{
    entry->state = GL__TRUST_STATE__TRUST_STATE_DUPLICATE;
    if (strcmp(entry->address, address) == 0)
        set_reason(entry, "its key was live twice at %s", address);
    else
        set_reason(entry, "its key was live at %s and at %s", entry->address, address);
    trust->dirty = true;
}

void gl_trust_touch(struct gl_trust *trust, struct gl_trust_entry *entry, const char *address,
                    uint64_t now_s)
{
    entry->last_seen = now_s;
    if (address)
        snprintf(entry->address, sizeof entry->address, "%s", address);
    trust->dirty = true;
}

/* ------------------------------------------------------------------ the administrator's calls */

/* Writes, or puts *entry back as it was. */
static enum gl_status keep(struct gl_trust *trust, struct gl_trust_entry *entry,
                           const struct gl_trust_entry *before, struct gl_why *why)
{
    if (gl_trust_save(trust, why) == 0)
        return GL_STATUS_OK;
    struct gl_list node = entry->node;
    *entry = *before;
    entry->node = node;
    return GL_STATUS_INTERNAL;
}

struct gl_trust_entry *gl_trust_find_offered(const struct gl_trust *trust, const char *ref)
{
    GL_LIST_FOREACH (node, &trust->entries) {
        struct gl_trust_entry *entry = ENTRY_OF(node);
        char offered[GL_FINGERPRINT_SIZE];
        if (!entry->has_offered)
            continue;
        gl_key_fingerprint(entry->offered, offered);
        if (strcmp(ref, offered) == 0 || (strlen(ref) == 16 && strncmp(ref, offered, 16) == 0))
            return entry;
    }
    return NULL;
}

/*
 * Whether the name alone says which key is meant: whoever looked at the list may have seen another
 * one than is here now.
 */
static bool is_clear(const struct gl_trust_entry *entry, struct gl_why *why)
{
    char offered[GL_FINGERPRINT_SIZE];
    if (entry->has_offered) {
        gl_key_fingerprint(entry->offered, offered);
        gl_why(why, 0,
               "two keys came for '%s': guestlink trust accept %s takes the new one, guestlink "
               "trust accept %s keeps the old one",
               entry->name, offered, entry->fingerprint);
        return false;
    }
    if (entry->crowded && entry->state == GL__TRUST_STATE__TRUST_STATE_PENDING) {
        gl_why(why, 0,
               "many keys came from the place of '%s': guestlink trust accept %s takes this one",
               entry->name, entry->fingerprint);
        return false;
    }
    return true;
}

enum gl_status gl_trust_accept(struct gl_trust *trust, const char *ref,
                               struct gl_trust_entry **ret_entry, bool *ret_swapped,
                               struct gl_why *why)
{
    struct gl_trust_entry *entry = gl_trust_find_offered(trust, ref);
    bool swap = entry;
    if (!entry) {
        entry = gl_trust_find(trust, ref);
        if (!entry) {
            gl_why(why, 0, "no guest named '%s'; `guestlink trust ls` shows them", ref);
            return GL_STATUS_NOT_FOUND;
        }
        if (strcmp(entry->name, ref) == 0 && !is_clear(entry, why))
            return GL_STATUS_PRECONDITION;
    }
    /* The offered key may be known already, as a guest of another name: it is one guest from now
     * on. */
    struct gl_trust_entry *other = swap ? gl_trust_find_key(trust, entry->offered) : NULL;
    struct gl_trust_entry before = *entry;
    if (other)
        gl_list_remove(&other->node);
    bool buried =
        swap && gl_forgotten_add(&trust->forgotten, entry->fingerprint, entry->offered_at);
    if (swap)
        set_key(entry, entry->offered);
    entry->has_offered = false;
    entry->first_use = entry->crowded = false;
    entry->reason[0] = '\0';
    entry->state = GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
    enum gl_status status = keep(trust, entry, &before, why);
    if (other)
        gl_trust_append(trust, other);
    if (status != GL_STATUS_OK) {
        if (buried)
            gl_forgotten_remove(&trust->forgotten, entry->fingerprint);
        return status;
    }
    if (other)
        drop(trust, other);
    trust->dirty |= gl_forgotten_remove(&trust->forgotten, entry->fingerprint);
    *ret_entry = entry;
    *ret_swapped = swap;
    return status;
}

enum gl_status gl_trust_revoke(struct gl_trust *trust, struct gl_trust_entry *entry,
                               struct gl_why *why)
{
    struct gl_trust_entry before = *entry;
    entry->first_use = false;
    entry->state = GL__TRUST_STATE__TRUST_STATE_REVOKED;
    entry->reason[0] = '\0';
    return keep(trust, entry, &before, why);
}

enum gl_status gl_trust_rename(struct gl_trust *trust, struct gl_trust_entry *entry,
                               const char *name, struct gl_why *why)
{
    const char *fault = gl_name_fault(name);
    if (fault) {
        gl_why(why, 0, "'%.80s' cannot be a name: %s", name, fault);
        return GL_STATUS_INVALID;
    }
    if (strcmp(entry->name, name) == 0)
        return GL_STATUS_OK;
    if (entry->fixed && gl_trust_is_reserved(trust, entry->name)) {
        gl_why(why, 0, "the name '%s' comes from the configuration: change it there", entry->name);
        return GL_STATUS_PRECONDITION;
    }
    if (entry->has_vm && gl_trust_find_vm(trust, &entry->vm)) {
        gl_why(why, 0, "the name '%s' comes from the hypervisor: rename the virtual machine",
               entry->name);
        return GL_STATUS_PRECONDITION;
    }
    if (!gl_trust_is_free(trust, name, entry)) {
        gl_why(why, 0, "the name '%s' is another guest's", name);
        return GL_STATUS_EXISTS;
    }
    struct gl_trust_entry before = *entry;
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->fixed = entry->first_use = false;
    return keep(trust, entry, &before, why);
}

enum gl_status gl_trust_forget(struct gl_trust *trust, struct gl_trust_entry *entry, uint64_t now_s,
                               struct gl_why *why)
{
    bool buried = gl_forgotten_add(&trust->forgotten, entry->fingerprint, now_s);
    gl_list_remove(&entry->node);
    int err = gl_trust_save(trust, why);
    gl_trust_append(trust, entry);
    if (err < 0) {
        if (buried)
            gl_forgotten_remove(&trust->forgotten, entry->fingerprint);
        return GL_STATUS_INTERNAL;
    }
    drop(trust, entry);
    return GL_STATUS_OK;
}
