/* SPDX-License-Identifier: MIT */
/*
 * Files and names that change under a copy's hands. What it was permitted to read or write is what
 * it reads or writes, whatever somebody makes of the names between the answer and the open. Mostly
 * the answer itself makes the change, so that each test has the one order of events that it is
 * about.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "outgoing.h"
#include "transferpair.h"

#include "destination.h"
#include "linux/disk-linux.h"

/* ------------------------------------------------------------------ the one who changes names */

struct change {
    const char *at;   /* once this end of a path is asked about */
    const char *name; /* becomes a link ... */
    const char *to;   /* ... to this, and what it was is called NAME.was */
    unsigned asked, denied, done;
};

static void swap_for_link(const char *name, const char *to)
{
    char *was = gl_asprintf("%s.was", name);
    ck_assert_int_eq(rename(name, was), 0);
    put_link(to, name);
    gl_free(was);
}

static void swap_back(const char *name)
{
    char *was = gl_asprintf("%s.was", name);
    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(rename(was, name), 0);
    gl_free(was);
}

static bool ends_in(const char *path, const char *end)
{
    size_t len = strlen(path), end_len = strlen(end);
    return len >= end_len && strcmp(path + len - end_len, end) == 0;
}

static enum gl_status answer(void *ctx, const char *path, const char **ret_text)
{
    struct change *change = ctx;
    *ret_text = "it is secret";
    change->asked++;
    if (strstr(path, "/secret")) {
        change->denied++;
        return GL_STATUS_DENIED;
    }
    if (change->at && ends_in(path, change->at) && !change->done++)
        swap_for_link(change->name, change->to);
    return GL_STATUS_OK;
}

static void put_world(void)
{
    put_dir("pub");
    put_dir("pub/d");
    put_dir("secret");
    put_text("pub/f", "public");
    put_text("pub/d/f", "public");
    put_text("secret/f", "SECRET");
    put_link("public", "pub/d/l");
    put_link("SECRET", "secret/l");
}

/* A copy to "out" during which the change is made. */
static void send_with(const char *source, bool recursive, struct change *change)
{
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to("out");
    send.recursive = receive.recursive = recursive;
    send.permit = (struct gl_transfer_permit){answer, change, false};
    run_copy(&send, &receive);
}

#define CHANGED "PRECONDITION changed while it was looked at, not copied\n"

/* ------------------------------------------------------------------ reading */

START_TEST(sent_is_what_was_asked_about)
{
    static const struct {
        const char *source, *at, *name, *to, *shown; /* NULL: no problem */
        bool recursive;
    } cases[] = {
        {"pub/f", "/pub/f", "pub/f", "../secret/f", "pub/f", false},
        {"pub/f", "/pub/f", "pub/f", "../secret/f", NULL, true},
        {"pub/d/f", "/pub/d/f", "pub/d", "../secret", "pub/d/f", false},
        {"pub/d", "/pub/d", "pub/d", "../secret", NULL, true},
        {"pub/d/", "/pub/d", "pub/d", "../secret", "pub/d", true},
        {"pub/d/.", "/pub/d", "pub/d", "../secret", "pub/d", true},
        {"pub/d/l", "/pub/d/l", "pub/d", "../secret", "pub/d/l", true},
        /* beneath the source, when it is its turn */
        {"pub", "/pub/f", "pub/f", "../secret/f", "pub/f", true},
    };
    put_world();
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        struct change change = {cases[i].at, cases[i].name, cases[i].to, 0, 0, 0};
        send_with(cases[i].source, cases[i].recursive, &change);
        ck_assert_uint_eq(change.done, 1);
        ck_assert_uint_eq(change.denied, 0);
        /* A link that is copied as such: what it leads to stays unread. */
        char *expected = cases[i].shown ? gl_asprintf("sender %s/%s: " CHANGED, box, cases[i].shown)
                                        : gl_strdup("");
        assert_problems(expected);
        gl_free(expected);
        ck_assert(exists("out") == (!cases[i].shown || strcmp(cases[i].source, "pub") == 0));
        char *tree = describe(box, false);
        ck_assert_ptr_null(strstr(tree, "/out/l"));
        ck_assert_ptr_null(strstr(tree, "/out -> SECRET"));
        free(tree);
        ck_assert_int_ne(system("grep -rqs SECRET out"), 0);
        swap_back(cases[i].name);
        remove_tree("out");
    }
}
END_TEST

/* By way of a link that leads elsewhere after the answer: what was asked about is copied. */
START_TEST(links_that_led_there_do_not_matter_any_more)
{
    put_world();
    put_link("pub/d", "way");
    struct change change = {"/pub/d/f", "way", "secret", 0, 0, 0};
    send_with("way/f", false, &change);
    assert_problems("");
    assert_content("out", "public");
    ck_assert_uint_eq(change.done, 1);
}
END_TEST

START_TEST(what_must_be_a_directory)
{
    static const char *const sources[] = {"pub/f/", "pub/f/.", "pub/f/.."};
    put_world();
    for (size_t i = 0; i < 2; i++) {
        struct change change = {.at = NULL};
        send_with(sources[i], true, &change);
        char *expected =
            gl_asprintf("sender %s/pub/f: NOT_DIRECTORY %s\n", box, uv_strerror(UV_ENOTDIR));
        assert_problems(expected);
        gl_free(expected);
    }
}
END_TEST

/* ------------------------------------------------------------------ writing */

/* The destination was resolved, then somebody changed what is in its path. */
START_TEST(destination_is_what_was_resolved)
{
    static const struct {
        const char *given, *name, *to;
    } cases[] = {
        {"pub/d", "pub/d", "../secret"},           /* a directory */
        {"pub/d/f", "pub/d", "../secret"},         /* a file to be replaced */
        {"pub/d/new", "pub/d", "../secret"},       /* nothing yet */
        {"pub/f", "pub/f", "../secret/f"},         /* a file, itself */
        {"pub/d/missing/x", "pub/d", "../secret"}, /* that cannot be: nor is it told of secret/ */
    };
    put_world();
    put_dir("secret/missing");
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        char *resolved;
        const char *text = NULL;
        struct gl_destination to;
        ck_assert_int_eq(gl_disk_resolve_any(cases[i].given, true, &resolved), 0);
        swap_for_link(cases[i].name, cases[i].to);
        enum gl_status status = gl_destination_open(cases[i].given, resolved, false, &to, &text);
        ck_assert_int_eq(status, GL_STATUS_PRECONDITION);
        ck_assert_str_eq(text, "changed while it was looked at, not copied");
        swap_back(cases[i].name);
        gl_free(resolved);
    }
}
END_TEST

START_TEST(destination_without_a_change)
{
    struct gl_destination to;
    const char *text;
    char *resolved, *expected;
    put_world();
    put_link("pub/f", "way");
    put_link("pub/none", "nothing");
    ck_assert_int_eq(gl_disk_resolve_any("way", true, &resolved), 0);
    ck_assert_int_eq(gl_destination_open("way", resolved, false, &to, &text), GL_STATUS_OK);
    expected = gl_asprintf("%s/pub/f", box);
    ck_assert_str_eq(to.path, expected);
    ck_assert_str_eq(to.name, "f");
    gl_destination_done(&to);
    gl_free(expected);
    gl_free(resolved);
    ck_assert_int_eq(gl_disk_resolve_any("nothing", true, &resolved), 0);
    ck_assert_int_eq(gl_destination_open("nothing", resolved, false, &to, &text),
                     GL_STATUS_NOT_FOUND);
    ck_assert_str_eq(text, "is a symbolic link to nothing");
    gl_free(resolved);
}
END_TEST

/* As by fs.protected_symlinks of the kernel, which does not see what we follow ourselves. */
START_TEST(links_of_others_in_shared_folders_are_not_followed)
{
    static const struct {
        mode_t mode;
        uid_t folder, link;
        int result;
    } cases[] = {
        {01777, 0, 1000, UV_EACCES}, {01777, 1001, 1000, UV_EACCES},
        {01777, 1000, 1000, 0}, /* the folder's owner laid it */
        {01777, 1000, 0, 0},    /* our own */
        {0777, 0, 1000, 0},     /* not sticky, */
        {01775, 0, 1000, 0},    /* or not everybody's */
    };
    if (geteuid() != 0)
        return; /* only root makes links of others */
    put_world();
    put_dir("shared");
    put_link("../pub", "shared/way");
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        char *resolved = NULL;
        ck_assert_int_eq(lchown("shared/way", cases[i].link, (gid_t)-1), 0);
        ck_assert_int_eq(chown("shared", cases[i].folder, (gid_t)-1), 0);
        ck_assert_int_eq(chmod("shared", cases[i].mode), 0);
        for (int last = 0; last < 2; last++) {
            const char *path = last ? "shared/way" : "shared/way/f";
            int err = gl_disk_resolve_any(path, true, &resolved);
            ck_assert_msg(err == cases[i].result, "%zu: %s: %d", i, path, err);
            if (err == 0) {
                ck_assert_msg(ends_in(resolved, last ? "/pub" : "/pub/f"), "%s", resolved);
                gl_free(resolved);
            }
        }
        /* The link itself may be copied. */
        ck_assert_int_eq(gl_disk_resolve_any("shared/way", false, &resolved), 0);
        gl_free(resolved);
    }
}
END_TEST

static void exchange(const char *one, const char *other)
{
    ck_assert_int_eq(renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE), 0);
}

static void *exchange_again_and_again(void *stop)
{
    while (!atomic_load((atomic_bool *)stop)) {
        exchange("pub/d", "pub/e");
        exchange("pub/d", "pub/e");
    }
    return NULL;
}

/* What came of reading: 1 it, -1 what may not be read, 0 nothing. */
static int look_at_out(void)
{
    if (!exists("out"))
        return 0;
    size_t len;
    char *text = get_bytes("out", &len);
    int what = strcmp(text, "public") == 0 ? 1 : -1;
    free(text);
    remove_file("out");
    return what;
}

#define RACE_NS (2ull * 1000 * 1000 * 1000)

/* At random, both ways: nothing gets to where it may not, or comes from there. */
START_TEST(names_that_never_rest)
{
    atomic_bool stop = false;
    pthread_t thread;
    unsigned well = 0, leaked = 0, strayed = 0;
    put_world();
    put_text("new", "public");
    put_link("../secret", "pub/e");
    ck_assert_int_eq(pthread_create(&thread, NULL, exchange_again_and_again, &stop), 0);
    uint64_t end = uv_hrtime() + RACE_NS;
    for (int i = 0; i < 400 && uv_hrtime() < end; i++) {
        struct change change = {.at = NULL};
        send_with("pub/d/f", false, &change);
        int what = look_at_out();
        well += what > 0;
        leaked += what < 0;
        const char *source = "new";
        struct gl_transfer_send_options send = send_of(&source, 1);
        struct gl_transfer_receive_options receive = receive_to("pub/d");
        receive.permit = (struct gl_transfer_permit){answer, &change, false};
        run_copy(&send, &receive);
        strayed += unlink("secret/new") == 0;
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    ck_assert_msg(leaked + strayed == 0, "%u read, %u written", leaked, strayed);
    ck_assert_uint_gt(well, 0);
}
END_TEST

/* ------------------------------------------------------------------ a file that grows */

/* A sender of one file that is no longer what it was when it was opened. */
struct growing {
    const char *name;
    size_t size, more; /* bytes, and bytes that come after it was opened */
    struct gl_path path;
    struct gl_outgoing out;
};

static void refused_nothing(void *ctx, uint64_t item)
{
    (void)ctx;
    (void)item;
}

static int send_growing(struct gl_transfer *transfer, void *job)
{
    struct growing *g = job;
    struct gl_disk_info info;
    int fd;
    put_noise(g->name, g->size, 1);
    ck_assert_int_eq(gl_file_open(g->name, GL_LINKS_ALL, false, &fd, &info), 0);
    put_noise(g->name, g->size + g->more, 1);
    gl_path_init(&g->path, g->name);
    gl_outgoing_init(&g->out, transfer, false, &g->path, refused_nothing, NULL);
    int err = gl_outgoing_file(&g->out, g->name, fd, &info);
    gl_file_close(fd);
    Gl__TransferDone done = GL__TRANSFER_DONE__INIT;
    Gl__TransferItem item = GL__TRANSFER_ITEM__INIT;
    item.kind_case = GL__TRANSFER_ITEM__KIND_DONE;
    item.done = &done;
    if (!err)
        err = gl_outgoing_send(&g->out, &item);
    while (!err)
        err = gl_outgoing_answers(&g->out, true);
    gl_outgoing_done(&g->out);
    gl_path_done(&g->path);
    return err == UV_EOF ? 0 : err;
}

static void free_growing(void *job)
{
    (void)job;
}

START_TEST(no_more_than_there_was_at_first)
{
    static const struct gl_engine_side side = {true, send_growing, free_growing};
    static const size_t sizes[][2] = {
        {0, 1},
        {0, 5 * MIB},
        {10, 10},
        {10, 5 * MIB},
        {GL_TRANSFER_INLINE_MAX, 1},
        {GL_TRANSFER_INLINE_MAX, 5 * MIB},
        {GL_TRANSFER_INLINE_MAX + 1, 5 * MIB},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(sizes); i++) {
        struct growing growing = {.name = "log", .size = sizes[i][0], .more = sizes[i][1]};
        struct gl_transfer_receive_options receive = receive_to("out");
        struct gl_transfer_permit nobody = {NULL, NULL, false};
        copy_init(&pair);
        ck_assert_int_eq(gl_engine_start(&pair.loop, pair.a.stream, &side, &growing, &nobody,
                                         &end_events, &pair.a, &pair.a.transfer),
                         0);
        copy_receive(&pair, &pair.b, &receive);
        copy_run(&pair);
        copy_done(&pair);
        struct stat st;
        ck_assert_int_eq(stat("out", &st), 0);
        ck_assert_uint_eq((size_t)st.st_size, sizes[i][0]);
        assert_problems("sender log: PRECONDITION changed while it was copied; the copy has what "
                        "was read\n");
        set_size("log", (uint64_t)(st.st_size));
        assert_same_content("log", "out");
        remove_file("log");
        remove_file("out");
    }
}
END_TEST

/* ------------------------------------------------------------------ paths without links */

/* Both ways of it, since this kernel needs only one of them. */
START_TEST(open_without_links)
{
    static const struct {
        const char *path;
        int flags, result;
    } cases[] = {
        {"pub/f", O_RDONLY, 0},
        {"pub//f", O_RDONLY, 0},
        {"pub/d/", O_RDONLY, 0},
        {"pub/d", O_RDONLY | O_DIRECTORY, 0},
        {"pub", O_PATH | O_DIRECTORY, 0},
        {"pub/f", O_RDONLY | O_DIRECTORY, UV_ENOTDIR},
        {"pub/f/", O_RDONLY, UV_ENOTDIR},
        {"pub/f/x", O_RDONLY, UV_ENOTDIR},
        {"pub/none", O_RDONLY, UV_ENOENT},
        {"pub/none/x", O_RDONLY, UV_ENOENT},
        {"link", O_RDONLY, UV_ELOOP},
        {"link", O_RDONLY | O_DIRECTORY, UV_ELOOP},
        {"link", O_PATH, UV_ELOOP},
        {"link", O_PATH | O_DIRECTORY, UV_ELOOP},
        {"link", O_PATH | O_NOFOLLOW, 0},
        {"link/f", O_RDONLY, UV_ELOOP},
        {"link/d/f", O_RDONLY, UV_ELOOP},
        {"pub/d/l", O_RDONLY, UV_ELOOP},
        {"pub/d/l", O_PATH | O_NOFOLLOW, 0},
    };
    put_world();
    put_link("pub", "link");
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++)
        for (int way = 0; way < 4; way++) {
            char *path =
                gl_asprintf("%s%s%s", way & 1 ? box : "", way & 1 ? "/" : "", cases[i].path);
            int fd = way & 2 ? gl_disk_open_walk(path, cases[i].flags | O_CLOEXEC)
                             : gl_disk_open(path, GL_LINKS_NONE, cases[i].flags | O_CLOEXEC);
            ck_assert_msg((fd >= 0 ? 0 : fd) == cases[i].result, "%s by way %d: %d", path, way, fd);
            if (fd >= 0)
                close(fd);
            gl_free(path);
        }
    int fd = gl_disk_open_walk("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    close(fd);
}
END_TEST

static Suite *suite(void)
{
    return BOX_SUITE("transfer race", sent_is_what_was_asked_about,
                     links_that_led_there_do_not_matter_any_more, what_must_be_a_directory,
                     destination_is_what_was_resolved, destination_without_a_change,
                     names_that_never_rest, no_more_than_there_was_at_first, open_without_links,
                     links_of_others_in_shared_folders_are_not_followed);
}

GL_UNIT_MAIN(suite)
