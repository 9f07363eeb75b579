/* SPDX-License-Identifier: MIT */
/* Transports over AF_HYPERV, which fake-hyperv.dll stands in for; both ways to drive them. */
#include "transport.h"

#include <stdio.h>
#include <string.h>
#include <windows.h>

#include "e2e/windows/fake-hyperv.h"
#include "log.h"
#include "mem.h"
#include "transport-ends.h"
#include "unit-loop.h"
#include "windows/hvsocket.h"

static gl_fake_hyperv_become_fn *become;
static gl_fake_hyperv_faults_fn *faults;
static gl_fake_hyperv_fail_fn *let_fail;
static gl_fake_hyperv_count_fn *count_sockets;
static gl_fake_hyperv_option_fn *last_option;
static char folder[MAX_PATH + 32];

static const char host[] = "", guest[] = "aaaaaaaa-0000-4000-8000-000000000001",
                  other[] = "bbbbbbbb-0000-4000-8000-000000000002";

static enum gl_hvsock_driver driver; /* of this test case */

static struct gl_address hv(const char *text)
{
    struct gl_address address;
    ck_assert_int_eq(gl_address_parse(text, &address, NULL, NULL), 0);
    return address;
}

static struct gl_listener *listen_as(const char *vm, const char *at, struct end *accepted)
{
    struct gl_address address = hv(at);
    struct gl_listen_options options = {.gid = -1, .hvsock_driver = driver};
    become(vm, "");
    return ends_listen(&address, &options, accepted);
}

static int dial_as(const char *vm, const char *to, uint64_t timeout_ms, struct end *end)
{
    struct gl_address address = hv(to);
    struct gl_connect_options options = {.timeout_ms = timeout_ms, .hvsock_driver = driver};
    become(vm, "");
    return ends_dial(&address, &options, end);
}

/* `a` is the guest that dialled its host, `b` what the host accepted. */
static void make_pair(struct end *a, struct end *b)
{
    struct gl_listener *listener = listen_as(host, "hvsock:any:1007", b);
    ck_assert_int_eq(dial_as(guest, "hvsock:parent:1007", 0, a), 0);
    gl_unit_run_until(b->t);
    ends_stop_listening(listener);
}

static void load(void)
{
    static HMODULE dll;
    char temp[MAX_PATH];
    if (dll)
        return;
    GetTempPathA(sizeof(temp), temp);
    snprintf(folder, sizeof(folder), "%sgl-hyperv-%lu", temp, GetCurrentProcessId());
    CreateDirectoryA(folder, NULL);
    ck_assert_int_eq(uv_os_setenv("GL_HYPERV_DIR", folder), 0);
    dll = LoadLibraryA(GL_FAKE_HYPERV);
    ck_assert_msg(dll != NULL, "%s: error %lu", GL_FAKE_HYPERV, GetLastError());
    become = (gl_fake_hyperv_become_fn *)(void *)GetProcAddress(dll, "gl_fake_hyperv_become");
    faults = (gl_fake_hyperv_faults_fn *)(void *)GetProcAddress(dll, "gl_fake_hyperv_faults");
    let_fail = (gl_fake_hyperv_fail_fn *)(void *)GetProcAddress(dll, "gl_fake_hyperv_fail");
    count_sockets = (gl_fake_hyperv_count_fn *)(void *)GetProcAddress(dll, "gl_fake_hyperv_count");
    last_option = (gl_fake_hyperv_option_fn *)(void *)GetProcAddress(dll, "gl_fake_hyperv_option");
    /* All three are there. */
    become(host, "");
    become(guest, "");
    become(other, "");
}

static void setup(void)
{
    load();
    gl_unit_loop_setup();
}

static void setup_overlapped(void)
{
    driver = GL_HVSOCK_OVERLAPPED;
    setup();
}

static void setup_libuv(void)
{
    driver = GL_HVSOCK_LIBUV;
    setup();
}

static void teardown(void)
{
    faults(0, 0, 0);
    for (unsigned i = 0; i < GL_FAKE_HYPERV_FAILURES; i++)
        let_fail(i, 0);
    gl_log_set_sink(NULL, NULL);
    gl_unit_loop_teardown();
    ck_assert_uint_eq(count_sockets(), 0);
}

/* ------------------------------------------------------------------ bytes */

START_TEST(both_ways)
{
    struct end a = {0}, b = {0};
    make_pair(&a, &b);
    ck_assert_str_eq(a.t->ops->name, driver == GL_HVSOCK_LIBUV ? "libuv" : "overlapped");
    ck_assert_str_eq(b.t->ops->name, a.t->ops->name);
    ends_exchange(&a, &b, 64 * 1024 * 1024);
    ends_close_one(&a);
    gl_unit_run_until(b.ended);
    ck_assert_int_eq(b.last, UV_EOF); /* ERROR_BROKEN_PIPE */
    ends_close_one(&b);
}
END_TEST

START_TEST(short_receives)
{
    struct end a = {0}, b = {0};
    make_pair(&a, &b);
    faults(777, 0, 0);
    ends_exchange(&a, &b, 3 * 1024 * 1024);
    ck_assert_int_ge(a.reads, 3 * 1024 * 1024 / 777);
    ends_close_one(&a);
    ends_close_one(&b);
}
END_TEST

START_TEST(cut)
{
    enum { LEN = 1024 * 1024 };
    struct end a = {0}, b = {0};
    uint8_t *data = ends_pattern(LEN, 3);
    uv_buf_t buf = uv_buf_init((char *)data, LEN);
    make_pair(&a, &b);
    faults(0, 100000, 1);
    gl_transport_read_start(a.t);
    gl_transport_read_start(b.t);
    int r = gl_transport_write(a.t, &buf, 1);
    if (r == 0) {
        gl_unit_run_until(a.written);
        r = a.write_status;
    }
    ck_assert_int_lt(r, 0);
    gl_unit_run_until(b.ended);
    /* Wine does not end a receive of no bytes for it, which libuv has pending here. */
    if (driver == GL_HVSOCK_OVERLAPPED)
        gl_unit_run_until(a.ended);
    ends_close_one(&a);
    ends_close_one(&b);
    gl_free(data);
}
END_TEST

START_TEST(backpressure)
{
    struct end a = {0}, b = {0};
    make_pair(&a, &b);
    ends_press(&a, &b, 32 * 1024 * 1024);
    ends_close_one(&a);
    ends_close_one(&b);
}
END_TEST

START_TEST(half_close)
{
    enum { LEN = 16 * 1024 * 1024 };
    struct end a = {.wanted = 1}, b = {.wanted = LEN};
    uint8_t *data = ends_pattern(LEN, 5);
    uv_buf_t buf = uv_buf_init((char *)data, LEN), one = uv_buf_init((char *)data, 1);
    make_pair(&a, &b);
    int r = gl_transport_write(a.t, &buf, 1);
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(gl_transport_shutdown(a.t), 0); /* waits for the pending write */
    gl_transport_read_start(a.t);
    gl_transport_read_start(b.t);
    gl_unit_run_until(b.ended);
    ck_assert_int_eq(b.last, UV_EOF);
    ck_assert_uint_eq(b.len, LEN);
    r = gl_transport_write(b.t, &one, 1);
    if (driver == GL_HVSOCK_OVERLAPPED) {
        ck_assert_int_ge(r, 0);
        gl_unit_run_until(a.got_wanted);
    } else {
        ck_assert_int_eq(r, UV_EPIPE); /* to libuv ERROR_BROKEN_PIPE is the end of all */
    }
    ends_close_one(&a);
    ends_close_one(&b);
    gl_free(data);
}
END_TEST

START_TEST(close_while_busy)
{
    enum { LEN = 32 * 1024 * 1024 };
    struct end a = {0}, b = {0};
    uint8_t *data = ends_pattern(LEN, 6);
    uv_buf_t buf = uv_buf_init((char *)data, LEN);
    make_pair(&a, &b);
    gl_transport_read_start(a.t);
    gl_unit_run_for(10);
    ck_assert_int_eq(gl_transport_write(a.t, &buf, 1), 0);
    ends_close_one(&a);
    ck_assert(!a.written && !a.ended);
    gl_free(data);
    gl_transport_read_start(b.t);
    gl_unit_run_until(b.ended);
    ends_close_one(&b);
}
END_TEST

START_TEST(close_in_read)
{
    struct end a = {.close_in_read = true, .room_len = 2}, b = {0};
    char text[] = "abcd";
    uv_buf_t buf = uv_buf_init(text, 4);
    make_pair(&a, &b);
    ck_assert_int_eq(gl_transport_write(b.t, &buf, 1), 1);
    gl_transport_read_start(a.t);
    gl_unit_run_until(a.closed);
    ck_assert_int_eq(a.reads, 1);
    ends_close_one(&b);
}
END_TEST

START_TEST(many_connections)
{
    struct gl_address any = hv("hvsock:any:1007");
    struct gl_listen_options listen_options = {.gid = -1, .hvsock_driver = driver};
    struct gl_connect_options connect_options = {.timeout_ms = 20000, .hvsock_driver = driver};
    become(host, "");
    struct gl_address to = hv("hvsock:loopback:1007");
    ends_many_at(&any, &to, &listen_options, &connect_options, 300);
}
END_TEST

/* ------------------------------------------------------------------ addresses */

/* Every wildcard: who reaches whom, and as whom he is seen. */
START_TEST(places)
{
    static const struct {
        const char *listener, *at, *dialler, *to;
        int status;
        const char *seen;
    } cases[] = {
        {host, "any", guest, "parent", 0, guest},
        {host, "children", guest, "parent", 0, guest},
        {host, "children", host, "loopback", UV_ECONNREFUSED, NULL},
        {host, "any", host, "loopback", 0, "loopback"},
        {host, "loopback", host, "loopback", 0, "loopback"},
        {host, "loopback", guest, "parent", UV_ECONNREFUSED, NULL},
        {host, guest, guest, "parent", 0, guest},
        {host, guest, other, "parent", UV_ECONNREFUSED, NULL},
        {host, "any", host, "parent", UV_EADDRNOTAVAIL, NULL},
        {host, "any", host, "silohost", 0, "loopback"},
        {guest, "any", host, guest, 0, "parent"},
        {guest, "parent", host, guest, 0, "parent"},
        {guest, "parent", guest, "loopback", UV_ECONNREFUSED, NULL},
        {guest, "any", host, other, UV_ECONNREFUSED, NULL},
        {guest, "any", other, guest, UV_ENETUNREACH, NULL},
        {guest, "any", guest, "loopback", 0, "loopback"},
        {guest, "any", guest, guest, 0, "loopback"},
        {host, "any", guest, "silohost", 0, guest},
        {host, "any", host, "cccccccc-0000-4000-8000-000000000003", UV_ENETUNREACH, NULL},
    };
    static const char *const services[] = {"1007", "0a1b2c3d-1111-4222-8333-444455556666"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        struct end a = {0}, b = {0};
        char at[128], to[128], seen[128];
        snprintf(at, sizeof(at), "hvsock:%s:%s", cases[i].at, services[i % 2]);
        snprintf(to, sizeof(to), "hvsock:%s:%s", cases[i].to, services[i % 2]);
        struct gl_listener *listener = listen_as(cases[i].listener, at, &b);
        int status = dial_as(cases[i].dialler, to, cases[i].status ? 150 : 0, &a);
        ck_assert_msg(status == cases[i].status, "%zu: %s %s -> %s: %d", i, at, cases[i].dialler,
                      to, status);
        if (status == 0) {
            gl_unit_run_until(b.t);
            const struct gl_peer *peer = gl_transport_peer(b.t);
            gl_address_format(&peer->address, seen, sizeof(seen));
            char *end = strrchr(seen, ':');
            ck_assert_int_eq(peer->address.kind, GL_ADDRESS_HVSOCK);
            *end = '\0';
            ck_assert_str_eq(seen + strlen("hvsock:"), cases[i].seen);
            ck_assert(!peer->has_credentials);
            ck_assert_uint_eq(gl_transport_payload_max(b.t), 16 * 1024);
            ck_assert_uint_eq(gl_transport_payload_max(a.t), 16 * 1024);
            gl_address_format(&gl_transport_peer(a.t)->address, seen, sizeof(seen));
            ck_assert_str_eq(seen, to);
            ends_close_one(&a);
            ends_close_one(&b);
        }
        ends_stop_listening(listener);
    }
}
END_TEST

START_TEST(no_places)
{
    struct end a = {0};
    ck_assert_int_eq(dial_as(guest, "hvsock:any:1007", 0, &a), UV_EINVAL);
    ck_assert_int_eq(dial_as(guest, "hvsock:children:1007", 0, &a), UV_EINVAL);
    ck_assert_int_eq(dial_as(guest, "hvsock:broadcast:1007", 0, &a), UV_EINVAL);
}
END_TEST

START_TEST(in_use)
{
    struct end b = {0};
    struct gl_listener *second = NULL, *listener = listen_as(host, "hvsock:any:1007", &b);
    struct gl_address address = hv("hvsock:any:1007");
    ck_assert_int_eq(gl_transport_listen(&loop, &address, NULL, ends_on_accept, &b, &second),
                     UV_EADDRINUSE);
    ck_assert_ptr_null(second);
    ends_stop_listening(listener);
    ends_stop_listening(listen_as(host, "hvsock:any:1007", &b));
}
END_TEST

START_TEST(options)
{
    struct end a = {0};
    ck_assert_int_eq(dial_as(guest, "hvsock:parent:1007", 120, &a), UV_ECONNREFUSED);
    ck_assert_uint_eq(last_option(GL_HVSOCKET_CONNECTED_SUSPEND), 1);
    ck_assert_uint_ge(last_option(GL_HVSOCKET_CONNECT_TIMEOUT), 1);
    ck_assert_uint_le(last_option(GL_HVSOCKET_CONNECT_TIMEOUT), 120);
    struct gl_connect *connect;
    struct dial d = {0};
    struct gl_address address = hv("hvsock:parent:1007");
    struct gl_connect_options long_time = {.timeout_ms = 10000000};
    ck_assert_int_eq(
        gl_transport_connect(&loop, &address, &long_time, ends_on_dialled, &d, &connect), 0);
    gl_unit_run_for(60);
    ck_assert_uint_eq(last_option(GL_HVSOCKET_CONNECT_TIMEOUT), 300000);
    gl_connect_cancel(connect);
    gl_unit_run_for(20);
    ck_assert(!d.done);
}
END_TEST

/* ------------------------------------------------------------------ time */

/* Who comes up while it is dialled is reached. */
START_TEST(retries)
{
    struct end a = {0}, b = {0};
    struct dial d = {.end = &a};
    struct gl_address to = hv("hvsock:parent:1007");
    struct gl_connect_options connect_options = {.timeout_ms = 15000, .hvsock_driver = driver};
    become(guest, "");
    ck_assert_int_eq(gl_transport_connect(&loop, &to, &connect_options, ends_on_dialled, &d, NULL),
                     0);
    gl_unit_run_for(150);
    ck_assert(!d.done);
    /* The dial that goes on makes its sockets as this process is now. */
    struct gl_listener *listener = listen_as(host, "hvsock:any:1007", &b);
    become(guest, "");
    gl_unit_run_until(d.done);
    ck_assert_int_eq(d.status, 0);
    gl_unit_run_until(b.t);
    ends_close_one(&a);
    ends_close_one(&b);
    ends_stop_listening(listener);
}
END_TEST

/* ------------------------------------------------------------------ accepting */

static void count_line(enum gl_log_level level, const char *line, void *data)
{
    if (level <= GL_LOG_WARN && strstr(line, "hvsock"))
        ++*(unsigned *)data;
}

/* Dials, and is dropped without having been accepted. */
static void be_dropped(struct end *accepted)
{
    struct end a = {0};
    ck_assert_int_eq(dial_as(guest, "hvsock:parent:1007", 0, &a), 0);
    gl_transport_read_start(a.t);
    gl_unit_run_until(a.ended);
    ck_assert_ptr_null(accepted->t);
    ends_close_one(&a);
}

static void be_accepted(struct end *accepted)
{
    struct end a = {0};
    ck_assert_int_eq(dial_as(guest, "hvsock:parent:1007", 0, &a), 0);
    gl_unit_run_until(accepted->t);
    ends_close_one(&a);
    ends_close_one(accepted);
    *accepted = (struct end){0};
}

/* Those who go before they are accepted keep nobody waiting, and are nothing to be told of. */
START_TEST(reset_before_accept)
{
    enum { TIMES = 40 }; /* more than are waited for at a time */
    struct end b = {0};
    unsigned told = 0;
    struct gl_listener *listener = listen_as(host, "hvsock:any:1007", &b);
    gl_log_set_sink(count_line, &told);
    let_fail(GL_FAKE_HYPERV_ACCEPT_RESET, TIMES);
    for (unsigned i = 0; i < TIMES; i++)
        be_dropped(&b);
    be_accepted(&b);
    ck_assert_uint_eq(told, 0);
    ends_stop_listening(listener);
}
END_TEST

/* The system's own trouble is told once, and waited for. */
START_TEST(no_room_to_accept)
{
    struct end b = {0};
    unsigned told = 0;
    struct gl_listener *listener = listen_as(host, "hvsock:any:1007", &b);
    gl_log_set_sink(count_line, &told);
    let_fail(GL_FAKE_HYPERV_ACCEPT_FULL, 20);
    for (unsigned i = 0; i < 20; i++)
        be_dropped(&b);
    be_accepted(&b);
    ck_assert_uint_eq(told, 1);
    ends_stop_listening(listener);
}
END_TEST

/* Who he is decides what a guest may: without that he is not let in. */
START_TEST(accepted_without_name)
{
    struct end a = {0}, b = {0};
    unsigned told = 0;
    struct gl_listener *listener = listen_as(host, "hvsock:any:1007", &b);
    gl_log_set_sink(count_line, &told);
    let_fail(GL_FAKE_HYPERV_NO_PEER, 1);
    be_dropped(&b);
    ck_assert_uint_eq(told, 1);
    be_accepted(&b);
    ends_stop_listening(listener);

    /* Once at each side. */
    listener = listen_as(host, "hvsock:any:1007", &b);
    let_fail(GL_FAKE_HYPERV_NO_CONTEXT, 2);
    ck_assert_int_eq(dial_as(guest, "hvsock:parent:1007", 0, &a), UV_ENOTCONN);
    ck_assert_ptr_null(a.t);
    gl_unit_run_until(told == 2);
    ck_assert_ptr_null(b.t);
    be_accepted(&b);
    ends_stop_listening(listener);
}
END_TEST

static void make_silent(const char *service, bool silent)
{
    char path[MAX_PATH + 100];
    snprintf(path, sizeof(path), "%s\\silent-%s", folder, service);
    if (silent)
        fclose(fopen(path, "w"));
    else
        DeleteFileA(path);
}

START_TEST(silence)
{
    static const char service[] = "0a1b2c3d-1111-4222-8333-444455556667";
    struct end a = {0};
    char to[100];
    snprintf(to, sizeof(to), "hvsock:parent:%s", service);
    make_silent(service, true);
    uint64_t start = uv_hrtime();
    ck_assert_int_eq(dial_as(guest, to, 300, &a), UV_ETIMEDOUT);
    ck_assert_uint_ge(uv_hrtime() - start, 290 * 1000000u);

    struct dial d = {0};
    struct gl_connect *connect;
    struct gl_address address = hv(to);
    ck_assert_int_eq(gl_transport_connect(&loop, &address, NULL, ends_on_dialled, &d, &connect), 0);
    gl_unit_run_for(30);
    gl_connect_cancel(connect);
    gl_unit_run_for(30);
    ck_assert(!d.done);
    make_silent(service, false);
}
END_TEST

static void add_case(Suite *s, const char *name, void (*set_up)(void))
{
    const TTest *const tests[] = {
        both_ways,
        short_receives,
        cut,
        backpressure,
        half_close,
        close_while_busy,
        close_in_read,
        many_connections,
        places,
        no_places,
        in_use,
        options,
        retries,
        silence,
        reset_before_accept,
        no_room_to_accept,
        accepted_without_name,
    };
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, teardown);
    for (size_t i = 0; i < GL_ARRAY_SIZE(tests); i++)
        tcase_add_test(c, tests[i]);
    suite_add_tcase(s, c);
}

static Suite *suite(void)
{
    Suite *s = suite_create("transport_hvsock");
    add_case(s, "overlapped", setup_overlapped);
    add_case(s, "libuv", setup_libuv);
    return s;
}

GL_UNIT_MAIN(suite)
