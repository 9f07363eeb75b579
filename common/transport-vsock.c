/* SPDX-License-Identifier: MIT */
/*
 * AF_VSOCK: vsock(7), linux/vm_sockets.h. libuv's own calls refuse the family; see transport-fd.h.
 *
 * What differs by what carries it (chapter 6 of the design): on Hyper-V (hv_sock) a port that
 * nobody listens on is ETIMEDOUT after 2 s, a vanished host is EOF, and some kernels say EIO in
 * place of the last EOF; on virtio a reset is EOF, and migration or restore is ECONNRESET or
 * silence. So above this no difference is made between EOF and error: what tells a good end is
 * GOODBYE in band.
 */
#include <errno.h>
#include <sodium.h>
#include <unistd.h>

#include "log.h"
#include "transport-fd.h"
#include "transport-vsock.h"

/* The rings of hv_sock are 24 KiB, its packets 16 KiB: larger frames would only delay urgent ones.
 */
#define HV_SOCK_PAYLOAD_MAX (16u * 1024)

static const struct gl_vsock_system real_system = {bind, setsockopt};

static int last_error(void)
{
    return uv_translate_sys_error(errno);
}

struct sockaddr_vm gl_vsock_sockaddr(uint32_t cid, uint32_t port)
{
    struct sockaddr_vm at = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = cid};
    return at;
}

void gl_vsock_peer(const struct sockaddr_vm *from, struct gl_peer *ret_peer)
{
    *ret_peer = (struct gl_peer){
        .address = {.kind = GL_ADDRESS_VSOCK, .cid = from->svm_cid, .port = from->svm_port},
        .privileged_port = from->svm_port < 1024,
    };
}

/*
 * Only a guest of Hyper-V has the driver hv_sock, and there the way to the host is over it: one
 * transport at a time leads out of a guest (net/vmw_vsock/af_vsock.c, transport_g2h).
 */
static uint32_t payload_max(uint32_t cid)
{
    if (cid == GL_CID_HOST && access("/sys/bus/vmbus/drivers/hv_sock", F_OK) == 0)
        return HV_SOCK_PAYLOAD_MAX;
    return 0;
}

static uint32_t describe(int fd, const struct gl_address *address,
                         const struct sockaddr_storage *from, struct gl_peer *ret_peer)
{
    struct sockaddr_vm peer = gl_vsock_sockaddr(address->cid, address->port);
    (void)fd;
    if (from)
        peer = *(const struct sockaddr_vm *)from;
    gl_vsock_peer(&peer, ret_peer);
    return payload_max(peer.svm_cid);
}

const struct gl_fd_family gl_vsock_family = {describe};

bool gl_vsock_listening_at(const struct sockaddr_storage *at, struct gl_address *ret_address)
{
    const struct sockaddr_vm *vm = (const struct sockaddr_vm *)at;
    if (at->ss_family != AF_VSOCK)
        return false;
    *ret_address =
        (struct gl_address){.kind = GL_ADDRESS_VSOCK, .cid = vm->svm_cid, .port = vm->svm_port};
    return true;
}

int gl_vsock_bind_source(const struct gl_vsock_system *system, int fd)
{
    /* A port stays busy for some seconds after its connection, so a fixed one would delay every
     * redial. */
    uint32_t count = GL_VSOCK_SOURCE_LAST - GL_VSOCK_SOURCE_FIRST + 1;
    uint32_t first = randombytes_uniform(count);
    for (uint32_t i = 0; i < count; i++) {
        struct sockaddr_vm at =
            gl_vsock_sockaddr(VMADDR_CID_ANY, GL_VSOCK_SOURCE_FIRST + (first + i) % count);
        if (system->bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
            return 0;
        if (errno != EADDRINUSE)
            return last_error();
    }
    return UV_EADDRINUSE;
}

void gl_vsock_set_buffers(const struct gl_vsock_system *system, int fd)
{
    /* u64, and the size is cut to the maximum that holds when it is set. */
    uint64_t size = GL_VSOCK_BUFFER;
    system->setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &size, sizeof(size));
    system->setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, sizeof(size));
}

static int make_socket(void)
{
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return last_error();
    gl_vsock_set_buffers(&real_system, fd);
    return fd;
}

static int vsock_connect(uv_loop_t *loop, const struct gl_address *address,
                         const struct gl_connect_options *options, gl_connect_cb cb, void *ctx,
                         struct gl_connect **ret_connect)
{
    struct sockaddr_vm to = gl_vsock_sockaddr(address->cid, address->port);
    if (address->cid == GL_CID_ANY)
        return UV_EINVAL;
    int fd = make_socket();
    if (fd < 0)
        return fd;
    if (options->privileged_port) {
        int r = gl_vsock_bind_source(&real_system, fd);
        if (r)
            gl_warn("vsock without a source port below 1024: %s",
                    r == UV_EACCES ? "needs root or CAP_NET_BIND_SERVICE" : uv_strerror(r));
    }
    return gl_fd_connect(loop, fd, (struct sockaddr *)&to, sizeof(to), address, &gl_vsock_family,
                         options, cb, ctx, ret_connect);
}

static int vsock_listen(uv_loop_t *loop, const struct gl_address *address,
                        const struct gl_listen_options *options, gl_accept_cb cb, void *ctx,
                        struct gl_listener **ret_listener)
{
    struct sockaddr_vm at = gl_vsock_sockaddr(address->cid, address->port);
    int fd = make_socket();
    if (fd < 0)
        return fd;
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, options->backlog) != 0) {
        int r = last_error();
        close(fd);
        return r;
    }
    return gl_fd_listen(loop, fd, address, false, &gl_vsock_family, cb, ctx, ret_listener);
}

static int vsock_usable(const struct gl_address *address)
{
    (void)address;
    return 0;
}

const struct gl_transport_kind gl_vsock_kind = {vsock_connect, vsock_listen, vsock_usable};
