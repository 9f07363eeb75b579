/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "mem.h"
#include "password.h"

/* What would end or stop us, and leave a terminal that shows nothing. */
static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
#define N_SIGNALS GL_ARRAY_SIZE(signals)

static volatile sig_atomic_t came[N_SIGNALS];

static bool any_came(void)
{
    for (size_t i = 0; i < N_SIGNALS; i++)
        if (came[i])
            return true;
    return false;
}

/* One byte at a time: what follows the line is for others. */
static int read_line(char *line, size_t size, size_t *ret_len)
{
    size_t len = 0;
    for (;;) {
        char c = 0;
        ssize_t n = any_came() ? (errno = EINTR, -1) : read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
            (void)poll(&input, 1, -1);
            continue;
        }
        if (n < 0 && (errno != EINTR || any_came()))
            return uv_translate_sys_error(errno);
        if (n == 0 && len == 0)
            return UV_EOF;
        if (n == 0 || (n > 0 && c == '\n'))
            break;
        if (n > 0 && len == size)
            return UV_E2BIG;
        if (n > 0)
            line[len++] = c;
        sodium_memzero(&c, 1);
    }
    *ret_len = len;
    return 0;
}

static void on_signal(int number)
{
    for (size_t i = 0; i < N_SIGNALS; i++)
        if (signals[i] == number)
            came[i] = 1;
}

static void watch(struct sigaction before[N_SIGNALS])
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: read() is to end */
    for (size_t i = 0; i < N_SIGNALS; i++) {
        came[i] = 0;
        sigaction(signals[i], &action, &before[i]);
        if (before[i].sa_handler == SIG_IGN) /* as nohup has it */
            sigaction(signals[i], &before[i], NULL);
    }
}

/* What came meanwhile comes now. Returns whether we were stopped, and go on. */
static bool unwatch(const struct sigaction before[N_SIGNALS])
{
    bool stopped = false;
    for (size_t i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
    for (size_t i = 0; i < N_SIGNALS; i++) {
        if (!came[i])
            continue;
        stopped =
            stopped || signals[i] == SIGTSTP || signals[i] == SIGTTIN || signals[i] == SIGTTOU;
        raise(signals[i]);
    }
    return stopped;
}

static void say(const char *text)
{
    fputs(text, stderr);
    fflush(stderr);
}

int gl_secret_line(const char *prompt, char *line, size_t size, size_t *ret_len)
{
    struct termios before, hidden;
    struct sigaction actions[N_SIGNALS];
    int err;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return read_line(line, size, ret_len);
    do {
        watch(actions);
        hidden = before;
        hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &hidden);
        say(prompt);
        err = read_line(line, size, ret_len);
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
        say("\n");
    } while (unwatch(actions));
    return err;
}
