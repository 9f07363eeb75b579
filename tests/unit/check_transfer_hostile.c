/* SPDX-License-Identifier: MIT */
/*
 * One side of the copy lies. A lying sender must not get anything outside the destination, must not
 * have a link followed, a digest believed or memory taken; a lying receiver must not confuse the
 * sender. Whatever comes, the transfer ends with a clear text.
 */
#include "transferpair.h"

/* Every test has a receiver that writes to box/dst, and something next to it that must stay as it
 * is. */
static void listen_with(struct gl_transfer_receive_options options)
{
    put_dir("dst");
    put_dir("outside");
    put_text("outside/safe", "safe");
    if (!options.destination)
        options.destination = "dst";
    if (!options.stream_fd)
        options.stream_fd = -1;
    copy_init(&pair);
    copy_receive(&pair, &pair.b, &options);
}

static void listen_usual(void)
{
    listen_with((struct gl_transfer_receive_options){.recursive = true});
}

static void say(Gl__TransferItem *item)
{
    if (pair.a.stream)
        gl_stream_send_message(pair.a.stream, gl_message_pack(item), 1);
}

static void say_data(const void *data, size_t len)
{
    if (pair.a.stream)
        gl_stream_send_data(pair.a.stream, 0, gl_slice_copy(data, len), 1);
}

static ProtobufCBinaryData bytes(const char *text)
{
    return gl_message_bytes(text, strlen(text));
}

#define SAY(case_, field_, value_)                                                                 \
    do {                                                                                           \
        Gl__TransferItem item_ = GL__TRANSFER_ITEM__INIT;                                          \
        item_.kind_case = GL__TRANSFER_ITEM__KIND_##case_;                                         \
        item_.field_ = (value_);                                                                   \
        say(&item_);                                                                               \
    } while (0)

static void say_enter_bytes(const void *name, size_t len)
{
    Gl__TransferMeta meta = GL__TRANSFER_META__INIT;
    Gl__TransferEnter enter = GL__TRANSFER_ENTER__INIT;
    meta.mode = 0755;
    enter.name = gl_message_bytes(name, len);
    enter.meta = &meta;
    SAY(ENTER, enter, &enter);
}

static void say_enter(const char *name)
{
    say_enter_bytes(name, strlen(name));
}

static void say_leave(void)
{
    Gl__TransferLeave leave = GL__TRANSFER_LEAVE__INIT;
    SAY(LEAVE, leave, &leave);
}

static void say_link(const char *name, const char *target)
{
    Gl__TransferLink link = GL__TRANSFER_LINK__INIT;
    link.name = bytes(name);
    link.target = bytes(target);
    SAY(LINK, link, &link);
}

static void say_file_bytes(const void *name, size_t len, uint64_t size)
{
    Gl__TransferMeta meta = GL__TRANSFER_META__INIT;
    Gl__TransferFile file = GL__TRANSFER_FILE__INIT;
    meta.mode = 0644;
    file.name = gl_message_bytes(name, len);
    file.meta = &meta;
    file.size = size;
    SAY(FILE, file, &file);
}

static void say_file(const char *name, uint64_t size)
{
    say_file_bytes(name, strlen(name), size);
}

static void say_hole(uint64_t length)
{
    Gl__TransferHole hole = GL__TRANSFER_HOLE__INIT;
    hole.length = length;
    SAY(HOLE, hole, &hole);
}

/* With the digest of `content`. */
static void say_end(const char *content, uint64_t size)
{
    uint8_t digest[GL_DIGEST_SIZE];
    Gl__TransferEnd end = GL__TRANSFER_END__INIT;
    gl_digest_of(content, strlen(content), digest);
    end.digest = gl_message_bytes(digest, sizeof digest);
    end.size = size;
    SAY(END, end, &end);
}

static void say_text_file(const char *name, const char *content)
{
    say_file(name, strlen(content));
    say_data(content, strlen(content));
    say_end(content, strlen(content));
}

static void say_continue(uint64_t offset)
{
    Gl__TransferContinue go_on = GL__TRANSFER_CONTINUE__INIT;
    go_on.offset = offset;
    SAY(GO_ON, go_on, &go_on);
}

static void say_done(void)
{
    Gl__TransferDone done = GL__TRANSFER_DONE__INIT;
    SAY(DONE, done, &done);
}

static void finish(void)
{
    if (pair.a.stream)
        gl_stream_send_eof(pair.a.stream);
    copy_run(&pair);
    copy_done(&pair);
    assert_content("outside/safe", "safe");
}

static const char *whole_box(void)
{
    static char *text;
    free(text);
    text = describe(".", false);
    return text;
}

/* Nothing came of it, inside or outside. */
#define assert_refused(why)                                                                        \
    do {                                                                                           \
        finish();                                                                                  \
        ck_assert_int_eq(pair.b.status, GL_STATUS_INVALID);                                        \
        ck_assert_str_eq(pair.b.text, "the other side broke the rules of a copy: " why);           \
        ck_assert_str_eq(whole_box(), " directory\n"                                               \
                                      "/dst directory\n"                                           \
                                      "/outside directory\n"                                       \
                                      "/outside/safe 4 4ba3190484a3f607122f6efef4b75f65\n");       \
        box_remove();                                                                              \
        box_make();                                                                                \
    } while (0)

static void assert_fine(void)
{
    finish();
    ck_assert_msg(pair.b.status == GL_STATUS_OK, "%s", pair.b.text);
}

START_TEST(names_that_lead_out)
{
    static const struct {
        const char *name;
        size_t len;
    } names[] = {{"..", 2},  {".", 1},    {"", 0},   {"../x", 4}, {"/etc/x", 6},
                 {"a/b", 3}, {"a\0b", 3}, {"\0", 1}, {"x/", 2},   {"outside/../../x", 15}};
    for (size_t i = 0; i < GL_ARRAY_SIZE(names); i++) {
        if (names[i].len) { /* empty means the destination itself */
            listen_usual();
            say_enter_bytes(names[i].name, names[i].len);
            say_text_file("x", "x");
            assert_refused("a name that is none");
        }
        if (names[i].len) {
            listen_usual();
            say_file_bytes(names[i].name, names[i].len, 1);
            say_data("x", 1);
            say_end("x", 1);
            say_done();
            assert_refused("a name that is none");
        }
        if (names[i].len && !memchr(names[i].name, 0, names[i].len)) {
            listen_usual();
            say_link(names[i].name, "x");
            assert_refused("a name that is none");
        }
    }
}
END_TEST

START_TEST(empty_names_beneath_the_top)
{
    listen_usual();
    say_enter("");
    say_enter("");
    finish();
    ck_assert_int_eq(pair.b.status, GL_STATUS_INVALID);
}
END_TEST

/* Also what a system takes in a name, a file system may not. */
START_TEST(names_that_are_too_long)
{
    char name[300];
    memset(name, 'n', sizeof name);
    listen_usual();
    say_enter_bytes(name, 256);
    say_text_file("below", "x");
    say_leave();
    say_file_bytes(name, sizeof name, 1);
    say_data("x", 1);
    say_end("x", 1);
    say_text_file("fine", "fine");
    say_done();
    assert_fine();
    ck_assert_uint_eq(pair.b.counts.problems, 2);
    assert_content("dst/fine", "fine");
    ck_assert(!exists("dst/below"));
}
END_TEST

START_TEST(nothing_is_written_by_way_of_a_link)
{
    if (!box_has(BOX_LINKS))
        return;
    listen_usual();
    say_link("way", "../outside");
    say_enter("way"); /* a directory where a link is */
    say_text_file("safe", "broken in");
    say_text_file("new", "broken in");
    say_leave();
    say_link("file", "../outside/safe");
    say_text_file("file", "broken in"); /* replaces the link */
    say_enter("real");
    say_link("up", "..");
    say_enter("up");
    say_text_file("escaped", "broken in");
    say_leave();
    say_leave();
    say_done();
    assert_fine();
    ck_assert_uint_eq(pair.b.counts.problems, 2);
    ck_assert(!exists("outside/new"));
    ck_assert(!exists("dst/escaped"));
    assert_content("dst/file", "broken in");
    ck_assert(is_file("dst/file"));
}
END_TEST

/* A file waits for its batch when its name comes again: what comes later finds it in place. */
START_TEST(a_name_used_twice)
{
    if (!box_has(BOX_LINKS))
        return;
    listen_usual();
    say_text_file("a", "file");
    say_link("a", "../outside/safe");
    say_text_file("b", "file");
    say_enter("b");
    say_text_file("c", "file");
    say_leave();
    say_text_file("d", "first");
    say_text_file("d", "second");
    say_done();
    assert_fine();
    assert_content("dst/d", "second");
    assert_content("dst/b", "file");
    ck_assert(is_link("dst/a"));
    ck_assert_str_eq(pair.b.problems, "receiver dst/b: NOT_DIRECTORY not a directory\n");
}
END_TEST

START_TEST(a_link_that_was_there_before)
{
    if (!box_has(BOX_LINKS))
        return;
    put_dir("dst0");
    put_link("../outside", "dst0/sub");
    listen_with((struct gl_transfer_receive_options){.destination = "dst0", .recursive = true});
    say_enter("sub");
    say_text_file("safe", "broken in");
    say_leave();
    say_done();
    assert_fine();
    ck_assert_str_eq(pair.b.problems, "receiver dst0/sub: NOT_DIRECTORY not a directory\n");
}
END_TEST

#define CLASH                                                                                      \
    ": EXISTS another name of this copy is the same here but for upper and lower case; it stays\n"

/* Where "a" and "A" are one name the second must not replace what came as the first. */
START_TEST(names_that_differ_by_case_only)
{
    put_dir("dst0");
    put_text("dst0/OLD", "was there before");
    listen_with((struct gl_transfer_receive_options){.destination = "dst0", .recursive = true});
    say_text_file("old", "new");
    say_text_file("Readme", "first");
    say_text_file("README", "second");
    say_text_file("Readme", "third");
    say_enter("d");
    say_text_file("f", "first");
    say_enter("F");
    say_text_file("g", "second");
    say_leave();
    say_text_file("readme", "another folder");
    say_leave();
    say_enter("D");
    say_text_file("f", "second");
    say_leave();
    say_text_file("f", "another folder");
    say_done();
    assert_fine();
    assert_content("dst0/old", "new");
    assert_content("dst0/Readme", "third");
    assert_content("dst0/d/f", "first");
    assert_content("dst0/d/readme", "another folder");
    assert_content("dst0/f", "another folder");
    if (box_has(BOX_ANY_NAMES)) {
        ck_assert_str_eq(pair.b.problems, "");
        assert_content("dst0/README", "second");
        assert_content("dst0/OLD", "was there before");
        assert_content("dst0/d/F/g", "second");
        assert_content("dst0/D/f", "second");
    } else {
        ck_assert_str_eq(pair.b.problems, "receiver dst0/README" CLASH "receiver dst0/d/F" CLASH
                                          "receiver dst0/D" CLASH);
    }
}
END_TEST

/* One beneath the destination itself is one in it. */
START_TEST(names_that_differ_by_case_in_the_destination)
{
    listen_usual();
    say_text_file("a", "first");
    say_enter("");
    say_text_file("A", "second");
    say_leave();
    say_done();
    assert_fine();
    assert_content("dst/a", "first");
    ck_assert_uint_eq(pair.b.counts.problems, box_has(BOX_ANY_NAMES) ? 0 : 1);
}
END_TEST

/* Some systems cannot have these; then nothing else comes of them either. */
START_TEST(names_that_some_systems_refuse)
{
    static const char *const names[] = {"con",  "Aux.txt", "COM\xc2\xb9.x", "a:b",    "f::$DATA",
                                        "dot.", "space ",  "a\\b",          "..\\up", "\xff"};
    listen_usual();
    put_text("dst/f", "safe");
    for (size_t i = 0; i < GL_ARRAY_SIZE(names); i++) {
        say_text_file(names[i], "file");
        say_link(names[i], "x");
        say_enter(names[i]);
        say_text_file("below", "x");
        say_leave();
    }
    say_text_file("fine", "fine");
    say_done();
    assert_fine();
    assert_content("dst/fine", "fine");
    assert_content("dst/f", "safe");
    ck_assert(!exists("up"));
    if (!box_has(BOX_ANY_NAMES)) {
        ck_assert_uint_eq(pair.b.counts.problems, 3 * GL_ARRAY_SIZE(names));
        ck_assert_uint_eq(pair.b.counts.files, 1);
        remove_file("dst/f");
        remove_file("dst/fine");
        remove_dir("dst"); /* nothing else is in it */
        ck_assert(!exists("dst"));
    }
}
END_TEST

START_TEST(more_leaves_than_enters)
{
    listen_usual();
    say_leave();
    say_text_file("x", "x");
    assert_refused("it leaves more than it entered");
}
END_TEST

START_TEST(content_that_belongs_to_nothing)
{
    listen_usual();
    say_data("x", 1);
    assert_refused("content without a file");
    listen_usual();
    say_hole(1);
    assert_refused("content without a file");
    listen_usual();
    say_end("", 0);
    assert_refused("the end of no file");
    listen_usual();
    say_continue(0);
    assert_refused("an answer to what was not asked");
}
END_TEST

START_TEST(things_inside_a_file)
{
    listen_usual();
    say_file("f", 100000);
    say_file("g", 1);
    assert_refused("a file in a file");
    listen_usual();
    say_file("f", 100000);
    say_enter("g");
    assert_refused("a directory in a file");
    listen_usual();
    say_file("f", 100000);
    say_link("g", "x");
    assert_refused("a link in a file");
    listen_usual();
    say_file("f", 100000);
    say_leave();
    assert_refused("a file without an end");
    listen_usual();
    say_file("f", 100000);
    say_done();
    assert_refused("an end in the middle");
    listen_usual();
    say_file("f", 100000);
    say_continue(0);
    assert_refused("an answer to what was not asked");
}
END_TEST

START_TEST(ends_too_early)
{
    listen_usual();
    say_file("f", 100000);
    say_data("x", 1);
    assert_refused("it ended early");
}
END_TEST

START_TEST(more_or_less_than_the_size)
{
    listen_usual();
    say_file("f", 3);
    say_data("four", 4);
    assert_refused("more content than the file's size");
    listen_usual();
    say_file("f", 10);
    say_data("four", 4);
    say_end("four", 3);
    assert_refused("a file that is not of its size");
    listen_usual();
    say_file("f", 10);
    say_hole(11);
    assert_refused("more content than the file's size");
    listen_usual();
    say_file("f", UINT64_C(1) << 62);
    say_hole(UINT64_C(1) << 62);
    say_hole(UINT64_MAX - 5);
    assert_refused("more content than the file's size");
    listen_usual();
    say_file("f", UINT64_MAX);
    assert_refused("a file of an impossible size");
}
END_TEST

/* An end that says another size than what was sent. */
START_TEST(end_with_another_size)
{
    listen_usual();
    say_file("f", 4);
    say_data("four", 4);
    say_end("four", 5);
    assert_refused("a file that is not of its size");
}
END_TEST

START_TEST(enormous_holes_cost_nothing)
{
    listen_usual();
    say_file("f", UINT64_C(1) << 62);
    say_hole(UINT64_C(1) << 62);
    say_end("x", UINT64_C(1) << 62);
    say_text_file("g", "fine");
    say_done();
    assert_fine();
    ck_assert_uint_eq(pair.b.counts.problems, 1);
    ck_assert(!exists("dst/f"));
    assert_content("dst/g", "fine");
}
END_TEST

START_TEST(a_digest_that_differs)
{
    put_dir("old");
    put_text("old/f", "old");
    listen_with((struct gl_transfer_receive_options){.destination = "old", .recursive = true});
    say_file("f", 4);
    say_data("four", 4);
    say_end("five", 4);
    say_text_file("g", "fine");
    say_done();
    assert_fine();
    ck_assert_str_eq(pair.b.problems,
                     "receiver old/f: DATA_LOSS was damaged on its way (the digest differs)\n");
    assert_content("old/f", "old");
    assert_content("old/g", "fine");
    ck_assert_uint_eq(pair.b.counts.files, 1);
}
END_TEST

static void say_whole(const char *name, const char *content, uint64_t size, size_t digest_len,
                      bool unknown)
{
    uint8_t digest[GL_DIGEST_SIZE];
    Gl__TransferFile file = GL__TRANSFER_FILE__INIT;
    gl_digest_of(content, strlen(content), digest);
    file.name = bytes(name);
    file.size = size;
    file.whole = true;
    file.size_unknown = unknown;
    file.content = bytes(content);
    file.digest = gl_message_bytes(digest, digest_len);
    SAY(FILE, file, &file);
}

START_TEST(whole_files_that_are_not)
{
    listen_usual();
    say_whole("f", "four", 5, 16, false);
    assert_refused("a whole file that is not whole");
    listen_usual();
    say_whole("f", "four", 4, 15, false);
    assert_refused("a whole file that is not whole");
    listen_usual();
    say_whole("f", "four", 4, 0, false);
    assert_refused("a whole file that is not whole");
    listen_usual();
    say_whole("f", "four", 4, 16, true);
    assert_refused("a whole file that is not whole");
    char large[GL_TRANSFER_INLINE_MAX + 2];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    listen_usual();
    say_whole("f", large, sizeof large - 1, 16, false);
    assert_refused("a whole file that is not whole");
}
END_TEST

START_TEST(times_that_cannot_be)
{
    Gl__TransferMeta meta = GL__TRANSFER_META__INIT;
    Gl__TransferFile file = GL__TRANSFER_FILE__INIT;
    meta.mtime_ns = 1000000000; /* UTIME_NOW and its like are above */
    file.name = bytes("f");
    file.meta = &meta;
    listen_usual();
    SAY(FILE, file, &file);
    assert_refused("an impossible time");
    Gl__TransferEnter enter = GL__TRANSFER_ENTER__INIT;
    meta.mtime_ns = 0x3fffffff;
    enter.name = bytes("d");
    enter.meta = &meta;
    listen_usual();
    SAY(ENTER, enter, &enter);
    assert_refused("an impossible time");
}
END_TEST

START_TEST(names_of_parts)
{
    listen_usual();
    say_text_file(".guestlink-0123456789abcdef.part", "x");
    say_done();
    assert_fine();
    ck_assert_uint_eq(pair.b.counts.problems, 1);
    ck_assert(!exists("dst/.guestlink-0123456789abcdef.part"));
}
END_TEST

START_TEST(only_what_was_asked_for)
{
    static const char *const names[] = {"hostname", "hosts"};
    const struct gl_transfer_receive_options options = {.names = names, .count = 2};
    listen_with(options);
    say_text_file(".bashrc", "broken in");
    assert_refused("something that was not asked for");
    listen_with(options);
    say_enter("hostname");
    assert_refused("a directory that was not asked for");
    listen_with(options);
    say_link("hostname", "x");
    assert_refused("a link that was not asked for");

    listen_with(options);
    say_text_file("hosts", "in another order");
    say_text_file("hostname", "than asked for");
    finish();
    ck_assert_int_eq(pair.b.status, GL_STATUS_INVALID);
}
END_TEST

START_TEST(what_was_asked_for_may_be_missing)
{
    static const char *const names[] = {"a", "b", "c"};
    listen_with((struct gl_transfer_receive_options){.names = names, .count = 3});
    Gl__TransferProblem problem = GL__TRANSFER_PROBLEM__INIT;
    problem.path = gl_message_bytes("b\0\x1b[2J", 6);
    problem.status = 4;
    problem.text = (char *)(uintptr_t) "gone";
    say_text_file("a", "a");
    SAY(PROBLEM, problem, &problem);
    say_text_file("c", "c");
    say_done();
    assert_fine();
    ck_assert_str_eq(pair.b.problems, "sender b?\x1b[2J: NOT_FOUND gone\n");
    assert_content("dst/c", "c");
}
END_TEST

START_TEST(one_name_for_two_things)
{
    listen_with((struct gl_transfer_receive_options){.destination = "new", .recursive = true});
    say_text_file("a", "a");
    say_text_file("b", "b");
    finish();
    ck_assert_int_eq(pair.b.status, GL_STATUS_INVALID);
    ck_assert(!exists("new"));
}
END_TEST

/* The destination is the user's home, say: its permissions are no matter of the peer. */
START_TEST(modes_of_the_destination_itself)
{
    listen_usual();
    set_mode("dst", 0700);
    set_time("dst", 77, 0);
    say_enter(""); /* with 0755 */
    say_leave();
    say_done();
    finish();
    ck_assert_int_eq(pair.b.status, GL_STATUS_OK);
    if (box_has(BOX_MODES))
        ck_assert_uint_eq(mode_of("dst"), 0700);
    int64_t seconds;
    long ns;
    time_of("dst", &seconds, &ns);
    ck_assert_int_eq(seconds, 77);
}
END_TEST

START_TEST(deeper_than_anything)
{
    if (!box_has(BOX_LONGEST_PATHS))
        return;
    listen_usual();
    for (unsigned i = 0; i < GL_TRANSFER_DEPTH_MAX + 100; i++)
        say_enter("d");
    say_text_file("f", "too deep");
    for (unsigned i = 0; i < GL_TRANSFER_DEPTH_MAX + 100; i++)
        say_leave();
    say_text_file("f", "fine");
    say_done();
    assert_fine();
    ck_assert_uint_eq(pair.b.counts.problems, 1);
    assert_content("dst/f", "fine");
    remove_tree("dst");
}
END_TEST

/* Files that wait to be synced, each with a path of 100 KB. */
START_TEST(long_paths_cost_little)
{
    if (!box_has(BOX_LONGEST_PATHS))
        return;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    listen_usual();
    for (int i = 0; i < 400; i++)
        say_enter(name);
    struct gl_transfer_progress progress = {.files = 0};
    say_file("first", 1);
    say_data("x", 1);
    say_end("x", 1);
    while (progress.files < 1) {
        copy_turn(&pair);
        gl_transfer_progress(pair.b.transfer, &progress);
    }
    size_t before = box_allocated();
    for (int i = 0; i < 200; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        say_text_file(number, "x");
    }
    while (progress.files < 201) {
        copy_turn(&pair);
        gl_transfer_progress(pair.b.transfer, &progress);
    }
    ck_assert_uint_lt(box_allocated() - before, 4 * MIB);
    for (int i = 0; i < 400; i++)
        say_leave();
    say_done();
    assert_fine();
    ck_assert_uint_eq(pair.b.counts.files, 201);
    remove_tree("dst");
}
END_TEST

START_TEST(items_of_no_kind)
{
    Gl__TransferItem nothing = GL__TRANSFER_ITEM__INIT;
    listen_usual();
    say(&nothing);
    assert_refused("an item of an unknown kind");
    listen_usual();
    gl_stream_send_message(pair.a.stream, gl_slice_copy("\x0a\xff\xff\xff", 4), 1);
    finish();
    ck_assert_int_eq(pair.b.status, GL_STATUS_INVALID);
}
END_TEST

START_TEST(data_on_another_channel)
{
    listen_usual();
    say_file("f", 4);
    gl_stream_send_data(pair.a.stream, 1, gl_slice_copy("four", 4), 1);
    assert_refused("data that belongs to nothing");
}
END_TEST

START_TEST(links_to_nothing)
{
    listen_usual();
    say_link("l", "");
    assert_refused("a link to nothing");
    char target[5000];
    memset(target, 't', sizeof target);
    target[sizeof target - 1] = '\0';
    listen_usual();
    say_link("l", target);
    assert_refused("a link to nothing");
}
END_TEST

START_TEST(streams_take_one_file_only)
{
    int fd = box_open_fd("out", true);
    struct gl_transfer_receive_options options = {.stream_fd = fd, .recursive = true};
    listen_with(options);
    say_text_file("f", "once");
    say_text_file("f", "twice");
    finish();
    ck_assert_int_eq(pair.b.status, GL_STATUS_INVALID);
    assert_content("out", "once");
    box_close(fd);
}
END_TEST

START_TEST(a_stream_with_a_wrong_digest_fails)
{
    int fd = box_open_fd("out", true);
    listen_with((struct gl_transfer_receive_options){.stream_fd = fd});
    say_file("f", 4);
    say_data("four", 4);
    say_end("five", 4);
    say_done();
    assert_fine();
    ck_assert_str_eq(pair.b.problems,
                     "receiver -: DATA_LOSS was damaged on its way (the digest differs)\n");
    box_close(fd);
}
END_TEST

/* It may say that it goes on only where something is. */
START_TEST(continues_where_nothing_is)
{
    listen_with((struct gl_transfer_receive_options){.recursive = true, .resume = true});
    say_file("f", 100000);
    say_continue(5);
    assert_refused("it goes on where nothing is");
    listen_with((struct gl_transfer_receive_options){.recursive = true, .resume = true});
    say_file("f", 100000);
    say_data("x", 1);
    assert_refused("content without a file");
    listen_with((struct gl_transfer_receive_options){.recursive = true, .resume = true});
    say_file("f", 100000);
    say_end("", 0);
    assert_refused("the end of no file");
}
END_TEST

/* ------------------------------------------------------------------ a lying receiver */

static void send_usual(bool resume)
{
    static const char *source = "big";
    put_noise("big", 3 * MIB, 5);
    struct gl_transfer_send_options options = send_of(&source, 1);
    options.resume = resume;
    copy_init(&pair);
    copy_send(&pair, &pair.a, &options);
    /* The answer comes after what it answers. */
    while (!pair.b.messages)
        copy_turn(&pair);
}

static void answer(Gl__TransferReply *reply)
{
    gl_stream_send_message(pair.b.stream, gl_message_pack(reply), 1);
}

static void answer_have(uint64_t length, uint64_t step, size_t digests_len)
{
    uint8_t *digests = calloc(1, digests_len + 1);
    Gl__TransferHave have = GL__TRANSFER_HAVE__INIT;
    Gl__TransferReply reply = GL__TRANSFER_REPLY__INIT;
    have.length = length;
    have.step = step;
    have.digests = gl_message_bytes(digests, digests_len);
    reply.kind_case = GL__TRANSFER_REPLY__KIND_HAVE;
    reply.have = &have;
    answer(&reply);
    free(digests);
}

#define assert_sender_refused(why)                                                                 \
    do {                                                                                           \
        copy_run(&pair);                                                                           \
        copy_done(&pair);                                                                          \
        ck_assert_int_eq(pair.a.status, GL_STATUS_INVALID);                                        \
        ck_assert_str_eq(pair.a.text, "the other side broke the rules of a copy: " why);           \
    } while (0)

START_TEST(digests_that_cannot_be)
{
    static const struct {
        uint64_t length, step;
        size_t digests;
    } haves[] = {
        {3 * MIB + 1, MIB, 64},  {3 * MIB, 0, 16},    {3 * MIB, MIB, 47},
        {3 * MIB, MIB, 64},      {0, 0, 16},          {3 * MIB, 1, 16},
        {3 * MIB, 1, 16 * 2000}, {UINT64_MAX, 1, 16}, {UINT64_MAX, UINT64_MAX, 16},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(haves); i++) {
        send_usual(true);
        answer_have(haves[i].length, haves[i].step, haves[i].digests);
        assert_sender_refused("impossible digests");
    }
}
END_TEST

START_TEST(answers_to_what_was_not_asked)
{
    send_usual(false);
    answer_have(0, 0, 0);
    assert_sender_refused("an answer to what was not asked");
    send_usual(true);
    answer_have(0, 0, 0);
    answer_have(0, 0, 0);
    assert_sender_refused("an answer to what was not asked");
    send_usual(false);
    Gl__TransferReply nothing = GL__TRANSFER_REPLY__INIT;
    answer(&nothing);
    assert_sender_refused("an answer of an unknown kind");
    send_usual(false);
    gl_stream_send_data(pair.b.stream, 0, gl_slice_copy("x", 1), 1);
    assert_sender_refused("data from the receiver");
    send_usual(false);
    gl_stream_send_eof(pair.b.stream);
    assert_sender_refused("it ended early");
}
END_TEST

START_TEST(wrong_digests_only_cost_a_whole_copy)
{
    send_usual(true);
    answer_have(3 * MIB, MIB, 48);
    while (pair.b.data < 3 * MIB)
        copy_turn(&pair);
    Gl__TransferSummary summary = GL__TRANSFER_SUMMARY__INIT;
    Gl__TransferReply reply = GL__TRANSFER_REPLY__INIT;
    reply.kind_case = GL__TRANSFER_REPLY__KIND_SUMMARY;
    reply.summary = &summary;
    answer(&reply);
    copy_run(&pair);
    copy_done(&pair);
    ck_assert_int_eq(pair.a.status, GL_STATUS_OK);
}
END_TEST

/* A flood of problems: the sender goes on, and waits for nothing. */
START_TEST(a_flood_of_problems)
{
    send_usual(false);
    Gl__TransferProblem problem = GL__TRANSFER_PROBLEM__INIT;
    Gl__TransferReply reply = GL__TRANSFER_REPLY__INIT;
    problem.path = bytes("x");
    problem.status = 99999;
    problem.text = (char *)(uintptr_t) "no";
    reply.kind_case = GL__TRANSFER_REPLY__KIND_PROBLEM;
    reply.problem = &problem;
    for (uint64_t i = 0; i < 20000; i++) {
        problem.item = i + 100;
        answer(&reply);
    }
    while (pair.b.data < 3 * MIB)
        copy_turn(&pair);
    Gl__TransferSummary summary = GL__TRANSFER_SUMMARY__INIT;
    reply.kind_case = GL__TRANSFER_REPLY__KIND_SUMMARY;
    reply.summary = &summary;
    answer(&reply);
    copy_run(&pair);
    copy_done(&pair);
    ck_assert_int_eq(pair.a.status, GL_STATUS_OK);
    ck_assert_uint_eq(pair.a.counts.problems, 20000);
}
END_TEST

static Suite *suite(void)
{
    return BOX_SUITE(
        "transfer hostile", names_that_lead_out, empty_names_beneath_the_top,
        names_that_are_too_long, nothing_is_written_by_way_of_a_link, a_name_used_twice,
        a_link_that_was_there_before, names_that_differ_by_case_only,
        names_that_differ_by_case_in_the_destination, names_that_some_systems_refuse,
        more_leaves_than_enters, content_that_belongs_to_nothing, things_inside_a_file,
        ends_too_early, more_or_less_than_the_size, end_with_another_size,
        enormous_holes_cost_nothing, a_digest_that_differs, whole_files_that_are_not,
        times_that_cannot_be, names_of_parts, only_what_was_asked_for,
        what_was_asked_for_may_be_missing, one_name_for_two_things, modes_of_the_destination_itself,
        deeper_than_anything, long_paths_cost_little, items_of_no_kind, data_on_another_channel,
        links_to_nothing, streams_take_one_file_only, a_stream_with_a_wrong_digest_fails,
        continues_where_nothing_is, digests_that_cannot_be, answers_to_what_was_not_asked,
        wrong_digests_only_cost_a_whole_copy, a_flood_of_problems);
}

GL_UNIT_MAIN(suite)
