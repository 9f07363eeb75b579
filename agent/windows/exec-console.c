/* SPDX-License-Identifier: MIT */
#include "windows/exec-console.h"

#include <stdio.h>
#include <windows.h>

#include "exec-helper.h"
#include "list.h"
#include "mem.h"

/* ------------------------------------------------------------------ pseudo consoles */

static const struct gl_exec_console_calls *other_calls;

/* Older systems lack them, and so do mingw-w64's headers. */
static void *function(const wchar_t *library, const char *name)
{
    HMODULE module = GetModuleHandleW(library);
    return module ? (void *)GetProcAddress(module, name) : NULL;
}

/* All are there but create_as, or none. */
static struct gl_exec_console_calls find_calls(void)
{
    static const wchar_t kernel[] = L"kernel32.dll", base[] = L"kernelbase.dll";
    if (other_calls)
        return *other_calls;
    struct gl_exec_console_calls calls = {
        .create = (HRESULT(WINAPI *)(COORD, HANDLE, HANDLE, DWORD, void **))function(
            kernel, "CreatePseudoConsole"),
        .create_as = (HRESULT(WINAPI *)(HANDLE, COORD, HANDLE, HANDLE, DWORD, void **))function(
            base, "CreatePseudoConsoleAsUser"),
        .resize = (HRESULT(WINAPI *)(void *, COORD))function(kernel, "ResizePseudoConsole"),
        .close = (void(WINAPI *)(void *))function(kernel, "ClosePseudoConsole"),
    };
    if (!calls.create || !calls.resize || !calls.close)
        return (struct gl_exec_console_calls){.create = NULL};
    return calls;
}

void gl_exec_console_set_calls(const struct gl_exec_console_calls *calls)
{
    other_calls = calls;
}

bool gl_exec_console_available(void)
{
    return find_calls().create != NULL;
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

/* ------------------------------------------------------------------ a console's thread */

/* It has one from the beginning: the end must not depend on whether one can be made then. */
struct gl_exec_console {
    struct gl_exec_console_calls calls;
    void *pseudo; /* HPCON */
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t wake;
    /* Under the lock. */
    COORD size;
    bool resize, resizing, close;
    /* Since _close. */
    uv_async_t closed;
    void (*on_closed)(void *ctx);
    void *ctx;
};

/* With the lock, which it lets go meanwhile. */
static void resize_now(struct gl_exec_console *console)
{
    COORD size = console->size;
    console->resize = false;
    console->resizing = true;
    uv_mutex_unlock(&console->lock);
    console->calls.resize(console->pseudo, size);
    uv_mutex_lock(&console->lock);
    console->resizing = false;
}

static void serve(void *arg)
{
    struct gl_exec_console *console = arg;
    uv_mutex_lock(&console->lock);
    while (!console->close) {
        if (console->resize)
            resize_now(console);
        else
            uv_cond_wait(&console->wake, &console->lock);
    }
    uv_mutex_unlock(&console->lock);
    console->calls.close(console->pseudo);
    uv_async_send(&console->closed);
}

static void free_console(struct gl_exec_console *console)
{
    uv_cond_destroy(&console->wake);
    uv_mutex_destroy(&console->lock);
    gl_free(console);
}

static int init(struct gl_exec_console *console)
{
    int err = uv_mutex_init(&console->lock);
    if (err)
        return err;
    err = uv_cond_init(&console->wake);
    if (err)
        uv_mutex_destroy(&console->lock);
    return err;
}

int gl_exec_console_new(HANDLE token, unsigned columns, unsigned rows, HANDLE input, HANDLE output,
                        struct gl_exec_console **ret_console)
{
    struct gl_exec_console *console = GL_NEW0(struct gl_exec_console);
    console->calls = find_calls();
    int err = console->calls.create ? init(console) : UV_ENOTSUP;
    if (err) {
        gl_free(console);
        return err;
    }
    COORD size = size_of(columns, rows);
    HRESULT result = token && console->calls.create_as
                         ? console->calls.create_as(token, size, input, output, 0, &console->pseudo)
                         : console->calls.create(size, input, output, 0, &console->pseudo);
    if (FAILED(result)) {
        free_console(console);
        return error_of(result);
    }
    err = uv_thread_create(&console->thread, serve, console);
    if (err) { /* it has written nothing yet that could make this wait */
        console->calls.close(console->pseudo);
        free_console(console);
        return err;
    }
    *ret_console = console;
    return 0;
}

void *gl_exec_console_pseudo(const struct gl_exec_console *console)
{
    return console->pseudo;
}

void gl_exec_console_resize(struct gl_exec_console *console, unsigned columns, unsigned rows)
{
    uv_mutex_lock(&console->lock);
    console->size = size_of(columns, rows);
    console->resize = true;
    uv_cond_signal(&console->wake);
    uv_mutex_unlock(&console->lock);
}

static void on_handle_closed(uv_handle_t *handle)
{
    free_console(GL_CONTAINER_OF((uv_async_t *)handle, struct gl_exec_console, closed));
}

static void on_closed(uv_async_t *async)
{
    struct gl_exec_console *console = GL_CONTAINER_OF(async, struct gl_exec_console, closed);
    uv_thread_join(&console->thread);
    if (console->on_closed)
        console->on_closed(console->ctx);
    uv_close((uv_handle_t *)async, on_handle_closed);
}

void gl_exec_console_close(uv_loop_t *loop, struct gl_exec_console *console,
                           void (*on_console_closed)(void *ctx), void *ctx)
{
    console->on_closed = on_console_closed;
    console->ctx = ctx;
    uv_async_init(loop, &console->closed, on_closed);
    uv_mutex_lock(&console->lock);
    console->close = true;
    if (console->resizing) /* waits for a reader, as the closing may, but tells nobody of the end */
        CancelSynchronousIo(console->thread);
    uv_cond_signal(&console->wake);
    uv_mutex_unlock(&console->lock);
}

/* ------------------------------------------------------------------ events */

#define HELPER_MS 5000 /* for what takes a moment */

static bool start_helper(const struct gl_exec_bell *bell, HANDLE *ret_helper)
{
    wchar_t self[4096], order[32], line[] = L"guestlink-agent " TEXT(GL_EXEC_HELPER_OPTION);
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION helper;
    DWORD length = GetModuleFileNameW(NULL, self, GL_ARRAY_SIZE(self));
    if (length == 0 || length >= GL_ARRAY_SIZE(self))
        return false;
    _snwprintf(order, GL_ARRAY_SIZE(order), L"%lu,%d", bell->pid, (int)bell->event);
    /* In its environment, which is only this: what the system has there it does not need. */
    wchar_t block[64] = {0};
    _snwprintf(block, GL_ARRAY_SIZE(block) - 2, L"%ls=%ls", GL_EXEC_EVENT_VARIABLE, order);
    if (!CreateProcessW(self, line, NULL, NULL, FALSE,
                        DETACHED_PROCESS | CREATE_UNICODE_ENVIRONMENT, block, NULL, &startup,
                        &helper))
        return false;
    CloseHandle(helper.hThread);
    *ret_helper = helper.hProcess;
    return true;
}

static void ring(struct gl_exec_work *work)
{
    struct gl_exec_bell *bell = GL_CONTAINER_OF(work, struct gl_exec_bell, work);
    HANDLE either[2] = {NULL, bell->process};
    if (WaitForSingleObject(bell->process, 0) != WAIT_TIMEOUT || !start_helper(bell, &either[0]))
        return;
    if (WaitForMultipleObjects(2, either, FALSE, HELPER_MS) != WAIT_OBJECT_0)
        TerminateProcess(either[0], 1);
    CloseHandle(either[0]);
}

static void rung(struct gl_exec_work *work, int status)
{
    struct gl_exec_bell *bell = GL_CONTAINER_OF(work, struct gl_exec_bell, work);
    (void)status;
    bell->ringing = false;
    if (bell->again)
        gl_exec_bell_ring(work->ended.loop, bell);
    else
        bell->on_quiet(bell->ctx);
}

bool gl_exec_bell_ring(uv_loop_t *loop, struct gl_exec_bell *bell)
{
    bell->again = bell->ringing;
    if (bell->ringing)
        return false;
    bell->ringing = true;
    bell->work.run = ring;
    bell->work.done = rung;
    gl_exec_work_start(loop, &bell->work);
    return true;
}

void gl_exec_bell_stop(struct gl_exec_bell *bell)
{
    bell->again = false;
    if (bell->ringing)
        gl_exec_work_cancel(&bell->work);
}
