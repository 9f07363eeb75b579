/* SPDX-License-Identifier: MIT */
/* Copies between a sender and a receiver that both keep to the rules: what arrives, and where. */
#include <sys/ioctl.h>

#include "transferpair.h"

/* ------------------------------------------------------------------ content */

START_TEST(file_arrives_with_mode_and_time)
{
    put_text("f", "hello\n");
    chmod("f", 0640);
    set_time("f", 1234567890, 123456789);
    copy_file("f", "g");
    assert_problems("");
    assert_same_tree("f", "g");
    ck_assert_uint_eq(pair.b.counts.files, 1);
    ck_assert_uint_eq(pair.b.counts.bytes, 6);
    ck_assert_uint_eq(pair.a.counts.bytes, 6);
}
END_TEST

/* Around what is sent in one message, in one block, in one write. */
START_TEST(files_of_all_sizes)
{
    static const size_t sizes[] = {0,          1,          32767,  32768,   32769,
                                   256 * 1024, 262144 - 1, 262145, MIB - 1, 9 * MIB + 17};
    put_dir("in");
    for (size_t i = 0; i < GL_ARRAY_SIZE(sizes); i++) {
        char name[32];
        snprintf(name, sizeof name, "in/%zu", sizes[i]);
        put_noise(name, sizes[i], i);
    }
    copy_tree("in", "out");
    assert_problems("");
    assert_same_tree("in", "out");
    ck_assert_uint_eq(pair.b.counts.files, GL_ARRAY_SIZE(sizes));
    ck_assert_uint_eq(pair.b.counts.directories, 1);
}
END_TEST

START_TEST(holes_stay_holes)
{
    int fd = open("sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_eq(ftruncate(fd, 64 * MIB), 0);
    ck_assert_int_eq(pwrite(fd, "middle", 6, 20 * MIB + 3), 6);
    ck_assert_int_eq(pwrite(fd, "near the end", 12, 50 * MIB), 12);
    close(fd);
    copy_file("sparse", "copy");
    assert_problems("");
    assert_same_tree("sparse", "copy");
    struct stat before, after;
    stat("sparse", &before);
    stat("copy", &after);
    if (before.st_blocks * 512 < MIB)
        ck_assert_int_lt(after.st_blocks * 512, MIB);
    ck_assert_uint_lt(pair.b.counts.bytes, MIB);
}
END_TEST

START_TEST(a_file_that_is_all_hole)
{
    int fd = open("sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_eq(ftruncate(fd, 10 * MIB), 0);
    close(fd);
    copy_file("sparse", "copy");
    assert_problems("");
    assert_same_tree("sparse", "copy");
    ck_assert_uint_eq(pair.b.counts.bytes, 0);
}
END_TEST

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
    chmod("in/su", 06755);
    chmod("in", 01777);
    copy_tree("in", "out");
    struct stat st;
    stat("out/su", &st);
    ck_assert_uint_eq(st.st_mode & 07777, 0755);
    stat("out", &st);
    ck_assert_uint_eq(st.st_mode & 07777, 01777);
}
END_TEST

/* ------------------------------------------------------------------ trees */

START_TEST(tree_arrives_whole)
{
    put_dir("in");
    put_dir("in/empty");
    put_dir("in/sub");
    put_dir("in/sub/locked");
    put_text("in/sub/locked/f", "in a folder that may not be written");
    put_text("in/a", "a");
    put_noise("in/sub/b", 100000, 7);
    ck_assert_int_eq(symlink("../somewhere/else", "in/sub/link"), 0);
    ck_assert_int_eq(symlink("a", "in/link"), 0);
    set_time("in/sub/link", 1000000000, 5);
    chmod("in/sub/locked", 0555);
    set_time("in/sub/locked", 1000000001, 999999999);
    set_time("in/empty", 12, 0);
    set_time("in/sub", -1000, 1);
    set_time("in", 1000000003, 42);
    copy_tree("in", "out");
    assert_problems("");
    assert_same_tree("in", "out");
    ck_assert_uint_eq(pair.b.counts.files, 3);
    ck_assert_uint_eq(pair.b.counts.links, 2);
    ck_assert_uint_eq(pair.b.counts.directories, 4);
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

/* Deeper than descriptors are kept open, with something to do on the way back. */
START_TEST(deep_tree)
{
    put_dir("in");
    ck_assert_int_eq(chdir("in"), 0);
    for (int i = 0; i < 300; i++) {
        put_dir("d");
        put_text("before", "x");
        put_text("z", "y");
        ck_assert_int_eq(chdir("d"), 0);
    }
    ck_assert_int_eq(chdir(box), 0);
    copy_tree("in", "out");
    assert_problems("");
    ck_assert_uint_eq(pair.b.counts.directories, 301);
    assert_same_tree("in", "out");
}
END_TEST

START_TEST(too_deep_is_a_problem_and_no_more)
{
    put_dir("in");
    put_text("in/f", "f");
    ck_assert_int_eq(chdir("in"), 0);
    for (unsigned i = 0; i < GL_TRANSFER_DEPTH_MAX + 5; i++) {
        put_dir("d");
        ck_assert_int_eq(chdir("d"), 0);
    }
    ck_assert_int_eq(chdir(box), 0);
    copy_tree("in", "out");
    ck_assert_ptr_nonnull(strstr(pair.a.problems, ": LIMIT directories are nested too deep\n"));
    ck_assert_uint_eq(pair.a.counts.problems, 1);
    ck_assert_uint_eq(pair.b.counts.directories, GL_TRANSFER_DEPTH_MAX);
    assert_content("out/f", "f");
    /* nftw cannot remove it by paths. */
    ck_assert_int_eq(system("rm -rf in out"), 0);
}
END_TEST

START_TEST(many_small_files)
{
    put_dir("in");
    for (unsigned i = 0; i < 1500; i++) {
        char path[64];
        if (i % 100 == 0) {
            snprintf(path, sizeof path, "in/%u", i / 100);
            put_dir(path);
        }
        snprintf(path, sizeof path, "in/%u/%u", i / 100, i);
        put_text(path, path);
    }
    copy_tree("in", "out");
    assert_problems("");
    assert_same_tree("in", "out");
    ck_assert_uint_eq(pair.b.counts.files, 1500);
}
END_TEST

START_TEST(specials_are_told_and_the_rest_goes_on)
{
    put_dir("in");
    ck_assert_int_eq(mkfifo("in/fifo", 0644), 0);
    put_text("in/f", "f");
    copy_tree("in", "out");
    assert_problems("sender in/fifo: UNSUPPORTED is a named pipe, not copied\n");
    assert_content("out/f", "f");
    ck_assert(!exists("out/fifo"));
}
END_TEST

START_TEST(leftovers_are_not_copied)
{
    put_dir("in");
    put_text("in/.guestlink-0123456789abcdef.part", "left");
    put_text("in/.guestlink-0123456789abcdeg.part", "not one");
    copy_tree("in", "out");
    ck_assert_uint_eq(pair.a.counts.problems, 0);
    ck_assert(!exists("out/.guestlink-0123456789abcdef.part"));
    assert_content("out/.guestlink-0123456789abcdeg.part", "not one");
}
END_TEST

/* ------------------------------------------------------------------ what DST means: as cp(1) */

START_TEST(destination_directory_takes_the_file)
{
    put_text("f", "1");
    put_dir("d");
    copy_file("f", "d");
    assert_content("d/f", "1");
    put_text("f", "2");
    copy_file("f", "d/");
    assert_content("d/f", "2");
    ck_assert_int_eq(symlink("d", "l"), 0);
    put_text("f", "3");
    copy_file("f", "l");
    assert_content("d/f", "3");
}
END_TEST

START_TEST(destination_is_a_new_name)
{
    put_dir("d");
    put_text("f", "1");
    copy_file("f", "d/g");
    assert_content("d/g", "1");
    copy_tree("d", "e");
    assert_content("e/g", "1");
    /* and now that e exists */
    copy_tree("d", "e");
    assert_content("e/d/g", "1");
    /* a slash at the end of a new name is for directories */
    copy_tree("d", "h/");
    assert_content("h/g", "1");
}
END_TEST

START_TEST(file_cannot_become_a_directory)
{
    put_text("f", "1");
    copy_file("f", "d/");
    assert_problems("receiver d/: NOT_DIRECTORY not a directory\n");
    put_text("old", "old");
    copy_file("f", "old/");
    assert_problems("receiver old/: NOT_DIRECTORY not a directory\n");
    assert_content("old", "old");
}
END_TEST

START_TEST(missing_parent_is_told_once)
{
    put_dir("in");
    for (int i = 0; i < 20; i++) {
        char path[32];
        snprintf(path, sizeof path, "in/%d", i);
        put_noise(path, 200000, 1);
    }
    copy_tree("in", "no/where");
    assert_problems("receiver no/where: NOT_FOUND no such file or directory\n");
}
END_TEST

START_TEST(several_sources_need_a_directory)
{
    static const char *const sources[] = {"f", "g"};
    put_text("f", "1");
    put_text("g", "2");
    struct gl_transfer_send_options send = send_of(sources, 2);
    struct gl_transfer_receive_options receive = receive_to("d");
    receive.directory = true;
    run_copy(&send, &receive);
    assert_problems("receiver d: NOT_FOUND no such directory\n");
    put_text("d", "file");
    run_copy(&send, &receive);
    assert_problems("receiver d: NOT_DIRECTORY not a directory\n");
    unlink("d");
    put_dir("d");
    run_copy(&send, &receive);
    assert_problems("");
    assert_content("d/f", "1");
    assert_content("d/g", "2");
}
END_TEST

START_TEST(source_that_ends_in_dot_is_its_content)
{
    put_dir("in");
    put_dir("in/sub");
    put_text("in/f", "1");
    put_dir("out");
    copy_tree("in/.", "out");
    assert_content("out/f", "1");
    copy_tree("in/sub/..", "new");
    assert_content("new/f", "1");
    ck_assert_int_eq(chdir("in"), 0);
    copy_tree(".", "../third");
    ck_assert_int_eq(chdir(box), 0);
    assert_same_tree("in", "third");
}
END_TEST

START_TEST(directories_are_merged)
{
    put_dir("in");
    put_dir("in/sub");
    put_text("in/sub/new", "new");
    put_text("in/sub/both", "newer");
    put_dir("out");
    put_dir("out/in");
    put_dir("out/in/sub");
    put_text("out/in/sub/old", "old");
    put_text("out/in/sub/both", "older");
    copy_tree("in", "out");
    assert_problems("");
    assert_content("out/in/sub/old", "old");
    assert_content("out/in/sub/new", "new");
    assert_content("out/in/sub/both", "newer");
}
END_TEST

static void assert_mode_and_time(const char *path, unsigned mode, time_t s)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, mode);
    ck_assert_int_eq(st.st_mtim.tv_sec, s);
}

/* A copy of what is in a tree into a home directory must not open that to all. */
START_TEST(directories_that_were_there_stay_as_they_are)
{
    put_dir("in");
    put_dir("in/sub");
    put_dir("in/new");
    chmod("in", 0777);
    chmod("in/sub", 0777);
    chmod("in/new", 0750);
    set_time("in/new", 300, 0);
    put_dir("out");
    put_dir("out/sub");
    put_dir("out/new");
    rmdir("out/new");
    chmod("out/sub", 0711);
    chmod("out", 0700);
    set_time("out/sub", 100, 0);
    copy_tree("in/.", "out");
    assert_problems("");
    assert_mode_and_time("out/sub", 0711, 100);
    assert_mode_and_time("out/new", 0750, 300);
    struct stat st;
    stat("out", &st);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
    /* nothing new this time: not even the time */
    set_time("out", 200, 0);
    set_time("out/new", 400, 0);
    copy_tree("in/.", "out");
    assert_mode_and_time("out", 0700, 200);
    assert_mode_and_time("out/new", 0750, 400);
}
END_TEST

START_TEST(file_over_directory_and_directory_over_file)
{
    put_dir("in");
    put_text("in/a", "file");
    put_dir("in/b");
    put_text("in/b/below", "x");
    put_text("in/c", "fine");
    put_dir("out");
    put_dir("out/in");
    put_dir("out/in/a");
    put_text("out/in/b", "file");
    copy_tree("in", "out");
    ck_assert_uint_eq(pair.b.counts.problems, 2);
    ck_assert_ptr_nonnull(strstr(pair.a.problems, "receiver out/in/a: IS_DIRECTORY "));
    ck_assert_ptr_nonnull(strstr(pair.a.problems, "receiver out/in/b: NOT_DIRECTORY "));
    assert_content("out/in/b", "file");
    assert_content("out/in/c", "fine");
}
END_TEST

START_TEST(directory_needs_recursive)
{
    put_dir("d");
    copy_file("d", "e");
    assert_problems("sender d: IS_DIRECTORY is a directory (use -r)\n");
    ck_assert(!exists("e"));
}
END_TEST

START_TEST(links_as_sources)
{
    put_text("f", "1");
    put_dir("d");
    put_text("d/g", "2");
    ck_assert_int_eq(symlink("f", "lf"), 0);
    ck_assert_int_eq(symlink("d", "ld"), 0);
    copy_file("lf", "copy");
    assert_content("copy", "1");
    struct stat st;
    lstat("copy", &st);
    ck_assert(S_ISREG(st.st_mode));
    copy_tree("lf", "copy-r");
    lstat("copy-r", &st);
    ck_assert(S_ISLNK(st.st_mode));
    copy_tree("ld", "link");
    lstat("link", &st);
    ck_assert(S_ISLNK(st.st_mode));
    copy_tree("ld/", "dir");
    lstat("dir", &st);
    ck_assert(S_ISDIR(st.st_mode));
    assert_content("dir/g", "2");
}
END_TEST

START_TEST(links_as_destinations)
{
    put_text("f", "new");
    put_text("old", "old");
    ck_assert_int_eq(symlink("old", "link"), 0);
    /* The user's own path is followed, and the link stays. */
    copy_file("f", "link");
    struct stat st;
    lstat("link", &st);
    ck_assert(S_ISLNK(st.st_mode));
    assert_content("old", "new");
    ck_assert_int_eq(symlink("nothing", "dangling"), 0);
    copy_file("f", "dangling");
    assert_problems("receiver dangling: NOT_FOUND is a symbolic link to nothing\n");
    ck_assert(!exists("nothing"));
    /* Beneath a destination none is followed: it is replaced. */
    put_dir("d");
    put_text("outside", "safe");
    ck_assert_int_eq(symlink("../outside", "d/f"), 0);
    copy_file("f", "d");
    assert_content("outside", "safe");
    lstat("d/f", &st);
    ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(devices_and_pipes_are_not_replaced)
{
    put_text("f", "new");
    ck_assert_int_eq(mkfifo("fifo", 0644), 0);
    copy_file("f", "fifo");
    assert_problems("receiver fifo: EXISTS exists and is not a regular file\n");
    put_dir("d");
    ck_assert_int_eq(mkfifo("d/f", 0644), 0);
    copy_file("f", "d");
    assert_problems("receiver d/f: EXISTS exists and is not a regular file\n");
    struct stat st;
    lstat("d/f", &st);
    ck_assert(S_ISFIFO(st.st_mode));
}
END_TEST

START_TEST(link_replaces_a_file_but_no_directory)
{
    put_dir("in");
    ck_assert_int_eq(symlink("t", "in/a"), 0);
    ck_assert_int_eq(symlink("t", "in/b"), 0);
    put_dir("out");
    put_dir("out/in");
    put_dir("out/in/a");
    put_text("out/in/b", "x");
    copy_tree("in", "out");
    assert_problems("receiver out/in/a: IS_DIRECTORY illegal operation on a directory\n");
    struct stat st;
    lstat("out/in/b", &st);
    ck_assert(S_ISLNK(st.st_mode));
}
END_TEST

/* ------------------------------------------------------------------ streams */

START_TEST(standard_input_and_output)
{
    int in[2], out[2];
    ck_assert_int_eq(pipe(in), 0);
    ck_assert_int_eq(pipe(out), 0);
    ck_assert_int_eq(write(in[1], "through pipes", 13), 13);
    close(in[1]);
    struct gl_transfer_send_options send = {.stream_fd = in[0]};
    struct gl_transfer_receive_options receive = {.stream_fd = out[1]};
    run_copy(&send, &receive);
    assert_problems("");
    char text[64] = "";
    ck_assert_int_eq(read(out[0], text, sizeof text), 13);
    ck_assert_str_eq(text, "through pipes");
    close(in[0]);
    close(out[0]);
    close(out[1]);
}
END_TEST

START_TEST(standard_input_to_a_file)
{
    put_noise("noise", 3 * MIB, 1);
    int fd = open("noise", O_RDONLY | O_CLOEXEC);
    struct gl_transfer_send_options send = {.stream_fd = fd};
    struct gl_transfer_receive_options receive = receive_to("f");
    run_copy(&send, &receive);
    assert_problems("");
    close(fd);
    struct stat st;
    stat("f", &st);
    ck_assert_uint_eq(st.st_mode & 07777, 0644); /* by the umask */
    chmod("noise", 0644);
    set_time("noise", 1, 0);
    set_time("f", 1, 0);
    assert_same_tree("noise", "f");

    /* An old file's permissions stay, as with a shell's > */
    chmod("f", 0600);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    send.stream_fd = fd;
    run_copy(&send, &receive);
    close(fd);
    stat("f", &st);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_int_eq(st.st_size, 0);

    /* It has no name that it could have in a directory. */
    put_dir("d");
    receive.destination = "d";
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    send.stream_fd = fd;
    run_copy(&send, &receive);
    close(fd);
    assert_problems("receiver d: IS_DIRECTORY is a directory\n");
}
END_TEST

START_TEST(sparse_file_to_standard_output)
{
    int fd = open("sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_eq(ftruncate(fd, MIB), 0);
    ck_assert_int_eq(pwrite(fd, "x", 1, MIB / 2), 1);
    close(fd);
    const char *source = "sparse";
    struct gl_transfer_send_options send = send_of(&source, 1);
    send.recursive = false;
    fd = open("out", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    struct gl_transfer_receive_options receive = {.stream_fd = fd};
    run_copy(&send, &receive);
    assert_problems("");
    close(fd);
    set_time("sparse", 1, 0);
    set_time("out", 1, 0);
    assert_same_tree("sparse", "out");
}
END_TEST

START_TEST(named_pipe_as_a_source)
{
    ck_assert_int_eq(mkfifo("fifo", 0644), 0);
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

/* Until cancelled copies are over: nothing else would end them. */
static void cancel_both(void)
{
    gl_transfer_cancel(pair.b.transfer);
    copy_done(&pair);
    ck_assert_int_eq(pair.a.status, GL_STATUS_CANCELLED);
    ck_assert_int_eq(pair.b.status, GL_STATUS_CANCELLED);
}

/* Of a named pipe that nobody writes to, to f; until the pipe is open. */
static void start_copy_of_pipe(void)
{
    ck_assert_int_eq(mkfifo("fifo", 0644), 0);
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

START_TEST(standard_output_that_nobody_reads_can_be_cancelled)
{
    int out[2], full = 0;
    ck_assert_int_eq(pipe(out), 0);
    put_noise("f", 3 * MIB, 1);
    const char *source = "f";
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = {.stream_fd = out[1]};
    send.recursive = false;
    copy_init(&pair);
    copy_send(&pair, &pair.a, &send);
    copy_receive(&pair, &pair.b, &receive);
    while (full < fcntl(out[1], F_GETPIPE_SZ)) {
        copy_pump(&pair);
        uv_run(&pair.loop, UV_RUN_NOWAIT);
        ck_assert_int_eq(ioctl(out[0], FIONREAD, &full), 0);
    }
    cancel_both();
    close(out[0]);
    close(out[1]);
}
END_TEST

static Suite *suite(void)
{
    return BOX_SUITE(
        "transfer", file_arrives_with_mode_and_time, files_of_all_sizes, holes_stay_holes,
        a_file_that_is_all_hole, file_without_a_size, setuid_is_not_kept_and_sticky_directories_are,
        tree_arrives_whole, any_name_but_slash_and_nul, deep_tree,
        too_deep_is_a_problem_and_no_more, many_small_files, specials_are_told_and_the_rest_goes_on,
        leftovers_are_not_copied, destination_directory_takes_the_file, destination_is_a_new_name,
        file_cannot_become_a_directory, missing_parent_is_told_once,
        several_sources_need_a_directory, source_that_ends_in_dot_is_its_content,
        directories_are_merged, directories_that_were_there_stay_as_they_are,
        file_over_directory_and_directory_over_file, directory_needs_recursive, links_as_sources,
        links_as_destinations, devices_and_pipes_are_not_replaced,
        link_replaces_a_file_but_no_directory, standard_input_and_output, standard_input_to_a_file,
        sparse_file_to_standard_output, named_pipe_as_a_source,
        named_pipe_without_a_writer_can_be_cancelled, named_pipe_with_a_late_writer,
        standard_output_that_nobody_reads_can_be_cancelled);
}

GL_UNIT_MAIN(suite)
