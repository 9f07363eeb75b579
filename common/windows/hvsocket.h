/* SPDX-License-Identifier: MIT */
/*
 * Sockets of AF_HYPERV, as far as Winsock has them: "Make your own integration services",
 * learn.microsoft.com; hvsocket.h of the Windows SDK, whose names are kept here without their
 * DEFINE_GUIDs and with what mingw-w64 lacks.
 */
#ifndef GL_WINDOWS_HVSOCKET_H
#define GL_WINDOWS_HVSOCKET_H

#include <stdbool.h>
#include <winsock2.h>

#include <mswsock.h>

#include "address.h"

#define GL_AF_HYPERV      34
#define GL_HV_PROTOCOL    1            /* HV_PROTOCOL_RAW, also the level of the options */
#define GL_HV_PAYLOAD_MAX (16u * 1024) /* the rings are of 24 KiB, packets of 16 KiB */

/* Options, ULONG each. */
#define GL_HVSOCKET_CONNECT_TIMEOUT     0x01 /* ms */
#define GL_HVSOCKET_CONNECT_TIMEOUT_MAX 300000u
#define GL_HVSOCKET_CONNECTED_SUSPEND   0x04 /* a connection outlives that its machine is paused */

struct gl_sockaddr_hv {
    ADDRESS_FAMILY family;
    USHORT reserved;
    uint8_t vm[16], service[16]; /* GUIDs of Windows */
};

void gl_hvsocket_sockaddr(const struct gl_address *address, struct gl_sockaddr_hv *ret_at);
/* False: it is of another family. */
bool gl_hvsocket_address(const struct gl_sockaddr_hv *at, struct gl_address *ret_address);

/*
 * An overlapped socket that nobody inherits, with CONNECTED_SUSPEND, and with CONNECT_TIMEOUT if
 * that is not 0. UV_EAFNOSUPPORT: this Windows has no sockets of Hyper-V.
 */
int gl_hvsocket_make(uint64_t connect_timeout_ms, SOCKET *ret_socket);

/* AcceptEx and ConnectEx as the socket's provider has them. */
int gl_hvsocket_accept_ex(SOCKET s, LPFN_ACCEPTEX *ret_fn);
int gl_hvsocket_connect_ex(SOCKET s, LPFN_CONNECTEX *ret_fn);

#endif
