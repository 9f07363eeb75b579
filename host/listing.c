/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include "service-host.h"
#include "vms.h"

#define QUEUE_MAX (64u * 1024) /* bytes of answers that nobody has read */

struct listing {
    struct gl_daemon *daemon;
    const struct gl_user *user;
    struct gl_call *call;
    uint64_t next; /* number of the first entry that was not told of */
    bool silent;   /* machines without an agent too, */
    bool has_last; /* of which this is the one that was told of last */
    struct gl_guid last;
};

static void end(struct listing *listing, enum gl_status status)
{
    struct gl_call *call = listing->call;
    gl_free(listing);
    gl_call_finish(call, status, NULL);
}

/* Whether that was all. */
static bool tell_silent(struct listing *listing)
{
    const struct gl_trust_vm *vm;
    while ((vm = gl_vms_next_silent(listing->daemon, listing->has_last ? &listing->last : NULL))) {
        if (gl_call_queued(listing->call) >= QUEUE_MAX)
            return false;
        listing->last = vm->id;
        listing->has_last = true;
        if (gl_vms_may_see(listing->daemon, listing->user, vm))
            gl_vms_reply_silent(listing->call, vm);
    }
    return true;
}

static void go_on(struct listing *listing)
{
    const struct gl_rules *rules = listing->daemon->settings->rules;
    GL_LIST_FOREACH (node, &listing->daemon->trust->entries) {
        const struct gl_trust_entry *entry = GL_CONTAINER_OF(node, struct gl_trust_entry, node);
        const struct gl_rules_guest guest = {entry->name, entry->id};
        if (entry->number < listing->next || !gl_rules_see(rules, listing->user, &guest))
            continue;
        if (gl_call_queued(listing->call) >= QUEUE_MAX)
            return;
        listing->next = entry->number + 1;
        gl_host_reply_guest(listing->call, entry);
    }
    if (!listing->silent || tell_silent(listing))
        end(listing, GL_STATUS_OK);
}

/* Not for each item that has left: to find the next one takes a look at all. */
static void on_sent(void *ctx, struct gl_call *call, size_t credit)
{
    (void)credit;
    if (gl_call_queued(call) <= QUEUE_MAX / 2)
        go_on(ctx);
}

static void on_cancel(void *ctx, struct gl_call *call, enum gl_status status)
{
    (void)call;
    end(ctx, status);
}

static const struct gl_call_events events = {.on_sent = on_sent, .on_cancel = on_cancel};

void gl_listing_start(struct gl_daemon *daemon, const struct gl_user *user, struct gl_call *call,
                      bool silent)
{
    struct listing *listing = GL_NEW0(struct listing);
    listing->daemon = daemon;
    listing->user = user;
    listing->call = call;
    listing->silent = silent;
    gl_call_handle(call, &events, listing);
    go_on(listing);
}
