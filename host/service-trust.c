/* SPDX-License-Identifier: MIT */
/* The service `trust` of the control socket: whose keys are accepted, and the site. */
#include <sodium.h>
#include <string.h>

#include "control.h"
#include "listing.h"
#include "platform.h"
#include "service-host.h"
#include "session.h"

#define REQUEST_MAX 4096u
#define BUNDLE_MAX  (64u * 1024) /* of a request; the site says itself what is too long */

/* ------------------------------------------------------------------ keys */

static void list(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    (void)request;
    gl_listing_start(client->daemon, client->user, call, false);
}

/* By an offered key's id or fingerprint gl_guest_resolve() would find nothing. */
static bool may_accept(struct gl_call *call, const char *ref)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    struct gl_trust_entry *entry = gl_trust_find_offered(client->daemon->trust, ref);
    if (!entry)
        return gl_host_resolve(call, ref, GL_LOOKUP_EXACT);
    return gl_host_resolve(call, entry->name, GL_LOOKUP_EXACT);
}

static void accept_key(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    const char *ref = ((const Gl__GuestRef *)request)->guest;
    struct gl_trust_entry *entry;
    struct gl_why why;
    bool swapped = false;
    if (!may_accept(call, ref))
        return;
    enum gl_status status = gl_trust_accept(client->daemon->trust, ref, &entry, &swapped, &why);
    if (status != GL_STATUS_OK) {
        gl_call_finish(call, status, "%s", why.text);
        return;
    }
    gl_info("key %s of guest '%s' is accepted (by %s)", entry->id, entry->name, client->user->name);
    if (swapped && entry->owner)
        gl_session_dismiss(entry->owner, GL_STATUS_REVOKED,
                           "another key took the place of this one");
    gl_host_reply_guest(call, entry);
    gl_call_finish(call, GL_STATUS_OK, NULL);
}

static void revoke_key(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    const Gl__GuestRef *ref = (const Gl__GuestRef *)request;
    struct gl_trust_entry *entry = gl_host_resolve(call, ref->guest, GL_LOOKUP_EXACT);
    struct gl_why why;
    if (!entry)
        return;
    enum gl_status status = gl_trust_revoke(client->daemon->trust, entry, &why);
    if (status != GL_STATUS_OK) {
        gl_call_finish(call, status, "%s", why.text);
        return;
    }
    gl_info("key %s of guest '%s' is revoked (by %s)", entry->id, entry->name, client->user->name);
    if (entry->owner)
        gl_session_dismiss(entry->owner, GL_STATUS_REVOKED, "the host has revoked this key");
    gl_host_reply_guest(call, entry);
    gl_call_finish(call, GL_STATUS_OK, NULL);
}

/* ------------------------------------------------------------------ the site */

static void fail(struct gl_call *call, enum gl_status status, const struct gl_why *why)
{
    gl_call_finish(call, status, "%s", why->text);
}

static void reply_site(struct gl_call *call, bool key_changed)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    Gl__Site site;
    gl_host_fill_site(client->daemon->site, &site);
    site.key_changed = key_changed;
    gl_call_reply(call, &site);
    gl_call_finish(call, GL_STATUS_OK, NULL);
}

/* A guest learns of a new site from the host that it knows, and only when it greets: until then the
 * site's other hosts are strangers to it. */
static void reply_change(struct gl_call *call, const uint8_t before[GL_KEY_SIZE])
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    struct gl_daemon *daemon = client->daemon;
    bool changed = memcmp(before, daemon->site->site.public_key, GL_KEY_SIZE) != 0;
    if (changed)
        gl_sessions_redial(daemon, "this host has another site, which it is to learn");
    reply_site(call, changed);
}

/* The rules, for a call that is about no guest. */
static bool may(struct gl_call *call)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    if (gl_control_may(client, NULL, gl_call_service(call)->name, gl_call_method(call)->name))
        return true;
    gl_control_log_denied(client, "", gl_call_service(call)->name, gl_call_method(call)->name);
    gl_call_finish(call, GL_STATUS_DENIED, "the rules of this host do not let '%s' do that",
                   client->user->name);
    return false;
}

static void site(struct gl_call *call, const ProtobufCMessage *request)
{
    (void)request;
    reply_site(call, false);
}

static void site_init(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    struct gl_site *site = client->daemon->site;
    const Gl__SiteInit *init = (const Gl__SiteInit *)request;
    uint8_t before[GL_KEY_SIZE];
    struct gl_why why;
    if (!may(call))
        return;
    memcpy(before, site->site.public_key, sizeof before);
    enum gl_status status = gl_site_init(site, init->name, init->force, gl_now_s(), &why);
    if (status == GL_STATUS_OK)
        reply_change(call, before);
    else
        fail(call, status, &why);
}

/* The bundle has the site's secret: rules do not count here, only who could read the key's file
 * anyway. */
static void site_export(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    (void)request;
    if (!gl_platform_is_superuser(client->user->uid) && client->user->uid != gl_platform_uid()) {
        gl_call_finish(
            call, GL_STATUS_DENIED,
            "the bundle has the site's secret key: only %s and the daemon's own user get it",
            gl_platform_superusers);
        return;
    }
    char *bundle = gl_site_export(client->daemon->site);
    size_t len = strlen(bundle);
    Gl__SiteBundle reply = GL__SITE_BUNDLE__INIT;
    reply.bundle = (ProtobufCBinaryData){len, (uint8_t *)bundle};
    gl_warn("the site's secret key was given to user '%s'", client->user->name);
    gl_call_reply_secret(call, &reply);
    gl_call_finish(call, GL_STATUS_OK, NULL);
    gl_secure_free(bundle, len);
}

static void site_join(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    struct gl_site *site = client->daemon->site;
    const Gl__SiteJoin *join = (const Gl__SiteJoin *)request;
    uint8_t before[GL_KEY_SIZE];
    struct gl_why why;
    if (!may(call))
        return;
    memcpy(before, site->site.public_key, sizeof before);
    enum gl_status status =
        gl_site_join(site, join->bundle.data, join->bundle.len, join->force, gl_now_s(), &why);
    if (status == GL_STATUS_OK)
        reply_change(call, before);
    else
        fail(call, status, &why);
}

/* Sorted by name. */
static const struct gl_method methods[] = {
    {.name = "accept",
     .request = &gl__guest_ref__descriptor,
     .request_max = REQUEST_MAX,
     .start = accept_key},
    {.name = "list", .request = &gl__empty__descriptor, .request_max = REQUEST_MAX, .start = list},
    {.name = "revoke",
     .request = &gl__guest_ref__descriptor,
     .request_max = REQUEST_MAX,
     .start = revoke_key},
    {.name = "site", .request = &gl__empty__descriptor, .request_max = REQUEST_MAX, .start = site},
    {.name = "site_export",
     .request = &gl__site_export__descriptor,
     .request_max = REQUEST_MAX,
     .start = site_export},
    {.name = "site_init",
     .request = &gl__site_init__descriptor,
     .request_max = REQUEST_MAX,
     .start = site_init},
    {.name = "site_join",
     .request = &gl__site_join__descriptor,
     .request_max = BUNDLE_MAX,
     .start = site_join},
    {0},
};

const struct gl_service gl_service_trust = {
    .name = "trust", .version = 1, .group = "manage", .methods = methods};
