/* SPDX-License-Identifier: MIT */
#include "machines.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

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
};

struct gl_machines {
    uv_async_t async;
    uv_thread_t thread;
    struct shared *shared;
    bool has_thread;
    struct gl_machine *items;
    size_t n;
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

/* One answer. Returns the state to go on with; NULL: the source is closed. */
static void *ask(struct shared *shared, void *state)
{
    struct gl_machine *items = NULL;
    size_t n = 0;
    if (!state)
        state = shared->source->open();
    if (!state)
        return NULL;
    if (shared->source->list(state, &items, &n) < 0) {
        shared->source->close(state);
        return NULL;
    }
    uv_mutex_lock(&shared->lock);
    gl_free(shared->items);
    shared->items = items ? items : GL_NEW0(struct gl_machine);
    shared->n = n;
    if (shared->async)
        uv_async_send(shared->async);
    uv_mutex_unlock(&shared->lock);
    return state;
}

/* Whether the loop is still there. */
static bool pause_a_while(struct shared *shared)
{
    uint64_t end = uv_hrtime() + shared->every_ns, now;
    uv_mutex_lock(&shared->lock);
    while (shared->async && (now = uv_hrtime()) < end)
        uv_cond_timedwait(&shared->changed, &shared->lock, end - now);
    bool go_on = shared->async != NULL;
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

static void on_async(uv_async_t *async)
{
    struct gl_machines *machines = async->data;
    struct shared *shared = machines->shared;
    uv_mutex_lock(&shared->lock);
    if (shared->items) {
        gl_free(machines->items);
        machines->items = shared->items;
        machines->n = shared->n;
        shared->items = NULL;
    }
    uv_mutex_unlock(&shared->lock);
}

struct gl_machines *gl_machines_new(uv_loop_t *loop, const struct gl_machines_source *source,
                                    unsigned every_ms)
{
    if (!source)
        return NULL;
    struct gl_machines *machines = GL_NEW0(struct gl_machines);
    struct shared *shared = GL_NEW0(struct shared);
    machines->shared = shared;
    machines->async.data = machines;
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

/* ------------------------------------------------------------------ asking */

const struct gl_machine *gl_machines_by_id(const struct gl_machines *machines,
                                           const struct gl_guid *id)
{
    for (size_t i = 0; machines && i < machines->n; i++)
        if (gl_guid_equal(&machines->items[i].id, id))
            return &machines->items[i];
    return NULL;
}

size_t gl_machines_by_name(const struct gl_machines *machines, const char *name,
                           const struct gl_machine **ret_machine)
{
    size_t found = 0;
    for (size_t i = 0; machines && i < machines->n; i++) {
        if (strcmp(machines->items[i].name, name) != 0)
            continue;
        if (found++ == 0)
            *ret_machine = &machines->items[i];
    }
    return found;
}
