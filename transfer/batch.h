/* SPDX-License-Identifier: MIT */
/*
 * Files that are written and wait to be synced and renamed, many at a time.
 *
 * A file may only get its name when its content is on the disk, else a crash leaves an empty or
 * torn file under that name. To sync each file costs a flush of the disk's cache each (5,000 files:
 * 10 s and more). So small files wait here, up to 256 of them or 64 MiB, then one syncfs(2) covers
 * all, and then they are renamed. A directory's own mode and time come after the files in it have
 * their names, so directories that were left wait here too, in order.
 */
#ifndef GL_TRANSFER_BATCH_H
#define GL_TRANSFER_BATCH_H

#include "engine.h"
#include "part.h"

struct gl_batch_entry;

struct gl_batch {
    struct gl_transfer *transfer;
    struct gl_batch_entry *entries;
    size_t count, files;
    uint64_t bytes;
    uint64_t device; /* of all parts in it */
    /* A file that was finished, for gl_disk_sync_all() where a directory may not be read; -1. */
    int sync_fd;
    uint64_t sync_device;
};

void gl_batch_init(struct gl_batch *batch, struct gl_transfer *transfer);
/* Discards what was not committed. */
void gl_batch_done(struct gl_batch *batch);

/*
 * Adds a complete part, with mode and time set, that is to be called `name`; takes it. `item` and
 * `path` are for problems. Commits if that fills the batch. 0 or UV_ECANCELED: problems with files
 * are told.
 */
int gl_batch_add_file(struct gl_batch *batch, struct gl_part *part, const char *name,
                      uint64_t bytes, uint64_t item, const struct gl_path *path);
/* Whether a file waits that is to have this path; maybe also if its path is a very long one that
 * ends the same. What is done under that name meanwhile would be undone by gl_batch_commit(). */
bool gl_batch_has(const struct gl_batch *batch, const struct gl_path *path);
/* The same as gl_batch_add_file() for a file in dir that stays as it is, once that is certain to be
 * on the disk; takes fd.
 */
int gl_batch_add_kept(struct gl_batch *batch, struct gl_dir *dir, int fd, uint64_t item,
                      const struct gl_path *path);
/* Adds a directory that was left; takes a reference of its own. Not `set`: mode and time stay as
 * they are. */
int gl_batch_add_directory(struct gl_batch *batch, struct gl_dir *dir, bool set, uint32_t mode,
                           uint32_t attributes, struct gl_disk_time mtime, uint64_t item,
                           const struct gl_path *path);
/* Syncs, renames, sets, empties. The names themselves are not certain to be on the disk before
 * gl_batch_finish(). */
int gl_batch_commit(struct gl_batch *batch);
/* Commits, and syncs the names of what is in the file system of dir. */
int gl_batch_finish(struct gl_batch *batch, struct gl_dir *dir, const struct gl_path *path);

#endif
