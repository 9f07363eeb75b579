/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <io.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "console.h"
#include "mem.h"
#include "proto/guestlink.pb-c.h"
#include "width.h"

/* Not in all versions of wincon.h; SetConsoleMode function, learn.microsoft.com. */
#ifndef ENABLE_VIRTUAL_TERMINAL_INPUT
#define ENABLE_VIRTUAL_TERMINAL_INPUT 0x0200
#endif
#ifndef ENABLE_VIRTUAL_TERMINAL_PROCESSING
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x0004
#endif
#ifndef DISABLE_NEWLINE_AUTO_RETURN
#define DISABLE_NEWLINE_AUTO_RETURN 0x0008
#endif

/* The console tells nobody but who reads its events, and under Windows Terminal not even libuv's
 * watcher hears of another size: so it is looked at. */
#define LOOK_MS 250u

#define STDIO_SIZE 8192u

/* What libuv makes of a console's events: ^C, Ctrl-Break, the closing of its window (uv_signal_t,
 * docs.libuv.org). The others' numbers are never seen. */
const struct gl_terminal_signal gl_terminal_signals[] = {
    {SIGHUP, GL__EXEC_SIGNAL__EXEC_SIGNAL_HUP},
    {SIGINT, GL__EXEC_SIGNAL__EXEC_SIGNAL_INT},
    {SIGBREAK, GL__EXEC_SIGNAL__EXEC_SIGNAL_QUIT},
    {0, 0},
};

const int gl_terminal_stopped = 0;
const int gl_terminal_continued = 0;

static struct {
    HANDLE in, out; /* the console, wherever the standard handles lead; NULL: not open */
    /* From the beginning; put back at the end. */
    DWORD first_out_mode;
    UINT first_code_page;
    bool prepared;
    /* From before raw mode. */
    DWORD in_mode, out_mode;
    bool has_out_mode;
    volatile LONG raw;
    bool registered;
    LPTOP_LEVEL_EXCEPTION_FILTER filter; /* who was there before us */
} tty;

static HANDLE standard(int fd)
{
    return (HANDLE)_get_osfhandle(fd);
}

bool gl_terminal_is(int fd)
{
    return gl_console_is(standard(fd));
}

/* Who closes a console ends the processes in it. */
bool gl_terminal_is_gone(int fd)
{
    (void)fd;
    return false;
}

/* ------------------------------------------------------------------ the end */

/* From any thread, from a crash and from exit(). */
static void restore(void)
{
    if (InterlockedExchange(&tty.raw, 0) == 0)
        return;
    SetConsoleMode(tty.in, tty.in_mode);
    if (tty.has_out_mode)
        SetConsoleMode(tty.out, tty.out_mode);
}

static void put_all_back(void)
{
    restore();
    if (!tty.prepared)
        return;
    SetConsoleOutputCP(tty.first_code_page);
    SetConsoleMode(tty.out, tty.first_out_mode);
}

/*
 * Handlers are called from the one that came last to the one that came first (SetConsoleCtrlHandler
 * function, learn.microsoft.com): libuv's comes before this one and keeps what somebody watches, so
 * that what comes here ends the process.
 */
static BOOL WINAPI on_control(DWORD event)
{
    (void)event;
    put_all_back();
    return FALSE;
}

static LONG WINAPI on_exception(EXCEPTION_POINTERS *exception)
{
    put_all_back();
    return tty.filter ? tty.filter(exception) : EXCEPTION_CONTINUE_SEARCH;
}

static void on_abort(int number)
{
    put_all_back();
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_for_the_end(void)
{
    if (tty.registered)
        return;
    tty.registered = true;
    atexit(put_all_back);
    SetConsoleCtrlHandler(on_control, TRUE);
    tty.filter = SetUnhandledExceptionFilter(on_exception);
    signal(SIGABRT, on_abort);
}

/* ------------------------------------------------------------------ the beginning */

static HANDLE open_console(const wchar_t *name)
{
    HANDLE handle = CreateFileW(name, GENERIC_READ | GENERIC_WRITE,
                                FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    return handle == INVALID_HANDLE_VALUE ? NULL : handle;
}

/*
 * What stdio writes are bytes, which the console takes for characters of its output code page. That
 * and the mode belong to the console, not to us: they are changed only if something is written
 * there, and put back.
 */
void gl_terminal_prepare(void)
{
    /* Whole characters at a time: a console shows a byte that comes alone as something else, and
     * the C library buffers neither what goes to a console nor stderr. What must be seen at once
     * is flushed by who writes it. */
    setvbuf(stderr, NULL, _IOFBF, STDIO_SIZE);
    if (!gl_terminal_is(1) && !gl_terminal_is(2))
        return;
    tty.out = open_console(L"CONOUT$");
    if (!tty.out || !GetConsoleMode(tty.out, &tty.first_out_mode))
        return;
    tty.first_code_page = GetConsoleOutputCP();
    tty.prepared = true;
    watch_for_the_end();
    SetConsoleOutputCP(CP_UTF8);
    /* Before Windows 10 1511 it fails, and nothing is lost but colours. */
    SetConsoleMode(tty.out, tty.first_out_mode | ENABLE_PROCESSED_OUTPUT |
                                ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

/* ------------------------------------------------------------------ size */

bool gl_terminal_size(unsigned *ret_columns, unsigned *ret_rows)
{
    const HANDLE handles[] = {standard(1), standard(2), tty.out};
    for (size_t i = 0; i < GL_ARRAY_SIZE(handles); i++) {
        CONSOLE_SCREEN_BUFFER_INFO info;
        if (!handles[i] || !GetConsoleScreenBufferInfo(handles[i], &info))
            continue;
        /* The window: the buffer has thousands of lines of what was before. */
        int columns = info.srWindow.Right - info.srWindow.Left + 1;
        int rows = info.srWindow.Bottom - info.srWindow.Top + 1;
        if (columns <= 0 || rows <= 0)
            continue;
        *ret_columns = (unsigned)columns;
        *ret_rows = (unsigned)rows;
        return true;
    }
    return false;
}

struct gl_terminal_watch {
    uv_timer_t timer;
    unsigned columns, rows;
    void (*on_size)(void *ctx);
    void *ctx;
};

static void look(uv_timer_t *timer)
{
    struct gl_terminal_watch *watch = timer->data;
    unsigned columns = watch->columns, rows = watch->rows;
    if (!gl_terminal_size(&columns, &rows) || (columns == watch->columns && rows == watch->rows))
        return;
    watch->columns = columns;
    watch->rows = rows;
    watch->on_size(watch->ctx);
}

struct gl_terminal_watch *gl_terminal_watch_size(uv_loop_t *loop, void (*on_size)(void *ctx),
                                                 void *ctx)
{
    struct gl_terminal_watch *watch = GL_NEW0(struct gl_terminal_watch);
    watch->on_size = on_size;
    watch->ctx = ctx;
    watch->timer.data = watch;
    gl_terminal_size(&watch->columns, &watch->rows);
    uv_timer_init(loop, &watch->timer);
    uv_timer_start(&watch->timer, look, LOOK_MS, LOOK_MS);
    uv_unref((uv_handle_t *)&watch->timer);
    return watch;
}

static void on_watch_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

void gl_terminal_unwatch_size(struct gl_terminal_watch *watch)
{
    if (watch)
        uv_close((uv_handle_t *)&watch->timer, on_watch_closed);
}

size_t gl_terminal_width(const char *text)
{
    return gl_width_of(text);
}

/* What Windows' consoles understand ("Console Virtual Terminal Sequences", learn.microsoft.com). */
const char *gl_terminal_name(void)
{
    const char *term = getenv("TERM");
    return term && *term ? term : "xterm-256color";
}

/* ------------------------------------------------------------------ raw mode */

static int last_error(void)
{
    return uv_translate_sys_error((int)GetLastError());
}

/* Output as it is: a line feed goes down, and no more. */
static void raw_output(void)
{
    if (!tty.out)
        tty.out = open_console(L"CONOUT$");
    if (!tty.out || !GetConsoleMode(tty.out, &tty.out_mode))
        return;
    tty.has_out_mode = true;
    SetConsoleMode(tty.out, tty.out_mode | ENABLE_PROCESSED_OUTPUT |
                                ENABLE_VIRTUAL_TERMINAL_PROCESSING | DISABLE_NEWLINE_AUTO_RETURN);
}

/* Before Windows 10 1511 the console makes no sequences of keys: then console.c does. */
static int raw_input(void)
{
    const DWORD cooked = ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT | ENABLE_PROCESSED_INPUT |
                         ENABLE_QUICK_EDIT_MODE | ENABLE_MOUSE_INPUT;
    DWORD mode = (tty.in_mode & ~cooked) | ENABLE_EXTENDED_FLAGS | ENABLE_WINDOW_INPUT;
    if (SetConsoleMode(tty.in, mode | ENABLE_VIRTUAL_TERMINAL_INPUT) ||
        SetConsoleMode(tty.in, mode))
        return 0;
    return last_error();
}

int gl_terminal_raw(void)
{
    if (tty.raw)
        return 0;
    tty.in = standard(0);
    if (!GetConsoleMode(tty.in, &tty.in_mode))
        return last_error();
    watch_for_the_end();
    raw_output();
    InterlockedExchange(&tty.raw, 1); /* before it is: the end may come between */
    int err = raw_input();
    if (err < 0)
        restore();
    return err;
}

void gl_terminal_restore(void)
{
    restore();
}

bool gl_terminal_is_raw(void)
{
    return tty.raw != 0;
}

/* Nobody stops a process here. */
void gl_terminal_stop(void)
{
}
