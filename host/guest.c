/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include <stdio.h>
#include <string.h>

#include "session.h"
#include "vms.h"
#include "watch.h"

#define ENTRY_OF(node) GL_CONTAINER_OF(node, struct gl_trust_entry, node)
#define REF_MAX        256u /* of what a user may call a guest, for texts */

struct gl_guest *gl_guest_of(struct gl_daemon *daemon, struct gl_trust_entry *entry)
{
    if (!entry->owner) {
        struct gl_guest *guest = GL_NEW0(struct gl_guest);
        guest->daemon = daemon;
        guest->entry = entry;
        guest->alarm_quota = (struct gl_quota){.burst = 1, .every_ms = 60000};
        guest->log_quota = (struct gl_quota){.burst = 10, .every_ms = 6000};
        entry->owner = guest;
    }
    return entry->owner;
}

bool gl_guest_is_live(const struct gl_trust_entry *entry)
{
    const struct gl_guest *guest = entry->owner;
    return guest && (guest->session || guest->admission);
}

void gl_guest_forget(void *daemon, struct gl_trust_entry *entry)
{
    struct gl_guest *guest = entry->owner;
    if (guest)
        gl_session_dismiss(guest, GL_STATUS_GOING_AWAY, "the host has forgotten this guest");
    entry->owner = NULL;
    gl_free(guest);
    gl_watch_forget(daemon, entry);
}

void gl_guests_free(struct gl_daemon *daemon)
{
    GL_LIST_FOREACH (node, &daemon->trust->entries) {
        gl_free(ENTRY_OF(node)->owner);
        ENTRY_OF(node)->owner = NULL;
    }
}

Gl__GuestState gl_guest_state(const struct gl_trust_entry *entry)
{
    const struct gl_guest *guest = entry->owner;
    if (!guest || !guest->session)
        return GL__GUEST_STATE__GUEST_STATE_GONE;
    return gl_session_is_attached(guest->session) ? GL__GUEST_STATE__GUEST_STATE_CONNECTED
                                                  : GL__GUEST_STATE__GUEST_STATE_DETACHED;
}

bool gl_guest_count_takeover(struct gl_guest *guest, uint64_t now_ms)
{
    uint64_t *oldest = &guest->takeovers[guest->takeover_at];
    bool many = *oldest && now_ms - *oldest < 60000;
    *oldest = now_ms;
    guest->takeover_at = (guest->takeover_at + 1) % GL_TAKEOVERS_PER_MINUTE;
    return many && gl_quota_take(&guest->alarm_quota, now_ms, NULL);
}

/* ------------------------------------------------------------------ describing */

/* An agent says its system in brackets, "guestlink-agent 0.1.0 (linux)": two fields here. */
static void split_software(struct gl_guest_buffer *buffer)
{
    char *open = strrchr(buffer->software, '('), *close = strrchr(buffer->software, ')');
    if (!open || open == buffer->software || open[-1] != ' ' || !close || close < open || close[1])
        return;
    snprintf(buffer->system, sizeof buffer->system, "%.*s", (int)(close - open - 1), open + 1);
    open[-1] = '\0';
}

void gl_guest_describe(const struct gl_trust_entry *entry, Gl__Guest *ret_guest,
                       struct gl_guest_buffer *buffer)
{
    const struct gl_guest *guest = entry->owner;
    Gl__Guest out = GL__GUEST__INIT;
    memset(buffer, 0, sizeof *buffer);
    memcpy(buffer->name, entry->name, sizeof buffer->name);
    snprintf(buffer->address, sizeof buffer->address, "%s", entry->address);
    memcpy(buffer->software, entry->software, sizeof buffer->software);
    snprintf(buffer->reason, sizeof buffer->reason, "%s", entry->reason);
    split_software(buffer);
    if (entry->has_offered)
        gl_key_fingerprint(entry->offered, buffer->offered);
    out.id = (char *)(uintptr_t)entry->id;
    out.fingerprint = (char *)(uintptr_t)entry->fingerprint;
    out.name = buffer->name;
    out.address = buffer->address;
    out.software = buffer->software;
    out.system = buffer->system;
    out.reason = buffer->reason;
    out.offered = buffer->offered;
    out.state = gl_guest_state(entry);
    out.trust = gl_trust_shown(entry);
    out.last_seen = entry->last_seen;
    if (entry->has_vm) {
        out.vm = gl_guid_format(&entry->vm, buffer->vm);
        out.machine = entry->vm_there ? gl_vms_state(entry->vm_state) : out.machine;
    }
    if (guest) {
        out.resumes = guest->resumes;
        if (guest->session)
            gl_session_describe(guest->session, &out);
    }
    *ret_guest = out;
}

/* ------------------------------------------------------------------ finding */

static bool may_see(struct gl_daemon *daemon, const struct gl_user *user,
                    const struct gl_trust_entry *entry)
{
    const struct gl_rules_guest guest = {entry->name, entry->id};
    return gl_rules_see(daemon->settings->rules, user, &guest);
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

struct prefix_search {
    struct gl_trust_entry *found[2];
    unsigned n;
};

static struct prefix_search search_prefix(struct gl_daemon *daemon, const struct gl_user *user,
                                          const char *ref)
{
    struct prefix_search search = {0};
    GL_LIST_FOREACH (node, &daemon->trust->entries) {
        struct gl_trust_entry *entry = ENTRY_OF(node);
        if (!begins(entry->name, ref) && !begins(entry->id, ref))
            continue;
        if (!may_see(daemon, user, entry))
            continue;
        if (search.n < 2)
            search.found[search.n] = entry;
        search.n++;
    }
    return search;
}

enum gl_status gl_guest_resolve(struct gl_daemon *daemon, const struct gl_user *user,
                                const char *ref, enum gl_guest_lookup how,
                                struct gl_trust_entry **ret_entry, struct gl_why *why)
{
    if (!*ref || strlen(ref) > REF_MAX) {
        gl_why(why, 0, "the name of the guest is %s", *ref ? "too long" : "empty");
        return GL_STATUS_INVALID;
    }
    struct gl_trust_entry *entry = gl_trust_find(daemon->trust, ref);
    if (entry && may_see(daemon, user, entry)) {
        *ret_entry = entry;
        return GL_STATUS_OK;
    }
    const struct gl_trust_vm *vm = gl_vms_find_silent(daemon, user, ref);
    if (vm)
        return gl_vms_absence(vm, why);
    struct prefix_search search = search_prefix(daemon, user, ref);
    if (search.n == 0) {
        gl_why(why, 0, "no guest named '%s'; `guestlink ls` shows them", ref);
        return GL_STATUS_NOT_FOUND;
    }
    if (search.n > 1) {
        gl_why(why, 0, "'%s' could be '%s', '%s'%s: give the whole name or id", ref,
               search.found[0]->name, search.found[1]->name, search.n > 2 ? " or others" : "");
        return GL_STATUS_PRECONDITION;
    }
    if (how == GL_LOOKUP_EXACT) {
        gl_why(why, 0,
               "no guest named '%s'; is '%s' meant? Only what just looks accepts the beginning of "
               "a name",
               ref, search.found[0]->name);
        return GL_STATUS_NOT_FOUND;
    }
    *ret_entry = search.found[0];
    return GL_STATUS_OK;
}

static void ago(uint64_t seconds, char *out, size_t size)
{
    static const struct {
        uint64_t unit;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    snprintf(out, size, "just now");
    for (size_t i = 0; i < GL_ARRAY_SIZE(units); i++) {
        uint64_t n = seconds / units[i].unit;
        if (n) {
            snprintf(out, size, "%llu %s%s ago", (unsigned long long)n, units[i].name,
                     n == 1 ? "" : "s");
            return;
        }
    }
}

enum gl_status gl_guest_absence(const struct gl_trust_entry *entry, struct gl_why *why)
{
    char when[48];
    uint64_t now = gl_now_s();
    switch (entry->state) {
    case GL__TRUST_STATE__TRUST_STATE_PENDING:
        gl_why(why, 0, "guest '%s' waits for approval: guestlink trust accept %s", entry->name,
               entry->fingerprint);
        return GL_STATUS_PENDING;
    case GL__TRUST_STATE__TRUST_STATE_REVOKED:
        gl_why(why, 0, "the key of guest '%s' was revoked", entry->name);
        return GL_STATUS_REVOKED;
    case GL__TRUST_STATE__TRUST_STATE_DUPLICATE:
        gl_why(why, 0, "guest '%s' is kept out: " GL_TRUST_REKEY ", then guestlink trust accept %s",
               entry->name, entry->fingerprint);
        return GL_STATUS_DUPLICATE_KEY;
    default:
        ago(now > entry->last_seen ? now - entry->last_seen : 0, when, sizeof when);
        gl_why(why, 0, "guest '%s' is not connected (last seen %s)%s", entry->name, when,
               entry->has_offered ? "; another key was offered for it: see guestlink trust ls"
                                  : "");
        return GL_STATUS_UNAVAILABLE;
    }
}
