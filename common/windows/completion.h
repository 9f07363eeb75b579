/* SPDX-License-Identifier: MIT */
/*
 * Our own overlapped operations on a uv loop: one I/O completion port and one thread for each loop
 * that has users; what completes is handed to the loop by a queue and uv_async_send(). libuv has a
 * port for each loop, too, but lets nobody else use it. Any number of handles and operations.
 *
 * Whoever has an operation pending holds the completion (gl_completion_get), and keeps the
 * operation and its buffers in place until done() is called: cancelling (CancelIoEx, or closing the
 * handle) does not spare that wait. "Synchronous and Asynchronous I/O", "CancelIoEx function",
 * learn.microsoft.com.
 */
#ifndef GL_WINDOWS_COMPLETION_H
#define GL_WINDOWS_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>
#include <winsock2.h>

#include <uv.h>

struct gl_completion;

struct gl_operation {
    OVERLAPPED overlapped; /* first: it is what the port gives back */
    struct gl_operation *next;
    /* On the loop's thread. The operation may be freed or used anew in it. */
    void (*done)(struct gl_operation *operation);
    bool pending; /* done() is still to be called */
};

/* One user more of the loop's, which is made for the first. Negative UV_E*: the system has no port
 * or thread to give. Only on the loop's thread, as all of this but gl_completion_post(). */
int gl_completion_get(uv_loop_t *loop, struct gl_completion **ret_completion);
/* One user less. What the last leaves is gone after some more turns of the loop, which it waits for
 * as for a handle that is closing. */
void gl_completion_put(struct gl_completion *completion);

/*
 * Has the handle or socket report to the port, once for all. *ret_skips: what succeeds at once does
 * not (FILE_SKIP_COMPLETION_PORT_ON_SUCCESS). That is left off for a socket whose provider does not
 * make file handles of the system, as layered ones may not: "SetFileCompletionNotificationModes
 * function", learn.microsoft.com.
 */
int gl_completion_attach(struct gl_completion *completion, HANDLE handle, bool *ret_skips);
int gl_completion_attach_socket(struct gl_completion *completion, SOCKET s, bool *ret_skips);

/* Before each start: clears the OVERLAPPED, which is returned. */
OVERLAPPED *gl_operation_prepare(struct gl_operation *operation);
/*
 * After it, with 0 if the system's call succeeded and otherwise GetLastError() or
 * WSAGetLastError(). 1: it is done, and done() is not called; 0: pending; negative UV_E*: it was
 * not started.
 */
int gl_operation_started(struct gl_operation *operation, bool skips, DWORD error);
/* Has done() called from a later turn of the loop, as if an operation of `bytes` had succeeded. */
void gl_completion_defer(struct gl_completion *completion, struct gl_operation *operation,
                         size_t bytes);
/* From any thread: a pending operation has completed by other means than the port. */
void gl_completion_post(struct gl_completion *completion, struct gl_operation *operation);

/* Of one that is done: 0, or negative UV_E* as gl_completion_error(). */
int gl_operation_status(const struct gl_operation *operation);
size_t gl_operation_bytes(const struct gl_operation *operation);

/*
 * An error of the system or of Winsock as negative UV_E*. As uv_translate_sys_error(), but all that
 * says 'the other end of the pipe, or connection, is closed' is UV_EPIPE, and ERROR_ACCESS_DENIED
 * is UV_EACCES.
 */
int gl_completion_error(DWORD error);

#endif
