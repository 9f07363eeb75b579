/* SPDX-License-Identifier: MIT */
/*
 * The shim over the ways to carry bytes: connect, listen, read, write, close. What is above never
 * sees a uv_stream_t, so that a way around libuv can stand behind the same ops (AF_HYPERV on
 * Windows).
 *
 * One loop, one thread. A transport counts its own uv handles and frees itself after on_close.
 */
#ifndef GL_TRANSPORT_H
#define GL_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "address.h"

struct gl_transport;
struct gl_listener;

/* Who is at the other end, as the kernel says. */
struct gl_peer {
    struct gl_address
        address;          /* unix: the listener's path; vsock: CID and source port; hvsock: VmId */
    bool has_credentials; /* unix; pipe: of who connected to us */
    uint32_t uid, gid;    /* pipe: numbers of windows/principal.h */
    int64_t pid;          /* pipe: for information, as the number may have gone to another since */
    bool privileged_port; /* vsock: source port < 1024 */
};

struct gl_transport_events {
    /* Gives the room for the next read. The block stays the caller's. */
    void (*on_buffer)(void *ctx, uv_buf_t *ret_room);
    /* n > 0: bytes in the room, and no copy of them in the transport: they may be a secret. 0:
     * nothing (the room is not used). UV_EOF or another negative: no more reads will come. */
    void (*on_read)(void *ctx, ssize_t n);
    /* The write that returned 0 (pending) is done: 0 or negative. */
    void (*on_written)(void *ctx, int status);
    /* gl_transport_close() is complete; the transport is freed after this returns. */
    void (*on_close)(void *ctx);
};

/* The implementation behind a transport. First member of every implementation's struct is struct
 * gl_transport. */
struct gl_transport_ops {
    const char *name;
    int (*read_start)(struct gl_transport *t);
    void (*read_stop)(struct gl_transport *t);
    int (*write)(struct gl_transport *t, const uv_buf_t *bufs, unsigned n);
    void (*close)(struct gl_transport *t);
    int (*shutdown)(struct gl_transport *t);
};

struct gl_transport {
    const struct gl_transport_ops *ops;
    uv_loop_t *loop;
    const struct gl_transport_events *events;
    void *ctx;
    struct gl_peer peer;
    uint32_t payload_max; /* 0: 256 KiB */
    bool closing;
};

/*
 * Sets who hears events; also to hand a transport over from the handshake to the link. events NULL:
 * nobody does, and the transport can only be closed.
 */
void gl_transport_bind(struct gl_transport *t, const struct gl_transport_events *events, void *ctx);
int gl_transport_read_start(struct gl_transport *t);
void gl_transport_read_stop(struct gl_transport *t);
/*
 * Writes all of bufs in order. 1: all written at once, no event follows. 0: pending, the bytes must
 * stay until on_written. Negative: failed, nothing follows. One write at a time.
 */
int gl_transport_write(struct gl_transport *t, const uv_buf_t *bufs, unsigned n);
int gl_transport_shutdown(
    struct gl_transport *t); /* half-close; pipes: UV_ENOTSUP, they have none */
/* No event but on_close follows. Fine to call twice. */
void gl_transport_close(struct gl_transport *t);
const struct gl_peer *gl_transport_peer(const struct gl_transport *t);
/* Largest frame payload that suits this transport, bytes (16 KiB on hv_sock, else 256 KiB). */
uint32_t gl_transport_payload_max(const struct gl_transport *t);

/*
 * Whether the address can be used on this system at all, whoever listens there: 0, UV_ENOTSUP (no
 * such kind here), UV_ENAMETOOLONG. gl_transport_error_text() explains.
 */
int gl_transport_usable(const struct gl_address *address);

/* ------------------------------------------------------------------ connect */

/* How Windows' sockets of Hyper-V are driven: by our own overlapped operations, or through libuv.
 */
enum gl_hvsock_driver { GL_HVSOCK_OVERLAPPED, GL_HVSOCK_LIBUV };
/* "overlapped" or "libuv", as the configuration files have it. UV_EINVAL. */
int gl_hvsock_driver_parse(const char *text, enum gl_hvsock_driver *ret_driver);

struct gl_connect; /* a dial in progress */
/* status 0: t is open, the callee binds and owns it. Otherwise t is NULL. Called once, never from
 * within gl_transport_connect. */
typedef void (*gl_connect_cb)(void *ctx, int status, struct gl_transport *t);
struct gl_connect_options {
    uint64_t timeout_ms;  /* 0: 5000 */
    bool privileged_port; /* vsock: bind a random source port in 512-1006 first; falls back with a
                             log line if not permitted */
    enum gl_hvsock_driver hvsock_driver;
};
/*
 * UV_ENOTSUP: this system has no such address kind. cb is not called on an error return. It may get
 * UV_EPERM: the pipe there belongs to another user than SYSTEM, Administrators and our own, and was
 * not spoken to.
 */
int gl_transport_connect(uv_loop_t *loop, const struct gl_address *address,
                         const struct gl_connect_options *options, gl_connect_cb cb, void *ctx,
                         struct gl_connect **ret_connect);
void gl_connect_cancel(struct gl_connect *connect); /* cb is not called any more */

/* ------------------------------------------------------------------ listen */

typedef void (*gl_accept_cb)(void *ctx, struct gl_listener *listener, struct gl_transport *t);
struct gl_listen_options {
    int backlog; /* 0: 128 */
    unsigned
        mode; /* unix: of the socket file; pipe: whom it lets in beside the system's and Hyper-V's
                 administrators and the own user: 060 the group, 06 all users. 0: 0600 */
    int64_t
        gid; /* unix: group of the socket file, -1: leave; pipe: as gl_principal_group_by_name */
    bool at_once; /* unix: do not wait for another process that is just listening in that folder */
    enum gl_hvsock_driver hvsock_driver; /* of what is accepted */
};
/*
 * unix: an existing socket file is removed only if it is a socket that nobody listens on (connect
 * is refused); a live one is UV_EADDRINUSE, anything else than a socket UV_ENOTSOCK; a path over
 * the system's limit is UV_ENAMETOOLONG. The file has its mode and group before it can be connected
 * to. Blocks for half a second at most, while another process holds a lock on the folder, unless
 * at_once: for a program that serves others meanwhile. UV_ENOTSUP: this system has no such address
 * kind.
 * pipe: cb is called when a client has said something; only then it is known who he is. A name that
 * another process has already is UV_EADDRINUSE, whoever that is.
 */
int gl_transport_listen(uv_loop_t *loop, const struct gl_address *address,
                        const struct gl_listen_options *options, gl_accept_cb cb, void *ctx,
                        struct gl_listener **ret_listener);
/* Stops, removes the socket file if it is still ours, calls cb (may be NULL), frees. */
void gl_listener_close(struct gl_listener *listener, void (*cb)(void *ctx), void *ctx);
/*
 * A socket that was handed to us (systemd socket activation), listening already (else UV_EINVAL).
 * Takes the descriptor in any case; the socket file stays when the listener is closed.
 */
int gl_transport_listen_fd(uv_loop_t *loop, int fd, gl_accept_cb cb, void *ctx,
                           struct gl_listener **ret_listener);
const struct gl_address *gl_listener_address(const struct gl_listener *listener);

/* Completes 'cannot connect to ADDRESS: ' or 'cannot listen on ADDRESS: ' with what it means and
 * what to do. Static. */
const char *gl_transport_error_text(const struct gl_address *address, int status);

#endif
