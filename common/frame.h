/* SPDX-License-Identifier: MIT */
/* Frame headers: doc/PROTOCOL.md chapter 2. Pure functions. */
#ifndef GL_FRAME_H
#define GL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define GL_FRAME_HEADER    12 /* bytes */
#define GL_PAYLOAD_MIN_CAP 4096u
#define GL_PAYLOAD_MAX_CAP (256u * 1024)
#define GL_MESSAGE_MAX     (256u * 1024)
#define GL_STATUS_TEXT_MAX 1024u /* bytes of text in CLOSE, RESET, GOODBYE */

enum gl_frame_type {
    GL_FRAME_HELLO_A = 0x01,
    GL_FRAME_HELLO_B = 0x02,
    GL_FRAME_AUTH_A = 0x03,
    GL_FRAME_WELCOME = 0x04,
    GL_FRAME_RESUME = 0x05,
    GL_FRAME_OPEN = 0x10,
    GL_FRAME_MESSAGE = 0x11,
    GL_FRAME_DATA = 0x12,
    GL_FRAME_EOF = 0x13,
    GL_FRAME_CLOSE = 0x14,
    GL_FRAME_RESET = 0x15,
    GL_FRAME_WINDOW = 0x16,
    GL_FRAME_ACK = 0x20,
    GL_FRAME_PING = 0x22,
    GL_FRAME_PONG = 0x23,
    GL_FRAME_GOODBYE = 0x24,
};

#define GL_FLAG_INTERACTIVE 0x01u /* OPEN */
#define GL_FLAG_MORE        0x02u /* OPEN, MESSAGE */
#define GL_FLAG_SECRET      0x04u /* OPEN, MESSAGE: whoever holds the payload wipes it */

struct gl_frame {
    uint8_t type; /* enum gl_frame_type */
    uint8_t flags;
    uint8_t channel;
    uint32_t stream;
    uint32_t length; /* of the payload, bytes */
};

void gl_frame_encode(uint8_t out[GL_FRAME_HEADER], const struct gl_frame *frame);

/*
 * Decodes and checks everything that can be judged from the header alone: known type, flags allowed
 * for it, channel and reserved byte, stream zero or not, length within the type's bounds and `cap`.
 * Returns 0, or UV_EPROTO with *ret_why set to a static text.
 */
int gl_frame_decode(const uint8_t in[GL_FRAME_HEADER], uint32_t cap, struct gl_frame *ret_frame,
                    const char **ret_why);

bool gl_frame_is_sequenced(uint8_t type);
const char *gl_frame_type_name(uint8_t type); /* "OPEN"; "?" for an unknown one */

void gl_put_u16(uint8_t *out, uint16_t v); /* little-endian, unaligned */
void gl_put_u32(uint8_t *out, uint32_t v);
void gl_put_u64(uint8_t *out, uint64_t v);
uint16_t gl_get_u16(const uint8_t *in);
uint32_t gl_get_u32(const uint8_t *in);
uint64_t gl_get_u64(const uint8_t *in);

#endif
