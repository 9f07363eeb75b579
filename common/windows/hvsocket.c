/* SPDX-License-Identifier: MIT */
#include "hvsocket.h"

#include <string.h>

#include "completion.h"
#include "log.h"

_Static_assert(sizeof(struct gl_sockaddr_hv) == 36, "as SOCKADDR_HV");

void gl_hvsocket_sockaddr(const struct gl_address *address, struct gl_sockaddr_hv *ret_at)
{
    *ret_at = (struct gl_sockaddr_hv){.family = GL_AF_HYPERV};
    gl_guid_to_windows(&address->vm, ret_at->vm);
    gl_guid_to_windows(&address->service, ret_at->service);
}

bool gl_hvsocket_address(const struct gl_sockaddr_hv *at, struct gl_address *ret_address)
{
    if (at->family != GL_AF_HYPERV)
        return false;
    *ret_address = (struct gl_address){.kind = GL_ADDRESS_HVSOCK};
    gl_guid_from_windows(at->vm, &ret_address->vm);
    gl_guid_from_windows(at->service, &ret_address->service);
    return true;
}

static void set_option(SOCKET s, int name, const char *text, ULONG value)
{
    /* Older versions of Windows lack some; it works without. */
    if (setsockopt(s, GL_HV_PROTOCOL, name, (const char *)&value, sizeof(value)) != 0)
        gl_debug("hvsock: %s cannot be set: error %d", text, WSAGetLastError());
}

int gl_hvsocket_make(uint64_t connect_timeout_ms, SOCKET *ret_socket)
{
    ULONG ms = connect_timeout_ms < GL_HVSOCKET_CONNECT_TIMEOUT_MAX
                   ? (ULONG)connect_timeout_ms
                   : (ULONG)GL_HVSOCKET_CONNECT_TIMEOUT_MAX;
    SOCKET s = WSASocketW(GL_AF_HYPERV, SOCK_STREAM, GL_HV_PROTOCOL, NULL, 0,
                          WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (s == INVALID_SOCKET)
        return gl_completion_error((DWORD)WSAGetLastError());
    set_option(s, GL_HVSOCKET_CONNECTED_SUSPEND, "CONNECTED_SUSPEND", 1);
    if (ms)
        set_option(s, GL_HVSOCKET_CONNECT_TIMEOUT, "CONNECT_TIMEOUT", ms);
    *ret_socket = s;
    return 0;
}

static int ask_extension(SOCKET s, GUID id, void *ret_fn, size_t size)
{
    DWORD n;
    if (WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), ret_fn, (DWORD)size, &n,
                 NULL, NULL) != 0)
        return gl_completion_error((DWORD)WSAGetLastError());
    return 0;
}

/*
 * If the family's provider knows no extensions, TCP's are taken: Microsoft's go-winio uses those
 * for AF_HYPERV, so they are the same functions.
 */
static int extension(SOCKET s, GUID id, void *ret_fn, size_t size)
{
    int r = ask_extension(s, id, ret_fn, size);
    if (r == 0)
        return 0;
    SOCKET tcp = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_NO_HANDLE_INHERIT);
    if (tcp == INVALID_SOCKET)
        return r;
    r = ask_extension(tcp, id, ret_fn, size);
    closesocket(tcp);
    return r;
}

int gl_hvsocket_accept_ex(SOCKET s, LPFN_ACCEPTEX *ret_fn)
{
    return extension(s, (GUID)WSAID_ACCEPTEX, ret_fn, sizeof(*ret_fn));
}

int gl_hvsocket_connect_ex(SOCKET s, LPFN_CONNECTEX *ret_fn)
{
    return extension(s, (GUID)WSAID_CONNECTEX, ret_fn, sizeof(*ret_fn));
}
