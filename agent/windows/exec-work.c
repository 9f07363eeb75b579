/* SPDX-License-Identifier: MIT */
#include "windows/exec-work.h"

#include <process.h>

/* One process is one agent. */
static SRWLOCK lock = SRWLOCK_INIT;
static struct gl_list line = {&line, &line};
static unsigned threads;

/* With the lock. The loop may take the work away at once. */
static void end(struct gl_exec_work *work, int status)
{
    work->status = status;
    uv_async_send(&work->ended);
}

/* A thread ends when nobody waits: starting one costs little beside starting a program. */
static unsigned __stdcall serve(void *arg)
{
    HANDLE self = NULL;
    (void)arg;
    if (!DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &self, 0,
                         FALSE, DUPLICATE_SAME_ACCESS))
        self = NULL;
    AcquireSRWLockExclusive(&lock);
    while (!gl_list_empty(&line)) {
        struct gl_exec_work *work =
            GL_CONTAINER_OF(gl_list_first(&line), struct gl_exec_work, link);
        gl_list_remove(&work->link);
        work->waiting = false;
        work->thread = self;
        ReleaseSRWLockExclusive(&lock);
        work->run(work);
        AcquireSRWLockExclusive(&lock);
        work->thread = NULL;
        end(work, 0);
    }
    threads--;
    ReleaseSRWLockExclusive(&lock);
    if (self)
        CloseHandle(self);
    return 0;
}

static bool add_thread(void)
{
    uintptr_t thread = _beginthreadex(NULL, 0, serve, NULL, 0, NULL);
    if (!thread)
        return false;
    CloseHandle((HANDLE)thread);
    threads++;
    return true;
}

static void on_closed(uv_handle_t *handle)
{
    struct gl_exec_work *work = GL_CONTAINER_OF((uv_async_t *)handle, struct gl_exec_work, ended);
    work->done(work, work->status);
}

static void on_ended(uv_async_t *async)
{
    uv_close((uv_handle_t *)async, on_closed);
}

void gl_exec_work_start(uv_loop_t *loop, struct gl_exec_work *work)
{
    uv_async_init(loop, &work->ended, on_ended);
    AcquireSRWLockExclusive(&lock);
    work->thread = NULL;
    if (threads < GL_EXEC_THREADS && !add_thread() && threads == 0) {
        end(work, UV_EAGAIN);
    } else {
        work->waiting = true;
        gl_list_append(&line, &work->link);
    }
    ReleaseSRWLockExclusive(&lock);
}

void gl_exec_work_cancel(struct gl_exec_work *work)
{
    AcquireSRWLockExclusive(&lock);
    if (work->waiting) {
        work->waiting = false;
        gl_list_remove(&work->link);
        end(work, UV_ECANCELED);
    } else if (work->thread) {
        CancelSynchronousIo(work->thread);
    }
    ReleaseSRWLockExclusive(&lock);
}
