/* SPDX-License-Identifier: MIT */
/* What of exec runs on threads of its own, since it may block for as long as others like. */
#include <string.h>
#include <uv.h>
#include <windows.h>

#include "exec-helper.h"
#include "mem.h"
#include "unit.h"
#include "windows/exec-console.h"
#include "windows/exec-work.h"

#define HELPER_GATE L"gl-check-exec-threads"

static uv_loop_t loop;

static void setup(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
}

static void teardown(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* ------------------------------------------------------------------ work */

enum { WORKS = 2 * GL_EXEC_THREADS };

struct job {
    struct gl_exec_work work;
    int status;
    bool done;
};

static HANDLE gate;
static volatile LONG running, most;

static void wait_at_gate(struct gl_exec_work *work)
{
    (void)work;
    LONG now = InterlockedIncrement(&running);
    if (now > most)
        most = now;
    WaitForSingleObject(gate, 20000);
    InterlockedDecrement(&running);
}

static void job_done(struct gl_exec_work *work, int status)
{
    struct job *job = GL_CONTAINER_OF(work, struct job, work);
    ck_assert(!job->done);
    job->done = true;
    job->status = status;
}

static void job_start(struct job *job, void (*run)(struct gl_exec_work *work))
{
    *job = (struct job){.work = {.run = run, .done = job_done}, .status = 1};
    gl_exec_work_start(&loop, &job->work);
}

static void run_until(const bool *done)
{
    while (!*done) {
        int alive = uv_run(&loop, UV_RUN_ONCE);
        ck_assert(alive || *done);
    }
}

static bool copied;

static void copy(uv_work_t *work)
{
    (void)work;
}

static void copy_done(uv_work_t *work, int status)
{
    (void)work;
    copied = status == 0;
}

START_TEST(work_is_bounded_and_leaves_the_pool_alone)
{
    struct job jobs[WORKS];
    uv_work_t other;
    gate = CreateEventW(NULL, TRUE, FALSE, NULL);
    running = most = 0;
    copied = false;
    for (size_t i = 0; i < WORKS; i++)
        job_start(&jobs[i], wait_at_gate);
    uv_queue_work(&loop, &other, copy, copy_done);
    run_until(&copied);
    /* Cancelled in line, it does not run. */
    gl_exec_work_cancel(&jobs[WORKS - 1].work);
    run_until(&jobs[WORKS - 1].done);
    ck_assert_int_eq(jobs[WORKS - 1].status, UV_ECANCELED);
    SetEvent(gate);
    for (size_t i = 0; i < WORKS - 1; i++) {
        run_until(&jobs[i].done);
        ck_assert_int_eq(jobs[i].status, 0);
    }
    ck_assert_int_ge(most, 1);
    ck_assert_int_le(most, GL_EXEC_THREADS);
    CloseHandle(gate);
}
END_TEST

static HANDLE silent;

static void read_silence(struct gl_exec_work *work)
{
    char byte;
    DWORD n;
    (void)work;
    SetEvent(gate);
    ReadFile(silent, &byte, 1, &n, NULL);
}

static void cancel_again(uv_timer_t *timer)
{
    struct job *job = timer->data;
    gl_exec_work_cancel(&job->work);
}

START_TEST(work_that_waits_is_cancelled)
{
    struct job job;
    uv_timer_t timer;
    HANDLE other;
    gate = CreateEventW(NULL, TRUE, FALSE, NULL);
    ck_assert(CreatePipe(&silent, &other, NULL, 0));
    job_start(&job, read_silence);
    WaitForSingleObject(gate, 20000);
    uv_timer_init(&loop, &timer);
    timer.data = &job;
    uv_timer_start(&timer, cancel_again, 0, 20);
    run_until(&job.done);
    ck_assert_int_eq(job.status, 0);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    CloseHandle(silent);
    CloseHandle(other);
    CloseHandle(gate);
}
END_TEST

/* ------------------------------------------------------------------ consoles */

/* A console whose output nobody reads: a resize waits until the gate opens. */
static HANDLE entered;
static COORD sizes[8];
static volatile LONG n_sizes, n_closed;
static int console_thing;

static HRESULT WINAPI fake_create(COORD size, HANDLE input, HANDLE output, DWORD flags, void **ret)
{
    (void)size;
    (void)input;
    (void)output;
    (void)flags;
    *ret = &console_thing;
    return S_OK;
}

static HANDLE whose;

static HRESULT WINAPI fake_create_as(HANDLE token, COORD size, HANDLE input, HANDLE output,
                                     DWORD flags, void **ret)
{
    whose = token;
    return fake_create(size, input, output, flags, ret);
}

static HRESULT WINAPI fake_resize(void *pseudo, COORD size)
{
    ck_assert_ptr_eq(pseudo, &console_thing);
    sizes[InterlockedIncrement(&n_sizes) - 1] = size;
    SetEvent(entered);
    WaitForSingleObject(gate, 20000);
    return S_OK;
}

static void WINAPI fake_close(void *pseudo)
{
    ck_assert_ptr_eq(pseudo, &console_thing);
    InterlockedIncrement(&n_closed);
}

static const struct gl_exec_console_calls fake_calls = {
    .create = fake_create, .resize = fake_resize, .close = fake_close};

static void console_closed(void *ctx)
{
    *(bool *)ctx = true;
}

START_TEST(resizing_holds_nobody_up)
{
    struct gl_exec_console *console;
    bool closed = false;
    gate = CreateEventW(NULL, TRUE, FALSE, NULL);
    entered = CreateEventW(NULL, FALSE, FALSE, NULL);
    n_sizes = n_closed = 0;
    gl_exec_console_set_calls(&fake_calls);
    ck_assert_int_eq(gl_exec_console_new(NULL, 80, 24, NULL, NULL, &console), 0);
    ck_assert_ptr_eq(gl_exec_console_pseudo(console), &console_thing);
    uint64_t before = uv_hrtime();
    gl_exec_console_resize(console, 1, 1);
    ck_assert_uint_eq(WaitForSingleObject(entered, 20000), WAIT_OBJECT_0);
    for (unsigned i = 2; i < 1000; i++)
        gl_exec_console_resize(console, i, i);
    ck_assert_uint_lt(uv_hrtime() - before,
                      UINT64_C(15000000000)); /* has not waited for the gate */
    ck_assert_int_eq(n_sizes, 1);
    SetEvent(gate);
    ck_assert_uint_eq(WaitForSingleObject(entered, 20000), WAIT_OBJECT_0);
    gl_exec_console_close(&loop, console, console_closed, &closed);
    run_until(&closed);
    ck_assert_int_eq(n_sizes, 2);
    ck_assert_int_eq(sizes[0].X, 1);
    ck_assert_int_eq(sizes[1].X, 999);
    ck_assert_int_eq(n_closed, 1);
    gl_exec_console_set_calls(NULL);
    CloseHandle(entered);
    CloseHandle(gate);
}
END_TEST

/* ------------------------------------------------------------------ events */

/* This program takes the helper's place, and waits until it is ended. */
static LONG count_helpers(void)
{
    LONG count = 0;
    while (count < 100 && WaitForSingleObject(gate, count ? 500 : 20000) == WAIT_OBJECT_0)
        count++;
    return count;
}

static void bell_quiet(void *ctx)
{
    ++*(int *)ctx;
}

START_TEST(events_do_not_pile_up)
{
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION made;
    wchar_t line[] = L"cmd.exe /c pause";
    int quiet = 0;
    gate = CreateSemaphoreW(NULL, 0, 1000, HELPER_GATE);
    ck_assert(CreateProcessW(NULL, line, NULL, NULL, FALSE, CREATE_SUSPENDED, NULL, NULL, &startup,
                             &made));
    struct gl_exec_bell bell = {.process = made.hProcess,
                                .pid = made.dwProcessId,
                                .event = GL_EXEC_EVENT_C,
                                .on_quiet = bell_quiet,
                                .ctx = &quiet};
    ck_assert(gl_exec_bell_ring(&loop, &bell));
    for (int i = 0; i < 50; i++)
        ck_assert(!gl_exec_bell_ring(&loop, &bell));
    ck_assert_int_eq(count_helpers(), 1);
    /* The second is not rung when the process is gone, and the first is not waited for. */
    uint64_t before = uv_hrtime();
    TerminateProcess(made.hProcess, 0);
    gl_exec_bell_stop(&bell);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(quiet, 1);
    ck_assert_uint_lt(uv_hrtime() - before, UINT64_C(4000000000));
    ck_assert_uint_eq(WaitForSingleObject(gate, 200), WAIT_TIMEOUT);
    CloseHandle(made.hThread);
    CloseHandle(made.hProcess);
    CloseHandle(gate);
}
END_TEST

START_TEST(a_console_is_its_users)
{
    struct gl_exec_console_calls calls = fake_calls;
    HANDLE token = (HANDLE)(intptr_t)4711;
    for (int i = 0; i < 4; i++) {
        struct gl_exec_console *console;
        bool closed = false;
        whose = INVALID_HANDLE_VALUE;
        calls.create_as = i & 1 ? fake_create_as : NULL;
        gl_exec_console_set_calls(&calls);
        ck_assert_int_eq(gl_exec_console_new(i & 2 ? token : NULL, 80, 24, NULL, NULL, &console),
                         0);
        ck_assert_ptr_eq(whose, i == 3 ? token : INVALID_HANDLE_VALUE);
        gl_exec_console_close(&loop, console, console_closed, &closed);
        run_until(&closed);
    }
    gl_exec_console_set_calls(NULL);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("exec_threads_windows");
    TCase *tcase = tcase_create("exec_threads_windows");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, work_is_bounded_and_leaves_the_pool_alone);
    tcase_add_test(tcase, work_that_waits_is_cancelled);
    tcase_add_test(tcase, resizing_holds_nobody_up);
    tcase_add_test(tcase, a_console_is_its_users);
    tcase_add_test(tcase, events_do_not_pile_up);
    suite_add_tcase(s, tcase);
    return s;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], GL_EXEC_HELPER_OPTION) == 0) {
        HANDLE said = OpenSemaphoreW(SEMAPHORE_MODIFY_STATE, FALSE, HELPER_GATE);
        ReleaseSemaphore(said, 1, NULL);
        Sleep(60000);
        return 0;
    }
    return gl_unit_run(suite());
}
