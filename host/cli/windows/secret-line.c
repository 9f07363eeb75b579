/* SPDX-License-Identifier: MIT */
#include <io.h>
#include <sodium.h>
#include <stdio.h>
#include <windows.h>

#include "console.h"
#include "password.h"

static struct {
    HANDLE console;
    DWORD mode; /* from before */
    volatile LONG hidden;
} tty;

static void show(void)
{
    if (InterlockedExchange(&tty.hidden, 0))
        SetConsoleMode(tty.console, tty.mode);
}

/* Ends the process after this one: the mode is the console's, and would stay. */
static BOOL WINAPI on_control(DWORD event)
{
    (void)event;
    show();
    return FALSE;
}

/* One byte at a time: what follows the line is for others. */
static int read_bytes(HANDLE input, char *line, size_t size, size_t *ret_len)
{
    size_t len = 0;
    for (;;) {
        char c = 0;
        DWORD n = 0;
        if (!ReadFile(input, &c, 1, &n, NULL)) {
            DWORD error = GetLastError();
            if (error != ERROR_BROKEN_PIPE && error != ERROR_HANDLE_EOF)
                return uv_translate_sys_error((int)error);
            n = 0;
        }
        if (n == 0 && len == 0)
            return UV_EOF;
        if (n == 0 || c == '\n')
            break;
        if (len == size)
            return UV_E2BIG;
        line[len++] = c;
        sodium_memzero(&c, sizeof(c));
    }
    *ret_len = len;
    return 0;
}

/* The same of a console, whose line it keeps for the next read ("ReadConsole function",
 * learn.microsoft.com). ^Z at its beginning is the end, as everywhere on Windows. */
static int read_keys(wchar_t *wide, size_t size, size_t *ret_len)
{
    size_t len = 0;
    for (;;) {
        wchar_t c = 0;
        DWORD n = 0;
        if (!ReadConsoleW(tty.console, &c, 1, &n, NULL))
            return uv_translate_sys_error((int)GetLastError());
        if (n == 0) /* by ^C */
            return UV_EINTR;
        if (c == 0x1a && len == 0)
            return UV_EOF;
        if (c == L'\n')
            break;
        if (len == size)
            return UV_E2BIG;
        wide[len++] = c;
        sodium_memzero(&c, sizeof(c));
    }
    *ret_len = len;
    return 0;
}

static int read_console(char *line, size_t size, size_t *ret_len)
{
    wchar_t wide[GL_PASSWORD_MAX + 1];
    size_t n = 0;
    int err = read_keys(wide, sizeof(wide) / sizeof(*wide), &n);
    if (!err && n > 0) {
        /* Half a character cannot be typed but by a program: it becomes U+FFFD, and is wrong. */
        int len = WideCharToMultiByte(CP_UTF8, 0, wide, (int)n, line, (int)size, NULL, NULL);
        err = len > 0 ? 0 : UV_E2BIG;
        n = (size_t)len;
    }
    sodium_memzero(wide, sizeof(wide));
    if (!err)
        *ret_len = n;
    return err;
}

static void say(const char *text)
{
    fputs(text, stderr);
    fflush(stderr);
}

int gl_secret_line(const char *prompt, char *line, size_t size, size_t *ret_len)
{
    HANDLE input = (HANDLE)_get_osfhandle(0);
    DWORD mode;
    if (!gl_console_is(input) || !GetConsoleMode(input, &mode))
        return read_bytes(input, line, size, ret_len);
    tty.console = input;
    tty.mode = mode;
    SetConsoleCtrlHandler(on_control, TRUE);
    InterlockedExchange(&tty.hidden, 1);
    SetConsoleMode(input,
                   (mode | ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT) & ~(DWORD)ENABLE_ECHO_INPUT);
    say(prompt);
    int err = read_console(line, size, ret_len);
    show();
    SetConsoleCtrlHandler(on_control, FALSE);
    say("\n");
    return err;
}
