/* SPDX-License-Identifier: MIT */
/* Hellos and resume records, to bytes and back: the part of the handshake that has no state. */
#ifndef GL_HELLO_H
#define GL_HELLO_H

#include "handshake.h"
#include "proto/guestlink.pb-c.h"

#define GL_NONCE_SIZE    32u
#define GL_HELLO_MAGIC   "guestlnk"
#define GL_HELLO_MAGIC_N 8u

/* What config says of this side, as it goes over the wire: the magic and a Hello. */
struct gl_slice gl_hello_encode(const struct gl_handshake_config *config,
                                const uint8_t nonce[GL_NONCE_SIZE]);

/*
 * Decodes and judges what the peer sent, all but its signature, as `config` wants it of its peer:
 * role, keys or none, sizes, versions, certificate, announcement. `own_nonce` is refused as a
 * peer's: somebody echoes. Returns GL_STATUS_OK; GL_STATUS_UNSUPPORTED: no version in common;
 * GL_STATUS_PROTOCOL: anything else; with *ret_why set to a static text. `data` is hostile.
 */
enum gl_status gl_hello_decode(const struct gl_handshake_config *config,
                               const uint8_t own_nonce[GL_NONCE_SIZE], const uint8_t *data,
                               size_t len, struct gl_hello *ret_hello, const char **ret_why);

/* The message's bytes fields point into `record`. */
void gl_record_to_message(const struct gl_resume_record *record, Gl__ResumeRecord *ret_message);
/* 0, or UV_EINVAL if an id has another length. */
int gl_record_from_message(const Gl__ResumeRecord *message, struct gl_resume_record *ret_record);

#endif
