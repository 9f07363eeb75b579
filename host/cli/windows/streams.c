/* SPDX-License-Identifier: MIT */
/*
 * Each stream has a thread that reads, or writes, and nothing else: only so is it the same for
 * consoles, files, NUL, and pipes whoever made them and however they were opened. The loop and the
 * thread hand slices to each other, one at a time inwards and in a queue outwards, under a lock.
 *
 * A thread that sits in a call is got out of it by CancelSynchronousIo(). Where that does not help
 * it is left behind with the part that both share, sees that the loop has gone, if it ever returns,
 * and ends with the process otherwise.
 */
#include "streams.h"

#include <io.h>
#include <process.h>
#include <stdatomic.h>
#include <stdint.h>
#include <winsock2.h>

#include "console.h"
#include "list.h"
#include "mem.h"

#define READ_SIZE (64u * 1024)
#define READ_COPY                                                                                  \
    (16u * 1024) /* shorter reads are copied: no slice keeps much more than its size */
/* At a time, so that who is cancelled was not half done for long. */
#define WRITE_MAX   (64u * 1024)
#define FULL_MS     10u /* until a pipe that does not wait is tried again */
#define LEAVE_MS    10u
#define LEAVE_TRIES 20u

enum kind { KIND_CONSOLE, KIND_FILE, KIND_PIPE, KIND_SOCKET };

struct piece {
    struct gl_list node;
    struct gl_slice data;
    size_t charge;
};

/* What the loop and the thread share; freed by whichever leaves last. */
struct work {
    HANDLE handle; /* the caller's */
    enum kind kind;
    HANDLE cancel, event; /* manual reset: the loop has gone; an overlapped call has ended */
    atomic_uint users;    /* not under the lock: who is not the last may still be leaving that */
    uv_mutex_t lock;      /* of all below */
    uv_cond_t changed;
    uv_async_t *async; /* NULL: the loop has gone */
    /* input */
    bool wanted, full; /* the slice waits to be taken */
    bool ended;        /* after that slice, with `error` */
    struct gl_slice slice;
    /* output */
    struct gl_list todo, done; /* of struct piece */
    bool failed;               /* with `error` */
    int error;
};

/* ------------------------------------------------------------------ what is shared */

/* A socket may be somebody's standard stream, too; its type is a pipe's. */
static int kind_of(HANDLE handle, enum kind *ret_kind)
{
    int type, len = sizeof type;
    if (handle == INVALID_HANDLE_VALUE || handle == NULL || handle == (HANDLE)-2)
        return UV_EBADF;
    SetLastError(NO_ERROR);
    DWORD what = GetFileType(handle);
    if (what == FILE_TYPE_UNKNOWN && GetLastError() != NO_ERROR)
        return uv_translate_sys_error((int)GetLastError());
    if (gl_console_is(handle))
        *ret_kind = KIND_CONSOLE;
    else if (what != FILE_TYPE_PIPE)
        *ret_kind = KIND_FILE;
    else if (getsockopt((SOCKET)handle, SOL_SOCKET, SO_TYPE, (char *)&type, &len) == 0)
        *ret_kind = KIND_SOCKET;
    else
        *ret_kind = KIND_PIPE;
    return 0;
}

static int work_new(int fd, uv_async_t *async, struct work **ret_work)
{
    HANDLE handle = (HANDLE)_get_osfhandle(fd);
    enum kind kind = KIND_FILE;
    int err = kind_of(handle, &kind);
    if (err < 0)
        return err;
    struct work *work = GL_NEW0(struct work);
    work->handle = handle;
    work->kind = kind;
    work->async = async;
    atomic_init(&work->users, 1);
    work->cancel = CreateEventW(NULL, TRUE, FALSE, NULL);
    work->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    gl_list_init(&work->todo);
    gl_list_init(&work->done);
    if (!work->cancel || !work->event || uv_mutex_init(&work->lock) != 0 ||
        uv_cond_init(&work->changed) != 0)
        abort(); /* as when memory is out */
    *ret_work = work;
    return 0;
}

static void drop_pieces(struct gl_list *list)
{
    while (!gl_list_empty(list)) {
        struct piece *piece = GL_CONTAINER_OF(gl_list_first(list), struct piece, node);
        gl_list_remove(&piece->node);
        gl_slice_unref(&piece->data);
        gl_free(piece);
    }
}

static void work_put(struct work *work)
{
    if (atomic_fetch_sub(&work->users, 1) != 1)
        return;
    gl_slice_unref(&work->slice);
    drop_pieces(&work->todo);
    drop_pieces(&work->done);
    CloseHandle(work->cancel);
    CloseHandle(work->event);
    uv_mutex_destroy(&work->lock);
    uv_cond_destroy(&work->changed);
    gl_free(work);
}

/* Tells the loop. With the lock. */
static void work_tell(struct work *work)
{
    if (work->async)
        uv_async_send(work->async);
}

/* NULL: there is no thread to be had. */
static HANDLE work_start(struct work *work, unsigned(__stdcall *run)(void *work))
{
    atomic_fetch_add(&work->users, 1);
    HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, run, work, 0, NULL);
    if (!thread)
        atomic_fetch_sub(&work->users, 1);
    return thread;
}

/* The loop leaves, and the thread is to end. */
static void work_leave(struct work *work, HANDLE thread)
{
    uv_mutex_lock(&work->lock);
    work->async = NULL;
    SetEvent(work->cancel);
    uv_cond_signal(&work->changed);
    uv_mutex_unlock(&work->lock);
    /* It may be just about to begin a call: then there is nothing to be cancelled yet. */
    for (unsigned i = 0;
         thread && i < LEAVE_TRIES && WaitForSingleObject(thread, LEAVE_MS) == WAIT_TIMEOUT; i++)
        CancelSynchronousIo(thread);
    if (thread)
        CloseHandle(thread);
    work_put(work);
}

/* ------------------------------------------------------------------ calls of a thread */

static bool is_cancelled(const struct work *work)
{
    return WaitForSingleObject(work->cancel, 0) == WAIT_OBJECT_0;
}

/*
 * Completes a call on a pipe or socket. One that was opened as overlapped returns at once and is
 * waited for; with any other the call has waited ("Synchronous and Asynchronous I/O",
 * learn.microsoft.com).
 */
static DWORD overlapped(struct work *work, OVERLAPPED *ov, BOOL done, DWORD *ret_n)
{
    HANDLE handles[] = {work->cancel, work->event};
    DWORD error = done ? NO_ERROR : GetLastError();
    if (error != NO_ERROR && error != ERROR_IO_PENDING)
        return error;
    if (error == ERROR_IO_PENDING &&
        WaitForMultipleObjects(2, handles, FALSE, INFINITE) == WAIT_OBJECT_0)
        CancelIoEx(work->handle, ov);
    return GetOverlappedResult(work->handle, ov, ret_n, TRUE) ? NO_ERROR : GetLastError();
}

static DWORD read_some(struct work *work, void *room, DWORD size, DWORD *ret_n)
{
    if (work->kind == KIND_FILE) /* at the place that it shares with other processes */
        return ReadFile(work->handle, room, size, ret_n, NULL) ? NO_ERROR : GetLastError();
    OVERLAPPED ov = {.hEvent = work->event};
    return overlapped(work, &ov, ReadFile(work->handle, room, size, NULL, &ov), ret_n);
}

static DWORD write_some(struct work *work, const void *data, DWORD size, DWORD *ret_n)
{
    if (work->kind == KIND_FILE)
        return WriteFile(work->handle, data, size, ret_n, NULL) ? NO_ERROR : GetLastError();
    OVERLAPPED ov = {.hEvent = work->event};
    return overlapped(work, &ov, WriteFile(work->handle, data, size, NULL, &ov), ret_n);
}

static bool is_end(DWORD error)
{
    return error == ERROR_BROKEN_PIPE || error == ERROR_HANDLE_EOF ||
           error == ERROR_PIPE_NOT_CONNECTED || error == ERROR_NO_DATA;
}

/* Bytes, 0 at the end, or negative. */
static int read_bytes(struct work *work, uint8_t *room)
{
    for (;;) {
        DWORD n = 0, error = read_some(work, room, READ_SIZE, &n);
        if (is_cancelled(work))
            return UV_ECANCELED;
        if (is_end(error))
            return 0;
        if (error == ERROR_MORE_DATA) /* the rest of a message of a pipe comes next */
            error = NO_ERROR;
        if (error != NO_ERROR)
            return uv_translate_sys_error((int)error);
        /* Somebody wrote nothing to a pipe: that is not its end. */
        if (n > 0 || work->kind != KIND_PIPE)
            return (int)n;
    }
}

static int write_bytes(struct work *work, const uint8_t *data, size_t len)
{
    while (len > 0) {
        DWORD n = 0, size = len < WRITE_MAX ? (DWORD)len : WRITE_MAX;
        DWORD error = write_some(work, data, size, &n);
        if (is_cancelled(work))
            return UV_ECANCELED;
        if (is_end(error))
            return UV_EPIPE;
        if (error != NO_ERROR)
            return uv_translate_sys_error((int)error);
        if (n == 0) /* it is full, and PIPE_NOWAIT */
            WaitForSingleObject(work->cancel, FULL_MS);
        data += n;
        len -= n;
    }
    return 0;
}

/* ------------------------------------------------------------------ input */

struct gl_input {
    uv_async_t async;
    struct work *work;
    HANDLE thread;
    const struct gl_input_events *events;
    void *ctx;
    bool wanted, ended, freed;
};

static struct gl_slice take_read(struct gl_block **block, size_t n)
{
    if (n < READ_COPY)
        return gl_slice_copy(gl_block_data(*block), n);
    struct gl_slice slice = gl_slice_of(*block, 0, n);
    gl_block_unref(*block);
    *block = NULL;
    return slice;
}

/* With the lock. Whether there is something to do. */
static bool wait_for_room(struct work *work)
{
    while (work->async && (!work->wanted || work->full))
        uv_cond_wait(&work->changed, &work->lock);
    return work->async != NULL;
}

static unsigned __stdcall run_input(void *arg)
{
    struct work *work = arg;
    struct gl_console_reader console = {.handle = work->handle, .cancel = work->cancel};
    struct gl_block *block = NULL;
    int n = 1;
    uv_mutex_lock(&work->lock);
    while (n > 0 && wait_for_room(work)) {
        uv_mutex_unlock(&work->lock);
        if (!block)
            block = gl_block_new(READ_SIZE);
        n = work->kind == KIND_CONSOLE ? gl_console_read(&console, gl_block_data(block), READ_SIZE)
                                       : read_bytes(work, gl_block_data(block));
        uv_mutex_lock(&work->lock);
        if (n > 0) {
            work->slice = take_read(&block, (size_t)n);
            work->full = true;
        } else {
            work->ended = true;
            work->error = n;
        }
        work_tell(work);
    }
    uv_mutex_unlock(&work->lock);
    gl_block_unref(block);
    work_put(work);
    return 0;
}

static void on_input(uv_async_t *async)
{
    struct gl_input *input = async->data;
    struct work *work = input->work;
    if (!input->wanted || input->ended || input->freed)
        return;
    uv_mutex_lock(&work->lock);
    struct gl_slice slice = work->slice;
    bool full = work->full, ended = !full && work->ended;
    int error = work->error;
    work->slice = GL_SLICE_EMPTY;
    work->full = false;
    uv_cond_signal(&work->changed);
    uv_mutex_unlock(&work->lock);
    if (full)
        input->events->on_data(input->ctx, slice);
    if (!ended)
        return;
    input->ended = true;
    input->events->on_end(input->ctx, error);
}

int gl_input_new(uv_loop_t *loop, int fd, const struct gl_input_events *events, void *ctx,
                 struct gl_input **ret_input)
{
    struct gl_input *input = GL_NEW0(struct gl_input);
    int err = work_new(fd, &input->async, &input->work);
    if (err == 0 && (err = uv_async_init(loop, &input->async, on_input)) < 0)
        work_put(input->work);
    if (err < 0) {
        gl_free(input);
        return err;
    }
    input->async.data = input;
    input->events = events;
    input->ctx = ctx;
    *ret_input = input;
    return 0;
}

void gl_input_read(struct gl_input *input, bool on)
{
    struct work *work = input->work;
    input->wanted = on;
    if (input->freed || input->ended)
        return;
    if (on && !input->thread)
        input->thread = work_start(work, run_input);
    uv_mutex_lock(&work->lock);
    if (on && !input->thread) {
        work->ended = true;
        work->error = UV_EAGAIN;
    }
    work->wanted = on;
    if (on && (work->full || work->ended))
        work_tell(work);
    uv_cond_signal(&work->changed);
    uv_mutex_unlock(&work->lock);
}

static void on_input_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

void gl_input_free(struct gl_input *input)
{
    if (!input || input->freed)
        return;
    input->wanted = false;
    input->freed = true;
    work_leave(input->work, input->thread);
    uv_close((uv_handle_t *)&input->async, on_input_closed);
}

/* ------------------------------------------------------------------ output */

struct gl_output {
    uv_async_t async;
    struct work *work;
    HANDLE thread;
    const struct gl_output_events *events;
    void *ctx;
    size_t pieces; /* not yet reported as written */
    bool failed, freed;
};

/* With the lock. NULL: it is time to leave. */
static struct piece *wait_for_piece(struct work *work)
{
    while (work->async && (work->failed || gl_list_empty(&work->todo)))
        uv_cond_wait(&work->changed, &work->lock);
    if (!work->async)
        return NULL;
    struct piece *piece = GL_CONTAINER_OF(gl_list_first(&work->todo), struct piece, node);
    gl_list_remove(&piece->node);
    return piece;
}

static unsigned __stdcall run_output(void *arg)
{
    struct work *work = arg;
    struct gl_console_writer console = {.handle = work->handle};
    struct piece *piece;
    uv_mutex_lock(&work->lock);
    while ((piece = wait_for_piece(work))) {
        uv_mutex_unlock(&work->lock);
        int err = work->kind == KIND_CONSOLE
                      ? gl_console_write(&console, piece->data.data, piece->data.len)
                      : write_bytes(work, piece->data.data, piece->data.len);
        uv_mutex_lock(&work->lock);
        gl_list_append(&work->done, &piece->node);
        if (err < 0) {
            work->failed = true;
            work->error = err;
        }
        work_tell(work);
    }
    uv_mutex_unlock(&work->lock);
    work_put(work);
    return 0;
}

/* What is in the list goes, and is reported. The callee may free the output. */
static void report(struct gl_output *output, struct gl_list *list)
{
    while (!gl_list_empty(list)) {
        struct piece *piece = GL_CONTAINER_OF(gl_list_first(list), struct piece, node);
        size_t charge = piece->charge;
        gl_list_remove(&piece->node);
        gl_slice_unref(&piece->data);
        gl_free(piece);
        output->pieces--;
        if (!output->freed)
            output->events->on_written(output->ctx, charge);
    }
}

static void move_all(struct gl_list *from, struct gl_list *to)
{
    while (!gl_list_empty(from)) {
        struct gl_list *node = gl_list_first(from);
        gl_list_remove(node);
        gl_list_append(to, node);
    }
}

static void on_output(uv_async_t *async)
{
    struct gl_output *output = async->data;
    struct work *work = output->work;
    struct gl_list list;
    if (output->freed)
        return;
    gl_list_init(&list);
    uv_mutex_lock(&work->lock);
    move_all(&work->done, &list);
    bool failed = work->failed && !output->failed;
    if (failed)
        move_all(&work->todo, &list);
    int error = work->error;
    uv_mutex_unlock(&work->lock);
    if (failed) {
        output->failed = true;
        output->events->on_failed(output->ctx, error);
    }
    report(output, &list);
}

int gl_output_new(uv_loop_t *loop, int fd, const struct gl_output_events *events, void *ctx,
                  struct gl_output **ret_output)
{
    struct gl_output *output = GL_NEW0(struct gl_output);
    int err = work_new(fd, &output->async, &output->work);
    if (err == 0 && (err = uv_async_init(loop, &output->async, on_output)) < 0)
        work_put(output->work);
    if (err < 0) {
        gl_free(output);
        return err;
    }
    output->async.data = output;
    output->events = events;
    output->ctx = ctx;
    *ret_output = output;
    return 0;
}

void gl_output_write(struct gl_output *output, struct gl_slice data, size_t charge)
{
    struct work *work = output->work;
    if (output->failed || data.len == 0) {
        gl_slice_unref(&data);
        output->events->on_written(output->ctx, charge);
        return;
    }
    struct piece *piece = GL_NEW0(struct piece);
    piece->data = data;
    piece->charge = charge;
    output->pieces++;
    if (!output->thread)
        output->thread = work_start(work, run_output);
    uv_mutex_lock(&work->lock);
    gl_list_append(&work->todo, &piece->node);
    if (!output->thread) {
        work->failed = true;
        work->error = UV_EAGAIN;
    }
    if (work->failed)
        work_tell(work); /* it came after the thread had given up */
    uv_cond_signal(&work->changed);
    uv_mutex_unlock(&work->lock);
}

bool gl_output_is_empty(const struct gl_output *output)
{
    return output->pieces == 0;
}

static void on_output_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

void gl_output_free(struct gl_output *output)
{
    if (!output || output->freed)
        return;
    output->freed = true;
    work_leave(output->work, output->thread);
    uv_close((uv_handle_t *)&output->async, on_output_closed);
}
