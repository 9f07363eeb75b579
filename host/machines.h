/* SPDX-License-Identifier: MIT */
/*
 * The virtual machines of this host as its hypervisor knows them, kept up to date by a thread that
 * asks again and again: so that a user may call a guest as he calls the machine, and a machine that
 * is renamed is called by its new name at once.
 */
#ifndef GL_MACHINES_H
#define GL_MACHINES_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "guid.h"

#define GL_MACHINE_NAME_SIZE 512u /* bytes with NUL; Hyper-V's names have 100 characters */
#define GL_MACHINES_MAX      4096u

enum gl_machine_state {
    GL_MACHINE_OTHER, /* it starts, stops, or is in a state that we do not know */
    GL_MACHINE_RUNNING,
    GL_MACHINE_OFF,
    GL_MACHINE_SAVED,
    GL_MACHINE_PAUSED,
};

struct gl_machine {
    struct gl_guid id; /* the VmId; not the same for ever */
    enum gl_machine_state state;
    char name[GL_MACHINE_NAME_SIZE]; /* valid UTF-8; two machines may have the same one */
};

/* Where they are asked for. All of it is called on one thread of its own, and may block. */
struct gl_machines_source {
    /* 0. UV_ENOTSUP: there is no hypervisor that names its machines; it is not asked again, unless
     * it has named them before. Other UV_E*: not possible now; it is tried again. */
    int (*open)(void **ret_state);
    /* All machines, in *ret_items for gl_free(), GL_MACHINES_MAX at most. Negative UV_E*: the
     * source is closed, and opened anew next time. */
    int (*list)(void *state, struct gl_machine **ret_items, size_t *ret_n);
    void (*close)(void *state);
};

/* The hypervisor's; NULL where there is none that names its machines (linux/, host-win/vm.c). */
extern const struct gl_machines_source *const gl_machines_system;

struct gl_machines;

/* What was heard is something else than before; valid until the next one, or gl_machines_free(). */
typedef void (*gl_machines_cb)(void *ctx, const struct gl_machine *items, size_t n);

/*
 * Asks at once and then every `every_ms`; says in the log, once each, that the machines are known,
 * why they are not, and that they are not heard of any more. source NULL: returns NULL. Does not
 * keep the loop alive.
 */
struct gl_machines *gl_machines_new(uv_loop_t *loop, const struct gl_machines_source *source,
                                    unsigned every_ms, gl_machines_cb on_change, void *ctx);
/* Waits a second at most for a source that hangs, and leaves it behind then. NULL is nothing. */
void gl_machines_free(struct gl_machines *machines);

#endif
