/* SPDX-License-Identifier: MIT */
/*
 * What tests run in a guest, the same on each system: the words are done in order.
 *
 *   out=TEXT err=TEXT   a line to stdout or stderr
 *   seq=N               the numbers 1 to N to stdout, a line each
 *   fill=N              N bytes to stdout, that depend on their place
 *   cat                 stdin to stdout, up to its end
 *   count               reads stdin up to its end, then says how many bytes came
 *   line                reads one line of stdin and says it
 *   args W...           the words W in hexadecimal, a line each; takes all that follow
 *   env=NAME            the variable's value in hexadecimal, or 'unset'
 *   cwd                 the working directory
 *   pid                 the process's number
 *   tty                 which of stdin, stdout and stderr are terminals: '012', '-' in a place for
 * no touch=PATH          makes the file wait=PATH           waits until the file is there
 *   sleep=SECONDS
 *   child W...          starts itself with the words W, and says its number; takes all that follow
 * up to a word '.', with which it goes on exit=N              at once
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "arguments.h"
#include "mem.h"
#include "os.h"

#if GL_OS_WINDOWS
#include <process.h>
#include <windows.h>
#else
#include <spawn.h>
#include <unistd.h>
extern char **environ;
#endif

#define BLOCK 65536

static void fail(const char *what)
{
    fprintf(stderr, "tool: %s\n", what);
    exit(99);
}

static void say(const char *text)
{
    if (printf("%s\n", text) < 0 || fflush(stdout) != 0)
        fail("stdout cannot be written");
}

static void say_hex(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        printf("%02x", *p);
    say("");
}

static void seq(long last)
{
    for (long i = 1; i <= last; i++)
        if (printf("%ld\n", i) < 0)
            fail("stdout cannot be written");
    fflush(stdout);
}

static void fill(uint64_t count)
{
    static unsigned char block[BLOCK];
    for (uint64_t at = 0; at < count;) {
        size_t n = count - at < BLOCK ? (size_t)(count - at) : BLOCK;
        for (size_t i = 0; i < n; i++)
            block[i] = (unsigned char)((at + i) * 2654435761u >> 24);
        if (fwrite(block, 1, n, stdout) != n)
            fail("stdout cannot be written");
        at += n;
    }
    fflush(stdout);
}

static uint64_t drain(bool copy)
{
    static char block[BLOCK];
    uint64_t total = 0;
    size_t n;
    /* Not by fread(): it waits until the block is full. */
    for (;;) {
        uv_fs_t req;
        uv_buf_t buf = uv_buf_init(block, sizeof block);
        ssize_t got = uv_fs_read(NULL, &req, 0, &buf, 1, -1, NULL);
        uv_fs_req_cleanup(&req);
        if (got <= 0)
            return total;
        n = (size_t)got;
        total += n;
        if (copy && (fwrite(block, 1, n, stdout) != n || fflush(stdout) != 0))
            fail("stdout cannot be written");
    }
}

static void say_line(void)
{
    char line[4096];
    if (!fgets(line, sizeof line, stdin))
        fail("no line on stdin");
    line[strcspn(line, "\r\n")] = '\0';
    say(line);
}

static void say_env(const char *name)
{
    char value[32768];
    size_t size = sizeof value;
    if (uv_os_getenv(name, value, &size) == 0)
        say_hex(value);
    else
        say("unset");
}

static void say_cwd(void)
{
    char path[4096];
    size_t size = sizeof path;
    if (uv_cwd(path, &size) != 0)
        fail("the working directory is not known");
    say(path);
}

static void say_ttys(void)
{
    char text[] = "---";
    for (int fd = 0; fd < 3; fd++)
        if (uv_guess_handle(fd) == UV_TTY)
            text[fd] = (char)('0' + fd);
    say(text);
}

static void touch(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file || fclose(file) != 0)
        fail("the file cannot be made");
}

static void nap(double seconds)
{
    uv_sleep((unsigned)(seconds * 1000));
}

static void wait_for(const char *path)
{
    uv_fs_t req;
    while (uv_fs_stat(NULL, &req, path, NULL) != 0) {
        uv_fs_req_cleanup(&req);
        nap(0.02);
    }
    uv_fs_req_cleanup(&req);
}

/* With our stdin, stdout and stderr; in nothing of its own, so that whoever ends us has to find it.
 */
static long start_child(char **words)
{
#if GL_OS_WINDOWS
    intptr_t handle = _spawnv(_P_NOWAIT, words[0], (const char *const *)words);
    return handle == -1 ? -1 : (long)GetProcessId((HANDLE)handle);
#else
    pid_t pid;
    return posix_spawn(&pid, words[0], NULL, NULL, words, environ) == 0 ? (long)pid : -1;
#endif
}

/* Returns how many words it took. */
static int child(char *self, int count, char **words)
{
    char **all = gl_alloc_array((size_t)count + 2, sizeof *all);
    int n = 0;
    all[0] = self;
    while (n < count && strcmp(words[n], ".") != 0) {
        all[n + 1] = words[n];
        n++;
    }
    long pid = start_child(all);
    if (pid < 0)
        fail("the child cannot be started");
    char text[32];
    snprintf(text, sizeof text, "%ld", pid);
    say(text);
    gl_free(all);
    return n < count ? n + 1 : n;
}

static const char *value(const char *word, const char *name)
{
    size_t len = strlen(name);
    return strncmp(word, name, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

/* A word on its own: true if it is one. */
static bool plain(const char *word)
{
    char text[32];
    if (strcmp(word, "cat") == 0) {
        drain(true);
    } else if (strcmp(word, "count") == 0) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)drain(false));
        say(text);
    } else if (strcmp(word, "line") == 0) {
        say_line();
    } else if (strcmp(word, "cwd") == 0) {
        say_cwd();
    } else if (strcmp(word, "pid") == 0) {
        snprintf(text, sizeof text, "%ld", (long)uv_os_getpid());
        say(text);
    } else if (strcmp(word, "tty") == 0) {
        say_ttys();
    } else {
        return false;
    }
    return true;
}

static void with_value(const char *word)
{
    const char *v;
    if ((v = value(word, "out")))
        say(v);
    else if ((v = value(word, "err")))
        fprintf(stderr, "%s\n", v), fflush(stderr);
    else if ((v = value(word, "seq")))
        seq(strtol(v, NULL, 10));
    else if ((v = value(word, "fill")))
        fill(strtoull(v, NULL, 10));
    else if ((v = value(word, "env")))
        say_env(v);
    else if ((v = value(word, "touch")))
        touch(v);
    else if ((v = value(word, "wait")))
        wait_for(v);
    else if ((v = value(word, "sleep")))
        nap(strtod(v, NULL));
    else if ((v = value(word, "exit")))
        exit((int)strtol(v, NULL, 10));
    else
        fail(word);
}

int main(int argc, char **argv)
{
    gl_os_open_standard();
    gl_arguments(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "args") == 0) {
            while (++i < argc)
                say_hex(argv[i]);
        } else if (strcmp(argv[i], "child") == 0) {
            i += child(argv[0], argc - i - 1, argv + i + 1);
        } else if (!plain(argv[i])) {
            with_value(argv[i]);
        }
    }
    return 0;
}
