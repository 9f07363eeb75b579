/* SPDX-License-Identifier: MIT */
/*
 * The receiver's half of one file: from TransferFile to TransferEnd, into a part (part.h) or a
 * stream.
 *
 * All functions return 0, or a negative number that ends the transfer: it was cancelled, or the
 * peer broke the rules. A problem with this one file (the disk is full, a digest differs) is told,
 * the rest of it is swallowed, and the result is 0.
 */
#ifndef GL_TRANSFER_INCOMING_H
#define GL_TRANSFER_INCOMING_H

#include "batch.h"
#include "digest.h"
#include "engine.h"
#include "part.h"

enum gl_incoming_state {
    GL_INCOMING_NONE,    /* no file has begun */
    GL_INCOMING_ASKED,   /* Have was sent, Continue is expected */
    GL_INCOMING_CONTENT, /* data, holes, end */
    GL_INCOMING_SWALLOW, /* it cannot be had: all is ignored up to its end */
};

struct gl_incoming {
    struct gl_transfer *transfer;
    struct gl_batch *batch;
    const struct gl_path *path; /* of the present file: the receiver's */
    bool resume;
    bool keep_when_full; /* what a full disk had room for, for a resume */
    int stream_fd;       /* -1: files are made */

    enum gl_incoming_state state;
    uint64_t item;
    char name[GL_DISK_NAME_MAX + 1];
    struct gl_part part;
    int old_fd; /* a target that may be complete already; -1: none */
    bool has_meta;
    uint32_t mode, attributes;
    struct gl_disk_time mtime;
    bool whole; /* no TransferEnd will come */
    bool size_known;
    uint64_t size;
    uint64_t position;   /* bytes of the file that are there */
    uint64_t sync_begun; /* of these, handed to the disk */
    struct gl_digest digest;
};

void gl_incoming_init(struct gl_incoming *in, struct gl_transfer *transfer, struct gl_batch *batch,
                      const struct gl_path *path, bool resume, int stream_fd);
/* What is incomplete is removed; or, if the copy was interrupted, kept for a resume if it is worth
 * it. */
void gl_incoming_done(struct gl_incoming *in, bool interrupted);

/* A file that is to be called `name` (checked) in dir; dir NULL with a stream. `whole` ones are
 * finished at once. */
int gl_incoming_begin(struct gl_incoming *in, struct gl_dir *dir, const char *name, uint64_t item,
                      const Gl__TransferFile *file);
/* One that shall not be written, for a reason that was told. */
int gl_incoming_refuse(struct gl_incoming *in, const Gl__TransferFile *file);
int gl_incoming_continue(struct gl_incoming *in, uint64_t offset);
int gl_incoming_data(struct gl_incoming *in, const uint8_t *data, size_t len);
int gl_incoming_hole(struct gl_incoming *in, uint64_t len);
int gl_incoming_end(struct gl_incoming *in, const Gl__TransferEnd *end);

#endif
