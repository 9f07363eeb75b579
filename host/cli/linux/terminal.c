/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "mem.h"
#include "proto/guestlink.pb-c.h"

const struct gl_terminal_signal gl_terminal_signals[] = {
    {SIGHUP, GL__EXEC_SIGNAL__EXEC_SIGNAL_HUP},
    {SIGINT, GL__EXEC_SIGNAL__EXEC_SIGNAL_INT},
    {SIGQUIT, GL__EXEC_SIGNAL__EXEC_SIGNAL_QUIT},
    {SIGTERM, GL__EXEC_SIGNAL__EXEC_SIGNAL_TERM},
    {SIGUSR1, GL__EXEC_SIGNAL__EXEC_SIGNAL_USR1},
    {SIGUSR2, GL__EXEC_SIGNAL__EXEC_SIGNAL_USR2},
    {0, 0},
};

const int gl_terminal_stopped = SIGTSTP;
const int gl_terminal_continued = SIGCONT;

/* What kills a process from within. What comes from without is passed on, and ends us in the
 * ordinary way. */
static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static struct {
    struct termios before;
    volatile sig_atomic_t raw;
    bool known, registered;
    struct sigaction actions[sizeof(crashes) / sizeof(crashes[0])];
} tty;

void gl_terminal_prepare(void)
{
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
}

bool gl_terminal_is(int fd)
{
    return isatty(fd) == 1;
}

bool gl_terminal_is_gone(int fd)
{
    struct termios mode;
    return tcgetattr(fd, &mode) != 0 && errno == EIO;
}

bool gl_terminal_size(unsigned *ret_columns, unsigned *ret_rows)
{
    static const int fds[] = {STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO};
    struct winsize size;
    for (size_t i = 0; i < 3; i++) {
        if (ioctl(fds[i], TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
            *ret_columns = size.ws_col;
            *ret_rows = size.ws_row;
            return true;
        }
    }
    return false;
}

/* Its bytes where the locale cannot tell. */
size_t gl_terminal_width(const char *text)
{
    size_t width = 0;
    mbstate_t state = {0};
    const char *end = text + strlen(text);
    while (text < end) {
        wchar_t c;
        size_t n = mbrtowc(&c, text, (size_t)(end - text), &state);
        if (n == 0 || n == (size_t)-1 || n == (size_t)-2)
            return width + (size_t)(end - text);
        int w = wcwidth(c);
        width += w > 0 ? (size_t)w : 0;
        text += n;
    }
    return width;
}

const char *gl_terminal_name(void)
{
    return getenv("TERM");
}

/* ------------------------------------------------------------------ another size */

struct gl_terminal_watch {
    uv_signal_t signal;
    void (*on_size)(void *ctx);
    void *ctx;
};

static void on_resized(uv_signal_t *handle, int number)
{
    struct gl_terminal_watch *watch = handle->data;
    (void)number;
    watch->on_size(watch->ctx);
}

struct gl_terminal_watch *gl_terminal_watch_size(uv_loop_t *loop, void (*on_size)(void *ctx),
                                                 void *ctx)
{
    struct gl_terminal_watch *watch = GL_NEW0(struct gl_terminal_watch);
    watch->on_size = on_size;
    watch->ctx = ctx;
    watch->signal.data = watch;
    if (uv_signal_init(loop, &watch->signal) != 0) {
        gl_free(watch);
        return NULL;
    }
    (void)uv_signal_start(&watch->signal, on_resized, SIGWINCH);
    return watch;
}

static void on_watch_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

void gl_terminal_unwatch_size(struct gl_terminal_watch *watch)
{
    if (watch)
        uv_close((uv_handle_t *)&watch->signal, on_watch_closed);
}

/* ------------------------------------------------------------------ raw mode */

/* Also from a signal handler and from exit(): calls only what may be called there. */
static void restore(void)
{
    if (!tty.raw)
        return;
    tty.raw = 0;
    /* In the background it would stop us: then the terminal is somebody else's, who sees to it. */
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    sigprocmask(SIG_BLOCK, &set, &old);
    if (tcgetpgrp(STDIN_FILENO) == getpgrp())
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &tty.before);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* Restores, and lets it happen again with whoever handled it before us (a sanitizer, the kernel).
 */
static void on_crash(int number)
{
    restore();
    for (size_t i = 0; i < GL_ARRAY_SIZE(crashes); i++) {
        if (crashes[i] == number)
            sigaction(number, &tty.actions[i], NULL);
    }
    if (number == SIGABRT)
        raise(number);
}

static void watch_for_the_end(void)
{
    if (tty.registered)
        return;
    tty.registered = true;
    atexit(restore);
    struct sigaction action = {.sa_handler = on_crash};
    for (size_t i = 0; i < GL_ARRAY_SIZE(crashes); i++)
        sigaction(crashes[i], &action, &tty.actions[i]);
}

/* cfmakeraw(3), spelled out because it matters: 8 bits, nothing interpreted, nothing echoed. */
static struct termios raw_mode(const struct termios *before)
{
    struct termios mode = *before;
    mode.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON |
                                IXOFF | IXANY);
    mode.c_oflag &= ~(tcflag_t)OPOST;
    mode.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    mode.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
    mode.c_cflag |= CS8;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    return mode;
}

int gl_terminal_raw(void)
{
    if (!tty.known) {
        if (tcgetattr(STDIN_FILENO, &tty.before) != 0)
            return -errno;
        tty.known = true;
    } else if (tcgetpgrp(STDIN_FILENO) != getpgrp()) {
        return 0; /* continued in the background */
    }
    watch_for_the_end();
    struct termios mode = raw_mode(&tty.before);
    tty.raw = 1; /* before it is: a signal may come between */
    return tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) == 0 ? 0 : -errno;
}

void gl_terminal_restore(void)
{
    restore();
}

bool gl_terminal_is_raw(void)
{
    return tty.raw;
}

void gl_terminal_stop(void)
{
    bool was_raw = tty.raw;
    restore();
    raise(SIGSTOP);
    if (was_raw)
        (void)gl_terminal_raw();
}
