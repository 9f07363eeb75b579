/* SPDX-License-Identifier: MIT */
/*
 * AF_HYPERV of Windows: connect, and what there is of this kind. transport-hvsock-listen.c has the
 * other side. libuv's own calls refuse the family.
 *
 * No machine with Hyper-V has run this. What it rests on: "Make your own integration services" and
 * "ConnectEx", learn.microsoft.com; and what Microsoft's go-winio does (hvsock.go), which is in
 * use: it binds to the address that it connects to, sets SO_UPDATE_CONNECT_CONTEXT, has
 * FILE_SKIP_COMPLETION_PORT_ON_SUCCESS on such sockets, and tries again after the errors below.
 */
#include "transport-hvsock.h"

#include "list.h"
#include "mem.h"
#include "windows/completion.h"
#include "windows/hvsocket.h"
#include "windows/transport-overlapped.h"
#include "windows/transport-tcp.h"

#define RETRY_MIN_MS 50u
#define RETRY_MAX_MS 500u

struct hvsock_connect {
    struct gl_connect base;
    uv_loop_t *loop;
    struct gl_completion *completion;
    uv_timer_t limit; /* of the whole dial */
    uv_timer_t step;  /* the next attempt: the first, too, so that nothing is told at once */
    unsigned handles;
    bool ended;
    uint64_t until;    /* when the time is over, uv_now() */
    uint64_t retry_ms; /* before the next attempt */
    int failure;       /* of the last attempt; 0: there was none */
    SOCKET s;          /* of the attempt that goes on, or INVALID_SOCKET */
    struct gl_operation operation;
    HANDLE event, wait; /* that it has ended: on no port, as libuv may have to put it on its own */
    struct gl_address address;
    enum gl_hvsock_driver driver;
};

int gl_hvsock_open(uv_loop_t *loop, SOCKET s, enum gl_hvsock_driver driver,
                   const struct gl_address *address, struct gl_transport **ret_transport)
{
    struct gl_peer peer = {.address = *address};
    struct gl_overlapped_end end = {.socket = s};
    if (driver == GL_HVSOCK_LIBUV)
        return gl_tcp_transport_open(loop, s, &peer, GL_HV_PAYLOAD_MAX, ret_transport);
    int r = gl_completion_get(loop, &end.completion);
    if (r)
        goto no_completion;
    r = gl_completion_attach_socket(end.completion, s, &end.skips);
    if (r)
        goto not_attached;
    *ret_transport = gl_overlapped_transport_new(loop, &end, &peer, GL_HV_PAYLOAD_MAX, NULL, 0);
    return 0;

not_attached:
    gl_completion_put(end.completion);
no_completion:
    closesocket(s);
    return r;
}

/* ------------------------------------------------------------------ the end */

/* When nothing is pending any more. */
static void release(struct hvsock_connect *c)
{
    if (c->handles || c->operation.pending)
        return;
    gl_completion_put(c->completion);
    CloseHandle(c->event);
    gl_free(c);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct hvsock_connect *c = handle->data;
    c->handles--;
    release(c);
}

static void drop_socket(struct hvsock_connect *c)
{
    if (c->s == INVALID_SOCKET)
        return;
    CancelIoEx((HANDLE)c->s, NULL);
    closesocket(c->s);
    c->s = INVALID_SOCKET;
}

static void end(struct hvsock_connect *c)
{
    c->ended = true;
    c->handles = 2;
    uv_close((uv_handle_t *)&c->limit, on_handle_closed);
    uv_close((uv_handle_t *)&c->step, on_handle_closed);
    drop_socket(c);
}

static void finish(struct hvsock_connect *c, int status, struct gl_transport *t)
{
    end(c);
    c->base.cb(c->base.ctx, status, t);
}

/* ------------------------------------------------------------------ attempts */

static void on_step(uv_timer_t *timer);

/* Whether that may be otherwise in a moment: the service, or the machine, is not up yet. */
static bool is_passing(int status)
{
    return status == UV_ECONNREFUSED || status == UV_ENETUNREACH || status == UV_ETIMEDOUT;
}

static void fail_attempt(struct hvsock_connect *c, int status)
{
    drop_socket(c);
    c->failure = status;
    if (!is_passing(status)) {
        finish(c, status, NULL);
        return;
    }
    uv_timer_start(&c->step, on_step, c->retry_ms, 0);
    c->retry_ms = 2 * c->retry_ms < RETRY_MAX_MS ? 2 * c->retry_ms : RETRY_MAX_MS;
}

static void succeed(struct hvsock_connect *c)
{
    struct gl_transport *t = NULL;
    SOCKET s = c->s;
    /* "ConnectEx": without it shutdown() and getpeername() do not know the socket as connected. */
    if (setsockopt(s, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0) != 0) {
        fail_attempt(c, gl_completion_error((DWORD)WSAGetLastError()));
        return;
    }
    c->s = INVALID_SOCKET;
    int r = gl_hvsock_open(c->loop, s, c->driver, &c->address, &t);
    finish(c, r, t);
}

/* In a thread of the system's. */
static void CALLBACK on_event(void *arg, BOOLEAN timed_out)
{
    struct hvsock_connect *c = arg;
    (void)timed_out;
    gl_completion_post(c->completion, &c->operation);
}

static void on_connected(struct gl_operation *operation)
{
    struct hvsock_connect *c = GL_CONTAINER_OF(operation, struct hvsock_connect, operation);
    /* Waits for on_event() to return, which is about to. */
    UnregisterWaitEx(c->wait, INVALID_HANDLE_VALUE);
    int status = gl_operation_status(operation);
    if (c->ended)
        release(c);
    else if (status)
        fail_attempt(c, status);
    else
        succeed(c);
}

/* Begins an attempt on c->s. */
static int start_connect(struct hvsock_connect *c)
{
    struct gl_sockaddr_hv to;
    LPFN_CONNECTEX connect_ex;
    gl_hvsocket_sockaddr(&c->address, &to);
    /* "ConnectEx" wants a socket that is bound. */
    if (bind(c->s, (struct sockaddr *)&to, sizeof(to)) != 0)
        return gl_completion_error((DWORD)WSAGetLastError());
    int r = gl_hvsocket_connect_ex(c->s, &connect_ex);
    if (r)
        return r;
    ResetEvent(c->event);
    OVERLAPPED *overlapped = gl_operation_prepare(&c->operation);
    overlapped->hEvent = c->event;
    /* In the event of a failure below it would wait for nothing. */
    if (!RegisterWaitForSingleObject(&c->wait, c->event, on_event, c, INFINITE,
                                     WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD))
        return gl_completion_error(GetLastError());
    BOOL done =
        connect_ex(c->s, (struct sockaddr *)&to, (int)sizeof(to), NULL, 0, NULL, overlapped);
    /* The event comes also after what is done at once. */
    r = gl_operation_started(&c->operation, false, done ? 0 : (DWORD)WSAGetLastError());
    if (r)
        UnregisterWaitEx(c->wait, INVALID_HANDLE_VALUE);
    return r;
}

static void on_step(uv_timer_t *timer)
{
    struct hvsock_connect *c = timer->data;
    uint64_t now = uv_now(c->loop);
    int r = gl_hvsocket_make(c->until > now ? c->until - now : 1, &c->s);
    if (r == 0)
        r = start_connect(c);
    if (r)
        fail_attempt(c, r);
}

static void on_limit(uv_timer_t *timer)
{
    struct hvsock_connect *c = timer->data;
    finish(c, c->failure ? c->failure : UV_ETIMEDOUT, NULL);
}

/* ------------------------------------------------------------------ connect */

static void hvsock_cancel(struct gl_connect *connect)
{
    struct hvsock_connect *c = (struct hvsock_connect *)connect;
    if (!c->ended)
        end(c);
}

/* The wildcards that are for listening only. */
static bool is_no_place(const struct gl_guid *vm)
{
    return gl_guid_is_zero(vm) || gl_guid_equal(vm, &gl_guid_broadcast) ||
           gl_guid_equal(vm, &gl_guid_children);
}

static int hvsock_connect(uv_loop_t *loop, const struct gl_address *address,
                          const struct gl_connect_options *options, gl_connect_cb cb, void *ctx,
                          struct gl_connect **ret_connect)
{
    if (is_no_place(&address->vm))
        return UV_EINVAL;
    struct hvsock_connect *c = GL_NEW0(struct hvsock_connect);
    c->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    int r = c->event ? gl_completion_get(loop, &c->completion) : UV_ENOMEM;
    if (r) {
        if (c->event)
            CloseHandle(c->event);
        gl_free(c);
        return r;
    }
    c->base = (struct gl_connect){hvsock_cancel, cb, ctx};
    c->loop = loop;
    c->s = INVALID_SOCKET;
    c->address = *address;
    c->driver = options->hvsock_driver;
    c->operation.done = on_connected;
    c->retry_ms = RETRY_MIN_MS;
    uv_update_time(loop);
    c->until = uv_now(loop) + options->timeout_ms;
    uv_timer_init(loop, &c->limit);
    uv_timer_init(loop, &c->step);
    c->limit.data = c->step.data = c;
    uv_timer_start(&c->limit, on_limit, options->timeout_ms, 0);
    uv_timer_start(&c->step, on_step, 0, 0);
    if (ret_connect)
        *ret_connect = &c->base;
    return 0;
}

/* Whether this Windows has the family is seen when it is used: it may be installed meanwhile. */
static int hvsock_usable(const struct gl_address *address)
{
    (void)address;
    return 0;
}

const struct gl_transport_kind gl_hvsock_kind = {hvsock_connect, gl_hvsock_listen, hvsock_usable};
