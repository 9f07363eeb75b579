/* SPDX-License-Identifier: MIT */
#include "outgoing.h"

#include <string.h>

#include "frame.h"
#include "message.h"
#include "prefix.h"

void gl_outgoing_init(struct gl_outgoing *out, struct gl_transfer *transfer, bool resume,
                      const struct gl_path *path, void (*on_refused)(void *ctx, uint64_t item),
                      void *ctx)
{
    *out = (struct gl_outgoing){.transfer = transfer,
                                .channel = gl_engine_channel(transfer),
                                .resume = resume,
                                .path = path,
                                .on_refused = on_refused,
                                .ctx = ctx,
                                .small = gl_alloc(GL_TRANSFER_INLINE_MAX + 1)};
    gl_digest_init(&out->digest);
}

void gl_outgoing_done(struct gl_outgoing *out)
{
    gl_digest_done(&out->digest);
    gl_message_free(out->have);
    gl_free(out->small);
}

/* ------------------------------------------------------------------ answers */

static int broken(struct gl_outgoing *out, const char *why)
{
    return gl_engine_fail_protocol(out->transfer, why);
}

static int take_problem(struct gl_outgoing *out, const Gl__TransferProblem *problem)
{
    if (problem->item && problem->item == out->file)
        out->file_refused = true;
    else if (problem->item)
        out->on_refused(out->ctx, problem->item);
    return gl_engine_peer_problem(out->transfer, problem);
}

static uint64_t at_most(uint64_t count, uint64_t limit)
{
    return count < limit ? count : limit;
}

/* What was sent may have been refused afterwards: what counts is what is there. */
static void take_summary(struct gl_outgoing *out, const Gl__TransferSummary *summary)
{
    struct gl_transfer_counts *counts = gl_engine_counts(out->transfer);
    counts->files = at_most(counts->files, summary->files);
    counts->directories = at_most(counts->directories, summary->directories);
    counts->links = at_most(counts->links, summary->links);
}

static int take_answer(struct gl_outgoing *out, struct gl_slice slice)
{
    ProtobufCMessage *message;
    const char *why;
    if (gl_message_unpack(&gl__transfer_reply__descriptor, slice.data, slice.len, &message, &why) <
        0)
        return broken(out, why);
    Gl__TransferReply *reply = (Gl__TransferReply *)message;
    int err;
    switch (reply->kind_case) {
    case GL__TRANSFER_REPLY__KIND_HAVE:
        if (!out->waiting || out->have) {
            err = broken(out, "an answer to what was not asked");
            break;
        }
        out->have = reply;
        return 0;
    case GL__TRANSFER_REPLY__KIND_PROBLEM:
        err = take_problem(out, reply->problem);
        break;
    case GL__TRANSFER_REPLY__KIND_DESTINATION:
        gl_engine_counts(out->transfer)->missing = reply->destination->missing;
        err = 0;
        break;
    case GL__TRANSFER_REPLY__KIND_SUMMARY:
        take_summary(out, reply->summary);
        err = UV_EOF;
        break;
    default:
        err = broken(out, "an answer of an unknown kind");
        break;
    }
    gl_message_free(message);
    return err;
}

int gl_outgoing_answers(struct gl_outgoing *out, bool wait)
{
    for (;;) {
        struct gl_item item;
        int err = gl_channel_get(out->channel, wait, &item);
        if (err == UV_EAGAIN)
            return 0;
        if (err)
            return err == UV_EOF ? broken(out, "it ended early") : err;
        err = item.kind == GL_ITEM_MESSAGE ? take_answer(out, item.slice)
                                           : broken(out, "data from the receiver");
        gl_slice_unref(&item.slice);
        gl_channel_used(out->channel, item.charge);
        if (err)
            return err;
        wait = false;
    }
}

/* ------------------------------------------------------------------ items */

int gl_outgoing_room(struct gl_outgoing *out)
{
    int err;
    while ((err = gl_channel_wait_room(out->channel)) == UV_EAGAIN) {
        err = gl_outgoing_answers(out, false);
        if (err)
            break;
    }
    return err;
}

/* There is no other producer: room stays. */
static int put(struct gl_outgoing *out, struct gl_item item)
{
    int err = gl_outgoing_room(out);
    if (!err)
        return gl_channel_put(out->channel, item);
    gl_slice_unref(&item.slice);
    return err;
}

int gl_outgoing_problem(struct gl_outgoing *out, uint64_t item, enum gl_status status,
                        const char *text)
{
    int err = gl_outgoing_room(out);
    return err ? err : gl_engine_problem(out->transfer, item, out->path, status, text);
}

int gl_outgoing_problem_errno(struct gl_outgoing *out, uint64_t item, int uv_err)
{
    int err = gl_outgoing_room(out);
    return err ? err : gl_engine_problem_errno(out->transfer, item, out->path, uv_err);
}

int gl_outgoing_send(struct gl_outgoing *out, const Gl__TransferItem *item)
{
    if (item->kind_case == GL__TRANSFER_ITEM__KIND_ENTER ||
        item->kind_case == GL__TRANSFER_ITEM__KIND_FILE ||
        item->kind_case == GL__TRANSFER_ITEM__KIND_LINK)
        out->item++;
    return put(out, (struct gl_item){.kind = GL_ITEM_MESSAGE, .slice = gl_message_pack(item)});
}

void gl_outgoing_meta(Gl__TransferMeta *ret_meta, const struct gl_disk_info *info)
{
    gl__transfer_meta__init(ret_meta);
    ret_meta->mode = info->mode;
    ret_meta->mtime = info->mtime.s;
    ret_meta->mtime_ns = info->mtime.ns;
    ret_meta->attributes = info->attributes;
}

static int send_file_item(struct gl_outgoing *out, Gl__TransferFile *file)
{
    Gl__TransferItem item = GL__TRANSFER_ITEM__INIT;
    item.kind_case = GL__TRANSFER_ITEM__KIND_FILE;
    item.file = file;
    return gl_outgoing_send(out, &item);
}

static int send_hole(struct gl_outgoing *out, uint64_t length)
{
    Gl__TransferHole hole = GL__TRANSFER_HOLE__INIT;
    Gl__TransferItem item = GL__TRANSFER_ITEM__INIT;
    uint8_t number[8];
    hole.length = length;
    item.kind_case = GL__TRANSFER_ITEM__KIND_HOLE;
    item.hole = &hole;
    gl_put_u64(number, length);
    gl_digest_update(&out->digest, number, sizeof number);
    gl_engine_add_bytes(out->transfer, length, false);
    return gl_outgoing_send(out, &item);
}

static int send_end(struct gl_outgoing *out, uint64_t size, bool discard)
{
    uint8_t digest[GL_DIGEST_SIZE];
    Gl__TransferEnd end = GL__TRANSFER_END__INIT;
    Gl__TransferItem item = GL__TRANSFER_ITEM__INIT;
    gl_digest_final(&out->digest, digest);
    end.digest = gl_message_bytes(digest, sizeof digest);
    end.size = size;
    end.discard = discard;
    item.kind_case = GL__TRANSFER_ITEM__KIND_END;
    item.end = &end;
    out->file = 0;
    if (!discard) {
        gl_engine_counts(out->transfer)->files++;
        gl_engine_end_file(out->transfer);
    }
    return gl_outgoing_send(out, &item);
}

/* `len` bytes of block, whose reference is taken. */
static int send_data(struct gl_outgoing *out, struct gl_block *block, size_t len)
{
    struct gl_slice slice = gl_slice_of(block, 0, len);
    gl_block_unref(block);
    gl_digest_update(&out->digest, slice.data, slice.len);
    gl_engine_counts(out->transfer)->bytes += len;
    gl_engine_add_bytes(out->transfer, len, true);
    return put(out, (struct gl_item){.kind = GL_ITEM_DATA, .slice = slice});
}

static int begin_content(struct gl_outgoing *out, Gl__TransferFile *file)
{
    gl_digest_reset(&out->digest);
    out->file_refused = false;
    out->waiting = out->resume && !file->size_unknown;
    out->file = out->item + 1;
    return send_file_item(out, file);
}

/* ------------------------------------------------------------------ regular files */

/* What the file is now is what it was when it was opened? */
static bool is_unchanged(int fd, const struct gl_disk_info *before)
{
    struct gl_disk_info now;
    return gl_file_stat(fd, &now) == 0 && now.size == before->size &&
           now.mtime.s == before->mtime.s && now.mtime.ns == before->mtime.ns;
}

/* Waits for Have, finds out where to go on, says so. *ret_bad is an error of the file. */
static int agree_on_offset(struct gl_outgoing *out, int fd, uint64_t size, uint64_t *ret_offset,
                           int *ret_bad)
{
    Gl__TransferContinue go_on = GL__TRANSFER_CONTINUE__INIT;
    Gl__TransferItem item = GL__TRANSFER_ITEM__INIT;
    int err = 0;
    gl_engine_set_phase(out->transfer, GL_TRANSFER_CHECKING);
    while (!err && !out->have && !out->file_refused)
        err = gl_outgoing_answers(out, true);
    out->waiting = false;
    if (!err && out->have) {
        const Gl__TransferHave *have = out->have->have;
        int bad = UV_EPROTO;
        if (gl_prefix_is_valid(have, size))
            bad = gl_prefix_compare(out->channel, fd, have, &go_on.offset);
        else
            err = broken(out, "impossible digests");
        if (!err && bad == UV_ECANCELED)
            err = bad;
        *ret_bad = bad;
    }
    gl_message_free(out->have);
    out->have = NULL;
    gl_engine_set_phase(out->transfer, GL_TRANSFER_COPYING);
    if (err || out->file_refused)
        return err;
    *ret_offset = go_on.offset;
    gl_engine_add_bytes(out->transfer, go_on.offset, false);
    item.kind_case = GL__TRANSFER_ITEM__KIND_GO_ON;
    item.go_on = &go_on;
    return gl_outgoing_send(out, &item);
}

/*
 * Data from *offset on, at most up to `end`; *ret_bad is an error of the file. UV_EOF: it is
 * shorter than it says, as those of sysfs(5) are, or has become so; *offset is its end then.
 */
static int send_run(struct gl_outgoing *out, int fd, uint64_t *offset, uint64_t end, int *ret_bad)
{
    while (*offset < end && !out->file_refused) {
        size_t want =
            end - *offset < GL_TRANSFER_BLOCK ? (size_t)(end - *offset) : GL_TRANSFER_BLOCK;
        struct gl_block *block = gl_block_new(want);
        ssize_t n = gl_file_read_at(fd, gl_block_data(block), want, *offset);
        if (n <= 0) {
            gl_block_unref(block);
            *ret_bad = n < 0 ? (int)n : UV_EOF;
            return 0;
        }
        int err = send_data(out, block, (size_t)n);
        if (err)
            return err;
        *offset += (uint64_t)n;
    }
    return 0;
}

/* All of it from *offset on; *ret_bad as above. */
static int send_content(struct gl_outgoing *out, int fd, const struct gl_disk_info *info,
                        uint64_t *ret_offset, int *ret_bad)
{
    uint64_t offset = *ret_offset;
    int err = 0;
    while (offset < info->size && !err && !*ret_bad && !out->file_refused) {
        uint64_t start = offset, end = info->size;
        if (info->sparse) {
            int hole = gl_file_next_data(fd, offset, &start, &end);
            if (hole == UV_ENXIO)
                start = end = info->size;
            else if (hole) /* this file system does not know */
                start = offset, end = info->size;
            start = start < info->size ? start : info->size;
            end = end < info->size ? end : info->size;
        }
        if (start > offset)
            err = send_hole(out, start - offset);
        offset = start;
        if (!err)
            err = send_run(out, fd, &offset, end, ret_bad);
    }
    *ret_offset = offset;
    return err;
}

/*
 * More was read than the size that a file had. Has it grown? Then its size is by now what was read;
 * one of proc(5) or sysfs(5) still says 0 or so.
 */
static bool has_grown(int fd, uint64_t read)
{
    struct gl_disk_info now;
    return gl_file_stat(fd, &now) == 0 && now.size >= read;
}

/* The whole in one item. *ret_bad is an error of the file; UV_EAGAIN: it is longer than it says
 * (those of proc(5) say 0), and too long for one. */
static int send_whole(struct gl_outgoing *out, Gl__TransferFile *file, int fd, int *ret_bad)
{
    ssize_t n = gl_file_read_at(fd, out->small, GL_TRANSFER_INLINE_MAX + 1, 0);
    if (n > 0 && (uint64_t)n > file->size && has_grown(fd, (uint64_t)n))
        n = (ssize_t)file->size;
    if (n < 0 || n > (ssize_t)GL_TRANSFER_INLINE_MAX) {
        *ret_bad = n < 0 ? (int)n : UV_EAGAIN;
        return 0;
    }
    uint8_t digest[GL_DIGEST_SIZE];
    gl_digest_of(out->small, (size_t)n, digest);
    file->whole = true;
    file->size = (uint64_t)n;
    file->content = gl_message_bytes(out->small, (size_t)n);
    file->digest = gl_message_bytes(digest, sizeof digest);
    gl_engine_counts(out->transfer)->files++;
    gl_engine_counts(out->transfer)->bytes += (uint64_t)n;
    gl_engine_add_bytes(out->transfer, (uint64_t)n, true);
    gl_engine_end_file(out->transfer);
    return send_file_item(out, file);
}

static int send_large(struct gl_outgoing *out, Gl__TransferFile *file, int fd,
                      const struct gl_disk_info *info, int *ret_bad)
{
    uint64_t offset = 0;
    gl_file_will_read(fd);
    int err = begin_content(out, file);
    if (!err && out->waiting)
        err = agree_on_offset(out, fd, info->size, &offset, ret_bad);
    if (!err && !*ret_bad)
        err = send_content(out, fd, info, &offset, ret_bad);
    if (*ret_bad == UV_EOF)
        *ret_bad = 0;
    return err ? err : send_end(out, offset, *ret_bad || out->file_refused);
}

/* A file that tells its size only by its end; or, after all, one that grows and shrinks. */
static int send_virtual(struct gl_outgoing *out, Gl__TransferFile *file, int fd, int *ret_bad)
{
    uint64_t offset = 0;
    file->size_unknown = true;
    int err = begin_content(out, file);
    while (!err && !out->file_refused) {
        struct gl_block *block = gl_block_new(GL_TRANSFER_INLINE_MAX);
        ssize_t n = gl_file_read_at(fd, gl_block_data(block), GL_TRANSFER_INLINE_MAX, offset);
        if (n <= 0) {
            gl_block_unref(block);
            *ret_bad = (int)n;
            break;
        }
        offset += (size_t)n;
        err = send_data(out, block, (size_t)n);
        if (has_grown(fd, offset))
            break;
    }
    return err ? err : send_end(out, offset, *ret_bad || out->file_refused);
}

int gl_outgoing_file(struct gl_outgoing *out, const char *name, int fd,
                     const struct gl_disk_info *info)
{
    Gl__TransferMeta meta;
    Gl__TransferFile file = GL__TRANSFER_FILE__INIT;
    gl_outgoing_meta(&meta, info);
    file.name = gl_message_bytes(name, strlen(name));
    file.meta = &meta;
    file.size = info->size;
    gl_engine_begin_file(out->transfer, out->path);
    out->file_refused = false;
    uint64_t before = out->item;
    int bad = 0, err;
    if (info->size <= GL_TRANSFER_INLINE_MAX)
        err = send_whole(out, &file, fd, &bad);
    else
        err = send_large(out, &file, fd, info, &bad);
    if (!err && bad == UV_EAGAIN) {
        bad = 0;
        err = send_virtual(out, &file, fd, &bad);
    }
    uint64_t item = out->item > before ? out->item : 0;
    if (!err && bad)
        return gl_outgoing_problem_errno(out, item, bad);
    if (err || out->file_refused || is_unchanged(fd, info))
        return err;
    return gl_outgoing_problem(out, item, GL_STATUS_PRECONDITION,
                               "changed while it was copied; the copy has what was read");
}

/* ------------------------------------------------------------------ streams */

int gl_outgoing_stream(struct gl_outgoing *out, const char *name, int fd)
{
    Gl__TransferFile file = GL__TRANSFER_FILE__INIT;
    file.name = gl_message_bytes(name, strlen(name));
    file.size_unknown = true;
    gl_engine_begin_file(out->transfer, out->path);
    uint64_t size = 0;
    ssize_t n = 0;
    int err = begin_content(out, &file);
    while (!err && !out->file_refused) {
        struct gl_block *block = gl_block_new(GL_TRANSFER_BLOCK);
        n = gl_stream_fd_read(fd, gl_block_data(block), GL_TRANSFER_BLOCK,
                              gl_channel_signal(out->channel));
        if (n <= 0) {
            gl_block_unref(block);
            break;
        }
        if (n < (ssize_t)GL_TRANSFER_BLOCK / 4) { /* not a large block for each little write */
            struct gl_block *smaller = gl_block_new((size_t)n);
            memcpy(gl_block_data(smaller), gl_block_data(block), (size_t)n);
            gl_block_unref(block);
            block = smaller;
        }
        size += (size_t)n;
        err = send_data(out, block, (size_t)n);
    }
    if (err || n == UV_ECANCELED)
        return err ? err : UV_ECANCELED;
    err = send_end(out, size, n < 0 || out->file_refused);
    return err || n >= 0 ? err : gl_outgoing_problem_errno(out, out->item, (int)n);
}
