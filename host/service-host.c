/* SPDX-License-Identifier: MIT */
/* The service `host` of the control socket: what the daemon knows of its guests, and of itself. */
#include <string.h>

#include "admission.h"
#include "control.h"
#include "escape.h"
#include "guest.h"
#include "handshake.h"
#include "listing.h"
#include "platform.h"
#include "service-host.h"
#include "wait.h"
#include "watch.h"

#define ENTRY_OF(node) GL_CONTAINER_OF(node, struct gl_trust_entry, node)
#define REQUEST_MAX    4096u

void gl_host_reply_guest(struct gl_call *call, const struct gl_trust_entry *entry)
{
    Gl__Guest guest;
    struct gl_guest_buffer buffer;
    gl_guest_describe(entry, &guest, &buffer);
    gl_call_reply(call, &guest);
}

struct gl_trust_entry *gl_host_resolve(struct gl_call *call, const char *ref,
                                       enum gl_guest_lookup how)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    struct gl_trust_entry *entry;
    struct gl_why why;
    enum gl_status status = gl_guest_resolve(client->daemon, client->user, ref, how, &entry, &why);
    if (status != GL_STATUS_OK) {
        gl_call_finish(call, status, "%s", why.text);
        return NULL;
    }
    if (how == GL_LOOKUP_EXACT &&
        !gl_control_may(client, entry, gl_call_service(call)->name, gl_call_method(call)->name)) {
        gl_control_log_denied(client, entry->name, gl_call_service(call)->name,
                              gl_call_method(call)->name);
        gl_call_finish(call, GL_STATUS_DENIED,
                       "the rules of this host do not let '%s' do that to '%s'", client->user->name,
                       entry->name);
        return NULL;
    }
    return entry;
}

static void list(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    (void)request;
    gl_listing_start(client->daemon, client->user, call, true);
}

/* ------------------------------------------------------------------ guests */

static void get(struct gl_call *call, const ProtobufCMessage *request)
{
    const Gl__GuestRef *ref = (const Gl__GuestRef *)request;
    struct gl_trust_entry *entry = gl_host_resolve(call, ref->guest, GL_LOOKUP_PREFIX);
    if (!entry)
        return;
    gl_host_reply_guest(call, entry);
    gl_call_finish(call, GL_STATUS_OK, NULL);
}

/* `ready` is the same as connected for now: agents do not say yet when their system has started up.
 */
static void wait_for(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    gl_wait_start(client->daemon, client->user, call, ((const Gl__GuestWait *)request)->guest);
}

static void watch(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    gl_watch_start(client->daemon, client->user, call, ((const Gl__GuestRef *)request)->guest);
}

static void rename_guest(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    const Gl__GuestRename *rename = (const Gl__GuestRename *)request;
    struct gl_trust_entry *entry = gl_host_resolve(call, rename->guest, GL_LOOKUP_EXACT);
    struct gl_why why;
    if (!entry)
        return;
    enum gl_status status = gl_trust_rename(client->daemon->trust, entry, rename->name, &why);
    if (status == GL_STATUS_OK) {
        gl_info("guest '%s' is called '%s' now (by %s)", rename->guest, entry->name,
                client->user->name);
        gl_host_reply_guest(call, entry);
    }
    gl_call_finish(call, status, "%s", status == GL_STATUS_OK ? "" : why.text);
}

static void forget(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    const Gl__GuestRef *ref = (const Gl__GuestRef *)request;
    struct gl_trust_entry *entry = gl_host_resolve(call, ref->guest, GL_LOOKUP_EXACT);
    struct gl_why why;
    if (!entry)
        return;
    if (gl_guest_state(entry) == GL__GUEST_STATE__GUEST_STATE_CONNECTED) {
        gl_call_finish(
            call, GL_STATUS_PRECONDITION,
            "guest '%s' is connected, and would be back at once: stop its agent first, or "
            "revoke its key",
            entry->name);
        return;
    }
    char name[GL_NAME_SIZE];
    memcpy(name, entry->name, sizeof name);
    enum gl_status status = gl_trust_forget(client->daemon->trust, entry, gl_now_s(), &why);
    if (status == GL_STATUS_OK) {
        Gl__Empty empty = GL__EMPTY__INIT;
        gl_info("guest '%s' is forgotten (by %s)", name, client->user->name);
        gl_call_reply(call, &empty);
    }
    gl_call_finish(call, status, "%s", status == GL_STATUS_OK ? "" : why.text);
}

/* ------------------------------------------------------------------ the daemon itself */

struct status_buffer {
    Gl__HostStatus__Listener listeners[GL_LISTEN_MAX], *pointers[GL_LISTEN_MAX];
    Gl__HostStatus__Refusal refusals[GL_REFUSALS_MAX], *refusal_pointers[GL_REFUSALS_MAX];
    char addresses[GL_LISTEN_MAX][600];
    char *state, *config; /* paths as valid UTF-8 */
};

static size_t fill_listeners(const struct gl_daemon *daemon, struct status_buffer *buffer)
{
    size_t n = 0;
    GL_LIST_FOREACH (node, &daemon->doors) {
        struct gl_door *door = GL_CONTAINER_OF(node, struct gl_door, node);
        Gl__HostStatus__Listener *out = &buffer->listeners[n];
        gl__host_status__listener__init(out);
        gl_address_text(&door->listen->address, buffer->addresses[n], sizeof buffer->addresses[n]);
        out->address = buffer->addresses[n];
        out->name = (char *)(uintptr_t)door->listen->name;
        out->error = door->error;
        out->accepted = door->accepted;
        out->refused = door->refused;
        buffer->pointers[n++] = out;
    }
    return n;
}

static size_t fill_refusals(const struct gl_daemon *daemon, struct status_buffer *buffer)
{
    const struct gl_refusals *refusals = &daemon->refusals;
    for (size_t i = 0; i < refusals->count; i++) {
        const struct gl_refusal *refusal = &refusals->items[i];
        Gl__HostStatus__Refusal *out = &buffer->refusals[i];
        gl__host_status__refusal__init(out);
        out->place = (char *)(uintptr_t)refusal->place;
        out->reason = (char *)(uintptr_t)refusal->reason;
        out->status = (uint32_t)refusal->status;
        out->by_guest = refusal->by_guest;
        out->at = refusal->at;
        out->count = refusal->count;
        buffer->refusal_pointers[i] = out;
    }
    return refusals->count;
}

static unsigned count_connected(const struct gl_daemon *daemon)
{
    unsigned n = 0;
    GL_LIST_FOREACH (node, &daemon->trust->entries)
        n += gl_guest_state(ENTRY_OF(node)) == GL__GUEST_STATE__GUEST_STATE_CONNECTED;
    return n;
}

void gl_host_fill_site(const struct gl_site *site, Gl__Site *ret_site)
{
    gl__site__init(ret_site);
    ret_site->name = (char *)(uintptr_t)site->name;
    ret_site->fingerprint = (char *)(uintptr_t)site->fingerprint;
    ret_site->host_name = (char *)(uintptr_t)site->host_name;
    ret_site->host_fingerprint = (char *)(uintptr_t)site->host_fingerprint;
    ret_site->certificate_not_after = site->not_after;
}

static void status_of(struct gl_call *call, const ProtobufCMessage *request)
{
    struct gl_control_client *client = gl_call_dispatch_context(call);
    const struct gl_daemon *daemon = client->daemon;
    struct status_buffer *buffer = GL_NEW0(struct status_buffer);
    Gl__HostStatus status = GL__HOST_STATUS__INIT;
    Gl__Site site;
    (void)request;
    gl_host_fill_site(daemon->site, &site);
    status.version = (char *)(uintptr_t)PACKAGE_VERSION;
    status.protocol_version = GL_PROTOCOL_VERSION;
    status.started = daemon->started_s;
    status.pid = (uint64_t)uv_os_getpid();
    status.user = (char *)(uintptr_t)daemon->user;
    status.state_directory = buffer->state = gl_escape_dup(daemon->settings->state);
    status.config_file = buffer->config = gl_escape_dup(daemon->settings->config);
    status.n_listeners = fill_listeners(daemon, buffer);
    status.listeners = buffer->pointers;
    status.trust =
        (char *)(uintptr_t)(daemon->settings->trust == GL_TRUST_APPROVE ? "approve" : "first-use");
    status.site = &site;
    /* Places and reasons are of guests that the user may not know of. */
    if (gl_control_may(client, NULL, "host", "status")) {
        status.n_refusals = fill_refusals(daemon, buffer);
        status.refusals = buffer->refusal_pointers;
        if (daemon->config_error)
            status.config_error = daemon->config_error;
    }
    if (daemon->control_note)
        status.control_note = daemon->control_note;
    status.store_error = (char *)(uintptr_t)daemon->trust->save_error;
    status.guests_connected = count_connected(daemon);
    status.guests_known = daemon->trust->count;
    gl_call_reply(call, &status);
    gl_call_finish(call, GL_STATUS_OK, NULL);
    gl_free(buffer->state);
    gl_free(buffer->config);
    gl_free(buffer);
}

/* Sorted by name. */
static const struct gl_method methods[] = {
    {.name = "forget",
     .request = &gl__guest_ref__descriptor,
     .request_max = REQUEST_MAX,
     .start = forget},
    {.name = "get",
     .request = &gl__guest_ref__descriptor,
     .request_max = REQUEST_MAX,
     .start = get},
    {.name = "list", .request = &gl__empty__descriptor, .request_max = REQUEST_MAX, .start = list},
    {.name = "rename",
     .request = &gl__guest_rename__descriptor,
     .request_max = REQUEST_MAX,
     .start = rename_guest},
    {.name = "status",
     .request = &gl__empty__descriptor,
     .request_max = REQUEST_MAX,
     .start = status_of},
    {.name = "wait",
     .request = &gl__guest_wait__descriptor,
     .request_max = REQUEST_MAX,
     .start = wait_for},
    {.name = "watch",
     .request = &gl__guest_ref__descriptor,
     .request_max = REQUEST_MAX,
     .start = watch},
    {0},
};

const struct gl_service gl_service_host = {
    .name = "host", .version = 1, .group = "manage", .methods = methods};
