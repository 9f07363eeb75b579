/* SPDX-License-Identifier: MIT */
#include "link-input.h"

#include <sodium.h>
#include <string.h>

#include "frame.h"
#include "mux.h"

#define BLOCK_MIN (64u * 1024)
#define BLOCK_MAX (256u * 1024)
/* Beyond the frames that fill a block: their headers, and the beginning of what follows them. */
#define SLACK 4096u
/* What remains of a block is used while it is at least this; else reading stops near the frame's
 * end. */
#define REMAINDER_MIN (BLOCK_MIN / 2)

void gl_link_input_init(struct gl_link_input *input, uint32_t payload_max)
{
    *input = (struct gl_link_input){.block_size = 4 * (size_t)payload_max};
    if (input->block_size < BLOCK_MIN)
        input->block_size = BLOCK_MIN;
    if (input->block_size > BLOCK_MAX)
        input->block_size = BLOCK_MAX;
    input->block_size += SLACK;
}

void gl_link_input_done(struct gl_link_input *input)
{
    gl_link_input_drop(input);
    gl_block_unref(input->block);
    *input = (struct gl_link_input){0};
}

/* Slices may refer to what is before `begin`, and to frames that were parsed just now, but never to
 * a secret's bytes. */
void gl_link_input_drop(struct gl_link_input *input)
{
    if (input->block)
        gl_mux_wipe_secrets(gl_block_data(input->block) + input->begin, input->end - input->begin);
    input->begin = input->end;
}

void gl_link_input_shrink(struct gl_link_input *input)
{
    if (input->begin != input->end)
        return;
    gl_block_unref(input->block);
    input->block = NULL;
    input->begin = input->end = 0;
}

/* To the front of this block if nobody else has it, else into a new one. */
static void move(struct gl_link_input *input, size_t need)
{
    struct gl_block *old = input->block;
    size_t len = input->end - input->begin;
    if (!old || gl_block_is_shared(old) || gl_block_capacity(old) < need) {
        size_t size = input->block_size;
        if (size < need)
            size = need + SLACK;
        input->block = gl_block_new(size);
    }
    if (len)
        memmove(gl_block_data(input->block), gl_block_data(old) + input->begin, len);
    /* It may be a secret's, and is nobody else's: the copy alone stays. */
    if (len && input->block != old)
        sodium_memzero(gl_block_data(old) + input->begin, len);
    else if (len && input->begin)
        sodium_memzero(gl_block_data(old) + len, input->end - len);
    if (input->block != old)
        gl_block_unref(old);
    input->begin = 0;
    input->end = len;
}

uint8_t *gl_link_input_room(struct gl_link_input *input, size_t *ret_len)
{
    size_t pending = input->end - input->begin;
    /* The whole of the frame that has begun. Its length is bounded by the mux before we come here
     * again. */
    size_t need = GL_FRAME_HEADER;
    if (pending)
        need = gl_mux_frame_size(gl_block_data(input->block) + input->begin, pending);
    if (need <= pending)
        need = pending + 1;
    if (!pending && input->block && !gl_block_is_shared(input->block))
        input->begin = input->end = 0;

    if (!input->block || input->begin + need > gl_block_capacity(input->block) ||
        (!pending && gl_block_capacity(input->block) - input->end < REMAINDER_MIN))
        move(input, need);

    size_t stop = gl_block_capacity(input->block);
    size_t frame_end = input->begin + need;
    if (stop - frame_end < REMAINDER_MIN && frame_end + GL_FRAME_HEADER < stop &&
        need > REMAINDER_MIN)
        stop = frame_end + GL_FRAME_HEADER;
    *ret_len = stop - input->end;
    return gl_block_data(input->block) + input->end;
}

void gl_link_input_add(struct gl_link_input *input, size_t len)
{
    input->end += len;
}

void gl_link_input_append(struct gl_link_input *input, const uint8_t *data, size_t len)
{
    if (!input->block || gl_block_is_shared(input->block) ||
        gl_block_capacity(input->block) - input->end < len)
        move(input, input->end - input->begin + len);
    if (len)
        memcpy(gl_block_data(input->block) + input->end, data, len);
    input->end += len;
}
