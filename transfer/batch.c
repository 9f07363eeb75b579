/* SPDX-License-Identifier: MIT */
#include "batch.h"

#include <string.h>
#include <uv.h>

#define FILES_MAX   256u /* each holds a descriptor, for its lock */
#define ENTRIES_MAX 512u
#define BYTES_MAX   (64u * 1024 * 1024)
/* So few files are synced one by one: a syncfs also writes what others have changed in the file
 * system. */
#define ALONE_MAX 4u

struct gl_batch_entry {
    struct gl_part part; /* a file, or */
    int kept_fd;         /* one that stays as it is, or */
    struct gl_dir *dir;  /* a directory */
    bool set;            /* that is to have these: */
    uint32_t mode, attributes;
    struct gl_disk_time mtime;
    uint64_t item;
    char *name;
    char *path; /* what is told of it: the whole may be long, and the peer says how long */
    size_t path_len;
    bool failed;
};

void gl_batch_init(struct gl_batch *batch, struct gl_transfer *transfer)
{
    *batch = (struct gl_batch){.transfer = transfer, .sync_fd = -1};
    batch->entries = GL_NEW0_ARRAY(struct gl_batch_entry, ENTRIES_MAX);
}

static void empty(struct gl_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct gl_batch_entry *e = &batch->entries[i];
        gl_part_discard(&e->part);
        if (e->kept_fd >= 0)
            gl_file_close(e->kept_fd);
        gl_dir_unref(e->dir);
        gl_free(e->name);
        gl_free(e->path);
    }
    batch->count = batch->files = 0;
    batch->bytes = 0;
}

void gl_batch_done(struct gl_batch *batch)
{
    empty(batch);
    if (batch->sync_fd >= 0)
        gl_file_close(batch->sync_fd);
    batch->sync_fd = -1;
    gl_free(batch->entries);
    batch->entries = NULL;
}

static int problem(struct gl_batch *batch, struct gl_batch_entry *e, int uv_err)
{
    struct gl_path path;
    gl_path_init(&path, e->path);
    int err = uv_err == UV_EEXIST
                  ? gl_engine_problem(batch->transfer, e->item, &path, GL_STATUS_EXISTS,
                                      "exists and is not a regular file")
                  : gl_engine_problem_errno(batch->transfer, e->item, &path, uv_err);
    gl_path_done(&path);
    e->failed = true;
    return err;
}

static struct gl_batch_entry *add(struct gl_batch *batch, uint64_t item, const struct gl_path *path)
{
    size_t len;
    const char *shown = gl_path_report(path, &len);
    struct gl_batch_entry *e = &batch->entries[batch->count++];
    *e =
        (struct gl_batch_entry){.part = GL_PART_NONE, .kept_fd = -1, .item = item, .path_len = len};
    e->path = gl_strndup(shown, len);
    return e;
}

bool gl_batch_has(const struct gl_batch *batch, const struct gl_path *path)
{
    size_t len;
    const char *shown = gl_path_report(path, &len);
    for (size_t i = 0; i < batch->count; i++) {
        const struct gl_batch_entry *e = &batch->entries[i];
        if (e->part.fd >= 0 && e->path_len == len && memcmp(e->path, shown, len) == 0)
            return true;
    }
    return false;
}

/* All files of a batch are in one file system. */
static int enter_device(struct gl_batch *batch, struct gl_dir *dir)
{
    int err = 0;
    if (batch->files && batch->device != gl_dir_device(dir))
        err = gl_batch_commit(batch);
    batch->device = gl_dir_device(dir);
    return err;
}

static int commit_if_full(struct gl_batch *batch)
{
    bool full =
        batch->files == FILES_MAX || batch->count == ENTRIES_MAX || batch->bytes >= BYTES_MAX;
    return full ? gl_batch_commit(batch) : 0;
}

int gl_batch_add_file(struct gl_batch *batch, struct gl_part *part, const char *name,
                      uint64_t bytes, uint64_t item, const struct gl_path *path)
{
    int err = enter_device(batch, part->dir);
    struct gl_batch_entry *e = add(batch, item, path);
    e->part = *part;
    e->name = gl_strdup(name);
    *part = GL_PART_NONE;
    batch->files++;
    batch->bytes += bytes;
    return err ? err : commit_if_full(batch);
}

int gl_batch_add_kept(struct gl_batch *batch, struct gl_dir *dir, int fd, uint64_t item,
                      const struct gl_path *path)
{
    int err = enter_device(batch, dir);
    add(batch, item, path)->kept_fd = fd;
    batch->files++;
    return err ? err : commit_if_full(batch);
}

int gl_batch_add_directory(struct gl_batch *batch, struct gl_dir *dir, bool set, uint32_t mode,
                           uint32_t attributes, struct gl_disk_time mtime, uint64_t item,
                           const struct gl_path *path)
{
    struct gl_batch_entry *e = add(batch, item, path);
    e->dir = gl_dir_ref(dir);
    e->set = set;
    e->mode = mode;
    e->attributes = attributes;
    e->mtime = mtime;
    return batch->count == ENTRIES_MAX ? gl_batch_commit(batch) : 0;
}

/* -1: it is a directory. */
static int file_of(const struct gl_batch_entry *e)
{
    return e->part.fd >= 0 ? e->part.fd : e->kept_fd;
}

/* One sync for all. UV_ENOTSUP: sync them one by one, there are few, or this kind of file system
 * needs it. */
static int sync_together(struct gl_batch *batch)
{
    if (batch->files <= ALONE_MAX)
        return UV_ENOTSUP;
    for (size_t i = 0; i < batch->count; i++)
        if (file_of(&batch->entries[i]) >= 0)
            return gl_disk_sync_all(file_of(&batch->entries[i]));
    return 0;
}

static int sync_files(struct gl_batch *batch)
{
    /* An error of syncfs says not which file it hit (nor that it was one of ours): fsync does. */
    if (sync_together(batch) == 0)
        return 0;
    int told = 0;
    for (size_t i = 0; i < batch->count && !told; i++) {
        struct gl_batch_entry *e = &batch->entries[i];
        int err = file_of(e) >= 0 ? gl_file_sync(file_of(e)) : 0;
        if (err)
            told = problem(batch, e, err);
    }
    return told;
}

/* Keeps one descriptor of what is renamed now, where sync_names() has a use for it. */
static void keep_for_sync(struct gl_batch *batch, const struct gl_part *part)
{
    if (batch->sync_fd >= 0)
        gl_file_close(batch->sync_fd);
    int fd = gl_dir_can_sync_all(part->dir) ? gl_file_dup(part->fd) : -1;
    batch->sync_fd = fd < 0 ? -1 : fd;
    batch->sync_device = gl_dir_device(part->dir);
}

/* `alone`: nothing beneath dir has to be synced with it. What cannot be made certain is told. */
static int sync_names(struct gl_batch *batch, struct gl_dir *dir, bool alone, uint64_t item,
                      const struct gl_path *path)
{
    bool all = gl_dir_can_sync_all(dir);
    int err = alone || !all ? gl_dir_sync(dir) : gl_dir_sync_all(dir);
    if (err == UV_EBADF && all && batch->sync_fd >= 0 && batch->sync_device == gl_dir_device(dir))
        err = gl_disk_sync_all(batch->sync_fd);
    if (err == UV_EBADF)
        return gl_engine_problem(batch->transfer, item, path, GL_STATUS_OK,
                                 "may not be read, so it is not certain that all is on the disk");
    return err ? gl_engine_problem_errno(batch->transfer, item, path, err) : 0;
}

static int finish_directory(struct gl_batch *batch, struct gl_batch_entry *e)
{
    int err = e->set ? gl_dir_set_attributes(e->dir, e->attributes) : 0;
    if (!err && e->set)
        err = gl_dir_set(e->dir, e->mode, e->mtime);
    if (err)
        return problem(batch, e, err);
    /* Elsewhere the end of the transfer does it for all. */
    if (gl_dir_can_sync_all(e->dir))
        return 0;
    struct gl_path path;
    gl_path_init(&path, e->path);
    err = sync_names(batch, e->dir, true, e->item, &path);
    gl_path_done(&path);
    return err;
}

static int finish_entry(struct gl_batch *batch, struct gl_batch_entry *e)
{
    if (e->failed)
        return 0;
    if (e->dir)
        return finish_directory(batch, e);
    int err = e->kept_fd >= 0 ? 0 : gl_part_rename(&e->part, e->name);
    if (err)
        return problem(batch, e, err);
    gl_engine_counts(batch->transfer)->files++;
    return 0;
}

int gl_batch_commit(struct gl_batch *batch)
{
    int err = gl_channel_is_cancelled(gl_engine_channel(batch->transfer)) ? UV_ECANCELED : 0;
    if (!err && batch->files)
        err = sync_files(batch);
    for (size_t i = 0; i < batch->count && batch->files && !err; i++)
        if (batch->entries[i].part.fd >= 0) {
            keep_for_sync(batch, &batch->entries[i].part);
            break;
        }
    for (size_t i = 0; i < batch->count && !err; i++)
        err = finish_entry(batch, &batch->entries[i]);
    empty(batch);
    return err;
}

int gl_batch_finish(struct gl_batch *batch, struct gl_dir *dir, const struct gl_path *path)
{
    int err = gl_batch_commit(batch);
    if (err)
        return err;
    const struct gl_transfer_counts *counts = gl_engine_counts(batch->transfer);
    return sync_names(batch, dir, counts->directories == 0, 0, path);
}
