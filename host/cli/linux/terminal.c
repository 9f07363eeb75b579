/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

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

const int gl_terminal_resized = SIGWINCH;
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

const char *gl_terminal_name(void)
{
    return getenv("TERM");
}

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
