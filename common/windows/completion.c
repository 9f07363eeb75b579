/* SPDX-License-Identifier: MIT */
#include "completion.h"

#include <winternl.h>

#include "mem.h"

#define ENTRIES 128 /* taken from the port at once */

struct gl_completion {
    struct gl_completion *next; /* in the list of all */
    uv_loop_t *loop;
    unsigned users;
    HANDLE port;
    uv_thread_t thread;
    uv_async_t async;
    uv_mutex_t lock;             /* of the queue: */
    struct gl_operation *first;  /* done, in order */
    struct gl_operation **after; /* where the next goes */
};

/* The loops are many, each with its thread; this finds what belongs to one. */
static uv_once_t once; /* UV_ONCE_INIT is all zero, and lacks braces */
static uv_mutex_t all_lock;
static struct gl_completion *all;

static void init(void)
{
    if (uv_mutex_init(&all_lock) != 0)
        abort();
}

/* ------------------------------------------------------------------ the queue */

static void append(struct gl_completion *c, struct gl_operation *operation)
{
    operation->next = NULL;
    *c->after = operation;
    c->after = &operation->next;
}

static struct gl_operation *take_all(struct gl_completion *c)
{
    uv_mutex_lock(&c->lock);
    struct gl_operation *first = c->first;
    c->first = NULL;
    c->after = &c->first;
    uv_mutex_unlock(&c->lock);
    return first;
}

/* The thread. An entry without an operation tells it to end. */
static void serve(void *arg)
{
    struct gl_completion *c = arg;
    OVERLAPPED_ENTRY entries[ENTRIES];
    ULONG n;
    for (;;) {
        bool end = false;
        if (!GetQueuedCompletionStatusEx(c->port, entries, ENTRIES, &n, INFINITE, FALSE))
            abort(); /* without it nothing would ever be done */
        uv_mutex_lock(&c->lock);
        for (ULONG i = 0; i < n; i++) {
            if (entries[i].lpOverlapped)
                append(c, (struct gl_operation *)entries[i].lpOverlapped);
            else
                end = true;
        }
        uv_mutex_unlock(&c->lock);
        if (end)
            return;
        uv_async_send(&c->async);
    }
}

static void on_async(uv_async_t *async)
{
    struct gl_operation *operation = take_all(async->data), *next;
    for (; operation; operation = next) {
        next = operation->next;
        operation->pending = false;
        operation->done(operation);
    }
}

void gl_completion_post(struct gl_completion *c, struct gl_operation *operation)
{
    uv_mutex_lock(&c->lock);
    append(c, operation);
    uv_mutex_unlock(&c->lock);
    uv_async_send(&c->async);
}

void gl_completion_defer(struct gl_completion *c, struct gl_operation *operation, size_t bytes)
{
    gl_operation_prepare(operation);
    operation->overlapped.InternalHigh = bytes;
    operation->pending = true;
    gl_completion_post(c, operation);
}

/* ------------------------------------------------------------------ life */

static int start(struct gl_completion *c)
{
    int r = uv_mutex_init(&c->lock);
    if (r)
        return r;
    c->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (!c->port) {
        r = gl_completion_error(GetLastError());
        goto no_port;
    }
    r = uv_thread_create(&c->thread, serve, c);
    if (r)
        goto no_thread;
    return 0;

no_thread:
    CloseHandle(c->port);
no_port:
    uv_mutex_destroy(&c->lock);
    return r;
}

static void on_async_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

static int make(uv_loop_t *loop, struct gl_completion **ret_completion)
{
    struct gl_completion *c = GL_NEW0(struct gl_completion);
    int r = uv_async_init(loop, &c->async, on_async);
    if (r) {
        gl_free(c);
        return r;
    }
    c->loop = loop;
    c->async.data = c;
    c->after = &c->first;
    r = start(c);
    if (r) {
        uv_close((uv_handle_t *)&c->async, on_async_closed);
        return r;
    }
    *ret_completion = c;
    return 0;
}

int gl_completion_get(uv_loop_t *loop, struct gl_completion **ret_completion)
{
    struct gl_completion *c;
    int r = 0;
    uv_once(&once, init);
    uv_mutex_lock(&all_lock);
    for (c = all; c && c->loop != loop;)
        c = c->next;
    if (!c && (r = make(loop, &c)) == 0) {
        c->next = all;
        all = c;
    }
    uv_mutex_unlock(&all_lock);
    if (r)
        return r;
    c->users++;
    *ret_completion = c;
    return 0;
}

void gl_completion_put(struct gl_completion *c)
{
    struct gl_completion **at = &all;
    if (--c->users)
        return;
    uv_mutex_lock(&all_lock);
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    uv_mutex_unlock(&all_lock);
    /* The thread sleeps on the port: nothing is pending when there are no users. */
    PostQueuedCompletionStatus(c->port, 0, 0, NULL);
    uv_thread_join(&c->thread);
    CloseHandle(c->port);
    uv_mutex_destroy(&c->lock);
    uv_close((uv_handle_t *)&c->async, on_async_closed);
}

/* ------------------------------------------------------------------ handles */

static bool set_skips(HANDLE handle)
{
    return SetFileCompletionNotificationModes(handle, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS |
                                                          FILE_SKIP_SET_EVENT_ON_HANDLE);
}

int gl_completion_attach(struct gl_completion *c, HANDLE handle, bool *ret_skips)
{
    if (!CreateIoCompletionPort(handle, c->port, 0, 0))
        return gl_completion_error(GetLastError());
    *ret_skips = set_skips(handle);
    return 0;
}

int gl_completion_attach_socket(struct gl_completion *c, SOCKET s, bool *ret_skips)
{
    WSAPROTOCOL_INFOW info;
    int len = sizeof(info);
    if (!CreateIoCompletionPort((HANDLE)s, c->port, 0, 0))
        return gl_completion_error(GetLastError());
    *ret_skips = getsockopt(s, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &len) == 0 &&
                 info.dwServiceFlags1 & XP1_IFS_HANDLES && set_skips((HANDLE)s);
    return 0;
}

/* ------------------------------------------------------------------ operations */

OVERLAPPED *gl_operation_prepare(struct gl_operation *operation)
{
    operation->overlapped = (OVERLAPPED){0};
    return &operation->overlapped;
}

int gl_operation_started(struct gl_operation *operation, bool skips, DWORD error)
{
    if (error == 0 && skips)
        return 1;
    if (error != 0 && error != ERROR_IO_PENDING)
        return gl_completion_error(error);
    operation->pending = true;
    return 0;
}

int gl_operation_status(const struct gl_operation *operation)
{
    /* The port gives the status of the kernel, which is what Internal holds: "OVERLAPPED
     * structure", and "RtlNtStatusToDosError function", learn.microsoft.com. Warnings are no
     * success here. */
    NTSTATUS status = (NTSTATUS)operation->overlapped.Internal;
    return status == 0 ? 0 : gl_completion_error(RtlNtStatusToDosError(status));
}

size_t gl_operation_bytes(const struct gl_operation *operation)
{
    return operation->overlapped.InternalHigh;
}

int gl_completion_error(DWORD error)
{
    switch (error) {
    case 0:
        return 0;
    case ERROR_BROKEN_PIPE:
    case ERROR_PIPE_NOT_CONNECTED:
    case ERROR_BAD_PIPE:
    case ERROR_NO_DATA:
    case ERROR_HANDLE_EOF:
    case ERROR_GRACEFUL_DISCONNECT:
    case WSAEDISCON:
    case WSAESHUTDOWN:
        return UV_EPIPE;
    case ERROR_ACCESS_DENIED:
        return UV_EACCES;
    case ERROR_CONNECTION_UNAVAIL:
        return UV_ECONNREFUSED;
    case ERROR_CONNECTION_ABORTED:
        return UV_ECONNABORTED;
    default:
        return uv_translate_sys_error((int)error);
    }
}
