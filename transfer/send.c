/* SPDX-License-Identifier: MIT */
/*
 * The sender: walks its sources depth first. Beneath a source no link is followed; a source itself
 * is, unless links are copied as links (cp -r) and it does not end in a slash: as cp(1) of
 * coreutils does it.
 */
#include <stdlib.h>
#include <string.h>

#include "dirstack.h"
#include "engine.h"
#include "outgoing.h"

#define COUNT_MAX_NS (2ull * 1000 * 1000 * 1000) /* for totals, then we begin without */

struct level {
    uint64_t item;
    bool refused; /* the receiver does not want what is in it */
    struct gl_disk_list list;
    size_t next;
    size_t path_len;
};

struct sender {
    struct gl_transfer *transfer;
    /* options */
    char **sources;
    size_t count;
    int stream_fd;
    bool recursive, resume, totals, streams;

    struct gl_outgoing out;
    struct gl_path path;
    struct gl_dirstack stack;
    struct level *levels; /* of stack, index by index */
    size_t levels_room;
};

static int problem(struct sender *s, enum gl_status status, const char *text)
{
    return gl_outgoing_problem(&s->out, 0, status, text);
}

static int problem_errno(struct sender *s, int uv_err)
{
    return gl_outgoing_problem_errno(&s->out, 0, uv_err);
}

/* Of what was asked about, or was no link when it was listed: it is one now. */
static int problem_open(struct sender *s, enum gl_disk_links links, int uv_err)
{
    if (uv_err == UV_ELOOP && links == GL_LINKS_NONE)
        return problem(s, GL_STATUS_PRECONDITION, GL_TRANSFER_CHANGED);
    return problem_errno(s, uv_err);
}

/* Of a path that was given. */
static int problem_path(struct sender *s, const char *path, enum gl_disk_links links, int uv_err)
{
    const char *trouble = uv_err == UV_EINVAL ? gl_disk_path_trouble(path) : NULL;
    return trouble ? problem(s, GL_STATUS_INVALID, trouble) : problem_open(s, links, uv_err);
}

static int problem_kind(struct sender *s, enum gl_disk_kind kind)
{
    char *text = gl_asprintf("is %s, not copied", gl_disk_kind_text(kind));
    int err = problem(s, GL_STATUS_UNSUPPORTED, text);
    gl_free(text);
    return err;
}

static int permit(struct sender *s, bool *ret_allowed)
{
    int err = gl_outgoing_room(&s->out);
    return err ? err : gl_engine_permit(s->transfer, 0, &s->path, ret_allowed);
}

/* What the receiver refused is a directory that we are in, or one that we have left. */
static void on_refused(void *ctx, uint64_t item)
{
    struct sender *s = ctx;
    for (size_t i = 0; i < s->stack.depth; i++)
        if (s->levels[i].item == item)
            for (; i < s->stack.depth; i++)
                s->levels[i].refused = true;
}

/* ------------------------------------------------------------------ directories */

/* In the order of their inodes, which is about that on the disk: fewer seeks, less to read. */
static int by_inode(const void *a, const void *b)
{
    const struct gl_disk_entry *x = a, *y = b;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static int send_enter(struct sender *s, const char *name, const struct gl_disk_info *info)
{
    Gl__TransferMeta meta;
    Gl__TransferEnter enter = GL__TRANSFER_ENTER__INIT;
    Gl__TransferItem item = GL__TRANSFER_ITEM__INIT;
    gl_outgoing_meta(&meta, info);
    enter.name = (ProtobufCBinaryData){strlen(name), (uint8_t *)(uintptr_t)name};
    enter.meta = &meta;
    item.kind_case = GL__TRANSFER_ITEM__KIND_ENTER;
    item.enter = &enter;
    return gl_outgoing_send(&s->out, &item);
}

static int send_leave(struct sender *s)
{
    Gl__TransferLeave leave = GL__TRANSFER_LEAVE__INIT;
    Gl__TransferItem item = GL__TRANSFER_ITEM__INIT;
    item.kind_case = GL__TRANSFER_ITEM__KIND_LEAVE;
    item.leave = &leave;
    return gl_outgoing_send(&s->out, &item);
}

/* Goes into a directory (taken); the path is pushed already. */
static int enter(struct sender *s, struct gl_dir *dir, const char *name,
                 const struct gl_disk_info *info, size_t path_len)
{
    struct level level = {.path_len = path_len};
    int bad = s->stack.depth < GL_TRANSFER_DEPTH_MAX ? gl_dir_list(dir, &level.list) : 0, err;
    if (bad || s->stack.depth == GL_TRANSFER_DEPTH_MAX) {
        err = bad ? problem_errno(s, bad)
                  : problem(s, GL_STATUS_LIMIT, "directories are nested too deep");
        gl_dir_unref(dir);
        gl_path_pop(&s->path, path_len);
        return err;
    }
    if (level.list.count)
        qsort(level.list.entries, level.list.count, sizeof *level.list.entries, by_inode);
    level.item = s->out.item + 1;
    gl_dirstack_push(&s->stack, dir);
    if (s->levels_room < s->stack.depth) {
        s->levels_room = 2 * s->stack.depth;
        s->levels = gl_realloc_array(s->levels, s->levels_room, sizeof *s->levels);
    }
    s->levels[s->stack.depth - 1] = level;
    gl_engine_counts(s->transfer)->directories++;
    return send_enter(s, name, info);
}

static int leave(struct sender *s)
{
    struct level *level = &s->levels[s->stack.depth - 1];
    gl_disk_list_done(&level->list);
    int bad = gl_dirstack_pop(&s->stack);
    if (bad)
        return gl_engine_fail(s->transfer, GL_STATUS_PRECONDITION,
                              "%s: was moved while it was copied", s->path.text);
    gl_path_pop(&s->path, level->path_len);
    return send_leave(s);
}

/* ------------------------------------------------------------------ what is in them */

static int send_link(struct sender *s, struct gl_dir *dir, const char *name, const char *as,
                     const struct gl_disk_info *info)
{
    char *target;
    int bad = gl_dir_read_link(dir, name, &target);
    if (bad)
        return problem_errno(s, bad);
    Gl__TransferMeta meta;
    Gl__TransferLink link = GL__TRANSFER_LINK__INIT;
    Gl__TransferItem item = GL__TRANSFER_ITEM__INIT;
    gl_outgoing_meta(&meta, info);
    link.name = (ProtobufCBinaryData){strlen(as), (uint8_t *)(uintptr_t)as};
    link.target = (ProtobufCBinaryData){strlen(target), (uint8_t *)target};
    link.meta = &meta;
    item.kind_case = GL__TRANSFER_ITEM__KIND_LINK;
    item.link = &link;
    int err = gl_outgoing_send(&s->out, &item);
    gl_free(target);
    gl_engine_counts(s->transfer)->links++;
    return err;
}

static int send_file(struct sender *s, struct gl_dir *dir, const char *name)
{
    struct gl_disk_info info;
    int fd, bad = gl_file_open_at(dir, name, &fd, &info);
    if (bad)
        return problem_open(s, GL_LINKS_NONE, bad);
    int err = gl_outgoing_file(&s->out, name, fd, &info);
    gl_file_close(fd);
    return err;
}

/* One entry of the directory that we are in; *ret_entered: we are in it now, and the path stays. */
static int send_entry(struct sender *s, const struct gl_disk_entry *entry, size_t path_len,
                      bool *ret_entered)
{
    struct gl_dir *dir = gl_dirstack_top(&s->stack);
    struct gl_disk_info info = {.kind = entry->kind};
    bool allowed;
    int err = permit(s, &allowed), bad = 0;
    if (err || !allowed)
        return err;
    if (entry->kind != GL_DISK_FILE)
        bad = gl_dir_stat(dir, entry->name, &info);
    if (bad)
        return problem_errno(s, bad);
    struct gl_dir *below;
    switch (info.kind) {
    case GL_DISK_FILE:
        if (gl_part_is_name(entry->name))
            return problem(s, GL_STATUS_OK, "is left of an interrupted copy, not copied");
        return send_file(s, dir, entry->name);
    case GL_DISK_LINK:
        return send_link(s, dir, entry->name, entry->name, &info);
    case GL_DISK_DIRECTORY:
        bad = gl_dir_open_at(dir, entry->name, &below);
        if (bad)
            return problem_errno(s, bad);
        *ret_entered = true;
        return enter(s, below, entry->name, &info, path_len);
    default:
        return problem_kind(s, info.kind);
    }
}

/* Until all that is beneath the first level was sent. */
static int walk(struct sender *s)
{
    int err = 0;
    while (s->stack.depth && !err) {
        struct level *level = &s->levels[s->stack.depth - 1];
        if (level->refused || level->next == level->list.count) {
            err = leave(s);
            continue;
        }
        const struct gl_disk_entry *entry = &level->list.entries[level->next++];
        size_t path_len = gl_path_push(&s->path, entry->name);
        bool entered = false;
        err = send_entry(s, entry, path_len, &entered);
        if (!entered)
            gl_path_pop(&s->path, path_len);
    }
    return err;
}

/* ------------------------------------------------------------------ sources */

/*
 * What is given to be copied. Where the owner asks, `path` is absolute and had no links when it was
 * asked about, and none is followed now: so it is what the answer was about, or it is not copied.
 */
struct source {
    const char *path;
    char *as; /* its name at the destination; empty: only what is in it goes there */
    enum gl_disk_links links; /* that are followed in path */
    bool follow;              /* its last component too, if it is a link */
    bool directory;           /* it must be one: "name/" and "name/." */
};

/* A link that is copied as such, by way of the directory that it is in. */
static int send_source_link(struct sender *s, const struct source *source,
                            const struct gl_disk_info *info)
{
    char *parent = gl_path_parent(source->path);
    struct gl_dir *dir;
    int bad = gl_dir_open(parent, source->links, &dir);
    gl_free(parent);
    if (bad)
        return problem_open(s, source->links, bad);
    char *name = gl_path_base(source->path);
    int err = send_link(s, dir, name, source->as, info);
    gl_free(name);
    gl_dir_unref(dir);
    return err;
}

static int send_source_file(struct sender *s, const struct source *source)
{
    struct gl_disk_info info;
    bool streams = s->streams && !s->recursive;
    int fd, bad = gl_file_open(source->path, source->links, streams, &fd, &info);
    if (bad)
        return problem_open(s, source->links, bad);
    int err = info.kind == GL_DISK_FILE ? gl_outgoing_file(&s->out, source->as, fd, &info)
                                        : gl_outgoing_stream(&s->out, source->as, fd);
    gl_file_close(fd);
    return err;
}

static int send_source_directory(struct sender *s, const struct source *source,
                                 const struct gl_disk_info *info)
{
    if (!s->recursive)
        return problem(s, GL_STATUS_IS_DIRECTORY, "is a directory (use -r)");
    struct gl_dir *dir;
    int bad = gl_dir_open(source->path, source->links, &dir);
    if (bad)
        return problem_open(s, source->links, bad);
    int err = enter(s, dir, source->as, info, s->path.len);
    return err ? err : walk(s);
}

static int send_kind(struct sender *s, const struct source *source, const struct gl_disk_info *info)
{
    switch (info->kind) {
    case GL_DISK_DIRECTORY:
        return send_source_directory(s, source, info);
    case GL_DISK_FILE:
        return send_source_file(s, source);
    case GL_DISK_LINK:
        if (source->follow)
            return problem_open(s, source->links, UV_ELOOP);
        return send_source_link(s, source, info);
    case GL_DISK_FIFO:
    case GL_DISK_DEVICE:
        if (s->streams && !s->recursive)
            return send_source_file(s, source);
        break;
    default:
        break;
    }
    return problem_kind(s, info->kind);
}

static int send_permitted(struct sender *s, const struct source *source)
{
    struct gl_disk_info info;
    enum gl_disk_links links =
        source->links == GL_LINKS_ALL && !source->follow ? GL_LINKS_BUT_LAST : source->links;
    int bad = gl_disk_stat(source->path, links, &info);
    if (bad)
        return problem_path(s, source->path, source->links, bad);
    if (source->directory && info.kind != GL_DISK_DIRECTORY && info.kind != GL_DISK_LINK)
        return problem_errno(s, UV_ENOTDIR);
    return send_kind(s, source, &info);
}

/*
 * Where the owner asks, the path is asked about and shown absolute and without links (but the last,
 * if it is copied); before it is looked at, so that a refusal does not tell what is there.
 */
static int send_source(struct sender *s, const char *given)
{
    bool resolves = gl_engine_resolves(s->transfer), allowed;
    struct source source = {
        .as = gl_path_base(given),
        .links = resolves ? GL_LINKS_NONE : GL_LINKS_ALL,
    };
    source.directory = gl_path_has_slash(given) || !source.as[0];
    source.follow = !s->recursive || source.directory;
    char *path = NULL;
    int bad = resolves ? gl_disk_resolve_any(given, source.follow, &path) : 0;
    if (!path)
        path = gl_strdup(given);
    source.path = path;
    gl_path_init(&s->path, path);
    int err = permit(s, &allowed);
    if (!err && allowed)
        err = bad ? problem_path(s, path, source.links, bad) : send_permitted(s, &source);
    gl_path_done(&s->path);
    gl_free(source.as);
    gl_free(path);
    return err;
}

/* ------------------------------------------------------------------ totals */

struct count {
    uint64_t files, bytes, until;
};

/* False: the time is over. What cannot be read is told when it is to be copied. */
static bool count_tree(struct sender *s, struct gl_dir *dir, struct count *count, unsigned depth)
{
    struct gl_disk_list list;
    if (depth > 64 || gl_dir_list(dir, &list) < 0)
        return true;
    bool going = true;
    for (size_t i = 0; i < list.count && going; i++) {
        struct gl_disk_info info;
        struct gl_dir *below;
        going =
            uv_hrtime() < count->until && !gl_channel_is_cancelled(gl_engine_channel(s->transfer));
        if (!going || gl_dir_stat(dir, list.entries[i].name, &info) < 0)
            continue;
        if (info.kind == GL_DISK_FILE) {
            count->files++;
            count->bytes += info.size;
        } else if (info.kind == GL_DISK_DIRECTORY &&
                   gl_dir_open_at(dir, list.entries[i].name, &below) == 0) {
            going = count_tree(s, below, count, depth + 1);
            gl_dir_unref(below);
        }
    }
    gl_disk_list_done(&list);
    return going;
}

static bool count_source(struct sender *s, const char *source, enum gl_disk_links links,
                         struct count *count)
{
    struct gl_disk_info info;
    struct gl_dir *dir;
    if (gl_disk_stat(source, links, &info) < 0)
        return true;
    if (info.kind == GL_DISK_FILE) {
        count->files++;
        count->bytes += info.size;
    }
    if (info.kind != GL_DISK_DIRECTORY || !s->recursive ||
        gl_dir_open(source, links == GL_LINKS_NONE ? links : GL_LINKS_ALL, &dir) < 0)
        return info.kind == GL_DISK_FILE || info.kind == GL_DISK_DIRECTORY;
    bool going = count_tree(s, dir, count, 0);
    gl_dir_unref(dir);
    return going;
}

static bool count_given(struct sender *s, const char *given, struct count *count)
{
    bool follow = !s->recursive || gl_path_has_slash(given);
    char *path;
    if (!gl_engine_resolves(s->transfer))
        return count_source(s, given, follow ? GL_LINKS_ALL : GL_LINKS_BUT_LAST, count);
    if (gl_disk_resolve_any(given, follow, &path))
        return true;
    bool going = count_source(s, path, GL_LINKS_NONE, count);
    gl_free(path);
    return going;
}

static int send_totals(struct sender *s)
{
    struct count count = {0, 0, uv_hrtime() + COUNT_MAX_NS};
    for (size_t i = 0; i < s->count; i++)
        if (!count_given(s, s->sources[i], &count))
            return 0;
    Gl__TransferTotals totals = GL__TRANSFER_TOTALS__INIT;
    Gl__TransferItem item = GL__TRANSFER_ITEM__INIT;
    totals.files = count.files;
    totals.bytes = count.bytes;
    item.kind_case = GL__TRANSFER_ITEM__KIND_TOTALS;
    item.totals = &totals;
    gl_engine_set_totals(s->transfer, count.files, count.bytes);
    return gl_outgoing_send(&s->out, &item);
}

/* ------------------------------------------------------------------ run */

static int send_done(struct sender *s)
{
    Gl__TransferDone done = GL__TRANSFER_DONE__INIT;
    Gl__TransferItem item = GL__TRANSFER_ITEM__INIT;
    item.kind_case = GL__TRANSFER_ITEM__KIND_DONE;
    item.done = &done;
    int err = gl_outgoing_send(&s->out, &item);
    gl_engine_set_phase(s->transfer, GL_TRANSFER_FINISHING);
    while (!err)
        err = gl_outgoing_answers(&s->out, true);
    return err;
}

static int send_sources(struct sender *s)
{
    /* Numbers of what may not be read would tell of it. */
    int err = s->totals && !gl_engine_asks(s->transfer) ? send_totals(s) : 0;
    for (size_t i = 0; i < s->count && !err; i++)
        err = send_source(s, s->sources[i]);
    return err;
}

static int send_standard_input(struct sender *s)
{
    gl_path_init(&s->path, "-");
    int err = gl_outgoing_stream(&s->out, "", s->stream_fd);
    gl_path_done(&s->path);
    return err;
}

static int run(struct gl_transfer *transfer, void *job)
{
    struct sender *s = job;
    s->transfer = transfer;
    gl_dirstack_init(&s->stack);
    gl_outgoing_init(&s->out, transfer, s->resume, &s->path, on_refused, s);
    int err = s->stream_fd >= 0 ? send_standard_input(s) : send_sources(s);
    if (!err)
        err = send_done(s);
    for (size_t i = 0; i < s->stack.depth; i++)
        gl_disk_list_done(&s->levels[i].list);
    gl_dirstack_done(&s->stack);
    gl_outgoing_done(&s->out);
    return err == UV_EOF ? 0 : err; /* the summary came */
}

static void free_job(void *job)
{
    struct sender *s = job;
    for (size_t i = 0; i < s->count; i++)
        gl_free(s->sources[i]);
    gl_free(s->sources);
    gl_free(s->levels);
    gl_free(s);
}

int gl_transfer_send(uv_loop_t *loop, struct gl_stream *stream,
                     const struct gl_transfer_send_options *options,
                     const struct gl_transfer_events *events, void *ctx,
                     struct gl_transfer **ret_transfer)
{
    static const struct gl_engine_side side = {.sender = true, .run = run, .free = free_job};
    struct sender *s = GL_NEW0(struct sender);
    s->count = options->count;
    s->sources = GL_NEW0_ARRAY(char *, s->count);
    for (size_t i = 0; i < s->count; i++)
        s->sources[i] = gl_strdup(options->sources[i]);
    s->stream_fd = options->stream_fd;
    s->recursive = options->recursive;
    s->resume = options->resume;
    s->totals = options->totals;
    s->streams = options->streams;
    return gl_engine_start(loop, stream, &side, s, &options->permit, events, ctx, ret_transfer);
}
