/* SPDX-License-Identifier: MIT */
#include "incoming.h"

#include <string.h>

#include "frame.h"
#include "prefix.h"

#define SYNC_BEGIN_SIZE (8u * 1024 * 1024)

void gl_incoming_init(struct gl_incoming *in, struct gl_transfer *transfer, struct gl_batch *batch,
                      const struct gl_path *path, bool resume, int stream_fd)
{
    *in = (struct gl_incoming){.transfer = transfer,
                               .batch = batch,
                               .path = path,
                               .resume = resume && stream_fd < 0,
                               .stream_fd = stream_fd,
                               .part = GL_PART_NONE,
                               .old_fd = -1};
    gl_digest_init(&in->digest);
}

static void forget_old(struct gl_incoming *in)
{
    if (in->old_fd >= 0)
        gl_file_close(in->old_fd);
    in->old_fd = -1;
}

/* What there is of it stays for a resume, if it is worth it. */
static void keep_part(struct gl_incoming *in)
{
    /* A hole at its end is not in its size yet, or a resumed one was longer than what is certain.
     */
    if (in->part.fd >= 0 && in->size_known && in->position > GL_TRANSFER_KEEP_MIN &&
        gl_file_truncate(in->part.fd, in->position) == 0)
        gl_part_keep(&in->part);
}

void gl_incoming_done(struct gl_incoming *in, bool interrupted)
{
    forget_old(in);
    if (interrupted)
        keep_part(in);
    gl_part_discard(&in->part);
    gl_digest_done(&in->digest);
}

/* This file cannot be had. */
static int give_up(struct gl_incoming *in, enum gl_status status, const char *text)
{
    forget_old(in);
    gl_part_discard(&in->part);
    in->state = in->whole ? GL_INCOMING_NONE : GL_INCOMING_SWALLOW;
    return gl_engine_problem(in->transfer, in->item, in->path, status, text);
}

static int give_up_errno(struct gl_incoming *in, int uv_err)
{
    if (uv_err == UV_ECANCELED)
        return uv_err;
    /* Not where the target was to stay as it is: the part is empty then. */
    if (gl_status_from_errno(uv_err) == GL_STATUS_NO_SPACE && in->keep_when_full && in->old_fd < 0)
        keep_part(in);
    if (uv_err == UV_EEXIST)
        return give_up(in, GL_STATUS_EXISTS, "exists and is not a regular file");
    return give_up(in, gl_status_from_errno(uv_err), gl_engine_errno_text(uv_err));
}

static int broken(struct gl_incoming *in, const char *why)
{
    return gl_engine_fail_protocol(in->transfer, why);
}

/* ------------------------------------------------------------------ begin and finish */

static int open_part(struct gl_incoming *in, struct gl_dir *dir)
{
    int err = gl_part_check_target(dir, in->name);
    if (err)
        return err;
    bool resume = in->resume && in->size_known && !in->whole;
    err = gl_part_open(dir, in->name, resume, in->size, &in->part);
    if (err != UV_EMFILE && err != UV_ENFILE)
        return err;
    /* The batch holds many descriptors. */
    err = gl_batch_commit(in->batch);
    return err ? err : gl_part_open(dir, in->name, resume, in->size, &in->part);
}

/* Mode and time, as the file shall have them in the end. */
static int set_meta(struct gl_incoming *in, int fd, struct gl_dir *dir)
{
    if (in->has_meta) {
        int err = gl_file_set_attributes(fd, in->attributes);
        return err ? err : gl_file_set(fd, in->mode, &in->mtime);
    }
    struct gl_disk_info info;
    bool replaces = gl_dir_stat(dir, in->name, &info) == 0 && info.kind == GL_DISK_FILE;
    int err = replaces ? gl_file_set_attributes(fd, info.attributes) : 0;
    return err ? err : gl_file_set(fd, replaces ? info.mode : gl_disk_default_mode(), NULL);
}

static int finish_part(struct gl_incoming *in)
{
    uint64_t size = in->position;
    int err = gl_file_settle(in->part.fd, in->part.dir, in->name);
    if (err)
        return give_up(in, gl_status_from_errno(err),
                       "who may use it cannot be said as the file that it replaces, or its folder, "
                       "says it");
    err = set_meta(in, in->part.fd, in->part.dir);
    if (err)
        return give_up_errno(in, err);
    in->state = GL_INCOMING_NONE;
    gl_engine_end_file(in->transfer);
    return gl_batch_add_file(in->batch, &in->part, in->name, size, in->item, in->path);
}

static int write_content(struct gl_incoming *in, const void *data, size_t len)
{
    if (in->stream_fd >= 0)
        return gl_stream_fd_write(in->stream_fd, data, len,
                                  gl_channel_signal(gl_engine_channel(in->transfer)));
    return gl_file_write_at(in->part.fd, data, len, in->position);
}

static void count_content(struct gl_incoming *in, size_t len)
{
    in->position += len;
    gl_engine_counts(in->transfer)->bytes += len;
    gl_engine_add_bytes(in->transfer, len, true);
}

static int finish_counted(struct gl_incoming *in)
{
    in->state = GL_INCOMING_NONE;
    gl_engine_counts(in->transfer)->files++;
    gl_engine_end_file(in->transfer);
    return 0;
}

static int take_whole(struct gl_incoming *in, const Gl__TransferFile *file)
{
    uint8_t digest[GL_DIGEST_SIZE];
    gl_digest_of(file->content.data, file->content.len, digest);
    if (memcmp(digest, file->digest.data, GL_DIGEST_SIZE) != 0)
        return give_up(in, GL_STATUS_DATA_LOSS, "was damaged on its way (the digest differs)");
    int err = write_content(in, file->content.data, file->content.len);
    if (err)
        return give_up_errno(in, err);
    count_content(in, file->content.len);
    return in->stream_fd >= 0 ? finish_counted(in) : finish_part(in);
}

static bool has_meta_of(const struct gl_incoming *in, const struct gl_disk_info *old)
{
    return old->mode == (in->mode & 0777) && old->mtime.s == in->mtime.s &&
           old->mtime.ns == in->mtime.ns &&
           (!in->attributes || !old->attributes || old->attributes == in->attributes);
}

/*
 * Whether a target may stay as it is but for its attributes. Another name of the same file may not
 * be ours to change.
 */
static bool may_keep(const struct gl_incoming *in, const struct gl_disk_info *old)
{
    return old->alone || !in->has_meta || has_meta_of(in, old);
}

static bool is_content(int fd, ProtobufCBinaryData content)
{
    uint8_t *old = gl_alloc(content.len + 1);
    bool same = gl_file_read_at(fd, old, content.len + 1, 0) == (ssize_t)content.len &&
                (content.len == 0 || memcmp(old, content.data, content.len) == 0);
    gl_free(old);
    return same;
}

/*
 * Whether the target is what came, in all that is copied: to replace it would cost most file
 * systems more than to read it. Only our own: another's owner could change it afterwards. A digest
 * that differs is told as always. *ret_fd is the target, open.
 */
static bool is_there(const struct gl_incoming *in, struct gl_dir *dir, const Gl__TransferFile *file,
                     int *ret_fd)
{
    struct gl_disk_info info;
    uint8_t digest[GL_DIGEST_SIZE];
    int fd;
    if (!in->has_meta || gl_file_open_at(dir, in->name, &fd, &info))
        return false;
    bool same = info.alone && info.size == file->content.len && has_meta_of(in, &info) &&
                info.device == gl_dir_device(dir) && is_content(fd, file->content);
    if (same) {
        gl_digest_of(file->content.data, file->content.len, digest);
        same = memcmp(digest, file->digest.data, GL_DIGEST_SIZE) == 0;
    }
    if (same)
        *ret_fd = fd;
    else
        gl_file_close(fd);
    return same;
}

static int keep_whole(struct gl_incoming *in, struct gl_dir *dir, int fd, size_t size)
{
    count_content(in, size);
    in->state = GL_INCOMING_NONE;
    gl_engine_end_file(in->transfer);
    return gl_batch_add_kept(in->batch, dir, fd, in->item, in->path);
}

/* What is there already: the part of an interrupted copy, or a target that may be complete. */
static int tell_have(struct gl_incoming *in, struct gl_dir *dir)
{
    struct gl_channel *channel = gl_engine_channel(in->transfer);
    Gl__TransferHave have = GL__TRANSFER_HAVE__INIT;
    int err = 0;
    gl_engine_set_phase(in->transfer, GL_TRANSFER_CHECKING);
    if (in->part.length) {
        err = gl_prefix_tell(channel, in->part.fd, in->part.length, false, &have);
        in->position = in->part.length;
    } else {
        struct gl_disk_info info;
        if (gl_file_open_at(dir, in->name, &in->old_fd, &info) == 0) {
            if (info.size == in->size && in->size && may_keep(in, &info))
                err = gl_prefix_tell(channel, in->old_fd, info.size, true, &have);
            if (!have.length)
                forget_old(in);
        }
    }
    if (err == UV_ECANCELED)
        return err;
    if (err) { /* it cannot be read: begin anew */
        have.length = 0;
        in->position = 0;
        forget_old(in);
    }
    Gl__TransferReply reply = GL__TRANSFER_REPLY__INIT;
    reply.kind_case = GL__TRANSFER_REPLY__KIND_HAVE;
    reply.have = &have;
    in->state = GL_INCOMING_ASKED;
    err = gl_channel_put_message(channel, &reply);
    gl_free(have.digests.data);
    return err;
}

static int check_file(struct gl_incoming *in, const Gl__TransferFile *file)
{
    if (file->size > INT64_MAX)
        return broken(in, "a file of an impossible size");
    if (file->whole &&
        (file->size_unknown || file->content.len != file->size ||
         file->content.len > GL_TRANSFER_INLINE_MAX || file->digest.len != GL_DIGEST_SIZE))
        return broken(in, "a whole file that is not whole");
    if (file->meta && file->meta->mtime_ns >= 1000000000)
        return broken(in, "an impossible time");
    return 0;
}

int gl_incoming_begin(struct gl_incoming *in, struct gl_dir *dir, const char *name, uint64_t item,
                      const Gl__TransferFile *file)
{
    int err = check_file(in, file);
    if (err)
        return err;
    in->item = item;
    memcpy(in->name, name, strlen(name) + 1);
    in->has_meta = file->meta;
    if (file->meta) {
        in->mode = file->meta->mode;
        in->attributes = file->meta->attributes & GL_DISK_ATTRIBUTES;
        in->mtime = (struct gl_disk_time){file->meta->mtime, file->meta->mtime_ns};
    }
    in->whole = file->whole;
    in->size_known = !file->size_unknown;
    in->size = in->size_known ? file->size : 0;
    in->position = in->sync_begun = 0;
    gl_digest_reset(&in->digest);
    gl_engine_begin_file(in->transfer, in->path);

    in->state = GL_INCOMING_CONTENT;
    if (in->stream_fd < 0) {
        int there;
        if (in->whole && is_there(in, dir, file, &there))
            return keep_whole(in, dir, there, file->content.len);
        err = open_part(in, dir);
        if (err == UV_ENOENT) /* as of proc(5): the folder is there, and open */
            return give_up(in, GL_STATUS_PRECONDITION, "its folder takes no new files");
        if (err)
            return give_up_errno(in, err);
    }
    if (in->whole)
        return take_whole(in, file);
    return in->resume && in->size_known ? tell_have(in, dir) : 0;
}

int gl_incoming_refuse(struct gl_incoming *in, const Gl__TransferFile *file)
{
    in->state = file->whole ? GL_INCOMING_NONE : GL_INCOMING_SWALLOW;
    return check_file(in, file);
}

/* ------------------------------------------------------------------ content */

int gl_incoming_continue(struct gl_incoming *in, uint64_t offset)
{
    if (in->state == GL_INCOMING_SWALLOW)
        return 0;
    if (in->state != GL_INCOMING_ASKED)
        return broken(in, "an answer to what was not asked");
    uint64_t length = in->old_fd >= 0 ? in->size : in->part.length;
    if (offset > length || (in->old_fd >= 0 && offset != 0 && offset != length))
        return broken(in, "it goes on where nothing is");
    in->state = GL_INCOMING_CONTENT;
    in->position = in->sync_begun = offset;
    gl_engine_set_phase(in->transfer, GL_TRANSFER_COPYING);
    gl_engine_add_bytes(in->transfer, offset, false);
    if (!offset)
        forget_old(in);
    int err = gl_file_truncate(in->part.fd, in->old_fd >= 0 ? 0 : offset);
    return err ? give_up_errno(in, err) : 0;
}

/* Before anything of the content is looked at. *ret_ignore: it is of no interest. */
static int expect_content(struct gl_incoming *in, uint64_t len, bool *ret_ignore)
{
    *ret_ignore = in->state == GL_INCOMING_SWALLOW;
    if (*ret_ignore)
        return 0;
    if (in->state != GL_INCOMING_CONTENT)
        return broken(in, "content without a file");
    uint64_t limit = in->size_known ? in->size : INT64_MAX;
    return len > limit - in->position ? broken(in, "more content than the file's size") : 0;
}

int gl_incoming_data(struct gl_incoming *in, const uint8_t *data, size_t len)
{
    bool ignore;
    int err = expect_content(in, len, &ignore);
    if (err || ignore)
        return err;
    gl_digest_update(&in->digest, data, len);
    err = write_content(in, data, len);
    if (err)
        return give_up_errno(in, err);
    count_content(in, len);
    if (in->stream_fd < 0 && in->position - in->sync_begun >= SYNC_BEGIN_SIZE) {
        gl_file_sync_begin(in->part.fd, in->sync_begun, in->position - in->sync_begun);
        in->sync_begun = in->position;
    }
    return 0;
}

static int write_zeros(struct gl_incoming *in, uint64_t len)
{
    static const uint8_t zeros[64 * 1024];
    int err = 0;
    while (len && !err) {
        size_t n = len < sizeof zeros ? (size_t)len : sizeof zeros;
        err = write_content(in, zeros, n);
        len -= n;
    }
    return err;
}

int gl_incoming_hole(struct gl_incoming *in, uint64_t len)
{
    bool ignore;
    int err = expect_content(in, len, &ignore);
    if (err || ignore)
        return err;
    if (!in->size_known)
        return broken(in, "a hole in a stream");
    uint8_t number[8];
    gl_put_u64(number, len);
    gl_digest_update(&in->digest, number, sizeof number);
    if (in->stream_fd >= 0)
        err = write_zeros(in, len);
    if (err)
        return give_up_errno(in, err);
    in->position += len;
    gl_engine_add_bytes(in->transfer, len, false);
    return 0;
}

/* The target is the same already: only its attributes may differ. */
static int keep_old(struct gl_incoming *in)
{
    struct gl_disk_info info;
    int err = gl_file_stat(in->old_fd, &info);
    if (!err && !may_keep(in, &info))
        return give_up(in, GL_STATUS_PRECONDITION, "was linked while it was compared");
    if (!err && in->has_meta && info.alone)
        err = gl_file_set_attributes(in->old_fd, in->attributes);
    if (!err && in->has_meta && info.alone)
        err = gl_file_set(in->old_fd, in->mode, &in->mtime);
    if (!err)
        err = gl_file_sync(in->old_fd);
    if (err)
        return give_up_errno(in, err);
    forget_old(in);
    gl_part_discard(&in->part);
    return finish_counted(in);
}

static int take_end(struct gl_incoming *in, const Gl__TransferEnd *end)
{
    /* It may be shorter than was thought at its begin, not longer. */
    if (end->size != in->position)
        return broken(in, "a file that is not of its size");
    uint8_t digest[GL_DIGEST_SIZE];
    gl_digest_final(&in->digest, digest);
    if (end->digest.len != GL_DIGEST_SIZE || memcmp(digest, end->digest.data, GL_DIGEST_SIZE) != 0)
        return give_up(in, GL_STATUS_DATA_LOSS, "was damaged on its way (the digest differs)");
    if (in->stream_fd >= 0)
        return finish_counted(in);
    if (in->old_fd >= 0)
        return keep_old(in);
    /* A hole at the end. */
    int err = gl_file_truncate(in->part.fd, in->position);
    return err ? give_up_errno(in, err) : finish_part(in);
}

int gl_incoming_end(struct gl_incoming *in, const Gl__TransferEnd *end)
{
    if (in->state == GL_INCOMING_NONE || in->state == GL_INCOMING_ASKED)
        return broken(in, "the end of no file");
    int err = 0;
    if (in->state == GL_INCOMING_CONTENT && !end->discard)
        err = take_end(in, end);
    forget_old(in);
    gl_part_discard(&in->part);
    in->state = GL_INCOMING_NONE;
    return err;
}
