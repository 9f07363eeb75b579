/* SPDX-License-Identifier: MIT */
#include "fake-hyperv.h"

#include <winsock2.h>

#include <mswsock.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winternl.h>
#include <ws2tcpip.h>

#include "guid.h"
#include "hook.h"
#include "inject.h"
#include "partitions.h"

#define AF_HV       34
#define SOCKETS_MAX 8192u
#define RECEIVES    16384u /* pending at a time */
#define OPTIONS     16

#ifndef STATUS_PIPE_BROKEN
#define STATUS_PIPE_BROKEN ((NTSTATUS)0xC000014B)
#endif
#ifndef STATUS_CANCELLED
#define STATUS_CANCELLED ((NTSTATUS)0xC0000120)
#endif
#ifndef STATUS_IO_TIMEOUT
#define STATUS_IO_TIMEOUT ((NTSTATUS)0xC00000B5)
#endif

struct sockaddr_hv {
    ADDRESS_FAMILY family;
    USHORT reserved;
    uint8_t vm[16], service[16];
};

/* A dial that is not answered. */
struct silence {
    OVERLAPPED *overlapped;
    HANDLE timer;
    bool done;
};

struct fake {
    SOCKET s; /* INVALID_SOCKET: free */
    struct gl_partition me;
    struct gl_guid bound, service; /* of bind() */
    bool is_bound, connected;
    struct gl_guid peer_vm, peer_service;
    unsigned short tcp_port;
    HANDLE file; /* of a listener */
    HANDLE port; /* that it completes to */
    ULONG_PTR key;
    bool skips;
    ULONG options[OPTIONS];
    unsigned long long sent;
    bool cut;      /* may be, once */
    bool nameless; /* getpeername() does not know */
    struct silence *silence;
};

static CRITICAL_SECTION lock;
static struct fake *fakes; /* SOCKETS_MAX, */
static unsigned n_fakes;   /* of which so many have been used */
static struct gl_partition self;
static wchar_t own_path[4096];
static unsigned short_receives, cut_after, cut_left;
static ULONG last_options[OPTIONS];
static LONG failures[GL_FAKE_HYPERV_FAILURES]; /* how often they are still to come */

/* Receives that are pending: the end of the stream is told otherwise than TCP does. */
static OVERLAPPED **receives; /* RECEIVES, */
static unsigned n_receives;   /* of which so many have been used */

static LPFN_ACCEPTEX real_accept_ex;
static LPFN_CONNECTEX real_connect_ex;

/* ------------------------------------------------------------------ sockets */

/* With the lock, or where the socket cannot go meanwhile. */
static struct fake *find(SOCKET s)
{
    struct fake *found = NULL;
    EnterCriticalSection(&lock);
    for (unsigned i = 0; !found && i < n_fakes; i++)
        if (fakes[i].s == s && s != INVALID_SOCKET)
            found = &fakes[i];
    LeaveCriticalSection(&lock);
    return found;
}

static void add(SOCKET s)
{
    EnterCriticalSection(&lock);
    unsigned i = 0;
    while (i < SOCKETS_MAX && fakes[i].s != INVALID_SOCKET)
        i++;
    if (i == SOCKETS_MAX)
        abort();
    if (i >= n_fakes)
        n_fakes = i + 1;
    fakes[i] = (struct fake){.s = s, .me = self, .file = INVALID_HANDLE_VALUE};
    fakes[i].cut = true;
    memset(last_options, 0, sizeof(last_options));
    LeaveCriticalSection(&lock);
}

static unsigned short tcp_port_of(SOCKET s, bool peer)
{
    struct sockaddr_in at;
    int len = sizeof(at);
    int r = peer ? getpeername(s, (struct sockaddr *)&at, &len)
                 : getsockname(s, (struct sockaddr *)&at, &len);
    return r == 0 ? ntohs(at.sin_port) : 0;
}

static struct sockaddr_in loopback(unsigned short port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

static void fill(struct sockaddr_hv *at, const struct gl_guid *vm, const struct gl_guid *service)
{
    *at = (struct sockaddr_hv){.family = AF_HV};
    gl_guid_to_windows(vm, at->vm);
    gl_guid_to_windows(service, at->service);
}

static bool parse(const struct sockaddr *from, int len, struct gl_guid *vm, struct gl_guid *service)
{
    struct sockaddr_hv at;
    if (len < (int)sizeof(at) || from->sa_family != AF_HV)
        return false;
    memcpy(&at, from, sizeof(at));
    gl_guid_from_windows(at.vm, vm);
    gl_guid_from_windows(at.service, service);
    return true;
}

/* ------------------------------------------------------------------ socket, bind, listen */

static SOCKET WSAAPI fake_WSASocketW(int family, int type, int protocol, LPWSAPROTOCOL_INFOW info,
                                     GROUP group, DWORD flags)
{
    if (family != AF_HV)
        return WSASocketW(family, type, protocol, info, group, flags);
    if (type != SOCK_STREAM || protocol != 1) {
        WSASetLastError(WSAEPROTONOSUPPORT);
        return INVALID_SOCKET;
    }
    SOCKET s = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, flags);
    if (s != INVALID_SOCKET) {
        int on = 1;
        setsockopt(s, IPPROTO_TCP, TCP_NODELAY, (char *)&on, sizeof(on));
        add(s);
    }
    return s;
}

static SOCKET WSAAPI fake_socket(int family, int type, int protocol)
{
    if (family != AF_HV)
        return socket(family, type, protocol);
    return fake_WSASocketW(family, type, protocol, NULL, 0, WSA_FLAG_OVERLAPPED);
}

static int WSAAPI fake_bind(SOCKET s, const struct sockaddr *name, int len)
{
    struct fake *f = find(s);
    if (!f)
        return bind(s, name, len);
    if (!parse(name, len, &f->bound, &f->service)) {
        WSASetLastError(WSAEFAULT);
        return SOCKET_ERROR;
    }
    struct sockaddr_in at = loopback(0);
    if (bind(s, (struct sockaddr *)&at, sizeof(at)) != 0)
        return SOCKET_ERROR;
    f->is_bound = true;
    f->tcp_port = tcp_port_of(s, false);
    return 0;
}

static int WSAAPI fake_listen(SOCKET s, int backlog)
{
    struct fake *f = find(s);
    if (!f)
        return listen(s, backlog);
    if (!f->is_bound) {
        WSASetLastError(WSAEINVAL);
        return SOCKET_ERROR;
    }
    /* The real one has no bound for them that these tests would want to hit. */
    if (listen(s, backlog > 512 ? backlog : 512) != 0)
        return SOCKET_ERROR;
    f->file = gl_partition_listen(&f->me, &f->service, &f->bound, f->tcp_port);
    if (f->file == INVALID_HANDLE_VALUE) {
        WSASetLastError(GetLastError() == ERROR_FILE_EXISTS ? WSAEADDRINUSE : WSAEACCES);
        return SOCKET_ERROR;
    }
    return 0;
}

/* Whether it fails this time. In any thread. */
static bool fails(enum gl_fake_hyperv_failure what)
{
    EnterCriticalSection(&lock);
    bool now = failures[what] > 0;
    failures[what] -= now;
    LeaveCriticalSection(&lock);
    return now;
}

/* ------------------------------------------------------------------ accept */

struct accepting {
    struct gl_partition me;
    struct gl_guid bound, service;
    SOCKET listener, s;
    uint8_t *out;
    DWORD local_room;
    OVERLAPPED *app, ours;
    HANDLE wait, port;
    ULONG_PTR key;
    uint8_t addresses[2 * (sizeof(struct sockaddr_storage) + 16)];
};

static void note_accepted(struct fake *f, const struct accepting *a)
{
    f->connected = true;
    f->me = a->me;
    f->bound = a->bound;
    f->service = a->service;
    f->peer_vm = gl_partition_seen_from(&a->me, tcp_port_of(a->s, true));
    gl_guid_from_port(tcp_port_of(a->s, true), &f->peer_service);
}

/* In a thread of the system's. */
static void CALLBACK on_accepted(void *arg, BOOLEAN timed_out)
{
    struct accepting *a = arg;
    (void)timed_out;
    NTSTATUS status = (NTSTATUS)a->ours.Internal;
    struct fake *f = find(a->s);
    if (status == 0 && fails(GL_FAKE_HYPERV_ACCEPT_RESET))
        status = (NTSTATUS)0xc000020d; /* STATUS_CONNECTION_RESET */
    else if (status == 0 && fails(GL_FAKE_HYPERV_ACCEPT_FULL))
        status = (NTSTATUS)0xc000009a; /* STATUS_INSUFFICIENT_RESOURCES */
    if (status == 0 && f) {
        struct sockaddr_hv at;
        setsockopt(a->s, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char *)&a->listener,
                   sizeof(a->listener));
        note_accepted(f, a);
        f->nameless = fails(GL_FAKE_HYPERV_NO_PEER);
        fill(&at, &a->bound, &a->service);
        memcpy(a->out, &at, sizeof(at));
        fill(&at, &f->peer_vm, &f->peer_service);
        if (f->nameless)
            memset(&at, 0, sizeof(at));
        memcpy(a->out + a->local_room, &at, sizeof(at));
    }
    CloseHandle((HANDLE)((ULONG_PTR)a->ours.hEvent & ~(ULONG_PTR)1));
    UnregisterWait(a->wait);
    a->app->InternalHigh = 0;
    a->app->Internal = (ULONG_PTR)status;
    if (a->port)
        PostQueuedCompletionStatus(a->port, 0, a->key, a->app);
    else if (a->app->hEvent)
        SetEvent(a->app->hEvent);
    free(a);
}

static BOOL WINAPI fake_AcceptEx(SOCKET listener, SOCKET s, PVOID out, DWORD data, DWORD local_room,
                                 DWORD remote_room, LPDWORD received, LPOVERLAPPED overlapped)
{
    struct fake *l = find(listener), *f = find(s);
    DWORD n;
    if (!l || !f || l->file == INVALID_HANDLE_VALUE || data ||
        local_room < sizeof(struct sockaddr_hv) + 16 ||
        remote_room < sizeof(struct sockaddr_hv) + 16) {
        WSASetLastError(WSAEINVAL);
        return FALSE;
    }
    (void)received;
    struct accepting *a = calloc(1, sizeof(*a));
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    a->me = l->me;
    a->bound = l->bound;
    a->service = l->service;
    a->listener = listener;
    a->s = s;
    a->out = out;
    a->local_room = local_room;
    a->app = overlapped;
    a->port = l->port;
    a->key = l->key;
    /* The low bit: not to the port. "GetQueuedCompletionStatus function", learn.microsoft.com. */
    a->ours.hEvent = (HANDLE)((ULONG_PTR)event | 1);
    overlapped->Internal = STATUS_PENDING;
    DWORD room = sizeof(struct sockaddr_storage) + 16;
    bool done = real_accept_ex(listener, s, a->addresses, 0, room, room, &n, &a->ours);
    int error = WSAGetLastError();
    if (!done && error != WSA_IO_PENDING) {
        CloseHandle(event);
        free(a);
        WSASetLastError(error);
        return FALSE;
    }
    EnterCriticalSection(&lock); /* a->wait is set before it is used */
    RegisterWaitForSingleObject(&a->wait, event, on_accepted, a, INFINITE, WT_EXECUTEONLYONCE);
    LeaveCriticalSection(&lock);
    WSASetLastError(WSA_IO_PENDING);
    return FALSE;
}

static SOCKET WSAAPI fake_accept(SOCKET listener, struct sockaddr *name, int *len)
{
    struct fake *l = find(listener);
    if (!l)
        return accept(listener, name, len);
    SOCKET s = accept(listener, NULL, NULL);
    if (s == INVALID_SOCKET)
        return s;
    add(s);
    struct accepting a = {.me = l->me, .bound = l->bound, .service = l->service, .s = s};
    struct fake *f = find(s);
    note_accepted(f, &a);
    if (name && len && *len >= (int)sizeof(struct sockaddr_hv)) {
        struct sockaddr_hv at;
        fill(&at, &f->peer_vm, &f->peer_service);
        memcpy(name, &at, sizeof(at));
        *len = sizeof(at);
    }
    return s;
}

/* ------------------------------------------------------------------ connect */

/* Whither: 0 and a port (0: it is silent), or an error of Winsock. */
static int resolve(struct fake *f, const struct sockaddr *name, int len, unsigned short *ret_port)
{
    struct gl_partition there;
    struct gl_guid vm, service;
    if (!parse(name, len, &vm, &service))
        return WSAEFAULT;
    int error = gl_partition_route(&f->me, &vm, &there);
    if (error)
        return error;
    f->peer_vm = vm;
    f->peer_service = service;
    if (gl_partition_is_silent(&service)) {
        *ret_port = 0;
        return 0;
    }
    *ret_port = gl_partition_find_listener(&there, &service, &f->me);
    if (!*ret_port)
        return WSAECONNREFUSED;
    gl_partition_announce(&f->me, f->tcp_port);
    return 0;
}

static void break_silence(struct silence *silence, NTSTATUS status)
{
    EnterCriticalSection(&lock);
    bool first = !silence->done;
    silence->done = true;
    LeaveCriticalSection(&lock);
    if (!first)
        return;
    silence->overlapped->InternalHigh = 0;
    silence->overlapped->Internal = (ULONG_PTR)(LONG_PTR)status;
    SetEvent(silence->overlapped->hEvent);
}

/* Some bytes are lost for each of these: the timer may run yet. */
static void CALLBACK on_silence_over(void *arg, BOOLEAN timed_out)
{
    (void)timed_out;
    break_silence(arg, STATUS_IO_TIMEOUT);
}

static BOOL WINAPI fake_ConnectEx(SOCKET s, const struct sockaddr *name, int len, PVOID data,
                                  DWORD data_len, LPDWORD sent, LPOVERLAPPED overlapped)
{
    struct fake *f = find(s);
    unsigned short port = 0;
    if (!f || !f->is_bound || data || data_len) {
        WSASetLastError(WSAEINVAL);
        return FALSE;
    }
    (void)sent;
    int error = resolve(f, name, len, &port);
    if (error && error != WSAECONNREFUSED) {
        WSASetLastError(error);
        return FALSE;
    }
    if (!error && !port) {
        DWORD ms = f->options[1] ? f->options[1] : 2000;
        if (!overlapped->hEvent)
            abort(); /* what goes to a port cannot be told of a failure from here */
        overlapped->Internal = STATUS_PENDING;
        f->silence = calloc(1, sizeof(*f->silence));
        f->silence->overlapped = overlapped;
        CreateTimerQueueTimer(&f->silence->timer, NULL, on_silence_over, f->silence, ms, 0,
                              WT_EXECUTEONLYONCE);
        WSASetLastError(WSA_IO_PENDING);
        return FALSE;
    }
    /* Where nobody listens on TCP either it is refused as it should be. */
    struct sockaddr_in to = loopback(error ? 1 : port);
    DWORD n;
    f->connected = !error;
    return real_connect_ex(s, (struct sockaddr *)&to, sizeof(to), NULL, 0, &n, overlapped);
}

static int WSAAPI fake_connect(SOCKET s, const struct sockaddr *name, int len)
{
    struct fake *f = find(s);
    unsigned short port = 0;
    if (!f)
        return connect(s, name, len);
    int error = resolve(f, name, len, &port);
    if (!error && !port) {
        Sleep(f->options[1] ? f->options[1] : 2000);
        error = WSAETIMEDOUT;
    }
    if (error) {
        WSASetLastError(error);
        return SOCKET_ERROR;
    }
    if (!f->is_bound) {
        struct sockaddr_in at = loopback(0);
        bind(s, (struct sockaddr *)&at, sizeof(at));
        f->tcp_port = tcp_port_of(s, false);
        gl_partition_announce(&f->me, f->tcp_port);
    }
    struct sockaddr_in to = loopback(port);
    f->connected = true;
    return connect(s, (struct sockaddr *)&to, sizeof(to));
}

/* ------------------------------------------------------------------ names, options, close */

static int WSAAPI fake_getsockname(SOCKET s, struct sockaddr *name, int *len)
{
    struct fake *f = find(s);
    struct sockaddr_hv at;
    if (!f)
        return getsockname(s, name, len);
    if (!f->is_bound && !f->connected) {
        WSASetLastError(WSAEINVAL);
        return SOCKET_ERROR;
    }
    if (*len < (int)sizeof(at)) {
        WSASetLastError(WSAEFAULT);
        return SOCKET_ERROR;
    }
    fill(&at, &f->bound, &f->service);
    memcpy(name, &at, sizeof(at));
    *len = sizeof(at);
    return 0;
}

static int WSAAPI fake_getpeername(SOCKET s, struct sockaddr *name, int *len)
{
    struct fake *f = find(s);
    struct sockaddr_hv at;
    if (!f)
        return getpeername(s, name, len);
    /* Of TCP: whether it is connected, and has its context. */
    if (f->nameless || !tcp_port_of(s, true)) {
        WSASetLastError(WSAENOTCONN);
        return SOCKET_ERROR;
    }
    if (*len < (int)sizeof(at)) {
        WSASetLastError(WSAEFAULT);
        return SOCKET_ERROR;
    }
    fill(&at, &f->peer_vm, &f->peer_service);
    memcpy(name, &at, sizeof(at));
    *len = sizeof(at);
    return 0;
}

static int WSAAPI fake_setsockopt(SOCKET s, int level, int name, const char *value, int len)
{
    struct fake *f = find(s);
    ULONG number;
    if (f && level == SOL_SOCKET &&
        (name == SO_UPDATE_ACCEPT_CONTEXT || name == SO_UPDATE_CONNECT_CONTEXT) &&
        fails(GL_FAKE_HYPERV_NO_CONTEXT)) {
        WSASetLastError(WSAENOTCONN);
        return SOCKET_ERROR;
    }
    if (!f || level != 1)
        return setsockopt(s, level, name, value, len);
    if (len != sizeof(number) || name <= 0 || name >= OPTIONS) {
        WSASetLastError(len == sizeof(number) ? WSAENOPROTOOPT : WSAEFAULT);
        return SOCKET_ERROR;
    }
    memcpy(&number, value, sizeof(number));
    if (name == 1 && number > 300000) {
        WSASetLastError(WSAEINVAL);
        return SOCKET_ERROR;
    }
    f->options[name] = last_options[name] = number;
    return 0;
}

static int WSAAPI fake_getsockopt(SOCKET s, int level, int name, char *value, int *len)
{
    struct fake *f = find(s);
    if (f && level == 1 && name > 0 && name < OPTIONS && *len >= (int)sizeof(ULONG)) {
        memcpy(value, &f->options[name], sizeof(ULONG));
        *len = sizeof(ULONG);
        return 0;
    }
    int r = getsockopt(s, level, name, value, len);
    if (f && r == 0 && level == SOL_SOCKET && name == SO_PROTOCOL_INFOW) {
        WSAPROTOCOL_INFOW *info = (WSAPROTOCOL_INFOW *)(void *)value;
        info->iAddressFamily = AF_HV;
        info->iProtocol = 1;
    }
    return r;
}

static int WSAAPI fake_closesocket(SOCKET s)
{
    struct fake *f = find(s);
    struct silence *silence = NULL;
    if (f) {
        EnterCriticalSection(&lock);
        silence = f->silence;
        if (f->file != INVALID_HANDLE_VALUE)
            CloseHandle(f->file);
        f->file = INVALID_HANDLE_VALUE;
        f->s = INVALID_SOCKET;
        LeaveCriticalSection(&lock);
    }
    int r = closesocket(s);
    if (silence)
        break_silence(silence, STATUS_CANCELLED);
    return r;
}

static int WSAAPI fake_WSAIoctl(SOCKET s, DWORD code, LPVOID in, DWORD in_len, LPVOID out,
                                DWORD out_len, LPDWORD n, LPWSAOVERLAPPED overlapped,
                                LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    static const GUID accept_ex = WSAID_ACCEPTEX, connect_ex = WSAID_CONNECTEX;
    static LPFN_ACCEPTEX our_accept_ex = fake_AcceptEx;
    static LPFN_CONNECTEX our_connect_ex = fake_ConnectEx;
    int r = WSAIoctl(s, code, in, in_len, out, out_len, n, overlapped, routine);
    if (r == 0 && code == SIO_GET_EXTENSION_FUNCTION_POINTER && in_len == sizeof(GUID) && find(s)) {
        if (memcmp(in, &accept_ex, sizeof(GUID)) == 0)
            memcpy(out, &our_accept_ex, sizeof(our_accept_ex));
        if (memcmp(in, &connect_ex, sizeof(GUID)) == 0)
            memcpy(out, &our_connect_ex, sizeof(our_connect_ex));
    }
    return r;
}

/* ------------------------------------------------------------------ bytes */

static bool forget_receive(OVERLAPPED *overlapped)
{
    bool found = false;
    EnterCriticalSection(&lock);
    for (unsigned i = 0; !found && i < n_receives; i++)
        if (receives[i] == overlapped) {
            receives[i] = NULL;
            found = true;
        }
    LeaveCriticalSection(&lock);
    return found;
}

static void remember_receive(OVERLAPPED *overlapped)
{
    EnterCriticalSection(&lock);
    unsigned i = 0;
    while (i < RECEIVES && receives[i])
        i++;
    if (i == RECEIVES)
        abort();
    receives[i] = overlapped;
    if (i >= n_receives)
        n_receives = i + 1;
    LeaveCriticalSection(&lock);
}

static int end_of_stream(DWORD *n)
{
    *n = 0;
    WSASetLastError(ERROR_BROKEN_PIPE);
    return SOCKET_ERROR;
}

static int WSAAPI fake_WSARecv(SOCKET s, LPWSABUF bufs, DWORD count, LPDWORD n, LPDWORD flags,
                               LPWSAOVERLAPPED overlapped,
                               LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    struct fake *f = find(s);
    WSABUF one = count ? bufs[0] : (WSABUF){0};
    DWORD got = 0;
    if (!f || count != 1)
        return WSARecv(s, bufs, count, n, flags, overlapped, routine);
    if (short_receives && one.len > short_receives)
        one.len = short_receives;
    bool skips = f->skips;
    if (overlapped && one.len)
        remember_receive(overlapped);
    int r = WSARecv(s, &one, 1, &got, flags, overlapped, routine);
    int error = r == 0 ? 0 : WSAGetLastError();
    /* What is not told to the port is told here. */
    bool now = overlapped == NULL || (r == 0 && skips) || (r != 0 && error != WSA_IO_PENDING);
    if (now && overlapped && one.len)
        forget_receive(overlapped);
    if (n)
        *n = got;
    if (now && r == 0 && got == 0 && one.len) {
        DWORD ignored;
        return end_of_stream(n ? n : &ignored);
    }
    if (r)
        WSASetLastError(error);
    return r;
}

static int WSAAPI fake_recv(SOCKET s, char *out, int len, int flags)
{
    DWORD ignored;
    struct fake *f = find(s);
    if (f && short_receives && (unsigned)len > short_receives)
        len = (int)short_receives;
    int r = recv(s, out, len, flags);
    return f && r == 0 && len ? end_of_stream(&ignored) : r;
}

/* Counts what is sent; true: that was enough, the connection is gone. */
static bool is_cut(struct fake *f, unsigned long long bytes)
{
    bool cut = false;
    EnterCriticalSection(&lock);
    f->sent += bytes;
    if (f->cut && cut_after && cut_left && f->sent > cut_after) {
        f->cut = false;
        cut_left--;
        cut = true;
    }
    LeaveCriticalSection(&lock);
    if (cut)
        shutdown(f->s, SD_BOTH);
    return cut;
}

static int WSAAPI fake_WSASend(SOCKET s, LPWSABUF bufs, DWORD count, LPDWORD n, DWORD flags,
                               LPWSAOVERLAPPED overlapped,
                               LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    struct fake *f = find(s);
    unsigned long long bytes = 0;
    for (DWORD i = 0; i < count; i++)
        bytes += bufs[i].len;
    if (f && is_cut(f, bytes)) {
        WSASetLastError(WSAECONNRESET);
        return SOCKET_ERROR;
    }
    return WSASend(s, bufs, count, n, flags, overlapped, routine);
}

static int WSAAPI fake_send(SOCKET s, const char *data, int len, int flags)
{
    struct fake *f = find(s);
    if (f && is_cut(f, (unsigned long long)len)) {
        WSASetLastError(WSAECONNRESET);
        return SOCKET_ERROR;
    }
    return send(s, data, len, flags);
}

/* ------------------------------------------------------------------ ports */

static HANDLE WINAPI fake_CreateIoCompletionPort(HANDLE file, HANDLE port, ULONG_PTR key, DWORD n)
{
    HANDLE result = CreateIoCompletionPort(file, port, key, n);
    struct fake *f = file == INVALID_HANDLE_VALUE ? NULL : find((SOCKET)file);
    if (f && result) {
        f->port = result;
        f->key = key;
    }
    return result;
}

static BOOL WINAPI fake_SetFileCompletionNotificationModes(HANDLE file, UCHAR flags)
{
    BOOL ok = SetFileCompletionNotificationModes(file, flags);
    struct fake *f = find((SOCKET)file);
    if (f && ok)
        f->skips = flags & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS;
    return ok;
}

static void tell_end(OVERLAPPED *overlapped)
{
    if (overlapped && forget_receive(overlapped) && overlapped->Internal == 0 &&
        overlapped->InternalHigh == 0)
        overlapped->Internal = (ULONG_PTR)STATUS_PIPE_BROKEN;
}

static BOOL WINAPI fake_GetQueuedCompletionStatusEx(HANDLE port, LPOVERLAPPED_ENTRY entries,
                                                    ULONG count, PULONG n, DWORD ms, BOOL alertable)
{
    BOOL ok = GetQueuedCompletionStatusEx(port, entries, count, n, ms, alertable);
    for (ULONG i = 0; ok && i < *n; i++) {
        tell_end(entries[i].lpOverlapped);
        if (entries[i].lpOverlapped)
            entries[i].Internal = entries[i].lpOverlapped->Internal;
    }
    return ok;
}

/* ------------------------------------------------------------------ children */

static BOOL WINAPI fake_CreateProcessW(LPCWSTR program, LPWSTR line, LPSECURITY_ATTRIBUTES process,
                                       LPSECURITY_ATTRIBUTES thread, BOOL inherit, DWORD flags,
                                       LPVOID environment, LPCWSTR directory,
                                       LPSTARTUPINFOW startup, LPPROCESS_INFORMATION info)
{
    BOOL ok = CreateProcessW(program, line, process, thread, inherit, flags | CREATE_SUSPENDED,
                             environment, directory, startup, info);
    if (!ok)
        return FALSE;
    gl_inject(info->hProcess, own_path); /* what it cannot be loaded into runs without */
    if (!(flags & CREATE_SUSPENDED))
        ResumeThread(info->hThread);
    return TRUE;
}

/*
 * No program that loads this was started by the service manager. Wine does not say so to one that
 * asks, but has it wait for the pipe of whichever service was started last.
 */
static BOOL WINAPI fake_StartServiceCtrlDispatcherW(const SERVICE_TABLE_ENTRYW *table)
{
    (void)table;
    SetLastError(ERROR_FAILED_SERVICE_CONTROLLER_CONNECT);
    return FALSE;
}

/* ------------------------------------------------------------------ import tables */

static FARPROC WINAPI fake_GetProcAddress(HMODULE module, LPCSTR name);

#define HOOK(name)                                                                                 \
    {                                                                                              \
#name, (FARPROC)(void *)fake_##name                                                        \
    }
static const struct gl_hook hooks[] = {
    HOOK(WSASocketW),
    HOOK(socket),
    HOOK(bind),
    HOOK(listen),
    HOOK(accept),
    HOOK(connect),
    HOOK(getsockname),
    HOOK(getpeername),
    HOOK(setsockopt),
    HOOK(getsockopt),
    HOOK(closesocket),
    HOOK(WSAIoctl),
    HOOK(WSARecv),
    HOOK(recv),
    HOOK(WSASend),
    HOOK(send),
    HOOK(CreateIoCompletionPort),
    HOOK(SetFileCompletionNotificationModes),
    HOOK(GetQueuedCompletionStatusEx),
    HOOK(CreateProcessW),
    HOOK(StartServiceCtrlDispatcherW),
    HOOK(GetProcAddress),
    {0},
};

static FARPROC WINAPI fake_GetProcAddress(HMODULE module, LPCSTR name)
{
    FARPROC real = GetProcAddress(module, name);
    FARPROC hook = real && (ULONG_PTR)name > 0xffff ? gl_hook_of(name) : NULL;
    return hook ? hook : real;
}

/* ------------------------------------------------------------------ start */

static void find_real(void)
{
    WSADATA data;
    GUID accept_ex = WSAID_ACCEPTEX, connect_ex = WSAID_CONNECTEX;
    DWORD n;
    WSAStartup(MAKEWORD(2, 2), &data);
    SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &accept_ex, sizeof(accept_ex), &real_accept_ex,
             sizeof(real_accept_ex), &n, NULL, NULL);
    WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &connect_ex, sizeof(connect_ex),
             &real_connect_ex, sizeof(real_connect_ex), &n, NULL, NULL);
    closesocket(s);
}

/* What is set now: the C runtime looks once. NULL: it is not set. */
static const char *variable(const char *name, char *buf, DWORD size)
{
    DWORD n = GetEnvironmentVariableA(name, buf, size);
    return n && n < size ? buf : NULL;
}

static unsigned number_of(const char *text)
{
    return text ? (unsigned)strtoul(text, NULL, 10) : 0;
}

__declspec(dllexport) void gl_fake_hyperv_become(const char *vmid, const char *parent);
__declspec(dllexport) void gl_fake_hyperv_faults(unsigned short_n, unsigned cut, unsigned count);
__declspec(dllexport) void gl_fake_hyperv_fail(enum gl_fake_hyperv_failure what, unsigned count);
__declspec(dllexport) unsigned gl_fake_hyperv_count(void);
__declspec(dllexport) unsigned gl_fake_hyperv_option(int name);

void gl_fake_hyperv_become(const char *vmid, const char *parent)
{
    char a[64], b[64];
    self = gl_partition_become(vmid ? vmid : variable("GL_HYPERV_VMID", a, sizeof(a)),
                               parent ? parent : variable("GL_HYPERV_PARENT", b, sizeof(b)));
}

void gl_fake_hyperv_faults(unsigned short_n, unsigned cut, unsigned count)
{
    short_receives = short_n;
    cut_after = cut;
    cut_left = count;
}

void gl_fake_hyperv_fail(enum gl_fake_hyperv_failure what, unsigned count)
{
    EnterCriticalSection(&lock);
    failures[what] = (LONG)count;
    LeaveCriticalSection(&lock);
}

unsigned gl_fake_hyperv_count(void)
{
    unsigned n = 0;
    EnterCriticalSection(&lock);
    for (unsigned i = 0; i < SOCKETS_MAX; i++)
        n += fakes[i].s != INVALID_SOCKET;
    LeaveCriticalSection(&lock);
    return n;
}

unsigned gl_fake_hyperv_option(int name)
{
    return last_options[name];
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved);
BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved)
{
    char buf[64];
    (void)reserved;
    if (reason != DLL_PROCESS_ATTACH)
        return TRUE;
    /* A child that was given another environment has nothing to do with it. */
    if (!gl_partitions_open())
        return FALSE;
    GetModuleFileNameW(module, own_path, 4096);
    InitializeCriticalSection(&lock);
    fakes = calloc(SOCKETS_MAX, sizeof(*fakes));
    receives = calloc(RECEIVES, sizeof(*receives));
    for (unsigned i = 0; i < SOCKETS_MAX; i++)
        fakes[i].s = INVALID_SOCKET;
    short_receives = number_of(variable("GL_HYPERV_SHORT", buf, sizeof(buf)));
    const char *cut = variable("GL_HYPERV_CUT", buf, sizeof(buf));
    const char *comma = cut ? strchr(cut, ',') : NULL;
    cut_after = number_of(cut);
    cut_left = comma ? number_of(comma + 1) : ~0u;
    find_real();
    gl_fake_hyperv_become(NULL, NULL);
    gl_hook_program(hooks);
    return TRUE;
}
