/* SPDX-License-Identifier: MIT */
/* What of vsock can be tested without a socket of its family. */
#include "transport-vsock.h"

#include <errno.h>
#include <string.h>

#include "transport-fd.h"
#include "unit.h"

static uint32_t busy_ports, bind_tries, last_port;
static int bind_error;
static bool tried[1024];

static int fake_bind(int fd, const struct sockaddr *at, socklen_t len)
{
    struct sockaddr_vm vm;
    ck_assert_int_eq(fd, 77);
    ck_assert_uint_eq(len, sizeof(vm));
    memcpy(&vm, at, sizeof(vm));
    ck_assert_uint_eq(vm.svm_family, AF_VSOCK);
    ck_assert_uint_eq(vm.svm_cid, GL_CID_ANY);
    ck_assert_uint_ge(vm.svm_port, 512);
    ck_assert_uint_le(vm.svm_port, 1006);
    ck_assert(!tried[vm.svm_port]);
    tried[vm.svm_port] = true;
    last_port = vm.svm_port;
    if (bind_tries++ >= busy_ports)
        return 0;
    errno = bind_error;
    return -1;
}

static int options_set[4];
static unsigned options_count;

static int fake_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    uint64_t size;
    ck_assert_int_eq(fd, 77);
    ck_assert_int_eq(level, AF_VSOCK);
    ck_assert_uint_eq(len, sizeof(size));
    memcpy(&size, value, sizeof(size));
    ck_assert_uint_eq(size, GL_VSOCK_BUFFER);
    options_set[options_count++] = name;
    return 0;
}

static const struct gl_vsock_system fake_system = {fake_bind, fake_setsockopt};

static int bind_with(uint32_t busy, int error)
{
    memset(tried, 0, sizeof(tried));
    bind_tries = 0;
    busy_ports = busy;
    bind_error = error;
    return gl_vsock_bind_source(&fake_system, 77);
}

START_TEST(source_port)
{
    bool differs = false;
    ck_assert_int_eq(bind_with(0, 0), 0);
    for (int i = 0; i < 20; i++) {
        uint32_t before = last_port;
        ck_assert_int_eq(bind_with(0, 0), 0);
        differs |= before != last_port;
    }
    ck_assert(differs);
    ck_assert_int_eq(bind_with(494, EADDRINUSE), 0);
    ck_assert_uint_eq(bind_tries, 495);
    ck_assert_int_eq(bind_with(1000, EADDRINUSE), UV_EADDRINUSE);
    ck_assert_uint_eq(bind_tries, 495);
    ck_assert_int_eq(bind_with(1000, EACCES), UV_EACCES);
    ck_assert_uint_eq(bind_tries, 1);
}
END_TEST

START_TEST(buffers)
{
    gl_vsock_set_buffers(&fake_system, 77);
    ck_assert_uint_eq(options_count, 2);
    ck_assert_int_eq(options_set[0], SO_VM_SOCKETS_BUFFER_MAX_SIZE);
    ck_assert_int_eq(options_set[1], SO_VM_SOCKETS_BUFFER_SIZE);
}
END_TEST

START_TEST(peers)
{
    struct gl_peer peer;
    struct sockaddr_storage at = {0};
    struct gl_address address;
    struct sockaddr_vm vm = gl_vsock_sockaddr(42, 1023);
    gl_vsock_peer(&vm, &peer);
    ck_assert_int_eq(peer.address.kind, GL_ADDRESS_VSOCK);
    ck_assert_uint_eq(peer.address.cid, 42);
    ck_assert_uint_eq(peer.address.port, 1023);
    ck_assert(peer.privileged_port);
    ck_assert(!peer.has_credentials);
    vm = gl_vsock_sockaddr(42, 1024);
    gl_vsock_peer(&vm, &peer);
    ck_assert(!peer.privileged_port);

    memcpy(&at, &vm, sizeof(vm));
    ck_assert(gl_vsock_listening_at(&at, &address));
    ck_assert_uint_eq(address.port, 1024);
    ck_assert(!gl_local_listening_at(&at, &address));
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("transport_vsock", source_port, buffers, peers);
}

GL_UNIT_MAIN(suite)
