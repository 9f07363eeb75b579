/* SPDX-License-Identifier: MIT */
/* Copies that fail, in part or as a whole, are interrupted, go on. */
#include "linux/disk-linux.h"
#include "transferpair.h"

/* ------------------------------------------------------------------ trouble */

START_TEST(missing_source)
{
    copy_file("missing", "f");
    assert_problems("sender missing: NOT_FOUND no such file or directory\n");
    ck_assert(!exists("f"));
}
END_TEST

START_TEST(unreadable_and_unwritable)
{
    if (geteuid() == 0)
        ck_assert(chmod(".", 0777) == 0 && seteuid(65534) == 0);
    put_dir("in");
    put_text("in/secret", "x");
    chmod("in/secret", 0);
    put_dir("in/closed");
    chmod("in/closed", 0);
    put_text("in/open", "y");
    copy_tree("in", "out");
    ck_assert_uint_eq(pair.a.counts.problems, 2);
    ck_assert_ptr_nonnull(
        strstr(pair.b.problems, "sender in/secret: PERMISSION_DENIED permission denied\n"));
    ck_assert_ptr_nonnull(
        strstr(pair.b.problems, "sender in/closed: PERMISSION_DENIED permission denied\n"));
    assert_content("out/open", "y");

    put_dir("ro");
    chmod("ro", 0555);
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
    chmod("drop", 0300);
    copy_file("f", "drop");
    assert_problems("");
    copy_tree("in", "drop");
    assert_problems("");
    chmod("drop", 0700);
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

/* Without the stop the test would take as long as ten gigabytes. */
START_TEST(sender_stops_what_the_receiver_cannot_take)
{
    int fd = open("big", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    for (int i = 0; i < 64; i++)
        ck_assert_int_eq(pwrite(fd, "x", 1, (off_t)i * MIB), 1);
    ck_assert_int_eq(posix_fallocate(fd, 0, 64 * MIB), 0);
    close(fd);
    put_dir("d");
    put_dir("d/big");
    copy_file("big", "d");
    assert_problems("receiver d/big: IS_DIRECTORY illegal operation on a directory\n");
    ck_assert_uint_lt(pair.a.counts.bytes, 32 * MIB);
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
        ck_assert_int_eq(chdir(roots[i]), 0);
        for (int depth = 0; depth < 14; depth++) {
            put_dir(name);
            ck_assert_int_eq(chdir(name), 0);
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
            ck_assert_int_eq(mkfifo(path, 0644), 0);
        }
        ck_assert_int_eq(chdir(box), 0);
    }
    copy_tree("in", "out");
    ck_assert_uint_eq(pair.a.counts.problems, 4500);
    ck_assert_int_eq(system("rm -rf in out"), 0);
}
END_TEST

static enum gl_status deny_secret(void *ctx, const char *path, const char **ret_text)
{
    (*(int *)ctx)++;
    ck_assert_int_eq(path[0], '/');
    *ret_text = "rule 7 denies it";
    return strstr(path, "secret") ? GL_STATUS_DENIED : GL_STATUS_OK;
}

static enum gl_status deny_circle(void *ctx, const char *path, const char **ret_text)
{
    (void)ctx;
    *ret_text = "rule 8 denies it";
    return strstr(path, "circle") ? GL_STATUS_DENIED : GL_STATUS_OK;
}

START_TEST(owner_is_asked_for_each_path)
{
    int asked = 0;
    put_dir("in");
    put_dir("in/secret");
    put_text("in/secret/f", "x");
    put_text("in/open", "y");
    ck_assert_int_eq(symlink("in", "link"), 0);
    const char *source = "link/";
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to("out");
    send.permit = (struct gl_transfer_permit){deny_secret, &asked};
    run_copy(&send, &receive);
    char *expected = gl_asprintf("sender %s/in/secret: PERMISSION_DENIED rule 7 denies it\n", box);
    assert_problems(expected);
    gl_free(expected);
    ck_assert(!exists("out/secret"));
    assert_content("out/open", "y");
    ck_assert_int_eq(asked, 3);

    source = "in";
    send = send_of(&source, 1);
    receive = receive_to("secret-out");
    receive.permit = (struct gl_transfer_permit){deny_secret, &asked};
    run_copy(&send, &receive);
    expected = gl_asprintf("receiver %s/secret-out: PERMISSION_DENIED rule 7 denies it\n", box);
    assert_problems(expected);
    gl_free(expected);
    ck_assert(!exists("secret-out"));
}
END_TEST

static void assert_denied(const char *side, const char *path)
{
    char *expected = gl_asprintf("%s %s/%s: PERMISSION_DENIED rule 7 denies it\n", side, box, path);
    assert_problems(expected);
    gl_free(expected);
}

/* What is denied gives the same answer whether it is there or not, by whatever way it is named. */
START_TEST(refusals_tell_nothing)
{
    static const char *const sources[] = {"secret/there", "secret/missing/../there",
                                          "secret/./there/", "way/there", "in/../secret//there"};
    int asked = 0;
    put_dir("in");
    ck_assert_int_eq(symlink("secret", "way"), 0);
    for (int there = 0; there < 3; there++) {
        if (there == 1)
            put_dir("secret");
        if (there == 2)
            put_text("secret/there", "x");
        for (size_t i = 0; i < GL_ARRAY_SIZE(sources); i++) {
            struct gl_transfer_send_options send = send_of(&sources[i], 1);
            struct gl_transfer_receive_options receive = receive_to("out");
            send.permit = (struct gl_transfer_permit){deny_secret, &asked};
            run_copy(&send, &receive);
            assert_denied("sender", "secret/there");
        }
    }
    static const char *const destinations[] = {"secret/missing/f", "way/missing/f",
                                               "secret/there/missing/../../missing/f"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(destinations); i++) {
        const char *source = "in";
        struct gl_transfer_send_options send = send_of(&source, 1);
        struct gl_transfer_receive_options receive = receive_to(destinations[i]);
        receive.permit = (struct gl_transfer_permit){deny_secret, &asked};
        run_copy(&send, &receive);
        assert_denied("receiver", "secret/missing/f");
    }
    /* What is allowed and missing is told as such; so are links in a circle. */
    ck_assert_int_eq(symlink("circle", "circle"), 0);
    const char *some[] = {"in/missing", "circle/f"};
    struct gl_transfer_send_options send = send_of(some, 2);
    struct gl_transfer_receive_options receive = receive_to("in");
    send.permit = (struct gl_transfer_permit){deny_circle, &asked};
    run_copy(&send, &receive);
    ck_assert_ptr_nonnull(strstr(pair.b.problems, "/in/missing: NOT_FOUND "));
    ck_assert_ptr_nonnull(strstr(pair.b.problems, "circle/f: PERMISSION_DENIED rule 8"));
}
END_TEST

START_TEST(totals_are_not_counted_where_paths_are_asked_for)
{
    int asked = 0;
    put_dir("in");
    put_noise("in/secret", 100, 1);
    const char *source = "in";
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to("out");
    send.totals = true;
    send.permit = (struct gl_transfer_permit){deny_secret, &asked};
    run_copy(&send, &receive);
    ck_assert_uint_eq(pair.b.progress.total_bytes, 0);
    ck_assert_uint_eq(pair.b.progress.total_files, 0);
}
END_TEST

START_TEST(totals_are_told_first)
{
    put_dir("in");
    put_noise("in/a", 100000, 1);
    put_noise("in/b", 1, 1);
    const char *source = "in";
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to("out");
    send.totals = true;
    run_copy(&send, &receive);
    ck_assert_uint_eq(pair.b.progress.total_bytes, 100001);
    ck_assert_uint_eq(pair.b.progress.total_files, 2);
}
END_TEST

/* ------------------------------------------------------------------ interrupted, and again */

/* The name under which the part of a target is kept; "" if there is none. */
static const char *part_in(const char *dir)
{
    static char found[PATH_MAX];
    found[0] = '\0';
    DIR *d = opendir(dir);
    struct dirent *e;
    while ((e = readdir(d)))
        if (strncmp(e->d_name, ".guestlink-", 11) == 0)
            snprintf(found, sizeof found, "%s/%s", dir, e->d_name);
    closedir(d);
    return found;
}

/* A copy that the sender cancels once the receiver has had so many bytes. */
static void interrupt_after(const char *source, const char *destination, uint64_t bytes,
                            bool resume)
{
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to(destination);
    send.resume = receive.resume = resume;
    copy_init(&pair);
    copy_send(&pair, &pair.a, &send);
    copy_receive(&pair, &pair.b, &receive);
    while (pair.b.data < bytes)
        copy_turn(&pair);
    struct gl_transfer_progress progress = {.bytes = 0};
    while (progress.bytes < bytes - 2 * MIB) {
        copy_turn(&pair);
        gl_transfer_progress(pair.b.transfer, &progress);
    }
    copy_done(&pair);
    ck_assert_int_eq(pair.a.status, GL_STATUS_CANCELLED);
    ck_assert_int_eq(pair.b.status, GL_STATUS_CANCELLED);
}

START_TEST(interrupted_copy_goes_on)
{
    put_noise("big", 40 * MIB, 3);
    put_dir("d");
    put_text("d/big", "old");
    interrupt_after("big", "d", 20 * MIB, false);
    assert_content("d/big", "old");
    struct stat st;
    ck_assert_int_eq(stat(part_in("d"), &st), 0);
    ck_assert_int_ge(st.st_size, 10 * MIB);

    resume_file("big", "d");
    assert_problems("");
    assert_same_tree("big", "d/big");
    ck_assert_str_eq(part_in("d"), "");
    ck_assert_uint_le(pair.b.counts.bytes, 40u * MIB - (uint64_t)st.st_size);
}
END_TEST

/* Damage in what is there is found, and only what is before it is kept. */
START_TEST(resume_checks_what_is_there)
{
    put_noise("big", 40 * MIB, 3);
    put_dir("d");
    interrupt_after("big", "d", 30 * MIB, false);
    const char *part = part_in("d");
    ck_assert_str_ne(part, "");
    int fd = open(part, O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(pwrite(fd, "damage", 6, 8 * MIB + 5), 6);
    close(fd);
    resume_file("big", "d");
    assert_problems("");
    assert_same_tree("big", "d/big");
    ck_assert_uint_eq(pair.b.counts.bytes, 32 * MIB);
}
END_TEST

START_TEST(resume_of_another_file_begins_anew)
{
    put_noise("big", 20 * MIB, 3);
    put_dir("d");
    interrupt_after("big", "d", 10 * MIB, false);
    put_noise("big", 20 * MIB, 4);
    resume_file("big", "d");
    assert_problems("");
    assert_same_tree("big", "d/big");
    ck_assert_uint_eq(pair.b.counts.bytes, 20 * MIB);
    ck_assert_str_eq(part_in("d"), "");
}
END_TEST

START_TEST(resume_skips_what_is_complete)
{
    put_noise("big", 5 * MIB, 3);
    put_dir("d");
    copy_file("big", "d");
    set_time("d/big", 1, 1);
    chmod("d/big", 0600);
    struct stat before, after;
    stat("d/big", &before);
    resume_file("big", "d");
    assert_problems("");
    assert_same_tree("big", "d/big");
    stat("d/big", &after);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    ck_assert_uint_eq(pair.b.counts.bytes, 0);
    ck_assert_str_eq(part_in("d"), "");
    /* Same size, other content. */
    put_noise("big", 5 * MIB, 9);
    resume_file("big", "d");
    assert_same_tree("big", "d/big");
    ck_assert_uint_eq(pair.b.counts.bytes, 5 * MIB);
}
END_TEST

/* The other name, which may be in another folder, does not get this one's attributes. */
START_TEST(resume_changes_no_other_names)
{
    put_noise("big", 5 * MIB, 3);
    put_dir("d");
    copy_file("big", "d");
    ck_assert_int_eq(link("d/big", "other"), 0);
    resume_file("big", "d"); /* nothing differs: it stays */
    ck_assert_uint_eq(pair.b.counts.bytes, 0);
    chmod("d/big", 0600);
    set_time("d/big", 1, 0);
    resume_file("big", "d");
    assert_problems("");
    assert_same_tree("big", "d/big");
    struct stat st, other;
    stat("d/big", &st);
    stat("other", &other);
    ck_assert_uint_ne(st.st_ino, other.st_ino);
    ck_assert_uint_eq(other.st_mode & 07777, 0600);
    ck_assert_int_eq(other.st_mtim.tv_sec, 1);
}
END_TEST

START_TEST(resume_with_holes)
{
    int fd = open("big", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    char block[65536];
    memset(block, 'b', sizeof block);
    for (off_t at = 0; at < 60 * (off_t)MIB; at += 2 * (off_t)MIB)
        for (off_t i = 0; i < MIB; i += (off_t)sizeof block)
            ck_assert_int_eq(pwrite(fd, block, sizeof block, at + i), sizeof block);
    ck_assert_int_eq(ftruncate(fd, 70 * MIB), 0);
    close(fd);
    put_dir("d");
    interrupt_after("big", "d", 15 * MIB, false);
    resume_file("big", "d");
    assert_problems("");
    assert_same_tree("big", "d/big");
    ck_assert_uint_lt(pair.b.counts.bytes, 25 * MIB);
}
END_TEST

START_TEST(small_interrupted_files_leave_nothing)
{
    put_noise("f", 900 * 1024, 3);
    put_dir("d");
    const char *source = "f";
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to("d");
    copy_init(&pair);
    copy_send(&pair, &pair.a, &send);
    copy_receive(&pair, &pair.b, &receive);
    while (pair.b.data == 0)
        copy_turn(&pair);
    copy_done(&pair);
    ck_assert_str_eq(part_in("d"), "");
    ck_assert(!exists("d/f"));
}
END_TEST

/* Only what is ours alone is gone on with. */
START_TEST(resume_distrusts_strange_leftovers)
{
    put_noise("big", 20 * MIB, 3);
    put_dir("d");
    interrupt_after("big", "d", 10 * MIB, false);
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", part_in("d"));
    chmod(part, 0666);
    resume_file("big", "d");
    assert_same_tree("big", "d/big");
    ck_assert_uint_eq(pair.b.counts.bytes, 20 * MIB);

    put_text("outside", "safe");
    ck_assert_int_eq(symlink("../outside", part), 0);
    unlink("d/big");
    resume_file("big", "d");
    assert_same_tree("big", "d/big");
    assert_content("outside", "safe");
    unlink(part);

    ck_assert_int_eq(link("outside", part), 0);
    resume_file("big", "d");
    assert_same_tree("big", "d/big");
    assert_content("outside", "safe");
}
END_TEST

START_TEST(two_copies_to_one_target)
{
    put_noise("one", 20 * MIB, 1);
    put_noise("two", 20 * MIB, 2);
    set_time("one", 5, 5);
    set_time("two", 5, 5);
    static struct copy second;
    const char *one = "one", *two = "two";
    struct gl_transfer_send_options send = send_of(&one, 1), send_two = send_of(&two, 1);
    struct gl_transfer_receive_options receive = receive_to("target");
    copy_init(&pair);
    copy_init(&second);
    copy_send(&pair, &pair.a, &send);
    copy_receive(&pair, &pair.b, &receive);
    while (pair.b.data < 5 * MIB)
        copy_turn(&pair);
    copy_send(&second, &second.a, &send_two);
    copy_receive(&second, &second.b, &receive);
    copy_run(&second);
    copy_done(&second);
    assert_same_tree("two", "target");
    copy_run(&pair);
    copy_done(&pair);
    assert_same_tree("one", "target");
    ck_assert_str_eq(part_in("."), "");
}
END_TEST

/* The file grows while it is read: what it was at first is copied, and it is told. */
START_TEST(source_that_changes)
{
    put_noise("log", 30 * MIB, 1);
    put_text("target", "old");
    const char *source = "log";
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to("target");
    copy_init(&pair);
    copy_send(&pair, &pair.a, &send);
    copy_receive(&pair, &pair.b, &receive);
    while (pair.b.data < 5 * MIB)
        copy_turn(&pair);
    int fd = open("log", O_WRONLY | O_APPEND | O_CLOEXEC);
    ck_assert_int_eq(write(fd, "more", 4), 4);
    close(fd);
    copy_run(&pair);
    copy_done(&pair);
    assert_problems("sender log: PRECONDITION changed while it was copied; the copy has what was "
                    "read\n");
    ck_assert_int_eq(truncate("log", 30 * MIB), 0);
    assert_same_content("log", "target");
    ck_assert_str_eq(part_in("."), "");
}
END_TEST

START_TEST(source_that_shrinks)
{
    put_noise("log", 30 * MIB, 1);
    const char *source = "log";
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to("target");
    copy_init(&pair);
    copy_send(&pair, &pair.a, &send);
    copy_receive(&pair, &pair.b, &receive);
    while (pair.b.data < 5 * MIB)
        copy_turn(&pair);
    ck_assert_int_eq(truncate("log", 6 * MIB), 0);
    copy_run(&pair);
    copy_done(&pair);
    assert_problems("sender log: PRECONDITION changed while it was copied; the copy has what was "
                    "read\n");
    struct stat target;
    ck_assert_int_eq(stat("target", &target), 0);
    ck_assert_int_ge(target.st_size, 6 * MIB);
    ck_assert_int_lt(target.st_size, 30 * MIB);
    ck_assert_int_eq(truncate("target", 6 * MIB), 0);
    assert_same_content("log", "target");
}
END_TEST

static Suite *suite(void)
{
    return BOX_SUITE("transfer trouble", missing_source, directory_that_may_be_written_but_not_read,
                     release_of_the_kernel, unreadable_and_unwritable,
                     sender_stops_what_the_receiver_cannot_take, floods_of_problems_both_ways,
                     owner_is_asked_for_each_path, refusals_tell_nothing,
                     totals_are_not_counted_where_paths_are_asked_for, totals_are_told_first,
                     interrupted_copy_goes_on, resume_checks_what_is_there,
                     resume_of_another_file_begins_anew, resume_skips_what_is_complete,
                     resume_changes_no_other_names, resume_with_holes,
                     small_interrupted_files_leave_nothing, resume_distrusts_strange_leftovers,
                     two_copies_to_one_target, source_that_changes, source_that_shrinks);
}

GL_UNIT_MAIN(suite)
