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

static void add(struct gl_trust *trust, struct gl_trust_entry *entry)
{
    gl_list_append(&trust->entries, &entry->node);
    trust->count++;
}

static void drop(struct gl_trust *trust, struct gl_trust_entry *entry)
{
    if (trust->on_forget)
        trust->on_forget(trust->ctx, entry);
    gl_list_remove(&entry->node);
    trust->count--;
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

/* ------------------------------------------------------------------ names */

static bool is_reserved(const struct gl_trust *trust, const char *name)
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

/* There are at most GL_TRUST_GUESTS_MAX entries and a few reserved names, so a free number is
 * found. */
static void unique_name(const struct gl_trust *trust, const char *base, char out[GL_NAME_SIZE])
{
    snprintf(out, GL_NAME_SIZE, "%s", base);
    for (unsigned n = 2; is_taken(trust, out, NULL) || is_reserved(trust, out); n++)
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

/* The configuration wants the name: whoever had proposed it gets another. */
static void evict(struct gl_trust *trust, struct gl_trust_entry *holder)
{
    char name[GL_NAME_SIZE];
    unique_name(trust, holder->name, name);
    gl_warn("guest '%s' (%s) is called '%s' now: the configuration has given its name away",
            holder->name, holder->id, name);
    memcpy(holder->name, name, sizeof name);
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

/* Room for one more new key of this place; a pending one may have to go for it. */
static bool make_room(struct gl_trust *trust, const struct gl_trust_claim *claim, bool pending)
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
    }
    bool full = recent >= claim->quota || trust->count >= GL_TRUST_GUESTS_MAX ||
                (pending && waiting >= GL_TRUST_PENDING_MAX);
    if (full && oldest) {
        drop(trust, oldest);
        return true;
    }
    return !full;
}

static enum gl_status introduce(struct gl_trust *trust, const struct gl_trust_claim *claim,
                                struct gl_trust_entry **ret_entry, struct gl_why *why)
{
    bool pending = trust->policy == GL_TRUST_APPROVE && !claim->certified;
    if (!make_room(trust, claim, pending)) {
        gl_why(why, 0, "too many new keys from %s: forget some guests, or wait", claim->place);
        return GL_STATUS_LIMIT;
    }
    struct gl_trust_entry *entry = gl_trust_entry_new(claim->key);
    if (claim->fixed_name) {
        snprintf(entry->name, sizeof entry->name, "%s", claim->fixed_name);
        entry->fixed = true;
    } else {
        char base[GL_NAME_SIZE];
        gl_name_sanitise(claim->proposal ? claim->proposal : "", base);
        unique_name(trust, base, entry->name);
    }
    entry->state =
        pending ? GL__TRUST_STATE__TRUST_STATE_PENDING : GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
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
    set_reason(holder, "another key was offered at %s%s", claim->address,
               claim->old_key && memcmp(claim->old_key, holder->key, GL_KEY_SIZE) == 0
                   ? ", announced by the pinned one"
                   : "");
    trust->dirty = true; /* not at once: whoever makes keys in a loop would keep the disk busy */
    gl_why(
        why, 0,
        "the key %.16s is not the one pinned for '%s'; if that is right: guestlink trust accept %s",
        offered, holder->name, holder->name);
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
    trust->dirty = true;
}

/* *entry is the key's, or NULL, and becomes that of the name. */
static enum gl_status judge_fixed(struct gl_trust *trust, const struct gl_trust_claim *claim,
                                  struct gl_trust_entry **entry, struct gl_why *why)
{
    struct gl_trust_entry *holder = find_name(trust, claim->fixed_name);
    if (holder && holder != *entry) {
        if (holder->fixed) {
            enum gl_status status = mismatch(trust, holder, claim, why);
            *entry = holder;
            return status;
        }
        evict(trust, holder);
        trust->dirty = true;
    }
    if (!*entry)
        return introduce(trust, claim, entry, why);
    if ((*entry)->fixed && strcmp((*entry)->name, claim->fixed_name) != 0 &&
        is_reserved(trust, (*entry)->name)) {
        gl_why(why, 0,
               "its key is pinned for '%s', but it came as '%s': a copy must make a new key",
               (*entry)->name, claim->fixed_name);
        return GL_STATUS_DUPLICATE_KEY;
    }
    if (!(*entry)->fixed || strcmp((*entry)->name, claim->fixed_name) != 0)
        take_fixed_name(trust, *entry, claim->fixed_name);
    return GL_STATUS_OK;
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
        gl_why(why, 0, "key %s waits for approval on the host: guestlink trust accept %s",
               entry->id, entry->name);
        return GL_STATUS_PENDING;
    case GL__TRUST_STATE__TRUST_STATE_REVOKED:
        gl_why(why, 0, "the key of '%s' was revoked", entry->name);
        return GL_STATUS_REVOKED;
    case GL__TRUST_STATE__TRUST_STATE_DUPLICATE:
        gl_why(
            why, 0,
            "the key of '%s' was in use at two places: make a new key in the copy, then guestlink "
            "trust accept %s",
            entry->name, entry->name);
        return GL_STATUS_DUPLICATE_KEY;
    default:
        gl_why(why, 0, "guest '%s' has no trust state", entry->name);
        return GL_STATUS_INTERNAL;
    }
}

enum gl_status gl_trust_judge(struct gl_trust *trust, const struct gl_trust_claim *claim,
                              struct gl_trust_entry **ret_entry, struct gl_why *why)
{
    struct gl_trust_entry *entry = gl_trust_find_key(trust, claim->key);
    enum gl_status status = GL_STATUS_OK;
    settle_rekey(trust, claim);
    if (claim->fixed_name)
        status = judge_fixed(trust, claim, &entry, why);
    else if (!entry)
        status = introduce(trust, claim, &entry, why);
    if (status == GL_STATUS_OK && entry->state == GL__TRUST_STATE__TRUST_STATE_PENDING &&
        claim->certified)
        entry->state = GL__TRUST_STATE__TRUST_STATE_ACCEPTED, trust->dirty = true;
    if (status == GL_STATUS_OK)
        status = by_state(entry, why);
    if (status == GL_STATUS_OK)
        describe(entry, claim);
    *ret_entry = entry;
    return status;
}

void gl_trust_mark_duplicate(struct gl_trust *trust, struct gl_trust_entry *entry,
                             const char *address)
{
    entry->state = GL__TRUST_STATE__TRUST_STATE_DUPLICATE;
    set_reason(entry, "its key was live here and at %s", address);
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
        swap = entry->has_offered && strcmp(entry->name, ref) == 0;
        if (swap && entry->state == GL__TRUST_STATE__TRUST_STATE_PENDING) {
            gl_why(why, 0, "two keys were offered for '%s': accept one by its fingerprint", ref);
            return GL_STATUS_PRECONDITION;
        }
    }
    /* The offered key may be known already, as a guest of another name: it is one guest from now
     * on. */
    struct gl_trust_entry *other = swap ? gl_trust_find_key(trust, entry->offered) : NULL;
    struct gl_trust_entry before = *entry;
    if (other)
        gl_list_remove(&other->node);
    if (swap)
        set_key(entry, entry->offered);
    entry->has_offered = false;
    entry->reason[0] = '\0';
    entry->state = GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
    enum gl_status status = keep(trust, entry, &before, why);
    if (other)
        gl_list_append(&trust->entries, &other->node);
    if (status != GL_STATUS_OK)
        return status;
    if (other)
        drop(trust, other);
    *ret_entry = entry;
    *ret_swapped = swap;
    return status;
}

enum gl_status gl_trust_revoke(struct gl_trust *trust, struct gl_trust_entry *entry,
                               struct gl_why *why)
{
    struct gl_trust_entry before = *entry;
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
    if (entry->fixed && is_reserved(trust, entry->name)) {
        gl_why(why, 0, "the name '%s' comes from the configuration: change it there", entry->name);
        return GL_STATUS_PRECONDITION;
    }
    if (is_taken(trust, name, entry) || is_reserved(trust, name)) {
        gl_why(why, 0, "the name '%s' is another guest's", name);
        return GL_STATUS_EXISTS;
    }
    struct gl_trust_entry before = *entry;
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->fixed = false;
    return keep(trust, entry, &before, why);
}

enum gl_status gl_trust_forget(struct gl_trust *trust, struct gl_trust_entry *entry,
                               struct gl_why *why)
{
    gl_list_remove(&entry->node);
    int err = gl_trust_save(trust, why);
    gl_list_append(&trust->entries, &entry->node);
    if (err < 0)
        return GL_STATUS_INTERNAL;
    drop(trust, entry);
    return GL_STATUS_OK;
}
