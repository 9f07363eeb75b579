/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's virtual machines in the daemon: guests are called as their machines are, and
 * machines without an agent are known as such.
 */
#ifndef GL_VMS_H
#define GL_VMS_H

#include "daemon.h"

struct gl_call;

/* From here on the trust store hears what the source has; source NULL: nothing happens. */
void gl_vms_start(struct gl_daemon *daemon, const struct gl_machines_source *source);
void gl_vms_stop(struct gl_daemon *daemon);

/* A machine that no guest is known of: NULL for the first, then the one after `after`; NULL: there
 * is none. By ascending id, which stays the same while machines come and go. */
const struct gl_trust_vm *gl_vms_next_silent(const struct gl_daemon *daemon,
                                             const struct gl_guid *after);
/* The same by its name, if the user may see it. */
const struct gl_trust_vm *gl_vms_find_silent(const struct gl_daemon *daemon,
                                             const struct gl_user *user, const char *name);
bool gl_vms_may_see(const struct gl_daemon *daemon, const struct gl_user *user,
                    const struct gl_trust_vm *vm);

Gl__MachineState gl_vms_state(enum gl_machine_state state);
/* A Guest message of a machine without an agent. */
void gl_vms_reply_silent(struct gl_call *call, const struct gl_trust_vm *vm);
/* Why no call can go to it. */
enum gl_status gl_vms_absence(const struct gl_trust_vm *vm, struct gl_why *why);

#endif
