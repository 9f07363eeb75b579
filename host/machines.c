/* SPDX-License-Identifier: MIT */
#include "machines.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"

#define LEAVE_NS 1000000000ull /* that a source is waited for at the end */

/* What the loop and the thread share; freed by whichever leaves last. */
struct shared {
    const struct gl_machines_source *source;
    uint64_t every_ns;
    atomic_uint users; /* not under the lock: who is not the last may still be leaving that */
    uv_mutex_t lock;   /* of all below */
    uv_cond_t changed;
    uv_async_t *async;        /* NULL: the loop has gone */
    bool ended;               /* the thread has */
    struct gl_machine *items; /* heard, and not yet taken by the loop; NULL: nothing is new */
    size_t n;
    int error;  /* of the last time it was asked; 0: none */
    bool heard; /* the machines, once at least */
};

struct gl_machines {
    uv_async_t async;
    uv_thread_t thread;
    struct shared *shared;
    bool has_thread;
    struct gl_machine *items;
    size_t n;
    bool heard;        /* the machines, once at least */
    bool failed, lost; /* it was said in the log: before that, and after */
    gl_machines_cb on_change;
    void *ctx;
};

static void shared_put(struct shared *shared)
{
    if (atomic_fetch_sub(&shared->users, 1) != 1)
        return;
    gl_free(shared->items);
    uv_cond_destroy(&shared->changed);
    uv_mutex_destroy(&shared->lock);
    gl_free(shared);
}

/* ------------------------------------------------------------------ the thread */

/* An answer, or an error: then what was heard before stays. */
static void report(struct shared *shared, int error, struct gl_machine *items, size_t n)
{
    uv_mutex_lock(&shared->lock);
    shared->error = error;
    if (!error) {
        shared->heard = true;
        gl_free(shared->items);
        shared->items = items ? items : GL_NEW0(struct gl_machine);
        shared->n = n;
    }
    if (shared->async)
        uv_async_send(shared->async);
    uv_mutex_unlock(&shared->lock);
}

/* Once. Returns the state to go on with; NULL: the source is closed. */
static void *ask(struct shared *shared, void *state)
{
    struct gl_machine *items = NULL;
    size_t n = 0;
    int err = state ? 0 : shared->source->open(&state);
    if (err < 0) {
        report(shared, err, NULL, 0);
        return NULL;
    }
    err = shared->source->list(state, &items, &n);
    report(shared, err, items, n);
    if (err < 0) {
        shared->source->close(state);
        return NULL;
    }
    return state;
}

/* Whether there is nothing to ask. Who has answered before is away only for a while, whatever it
 * says: WMI has no namespace of Hyper-V while its repository is mended. */
static bool is_in_vain(const struct shared *shared)
{
    return shared->error == UV_ENOTSUP && !shared->heard;
}

/* Whether it is to be asked again: the loop is still there, too. */
static bool pause_a_while(struct shared *shared)
{
    uint64_t end = uv_hrtime() + shared->every_ns, now;
    uv_mutex_lock(&shared->lock);
    while (shared->async && !is_in_vain(shared) && (now = uv_hrtime()) < end)
        uv_cond_timedwait(&shared->changed, &shared->lock, end - now);
    bool go_on = shared->async != NULL && !is_in_vain(shared);
    uv_mutex_unlock(&shared->lock);
    return go_on;
}

static void run(void *arg)
{
    struct shared *shared = arg;
    void *state = NULL;
    do
        state = ask(shared, state);
    while (pause_a_while(shared));
    if (state)
        shared->source->close(state);
    uv_mutex_lock(&shared->lock);
    shared->ended = true;
    uv_cond_signal(&shared->changed);
    uv_mutex_unlock(&shared->lock);
    shared_put(shared);
}

/* ------------------------------------------------------------------ the loop */

static bool same(const struct gl_machines *machines, const struct gl_machine *items, size_t n)
{
    if (n != machines->n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!gl_guid_equal(&items[i].id, &machines->items[i].id) ||
            items[i].state != machines->items[i].state ||
            strcmp(items[i].name, machines->items[i].name) != 0)
            return false;
    return true;
}

/* Once each: a hypervisor that comes and goes does not fill the log. */
static void say(struct gl_machines *machines, int error)
{
    bool *said = machines->heard ? &machines->lost : &machines->failed;
    if (*said)
        return;
    *said = true;
    if (machines->heard)
        gl_warn("the hypervisor does not name its virtual machines any more (%s): guests keep "
                "their names; it is asked again",
                uv_strerror(error));
    else if (error == UV_ENOTSUP)
        gl_info("no hypervisor here names virtual machines: guests have the names that they "
                "propose");
    else
        gl_warn("the hypervisor does not name its virtual machines (%s): guests have the names "
                "that they propose; it is asked again",
                uv_strerror(error));
}

static void take(struct gl_machines *machines, struct gl_machine *items, size_t n)
{
    bool changed = !same(machines, items, n);
    gl_free(machines->items);
    machines->items = items;
    machines->n = n;
    if (!machines->heard)
        gl_info("the hypervisor names %zu virtual machines", n);
    machines->heard = true;
    if (changed)
        machines->on_change(machines->ctx, items, n);
}

static void on_async(uv_async_t *async)
{
    struct gl_machines *machines = async->data;
    struct shared *shared = machines->shared;
    uv_mutex_lock(&shared->lock);
    struct gl_machine *items = shared->items;
    size_t n = shared->n;
    int error = shared->error;
    shared->items = NULL;
    uv_mutex_unlock(&shared->lock);
    if (items)
        take(machines, items, n);
    if (error)
        say(machines, error);
}

struct gl_machines *gl_machines_new(uv_loop_t *loop, const struct gl_machines_source *source,
                                    unsigned every_ms, gl_machines_cb on_change, void *ctx)
{
    if (!source)
        return NULL;
    struct gl_machines *machines = GL_NEW0(struct gl_machines);
    struct shared *shared = GL_NEW0(struct shared);
    machines->shared = shared;
    machines->async.data = machines;
    machines->on_change = on_change;
    machines->ctx = ctx;
    shared->source = source;
    shared->every_ns = (uint64_t)every_ms * 1000000;
    shared->async = &machines->async;
    if (uv_mutex_init(&shared->lock) != 0 || uv_cond_init(&shared->changed) != 0 ||
        uv_async_init(loop, &machines->async, on_async) != 0)
        abort(); /* as when memory is out */
    uv_unref((uv_handle_t *)&machines->async);
    atomic_init(&shared->users, 2);
    machines->has_thread = uv_thread_create(&machines->thread, run, shared) == 0;
    if (!machines->has_thread) /* then there are no machines */
        atomic_fetch_sub(&shared->users, 1);
    return machines;
}

static void on_closed(uv_handle_t *handle)
{
    struct gl_machines *machines = handle->data;
    gl_free(machines->items);
    gl_free(machines);
}

void gl_machines_free(struct gl_machines *machines)
{
    if (!machines)
        return;
    struct shared *shared = machines->shared;
    uint64_t end = uv_hrtime() + LEAVE_NS, now;
    uv_mutex_lock(&shared->lock);
    shared->async = NULL;
    uv_cond_signal(&shared->changed);
    while (machines->has_thread && !shared->ended && (now = uv_hrtime()) < end)
        uv_cond_timedwait(&shared->changed, &shared->lock, end - now);
    bool join = machines->has_thread && shared->ended;
    uv_mutex_unlock(&shared->lock);
    if (join)
        uv_thread_join(&machines->thread);
    shared_put(shared);
    uv_close((uv_handle_t *)&machines->async, on_closed);
}
