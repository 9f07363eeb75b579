/* SPDX-License-Identifier: MIT */
/*
 * Who this guest is: a key that is made at the first start and kept in the state directory with the
 * id of the machine that it was made on. On another machine (the disk was copied) a new one is
 * made, and a note signed by the old key says so to hosts (chapter 4 of the design).
 *
 *   agent.key   the key (key.h)
 *   rekey       SignedRekey from the key before, if there was one
 *   site.cert   SignedCertificate that a host's site gave to the key
 */
#ifndef GL_AGENT_IDENTITY_H
#define GL_AGENT_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "key.h"

struct gl_identity {
    char *dir;
    struct gl_key key;
    bool has_machine;
    uint8_t machine[GL_MACHINE_SIZE];
    struct gl_slice rekey;       /* or empty */
    struct gl_slice certificate; /* or empty */
};

/*
 * Loads or makes it. machine: of the machine that we run on, NULL if it has none. 0, or negative
 * UV_E* with *ret_error one line, for gl_free().
 */
int gl_identity_load(const char *dir, const uint8_t *machine, struct gl_identity *ret_identity,
                     char **ret_error);
void gl_identity_done(struct gl_identity *identity); /* wipes the key */

/* A host's WELCOME gave a certificate: kept and shown from now on, if it is a valid one for this
 * key. */
void gl_identity_take_certificate(struct gl_identity *identity, struct gl_slice certificate,
                                  uint64_t now_s);

#endif
