/* SPDX-License-Identifier: MIT */
/*
 * Calls: one stream is one call of a method of a service (doc/PROTOCOL.md chapter 9).
 *
 * The responder's half finds the method in a table, checks length, form and permission, once, for
 * all services, and gives the handler a decoded request. The opener's half sends a request and
 * hears messages decoded.
 */
#ifndef GL_CALL_H
#define GL_CALL_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "mem.h"
#include "mux.h"
#include "proto/guestlink.pb-c.h"

/* ------------------------------------------------------------------ responder */

struct gl_call; /* a call that this side answers */

/*
 * What a running handler hears; all may be NULL. ctx is what gl_call_handle() was given. Slices are
 * owned by the callee. A peer that sends messages or data where the callback is NULL breaks the
 * method's contract: its stream is reset with INVALID, and on_cancel is called. Every callback may
 * finish the call.
 */
struct gl_call_events {
    void (*on_message)(void *ctx, struct gl_call *call, struct gl_slice message, size_t charge);
    void (*on_data)(void *ctx, struct gl_call *call, uint8_t channel, struct gl_slice data,
                    size_t charge);
    void (*on_eof)(void *ctx, struct gl_call *call);
    /* Queue space came free. */
    void (*on_sent)(void *ctx, struct gl_call *call, size_t credit);
    /*
     * The caller went away, or the session ended. At most once, and nothing else is called after
     * it. The handler cleans up, in its own time, and then calls gl_call_finish().
     */
    void (*on_cancel)(void *ctx, struct gl_call *call, enum gl_status status);
};

/* What a request names, as it stands there. The texts are the receiver's; NULL: it names none. */
struct gl_call_target {
    char *program, *user, *path;
    size_t paths; /* of which `path` is the first */
};

struct gl_method {
    const char *name;
    const ProtobufCMessageDescriptor *request;
    size_t request_max; /* bytes */
    /*
     * Starts the call. The request is freed after it returns. The handler either finishes the call
     * before it returns, or has called gl_call_handle().
     */
    void (*start)(struct gl_call *call, const ProtobufCMessage *request);
    /*
     * The handler asks its side's policy once more, about what only it can tell (program, path,
     * account): the gate lets a call pass whose answer depends on that. Without it such a call is
     * refused.
     */
    bool asks;
    /* For whoever records calls, also those that never reach the handler. May be NULL. */
    void (*about)(const ProtobufCMessage *request, struct gl_call_target *ret_target);
};

struct gl_service {
    const char *name;
    uint32_t version;
    const char *group;               /* for policies: "inspect", "run", "files", "manage" */
    const struct gl_method *methods; /* ends with a NULL name */
};

/* A side's table and its gate. */
struct gl_dispatch {
    const struct gl_service *const *services; /* sorted by name, ends with NULL */
    /*
     * May this call start? GL_STATUS_OK, or DENIED with *ret_text (static or valid for the moment).
     * Also the place for audit. NULL: all may.
     */
    enum gl_status (*allow)(void *ctx, struct gl_call *call, const struct gl_service *service,
                            const struct gl_method *method, const ProtobufCMessage *request,
                            const char **ret_text);
    /*
     * A call that was allowed is over (audit): with the status that its handler gave, or, if it was
     * cancelled, the one that cancelled it. Exactly once a call. May be NULL.
     */
    void (*ended)(void *ctx, struct gl_call *call, enum gl_status status);
    void *ctx;
};

/*
 * For a link's on_open: takes the OPEN's payload and the stream. In this order: decodes the Open
 * (INVALID), finds the method (UNSUPPORTED), checks the request's length and form (INVALID), asks
 * `allow`, starts the handler. `dispatch` must outlive all calls.
 */
void gl_call_dispatch(const struct gl_dispatch *dispatch, struct gl_stream *stream,
                      struct gl_slice open);
/*
 * The same when the Open was decoded already (the host daemon looks at target first); `open` stays
 * the caller's.
 */
void gl_call_dispatch_open(const struct gl_dispatch *dispatch, struct gl_stream *stream,
                           const Gl__Open *open);

void *gl_call_dispatch_context(const struct gl_call *call); /* dispatch->ctx */
const struct gl_service *gl_call_service(const struct gl_call *call);
const struct gl_method *gl_call_method(const struct gl_call *call);
/* With UNSUPPORTED: no such service or method here, as a peer of another version may say; clients
 * tell it by this text from what a system lacks. */
#define GL_CALL_UNKNOWN "no such service or method"

#define GL_CALLER_NO_UID UINT32_MAX /* Caller.uid: the host's users have no numbers */
const Gl__Caller *gl_call_caller(const struct gl_call *call); /* never NULL; fields may be empty */
struct gl_stream *gl_call_stream(struct gl_call *call);       /* NULL once cancelled */

void gl_call_handle(struct gl_call *call, const struct gl_call_events *events, void *ctx);
/* Any protobuf-c message. 0 also when cancelled (dropped); else as gl_stream_send_message(). */
int gl_call_reply(struct gl_call *call, const void *message);
/* The same with what is a secret: what is made of it here is wiped, and by whoever gets it. */
int gl_call_reply_secret(struct gl_call *call, const void *message);
/* Takes the reference in any case. 0 also when cancelled (dropped). */
int gl_call_send_data(struct gl_call *call, uint8_t channel, struct gl_slice data);
/* As gl_stream_queued(); stop at GL_STREAM_QUEUE until on_sent. */
size_t gl_call_queued(const struct gl_call *call);
void gl_call_consume(struct gl_call *call, size_t charge);
/*
 * For a handler: the peer sent data or a message that breaks the method's contract. RESET(INVALID,
 * why), then on_cancel from within, unless the call is cancelled already.
 */
void gl_call_refuse_input(struct gl_call *call, const char *why);
bool gl_call_is_cancelled(const struct gl_call *call);
/*
 * CLOSE(status, text), after what is queued. The call is freed; call it exactly once, also after
 * on_cancel: in start(), in any callback, or later. The text is escaped (escape.h) and cut at
 * GL_STATUS_TEXT_MAX; format may be NULL for none.
 */
void gl_call_finish(struct gl_call *call, enum gl_status status, const char *format, ...)
    GL_PRINTF(3, 4);

/* ------------------------------------------------------------------ opener */

/*
 * Opens a stream with an Open of these fields; target may be NULL. `request` is any protobuf-c
 * message. flags: as gl_stream_open(); GL_FLAG_SECRET: the request holds a secret, and all that is
 * made of it here is wiped, and by whoever gets it. Events are the stream's own (mux.h);
 * gl_message_unpack() decodes what comes. Errors are those of gl_stream_open().
 */
int gl_call_open(struct gl_mux *mux, const char *service, const char *method, const char *target,
                 const void *request, unsigned flags, const struct gl_stream_events *events,
                 void *ctx, struct gl_stream **ret_stream);

#endif
