/* SPDX-License-Identifier: MIT */
/*
 * Consoles: one of its own for each program that gets a terminal ("Pseudoconsoles",
 * learn.microsoft.com; Windows 10 1809 and later), and the events that are the nearest thing to
 * signals. A console runs as the agent does, also where its program runs as another user: Windows
 * has no documented way to make it otherwise. What the user's programs can ask of it is what the
 * console functions offer.
 */
#ifndef GL_AGENT_WINDOWS_EXEC_CONSOLE_H
#define GL_AGENT_WINDOWS_EXEC_CONSOLE_H

#include <stdbool.h>
#include <uv.h>

/* HPCON. */
typedef void *gl_exec_console;

/* Whether this Windows has them. */
bool gl_exec_console_available(void);
/*
 * Blocks for as long as a process takes to start. The handles, which are not overlapped, stay the
 * caller's, to be closed when a program was started with the console. 0, or negative UV_E*.
 */
int gl_exec_console_new(unsigned columns, unsigned rows, HANDLE input, HANDLE output,
                        gl_exec_console *ret_console);
int gl_exec_console_resize(gl_exec_console console, unsigned columns, unsigned rows);
/*
 * On a thread, since it waits until its output was read ("ClosePseudoConsole function"): whoever
 * still has the console gets CTRL_CLOSE_EVENT, and the pipe of its output ends. `on_closed` (may be
 * NULL) comes from the loop.
 */
void gl_exec_console_close(uv_loop_t *loop, gl_exec_console console, void (*on_closed)(void *ctx),
                           void *ctx);

/* CTRL_C_EVENT or CTRL_BREAK_EVENT to all that have the console of this process. */
enum gl_exec_event { GL_EXEC_EVENT_C, GL_EXEC_EVENT_BREAK };
/* What the helper is told: "PID,EVENT". */
#define GL_EXEC_EVENT_VARIABLE L"GUESTLINK_EXEC_EVENT"
/*
 * A process has one console at most, so another one, --exec-helper, joins theirs for a moment. On
 * a thread of the pool; nobody hears whether it came about: programs without a console hear
 * nothing.
 */
void gl_exec_console_event(uv_loop_t *loop, unsigned long pid, enum gl_exec_event event);

#endif
