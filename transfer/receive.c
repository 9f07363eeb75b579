/* SPDX-License-Identifier: MIT */
/*
 * The receiver: follows the sender's walk with open directories. Everything that comes is the
 * peer's and may be meant to harm; see transfer.h on what keeps it inside the destination.
 */
#include <sodium.h>
#include <string.h>

#include "destination.h"
#include "dirstack.h"
#include "engine.h"
#include "incoming.h"
#include "message.h"
#include "names.h"

/* Names that are kept in mind for the folders that we are in, where case does not count: they take
 * up to 43 bytes each, and the peer says how many there are. */
#define NAMES_MAX (1024u * 1024)

struct level {
    uint64_t item;
    bool made; /* by us: of what was there before the attributes stay */
    bool has_meta;
    uint32_t mode, attributes;
    struct gl_disk_time mtime;
    size_t path_len; /* of the directory above, for gl_path_pop() */
    bool self;       /* the destination itself, whose names are the receiver's */
    struct gl_names seen;
};

struct receiver {
    struct gl_transfer *transfer;
    struct gl_channel *channel;
    /* options */
    char *destination;
    int stream_fd;
    bool directory, recursive, resume, tell_destination;
    char **names; /* NULL: anything may come */
    size_t count, next;

    struct gl_destination to;
    bool top_taken;       /* the one name of the destination was used */
    struct gl_names seen; /* in the destination */
    size_t seen_all;      /* there and in all levels */
    uint64_t seed;
    struct gl_path path;
    struct gl_dirstack stack; /* [0] is the destination, where to.dir is one */
    struct level *levels;     /* of stack[1] and so on */
    size_t levels_room;
    uint64_t skipped; /* directories that we are in beneath one that was refused, that one too */
    uint64_t item;
    size_t file_path_len; /* for gl_path_pop() when the present file has ended */
    struct gl_batch batch;
    struct gl_incoming incoming;
    bool done;
};

static int broken(struct receiver *r, const char *why)
{
    return gl_engine_fail_protocol(r->transfer, why);
}

static size_t depth(const struct receiver *r)
{
    return r->stack.depth ? r->stack.depth - 1 : 0;
}

/* ------------------------------------------------------------------ names */

/* At the top only what was asked for may come, in the order in which it was asked for. */
static bool was_asked_for(struct receiver *r, const char *name)
{
    if (!r->names)
        return true;
    while (r->next < r->count)
        if (strcmp(r->names[r->next++], name) == 0)
            return true;
    return false;
}

/*
 * Whether the name can be had in the directory that we are in, and no other of this copy is the
 * same to this system. *ret_usable false: told as a problem.
 */
static int check_name(struct receiver *r, const char *name, bool *ret_usable)
{
    struct gl_dir *dir = gl_dirstack_top(&r->stack);
    const char *trouble = gl_dir_name_trouble(dir, name);
    *ret_usable = false;
    if (trouble)
        return gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_INVALID, trouble);
    *ret_usable = true;
    if (!gl_dir_folds(dir))
        return 0;
    bool here = depth(r) == 0 || r->levels[depth(r) - 1].self;
    struct gl_names *seen = here ? &r->seen : &r->levels[depth(r) - 1].seen;
    enum gl_names_result result = GL_NAMES_CLASH;
    if (r->seen_all < NAMES_MAX)
        result = gl_names_add(seen, dir, name, r->seed);
    if (result == GL_NAMES_NEW)
        r->seen_all++;
    if (result != GL_NAMES_CLASH)
        return 0;
    *ret_usable = false;
    if (r->seen_all >= NAMES_MAX)
        return gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_LIMIT,
                                 "too many names to see whether two are the same here");
    return gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_EXISTS,
                             "another name of this copy is the same here but for upper and lower "
                             "case; it stays");
}

/*
 * Judges the name of an item and puts it into ret_name as it will be called here. *ret_usable
 * false: it was told as a problem. The path is pushed in any case; *ret_path_len is for
 * gl_path_pop(). An empty name, which only a directory at the top may have, means the destination
 * itself.
 */
static int take_name(struct receiver *r, ProtobufCBinaryData name, bool directory,
                     char ret_name[GL_DISK_NAME_MAX + 1], size_t *ret_path_len, bool *ret_usable)
{
    bool top = depth(r) == 0;
    bool renamed = top && (r->to.name || r->stream_fd >= 0);
    *ret_path_len = r->path.len;
    *ret_usable = false;
    if (top && name.len == 0 && !directory && !renamed)
        return gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_IS_DIRECTORY, NULL);
    bool self = top && name.len == 0;
    if (!self && !gl_path_is_component(name.data, name.len))
        return broken(r, "a name that is none");
    if (name.len > GL_DISK_NAME_MAX) {
        char *text = gl_strndup((char *)name.data, GL_DISK_NAME_MAX);
        *ret_path_len = gl_path_push(&r->path, text);
        gl_free(text);
        return gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_NAME_TOO_LONG, NULL);
    }
    if (name.len)
        memcpy(ret_name, name.data, name.len);
    ret_name[name.len] = '\0';
    if (top && !was_asked_for(r, ret_name))
        return broken(r, "something that was not asked for");
    if (renamed && r->top_taken)
        return broken(r, "more than one thing for one name");
    if (renamed)
        r->top_taken = true;
    else
        gl_path_push(&r->path, ret_name);
    if (renamed && r->to.name)
        memcpy(ret_name, r->to.name, strlen(r->to.name) + 1); /* run() looked at its length */
    if (gl_part_is_name(ret_name))
        return gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_INVALID,
                                 "is a name that copies in progress have");
    if (!self && r->stream_fd < 0) {
        int err = check_name(r, ret_name, ret_usable);
        if (err || !*ret_usable)
            return err;
        /* Of several sources an earlier one may have had that name. */
        if (gl_batch_has(&r->batch, &r->path))
            err = gl_batch_commit(&r->batch);
        if (err)
            return err;
    }
    return gl_engine_permit(r->transfer, r->item, &r->path, ret_usable);
}

static int take_meta(struct receiver *r, const Gl__TransferMeta *meta, struct level *level)
{
    level->has_meta = meta;
    if (!meta)
        return 0;
    if (meta->mtime_ns >= 1000000000)
        return broken(r, "an impossible time");
    level->mode = meta->mode;
    level->attributes = meta->attributes & GL_DISK_ATTRIBUTES;
    level->mtime = (struct gl_disk_time){meta->mtime, meta->mtime_ns};
    return 0;
}

/* ------------------------------------------------------------------ directories */

static int open_or_make(struct receiver *r, const char *name, struct level *level,
                        struct gl_dir **ret_dir)
{
    struct gl_dir *top = gl_dirstack_top(&r->stack);
    int err = gl_dir_make(top, name, level->has_meta ? level->mode : 0777);
    if (err && err != UV_EEXIST)
        return err;
    level->made = err == 0;
    err = gl_dir_open_at(top, name, ret_dir);
    if (err != UV_EMFILE && err != UV_ENFILE)
        return err;
    /* The batch holds many descriptors. */
    err = gl_batch_commit(&r->batch);
    return err ? err : gl_dir_open_at(top, name, ret_dir);
}

static void push_level(struct receiver *r, struct gl_dir *dir, const struct level *level)
{
    gl_dirstack_push(&r->stack, dir);
    if (r->levels_room < r->stack.depth) {
        r->levels_room = 2 * r->stack.depth;
        r->levels = gl_realloc_array(r->levels, r->levels_room, sizeof *r->levels);
    }
    r->levels[depth(r) - 1] = *level;
}

static int enter(struct receiver *r, const Gl__TransferEnter *enter)
{
    r->item++;
    if (!r->recursive || r->stream_fd >= 0)
        return broken(r, "a directory that was not asked for");
    if (r->skipped) {
        r->skipped++;
        return 0;
    }
    struct level level = {.item = r->item};
    char name[GL_DISK_NAME_MAX + 1];
    bool usable;
    int err = take_meta(r, enter->meta, &level);
    if (!err)
        err = take_name(r, enter->name, true, name, &level.path_len, &usable);
    if (err)
        return err;
    if (usable && depth(r) == GL_TRANSFER_DEPTH_MAX) {
        usable = false;
        err = gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_LIMIT,
                                "directories are nested too deep");
    }
    struct gl_dir *dir = NULL;
    if (usable) {
        int open_err = name[0] ? open_or_make(r, name, &level, &dir) : 0;
        if (!name[0])
            dir = gl_dir_ref(gl_dirstack_top(&r->stack));
        if (open_err)
            err = gl_engine_problem_errno(r->transfer, r->item, &r->path, open_err);
    }
    if (!dir) {
        r->skipped = 1;
        gl_path_pop(&r->path, level.path_len);
        return err;
    }
    gl_engine_counts(r->transfer)->directories++;
    level.self = !name[0];
    push_level(r, dir, &level);
    return err;
}

static int leave(struct receiver *r)
{
    if (r->skipped) {
        r->skipped--;
        return 0;
    }
    if (!depth(r))
        return broken(r, "it leaves more than it entered");
    struct level level = r->levels[depth(r) - 1];
    r->seen_all -= level.seen.count;
    gl_names_done(&r->levels[depth(r) - 1].seen);
    /* Its own permissions may forbid what is still to be done by way of it: it is left first. */
    struct gl_dir *dir = gl_dir_ref(gl_dirstack_top(&r->stack));
    int err = gl_dirstack_pop(&r->stack);
    if (err) {
        err = gl_engine_fail(r->transfer, GL_STATUS_PRECONDITION,
                             "%s: was moved while it was written to", r->path.text);
        gl_dir_unref(dir);
        return err;
    }
    bool set = level.made && level.has_meta;
    if (set || !gl_dir_can_sync_all(dir))
        err = gl_batch_add_directory(&r->batch, dir, set, level.mode, level.attributes, level.mtime,
                                     level.item, &r->path);
    /* Another file system was mounted here: what ends the transfer does not sync it. */
    if (!err && gl_dir_device(dir) != gl_dir_device(gl_dirstack_top(&r->stack)))
        err = gl_batch_finish(&r->batch, dir, &r->path);
    gl_dir_unref(dir);
    gl_path_pop(&r->path, level.path_len);
    return err;
}

/* ------------------------------------------------------------------ files and links */

/* The path is the file's as long as it is being received. */
static void after_file(struct receiver *r)
{
    if (r->incoming.state == GL_INCOMING_NONE)
        gl_path_pop(&r->path, r->file_path_len);
}

static int begin_file(struct receiver *r, const Gl__TransferFile *file)
{
    r->item++;
    r->file_path_len = r->path.len;
    if (r->skipped)
        return gl_incoming_refuse(&r->incoming, file);
    char name[GL_DISK_NAME_MAX + 1];
    bool usable;
    int err = take_name(r, file->name, false, name, &r->file_path_len, &usable);
    if (!err && usable && r->to.directory && !depth(r)) {
        usable = false;
        err = gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_NOT_FOUND,
                                "no such directory");
    }
    if (err)
        return err;
    struct gl_dir *dir = r->stream_fd >= 0 ? NULL : gl_dirstack_top(&r->stack);
    err = usable ? gl_incoming_begin(&r->incoming, dir, name, r->item, file)
                 : gl_incoming_refuse(&r->incoming, file);
    after_file(r);
    return err;
}

static int end_file(struct receiver *r, const Gl__TransferEnd *end)
{
    int err = gl_incoming_end(&r->incoming, end);
    after_file(r);
    return err;
}

static int place_link(struct gl_dir *dir, const char *name, const char *target,
                      const struct level *level)
{
    int err = gl_dir_make_link(dir, name, target);
    if (err == UV_EEXIST) {
        char part[GL_PART_NAME_SIZE];
        err = gl_part_check_target(dir, name);
        if (err)
            return err;
        gl_part_name_random(part);
        err = gl_dir_make_link(dir, part, target);
        if (!err)
            err = gl_dir_rename(dir, part, name);
        if (err)
            gl_dir_unlink(dir, part);
    }
    /* Not every file system keeps times of links: nothing is lost by it. */
    if (!err && level->has_meta)
        (void)gl_dir_set_link_time(dir, name, level->mtime);
    return err;
}

static int take_link(struct receiver *r, const Gl__TransferLink *link)
{
    r->item++;
    if (!r->recursive || r->stream_fd >= 0)
        return broken(r, "a link that was not asked for");
    if (link->target.len == 0 || link->target.len >= GL_DISK_PATH_MAX ||
        memchr(link->target.data, '\0', link->target.len))
        return broken(r, "a link to nothing");
    struct level level;
    char name[GL_DISK_NAME_MAX + 1];
    size_t path_len;
    bool usable = false;
    int err = take_meta(r, link->meta, &level);
    if (err || r->skipped)
        return err;
    err = take_name(r, link->name, false, name, &path_len, &usable);
    if (err)
        return err;
    if (usable) {
        char *target = gl_strndup((char *)link->target.data, link->target.len);
        const char *trouble = gl_disk_target_trouble(target);
        int link_err = trouble ? 0 : place_link(gl_dirstack_top(&r->stack), name, target, &level);
        gl_free(target);
        if (trouble)
            err = gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_INVALID, trouble);
        else if (link_err == UV_EEXIST)
            err = gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_EXISTS,
                                    "exists and is not a regular file");
        else if (link_err == UV_EPERM)
            err = gl_engine_problem(r->transfer, r->item, &r->path, GL_STATUS_DENIED,
                                    "no symbolic links can be made here: the file system has none, "
                                    "or this user lacks the right to make them");
        else if (link_err)
            err = gl_engine_problem_errno(r->transfer, r->item, &r->path, link_err);
        else
            gl_engine_counts(r->transfer)->links++;
    }
    gl_path_pop(&r->path, path_len);
    return err;
}

/* ------------------------------------------------------------------ the conversation */

static int finish(struct receiver *r)
{
    gl_engine_set_phase(r->transfer, GL_TRANSFER_FINISHING);
    if (r->to.dir) {
        int err = gl_batch_finish(&r->batch, r->to.dir, &r->path);
        if (err)
            return err;
    }
    r->done = true;
    return 0;
}

static int take_item(struct receiver *r, const Gl__TransferItem *item)
{
    bool in_file = r->incoming.state != GL_INCOMING_NONE;
    switch (item->kind_case) {
    case GL__TRANSFER_ITEM__KIND_ENTER:
        return in_file ? broken(r, "a directory in a file") : enter(r, item->enter);
    case GL__TRANSFER_ITEM__KIND_LEAVE:
        return in_file ? broken(r, "a file without an end") : leave(r);
    case GL__TRANSFER_ITEM__KIND_FILE:
        return in_file ? broken(r, "a file in a file") : begin_file(r, item->file);
    case GL__TRANSFER_ITEM__KIND_LINK:
        return in_file ? broken(r, "a link in a file") : take_link(r, item->link);
    case GL__TRANSFER_ITEM__KIND_GO_ON:
        return gl_incoming_continue(&r->incoming, item->go_on->offset);
    case GL__TRANSFER_ITEM__KIND_HOLE:
        return gl_incoming_hole(&r->incoming, item->hole->length);
    case GL__TRANSFER_ITEM__KIND_END:
        return end_file(r, item->end);
    case GL__TRANSFER_ITEM__KIND_PROBLEM:
        return gl_engine_peer_problem(r->transfer, item->problem);
    case GL__TRANSFER_ITEM__KIND_TOTALS:
        gl_engine_set_totals(r->transfer, item->totals->files, item->totals->bytes);
        return 0;
    case GL__TRANSFER_ITEM__KIND_DONE:
        return in_file || depth(r) || r->skipped ? broken(r, "an end in the middle") : finish(r);
    default:
        return broken(r, "an item of an unknown kind");
    }
}

static int take_message(struct receiver *r, struct gl_slice slice)
{
    ProtobufCMessage *message;
    const char *why;
    if (gl_message_unpack(&gl__transfer_item__descriptor, slice.data, slice.len, &message, &why) <
        0)
        return broken(r, why);
    int err = take_item(r, (Gl__TransferItem *)message);
    gl_message_free(message);
    return err;
}

static int follow(struct receiver *r)
{
    while (!r->done) {
        struct gl_item item;
        int err = gl_channel_get(r->channel, true, &item);
        if (err)
            return err == UV_EOF ? broken(r, "it ended early") : err;
        if (item.kind == GL_ITEM_MESSAGE)
            err = take_message(r, item.slice);
        else if (item.kind == GL_ITEM_DATA)
            err = gl_incoming_data(&r->incoming, item.slice.data, item.slice.len);
        else
            err = broken(r, "data that belongs to nothing");
        gl_slice_unref(&item.slice);
        gl_channel_used(r->channel, item.charge);
        if (err)
            return err;
    }
    return 0;
}

static int send_summary(struct receiver *r)
{
    const struct gl_transfer_counts *counts = gl_engine_counts(r->transfer);
    Gl__TransferSummary summary = GL__TRANSFER_SUMMARY__INIT;
    summary.files = counts->files;
    summary.directories = counts->directories;
    summary.links = counts->links;
    summary.bytes = counts->bytes;
    summary.problems = counts->problems;
    Gl__TransferReply reply = GL__TRANSFER_REPLY__INIT;
    reply.kind_case = GL__TRANSFER_REPLY__KIND_SUMMARY;
    reply.summary = &summary;
    return gl_channel_put_message(r->channel, &reply);
}

static int tell_destination(struct receiver *r)
{
    Gl__TransferDestination destination = GL__TRANSFER_DESTINATION__INIT;
    destination.missing = r->to.missing;
    Gl__TransferReply reply = GL__TRANSFER_REPLY__INIT;
    reply.kind_case = GL__TRANSFER_REPLY__KIND_DESTINATION;
    reply.destination = &destination;
    return gl_channel_put_message(r->channel, &reply);
}

/* The destination cannot be had: that is told to who may know of it. */
static int refuse_destination(struct receiver *r, const char *resolved, enum gl_status status,
                              const char *text)
{
    bool allowed = true;
    int err = 0;
    if (gl_engine_asks(r->transfer)) {
        struct gl_path path;
        gl_path_init(&path, resolved ? resolved : r->destination);
        err = gl_engine_permit(r->transfer, 0, &path, &allowed);
        gl_path_done(&path);
    }
    return err || !allowed ? err : gl_engine_problem(r->transfer, 0, &r->path, status, text);
}

/*
 * *ret_usable false: told as a problem. Where paths are resolved, what is asked about is the one by
 * which the destination was opened, and has no links.
 */
static int open_destination(struct receiver *r, bool *ret_usable)
{
    const char *text = NULL;
    char *resolved = NULL;
    int err = 0;
    if (gl_engine_resolves(r->transfer))
        err = gl_disk_resolve_any(r->destination, true, &resolved);
    enum gl_status status = gl_status_from_errno(err);
    if (err == UV_EINVAL)
        text = gl_disk_path_trouble(r->destination);
    if (err && !text)
        text = uv_strerror(err);
    if (!err)
        status = gl_destination_open(r->destination, resolved, r->directory, &r->to, &text);
    if (status == GL_STATUS_OK && r->to.name && strlen(r->to.name) > GL_DISK_NAME_MAX) {
        gl_destination_done(&r->to);
        status = GL_STATUS_NAME_TOO_LONG;
    }
    *ret_usable = status == GL_STATUS_OK;
    gl_path_init(&r->path, *ret_usable ? r->to.path : r->destination);
    if (!*ret_usable) {
        err = refuse_destination(r, resolved, status, text);
    } else {
        gl_dirstack_push(&r->stack, gl_dir_ref(r->to.dir));
        gl_engine_counts(r->transfer)->missing = r->to.missing;
        err = r->tell_destination ? tell_destination(r) : 0;
    }
    gl_free(resolved);
    return err;
}

static int run(struct gl_transfer *transfer, void *job)
{
    struct receiver *r = job;
    bool usable = true;
    int err = 0;
    r->transfer = transfer;
    r->channel = gl_engine_channel(transfer);
    gl_dirstack_init(&r->stack);
    randombytes_buf(&r->seed, sizeof r->seed);
    if (r->stream_fd >= 0)
        gl_path_init(&r->path, "-");
    else
        err = open_destination(r, &usable);
    gl_batch_init(&r->batch, transfer);
    gl_incoming_init(&r->incoming, transfer, &r->batch, &r->path, r->resume, r->stream_fd);
    /* Of several files each has a right to the room. */
    r->incoming.keep_when_full = r->resume && !r->recursive && !r->directory;
    if (!err && usable)
        err = follow(r);
    /* What is incomplete goes before the peer hears that all is over. */
    gl_incoming_done(&r->incoming, err == UV_ECANCELED);
    gl_batch_done(&r->batch);
    for (size_t i = 0; i < depth(r); i++)
        gl_names_done(&r->levels[i].seen);
    gl_names_done(&r->seen);
    gl_dirstack_done(&r->stack);
    gl_destination_done(&r->to);
    gl_path_done(&r->path);
    return err ? err : send_summary(r);
}

static void free_job(void *job)
{
    struct receiver *r = job;
    for (size_t i = 0; i < r->count; i++)
        gl_free(r->names[i]);
    gl_free(r->names);
    gl_free(r->destination);
    gl_free(r->levels);
    gl_free(r);
}

int gl_transfer_receive(uv_loop_t *loop, struct gl_stream *stream,
                        const struct gl_transfer_receive_options *options,
                        const struct gl_transfer_events *events, void *ctx,
                        struct gl_transfer **ret_transfer)
{
    static const struct gl_engine_side side = {.sender = false, .run = run, .free = free_job};
    struct receiver *r = GL_NEW0(struct receiver);
    r->destination = gl_strdup(options->destination ? options->destination : "-");
    r->stream_fd = options->stream_fd;
    r->directory = options->directory;
    r->recursive = options->recursive;
    r->resume = options->resume;
    r->tell_destination = options->tell_destination;
    if (options->names) {
        r->count = options->count;
        r->names = GL_NEW0_ARRAY(char *, r->count);
        for (size_t i = 0; i < r->count; i++)
            r->names[i] = gl_strdup(options->names[i]);
    }
    return gl_engine_start(loop, stream, &side, r, &options->permit, events, ctx, ret_transfer);
}
