/* SPDX-License-Identifier: MIT */
#include "windows/exec-pipes.h"

#include <fcntl.h>
#include <io.h>
#include <sddl.h>
#include <sodium.h>
#include <string.h>

#include "list.h"
#include "mem.h"

#define PIPE_SIZE (64u * 1024) /* bytes that wait in it */
#define READ_SIZE (64u * 1024) /* bytes a read */
/* Shorter reads are copied, so that no slice keeps more than 4 times its size. */
#define READ_COPY   (16u * 1024)
#define END_OF_FILE "\x1a\r" /* Ctrl-Z and Enter, by which a console's line input ends */

/* ------------------------------------------------------------------ pipes */

static int last_error(void)
{
    return uv_translate_sys_error((int)GetLastError());
}

/* The system and whoever made it; not everybody, as it is by default ("Named Pipe Security and
 * Access Rights", learn.microsoft.com). */
static int make_server(const wchar_t *name, bool input, HANDLE *ret_server)
{
    SECURITY_ATTRIBUTES security = {.nLength = sizeof(security)};
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(
            L"D:P(A;;GA;;;SY)(A;;GA;;;OW)", SDDL_REVISION_1, &security.lpSecurityDescriptor, NULL))
        return last_error();
    DWORD access = input ? PIPE_ACCESS_OUTBOUND : PIPE_ACCESS_INBOUND;
    HANDLE server = CreateNamedPipeW(
        name, access | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, PIPE_SIZE,
        PIPE_SIZE, 0, &security);
    int err = server == INVALID_HANDLE_VALUE ? last_error() : 0;
    LocalFree(security.lpSecurityDescriptor);
    if (!err)
        *ret_server = server;
    return err;
}

int gl_exec_pipe_make(bool input, HANDLE *ret_ours, HANDLE *ret_theirs)
{
    wchar_t name[96];
    uint64_t random[2];
    SECURITY_ATTRIBUTES inherit = {.nLength = sizeof(inherit), .bInheritHandle = TRUE};
    HANDLE ours = NULL;
    randombytes_buf(random, sizeof(random));
    _snwprintf(name, GL_ARRAY_SIZE(name), L"\\\\.\\pipe\\guestlink-exec-%lu-%016llx%016llx",
               (unsigned long)GetCurrentProcessId(), (unsigned long long)random[0],
               (unsigned long long)random[1]);
    int err = make_server(name, input, &ours);
    if (err)
        return err;
    /* Attributes: a runtime asks what kind of file its standard output is. Waiting, not overlapped:
     * a program does not expect that of its standard handles. */
    DWORD access =
        input ? GENERIC_READ | FILE_WRITE_ATTRIBUTES : GENERIC_WRITE | FILE_READ_ATTRIBUTES;
    HANDLE theirs = CreateFileW(name, access, 0, &inherit, OPEN_EXISTING, 0, NULL);
    if (theirs == INVALID_HANDLE_VALUE) {
        err = last_error();
        CloseHandle(ours);
        return err;
    }
    *ret_ours = ours;
    *ret_theirs = theirs;
    return 0;
}

/* uv_pipe_open() takes a descriptor of the C runtime, and with it the handle. The pipe is to be
 * closed, or is being closed. */
static int open_pipe(uv_loop_t *loop, uv_pipe_t *pipe, HANDLE handle,
                     void (*on_closed)(uv_handle_t *))
{
    uv_pipe_init(loop, pipe, 0);
    int fd = _open_osfhandle((intptr_t)handle, _O_BINARY);
    int err = fd < 0 ? UV_EMFILE : uv_pipe_open(pipe, fd);
    if (!err)
        return 0;
    if (fd < 0)
        CloseHandle(handle);
    else
        _close(fd);
    uv_close((uv_handle_t *)pipe, on_closed);
    return err;
}

/* ------------------------------------------------------------------ output */

/* One for all: libuv asks for it and fills it in one go. Never freed while the process lives, but
 * when handed out. */
static struct gl_block *read_block;

static void output_closed(uv_handle_t *handle)
{
    struct gl_exec_output *output = handle->data;
    output->events->on_closed(output->ctx);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    if (!read_block)
        read_block = gl_block_new(READ_SIZE);
    *buf = uv_buf_init((char *)gl_block_data(read_block), READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct gl_exec_output *output = stream->data;
    (void)buf;
    if (n == 0 || !output->handle)
        return;
    if (n < 0) {
        gl_exec_output_close(output);
        output->events->on_change(output->ctx, output);
        return;
    }
    output->events->on_data(output->ctx, output, gl_slice_take(&read_block, (size_t)n, READ_COPY));
    if (!output->handle || output->owed == 0)
        return;
    output->owed -= (size_t)n < output->owed ? (size_t)n : output->owed;
    if (output->owed == 0)
        output->events->on_change(output->ctx, output);
}

int gl_exec_output_init(struct gl_exec_output *output, uv_loop_t *loop, HANDLE handle,
                        uint8_t channel, const struct gl_exec_output_events *events, void *ctx)
{
    *output = (struct gl_exec_output){.channel = channel, .events = events, .ctx = ctx};
    output->pipe.data = output;
    int err = open_pipe(loop, &output->pipe, handle, output_closed);
    if (!err)
        output->handle = handle;
    return err;
}

void gl_exec_output_read(struct gl_exec_output *output, bool on)
{
    if (!output->handle || output->reading == on)
        return;
    output->reading = on;
    if (!on) {
        uv_read_stop((uv_stream_t *)&output->pipe);
    } else if (uv_read_start((uv_stream_t *)&output->pipe, on_alloc, on_read) != 0) {
        gl_exec_output_close(output);
        output->events->on_change(output->ctx, output);
    }
}

void gl_exec_output_settle(struct gl_exec_output *output)
{
    DWORD waiting = 0;
    if (output->handle && PeekNamedPipe(output->handle, NULL, 0, NULL, &waiting, NULL))
        output->owed = waiting;
}

void gl_exec_output_close(struct gl_exec_output *output)
{
    if (!output->handle)
        return;
    output->reading = false;
    output->owed = 0;
    output->handle = NULL;
    uv_close((uv_handle_t *)&output->pipe, output_closed);
}

/* ------------------------------------------------------------------ input */

struct chunk {
    uv_write_t request;
    struct gl_exec_input *input;
    struct gl_slice data;
    size_t charge;
};

static void input_closed(uv_handle_t *handle)
{
    struct gl_exec_input *input = handle->data;
    input->on_closed(input->ctx);
}

static void close_when_written(struct gl_exec_input *input)
{
    /* What is in the pipe stays there for whoever reads it; only what we still hold would go. */
    if (input->eof && input->writing == 0)
        gl_exec_input_close(input);
}

static void on_written(uv_write_t *request, int status)
{
    struct chunk *chunk = GL_CONTAINER_OF(request, struct chunk, request);
    struct gl_exec_input *input = chunk->input;
    size_t charge = chunk->charge;
    gl_slice_unref(&chunk->data);
    gl_free(chunk);
    input->writing--;
    if (status < 0)
        gl_exec_input_close(input);
    if (charge > 0)
        input->on_used(input->ctx, charge);
    if (input->open && !input->terminal)
        close_when_written(input);
}

static void send_chunk(struct gl_exec_input *input, struct gl_slice data, size_t charge)
{
    struct chunk *chunk = GL_NEW0(struct chunk);
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data.data, (unsigned)data.len);
    chunk->input = input;
    chunk->data = data;
    chunk->charge = charge;
    input->writing++;
    if (uv_write(&chunk->request, (uv_stream_t *)&input->pipe, &buf, 1, on_written) == 0)
        return;
    input->writing--;
    gl_slice_unref(&chunk->data);
    gl_free(chunk);
    gl_exec_input_close(input);
    if (charge > 0)
        input->on_used(input->ctx, charge);
}

int gl_exec_input_init(struct gl_exec_input *input, uv_loop_t *loop, HANDLE handle, bool terminal)
{
    input->pipe.data = input;
    input->terminal = terminal;
    int err = open_pipe(loop, &input->pipe, handle, input_closed);
    input->open = !err;
    return err;
}

void gl_exec_input_write(struct gl_exec_input *input, struct gl_slice data, size_t charge)
{
    if (input->open && !input->eof && data.len > 0) {
        send_chunk(input, data, charge);
        return;
    }
    gl_slice_unref(&data);
    input->on_used(input->ctx, charge);
}

void gl_exec_input_type(struct gl_exec_input *input, const char *keys)
{
    if (input->open)
        send_chunk(input, gl_slice_copy(keys, strlen(keys)), 0);
}

void gl_exec_input_end(struct gl_exec_input *input)
{
    if (!input->open || input->eof)
        return;
    input->eof = true;
    /* A console whose input ends is taken apart, so it stays open. */
    if (input->terminal)
        gl_exec_input_type(input, END_OF_FILE);
    else
        close_when_written(input);
}

void gl_exec_input_close(struct gl_exec_input *input)
{
    if (!input->open)
        return;
    input->open = false;
    uv_close((uv_handle_t *)&input->pipe, input_closed);
}
