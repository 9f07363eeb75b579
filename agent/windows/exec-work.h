/* SPDX-License-Identifier: MIT */
/*
 * Threads for what exec does that may block: looking up accounts, opening programs, starting them.
 * Others in the guest can make such a call wait, as by an oplock on a program; so these are not the
 * threads of libuv's pool, which copies need, they are bounded, and what waits can be cancelled.
 */
#ifndef GL_AGENT_WINDOWS_EXEC_WORK_H
#define GL_AGENT_WINDOWS_EXEC_WORK_H

#include <stdbool.h>
#include <uv.h>
#include <windows.h>

#include "list.h"

#define GL_EXEC_THREADS 16u /* at a time; more work waits in line */

struct gl_exec_work {
    void (*run)(struct gl_exec_work *work); /* on a thread */
    /* From the loop. 0, UV_ECANCELED: it did not run, UV_EAGAIN: nor can it, there is no thread.
     * May start the work anew, or free it. */
    void (*done)(struct gl_exec_work *work, int status);
    /* Private. */
    struct gl_list link;
    uv_async_t ended;
    HANDLE thread; /* that runs it; NULL: none */
    bool waiting;
    int status;
};

/* With run and done set. It keeps the loop alive. */
void gl_exec_work_start(uv_loop_t *loop, struct gl_exec_work *work);
/*
 * Does not run it if it has not begun; else what it waits for now is cancelled
 * ("CancelSynchronousIo function", learn.microsoft.com), but not what it waits for next: call
 * again. Not after done.
 */
void gl_exec_work_cancel(struct gl_exec_work *work);

#endif
