/* SPDX-License-Identifier: MIT */
#include "vms.h"

#include <string.h>

#include "call.h"
#include "guest.h"
#include "session.h"
#include "wait.h"
#include "watch.h"

#define EVERY_MS 5000u

#define ENTRY_OF(node) GL_CONTAINER_OF(node, struct gl_trust_entry, node)

/* ------------------------------------------------------------------ what changes */

/* It came before its machine was known. A copy of another machine is not let in otherwise: whoever
 * calls the original must not reach the copy. */
static void adopt(struct gl_daemon *daemon, struct gl_trust_entry *entry)
{
    struct gl_guest *guest = entry->owner;
    struct gl_address address;
    if (!guest || !guest->session)
        return;
    gl_session_address(guest->session, &address);
    if (address.kind != GL_ADDRESS_HVSOCK)
        return;
    gl_trust_adopt(daemon->trust, entry, &address.vm);
    if (entry->vm_there && !gl_guid_equal(&entry->vm, &address.vm))
        gl_session_dismiss(
            guest, GL_STATUS_DUPLICATE_KEY,
            "its key is another virtual machine's: if this is a copy, " GL_TRUST_REKEY);
}

static void on_change(void *ctx, const struct gl_machine *items, size_t n)
{
    struct gl_daemon *daemon = ctx;
    gl_trust_set_vms(daemon->trust, items, n);
    GL_LIST_FOREACH (node, &daemon->trust->entries)
        adopt(daemon, ENTRY_OF(node));
}

static void on_rename(void *ctx, struct gl_trust_entry *entry)
{
    if (gl_guest_state(entry) == GL__GUEST_STATE__GUEST_STATE_CONNECTED)
        gl_wait_notify(ctx, entry);
    gl_watch_notify(ctx, entry);
}

void gl_vms_start(struct gl_daemon *daemon, const struct gl_machines_source *source)
{
    daemon->trust->on_rename = on_rename;
    daemon->machines = gl_machines_new(daemon->loop, source, EVERY_MS, on_change, daemon);
}

void gl_vms_stop(struct gl_daemon *daemon)
{
    gl_machines_free(daemon->machines);
    daemon->machines = NULL;
}

/* ------------------------------------------------------------------ without an agent */

const struct gl_trust_vm *gl_vms_next_silent(const struct gl_daemon *daemon,
                                             const struct gl_guid *after)
{
    const struct gl_trust_vm *vm = gl_trust_next_vm(daemon->trust, after);
    while (vm && !gl_trust_is_silent(daemon->trust, vm))
        vm = gl_trust_next_vm(daemon->trust, &vm->id);
    return vm;
}

bool gl_vms_may_see(const struct gl_daemon *daemon, const struct gl_user *user,
                    const struct gl_trust_vm *vm)
{
    char id[GL_GUID_TEXT_SIZE];
    const struct gl_rules_guest guest = {vm->name, gl_guid_format(&vm->id, id)};
    return gl_rules_see(daemon->settings->rules, user, &guest);
}

const struct gl_trust_vm *gl_vms_find_silent(const struct gl_daemon *daemon,
                                             const struct gl_user *user, const char *name)
{
    struct gl_trust *trust = daemon->trust;
    for (size_t i = 0; i < trust->n_vms; i++)
        if (strcmp(trust->vms[i].name, name) == 0 && gl_trust_is_silent(trust, &trust->vms[i]) &&
            gl_vms_may_see(daemon, user, &trust->vms[i]))
            return &trust->vms[i];
    return NULL;
}

/* ------------------------------------------------------------------ telling */

static const struct {
    Gl__MachineState state;
    const char *text;
} states[] = {
    [GL_MACHINE_OTHER] = {GL__MACHINE_STATE__MACHINE_STATE_OTHER, "not running"},
    [GL_MACHINE_RUNNING] = {GL__MACHINE_STATE__MACHINE_STATE_RUNNING, "running"},
    [GL_MACHINE_OFF] = {GL__MACHINE_STATE__MACHINE_STATE_OFF, "off"},
    [GL_MACHINE_SAVED] = {GL__MACHINE_STATE__MACHINE_STATE_SAVED, "saved"},
    [GL_MACHINE_PAUSED] = {GL__MACHINE_STATE__MACHINE_STATE_PAUSED, "paused"},
};

Gl__MachineState gl_vms_state(enum gl_machine_state state)
{
    return states[state].state;
}

void gl_vms_reply_silent(struct gl_call *call, const struct gl_trust_vm *vm)
{
    Gl__Guest guest = GL__GUEST__INIT;
    char id[GL_GUID_TEXT_SIZE];
    guest.vm = gl_guid_format(&vm->id, id);
    guest.machine = gl_vms_state(vm->state);
    guest.name = (char *)(uintptr_t)vm->name;
    guest.state = GL__GUEST_STATE__GUEST_STATE_NO_AGENT;
    gl_call_reply(call, &guest);
}

enum gl_status gl_vms_absence(const struct gl_trust_vm *vm, struct gl_why *why)
{
    if (vm->state == GL_MACHINE_RUNNING)
        gl_why(why, 0,
               "no agent has connected from the virtual machine '%s': install and start "
               "guestlink-agent in it",
               vm->name);
    else
        gl_why(why, 0,
               "no agent has connected from the virtual machine '%s', which is %s: start it, with "
               "guestlink-agent in it",
               vm->name, states[vm->state].text);
    return GL_STATUS_UNAVAILABLE;
}
