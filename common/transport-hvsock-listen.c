/* SPDX-License-Identifier: MIT */
/*
 * A listening socket of AF_HYPERV: several AcceptEx() at a time, each with a socket made for it.
 * "AcceptEx function", learn.microsoft.com. Not tried on Hyper-V, see transport-hvsock.c.
 */
#include "transport-hvsock.h"

#include "list.h"
#include "log.h"
#include "mem.h"
#include "windows/completion.h"
#include "windows/hvsocket.h"

#define ACCEPTORS 16u
/* After a failure of our own: it may not pass at once, and the loop would spin. */
#define REST_MS 100

/* "16 bytes more than the maximum address length for the transport protocol in use". */
#define ADDRESS_ROOM (sizeof(struct gl_sockaddr_hv) + 16)

struct acceptor {
    struct hvsock_listener *listener;
    struct gl_operation operation;
    SOCKET s; /* for the next connection, or INVALID_SOCKET */
    uint8_t addresses[2 * ADDRESS_ROOM];
};

struct hvsock_listener {
    struct gl_listener base;
    uv_loop_t *loop;
    struct gl_completion *completion;
    SOCKET s;
    bool skips;
    LPFN_ACCEPTEX accept_ex;
    enum gl_hvsock_driver driver;
    uv_timer_t rest;
    bool rest_closed;
    bool failing; /* that was said */
    struct acceptor acceptors[ACCEPTORS];
};

static void release(struct hvsock_listener *l)
{
    if (!l->rest_closed)
        return;
    for (unsigned i = 0; i < ACCEPTORS; i++)
        if (l->acceptors[i].operation.pending)
            return;
    gl_completion_put(l->completion);
    if (l->base.closed_cb)
        l->base.closed_cb(l->base.closed_ctx);
    gl_free(l);
}

static void drop_socket(struct acceptor *a)
{
    if (a->s != INVALID_SOCKET)
        closesocket(a->s);
    a->s = INVALID_SOCKET;
}

/* ------------------------------------------------------------------ accept */

static void on_rested(uv_timer_t *timer);

/* Waits for a connection. */
static int accept_next(struct acceptor *a)
{
    struct hvsock_listener *l = a->listener;
    DWORD n;
    int r = gl_hvsocket_make(0, &a->s);
    if (r)
        return r;
    BOOL done = l->accept_ex(l->s, a->s, a->addresses, 0, ADDRESS_ROOM, ADDRESS_ROOM, &n,
                             gl_operation_prepare(&a->operation));
    r = gl_operation_started(&a->operation, l->skips, done ? 0 : (DWORD)WSAGetLastError());
    if (r == 1) /* one had been waiting; no callback from within listen */
        gl_completion_defer(l->completion, &a->operation, 0);
    else if (r < 0)
        drop_socket(a);
    return r < 0 ? r : 0;
}

/* It stands still until the rest is over. */
static void rest(struct acceptor *a, int status)
{
    struct hvsock_listener *l = a->listener;
    char text[128];
    if (!l->failing) {
        gl_address_format(&l->base.address, text, sizeof(text));
        gl_warn("cannot accept a connection on %s: %s", text, uv_strerror(status));
    }
    l->failing = true;
    if (!uv_is_active((uv_handle_t *)&l->rest))
        uv_timer_start(&l->rest, on_rested, REST_MS, 0);
}

static void on_rested(uv_timer_t *timer)
{
    struct hvsock_listener *l = timer->data;
    for (unsigned i = 0; i < ACCEPTORS; i++) {
        struct acceptor *a = &l->acceptors[i];
        int r = a->operation.pending ? 0 : accept_next(a);
        if (r)
            rest(a, r);
    }
}

/*
 * The VmId of who connected is the guest's identity, so where AcceptEx() put it is not guessed: the
 * remote address begins after the room of the local one (as Microsoft's go-winio reads it); if that
 * is no such address, the socket is asked. False: it is nobody's.
 */
static bool find_peer(const struct acceptor *a, struct gl_address *ret_peer)
{
    struct gl_sockaddr_hv at;
    int len = sizeof(at);
    memcpy(&at, a->addresses + ADDRESS_ROOM, sizeof(at));
    if (gl_hvsocket_address(&at, ret_peer) && !gl_guid_is_zero(&ret_peer->vm))
        return true;
    return getpeername(a->s, (struct sockaddr *)&at, &len) == 0 && len == (int)sizeof(at) &&
           gl_hvsocket_address(&at, ret_peer) && !gl_guid_is_zero(&ret_peer->vm);
}

/* "AcceptEx": only with SO_UPDATE_ACCEPT_CONTEXT the socket has the listener's properties, and a
 * name. */
static int open_connection(struct acceptor *a, struct gl_transport **ret_transport)
{
    struct hvsock_listener *l = a->listener;
    struct gl_address peer;
    if (setsockopt(a->s, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (const char *)&l->s, sizeof(l->s)) !=
        0) {
        int r = gl_completion_error((DWORD)WSAGetLastError());
        drop_socket(a);
        return r;
    }
    if (!find_peer(a, &peer)) {
        drop_socket(a);
        return UV_ENOTCONN;
    }
    SOCKET s = a->s;
    a->s = INVALID_SOCKET;
    return gl_hvsock_open(l->loop, s, l->driver, &peer, ret_transport);
}

static void take_connection(struct acceptor *a)
{
    struct hvsock_listener *l = a->listener;
    struct gl_transport *t;
    int r = open_connection(a, &t);
    if (r)
        gl_warn("a connection over hvsock cannot be used: %s", uv_strerror(r));
    else
        l->base.cb(l->base.ctx, &l->base, t);
}

/* Whether who connected has gone before he was accepted: his affair, and the others do not wait. */
static bool is_of_peer(int status)
{
    return status == UV_ECONNRESET || status == UV_ECONNABORTED || status == UV_ETIMEDOUT ||
           status == UV_EPIPE;
}

static void on_accepted(struct gl_operation *operation)
{
    struct acceptor *a = GL_CONTAINER_OF(operation, struct acceptor, operation);
    struct hvsock_listener *l = a->listener;
    int status = gl_operation_status(operation);
    if (l->base.closing) {
        drop_socket(a);
        release(l);
        return;
    }
    if (status)
        drop_socket(a);
    if (status && !is_of_peer(status)) {
        rest(a, status);
        return;
    }
    l->failing = false;
    if (status == 0)
        take_connection(a);
    if (l->base.closing)
        return;
    int r = accept_next(a);
    if (r)
        rest(a, r);
}

/* ------------------------------------------------------------------ listen, close */

static void on_rest_closed(uv_handle_t *handle)
{
    struct hvsock_listener *l = handle->data;
    l->rest_closed = true;
    release(l);
}

static void hvsock_listener_close(struct gl_listener *listener)
{
    struct hvsock_listener *l = (struct hvsock_listener *)listener;
    CancelIoEx((HANDLE)l->s, NULL);
    closesocket(l->s);
    uv_close((uv_handle_t *)&l->rest, on_rest_closed);
}

static int start(struct hvsock_listener *l, int backlog)
{
    struct gl_sockaddr_hv at;
    gl_hvsocket_sockaddr(&l->base.address, &at);
    if (bind(l->s, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(l->s, backlog) != 0)
        return gl_completion_error((DWORD)WSAGetLastError());
    int r = gl_hvsocket_accept_ex(l->s, &l->accept_ex);
    return r ? r : gl_completion_attach_socket(l->completion, l->s, &l->skips);
}

int gl_hvsock_listen(uv_loop_t *loop, const struct gl_address *address,
                     const struct gl_listen_options *options, gl_accept_cb cb, void *ctx,
                     struct gl_listener **ret_listener)
{
    struct hvsock_listener *l = GL_NEW0(struct hvsock_listener);
    l->base = (struct gl_listener){
        .close = hvsock_listener_close, .address = *address, .cb = cb, .ctx = ctx};
    l->loop = loop;
    l->driver = options->hvsock_driver;
    int r = gl_hvsocket_make(0, &l->s);
    if (r)
        goto no_socket;
    r = gl_completion_get(loop, &l->completion);
    if (r)
        goto no_completion;
    r = start(l, options->backlog);
    if (r)
        goto not_started;
    uv_timer_init(loop, &l->rest);
    l->rest.data = l;
    for (unsigned i = 0; i < ACCEPTORS; i++) {
        struct acceptor *a = &l->acceptors[i];
        *a = (struct acceptor){.listener = l, .s = INVALID_SOCKET};
        a->operation.done = on_accepted;
        r = accept_next(a);
        if (r)
            rest(a, r);
    }
    *ret_listener = &l->base;
    return 0;

not_started:
    gl_completion_put(l->completion);
no_completion:
    closesocket(l->s);
no_socket:
    gl_free(l);
    return r;
}
