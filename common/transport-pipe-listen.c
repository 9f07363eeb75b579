/* SPDX-License-Identifier: MIT */
/*
 * A named pipe that is listened on: instances made by us, some always waiting for a client, each of
 * which becomes a transport once its client has said something. Before that he cannot be identified
 * ("ImpersonateNamedPipeClient function", learn.microsoft.com, ERROR_CANNOT_IMPERSONATE), so those
 * who say nothing are kept few and not for long. In all our protocols the one who connects speaks
 * first.
 */
#include "transport-pipe.h"

#include "list.h"
#include "log.h"
#include "mem.h"
#include "windows/completion.h"
#include "windows/pipe-security.h"
#include "windows/transport-overlapped.h"

#define WAITING     8u     /* instances without a client */
#define SILENT_MAX  128u   /* clients who have said nothing: the oldest goes for a new one, */
#define SILENT_MS   10000u /* or after so long */
#define TICK_MS     500u   /* how often that is looked at, and what failed tried again */
#define FIRST_READ  4096u  /* bytes */
#define PIPE_BUFFER (64u * 1024u) /* that a writer may be ahead; advisory */

enum instance_state {
    INSTANCE_WAITING, /* for a client */
    INSTANCE_SILENT,  /* for his first words */
    INSTANCE_ENDED,   /* for its operation, then it is freed */
};

struct pipe_listener {
    struct gl_listener base;
    uv_loop_t *loop;
    struct gl_completion *completion;
    wchar_t *name;
    PSECURITY_DESCRIPTOR descriptor;
    uv_timer_t tick;
    bool tick_closed;
    HANDLE holder;            /* of the name, or NULL */
    bool failing;             /* the last instance could not be made, and that was said */
    struct gl_list instances; /* in the order in which they came to their state */
    unsigned waiting, silent;
};

struct instance {
    struct gl_list node;
    struct pipe_listener *listener;
    enum instance_state state;
    HANDLE handle;
    bool skips;
    struct gl_operation operation; /* ConnectNamedPipe(), then ReadFile() */
    uint64_t since;                /* of its state, uv_now() */
    uint8_t first[FIRST_READ];
};

/* ------------------------------------------------------------------ instances */

static void release_listener(struct pipe_listener *l)
{
    if (!l->tick_closed || !gl_list_empty(&l->instances))
        return;
    gl_completion_put(l->completion);
    if (l->base.closed_cb)
        l->base.closed_cb(l->base.closed_ctx);
    LocalFree(l->descriptor);
    gl_free(l->name);
    gl_free(l);
}

static void free_instance(struct instance *i)
{
    struct pipe_listener *l = i->listener;
    gl_list_remove(&i->node);
    gl_secure_free(i, sizeof(*i)); /* the first words may be a secret's */
    if (l->base.closing)
        release_listener(l);
}

static void set_state(struct instance *i, enum instance_state state)
{
    struct pipe_listener *l = i->listener;
    l->waiting -= i->state == INSTANCE_WAITING;
    l->silent -= i->state == INSTANCE_SILENT;
    l->waiting += state == INSTANCE_WAITING;
    l->silent += state == INSTANCE_SILENT;
    i->state = state;
    i->since = uv_now(l->loop);
    gl_list_remove(&i->node);
    gl_list_append(&l->instances, &i->node);
}

/* Nothing more comes of it. */
static void end_instance(struct instance *i)
{
    if (i->state == INSTANCE_ENDED)
        return;
    set_state(i, INSTANCE_ENDED);
    CancelIoEx(i->handle, NULL);
    CloseHandle(i->handle);
    if (!i->operation.pending)
        free_instance(i);
}

static void on_client(struct gl_operation *operation);

/* Waits for a client. Negative: it did not come to that. */
static int await_client(struct instance *i)
{
    DWORD error = 0;
    i->operation.done = on_client;
    if (!ConnectNamedPipe(i->handle, gl_operation_prepare(&i->operation)))
        error = GetLastError();
    /* One has come between: "ConnectNamedPipe function", learn.microsoft.com. If he is gone again
     * (ERROR_NO_DATA), the first read says so. */
    if (error == ERROR_PIPE_CONNECTED || error == ERROR_NO_DATA) {
        gl_completion_defer(i->listener->completion, &i->operation, 0);
        return 0;
    }
    int r = gl_operation_started(&i->operation, i->skips, error);
    if (r == 1)
        gl_completion_defer(i->listener->completion, &i->operation, 0);
    return r < 0 ? r : 0;
}

static int create_pipe(struct pipe_listener *l, bool first, HANDLE *ret_handle)
{
    SECURITY_ATTRIBUTES security = {sizeof(security), l->descriptor, FALSE};
    HANDLE handle = CreateNamedPipeW(
        l->name,
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0u),
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
        PIPE_UNLIMITED_INSTANCES, PIPE_BUFFER, PIPE_BUFFER, 0, &security);
    if (handle == INVALID_HANDLE_VALUE)
        return gl_completion_error(GetLastError());
    *ret_handle = handle;
    return 0;
}

/* Takes the handle. */
static int serve(struct pipe_listener *l, HANDLE handle)
{
    struct instance *i = GL_NEW0(struct instance);
    i->listener = l;
    i->handle = handle;
    i->state = INSTANCE_WAITING;
    i->since = uv_now(l->loop);
    l->waiting++;
    gl_list_append(&l->instances, &i->node);
    int r = gl_completion_attach(l->completion, handle, &i->skips);
    if (r == 0)
        r = await_client(i);
    if (r)
        end_instance(i);
    return r;
}

static int make_instance(struct pipe_listener *l)
{
    HANDLE handle = NULL;
    int r = create_pipe(l, false, &handle);
    return r ? r : serve(l, handle);
}

/*
 * The first instance has no client, ever, and stays while we listen: if all others should be gone
 * at a time, the name is still ours, and no other's whose pipe our next instance would join. Who
 * has been disconnected takes no client until ConnectNamedPipe(): "DisconnectNamedPipe function",
 * learn.microsoft.com. So it gets one, ourselves, and loses him.
 */
static int hold_name(struct pipe_listener *l)
{
    HANDLE handle = NULL;
    int r = create_pipe(l, true, &handle);
    if (r)
        return r;
    HANDLE client =
        CreateFileW(l->name, GL_PIPE_CLIENT_ACCESS, 0, NULL, OPEN_EXISTING,
                    FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, NULL);
    bool left = DisconnectNamedPipe(handle);
    if (client != INVALID_HANDLE_VALUE)
        CloseHandle(client);
    if (!left) /* then it serves as any other does */
        return serve(l, handle);
    l->holder = handle;
    return 0;
}

static void on_tick(uv_timer_t *timer);

/* Starts the tick if there is something to look at. */
static void arm_tick(struct pipe_listener *l)
{
    if ((l->silent || l->failing) && !l->base.closing && !uv_is_active((uv_handle_t *)&l->tick))
        uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS);
}

/* As many as should wait. What fails is tried again by the tick. */
static void make_more(struct pipe_listener *l)
{
    while (l->waiting < WAITING && !l->base.closing) {
        int r = make_instance(l);
        if (r && !l->failing)
            gl_warn("no further instance of the pipe '%s' can be made: %s", l->base.address.path,
                    uv_strerror(r));
        l->failing = r != 0;
        if (r)
            break;
    }
    arm_tick(l);
}

/* ------------------------------------------------------------------ clients */

/* The first words are there: what remains of the instance is its handle, which the transport takes.
 */
static void accept_client(struct instance *i, size_t n)
{
    struct pipe_listener *l = i->listener;
    struct gl_overlapped_end own = {.handle = i->handle, .skips = i->skips};
    struct gl_peer peer = {.address = l->base.address};
    gl_pipe_identify(i->handle, &peer);
    int r = gl_completion_get(l->loop, &own.completion);
    if (r || l->base.closing) {
        if (r == 0)
            gl_completion_put(own.completion);
        end_instance(i);
        return;
    }
    struct gl_transport *t = gl_overlapped_transport_new(l->loop, &own, &peer, 0, i->first, n);
    set_state(i, INSTANCE_ENDED);
    free_instance(i);
    l->base.cb(l->base.ctx, &l->base, t);
}

static void on_first_read(struct gl_operation *operation)
{
    struct instance *i = GL_CONTAINER_OF(operation, struct instance, operation);
    if (i->state == INSTANCE_ENDED)
        free_instance(i);
    else if (gl_operation_status(operation) || gl_operation_bytes(operation) == 0)
        end_instance(i);
    else
        accept_client(i, gl_operation_bytes(operation));
}

/* Of the silent, the one that has been so for longest. */
static struct instance *oldest_silent(struct pipe_listener *l)
{
    GL_LIST_FOREACH (node, &l->instances) {
        struct instance *i = GL_CONTAINER_OF(node, struct instance, node);
        if (i->state == INSTANCE_SILENT)
            return i;
    }
    return NULL;
}

static void on_client(struct gl_operation *operation)
{
    struct instance *i = GL_CONTAINER_OF(operation, struct instance, operation);
    struct pipe_listener *l = i->listener;
    DWORD n = 0, error = 0;
    if (i->state == INSTANCE_ENDED) {
        free_instance(i);
        return;
    }
    if (gl_operation_status(operation)) {
        end_instance(i);
        make_more(l);
        return;
    }
    set_state(i, INSTANCE_SILENT);
    if (l->silent > SILENT_MAX)
        end_instance(oldest_silent(l));
    make_more(l);

    i->operation.done = on_first_read;
    if (!ReadFile(i->handle, i->first, FIRST_READ, &n, gl_operation_prepare(&i->operation)))
        error = GetLastError();
    int r = gl_operation_started(&i->operation, i->skips, error);
    if (r == 1 && n > 0)
        accept_client(i, n);
    else if (r != 0)
        end_instance(i);
}

static void on_tick(uv_timer_t *timer)
{
    struct pipe_listener *l = timer->data;
    uint64_t now = uv_now(l->loop);
    struct instance *i;
    while ((i = oldest_silent(l)) != NULL && now - i->since >= SILENT_MS)
        end_instance(i);
    uv_timer_stop(timer);
    make_more(l);
}

/* ------------------------------------------------------------------ listen, close */

static void on_tick_closed(uv_handle_t *handle)
{
    struct pipe_listener *l = handle->data;
    l->tick_closed = true;
    release_listener(l);
}

static void pipe_listener_close(struct gl_listener *listener)
{
    struct pipe_listener *l = (struct pipe_listener *)listener;
    GL_LIST_FOREACH_SAFE (node, &l->instances)
        end_instance(GL_CONTAINER_OF(node, struct instance, node));
    if (l->holder)
        CloseHandle(l->holder);
    uv_close((uv_handle_t *)&l->tick, on_tick_closed);
}

/*
 * Whether there is such a pipe. What counts is FILE_FLAG_FIRST_PIPE_INSTANCE, which leaves no gap;
 * but Wine does not know that flag.
 */
static bool exists(const wchar_t *name)
{
    return WaitNamedPipeW(name, 1 /* ms */) || GetLastError() == ERROR_SEM_TIMEOUT;
}

int gl_pipe_listen(uv_loop_t *loop, const struct gl_address *address,
                   const struct gl_listen_options *options, gl_accept_cb cb, void *ctx,
                   struct gl_listener **ret_listener)
{
    struct pipe_listener *l = GL_NEW0(struct pipe_listener);
    l->base = (struct gl_listener){
        .close = pipe_listener_close, .address = *address, .cb = cb, .ctx = ctx};
    l->loop = loop;
    gl_list_init(&l->instances);
    int r = gl_pipe_name(address, &l->name);
    if (r)
        goto no_name;
    r = gl_pipe_descriptor(options, &l->descriptor);
    if (r)
        goto no_descriptor;
    r = gl_completion_get(loop, &l->completion);
    if (r)
        goto no_completion;
    r = exists(l->name) ? UV_EADDRINUSE : hold_name(l);
    /* What FILE_FLAG_FIRST_PIPE_INSTANCE says where another process has a pipe of this name. */
    if (r == UV_EACCES)
        r = UV_EADDRINUSE;
    if (r)
        goto no_instance;
    uv_timer_init(loop, &l->tick);
    l->tick.data = l;
    make_more(l);
    *ret_listener = &l->base;
    return 0;

no_instance:
    gl_completion_put(l->completion);
no_completion:
    LocalFree(l->descriptor);
no_descriptor:
    gl_free(l->name);
no_name:
    gl_free(l);
    return r;
}
