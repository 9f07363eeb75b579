/* SPDX-License-Identifier: MIT */
#include "wait.h"

#include <stdio.h>
#include <string.h>

#include "guest.h"
#include "service-host.h"

struct waiter {
    struct gl_list node; /* of daemon->waiters */
    struct gl_daemon *daemon;
    struct gl_user *user;
    struct gl_call *call;
    char ref[GL_NAME_SIZE];
};

bool gl_wait_take_place(struct gl_user *user, struct gl_call *call)
{
    if (user->waiting >= GL_USER_WAITING_MAX) {
        gl_call_finish(call, GL_STATUS_LIMIT,
                       "this client waits for, or watches, %u guests already", GL_USER_WAITING_MAX);
        return false;
    }
    user->waiting++;
    return true;
}

static void answer(struct gl_call *call, const struct gl_trust_entry *entry)
{
    gl_host_reply_guest(call, entry);
    gl_call_finish(call, GL_STATUS_OK, NULL);
}

static void on_cancel(void *ctx, struct gl_call *call, enum gl_status status)
{
    struct waiter *waiter = ctx;
    waiter->user->waiting--;
    gl_list_remove(&waiter->node);
    gl_free(waiter);
    gl_call_finish(call, status, NULL);
}

static const struct gl_call_events events = {.on_cancel = on_cancel};

/* An id or a fingerprint: of a key that may still come. */
static bool is_of_key(const char *ref)
{
    size_t len = strlen(ref);
    return (len == GL_TRUST_ID_SIZE - 1 || len == GL_FINGERPRINT_SIZE - 1) &&
           strspn(ref, "0123456789abcdef") == len;
}

/* Where the hypervisor names guests there are more names. */
static const char *fault_of(const struct gl_daemon *daemon, const char *ref)
{
    return daemon->machines && gl_name_is_vm(ref) ? NULL : gl_name_fault(ref);
}

/*
 * A beginning of a name counts only for guests that are known when the call is made: otherwise
 * 'web1', waited for before it has ever come, would be answered by a 'web10' that came first.
 */
void gl_wait_start(struct gl_daemon *daemon, struct gl_user *user, struct gl_call *call,
                   const char *ref)
{
    struct gl_trust_entry *entry = NULL;
    struct gl_why why;
    enum gl_status status = gl_guest_resolve(daemon, user, ref, GL_LOOKUP_PREFIX, &entry, &why);
    /* UNAVAILABLE: a machine whose agent may still come. */
    if (status != GL_STATUS_OK && status != GL_STATUS_NOT_FOUND &&
        status != GL_STATUS_UNAVAILABLE) {
        gl_call_finish(call, status, "%s", why.text);
        return;
    }
    const char *fault = status == GL_STATUS_NOT_FOUND ? fault_of(daemon, ref) : NULL;
    if (fault && !is_of_key(ref)) {
        gl_call_finish(call, GL_STATUS_INVALID, "'%s' cannot be a guest's name: %s", ref, fault);
        return;
    }
    if (status == GL_STATUS_NOT_FOUND && strlen(ref) >= GL_NAME_SIZE) {
        gl_call_finish(call, status, "%s", why.text);
        return;
    }
    if (entry && gl_guest_state(entry) == GL__GUEST_STATE__GUEST_STATE_CONNECTED) {
        answer(call, entry);
        return;
    }
    if (!gl_wait_take_place(user, call))
        return;
    struct waiter *waiter = GL_NEW0(struct waiter);
    waiter->daemon = daemon;
    waiter->user = user;
    waiter->call = call;
    bool exact = !entry || gl_trust_find(daemon->trust, ref) == entry;
    snprintf(waiter->ref, sizeof waiter->ref, "%s", exact ? ref : entry->name);
    gl_list_append(&daemon->waiters, &waiter->node);
    gl_call_handle(call, &events, waiter);
}

void gl_wait_notify(struct gl_daemon *daemon, struct gl_trust_entry *entry)
{
    const struct gl_rules_guest guest = {entry->name, entry->id};
    GL_LIST_FOREACH_SAFE (node, &daemon->waiters) {
        struct waiter *waiter = GL_CONTAINER_OF(node, struct waiter, node);
        if (strcmp(waiter->ref, entry->name) != 0 && strcmp(waiter->ref, entry->id) != 0 &&
            strcmp(waiter->ref, entry->fingerprint) != 0)
            continue;
        if (!gl_rules_see(daemon->settings->rules, waiter->user, &guest))
            continue;
        waiter->user->waiting--;
        gl_list_remove(&waiter->node);
        answer(waiter->call, entry);
        gl_free(waiter);
    }
}
