/* SPDX-License-Identifier: MIT */
/*
 * A copy of files and trees over one stream: the same sender and receiver in the agent and in the
 * command line.
 *
 * A transfer is one side of a copy. Its file work is plain blocking code on a thread of its own;
 * this header is the loop's side of it. One loop; callbacks are made from the loop, never from
 * within these functions but gl_transfer_free().
 *
 * The conversation (messages in proto/guestlink.proto). The sender walks its sources depth first:
 *
 *     [Totals]  ( Enter ... Leave | File | Link | Problem )*  Done
 *
 * A File is either `whole`, or goes on as ( DATA | Hole )* End. With resume the receiver answers
 * such a File, if its size is known, with Have: how much of it is there already (an interrupted
 * copy's temporary file, or a target of the same size), with digests of prefixes; the sender
 * compares them with its own file and says with Continue from where on it will send. Nothing else
 * waits for an answer, so a tree goes at the speed of the link.
 *
 * The receiver answers Destination first, if it was asked to. It answers Problem for what it could
 * not write, at once, so that the sender can leave
 * out the rest of that file or directory (it still sends End or Leave), and in the end Summary,
 * when all is written, synced and renamed.
 *
 * What makes it safe: names are single components; the receiver works with open directories only,
 * and follows no link beneath its destination. What comes at the top must be what was asked for
 * (`names`). A file appears under its name only whole, checked and synced; until then it has a
 * temporary name in the same directory (path.h).
 *
 * What is kept: content, holes, permission bits, modification time (ns), symbolic links as such.
 * Permission bits are the source's, whatever the umask is: who copies trusts the source with them,
 * as with the content. Not kept: owners, hard links, extended attributes; setuid, setgid and a
 * file's sticky bit are dropped, since the owner is not the same. A file that replaces another one
 * gets that one's owner and group, where we may give them (gl_file_settle()); it is a new
 * file all the same, and other names of the old one go on with the old content. A `whole` file that
 * is there already, as our own and with all that is kept, is synced and stays. A directory that
 * was there before (the destination itself is one) keeps its permissions, and its time is not set,
 * as with cp(1). Sockets, pipes and devices in a tree are problems.
 *
 * On Windows: of the permission bits a file without any for writing is read-only, and that is all;
 * times are kept to 100 ns; links are made where the user may make them. A name that Windows cannot
 * have is a problem (gl_dir_name_trouble()), and so is one that came before in another case.
 *
 * A file's content is what reading it gives: those of proc(5) and sysfs(5) have other sizes than
 * they say, and are read to their end. A file that another program changes meanwhile is copied as
 * it was read, as cp(1) and tar(1) do, at most up to the size that it had first; that is told as a
 * problem (PRECONDITION), since it may be of no one moment.
 */
#ifndef GL_TRANSFER_H
#define GL_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "mux.h"
#include "status.h"

#define GL_TRANSFER_DEPTH_MAX  2048u        /* directories within directories */
#define GL_TRANSFER_INLINE_MAX (32u * 1024) /* bytes of a `whole` file */
#define GL_TRANSFER_KEEP_MIN                                                                       \
    (1024u * 1024) /* an interrupted file with more bytes than this is kept for a resume */

struct gl_transfer;

struct gl_transfer_problem {
    bool by_sender;
    const char *path; /* NUL-terminated and without other NULs; not escaped; cut at its front if it
                         is long */
    enum gl_status status; /* OK: a remark only */
    const char *text;      /* not escaped */
};

struct gl_transfer_counts {
    uint64_t files, directories, links;
    uint64_t bytes;    /* of content that was sent, without holes and what was there already */
    uint64_t problems; /* of both sides, as far as this side knows */
    bool missing;      /* nothing had the destination's name before, as far as this side knows */
};

struct gl_transfer_events {
    /* Something was not copied; the rest goes on. May be NULL. */
    void (*on_problem)(void *ctx, const struct gl_transfer_problem *problem);
    /*
     * This side's part is over: the thread has ended, all its output is queued on the stream. Once,
     * and last; the transfer is freed after it. OK: the whole conversation went well (problems with
     * single files aside). CANCELLED after gl_transfer_cancel(). Otherwise the copy failed as a
     * whole, and `text` is one line, not escaped, that names the path.
     */
    void (*on_done)(void *ctx, enum gl_status status, const char *text,
                    const struct gl_transfer_counts *counts);
};

/*
 * Asks the owner, on the loop, about each path before it is read or written. Paths are then
 * absolute, links resolved, also in problems; and no totals are counted. What is opened is what has
 * this path, without following links; if it has become a link meanwhile, that is a problem
 * (PRECONDITION). OK, or DENIED with
 * *ret_text, valid for the moment. It costs a switch between threads for each file: give it only if
 * the answer depends on the path.
 */
struct gl_transfer_permit {
    enum gl_status (*ask)(void *ctx, const char *path, const char **ret_text); /* NULL: all may */
    void *ctx;
    /* Links of the paths that were given are followed one by one, each only if it may be
     * (gl_disk_resolve_any()), also where nobody is asked; where somebody is they are in any
     * case. */
    bool resolve;
};

struct gl_transfer_send_options {
    const char *const *sources; /* paths, of this system; copied */
    size_t count;
    int stream_fd;  /* -1; or a descriptor whose content is the one source, to be closed by the
                       caller after on_done */
    bool recursive; /* directories too, and links as links */
    bool resume;
    bool totals;  /* count first, for 2 s at most */
    bool streams; /* a named pipe or device is read to its end if it is named as a source and not
                     recursive */
    struct gl_transfer_permit permit;
};

struct gl_transfer_receive_options {
    const char *destination; /* path, of this system; copied */
    int stream_fd;  /* -1; or a descriptor that the content of the one source is written to, closed
                       by the caller */
    bool directory; /* the destination must be a directory: there are several sources */
    bool recursive; /* directories and links may come */
    bool resume;
    bool tell_destination; /* to the sender, who asked for it: TransferDestination */
    /* What may come at the top, by gl_path_base() of the sources, in their order; copied. NULL:
     * anything. */
    const char *const *names;
    size_t count;
    struct gl_transfer_permit permit;
};

/*
 * Start. The stream stays the caller's, who forwards its events by the functions below, and ends it
 * after on_done. UV_EAGAIN: no thread could be made.
 */
int gl_transfer_send(uv_loop_t *loop, struct gl_stream *stream,
                     const struct gl_transfer_send_options *options,
                     const struct gl_transfer_events *events, void *ctx,
                     struct gl_transfer **ret_transfer);
int gl_transfer_receive(uv_loop_t *loop, struct gl_stream *stream,
                        const struct gl_transfer_receive_options *options,
                        const struct gl_transfer_events *events, void *ctx,
                        struct gl_transfer **ret_transfer);

/* The stream's events; slices are taken. */
void gl_transfer_on_message(struct gl_transfer *transfer, struct gl_slice message, size_t charge);
void gl_transfer_on_data(struct gl_transfer *transfer, uint8_t channel, struct gl_slice data,
                         size_t charge);
void gl_transfer_on_eof(struct gl_transfer *transfer);
void gl_transfer_on_sent(struct gl_transfer *transfer);
/*
 * The stream is gone, or shall be: it is not touched any more. The thread stops as soon as it can,
 * tidies up (what is incomplete is removed, or kept for a resume), then on_done comes, with
 * CANCELLED unless all was done already.
 */
void gl_transfer_cancel(struct gl_transfer *transfer);

/* ------------------------------------------------------------------ progress */

enum gl_transfer_phase {
    GL_TRANSFER_COPYING,
    GL_TRANSFER_CHECKING,  /* compares what is there already */
    GL_TRANSFER_FINISHING, /* everything was sent: the receiver writes it to the disk */
};

struct gl_transfer_progress {
    enum gl_transfer_phase phase;
    uint64_t bytes; /* of all files, with what was there already and holes */
    uint64_t moved; /* of these, what went over the link: for the rate */
    uint64_t files;
    uint64_t total_bytes; /* 0: not known */
    uint64_t total_files;
    char name[256]; /* of the present file; not escaped, cut at its front */
};
void gl_transfer_progress(struct gl_transfer *transfer, struct gl_transfer_progress *ret_progress);

#endif
