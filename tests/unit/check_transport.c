/* SPDX-License-Identifier: MIT */
/* Transports over real Unix sockets. */
#include "transport.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mem.h"
#include "transport-ends.h"
#include "transport-fd.h"
#include "unit-loop.h"

/* ------------------------------------------------------------------ the stage */

static char folder[64];

static void setup(void)
{
    gl_unit_loop_setup();
    snprintf(folder, sizeof(folder), "%s/gl-transport-XXXXXX", "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    gl_unit_loop_teardown();
    ck_assert_int_eq(rmdir(folder), 0);
}

static struct gl_address unix_address(const char *name)
{
    struct gl_address address = {.kind = GL_ADDRESS_UNIX};
    snprintf(address.path, sizeof(address.path), "%s/%s", folder, name);
    return address;
}

static struct sockaddr_un raw_address(const struct gl_address *address)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, address->path, strlen(address->path) + 1);
    return un;
}

/* Two ends, connected by way of a listener. */
static void make_pair(struct end *a, struct end *b)
{
    struct gl_address address = unix_address("pair");
    struct gl_listener *listener = ends_listen(&address, NULL, b);
    ck_assert_int_eq(ends_dial(&address, NULL, a), 0);
    gl_unit_run_until(b->t);
    ends_stop_listening(listener);
}

/* One end, and the bare descriptor of the other. */
static int make_half(struct end *e)
{
    int fds[2];
    struct gl_transport *t;
    struct gl_peer peer = {.address = unix_address("half")};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ck_assert_int_eq(gl_fd_transport_open(&loop, fds[0], &peer, 0, &t), 0);
    ends_take(e, t);
    return fds[1];
}

/* ------------------------------------------------------------------ bytes */

/* Much more than the socket holds, from both ends at once, in pieces of odd sizes. */
START_TEST(both_ways)
{
    enum { LEN = 4 * 1024 * 1024 };
    struct end a = {.wanted = LEN}, b = {.wanted = LEN};
    uint8_t *from_a = ends_pattern(LEN, 1), *from_b = ends_pattern(LEN, 2);
    make_pair(&a, &b);
    for (int i = 0; i < 2; i++) {
        struct end *e = i ? &b : &a;
        char *data = (char *)(i ? from_b : from_a);
        uv_buf_t bufs[2000];
        unsigned n = 0;
        size_t at = 0;
        while (n < 1999) {
            size_t len = (n * 7919) % 2100; /* empty ones too */
            bufs[n++] = uv_buf_init(data + at, (unsigned)len);
            at += len;
        }
        ck_assert_uint_lt(at, LEN);
        bufs[n++] = uv_buf_init(data + at, (unsigned)(LEN - at));
        ck_assert_int_eq(gl_transport_read_start(e->t), 0);
        ck_assert_int_eq(gl_transport_write(e->t, bufs, n), 0);
        ck_assert_int_eq(gl_transport_write(e->t, bufs, n), UV_EBUSY);
    }
    gl_unit_run_until(a.got_wanted);
    gl_unit_run_until(b.got_wanted);
    gl_unit_run_until(a.written);
    gl_unit_run_until(b.written);
    ck_assert_int_eq(a.write_status, 0);
    ck_assert_int_eq(b.write_status, 0);
    ck_assert_uint_eq(a.len, LEN);
    ck_assert_uint_eq(b.len, LEN);
    ck_assert(memcmp(a.data, from_b, LEN) == 0);
    ck_assert(memcmp(b.data, from_a, LEN) == 0);
    ends_close_one(&a);
    gl_unit_run_until(b.ended);
    ck_assert_int_eq(b.last, UV_EOF);
    ends_close_one(&b);
    gl_free(from_a);
    gl_free(from_b);
}
END_TEST

START_TEST(small_write_is_done_at_once)
{
    struct end a = {0};
    char text[3] = "abc", got[4] = "";
    uv_buf_t bufs[] = {uv_buf_init(text, 1), uv_buf_init(text, 0), uv_buf_init(text + 1, 2)};
    int fd = make_half(&a);
    ck_assert_int_eq(gl_transport_write(a.t, bufs, 3), 1);
    ck_assert_int_eq(read(fd, got, 3), 3);
    ck_assert_str_eq(got, "abc");
    gl_unit_run_for(1);
    ck_assert(!a.written);
    close(fd);
    ends_close_one(&a);
}
END_TEST

/* What was sent before a close arrives, however late it is read. */
START_TEST(tail_before_close)
{
    enum { LEN = 100000 };
    struct end a = {.room_len = 1000};
    uint8_t *data = ends_pattern(LEN, 3);
    int fd = make_half(&a);
    ck_assert_int_eq(write(fd, data, LEN), LEN);
    close(fd);
    gl_transport_read_start(a.t);
    gl_unit_run_until(a.ended);
    ck_assert_int_eq(a.last, UV_EOF);
    ck_assert_uint_eq(a.len, LEN);
    ck_assert(memcmp(a.data, data, LEN) == 0);
    ck_assert_int_ge(a.reads, LEN / 1000);
    ends_close_one(&a);
    gl_free(data);
}
END_TEST

/* A peer that closes without having read what it was sent is an error, but its own words still come
 * first. */
START_TEST(tail_before_reset)
{
    struct end a = {0};
    char text[] = "last words";
    uv_buf_t buf = uv_buf_init(text, sizeof(text));
    int fd = make_half(&a);
    ck_assert_int_eq(gl_transport_write(a.t, &buf, 1), 1);
    ck_assert_int_eq(write(fd, text, sizeof(text)), sizeof(text));
    close(fd);
    gl_transport_read_start(a.t);
    gl_unit_run_until(a.ended);
    ck_assert_int_eq(a.last, UV_ECONNRESET);
    ck_assert_uint_eq(a.len, sizeof(text));
    ck_assert_str_eq((char *)a.data, text);
    ends_close_one(&a);
}
END_TEST

/* No SIGPIPE; an error at once or, if pending, by event. */
START_TEST(write_to_closed)
{
    struct end a = {0}, b = {0};
    char text[] = "x";
    uv_buf_t buf = uv_buf_init(text, 1);
    int fd = make_half(&a);
    close(fd);
    ck_assert_int_eq(gl_transport_write(a.t, &buf, 1), UV_EPIPE);
    ends_close_one(&a);

    uint8_t *data = ends_pattern(2000000, 4);
    buf = uv_buf_init((char *)data, 2000000);
    fd = make_half(&b);
    ck_assert_int_eq(gl_transport_write(b.t, &buf, 1), 0);
    gl_unit_run_for(1);
    ck_assert(!b.written);
    close(fd);
    gl_unit_run_until(b.written);
    ck_assert_int_lt(b.write_status, 0);
    ends_close_one(&b);
    gl_free(data);
}
END_TEST

START_TEST(read_stop_holds)
{
    struct end a = {.wanted = 6};
    int fd = make_half(&a);
    gl_transport_read_start(a.t);
    gl_transport_read_stop(a.t);
    ck_assert_int_eq(write(fd, "abc", 3), 3);
    gl_unit_run_for(20);
    ck_assert_uint_eq(a.len, 0);
    gl_transport_read_start(a.t);
    ck_assert_int_eq(write(fd, "def", 3), 3);
    gl_unit_run_until(a.got_wanted);
    ck_assert(memcmp(a.data, "abcdef", 6) == 0);
    close(fd);
    gl_unit_run_until(a.ended);
    ends_close_one(&a);
}
END_TEST

START_TEST(shutdown_is_half)
{
    enum { LEN = 1000000 };
    struct end a = {.wanted = LEN}, b = {.wanted = LEN};
    uint8_t *data = ends_pattern(LEN, 5);
    uv_buf_t buf = uv_buf_init((char *)data, LEN);
    make_pair(&a, &b);
    /* The shutdown waits for the pending write. */
    ck_assert_int_eq(gl_transport_write(a.t, &buf, 1), 0);
    ck_assert_int_eq(gl_transport_shutdown(a.t), 0);
    gl_transport_read_start(a.t);
    gl_transport_read_start(b.t);
    gl_unit_run_until(b.ended);
    ck_assert_int_eq(b.last, UV_EOF);
    ck_assert_uint_eq(b.len, LEN);
    ck_assert_int_eq(gl_transport_write(b.t, &buf, 1), 0);
    gl_unit_run_until(a.got_wanted);
    ends_close_one(&a);
    ends_close_one(&b);
    gl_free(data);
}
END_TEST

START_TEST(close_in_read)
{
    struct end a = {.close_in_read = true, .room_len = 2};
    int fd = make_half(&a);
    ck_assert_int_eq(write(fd, "abcd", 4), 4);
    gl_transport_read_start(a.t);
    gl_unit_run_until(a.closed);
    ck_assert_int_eq(a.reads, 1);
    close(fd);
}
END_TEST

START_TEST(close_while_writing)
{
    struct end a = {0};
    uint8_t *data = ends_pattern(2000000, 6);
    uv_buf_t buf = uv_buf_init((char *)data, 2000000);
    int fd = make_half(&a);
    ck_assert_int_eq(gl_transport_write(a.t, &buf, 1), 0);
    ends_close_one(&a);
    ck_assert(!a.written);
    close(fd);
    gl_free(data);
}
END_TEST

/* ------------------------------------------------------------------ connect */

START_TEST(peers)
{
    struct end a = {0}, b = {0};
    make_pair(&a, &b);
    for (int i = 0; i < 2; i++) {
        const struct gl_peer *peer = gl_transport_peer(i ? a.t : b.t);
        ck_assert_int_eq(peer->address.kind, GL_ADDRESS_UNIX);
        ck_assert(strstr(peer->address.path, "/pair"));
        ck_assert(peer->has_credentials);
        ck_assert_uint_eq(peer->uid, getuid());
        ck_assert_uint_eq(peer->gid, getgid());
        ck_assert_int_eq(peer->pid, getpid());
        ck_assert(!peer->privileged_port);
    }
    ck_assert_uint_eq(gl_transport_payload_max(a.t), 256 * 1024);
    ends_close_one(&a);
    ends_close_one(&b);
}
END_TEST

START_TEST(close_on_exec)
{
    struct end a = {0}, b = {0};
    struct gl_address address = unix_address("s");
    struct gl_listener *listener = ends_listen(&address, NULL, &b);
    ck_assert_int_eq(ends_dial(&address, NULL, &a), 0);
    gl_unit_run_until(b.t);
    int sockets = 0;
    for (int fd = 3; fd < 100; fd++) {
        struct stat st;
        if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode)) {
            ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
            sockets++;
        }
    }
    ck_assert_int_ge(sockets, 3);
    ends_close_one(&a);
    ends_close_one(&b);
    ends_stop_listening(listener);
}
END_TEST

START_TEST(connect_errors)
{
    struct end a = {0};
    struct gl_address address = unix_address("none");
    ck_assert_int_eq(ends_dial(&address, NULL, &a), UV_ENOENT);
    ck_assert_str_eq(gl_transport_error_text(&address, UV_ENOENT), "no such socket or folder");

    int fd = open(address.path, O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    ck_assert_int_eq(ends_dial(&address, NULL, &a), UV_ECONNREFUSED);
    unlink(address.path);

    memset(address.path, 'p', 108);
    address.path[108] = '\0';
    ck_assert_int_eq(ends_dial(&address, NULL, &a), UV_ENAMETOOLONG);

    ck_assert_int_eq(gl_transport_usable(&address), UV_ENAMETOOLONG);
    address.path[107] = '\0';
    ck_assert_int_eq(gl_transport_usable(&address), 0);

    struct gl_address pipe = {.kind = GL_ADDRESS_PIPE, .path = "x"};
    ck_assert_int_eq(ends_dial(&pipe, NULL, &a), UV_ENOTSUP);
    ck_assert_str_eq(gl_transport_error_text(&pipe, UV_ENOTSUP),
                     "named pipes exist on Windows only; use unix: here");
    struct gl_address hvsock = {.kind = GL_ADDRESS_HVSOCK};
    ck_assert_int_eq(ends_dial(&hvsock, NULL, &a), UV_ENOTSUP);
    ck_assert_int_eq(gl_transport_usable(&pipe), UV_ENOTSUP);
    ck_assert_int_eq(gl_transport_usable(&hvsock), UV_ENOTSUP);
    ck_assert_str_eq(gl_transport_error_text(&hvsock, UV_ENOTSUP),
                     "hvsock addresses exist on Windows only; use vsock: here");
}
END_TEST

START_TEST(cancelled)
{
    struct end a = {0};
    struct dial d = {.end = &a};
    struct gl_connect *connect;
    struct gl_address address = unix_address("none");
    ck_assert_int_eq(gl_transport_connect(&loop, &address, NULL, ends_on_dialled, &d, &connect), 0);
    gl_connect_cancel(connect);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert(!d.done);
}
END_TEST

/* A listener that does not accept: connect says EAGAIN, which must neither spin, nor fail early,
 * nor last for ever. */
START_TEST(backlog_is_full)
{
    struct end ends[2] = {0};
    struct gl_address address = unix_address("s");
    struct sockaddr_un un = raw_address(&address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    ck_assert_int_eq(listen(fd, 0), 0);
    ck_assert_int_eq(ends_dial(&address, NULL, &ends[0]), 0);

    struct dial d = {.end = &ends[1]};
    struct gl_connect_options options = {.timeout_ms = 100};
    uint64_t start = uv_hrtime();
    ck_assert_int_eq(gl_transport_connect(&loop, &address, &options, ends_on_dialled, &d, NULL), 0);
    gl_unit_run_until(d.done);
    ck_assert_int_eq(d.status, UV_ETIMEDOUT);
    ck_assert_uint_ge(uv_hrtime() - start, 90000000);

    /* And if there is room in time, it succeeds. */
    d = (struct dial){.end = &ends[1]};
    ck_assert_int_eq(gl_transport_connect(&loop, &address, NULL, ends_on_dialled, &d, NULL), 0);
    gl_unit_run_for(30);
    ck_assert(!d.done);
    int first = accept(fd, NULL, NULL);
    gl_unit_run_until(d.done);
    ck_assert_int_eq(d.status, 0);
    close(first);
    close(fd);
    ends_close_one(&ends[0]);
    ends_close_one(&ends[1]);
    unlink(address.path);
}
END_TEST

/* ------------------------------------------------------------------ listen */

START_TEST(file_mode)
{
    struct end a = {0};
    struct stat st;
    struct gl_address address = unix_address("s");
    mode_t before = umask(077);
    struct gl_listener *listener = ends_listen(&address, NULL, &a);
    ck_assert_int_eq(lstat(address.path, &st), 0);
    ck_assert_uint_eq(st.st_mode, S_IFSOCK | 0600);
    ends_stop_listening(listener);
    ck_assert_int_eq(lstat(address.path, &st), -1);

    struct gl_listen_options options = {.mode = 0660, .gid = getgid()};
    if (geteuid() == 0)
        options.gid = 4711;
    ck_assert_int_eq(gl_transport_listen(&loop, &address, &options, ends_on_accept, &a, &listener),
                     0);
    ck_assert_int_eq(lstat(address.path, &st), 0);
    ck_assert_uint_eq(st.st_mode, S_IFSOCK | 0660);
    ck_assert_int_eq(st.st_gid, options.gid);
    ends_stop_listening(listener);
    umask(before);
}
END_TEST

START_TEST(stale_live_and_other_files)
{
    struct end a = {0}, b = {0};
    struct gl_address address = unix_address("s");
    struct sockaddr_un un = raw_address(&address);
    struct gl_listener *listener, *second = NULL;

    /* Left behind by a process that is gone. */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    close(fd);
    listener = ends_listen(&address, NULL, &a);

    /* Alive. The probe is a connection that ends at once. */
    ck_assert_int_eq(gl_transport_listen(&loop, &address, NULL, ends_on_accept, &b, &second),
                     UV_EADDRINUSE);
    ck_assert_ptr_null(second);
    gl_unit_run_until(a.t);
    ends_close_one(&a);
    a = (struct end){0};
    ck_assert_int_eq(ends_dial(&address, NULL, &b), 0);
    gl_unit_run_until(a.t);
    ends_close_one(&b);
    ends_close_one(&a);
    ends_stop_listening(listener);

    /* Somebody's file. */
    fd = open(address.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, "precious", 8), 8);
    close(fd);
    ck_assert_int_eq(gl_transport_listen(&loop, &address, NULL, ends_on_accept, &b, &second),
                     UV_ENOTSOCK);
    struct stat st;
    ck_assert_int_eq(stat(address.path, &st), 0);
    ck_assert_int_eq(st.st_size, 8);
    unlink(address.path);

    /* A link to a live socket is not followed and not removed. */
    ck_assert_int_eq(symlink("elsewhere", address.path), 0);
    ck_assert_int_eq(gl_transport_listen(&loop, &address, NULL, ends_on_accept, &b, &second),
                     UV_ENOTSOCK);
    ck_assert_int_eq(unlink(address.path), 0);
}
END_TEST

/* Anybody who may read the folder can lock it. */
START_TEST(a_locked_folder_does_not_hold_up_who_is_in_a_hurry)
{
    struct end a = {0};
    struct gl_address address = unix_address("s");
    struct gl_listen_options options = {.gid = -1, .at_once = true};
    struct gl_listener *listener;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    uint64_t before = uv_hrtime();
    ck_assert_int_eq(gl_transport_listen(&loop, &address, &options, ends_on_accept, &a, &listener),
                     0);
    ck_assert_uint_lt((uv_hrtime() - before) / 1000000, 300); /* others wait for 500 */
    close(fd);
    ends_stop_listening(listener);
}
END_TEST

START_TEST(path_limit)
{
    struct end a = {0}, b = {0};
    struct gl_listener *listener;
    struct gl_address address = unix_address("");
    size_t len = strlen(address.path);
    memset(address.path + len, 'p', 107 - len);
    address.path[107] = '\0';
    listener = ends_listen(&address, NULL, &a);
    ck_assert_int_eq(ends_dial(&address, NULL, &b), 0);
    gl_unit_run_until(a.t);
    ends_close_one(&a);
    ends_close_one(&b);
    ends_stop_listening(listener);

    memcpy(address.path + 107, "p", 2);
    ck_assert_int_eq(gl_transport_listen(&loop, &address, NULL, ends_on_accept, &a, &listener),
                     UV_ENAMETOOLONG);
    struct gl_address missing = unix_address("no/such");
    ck_assert_int_eq(gl_transport_listen(&loop, &missing, NULL, ends_on_accept, &a, &listener),
                     UV_ENOENT);
}
END_TEST

/* A file that has taken the place of ours is not removed. */
START_TEST(removes_only_its_own_file)
{
    struct end a = {0};
    struct gl_address address = unix_address("s");
    struct gl_listener *listener = ends_listen(&address, NULL, &a);
    ck_assert_int_eq(unlink(address.path), 0);
    int fd = open(address.path, O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    ends_stop_listening(listener);
    ck_assert_int_eq(unlink(address.path), 0);
}
END_TEST

/* Without descriptors the listener rests, and goes on when there are some again. */
START_TEST(out_of_descriptors)
{
    struct end a = {0}, b = {0};
    struct rlimit limit, low;
    struct gl_address address = unix_address("s");
    struct gl_listener *listener = ends_listen(&address, NULL, &b);
    ck_assert_int_eq(ends_dial(&address, NULL, &a), 0);
    if (b.t)
        ends_close_one(&b);
    b = (struct end){0};
    ends_close_one(&a);
    a = (struct end){0};

    struct sockaddr_un un = raw_address(&address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    struct rusage used[2];
    getrusage(RUSAGE_SELF, &used[0]);
    gl_unit_run_for(250);
    getrusage(RUSAGE_SELF, &used[1]);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_ptr_null(b.t);
    long us = (used[1].ru_utime.tv_sec - used[0].ru_utime.tv_sec) * 1000000 +
              used[1].ru_utime.tv_usec - used[0].ru_utime.tv_usec;
    ck_assert_int_lt(us, 100000);
    gl_unit_run_until(b.t);
    ends_close_one(&b);
    close(fd);
    ends_stop_listening(listener);
}
END_TEST

START_TEST(inherited)
{
    struct end a = {0}, b = {0};
    struct gl_listener *listener = NULL;
    struct gl_address address = unix_address("s");
    struct sockaddr_un un = raw_address(&address);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    ck_assert_int_eq(gl_transport_listen_fd(&loop, dup(fd), ends_on_accept, &b, &listener),
                     UV_EINVAL);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(gl_transport_listen_fd(&loop, fd, ends_on_accept, &b, &listener), 0);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ck_assert_str_eq(gl_listener_address(listener)->path, address.path);
    ck_assert_int_eq(ends_dial(&address, NULL, &a), 0);
    gl_unit_run_until(b.t);
    ck_assert_str_eq(gl_transport_peer(b.t)->address.path, address.path);
    ends_close_one(&a);
    ends_close_one(&b);
    ends_stop_listening(listener);
    /* It is its maker's to remove. */
    ck_assert_int_eq(unlink(address.path), 0);
    ck_assert_int_eq(
        gl_transport_listen_fd(&loop, open("/dev/null", O_RDONLY), ends_on_accept, &b, &listener),
        UV_ENOTSOCK);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("transport");
    const TTest *const tests[] = {
        both_ways,
        small_write_is_done_at_once,
        tail_before_close,
        tail_before_reset,
        write_to_closed,
        read_stop_holds,
        shutdown_is_half,
        close_in_read,
        close_while_writing,
        peers,
        close_on_exec,
        connect_errors,
        cancelled,
        backlog_is_full,
        file_mode,
        stale_live_and_other_files,
        path_limit,
        removes_only_its_own_file,
        a_locked_folder_does_not_hold_up_who_is_in_a_hurry,
        out_of_descriptors,
        inherited,
    };
    TCase *sockets = tcase_create("sockets");
    tcase_add_checked_fixture(sockets, setup, teardown);
    for (size_t i = 0; i < GL_ARRAY_SIZE(tests); i++)
        tcase_add_test(sockets, tests[i]);
    suite_add_tcase(s, sockets);
    return s;
}

GL_UNIT_MAIN(suite)
