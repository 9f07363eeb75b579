/* SPDX-License-Identifier: MIT */
/*
 * Consoles: one of its own for each program that gets a terminal ("Pseudoconsoles",
 * learn.microsoft.com; Windows 10 1809 and later), and the events that are the nearest thing to
 * signals. The process that is a console, conhost.exe, reads what the user's programs ask of it, so
 * it had better be the user's, too. The documented function makes it the agent's; kernelbase.dll of
 * newer systems has one that takes a token (src/winconpty in github.com/microsoft/terminal). Where
 * there is none the console stays the agent's.
 */
#ifndef GL_AGENT_WINDOWS_EXEC_CONSOLE_H
#define GL_AGENT_WINDOWS_EXEC_CONSOLE_H

#include <stdbool.h>
#include <uv.h>
#include <windows.h>

#include "windows/exec-work.h"

struct gl_exec_console;

/* Whether this Windows has them. */
bool gl_exec_console_available(void);
/*
 * Blocks for as long as a process takes to start. token: whose the console is; NULL: ours. Where
 * Windows cannot say whose it is, it is ours. The handles, which are not overlapped, stay the
 * caller's, to be closed when a program was started with the console. 0, or negative UV_E*.
 */
int gl_exec_console_new(HANDLE token, unsigned columns, unsigned rows, HANDLE input, HANDLE output,
                        struct gl_exec_console **ret_console);
/* The HPCON, for PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE. */
void *gl_exec_console_pseudo(const struct gl_exec_console *console);
/* In a moment, on the console's thread: it waits while nobody reads the output. Of several sizes
 * that come meanwhile the last one counts. */
void gl_exec_console_resize(struct gl_exec_console *console, unsigned columns, unsigned rows);
/*
 * On that thread, too, since it waits until its output was read ("ClosePseudoConsole function"):
 * whoever still has the console gets CTRL_CLOSE_EVENT, and the pipe of its output ends. `on_closed`
 * (may be NULL) comes from the loop. Frees the console.
 */
void gl_exec_console_close(uv_loop_t *loop, struct gl_exec_console *console,
                           void (*on_closed)(void *ctx), void *ctx);

/* The system's functions; for the tests, which have others. NULL: the system's again. */
struct gl_exec_console_calls {
    HRESULT(WINAPI *create)(COORD size, HANDLE input, HANDLE output, DWORD flags, void **ret);
    /* NULL: this system has none. */
    HRESULT(WINAPI *create_as)
    (HANDLE token, COORD size, HANDLE input, HANDLE output, DWORD flags, void **ret);
    HRESULT(WINAPI *resize)(void *pseudo, COORD size);
    void(WINAPI *close)(void *pseudo);
};
void gl_exec_console_set_calls(const struct gl_exec_console_calls *calls);

/* CTRL_C_EVENT or CTRL_BREAK_EVENT to all that have the console of a process. */
enum gl_exec_event { GL_EXEC_EVENT_C, GL_EXEC_EVENT_BREAK };
/* What the helper is told: "PID,EVENT". */
#define GL_EXEC_EVENT_VARIABLE L"GUESTLINK_EXEC_EVENT"
/*
 * A process has one console at most, so another one, --exec-helper, joins theirs for a moment. On
 * a thread of exec's; nobody hears whether it came about: programs without a console hear nothing.
 * One bell is for one process and one event, and is rung one at a time.
 */
struct gl_exec_bell {
    /* Open for as long as it rings, so that its number is nobody else's. */
    HANDLE process;
    unsigned long pid;
    enum gl_exec_event event;
    void (*on_quiet)(void *ctx); /* from the loop, when it rings no more */
    void *ctx;
    /* Private. */
    struct gl_exec_work work;
    bool ringing, again;
};
/* Once more after this time if it rings already. false: so it does, and on_quiet comes but once. */
bool gl_exec_bell_ring(uv_loop_t *loop, struct gl_exec_bell *bell);
/* The process has ended: if it rings, on_quiet comes soon. */
void gl_exec_bell_stop(struct gl_exec_bell *bell);

#endif
