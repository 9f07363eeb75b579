/* SPDX-License-Identifier: MIT */
/* Copies of what only POSIX has: modes, named pipes, names of any bytes, files of proc(5). */
#include "linux/disk-linux.h"
#include "path.h"
#include "transferpair.h"

/* Files of proc have content and a size of 0. */
START_TEST(file_without_a_size)
{
    copy_file("/proc/version", "v");
    assert_problems("");
    size_t len;
    char *text = get_bytes("v", &len);
    ck_assert_ptr_nonnull(strstr(text, "Linux version"));
    free(text);
}
END_TEST

START_TEST(setuid_is_not_kept_and_sticky_directories_are)
{
    put_dir("in");
    put_text("in/su", "x");
    set_mode("in/su", 06755);
    set_mode("in", 01777);
    copy_tree("in", "out");
    struct stat st;
    stat("out/su", &st);
    ck_assert_uint_eq(st.st_mode & 07777, 0755);
    stat("out", &st);
    ck_assert_uint_eq(st.st_mode & 07777, 01777);
}
END_TEST

/* As Windows' shares do; here it is a name. */
START_TEST(two_backslashes_begin_a_name)
{
    char *base = gl_path_base("\\\\a\\b"), *parent = gl_path_parent("\\\\a\\b");
    ck_assert_str_eq(base, "\\\\a\\b");
    ck_assert_str_eq(parent, ".");
    gl_free(base);
    gl_free(parent);
    put_text("\\\\a\\b", "x");
    put_dir("out");
    copy_file("\\\\a\\b", "out");
    assert_problems("");
    ck_assert_int_eq(access("out/\\\\a\\b", F_OK), 0);
}
END_TEST

START_TEST(any_name_but_slash_and_nul)
{
    put_dir("in");
    for (unsigned c = 1; c < 256; c++) {
        if (c == '/')
            continue;
        char path[64];
        snprintf(path, sizeof path, "in/x%cy", (int)c);
        put_text(path, path);
        if (c != '.') {
            snprintf(path, sizeof path, "in/%c", (int)c);
            put_dir(path);
        }
    }
    char longest[300] = "in/";
    memset(longest + 3, 0xff, 255);
    put_text(longest, "255 bytes");
    put_text("in/...", "dots");
    put_text("in/-r", "option");
    put_text("in/  ", "spaces");
    copy_tree("in", "out");
    assert_problems("");
    assert_same_tree("in", "out");
}
END_TEST

START_TEST(specials_are_told_and_the_rest_goes_on)
{
    put_dir("in");
    put_fifo("in/fifo");
    put_text("in/f", "f");
    copy_tree("in", "out");
    assert_problems("sender in/fifo: UNSUPPORTED is a named pipe, not copied\n");
    assert_content("out/f", "f");
    ck_assert(!exists("out/fifo"));
}
END_TEST

START_TEST(devices_and_pipes_are_not_replaced)
{
    put_text("f", "new");
    put_fifo("fifo");
    copy_file("f", "fifo");
    assert_problems("receiver fifo: EXISTS exists and is not a regular file\n");
    put_dir("d");
    put_fifo("d/f");
    copy_file("f", "d");
    assert_problems("receiver d/f: EXISTS exists and is not a regular file\n");
    struct stat st;
    lstat("d/f", &st);
    ck_assert(S_ISFIFO(st.st_mode));
}
END_TEST

START_TEST(named_pipe_as_a_source)
{
    put_fifo("fifo");
    pid_t child = fork();
    if (child == 0) {
        int fd = open("fifo", O_WRONLY | O_CLOEXEC);
        _exit(write(fd, "from a pipe", 11) == 11 ? 0 : 1);
    }
    const char *source = "fifo";
    struct gl_transfer_send_options send = send_of(&source, 1);
    send.recursive = false;
    send.streams = true;
    struct gl_transfer_receive_options receive = receive_to("f");
    run_copy(&send, &receive);
    assert_content("f", "from a pipe");
}
END_TEST

/* Of a named pipe that nobody writes to, to f; until the pipe is open. */
static void start_copy_of_pipe(void)
{
    put_fifo("fifo");
    const char *source = "fifo";
    struct gl_transfer_send_options send = send_of(&source, 1);
    send.recursive = false;
    send.streams = true;
    struct gl_transfer_receive_options receive = receive_to("f");
    copy_init(&pair);
    copy_send(&pair, &pair.a, &send);
    copy_receive(&pair, &pair.b, &receive);
    while (pair.b.messages < 1) /* the file's name */
        copy_turn(&pair);
}

START_TEST(named_pipe_without_a_writer_can_be_cancelled)
{
    start_copy_of_pipe();
    ck_assert(pair.a.transfer && pair.b.transfer);
    cancel_both();
    ck_assert(!exists("f"));
}
END_TEST

/* A writer that comes late is waited for. */
START_TEST(named_pipe_with_a_late_writer)
{
    start_copy_of_pipe();
    int fd = open("fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "first ", 6), 6);
    while (pair.b.data < 6)
        copy_turn(&pair);
    ck_assert_int_eq(write(fd, "second", 6), 6);
    close(fd);
    copy_run(&pair);
    copy_done(&pair);
    assert_problems("");
    assert_content("f", "first second");
}
END_TEST

START_TEST(unreadable_and_unwritable)
{
    if (geteuid() == 0)
        ck_assert(chmod(".", 0777) == 0 && seteuid(65534) == 0);
    put_dir("in");
    put_text("in/secret", "x");
    set_mode("in/secret", 0);
    put_dir("in/closed");
    set_mode("in/closed", 0);
    put_text("in/open", "y");
    copy_tree("in", "out");
    ck_assert_uint_eq(pair.a.counts.problems, 2);
    ck_assert_ptr_nonnull(
        strstr(pair.b.problems, "sender in/secret: PERMISSION_DENIED permission denied\n"));
    ck_assert_ptr_nonnull(
        strstr(pair.b.problems, "sender in/closed: PERMISSION_DENIED permission denied\n"));
    assert_content("out/open", "y");

    put_dir("ro");
    set_mode("ro", 0555);
    copy_file("in/open", "ro");
    assert_problems("receiver ro/open: PERMISSION_DENIED permission denied\n");
    ck_assert(getuid() != 0 || seteuid(0) == 0);
}
END_TEST

/* One may put things there and not look: the copy is whole, and nothing is claimed to be wrong. */
START_TEST(directory_that_may_be_written_but_not_read)
{
    if (geteuid() == 0)
        ck_assert(chmod(".", 0777) == 0 && seteuid(65534) == 0);
    put_text("f", "x");
    put_dir("in");
    put_dir("in/sub");
    put_text("in/sub/g", "y");
    put_dir("drop");
    set_mode("drop", 0300);
    copy_file("f", "drop");
    assert_problems("");
    copy_tree("in", "drop");
    assert_problems("");
    set_mode("drop", 0700);
    assert_content("drop/f", "x");
    assert_content("drop/in/sub/g", "y");
    ck_assert(getuid() != 0 || seteuid(0) == 0);
}
END_TEST

START_TEST(release_of_the_kernel)
{
    ck_assert(gl_disk_release_is_since("5.8.0", 5, 8));
    ck_assert(gl_disk_release_is_since("5.10.0-28-amd64", 5, 8));
    ck_assert(gl_disk_release_is_since("6.1.0", 5, 8));
    ck_assert(!gl_disk_release_is_since("5.7.19", 5, 8));
    ck_assert(!gl_disk_release_is_since("4.19.0-6", 5, 8));
    ck_assert(!gl_disk_release_is_since("", 5, 8));
}
END_TEST

/*
 * More problems than any queue holds, of the receiver and then of the sender: neither may wait
 * until the other takes its own.
 */
START_TEST(floods_of_problems_both_ways)
{
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    static const char *const roots[] = {"out", "out/in", "in"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(roots); i++)
        put_dir(roots[i]);
    for (size_t i = 1; i < GL_ARRAY_SIZE(roots); i++) {
        box_enter(roots[i]);
        for (int depth = 0; depth < 14; depth++) {
            put_dir(name);
            box_enter(name);
        }
        for (int file = 0; file < 3000; file++) {
            char path[16];
            snprintf(path, sizeof path, "%d", file);
            if (i == 1)
                put_dir(path);
            else
                put_text(path, "x");
        }
        for (int fifo = 0; i == 2 && fifo < 1500; fifo++) {
            char path[16];
            snprintf(path, sizeof path, "fifo%d", fifo);
            put_fifo(path);
        }
        box_enter(box);
    }
    copy_tree("in", "out");
    ck_assert_uint_eq(pair.a.counts.problems, 4500);
    remove_tree("in");
    remove_tree("out");
}
END_TEST

static Suite *suite(void)
{
    return BOX_SUITE("transfer posix", file_without_a_size,
                     setuid_is_not_kept_and_sticky_directories_are, two_backslashes_begin_a_name,
                     any_name_but_slash_and_nul,
                     specials_are_told_and_the_rest_goes_on, devices_and_pipes_are_not_replaced,
                     named_pipe_as_a_source, named_pipe_without_a_writer_can_be_cancelled,
                     named_pipe_with_a_late_writer, unreadable_and_unwritable,
                     directory_that_may_be_written_but_not_read, release_of_the_kernel,
                     floods_of_problems_both_ways);
}

GL_UNIT_MAIN(suite)
