/* SPDX-License-Identifier: MIT */
/*
 * Named pipes of Windows: connect, and what there is of this kind. transport-pipe-listen.c has the
 * other side. Not libuv's: its pipes are everybody's, take clients from the network, and let who
 * serves impersonate who connects.
 */
#include "transport-pipe.h"

#include "mem.h"
#include "windows/completion.h"
#include "windows/pipe-security.h"
#include "windows/transport-overlapped.h"

/* While all instances are busy. WaitNamedPipeW() would block; a listener of ours makes a new
 * instance as soon as one is taken. */
#define BUSY_RETRY_MS 10

struct pipe_connect {
    struct gl_connect base;
    uv_loop_t *loop;
    uv_timer_t limit; /* of the whole dial */
    uv_timer_t step;  /* the next attempt: the first, too, so that nothing is told at once */
    unsigned handles;
    bool ended;
    struct gl_address address;
    wchar_t *name;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct pipe_connect *c = handle->data;
    if (--c->handles)
        return;
    gl_free(c->name);
    gl_free(c);
}

static void end(struct pipe_connect *c)
{
    c->ended = true;
    c->handles = 2;
    uv_close((uv_handle_t *)&c->limit, on_handle_closed);
    uv_close((uv_handle_t *)&c->step, on_handle_closed);
}

static void finish(struct pipe_connect *c, int status, struct gl_transport *t)
{
    end(c);
    c->base.cb(c->base.ctx, status, t);
}

/* Takes the handle. */
static int make_transport(struct pipe_connect *c, HANDLE handle, struct gl_transport **ret_t)
{
    struct gl_overlapped_end own = {.handle = handle};
    struct gl_peer peer = {.address = c->address};
    ULONG pid;
    int r = gl_pipe_check_owner(handle);
    if (r)
        goto no_completion;
    r = gl_completion_get(c->loop, &own.completion);
    if (r)
        goto no_completion;
    r = gl_completion_attach(own.completion, handle, &own.skips);
    if (r)
        goto not_attached;
    if (GetNamedPipeServerProcessId(handle, &pid))
        peer.pid = (int64_t)pid;
    *ret_t = gl_overlapped_transport_new(c->loop, &own, &peer, 0, NULL, 0);
    return 0;

not_attached:
    gl_completion_put(own.completion);
no_completion:
    CloseHandle(handle);
    return r;
}

static void on_step(uv_timer_t *timer)
{
    struct pipe_connect *c = timer->data;
    struct gl_transport *t = NULL;
    /* The server may learn who we are, and nothing more: "Impersonation Levels",
     * learn.microsoft.com. */
    HANDLE handle =
        CreateFileW(c->name, GL_PIPE_CLIENT_ACCESS, 0, NULL, OPEN_EXISTING,
                    FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        DWORD error = GetLastError();
        if (error == ERROR_PIPE_BUSY)
            uv_timer_start(&c->step, on_step, BUSY_RETRY_MS, 0);
        else
            finish(c, gl_completion_error(error), NULL);
        return;
    }
    int r = make_transport(c, handle, &t);
    finish(c, r, t);
}

static void on_limit(uv_timer_t *timer)
{
    finish(timer->data, UV_ETIMEDOUT, NULL);
}

static void pipe_cancel(struct gl_connect *connect)
{
    struct pipe_connect *c = (struct pipe_connect *)connect;
    if (!c->ended)
        end(c);
}

static int pipe_connect(uv_loop_t *loop, const struct gl_address *address,
                        const struct gl_connect_options *options, gl_connect_cb cb, void *ctx,
                        struct gl_connect **ret_connect)
{
    wchar_t *name;
    int r = gl_pipe_name(address, &name);
    if (r)
        return r;
    struct pipe_connect *c = GL_NEW0(struct pipe_connect);
    c->base = (struct gl_connect){pipe_cancel, cb, ctx};
    c->loop = loop;
    c->address = *address;
    c->name = name;
    uv_timer_init(loop, &c->limit);
    uv_timer_init(loop, &c->step);
    c->limit.data = c->step.data = c;
    uv_timer_start(&c->limit, on_limit, options->timeout_ms, 0);
    uv_timer_start(&c->step, on_step, 0, 0);
    if (ret_connect)
        *ret_connect = &c->base;
    return 0;
}

static int pipe_usable(const struct gl_address *address)
{
    wchar_t *name;
    int r = gl_pipe_name(address, &name);
    if (r == 0)
        gl_free(name);
    return r;
}

const struct gl_transport_kind gl_pipe_kind = {pipe_connect, gl_pipe_listen, pipe_usable};
