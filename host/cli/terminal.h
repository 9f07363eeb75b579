/* SPDX-License-Identifier: MIT */
/* The terminal that this process runs in, and signals. Twins: linux/terminal.c, windows/terminal.c.
 */
#ifndef GL_CLI_TERMINAL_H
#define GL_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/*
 * Early in main(): text goes to a terminal as UTF-8 (Linux: in the locale's encoding, which is
 * taken from the environment), bytes elsewhere as they are, and a broken pipe is an error, no
 * signal.
 */
void gl_terminal_prepare(void);

bool gl_terminal_is(int fd);
/* It was a terminal, which was hung up meanwhile. */
bool gl_terminal_is_gone(int fd);
/* Size of the terminal that output goes to (or input comes from). false: there is none, or it has
 * no size. */
bool gl_terminal_size(unsigned *ret_columns, unsigned *ret_rows);
/* How many of the terminal's columns the text takes. */
size_t gl_terminal_width(const char *text);
/* TERM; NULL: not known. */
const char *gl_terminal_name(void);

/*
 * Raw mode on standard input: every key is passed on as it is; what is written goes to the terminal
 * as it is. It is undone by
 * gl_terminal_restore(), at the end of the process, also by exit() and when it crashes. Fine to
 * call again (after the process was stopped and continued). UV_E*.
 */
int gl_terminal_raw(void);
void gl_terminal_restore(void);
bool gl_terminal_is_raw(void);
/* Stops this process, as ^Z does, out of raw mode, and into it again when it is continued. */
void gl_terminal_stop(void);

/* Calls back when the terminal has another size. Never fails: then nothing is noticed. */
struct gl_terminal_watch;
struct gl_terminal_watch *gl_terminal_watch_size(uv_loop_t *loop, void (*on_size)(void *ctx),
                                                 void *ctx);
/* Freed when the loop has closed its handle. NULL is fine. */
void gl_terminal_unwatch_size(struct gl_terminal_watch *watch);

/* Signals that are passed on: the system's number and the one of enum ExecSignal. Ends with {0, 0}.
 */
struct gl_terminal_signal {
    int number, exec_signal;
};
extern const struct gl_terminal_signal gl_terminal_signals[];

/* The system's numbers of others; 0: it has none. */
extern const int gl_terminal_stopped;   /* somebody wants us to stop, as by ^Z */
extern const int gl_terminal_continued; /* after that */

#endif
