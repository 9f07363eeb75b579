/* SPDX-License-Identifier: MIT */
/*
 * Blocks of bytes with a count of references, and slices of them.
 *
 * A payload that comes from a socket is passed from hand to hand as a slice and not copied. The
 * count is atomic, so a slice may be released on another thread than the loop's; the bytes
 * themselves are not changed once a slice of them was given away.
 */
#ifndef GL_BUF_H
#define GL_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gl_block; /* opaque: reference count, capacity, bytes */

/* Never NULL (see mem.h); one reference, the caller's. `capacity` in bytes. */
struct gl_block *gl_block_new(size_t capacity);
struct gl_block *gl_block_ref(struct gl_block *block);
void gl_block_unref(struct gl_block *block); /* NULL is fine */
uint8_t *gl_block_data(struct gl_block *block);
size_t gl_block_capacity(const struct gl_block *block);
/* Whether there is another reference than the caller's own: then the bytes must not be changed. */
bool gl_block_is_shared(const struct gl_block *block);
/* The block holds a secret: its bytes are wiped, all of them, when the last reference goes. Cannot
 * be taken back. Whoever marks it has a reference. */
void gl_block_set_secret(struct gl_block *block);
bool gl_block_is_secret(const struct gl_block *block);

/* A part of a block. Holds one reference if `block` is not NULL. An empty slice has block NULL. */
struct gl_slice {
    struct gl_block *block;
    const uint8_t *data;
    size_t len;
};

#define GL_SLICE_EMPTY ((struct gl_slice){NULL, NULL, 0})

/* New reference to block[offset, offset+len). */
struct gl_slice gl_slice_of(struct gl_block *block, size_t offset, size_t len);
/* A block of its own with a copy of the bytes. */
struct gl_slice gl_slice_copy(const void *data, size_t len);
/* The first `len` bytes of a block into which was read: a copy, if they are fewer than
 * `copy_below`, else the block itself, and *block is NULL afterwards. So no slice keeps a block
 * that is mostly empty. A secret block's copy is secret, too. */
struct gl_slice gl_slice_take(struct gl_block **block, size_t len, size_t copy_below);
/* Another reference to the same bytes, or to a part of them. */
struct gl_slice gl_slice_ref(struct gl_slice slice);
struct gl_slice gl_slice_sub(struct gl_slice slice, size_t offset, size_t len);
/* Gives up the reference and empties the slice. */
void gl_slice_unref(struct gl_slice *slice);
/*
 * Marks the block as holding a secret. A secret slice that is sent as an OPEN or a MESSAGE is one
 * for whoever gets it, too (GL_FLAG_SECRET), and so are its copies here. Nothing for an empty one.
 */
void gl_slice_set_secret(struct gl_slice slice);
bool gl_slice_is_secret(struct gl_slice slice);

#endif
