/* SPDX-License-Identifier: MIT */
/*
 * The blocks that a link reads into, and the part of them that was not parsed yet.
 *
 * Payloads are handed on as slices of the block that they were read into. So a block whose slices
 * are still held somewhere is not written over, a frame lies in one block whole, and the choice of
 * room keeps the copying for that small.
 */
#ifndef GL_LINK_INPUT_H
#define GL_LINK_INPUT_H

#include <stdint.h>

#include "buf.h"

struct gl_link_input {
    struct gl_block *block; /* NULL: none yet */
    size_t begin, end;      /* not parsed: data[begin, end) */
    size_t block_size;
};

/* payload_max of the session, bytes. */
void gl_link_input_init(struct gl_link_input *input, uint32_t payload_max);
void gl_link_input_done(struct gl_link_input *input);
/* Where to read into, at least 1 byte, valid until the next call here. */
uint8_t *gl_link_input_room(struct gl_link_input *input, size_t *ret_len);
/* So much was read into the room. */
void gl_link_input_add(struct gl_link_input *input, size_t len);
/* Copies bytes in, any number. */
void gl_link_input_append(struct gl_link_input *input, const uint8_t *data, size_t len);
/* Forgets what was not parsed. Secrets in it are wiped, here and wherever it is moved from. */
void gl_link_input_drop(struct gl_link_input *input);
/* Gives up the block if it is empty. */
void gl_link_input_shrink(struct gl_link_input *input);

#endif
