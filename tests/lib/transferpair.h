/* SPDX-License-Identifier: MIT */
/*
 * Copies within one process, for tests: a sender and a receiver (or a test that plays one of them)
 * joined by two muxes in memory, and a folder of their own, in which trees are made and described.
 * Included by one file of a test program.
 */
#ifndef GL_TRANSFERPAIR_H
#define GL_TRANSFERPAIR_H

#include <stdlib.h>

#include "box.h"
#include "digest.h"
#include "message.h"
#include "muxpair.h"
#include "proto/guestlink.pb-c.h"
#include "transfer.h"

/* One side of a copy. */
struct end {
    struct side mux;
    struct gl_stream *stream;
    struct gl_transfer *transfer; /* NULL: the test plays this side; or it is done */
    bool done;
    enum gl_status status;
    char text[2048];
    struct gl_transfer_counts counts;
    struct gl_transfer_progress progress; /* at the end */
    char problems[65536];                 /* "sender PATH: STATUS text\n" */
    size_t problems_len;
    /* what a played side was told */
    Gl__TransferReply *replies[256];
    size_t reply_count;
    uint64_t data;     /* bytes of DATA */
    uint64_t messages; /* number of them */
    /* what came of a frame that is not whole yet */
    uint8_t rest[GL_FRAME_HEADER + GL_PAYLOAD_MAX_CAP];
    size_t rest_len;
};

struct copy {
    uv_loop_t loop;
    struct end a, b; /* a opens the stream */
};

/* ------------------------------------------------------------------ files of a test (box.h) */

static inline void put_text(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

/* Bytes that look random and are the same each time. */
static inline void put_noise(const char *path, size_t len, uint64_t seed)
{
    uint8_t *data = malloc(len ? len : 1);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        data[i] = (uint8_t)(seed >> 56);
    }
    put_bytes(path, data, len);
    free(data);
}

#define assert_content(path, text)                                                                 \
    do {                                                                                           \
        size_t content_len_;                                                                       \
        char *content_ = get_bytes((path), &content_len_);                                         \
        ck_assert_str_eq(content_, (text));                                                        \
        free(content_);                                                                            \
    } while (0)

/* ------------------------------------------------------------------ what a tree is */

static inline int tree_line_order(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

/* What grows line by line. */
struct tree {
    char *text;
    size_t len, room;
    bool with_meta;
    const char *path, *name; /* of the folder that is listed */
};

static inline void tree_add(struct tree *tree, const char *format, ...) GL_PRINTF(2, 3);
static inline void tree_add(struct tree *tree, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *add = gl_vasprintf(format, args);
    va_end(args);
    size_t len = strlen(add);
    if (tree->room < tree->len + len + 1) {
        tree->room = 2 * (tree->len + len + 1);
        tree->text = gl_realloc(tree->text, tree->room);
    }
    memcpy(tree->text + tree->len, add, len + 1);
    tree->len += len;
    gl_free(add);
}

static inline void describe_one(struct tree *tree, const char *path, const char *name)
{
    ck_assert_msg(exists(path), "%s", path);
    tree_add(tree, "%s ", name);
    if (tree->with_meta && !is_link(path))
        tree_add(tree, "%04o ", mode_of(path));
    if (tree->with_meta) {
        int64_t s;
        long ns;
        time_of(path, &s, &ns);
        tree_add(tree, "%lld.%09ld ", (long long)s, ns);
    }
    if (is_file(path)) {
        size_t len;
        char *data = get_bytes(path, &len);
        uint8_t digest[GL_DIGEST_SIZE];
        char text[GL_DIGEST_TEXT_SIZE];
        gl_digest_of(data, len, digest);
        tree_add(tree, "%zu %s\n", len, gl_digest_format(digest, text));
        free(data);
    } else if (is_link(path)) {
        char *target = link_target_of(path);
        tree_add(tree, "-> %s\n", target);
        free(target);
    } else {
        tree_add(tree, "%s\n", is_dir(path) ? "directory" : "special");
    }
}

static inline void describe_below(void *ctx, const char *entry);

static inline void describe_into(struct tree *tree, const char *path, const char *name)
{
    describe_one(tree, path, name);
    if (!is_dir(path))
        return;
    const char *path_before = tree->path, *name_before = tree->name;
    tree->path = path;
    tree->name = name;
    box_list(path, describe_below, tree);
    tree->path = path_before;
    tree->name = name_before;
}

static inline void describe_below(void *ctx, const char *entry)
{
    struct tree *tree = ctx;
    char *path = gl_asprintf("%s/%s", tree->path, entry);
    char *name = gl_asprintf("%s/%s", tree->name, entry);
    describe_into(tree, path, name);
    gl_free(path);
    gl_free(name);
}

/* A line for each thing in a tree, sorted: name, mode, time, content. To be freed. */
static inline char *describe(const char *path, bool with_meta)
{
    struct tree tree = {.with_meta = with_meta};
    size_t count = 0;
    describe_into(&tree, path, "");
    char **lines = calloc(tree.len + 1, sizeof *lines);
    for (char *line = strtok(tree.text, "\n"); line; line = strtok(NULL, "\n"))
        lines[count++] = line;
    qsort(lines, count, sizeof *lines, tree_line_order);
    char *sorted = calloc(1, tree.len + 1), *at = sorted;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(lines[i]);
        memcpy(at, lines[i], len);
        at[len] = '\n';
        at += len + 1;
    }
    free(lines);
    gl_free(tree.text);
    return sorted;
}

#define assert_same_content(a, b)                                                                  \
    do {                                                                                           \
        char *tree_a_ = describe((a), false), *tree_b_ = describe((b), false);                     \
        ck_assert_str_eq(tree_a_, tree_b_);                                                        \
        free(tree_a_);                                                                             \
        free(tree_b_);                                                                             \
    } while (0)

#define assert_same_tree(a, b)                                                                     \
    do {                                                                                           \
        char *tree_a_ = describe((a), true), *tree_b_ = describe((b), true);                       \
        ck_assert_str_eq(tree_a_, tree_b_);                                                        \
        free(tree_a_);                                                                             \
        free(tree_b_);                                                                             \
    } while (0)

/* ------------------------------------------------------------------ both sides */

static inline void end_on_problem(void *ctx, const struct gl_transfer_problem *problem)
{
    struct end *end = ctx;
    if (end->problems_len + 8192 > sizeof end->problems)
        return;
    end->problems_len += (size_t)snprintf(
        end->problems + end->problems_len, sizeof end->problems - end->problems_len,
        "%s %s: %s %s\n", problem->by_sender ? "sender" : "receiver", problem->path,
        gl_status_name(problem->status), problem->text);
}

static inline void end_on_done(void *ctx, enum gl_status status, const char *text,
                               const struct gl_transfer_counts *counts)
{
    struct end *end = ctx;
    gl_transfer_progress(end->transfer, &end->progress);
    end->done = true;
    end->transfer = NULL;
    end->status = status;
    end->counts = *counts;
    snprintf(end->text, sizeof end->text, "%s", text);
}

static const struct gl_transfer_events end_events = {end_on_problem, end_on_done};

static inline void end_message(void *ctx, struct gl_stream *stream, struct gl_slice message,
                               size_t charge)
{
    struct end *end = ctx;
    end->messages++;
    if (end->transfer) {
        gl_transfer_on_message(end->transfer, message, charge);
        return;
    }
    ProtobufCMessage *reply;
    if (end->reply_count < GL_ARRAY_SIZE(end->replies) &&
        gl_message_unpack(&gl__transfer_reply__descriptor, message.data, message.len, &reply,
                          NULL) == 0)
        end->replies[end->reply_count++] = (Gl__TransferReply *)reply;
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
}

static inline void end_data(void *ctx, struct gl_stream *stream, uint8_t channel,
                            struct gl_slice data, size_t charge)
{
    struct end *end = ctx;
    end->data += data.len;
    if (end->transfer) {
        gl_transfer_on_data(end->transfer, channel, data, charge);
        return;
    }
    gl_slice_unref(&data);
    gl_stream_consume(stream, charge);
}

static inline void end_eof(void *ctx, struct gl_stream *stream)
{
    struct end *end = ctx;
    (void)stream;
    if (end->transfer)
        gl_transfer_on_eof(end->transfer);
}

static inline void end_end(void *ctx, struct gl_stream *stream, enum gl_status status,
                           const char *text)
{
    struct end *end = ctx;
    (void)status;
    (void)text;
    end->stream = NULL;
    if (end->transfer)
        gl_transfer_cancel(end->transfer);
    gl_stream_release(stream);
}

static inline void end_sent(void *ctx, struct gl_stream *stream, size_t credit)
{
    struct end *end = ctx;
    (void)stream;
    (void)credit;
    if (end->transfer)
        gl_transfer_on_sent(end->transfer);
}

static const struct gl_stream_events end_stream_events = {
    .on_message = end_message,
    .on_data = end_data,
    .on_eof = end_eof,
    .on_end = end_end,
    .on_sent = end_sent,
};

/* As pair_move(), but frames may come in pieces. */
static inline bool copy_move(struct end *from, struct end *to)
{
    size_t len;
    bool any = false;
    struct gl_block *piece;
    while ((piece = pair_take(&from->mux, 512 * 1024, &len))) {
        struct gl_block *block = gl_block_new(to->rest_len + len);
        size_t used = 0, all = to->rest_len + len;
        memcpy(gl_block_data(block), to->rest, to->rest_len);
        memcpy(gl_block_data(block) + to->rest_len, gl_block_data(piece), len);
        int rc = gl_mux_receive(to->mux.mux, to->mux.now, block, gl_block_data(block), all, &used);
        ck_assert_msg(rc == 0, "%s: %s", uv_err_name(rc), gl_mux_error(to->mux.mux));
        to->rest_len = all - used;
        ck_assert_uint_le(to->rest_len, sizeof to->rest);
        memcpy(to->rest, gl_block_data(block) + used, to->rest_len);
        gl_block_unref(block);
        gl_block_unref(piece);
        any = true;
    }
    return any;
}

static inline void copy_pump(struct copy *copy)
{
    bool any = true;
    while (any) {
        any = copy_move(&copy->a, &copy->b);
        any = copy_move(&copy->b, &copy->a) || any;
    }
}

static inline void copy_init(struct copy *copy)
{
    memset(copy, 0, sizeof *copy);
    uv_loop_init(&copy->loop);
    pair_side_init(&copy->a.mux, pair_config(GL_SIDE_A));
    pair_side_init(&copy->b.mux, pair_config(GL_SIDE_B));
    ck_assert_int_eq(gl_stream_open(copy->a.mux.mux, 0, pair_text("copy"), &end_stream_events,
                                    &copy->a, &copy->a.stream),
                     0);
    copy_pump(copy);
    copy->b.stream = copy->b.mux.streams[0];
    gl_stream_bind(copy->b.stream, &end_stream_events, &copy->b);
}

static inline void copy_send(struct copy *copy, struct end *end,
                             const struct gl_transfer_send_options *options)
{
    ck_assert_int_eq(
        gl_transfer_send(&copy->loop, end->stream, options, &end_events, end, &end->transfer), 0);
}

static inline void copy_receive(struct copy *copy, struct end *end,
                                const struct gl_transfer_receive_options *options)
{
    ck_assert_int_eq(
        gl_transfer_receive(&copy->loop, end->stream, options, &end_events, end, &end->transfer),
        0);
}

/* One turn of the loop, and of the muxes. */
static inline void copy_turn(struct copy *copy)
{
    copy_pump(copy);
    uv_run(&copy->loop, UV_RUN_ONCE);
    copy_pump(copy);
}

/* Until the transfers are done. */
static inline void copy_run(struct copy *copy)
{
    copy_pump(copy);
    while (copy->a.transfer || copy->b.transfer)
        copy_turn(copy);
    copy_pump(copy);
}

static inline void copy_done(struct copy *copy)
{
    if (copy->a.transfer)
        gl_transfer_cancel(copy->a.transfer);
    if (copy->a.stream)
        gl_stream_release(copy->a.stream);
    copy_run(copy);
    gl_mux_free(copy->a.mux.mux);
    gl_mux_free(copy->b.mux.mux);
    uv_run(&copy->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&copy->loop), 0);
    for (size_t i = 0; i < copy->a.reply_count; i++)
        gl_message_free(copy->a.replies[i]);
    for (size_t i = 0; i < copy->b.reply_count; i++)
        gl_message_free(copy->b.replies[i]);
}

/* ------------------------------------------------------------------ whole copies */

#define MIB (1024u * 1024)

static struct copy pair;

static inline struct gl_transfer_send_options send_of(const char *const *sources, size_t count)
{
    return (struct gl_transfer_send_options){
        .sources = sources, .count = count, .stream_fd = -1, .recursive = true};
}

static inline struct gl_transfer_receive_options receive_to(const char *destination)
{
    return (struct gl_transfer_receive_options){
        .destination = destination, .stream_fd = -1, .recursive = true};
}

/* Both must end well. */
static inline void run_copy(const struct gl_transfer_send_options *send,
                            const struct gl_transfer_receive_options *receive)
{
    copy_init(&pair);
    copy_send(&pair, &pair.a, send);
    copy_receive(&pair, &pair.b, receive);
    copy_run(&pair);
    copy_done(&pair);
    ck_assert_msg(pair.a.status == GL_STATUS_OK, "sender: %s", pair.a.text);
    ck_assert_msg(pair.b.status == GL_STATUS_OK, "receiver: %s", pair.b.text);
    /* Each side knows of all problems. */
    ck_assert_uint_eq(pair.a.counts.problems, pair.b.counts.problems);
}

static inline void copy_tree(const char *source, const char *destination)
{
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to(destination);
    run_copy(&send, &receive);
}

/* cp without -r. */
static inline void copy_file(const char *source, const char *destination)
{
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to(destination);
    send.recursive = receive.recursive = false;
    run_copy(&send, &receive);
}

static inline void resume_file(const char *source, const char *destination)
{
    struct gl_transfer_send_options send = send_of(&source, 1);
    struct gl_transfer_receive_options receive = receive_to(destination);
    send.resume = receive.resume = true;
    run_copy(&send, &receive);
}

/* Until cancelled copies are over: nothing else would end them. */
static inline void cancel_both(void)
{
    gl_transfer_cancel(pair.b.transfer);
    copy_done(&pair);
    ck_assert_int_eq(pair.a.status, GL_STATUS_CANCELLED);
    ck_assert_int_eq(pair.b.status, GL_STATUS_CANCELLED);
}

#define assert_problems(text)                                                                      \
    do {                                                                                           \
        ck_assert_str_eq(pair.a.problems, (text));                                                 \
        ck_assert_str_eq(pair.b.problems, (text));                                                 \
    } while (0)

/* A suite whose tests have a box each. */
static inline Suite *box_suite(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, box_make, box_remove);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

#define BOX_SUITE(name, ...)                                                                       \
    box_suite((name), (const TTest *const[]){__VA_ARGS__},                                         \
              sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

#endif
