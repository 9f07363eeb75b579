/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include "guest.h"
#include "service-host.h"
#include "wait.h"

#define QUEUE_MAX (4u * 1024) /* bytes of answers that nobody has read */

struct watcher {
    struct gl_list node; /* of daemon->watchers */
    struct gl_user *user;
    const struct gl_trust_entry *entry;
    struct gl_call *call;
    bool stale; /* what the caller was not told, since he does not read */
};

static void tell_watcher(struct watcher *watcher)
{
    watcher->stale = gl_call_queued(watcher->call) >= QUEUE_MAX;
    if (!watcher->stale)
        gl_host_reply_guest(watcher->call, watcher->entry);
}

static void end(struct watcher *watcher, enum gl_status status, const char *text)
{
    struct gl_call *call = watcher->call;
    watcher->user->waiting--;
    gl_list_remove(&watcher->node);
    gl_free(watcher);
    gl_call_finish(call, status, "%s", text);
}

static void on_sent(void *ctx, struct gl_call *call, size_t credit)
{
    struct watcher *watcher = ctx;
    (void)call, (void)credit;
    if (watcher->stale)
        tell_watcher(watcher);
}

static void on_cancel(void *ctx, struct gl_call *call, enum gl_status status)
{
    (void)call;
    end(ctx, status, "");
}

static const struct gl_call_events events = {.on_sent = on_sent, .on_cancel = on_cancel};

void gl_watch_start(struct gl_daemon *daemon, struct gl_user *user, struct gl_call *call,
                    const char *ref)
{
    struct gl_trust_entry *entry;
    struct gl_why why;
    enum gl_status status = gl_guest_resolve(daemon, user, ref, GL_LOOKUP_PREFIX, &entry, &why);
    if (status != GL_STATUS_OK) {
        gl_call_finish(call, status, "%s", why.text);
        return;
    }
    if (!gl_wait_take_place(user, call))
        return;
    struct watcher *watcher = GL_NEW0(struct watcher);
    watcher->user = user;
    watcher->entry = entry;
    watcher->call = call;
    gl_list_append(&daemon->watchers, &watcher->node);
    gl_call_handle(call, &events, watcher);
    tell_watcher(watcher);
}

void gl_watch_notify(struct gl_daemon *daemon, const struct gl_trust_entry *entry)
{
    const struct gl_rules_guest guest = {entry->name, entry->id};
    GL_LIST_FOREACH (node, &daemon->watchers) {
        struct watcher *watcher = GL_CONTAINER_OF(node, struct watcher, node);
        if (watcher->entry == entry && gl_rules_see(daemon->settings->rules, watcher->user, &guest))
            tell_watcher(watcher);
    }
}

void gl_watch_forget(struct gl_daemon *daemon, const struct gl_trust_entry *entry)
{
    GL_LIST_FOREACH_SAFE (node, &daemon->watchers) {
        struct watcher *watcher = GL_CONTAINER_OF(node, struct watcher, node);
        if (watcher->entry == entry)
            end(watcher, GL_STATUS_NOT_FOUND, "the host has forgotten this guest");
    }
}
