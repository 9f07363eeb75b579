/* SPDX-License-Identifier: MIT */
/* Copies between a sender and a receiver that both keep to the rules: what arrives, and where. */
#include "transferpair.h"

/* ------------------------------------------------------------------ content */

START_TEST(file_arrives_with_mode_and_time)
{
    put_text("f", "hello\n");
    set_mode("f", 0640);
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
    set_size("sparse", 64 * MIB);
    put_at("sparse", 20 * MIB + 3, "middle", 6);
    put_at("sparse", 50 * MIB, "near the end", 12);
    copy_file("sparse", "copy");
    assert_problems("");
    assert_same_tree("sparse", "copy");
    if (allocated_of("sparse") < MIB)
        ck_assert_uint_lt(allocated_of("copy"), MIB);
    if (box_has(BOX_HOLES))
        ck_assert_uint_lt(pair.b.counts.bytes, MIB);
}
END_TEST

START_TEST(a_file_that_is_all_hole)
{
    set_size("sparse", 10 * MIB);
    copy_file("sparse", "copy");
    assert_problems("");
    assert_same_tree("sparse", "copy");
    if (box_has(BOX_HOLES))
        ck_assert_uint_eq(pair.b.counts.bytes, 0);
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
    if (box_has(BOX_LINKS)) {
        put_link("../somewhere/else", "in/sub/link");
        put_link("a", "in/link");
        set_time("in/sub/link", 1000000000, 5);
    }
    set_mode("in/sub/locked", 0555);
    set_time("in/sub/locked", 1000000001, 999999999);
    set_time("in/empty", 12, 0);
    set_time("in/sub", -1000, 1);
    set_time("in", 1000000003, 42);
    copy_tree("in", "out");
    assert_problems("");
    assert_same_tree("in", "out");
    ck_assert_uint_eq(pair.b.counts.files, 3);
    ck_assert_uint_eq(pair.b.counts.links, box_has(BOX_LINKS) ? 2 : 0);
    ck_assert_uint_eq(pair.b.counts.directories, 4);
}
END_TEST

/* Deeper than descriptors are kept open, with something to do on the way back. */
START_TEST(deep_tree)
{
    const unsigned depth = box_has(BOX_LONGEST_PATHS) ? 300 : 60; /* each name costs much there */
    put_dir("in");
    put_deep("in", "d", depth, "f");
    copy_tree("in", "out");
    assert_problems("");
    ck_assert_uint_eq(pair.b.counts.directories, depth + 1);
    assert_same_tree("in", "out");
}
END_TEST

START_TEST(too_deep_is_a_problem_and_no_more)
{
    if (!box_has(BOX_LONGEST_PATHS))
        return;
    put_dir("in");
    put_text("in/f", "f");
    put_deep("in", "d", GL_TRANSFER_DEPTH_MAX + 5, NULL);
    copy_tree("in", "out");
    ck_assert_ptr_nonnull(strstr(pair.a.problems, ": LIMIT directories are nested too deep\n"));
    ck_assert_uint_eq(pair.a.counts.problems, 1);
    ck_assert_uint_eq(pair.b.counts.directories, GL_TRANSFER_DEPTH_MAX);
    assert_content("out/f", "f");
    /* box_remove() cannot remove it by paths. */
    remove_tree("in");
    remove_tree("out");
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
    if (!box_has(BOX_LINKS))
        return;
    put_link("d", "l");
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
    assert_problems("receiver d/: NOT_FOUND no such directory\n");
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
    remove_file("d");
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
    box_enter("in");
    copy_tree(".", "../third");
    box_enter(box);
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
    int64_t is_s;
    long is_ns;
    time_of(path, &is_s, &is_ns);
    if (box_has(BOX_MODES))
        ck_assert_uint_eq(mode_of(path), mode);
    ck_assert_int_eq(is_s, s);
}

/* A copy of what is in a tree into a home directory must not open that to all. */
START_TEST(directories_that_were_there_stay_as_they_are)
{
    put_dir("in");
    put_dir("in/sub");
    put_dir("in/new");
    set_mode("in", 0777);
    set_mode("in/sub", 0777);
    set_mode("in/new", 0750);
    set_time("in/new", 300, 0);
    put_dir("out");
    put_dir("out/sub");
    put_dir("out/new");
    remove_dir("out/new");
    set_mode("out/sub", 0711);
    set_mode("out", 0700);
    set_time("out/sub", 100, 0);
    copy_tree("in/.", "out");
    assert_problems("");
    assert_mode_and_time("out/sub", 0711, 100);
    assert_mode_and_time("out/new", 0750, 300);
    if (box_has(BOX_MODES))
        ck_assert_uint_eq(mode_of("out"), 0700);
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
    if (!box_has(BOX_LINKS))
        return;
    put_text("f", "1");
    put_dir("d");
    put_text("d/g", "2");
    put_link("f", "lf");
    put_link("d", "ld");
    copy_file("lf", "copy");
    assert_content("copy", "1");
    ck_assert(is_file("copy"));
    copy_tree("lf", "copy-r");
    ck_assert(is_link("copy-r"));
    copy_tree("ld", "link");
    ck_assert(is_link("link"));
    copy_tree("ld/", "dir");
    ck_assert(is_dir("dir"));
    assert_content("dir/g", "2");
}
END_TEST

START_TEST(links_as_destinations)
{
    if (!box_has(BOX_LINKS))
        return;
    put_text("f", "new");
    put_text("old", "old");
    put_link("old", "link");
    /* The user's own path is followed, and the link stays. */
    copy_file("f", "link");
    ck_assert(is_link("link"));
    assert_content("old", "new");
    put_link("nothing", "dangling");
    copy_file("f", "dangling");
    assert_problems("receiver dangling: NOT_FOUND is a symbolic link to nothing\n");
    ck_assert(!exists("nothing"));
    /* Beneath a destination none is followed: it is replaced. */
    put_dir("d");
    put_text("outside", "safe");
    put_link("../outside", "d/f");
    copy_file("f", "d");
    assert_content("outside", "safe");
    ck_assert(is_file("d/f"));
}
END_TEST

START_TEST(link_replaces_a_file_but_no_directory)
{
    if (!box_has(BOX_LINKS))
        return;
    put_dir("in");
    put_link("t", "in/a");
    put_link("t", "in/b");
    put_dir("out");
    put_dir("out/in");
    put_dir("out/in/a");
    put_text("out/in/b", "x");
    copy_tree("in", "out");
    assert_problems("receiver out/in/a: IS_DIRECTORY is a directory\n");
    ck_assert(is_link("out/in/b"));
}
END_TEST

/* ------------------------------------------------------------------ streams */

START_TEST(standard_input_and_output)
{
    int in[2], out[2];
    box_pipe(in);
    box_pipe(out);
    ck_assert_int_eq(box_write(in[1], "through pipes", 13), 13);
    box_close(in[1]);
    struct gl_transfer_send_options send = {.stream_fd = in[0]};
    struct gl_transfer_receive_options receive = {.stream_fd = out[1]};
    run_copy(&send, &receive);
    assert_problems("");
    char text[64] = "";
    ck_assert_int_eq(box_read(out[0], text, sizeof text), 13);
    ck_assert_str_eq(text, "through pipes");
    box_close(in[0]);
    box_close(out[0]);
    box_close(out[1]);
}
END_TEST

START_TEST(standard_input_to_a_file)
{
    put_noise("noise", 3 * MIB, 1);
    int fd = box_open_fd("noise", false);
    struct gl_transfer_send_options send = {.stream_fd = fd};
    struct gl_transfer_receive_options receive = receive_to("f");
    run_copy(&send, &receive);
    assert_problems("");
    box_close(fd);
    ck_assert_uint_eq(mode_of("f"), 0644); /* by the umask */
    set_mode("noise", 0644);
    set_time("noise", 1, 0);
    set_time("f", 1, 0);
    assert_same_tree("noise", "f");

    /* An old file's permissions stay, as with a shell's > */
    set_mode("f", 0600);
    fd = box_open_null();
    send.stream_fd = fd;
    run_copy(&send, &receive);
    box_close(fd);
    if (box_has(BOX_MODES))
        ck_assert_uint_eq(mode_of("f"), 0600);
    ck_assert_uint_eq(size_of("f"), 0);

    /* It has no name that it could have in a directory. */
    put_dir("d");
    receive.destination = "d";
    fd = box_open_null();
    send.stream_fd = fd;
    run_copy(&send, &receive);
    box_close(fd);
    assert_problems("receiver d: IS_DIRECTORY is a directory\n");
}
END_TEST

START_TEST(sparse_file_to_standard_output)
{
    set_size("sparse", MIB);
    put_at("sparse", MIB / 2, "x", 1);
    const char *source = "sparse";
    struct gl_transfer_send_options send = send_of(&source, 1);
    send.recursive = false;
    int fd = box_open_fd("out", true);
    struct gl_transfer_receive_options receive = {.stream_fd = fd};
    run_copy(&send, &receive);
    assert_problems("");
    box_close(fd);
    set_time("sparse", 1, 0);
    set_time("out", 1, 0);
    assert_same_tree("sparse", "out");
}
END_TEST

START_TEST(standard_output_that_nobody_reads_can_be_cancelled)
{
    int out[2];
    box_pipe(out);
    put_noise("f", 3 * MIB, 1);
    const char *source = "f";
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = {.stream_fd = out[1]};
    send.recursive = false;
    copy_init(&pair);
    copy_send(&pair, &pair.a, &send);
    copy_receive(&pair, &pair.b, &receive);
    while (!box_pipe_is_full(out)) {
        copy_pump(&pair);
        uv_run(&pair.loop, UV_RUN_NOWAIT);
    }
    cancel_both();
    box_close(out[0]);
    box_close(out[1]);
}
END_TEST

static Suite *suite(void)
{
    return BOX_SUITE(
        "transfer", file_arrives_with_mode_and_time, files_of_all_sizes, holes_stay_holes,
        a_file_that_is_all_hole, tree_arrives_whole, deep_tree, too_deep_is_a_problem_and_no_more,
        many_small_files, leftovers_are_not_copied, destination_directory_takes_the_file,
        destination_is_a_new_name, file_cannot_become_a_directory, missing_parent_is_told_once,
        several_sources_need_a_directory, source_that_ends_in_dot_is_its_content,
        directories_are_merged, directories_that_were_there_stay_as_they_are,
        file_over_directory_and_directory_over_file, directory_needs_recursive, links_as_sources,
        links_as_destinations, link_replaces_a_file_but_no_directory, standard_input_and_output,
        standard_input_to_a_file, sparse_file_to_standard_output,
        standard_output_that_nobody_reads_can_be_cancelled);
}

GL_UNIT_MAIN(suite)
