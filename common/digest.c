/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_XXH_DISPATCH
#include <xxh_x86dispatch.h>
#else
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

_Static_assert(sizeof(XXH128_canonical_t) == GL_DIGEST_SIZE, "a digest is 128 bits");

/* xxHash aligns what it allocates itself. */
static void *new_state(void)
{
    XXH3_state_t *state = XXH3_createState();
    if (!state) {
        fputs("guestlink: out of memory\n", stderr);
        abort();
    }
    return state;
}

static void put_canonical(XXH128_hash_t value, uint8_t ret_bytes[GL_DIGEST_SIZE])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, value);
    memcpy(ret_bytes, canonical.digest, GL_DIGEST_SIZE);
}

void gl_digest_init(struct gl_digest *digest)
{
    digest->state = new_state();
    gl_digest_reset(digest);
}

void gl_digest_done(struct gl_digest *digest)
{
    XXH3_freeState(digest->state);
    digest->state = NULL;
}

void gl_digest_reset(struct gl_digest *digest)
{
    XXH3_128bits_reset(digest->state);
}

void gl_digest_update(struct gl_digest *digest, const void *data, size_t len)
{
    if (len)
        XXH3_128bits_update(digest->state, data, len);
}

void gl_digest_final(const struct gl_digest *digest, uint8_t ret_bytes[GL_DIGEST_SIZE])
{
    put_canonical(XXH3_128bits_digest(digest->state), ret_bytes);
}

void gl_digest_of(const void *data, size_t len, uint8_t ret_bytes[GL_DIGEST_SIZE])
{
    put_canonical(XXH3_128bits(data, len), ret_bytes);
}

char *gl_digest_format(const uint8_t bytes[GL_DIGEST_SIZE], char buf[GL_DIGEST_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < GL_DIGEST_SIZE; i++) {
        buf[2 * i] = digits[bytes[i] >> 4];
        buf[2 * i + 1] = digits[bytes[i] & 15];
    }
    buf[GL_DIGEST_TEXT_SIZE - 1] = '\0';
    return buf;
}

uint64_t gl_hash64(const void *data, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, len, seed);
}
