/* SPDX-License-Identifier: MIT */
/*
 * The handshake (doc/PROTOCOL.md chapter 3) as a state machine without I/O or clock.
 *
 * The caller feeds bytes, writes gl_handshake_output(), and asks gl_handshake_state() what to
 * decide. Time limits are the caller's (greet.h).
 */
#ifndef GL_HANDSHAKE_H
#define GL_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "key.h"
#include "mux.h"

#define GL_PROTOCOL_VERSION          1u
#define GL_HANDSHAKE_INPUT_MAX       4096u /* bytes that A may send until it is proven */
#define GL_HANDSHAKE_CERTIFICATE_MAX 1024u /* bytes, packed */

enum gl_handshake_state {
    GL_HANDSHAKE_WAIT,   /* more bytes are needed */
    GL_HANDSHAKE_CHECK,  /* A: B's signature is good; the caller judges peer.key, then
                            gl_handshake_trust() or _fail() */
    GL_HANDSHAKE_PROVEN, /* B: A's signature is good; the caller calls _fresh(), _offer() or _fail()
                          */
    GL_HANDSHAKE_OFFERED, /* A: WELCOME(RESUME) came; the caller checks welcome.record, then
                             _accept() or _refuse() */
    GL_HANDSHAKE_REFUSED, /* B: A refused the resume; the caller ends the session, then _fresh() */
    GL_HANDSHAKE_DONE,    /* the mux may start when the output is written; see welcome.resume */
    GL_HANDSHAKE_FAILED,  /* see gl_handshake_error(); write the output (a GOODBYE, perhaps), close
                           */
};

/* What one side says of itself. */
struct gl_hello {
    int role;                 /* Gl__Role */
    uint8_t key[GL_KEY_SIZE]; /* zero on local sockets */
    uint8_t instance[GL_ID_SIZE];
    uint32_t payload_max, streams_max;
    char software[64];
    char name[256]; /* proposal; UTF-8, no control characters are promised: escape it */
    uint8_t machine[GL_MACHINE_SIZE];
    bool has_machine;
    bool has_certificate; /* form and signature were checked, and certificate.key is this key */
    struct gl_certificate certificate;
    bool certificate_expired; /* it was sound otherwise, and counts as none */
    bool has_rekey;           /* signature was checked */
    uint8_t old_key[GL_KEY_SIZE];
    bool has_resume;
    struct gl_resume_record resume;
};

struct gl_welcome {
    bool resume;
    uint8_t session[GL_ID_SIZE];
    uint64_t epoch;
    struct gl_resume_record record; /* with resume: B's */
    enum gl_resume_reason refused;  /* why a resume is not given; B in REFUSED: what A said */
    char name[256];                 /* the host's name for the guest */
    struct gl_slice certificate;    /* SignedCertificate or empty; owned by the handshake */
};

struct gl_handshake_config {
    enum gl_side side;
    bool local;               /* control socket: no keys. Never negotiated. */
    struct gl_hello hello;    /* role, instance, limits, software, name, machine, resume (A); key is
                                 taken from `key` */
    const struct gl_key *key; /* must outlive the handshake; NULL if local */
    /*
     * A SignedCertificate and a SignedRekey to show, or empty; referenced. One that is longer than
     * GL_HANDSHAKE_CERTIFICATE_MAX is left out: whoever stores what a peer gave him cannot be
     * brought to say too long a hello.
     */
    struct gl_slice certificate, rekey;
    int peer_role;        /* the Gl__Role that the other side must have */
    uint64_t now_s;       /* wall clock, for certificates */
    const uint8_t *nonce; /* 32 bytes for tests; NULL: random */
};

struct gl_handshake;
struct gl_handshake *gl_handshake_new(const struct gl_handshake_config *config);
void gl_handshake_free(struct gl_handshake *h);

/*
 * The bytes may come in any pieces; a part of a frame is kept here.
 * Takes at most one frame's worth of decisions: stops after the frame that leaves the state WAIT.
 * *ret_used bytes were used; what follows DONE belongs to the mux. Returns the new state.
 */
enum gl_handshake_state gl_handshake_receive(struct gl_handshake *h, const uint8_t *data,
                                             size_t len, size_t *ret_used);
enum gl_handshake_state gl_handshake_state(const struct gl_handshake *h);
/* Bytes to write; valid until the next call. gl_handshake_written() removes them. */
struct gl_iov gl_handshake_output(const struct gl_handshake *h);
void gl_handshake_written(struct gl_handshake *h, size_t bytes);

const struct gl_hello *gl_handshake_peer(const struct gl_handshake *h); /* from CHECK / PROVEN on */
const struct gl_welcome *
gl_handshake_welcome(const struct gl_handshake *h);              /* from OFFERED / DONE on */
uint32_t gl_handshake_payload_max(const struct gl_handshake *h); /* the smaller of both */

/* Decisions. In another state than the one named they do nothing (it may have failed meanwhile). */
void gl_handshake_trust(struct gl_handshake *h); /* A, in CHECK */
/* B, in PROVEN or REFUSED. name and certificate may be NULL / empty. */
void gl_handshake_fresh(struct gl_handshake *h, const uint8_t session[GL_ID_SIZE],
                        enum gl_resume_reason refused, const char *name,
                        struct gl_slice certificate);
/* B, in PROVEN; name and certificate as above. `epoch` is record->epoch + 1, whatever A's is: A
 * ends the handshake otherwise. */
void gl_handshake_offer(struct gl_handshake *h, const struct gl_resume_record *record,
                        uint64_t epoch, const char *name, struct gl_slice certificate);
void gl_handshake_accept(struct gl_handshake *h);                               /* A, in OFFERED */
void gl_handshake_refuse(struct gl_handshake *h, enum gl_resume_reason reason); /* A, in OFFERED */
/*
 * Any time: GOODBYE(status, text) is put out and the state is FAILED. B before PROVEN:
 * GOODBYE(PROTOCOL) without text is sent instead (or UNSUPPORTED, which tells of versions only).
 */
void gl_handshake_fail(struct gl_handshake *h, enum gl_status status, const char *text);

/*
 * FAILED: what happened, and whether the peer said so (its GOODBYE; text may hold anything: escape
 * it). The out-parameters may be NULL.
 */
const char *gl_handshake_error(const struct gl_handshake *h, enum gl_status *ret_status,
                               bool *ret_by_peer);

#endif
