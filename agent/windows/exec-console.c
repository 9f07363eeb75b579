/* SPDX-License-Identifier: MIT */
#include "windows/exec-console.h"

#include <stdio.h>
#include <windows.h>

#include "exec-helper.h"
#include "list.h"
#include "mem.h"

/* ------------------------------------------------------------------ pseudo consoles */

typedef HRESULT(WINAPI *create_fn)(COORD, HANDLE, HANDLE, DWORD, gl_exec_console *);
typedef HRESULT(WINAPI *resize_fn)(gl_exec_console, COORD);
typedef void(WINAPI *close_fn)(gl_exec_console);

/* Older systems lack them, and so do mingw-w64's headers. */
static void *function(const char *name)
{
    HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
    return kernel ? (void *)GetProcAddress(kernel, name) : NULL;
}

static COORD size_of(unsigned columns, unsigned rows)
{
    return (COORD){(SHORT)(columns < SHRT_MAX ? columns : SHRT_MAX),
                   (SHORT)(rows < SHRT_MAX ? rows : SHRT_MAX)};
}

/* HRESULT_FROM_WIN32 the other way. */
static int error_of(HRESULT result)
{
    return uv_translate_sys_error(HRESULT_FACILITY(result) == FACILITY_WIN32 ? HRESULT_CODE(result)
                                                                             : ERROR_GEN_FAILURE);
}

bool gl_exec_console_available(void)
{
    return function("CreatePseudoConsole") && function("ResizePseudoConsole") &&
           function("ClosePseudoConsole");
}

int gl_exec_console_new(unsigned columns, unsigned rows, HANDLE input, HANDLE output,
                        gl_exec_console *ret_console)
{
    create_fn create = (create_fn)function("CreatePseudoConsole");
    if (!create)
        return UV_ENOTSUP;
    HRESULT result = create(size_of(columns, rows), input, output, 0, ret_console);
    return FAILED(result) ? error_of(result) : 0;
}

int gl_exec_console_resize(gl_exec_console console, unsigned columns, unsigned rows)
{
    resize_fn resize = (resize_fn)function("ResizePseudoConsole");
    if (!resize)
        return UV_ENOTSUP;
    HRESULT result = resize(console, size_of(columns, rows));
    return FAILED(result) ? error_of(result) : 0;
}

/* A thread of its own: it may take as long as its reader, and the pool has few. */
struct closing {
    uv_thread_t thread;
    uv_async_t done;
    gl_exec_console console;
    void (*on_closed)(void *ctx);
    void *ctx;
};

static void on_done_closed(uv_handle_t *handle)
{
    gl_free(GL_CONTAINER_OF((uv_async_t *)handle, struct closing, done));
}

static void on_done(uv_async_t *async)
{
    struct closing *closing = GL_CONTAINER_OF(async, struct closing, done);
    uv_thread_join(&closing->thread);
    if (closing->on_closed)
        closing->on_closed(closing->ctx);
    uv_close((uv_handle_t *)async, on_done_closed);
}

static void close_console(void *arg)
{
    struct closing *closing = arg;
    close_fn close = (close_fn)function("ClosePseudoConsole");
    if (close)
        close(closing->console);
    uv_async_send(&closing->done);
}

void gl_exec_console_close(uv_loop_t *loop, gl_exec_console console, void (*on_closed)(void *ctx),
                           void *ctx)
{
    struct closing *closing = GL_NEW0(struct closing);
    closing->console = console;
    closing->on_closed = on_closed;
    closing->ctx = ctx;
    uv_async_init(loop, &closing->done, on_done);
    /* As when memory is out: there is nothing sensible to do. */
    if (uv_thread_create(&closing->thread, close_console, closing) != 0)
        abort();
}

/* ------------------------------------------------------------------ events */

struct ringing {
    uv_work_t work;
    unsigned long pid;
    enum gl_exec_event event;
};

static void ring(uv_work_t *work)
{
    struct ringing *ringing = GL_CONTAINER_OF(work, struct ringing, work);
    wchar_t self[4096], order[32], line[] = L"guestlink-agent " TEXT(GL_EXEC_HELPER_OPTION);
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION helper;
    DWORD length = GetModuleFileNameW(NULL, self, GL_ARRAY_SIZE(self));
    if (length == 0 || length >= GL_ARRAY_SIZE(self))
        return;
    _snwprintf(order, GL_ARRAY_SIZE(order), L"%lu,%d", ringing->pid, (int)ringing->event);
    /* In its environment, which is only this: what the system has there it does not need. */
    wchar_t block[64] = {0};
    _snwprintf(block, GL_ARRAY_SIZE(block) - 2, L"%ls=%ls", GL_EXEC_EVENT_VARIABLE, order);
    if (!CreateProcessW(self, line, NULL, NULL, FALSE,
                        DETACHED_PROCESS | CREATE_UNICODE_ENVIRONMENT, block, NULL, &startup,
                        &helper))
        return;
    CloseHandle(helper.hThread);
    CloseHandle(helper.hProcess);
}

static void rung(uv_work_t *work, int status)
{
    (void)status;
    gl_free(GL_CONTAINER_OF(work, struct ringing, work));
}

void gl_exec_console_event(uv_loop_t *loop, unsigned long pid, enum gl_exec_event event)
{
    struct ringing *ringing = GL_NEW0(struct ringing);
    ringing->pid = pid;
    ringing->event = event;
    if (uv_queue_work(loop, &ringing->work, ring, rung) != 0)
        gl_free(ringing);
}
