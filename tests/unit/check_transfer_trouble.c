/* SPDX-License-Identifier: MIT */
/* Copies that fail, in part or as a whole, are interrupted, go on. */
#include "transferpair.h"

/* ------------------------------------------------------------------ trouble */

START_TEST(missing_source)
{
    copy_file("missing", "f");
    assert_problems("sender missing: NOT_FOUND no such file or directory\n");
    ck_assert(!exists("f"));
}
END_TEST

/* Without the stop the test would take as long as ten gigabytes. */
START_TEST(sender_stops_what_the_receiver_cannot_take)
{
    put_noise("big", 64 * MIB, 1);
    put_dir("d");
    put_dir("d/big");
    copy_file("big", "d");
    assert_problems("receiver d/big: IS_DIRECTORY is a directory\n");
    ck_assert_uint_lt(pair.a.counts.bytes, 32 * MIB);
}
END_TEST

static enum gl_status deny_secret(void *ctx, const char *path, const char **ret_text)
{
    (*(int *)ctx)++;
    ck_assert(BOX_ROOT_OF(path));
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
    const char *source = "in/";
    if (box_has(BOX_LINKS)) {
        put_link("in", "link");
        source = "link/";
    }
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to("out");
    send.permit = (struct gl_transfer_permit){deny_secret, &asked, false};
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
    receive.permit = (struct gl_transfer_permit){deny_secret, &asked, false};
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
    if (!box_has(BOX_LINKS))
        return;
    static const char *const sources[] = {"secret/there", "secret/missing/../there",
                                          "secret/./there/", "way/there", "in/../secret//there"};
    int asked = 0;
    put_dir("in");
    put_link("secret", "way");
    for (int there = 0; there < 3; there++) {
        if (there == 1)
            put_dir("secret");
        if (there == 2)
            put_text("secret/there", "x");
        for (size_t i = 0; i < GL_ARRAY_SIZE(sources); i++) {
            struct gl_transfer_send_options send = send_of(&sources[i], 1);
            struct gl_transfer_receive_options receive = receive_to("out");
            send.permit = (struct gl_transfer_permit){deny_secret, &asked, false};
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
        receive.permit = (struct gl_transfer_permit){deny_secret, &asked, false};
        run_copy(&send, &receive);
        assert_denied("receiver", "secret/missing/f");
    }
    /* What is allowed and missing is told as such; so are links in a circle. */
    put_link("circle", "circle");
    const char *some[] = {"in/missing", "circle/f"};
    struct gl_transfer_send_options send = send_of(some, 2);
    struct gl_transfer_receive_options receive = receive_to("in");
    send.permit = (struct gl_transfer_permit){deny_circle, &asked, false};
    run_copy(&send, &receive);
    ck_assert_ptr_nonnull(strstr(pair.b.problems, "/in/missing: NOT_FOUND "));
    ck_assert_ptr_nonnull(strstr(pair.b.problems, "circle/f: PERMISSION_DENIED rule 8"));
}
END_TEST

/* Where nobody is asked paths may be resolved all the same: they are shown so, and copied. */
START_TEST(paths_are_resolved_where_nobody_is_asked)
{
    put_dir("in");
    put_text("in/f", "x");
    put_text("in/g", "yy");
    const char *way = "in/";
    if (box_has(BOX_LINKS)) {
        put_link("in", "link");
        way = "link/";
    }
    char *missing = gl_asprintf("%snone", way), *file = gl_asprintf("%sf", way);
    const char *sources[] = {missing, file, way};
    put_dir("out");
    struct gl_transfer_send_options send = send_of(sources, 3);
    struct gl_transfer_receive_options receive = receive_to("out");
    receive.directory = true;
    send.totals = true;
    send.permit.resolve = receive.permit.resolve = true;
    run_copy(&send, &receive);
    char *expected = gl_asprintf("sender %s/in/none: ", box);
    ck_assert_msg(strncmp(pair.b.problems, expected, strlen(expected)) == 0, "%s", pair.b.problems);
    gl_free(expected);
    assert_content(box_has(BOX_LINKS) ? "out/link/g" : "out/in/g", "yy");
    assert_content("out/f", "x");
    ck_assert_uint_eq(pair.b.progress.total_files, 3);
    gl_free(missing);
    gl_free(file);
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
    send.permit = (struct gl_transfer_permit){deny_secret, &asked, false};
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
static void look_for_part(void *ctx, const char *name)
{
    if (strncmp(name, ".guestlink-", 11) == 0)
        snprintf(ctx, PATH_MAX, "%s", name);
}

static const char *part_in(const char *dir)
{
    static char name[PATH_MAX], found[2 * PATH_MAX];
    name[0] = '\0';
    box_list(dir, look_for_part, name);
    snprintf(found, sizeof found, "%s/%s", dir, name);
    return name[0] ? found : "";
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
    ck_assert_str_ne(part_in("d"), "");
    uint64_t size = size_of(part_in("d"));
    ck_assert_uint_ge(size, 10 * MIB);

    resume_file("big", "d");
    assert_problems("");
    assert_same_tree("big", "d/big");
    ck_assert_str_eq(part_in("d"), "");
    ck_assert_uint_le(pair.b.counts.bytes, 40u * MIB - size);
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
    put_at(part, 8 * MIB + 5, "damage", 6);
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
    set_mode("d/big", 0600);
    uint64_t before = inode_of("d/big");
    resume_file("big", "d");
    assert_problems("");
    assert_same_tree("big", "d/big");
    ck_assert_uint_eq(before, inode_of("d/big"));
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
    put_hard_link("d/big", "other");
    resume_file("big", "d"); /* nothing differs: it stays */
    ck_assert_uint_eq(pair.b.counts.bytes, 0);
    set_mode("d/big", 0600);
    set_time("d/big", 1, 0);
    resume_file("big", "d");
    assert_problems("");
    assert_same_tree("big", "d/big");
    int64_t s;
    long ns;
    time_of("other", &s, &ns);
    ck_assert_uint_ne(inode_of("d/big"), inode_of("other"));
    if (box_has(BOX_MODES))
        ck_assert_uint_eq(mode_of("other"), 0600);
    ck_assert_int_eq(s, 1);
}
END_TEST

START_TEST(resume_with_holes)
{
    char *block = malloc(MIB);
    memset(block, 'b', MIB);
    set_size("big", 70 * MIB);
    for (uint64_t at = 0; at < 60 * MIB; at += 2 * MIB)
        put_at("big", at, block, MIB);
    free(block);
    put_dir("d");
    interrupt_after("big", "d", 15 * MIB, false);
    resume_file("big", "d");
    assert_problems("");
    assert_same_tree("big", "d/big");
    ck_assert_uint_lt(pair.b.counts.bytes, box_has(BOX_HOLES) ? 25 * MIB : 60 * MIB);
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
    if (box_has(BOX_MODES)) {
        set_mode(part, 0666);
        resume_file("big", "d");
        assert_same_tree("big", "d/big");
        ck_assert_uint_eq(pair.b.counts.bytes, 20 * MIB);
    } else {
        remove_file(part);
    }

    put_text("outside", "safe");
    if (box_has(BOX_LINKS)) {
        put_link("../outside", part);
        remove_file("d/big");
        resume_file("big", "d");
        assert_same_tree("big", "d/big");
        assert_content("outside", "safe");
        remove_file(part);
    }

    put_hard_link("outside", part);
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
    put_at("log", 30 * MIB, "more", 4);
    copy_run(&pair);
    copy_done(&pair);
    assert_problems("sender log: PRECONDITION changed while it was copied; the copy has what was "
                    "read\n");
    set_size("log", (uint64_t)(30 * MIB));
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
    set_size("log", (uint64_t)(6 * MIB));
    copy_run(&pair);
    copy_done(&pair);
    assert_problems("sender log: PRECONDITION changed while it was copied; the copy has what was "
                    "read\n");
    ck_assert_uint_ge(size_of("target"), 6 * MIB);
    ck_assert_uint_lt(size_of("target"), 30 * MIB);
    set_size("target", (uint64_t)(6 * MIB));
    assert_same_content("log", "target");
}
END_TEST

static Suite *suite(void)
{
    return BOX_SUITE("transfer trouble", missing_source, sender_stops_what_the_receiver_cannot_take,
                     owner_is_asked_for_each_path, refusals_tell_nothing,
                     paths_are_resolved_where_nobody_is_asked,
                     totals_are_not_counted_where_paths_are_asked_for, totals_are_told_first,
                     interrupted_copy_goes_on, resume_checks_what_is_there,
                     resume_of_another_file_begins_anew, resume_skips_what_is_complete,
                     resume_changes_no_other_names, resume_with_holes,
                     small_interrupted_files_leave_nothing, resume_distrusts_strange_leftovers,
                     two_copies_to_one_target, source_that_changes, source_that_shrinks);
}

GL_UNIT_MAIN(suite)
