/* SPDX-License-Identifier: MIT */
/* Transports over named pipes of Windows. What Wine does not have is tested by what is asked of the
 * system: the descriptor that is built, the decision about an owner. */
#include "transport.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "transport-ends.h"
#include "unit-loop.h"
#include "windows/completion.h"
#include "windows/pipe-security.h"
#include "windows/principal.h"

static struct gl_address pipe_address(const char *name)
{
    struct gl_address address = {.kind = GL_ADDRESS_PIPE};
    snprintf(address.path, sizeof(address.path), "gl-unit-%lu-%s", GetCurrentProcessId(), name);
    return address;
}

static void make_pair(struct end *a, struct end *b)
{
    struct gl_address address = pipe_address("pair");
    ends_connect(&address, NULL, NULL, a, b);
}

/* The client's end without a transport: blocking, unless overlapped is asked for. */
static HANDLE open_raw(const struct gl_address *address)
{
    wchar_t *name;
    HANDLE handle;
    ck_assert_int_eq(gl_pipe_name(address, &name), 0);
    for (;;) {
        handle = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
        if (handle != INVALID_HANDLE_VALUE || GetLastError() != ERROR_PIPE_BUSY)
            break;
        uv_run(&loop, UV_RUN_ONCE); /* the listener's turn */
    }
    gl_free(name);
    ck_assert(handle != INVALID_HANDLE_VALUE);
    return handle;
}

/* A pipe of one instance, of the owner that the SDDL says. NULL: that may not be. */
static HANDLE serve_raw(const struct gl_address *address, const char *sddl)
{
    wchar_t *name;
    SECURITY_ATTRIBUTES security = {sizeof(security), NULL, FALSE};
    ck_assert(ConvertStringSecurityDescriptorToSecurityDescriptorA(
        sddl, SDDL_REVISION_1, &security.lpSecurityDescriptor, NULL));
    ck_assert_int_eq(gl_pipe_name(address, &name), 0);
    HANDLE server = CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                     PIPE_TYPE_BYTE, 1, 0, 0, 0, &security);
    LocalFree(security.lpSecurityDescriptor);
    gl_free(name);
    return server == INVALID_HANDLE_VALUE ? NULL : server;
}

static void write_raw(HANDLE handle, const void *data, size_t len)
{
    DWORD n;
    ck_assert(WriteFile(handle, data, (DWORD)len, &n, NULL));
    ck_assert_uint_eq(n, len);
}

/* One end, which was accepted and has been sent the byte 'h', and the raw handle of the other. */
static HANDLE make_half(struct end *e)
{
    struct gl_address address = pipe_address("half");
    struct gl_listener *listener = ends_listen(&address, NULL, e);
    HANDLE handle = open_raw(&address);
    write_raw(handle, "h", 1);
    gl_unit_run_until(e->t);
    ends_stop_listening(listener);
    return handle;
}

/* ------------------------------------------------------------------ bytes */

START_TEST(both_ways)
{
    struct end a = {0}, b = {0};
    make_pair(&a, &b);
    ends_exchange(&a, &b, 64 * 1024 * 1024);
    ends_close_one(&a);
    gl_unit_run_until(b.ended);
    ck_assert_int_eq(b.last, UV_EOF);
    ends_close_one(&b);
}
END_TEST

START_TEST(small_write_is_done_at_once)
{
    struct end a = {0};
    char text[3] = "abc", got[4] = "";
    DWORD n;
    uv_buf_t bufs[] = {uv_buf_init(text, 1), uv_buf_init(text, 0), uv_buf_init(text + 1, 2)};
    HANDLE handle = make_half(&a);
    int r = gl_transport_write(a.t, bufs, 3);
    ck_assert_int_ge(r, 0);
    ck_assert_int_eq(gl_transport_write(a.t, bufs, 0), r ? 1 : UV_EBUSY);
    for (size_t at = 0; at < 3; at += n)
        ck_assert(ReadFile(handle, got + at, (DWORD)(3 - at), &n, NULL));
    ck_assert_str_eq(got, "abc");
    if (r == 0)
        gl_unit_run_until(a.written);
    CloseHandle(handle);
    ends_close_one(&a);
}
END_TEST

/* What was sent before a close arrives, however late it is read. */
START_TEST(tail_before_close)
{
    enum { LEN = 60000 };
    struct end a = {.room_len = 1000};
    uint8_t *data = ends_pattern(LEN, 3);
    HANDLE handle = make_half(&a);
    write_raw(handle, data, LEN);
    CloseHandle(handle);
    gl_transport_read_start(a.t);
    gl_unit_run_until(a.ended);
    ck_assert_int_eq(a.last, UV_EOF);
    ck_assert_uint_eq(a.len, LEN + 1);
    ck_assert_uint_eq(a.data[0], 'h');
    ck_assert(memcmp(a.data + 1, data, LEN) == 0);
    ck_assert_int_ge(a.reads, LEN / 1000);
    ends_close_one(&a);
    gl_free(data);
}
END_TEST

/* How often a text is in this process's memory: each page that can be written. */
static size_t count_in_memory(const char *needle, size_t len)
{
    MEMORY_BASIC_INFORMATION region;
    size_t count = 0;
    for (char *at = NULL; VirtualQuery(at, &region, sizeof(region));
         at = (char *)region.BaseAddress + region.RegionSize) {
        if (region.State != MEM_COMMIT || region.Protect != PAGE_READWRITE)
            continue;
        const char *end = (char *)region.BaseAddress + region.RegionSize;
        for (const char *p = region.BaseAddress;
             end - p >= (ssize_t)len && (p = memchr(p, *needle, (size_t)(end - p) - len + 1)); p++)
            count += memcmp(p, needle, len) == 0;
    }
    return count;
}

/* What the reader has been given may be a secret, that he wipes: no copy stays here, neither of
 * what came first nor of the rest, nor where writing put it together. Texts of 32 bytes were found
 * outside all our blocks and stacks under Wine: this one is longer than a few registers. */
START_TEST(nothing_stays)
{
    enum { LEN = 160, TIMES = 60 };
    struct end a = {.room_len = 1000}, b = {.wanted = LEN * TIMES};
    uint8_t *needle = ends_pattern(LEN, 77);
    uv_buf_t bufs[TIMES];
    for (size_t i = 0; i < TIMES; i++)
        bufs[i] = uv_buf_init((char *)needle, LEN);
    make_pair(&a, &b);
    a.wanted = b.wanted;
    a.cap = b.cap = 2 * b.wanted; /* what is freed could not be wiped */
    a.data = gl_realloc(a.data, a.cap);
    b.data = gl_realloc(b.data, b.cap);
    gl_transport_read_start(a.t);
    gl_transport_read_start(b.t);
    for (int i = 0; i < 2; i++) {
        struct end *from = i ? &a : &b, *to = i ? &b : &a;
        if (gl_transport_write(from->t, bufs, TIMES) == 0)
            gl_unit_run_until(from->written);
        gl_unit_run_until(to->got_wanted);
        ck_assert_uint_gt(count_in_memory((char *)needle, LEN), TIMES - 1);
        memset(to->data, 0, to->cap);
        memset(to->room, 0, sizeof(to->room));
        ck_assert_uint_eq(count_in_memory((char *)needle, LEN), 1);
    }
    ends_close_one(&a);
    ends_close_one(&b);
    gl_free(needle);
}
END_TEST

START_TEST(write_to_closed)
{
    struct end a = {0};
    char text[] = "x";
    uv_buf_t buf = uv_buf_init(text, 1);
    HANDLE handle = make_half(&a);
    CloseHandle(handle);
    int r = gl_transport_write(a.t, &buf, 1);
    if (r == 0) {
        gl_unit_run_until(a.written);
        r = a.write_status;
    }
    ck_assert_int_eq(r, UV_EPIPE);
    ends_close_one(&a);
}
END_TEST

/* A writer who is ahead waits, until the reader reads or is gone. */
START_TEST(backpressure)
{
    enum { LEN = 4 * 1024 * 1024 };
    struct end a = {0}, b = {0};
    uint8_t *data = ends_pattern(LEN, 4);
    uv_buf_t buf = uv_buf_init((char *)data, LEN);
    make_pair(&a, &b);
    ends_press(&a, &b, LEN);
    gl_transport_read_stop(b.t);
    ck_assert_int_eq(gl_transport_write(a.t, &buf, 1), 0);
    ends_close_one(&b);
    gl_unit_run_until(a.written);
    ck_assert_int_lt(a.write_status, 0);
    ends_close_one(&a);
    gl_free(data);
}
END_TEST

START_TEST(read_stop_holds)
{
    struct end a = {.wanted = 7};
    HANDLE handle = make_half(&a);
    gl_transport_read_start(a.t);
    gl_transport_read_stop(a.t);
    write_raw(handle, "abc", 3);
    gl_unit_run_for(20);
    ck_assert_uint_eq(a.len, 0);
    gl_transport_read_start(a.t);
    write_raw(handle, "def", 3);
    gl_unit_run_until(a.got_wanted);
    ck_assert(memcmp(a.data, "habcdef", 7) == 0);
    /* A pending read, whose bytes the next reader gets. */
    gl_unit_run_for(20);
    gl_transport_read_stop(a.t);
    write_raw(handle, "g", 1);
    gl_unit_run_for(20);
    ck_assert_uint_eq(a.len, 7);
    a.wanted = 8;
    gl_transport_read_start(a.t);
    gl_unit_run_until(a.len == 8);
    ck_assert_uint_eq(a.data[7], 'g');
    CloseHandle(handle);
    gl_unit_run_until(a.ended);
    ends_close_one(&a);
}
END_TEST

START_TEST(close_in_read)
{
    struct end a = {.close_in_read = true, .room_len = 2};
    HANDLE handle = make_half(&a);
    write_raw(handle, "abcd", 4);
    gl_transport_read_start(a.t);
    gl_unit_run_until(a.closed);
    ck_assert_int_eq(a.reads, 1);
    CloseHandle(handle);
}
END_TEST

/* The memory of what is pending stays until it is over: the events' block is freed after on_close.
 */
START_TEST(close_while_busy)
{
    enum { LEN = 4 * 1024 * 1024 };
    struct end a = {0};
    uint8_t *data = ends_pattern(LEN, 6);
    uv_buf_t buf = uv_buf_init((char *)data, LEN);
    HANDLE handle = make_half(&a);
    gl_transport_read_start(a.t);
    gl_unit_run_until(a.len == 1);
    gl_unit_run_for(10);
    ck_assert_int_eq(gl_transport_write(a.t, &buf, 1), 0);
    ends_close_one(&a);
    ck_assert(!a.written);
    ck_assert(!a.ended);
    gl_free(data);
    CloseHandle(handle);
}
END_TEST

START_TEST(no_half_close)
{
    struct end a = {0};
    HANDLE handle = make_half(&a);
    ck_assert_int_eq(gl_transport_shutdown(a.t), UV_ENOTSUP);
    CloseHandle(handle);
    ends_close_one(&a);
}
END_TEST

/* ------------------------------------------------------------------ connect, listen */

START_TEST(peers)
{
    struct end a = {0}, b = {0};
    char sid[GL_PRINCIPAL_SID_SIZE], self[GL_PRINCIPAL_SID_SIZE];
    make_pair(&a, &b);
    const struct gl_peer *peer = gl_transport_peer(b.t);
    ck_assert_int_eq(peer->address.kind, GL_ADDRESS_PIPE);
    ck_assert_ptr_nonnull(strstr(peer->address.path, "-pair"));
    ck_assert(peer->has_credentials);
    ck_assert_int_eq(peer->pid, (int64_t)GetCurrentProcessId());
    ck_assert_int_eq(gl_principal_sid(peer->uid, sid), 0);
    ck_assert_int_eq(gl_principal_sid(gl_principal_self(), self), 0);
    ck_assert_str_eq(sid, self);
    peer = gl_transport_peer(a.t);
    ck_assert(!peer->has_credentials);
    ck_assert_int_eq(peer->pid, (int64_t)GetCurrentProcessId());
    ck_assert_uint_eq(gl_transport_payload_max(a.t), 256 * 1024);
    ends_close_one(&a);
    ends_close_one(&b);
}
END_TEST

START_TEST(connect_errors)
{
    struct end a = {0};
    struct gl_address nobody = pipe_address("nobody"), bad = pipe_address("a/b"),
                      unix = {.kind = GL_ADDRESS_UNIX, .path = "x"};
    ck_assert_int_eq(ends_dial(&nobody, NULL, &a), UV_ENOENT);
    ck_assert_int_eq(ends_dial(&bad, NULL, &a), UV_EINVAL);
    strcpy(bad.path, "\xff");
    ck_assert_int_eq(ends_dial(&bad, NULL, &a), UV_EINVAL);
    memset(bad.path, 'x', sizeof(bad.path) - 1);
    ck_assert_int_eq(ends_dial(&bad, NULL, &a), UV_ENAMETOOLONG);
    ck_assert_int_eq(gl_transport_usable(&bad), UV_ENAMETOOLONG);
    bad.path[247] = '\0';
    ck_assert_int_eq(gl_transport_usable(&bad), 0);
    ck_assert_int_eq(ends_dial(&unix, NULL, &a), UV_ENOTSUP);
    ck_assert_int_eq(gl_transport_usable(&unix), UV_ENOTSUP);
}
END_TEST

START_TEST(cancelled)
{
    struct gl_address address = pipe_address("cancelled");
    struct dial d = {0};
    struct gl_connect *connect;
    ck_assert_int_eq(gl_transport_connect(&loop, &address, NULL, ends_on_dialled, &d, &connect), 0);
    gl_connect_cancel(connect);
    gl_unit_run_for(20);
    ck_assert(!d.done);
}
END_TEST

/* While all instances have their clients a dial waits, and gives up in time. */
START_TEST(busy)
{
    struct end a = {0};
    struct gl_listen_options mode = {.mode = 0600, .gid = -1};
    struct gl_address address = pipe_address("busy");
    struct gl_connect_options options = {.timeout_ms = 100};
    char *sddl = gl_pipe_sddl(&mode);
    HANDLE server = serve_raw(&address, sddl);
    ck_assert_ptr_nonnull(server);
    HANDLE client = open_raw(&address);
    ck_assert_int_eq(ends_dial(&address, &options, &a), UV_ETIMEDOUT);
    options.timeout_ms = 10000;
    struct dial d = {.end = &a};
    ck_assert_int_eq(gl_transport_connect(&loop, &address, &options, ends_on_dialled, &d, NULL), 0);
    gl_unit_run_for(30);
    ck_assert(!d.done);
    CloseHandle(client);
    /* Serves the next client with the same instance. */
    DisconnectNamedPipe(server);
    OVERLAPPED overlapped = {0};
    ConnectNamedPipe(server, &overlapped);
    gl_unit_run_until(d.done);
    ck_assert_int_eq(d.status, 0);
    ends_close_one(&a);
    CloseHandle(server);
    gl_free(sddl);
}
END_TEST

/* Somebody else's pipe is not spoken to. Only Wine, or who may set any owner, can make one here. */
START_TEST(foreign_pipe)
{
    struct end a = {0};
    struct gl_address address = pipe_address("foreign");
    HANDLE server = serve_raw(&address, "O:LSD:P(A;;FA;;;WD)");
    if (!server)
        return;
    ck_assert_int_eq(ends_dial(&address, NULL, &a), UV_EPERM);
    CloseHandle(server);
    server = serve_raw(&address, "O:BAD:P(A;;FA;;;WD)");
    ck_assert_ptr_nonnull(server);
    ck_assert_int_eq(ends_dial(&address, NULL, &a), 0);
    ends_close_one(&a);
    CloseHandle(server);
}
END_TEST

/* Those who say nothing are not accepted, keep nobody out, and all goes when the listener does. */
START_TEST(silent_clients)
{
    enum { SILENT = 200 };
    static HANDLE silent[SILENT];
    struct end a = {0}, b = {0};
    char text[] = "x";
    uv_buf_t buf = uv_buf_init(text, 1);
    struct gl_address address = pipe_address("silent");
    struct gl_listener *listener = ends_listen(&address, NULL, &b);
    for (int i = 0; i < SILENT; i++) {
        silent[i] = open_raw(&address);
        gl_unit_run_for(2);
    }
    ck_assert_ptr_null(b.t);
    /* The oldest had to make room for the newest, well before its time was over. */
    gl_unit_run_for(200);
    ck_assert(!PeekNamedPipe(silent[0], NULL, 0, NULL, NULL, NULL));
    ck_assert(PeekNamedPipe(silent[SILENT - 1], NULL, 0, NULL, NULL, NULL));
    ck_assert_int_eq(ends_dial(&address, NULL, &a), 0);
    ck_assert_int_ge(gl_transport_write(a.t, &buf, 1), 0);
    gl_unit_run_until(b.t);
    ends_close_one(&a);
    ends_close_one(&b);
    ends_stop_listening(listener);
    for (int i = 0; i < SILENT; i++)
        CloseHandle(silent[i]);
}
END_TEST

START_TEST(many_connections)
{
    struct gl_address address = pipe_address("many");
    ends_many(&address, NULL, NULL, 300);
}
END_TEST

START_TEST(squatted_name)
{
    struct end a = {0};
    struct gl_listener *second = NULL;
    struct gl_address address = pipe_address("squat");
    struct gl_listener *listener = ends_listen(&address, NULL, &a);
    ck_assert_int_eq(gl_transport_listen(&loop, &address, NULL, ends_on_accept, &a, &second),
                     UV_EADDRINUSE);
    ck_assert_ptr_null(second);
    ck_assert_str_eq(gl_transport_error_text(&address, UV_EADDRINUSE),
                     "another process has a pipe of this name");
    ends_stop_listening(listener);
    listener = ends_listen(&address, NULL, &a);
    ends_stop_listening(listener);
}
END_TEST

/* ------------------------------------------------------------------ who may */

/* Beside those that wait for clients there is one that none gets, so that the name stays ours. */
START_TEST(held_name)
{
    enum { WAITING = 8 };
    struct end a = {0};
    DWORD instances = 0;
    struct gl_address address = pipe_address("held");
    struct gl_listener *listener = ends_listen(&address, NULL, &a);
    HANDLE handle = open_raw(&address);
    write_raw(handle, "h", 1);
    gl_unit_run_until(a.t);
    ck_assert(GetNamedPipeHandleStateW(handle, NULL, &instances, NULL, NULL, NULL, 0));
    ck_assert_uint_eq(instances, WAITING + 1 + 1);
    CloseHandle(handle);
    ends_close_one(&a);
    ends_stop_listening(listener);
}
END_TEST

START_TEST(descriptor)
{
    char self[GL_PRINCIPAL_SID_SIZE], expected[600];
    uint32_t gid, gids;
    PSECURITY_DESCRIPTOR sd = NULL;
    PSID owner;
    BOOL defaulted, present;
    PACL acl;
    LPSTR text;
    ck_assert_uint_eq(GL_PIPE_CLIENT_ACCESS, 0x12019b);
    ck_assert_uint_eq(GL_PIPE_CLIENT_ACCESS & 4 /* FILE_CREATE_PIPE_INSTANCE */, 0);
    ck_assert_int_eq(gl_principal_sid(gl_principal_self(), self), 0);
    struct gl_listen_options options = {.mode = 0600, .gid = -1};
    char *sddl = gl_pipe_sddl(&options);
    snprintf(expected, sizeof(expected),
             "O:%sD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;%s)(A;;0x12019b;;;S-1-5-32-578)", self, self);
    ck_assert_str_eq(sddl, expected);
    gl_free(sddl);
    ck_assert_int_eq(gl_pipe_descriptor(&options, &sd), 0);
    ck_assert(GetSecurityDescriptorOwner(sd, &owner, &defaulted));
    ck_assert(ConvertSidToStringSidA(owner, &text));
    ck_assert_str_eq(text, self);
    LocalFree(text);
    ck_assert(GetSecurityDescriptorDacl(sd, &present, &acl, &defaulted));
    ck_assert(present && acl && acl->AceCount == 4);
    SECURITY_DESCRIPTOR_CONTROL control;
    DWORD revision;
    ck_assert(GetSecurityDescriptorControl(sd, &control, &revision));
    ck_assert(control & SE_DACL_PROTECTED);
    LocalFree(sd);

    /* A group that the configuration names, and everybody. */
    ck_assert_int_eq(gl_principal_group_by_name("S-1-5-32-545", &gid), 0);
    ck_assert_int_eq(gl_principal_group_by_name("S-1-5-32-545", &gids), 0);
    ck_assert_uint_eq(gid, gids);
    options.gid = gid;
    sddl = gl_pipe_sddl(&options);
    ck_assert_str_eq(sddl, expected);
    gl_free(sddl);
    options.mode = 0666;
    sddl = gl_pipe_sddl(&options);
    strcat(expected, "(A;;0x12019b;;;S-1-5-32-545)(A;;0x12019b;;;AU)");
    ck_assert_str_eq(sddl, expected);
    gl_free(sddl);
    options.gid = 77;
    ck_assert_ptr_null(gl_pipe_sddl(&options));
}
END_TEST

START_TEST(owners)
{
    static const struct {
        const char *sid;
        int verdict;
    } cases[] = {
        {"S-1-5-18", 0},        {"S-1-5-32-544", 0},
        {"S-1-5-19", UV_EPERM}, {"S-1-5-32-545", UV_EPERM},
        {"S-1-1-0", UV_EPERM},  {"S-1-5-21-1-2-3-1001", UV_EPERM},
    };
    char self[GL_PRINCIPAL_SID_SIZE];
    PSID sid;
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        ck_assert(ConvertStringSidToSidA(cases[i].sid, &sid));
        ck_assert_int_eq(gl_pipe_judge_owner(sid), cases[i].verdict);
        LocalFree(sid);
    }
    ck_assert_int_eq(gl_principal_sid(gl_principal_self(), self), 0);
    ck_assert(ConvertStringSidToSidA(self, &sid));
    ck_assert_int_eq(gl_pipe_judge_owner(sid), 0);
    LocalFree(sid);
}
END_TEST

START_TEST(principals)
{
    HANDLE token;
    uint32_t uid, gid, uid2, gid2;
    char sid[GL_PRINCIPAL_SID_SIZE], **groups;
    ck_assert(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    ck_assert_int_eq(gl_principal_of_token(token, &uid, &gid), 0);
    ck_assert_int_eq(gl_principal_of_token(token, &uid2, &gid2), 0);
    ck_assert_uint_eq(uid, uid2);
    ck_assert_uint_eq(gid, gid2);
    ck_assert_uint_eq(uid, gl_principal_self());
    ck_assert_uint_ne(gid, GL_PRINCIPAL_NO_GROUPS);
    CloseHandle(token);
    size_t n = gl_principal_groups(gid, 1000, &groups);
    ck_assert_uint_ge(n, 1);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_ge(strlen(groups[i]), 3);
        gl_free(groups[i]);
    }
    gl_free(groups);
    ck_assert_uint_eq(gl_principal_groups(gid + 77, 1000, &groups), 0);
    gl_free(groups);

    ck_assert_int_eq(gl_principal_sid(GL_PRINCIPAL_SYSTEM, sid), 0);
    ck_assert_str_eq(sid, "S-1-5-18");
    ck_assert(gl_principal_is_superuser(GL_PRINCIPAL_SYSTEM));
    ck_assert(!gl_principal_is_superuser(123456));
    ck_assert_int_eq(gl_principal_sid(123456, sid), UV_ENOENT);
    char *name = gl_principal_name(uid);
    ck_assert_uint_ge(strlen(name), 1);
    gl_free(name);
    ck_assert_int_eq(gl_principal_by_name("no such user\\at all", &uid), UV_ENOENT);
    ck_assert_int_eq(gl_principal_group_by_name("no such group", &gid), UV_ENOENT);
    ck_assert_int_eq(gl_principal_by_name("S-1-5-32-544", &uid), UV_ENOENT);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("transport_pipe");
    const TTest *const tests[] = {
        both_ways,
        small_write_is_done_at_once,
        tail_before_close,
        nothing_stays,
        write_to_closed,
        backpressure,
        read_stop_holds,
        close_in_read,
        close_while_busy,
        no_half_close,
        peers,
        connect_errors,
        cancelled,
        busy,
        foreign_pipe,
        silent_clients,
        many_connections,
        squatted_name,
        held_name,
        descriptor,
        owners,
        principals,
    };
    TCase *pipes = tcase_create("pipes");
    tcase_set_timeout(pipes, 120);
    tcase_add_checked_fixture(pipes, gl_unit_loop_setup, gl_unit_loop_teardown);
    for (size_t i = 0; i < GL_ARRAY_SIZE(tests); i++)
        tcase_add_test(pipes, tests[i]);
    suite_add_tcase(s, pipes);
    return s;
}

GL_UNIT_MAIN(suite)
