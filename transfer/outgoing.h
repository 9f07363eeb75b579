/* SPDX-License-Identifier: MIT */
/*
 * The sender's half of the conversation about single things: items are numbered and sent, answers
 * taken, a file's content read. send.c walks.
 *
 * All functions return 0, or a negative number that ends the transfer: UV_EOF if the receiver has
 * ended it.
 */
#ifndef GL_TRANSFER_OUTGOING_H
#define GL_TRANSFER_OUTGOING_H

#include "digest.h"
#include "engine.h"

struct gl_outgoing {
    struct gl_transfer *transfer;
    struct gl_channel *channel;
    bool resume;
    uint64_t item;    /* number of the last one sent */
    const char *name; /* that the next item will have */
    const struct gl_path *path;
    /* What the receiver answered. */
    uint64_t refused; /* a problem with this item; 0: none that was not looked at */
    void (*on_refused)(void *ctx, uint64_t item);
    void *ctx;
    Gl__TransferReply *have; /* holds the TransferHave that was waited for */
    bool waiting;            /* for it */
    uint64_t file;           /* the item that is a file being sent; 0: none */
    bool file_refused;       /* the receiver does not want its rest */

    struct gl_digest digest;
    uint8_t *small; /* GL_TRANSFER_INLINE_MAX + 1 bytes */
};

/* `path` is where the walk is; on_refused is told of items that the receiver had a problem with. */
void gl_outgoing_init(struct gl_outgoing *out, struct gl_transfer *transfer, bool resume,
                      const struct gl_path *path, void (*on_refused)(void *ctx, uint64_t item),
                      void *ctx);
void gl_outgoing_done(struct gl_outgoing *out);

/*
 * Waits until something can be sent, and takes answers meanwhile: a receiver that cannot get rid of
 * them would wait, and we for it.
 */
int gl_outgoing_room(struct gl_outgoing *out);
/* gl_engine_problem() and gl_engine_problem_errno() of what is at out->path, with room for them. */
int gl_outgoing_problem(struct gl_outgoing *out, uint64_t item, enum gl_status status,
                        const char *text);
int gl_outgoing_problem_errno(struct gl_outgoing *out, uint64_t item, int uv_err);
/* Sends one item; Enter, File and Link get the next number. */
int gl_outgoing_send(struct gl_outgoing *out, const Gl__TransferItem *item);
/* Takes the answers that are there; with `wait` at least one. */
int gl_outgoing_answers(struct gl_outgoing *out, bool wait);

/*
 * A regular file that is open for reading (stays the caller's), under this name: what reading
 * gives, which may be less or more than its size (proc(5), sysfs(5)). Problems with it are told;
 * that it was changed meanwhile is one, though it is sent.
 */
int gl_outgoing_file(struct gl_outgoing *out, const char *name, int fd,
                     const struct gl_disk_info *info);
/* What comes from a pipe or device, to its end. `meta` may be NULL. */
int gl_outgoing_stream(struct gl_outgoing *out, const char *name, int fd);

void gl_outgoing_meta(Gl__TransferMeta *ret_meta, const struct gl_disk_info *info);

#endif
