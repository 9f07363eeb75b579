/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include <stdatomic.h>
#include <string.h>

#include "mem.h"

struct gl_block {
    atomic_uint refs;
    bool secret; /* set by somebody with a reference, read by the last: the count orders the two */
    size_t capacity;
    uint8_t data[];
};

struct gl_block *gl_block_new(size_t capacity)
{
    size_t size;
    /* A sum that wraps cannot be allocated either: let gl_alloc say so. */
    if (__builtin_add_overflow(capacity, sizeof(struct gl_block), &size))
        size = SIZE_MAX;
    struct gl_block *block = gl_alloc(size);
    atomic_init(&block->refs, 1);
    block->secret = false;
    block->capacity = capacity;
    return block;
}

struct gl_block *gl_block_ref(struct gl_block *block)
{
    atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    return block;
}

void gl_block_unref(struct gl_block *block)
{
    if (!block)
        return;
    /* Release: what this thread read is read before; acquire: the last one frees after all others.
     */
    if (atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (block->secret)
        gl_secure_free(block, sizeof(*block) + block->capacity);
    else
        gl_free(block);
}

void gl_block_set_secret(struct gl_block *block)
{
    block->secret = true;
}

bool gl_block_is_secret(const struct gl_block *block)
{
    return block->secret;
}

uint8_t *gl_block_data(struct gl_block *block)
{
    return block->data;
}

size_t gl_block_capacity(const struct gl_block *block)
{
    return block->capacity;
}

bool gl_block_is_shared(const struct gl_block *block)
{
    /* Acquire: whoever gave up the last other reference has finished reading. */
    return atomic_load_explicit(&block->refs, memory_order_acquire) > 1;
}

struct gl_slice gl_slice_of(struct gl_block *block, size_t offset, size_t len)
{
    if (!len)
        return GL_SLICE_EMPTY;
    return (struct gl_slice){gl_block_ref(block), block->data + offset, len};
}

struct gl_slice gl_slice_copy(const void *data, size_t len)
{
    if (!len)
        return GL_SLICE_EMPTY;
    struct gl_block *block = gl_block_new(len);
    memcpy(block->data, data, len);
    return (struct gl_slice){block, block->data, len};
}

struct gl_slice gl_slice_take(struct gl_block **block, size_t len, size_t copy_below)
{
    if (len < copy_below) {
        struct gl_slice copy = gl_slice_copy((*block)->data, len);
        if ((*block)->secret)
            gl_slice_set_secret(copy);
        return copy;
    }
    struct gl_slice slice = gl_slice_of(*block, 0, len);
    gl_block_unref(*block);
    *block = NULL;
    return slice;
}

struct gl_slice gl_slice_ref(struct gl_slice slice)
{
    if (slice.block)
        gl_block_ref(slice.block);
    return slice;
}

struct gl_slice gl_slice_sub(struct gl_slice slice, size_t offset, size_t len)
{
    if (!len)
        return GL_SLICE_EMPTY;
    if (slice.block)
        gl_block_ref(slice.block);
    return (struct gl_slice){slice.block, slice.data + offset, len};
}

void gl_slice_unref(struct gl_slice *slice)
{
    gl_block_unref(slice->block);
    *slice = GL_SLICE_EMPTY;
}

void gl_slice_set_secret(struct gl_slice slice)
{
    if (slice.block)
        gl_block_set_secret(slice.block);
}

bool gl_slice_is_secret(struct gl_slice slice)
{
    return slice.block && gl_block_is_secret(slice.block);
}
