/* SPDX-License-Identifier: MIT */
/*
 * Streams of disk.h. A pipe or console that was opened for waiting cannot be waited for together
 * with something else, so whatever may wait is done on a thread made for it, and we wait for that
 * thread and the signal. Cancelled, it is woken by CancelSynchronousIo(). If even that does not
 * help (consoles of old systems know no cancelling), the thread is left with what it holds: it ends
 * with the process, which a cancelled copy from a console is about to do.
 */
#include <io.h>
#include <stdatomic.h>
#include <string.h>
#include <uv.h>

#include "disk-windows.h"
#include "mem.h"

#define WAKE_MS    10u
#define WAKE_TRIES 100u       /* a second in all */
#define WRITE_MAX  (1u << 20) /* bytes at a time */
#define READ_MAX   (1u << 16)

struct gl_disk_signal {
    HANDLE event; /* stays set */
};

int gl_disk_signal_new(struct gl_disk_signal **ret_signal)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!event)
        return gl_disk_last_error();
    *ret_signal = GL_NEW0(struct gl_disk_signal);
    (*ret_signal)->event = event;
    return 0;
}

void gl_disk_signal_raise(struct gl_disk_signal *signal)
{
    SetEvent(signal->event);
}

void gl_disk_signal_free(struct gl_disk_signal *signal)
{
    if (!signal)
        return;
    CloseHandle(signal->event);
    gl_free(signal);
}

static bool is_raised(const struct gl_disk_signal *signal)
{
    return signal && WaitForSingleObject(signal->event, 0) == WAIT_OBJECT_0;
}

/* ------------------------------------------------------------------ what may wait */

/* Both the caller and the thread hold it, as either may be done first. */
struct job {
    atomic_uint refs;
    HANDLE handle;
    bool writes, console;
    OVERLAPPED overlapped; /* for a handle that is not opened for waiting; its event */
    DWORD len;
    DWORD done;  /* bytes */
    DWORD error; /* ERROR_SUCCESS, or what the call said */
    uint8_t data[];
};

static void job_unref(struct job *job)
{
    if (atomic_fetch_sub(&job->refs, 1) != 1)
        return;
    CloseHandle(job->overlapped.hEvent);
    gl_free(job);
}

/* A line as it was typed; a Ctrl-Z at its beginning is the end, as for all programs of Windows. */
static void read_console(struct job *job)
{
    wchar_t text[4096];
    DWORD want = job->len / 3, units = 0;
    if (!ReadConsoleW(job->handle, text, want < 4094 ? want : 4094, &units, NULL)) {
        job->error = GetLastError();
        return;
    }
    if (!units && GetLastError() == ERROR_OPERATION_ABORTED) { /* Ctrl-C */
        job->error = ERROR_OPERATION_ABORTED;
        return;
    }
    DWORD more = 0;
    if (units && text[units - 1] >= 0xD800 && text[units - 1] <= 0xDBFF &&
        ReadConsoleW(job->handle, text + units, 1, &more, NULL))
        units += more;
    if (units && text[0] == 0x1A)
        return;
    char *narrow = gl_disk_narrow(text, units);
    job->done = (DWORD)strlen(narrow);
    memcpy(job->data, narrow, job->done);
    gl_free(narrow);
}

static DWORD WINAPI run_job(void *arg)
{
    struct job *job = arg;
    if (job->console && !job->writes) {
        read_console(job);
    } else {
        BOOL well = job->writes
                        ? WriteFile(job->handle, job->data, job->len, &job->done, &job->overlapped)
                        : ReadFile(job->handle, job->data, job->len, &job->done, &job->overlapped);
        if (!well && GetLastError() == ERROR_IO_PENDING)
            well = GetOverlappedResult(job->handle, &job->overlapped, &job->done, TRUE);
        job->error = well ? ERROR_SUCCESS : GetLastError();
    }
    job_unref(job);
    return 0;
}

static void wake(struct job *job, HANDLE thread)
{
    for (unsigned i = 0; i < WAKE_TRIES; i++) {
        /* It may not have begun to wait yet. */
        CancelSynchronousIo(thread);
        CancelIoEx(job->handle, &job->overlapped);
        if (WaitForSingleObject(thread, WAKE_MS) == WAIT_OBJECT_0)
            return;
    }
}

/* Does the job (a reference is taken). UV_ECANCELED, or 0 and what it says itself. */
static int do_job(struct job *job, struct gl_disk_signal *cancel)
{
    DWORD there;
    if (!job->writes && !job->console && PeekNamedPipe(job->handle, NULL, 0, NULL, &there, NULL) &&
        there) {
        atomic_fetch_add(&job->refs, 1);
        run_job(job); /* waits for nothing */
        return 0;
    }
    atomic_fetch_add(&job->refs, 1);
    HANDLE thread = CreateThread(NULL, 256 * 1024, run_job, job, 0, NULL);
    if (!thread) {
        job_unref(job);
        return UV_EAGAIN;
    }
    HANDLE both[2] = {thread, cancel ? cancel->event : NULL};
    DWORD first = WaitForMultipleObjects(cancel ? 2 : 1, both, FALSE, INFINITE);
    if (first != WAIT_OBJECT_0)
        wake(job, thread);
    CloseHandle(thread);
    return first == WAIT_OBJECT_0 ? 0 : UV_ECANCELED;
}

static struct job *job_new(HANDLE handle, bool writes, size_t len)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!event)
        return NULL;
    struct job *job = gl_alloc0(sizeof *job + len);
    DWORD mode;
    job->refs = 1;
    job->handle = handle;
    job->writes = writes;
    job->len = (DWORD)len;
    job->overlapped.hEvent = event;
    job->console = GetFileType(handle) == FILE_TYPE_CHAR && GetConsoleMode(handle, &mode);
    return job;
}

/* ------------------------------------------------------------------ reading and writing */

/* A file: it does not wait, and has a position. */
static bool is_file(HANDLE handle)
{
    return GetFileType(handle) == FILE_TYPE_DISK;
}

static bool is_end(DWORD error)
{
    return error == ERROR_BROKEN_PIPE || error == ERROR_HANDLE_EOF ||
           error == ERROR_PIPE_NOT_CONNECTED;
}

static int error_of(DWORD error)
{
    if (error == ERROR_NO_DATA || error == ERROR_BROKEN_PIPE)
        return UV_EPIPE;
    SetLastError(error);
    return gl_disk_last_error();
}

ssize_t gl_stream_fd_read(int fd, void *data, size_t len, struct gl_disk_signal *cancel)
{
    HANDLE handle = (HANDLE)_get_osfhandle(fd);
    size_t want = len < READ_MAX ? len : READ_MAX;
    if (is_raised(cancel))
        return UV_ECANCELED;
    if (is_file(handle)) {
        DWORD n = 0;
        if (ReadFile(handle, data, (DWORD)want, &n, NULL))
            return (ssize_t)n;
        return is_end(GetLastError()) ? 0 : gl_disk_last_error();
    }
    for (;;) {
        struct job *job = job_new(handle, false, want);
        if (!job)
            return gl_disk_last_error();
        int err = do_job(job, cancel);
        DWORD error = job->error, done = job->done;
        if (!err && error == ERROR_SUCCESS)
            memcpy(data, job->data, done);
        job_unref(job);
        if (err)
            return err;
        if (error == ERROR_OPERATION_ABORTED) { /* Ctrl-C at a console: who handles it may cancel */
            if (cancel && WaitForSingleObject(cancel->event, 200) == WAIT_OBJECT_0)
                return UV_ECANCELED;
            continue;
        }
        if (error == ERROR_MORE_DATA) /* of a message; the rest comes next */
            error = ERROR_SUCCESS;
        if (error != ERROR_SUCCESS)
            return is_end(error) ? 0 : error_of(error);
        return (ssize_t)done;
    }
}

static int write_some(HANDLE handle, const void *data, size_t len, struct gl_disk_signal *cancel,
                      size_t *ret_done)
{
    struct job *job = job_new(handle, true, len);
    if (!job)
        return gl_disk_last_error();
    memcpy(job->data, data, len);
    int err = do_job(job, cancel);
    DWORD error = job->error;
    size_t done = job->done;
    job_unref(job);
    if (err || error != ERROR_SUCCESS)
        return err ? err : error_of(error);
    *ret_done = done;
    return 0;
}

int gl_stream_fd_write(int fd, const void *data, size_t len, struct gl_disk_signal *cancel)
{
    HANDLE handle = (HANDLE)_get_osfhandle(fd);
    while (len) {
        size_t some = len < WRITE_MAX ? len : WRITE_MAX, done = 0;
        if (is_raised(cancel))
            return UV_ECANCELED;
        if (is_file(handle)) {
            DWORD n = 0;
            if (!WriteFile(handle, data, (DWORD)some, &n, NULL))
                return gl_disk_last_error();
            done = n;
        } else {
            int err = write_some(handle, data, some, cancel, &done);
            if (err)
                return err;
        }
        data = (const char *)data + done;
        len -= done;
    }
    return 0;
}
