/* SPDX-License-Identifier: MIT */
/*
 * XXH3: streaming digests of 128 bits for the content of copied files, and hashes of 64 bits for
 * the running hash of a session's frames. They find damage, not forgery. The bytes of a digest are
 * xxHash's canonical form (big-endian), so that they are the same on every system:
 * https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md.
 *
 * The state lives on the heap since it must be aligned to 64 bytes.
 */
#ifndef GL_DIGEST_H
#define GL_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define GL_DIGEST_SIZE      16
#define GL_DIGEST_TEXT_SIZE (2 * GL_DIGEST_SIZE + 1)

struct gl_digest {
    void *state;
};

/* Allocates; gl_digest_done frees. */
void gl_digest_init(struct gl_digest *digest);
void gl_digest_done(struct gl_digest *digest);
/* Starts again. */
void gl_digest_reset(struct gl_digest *digest);
void gl_digest_update(struct gl_digest *digest, const void *data, size_t len);
/* The digest of all bytes so far; one may go on afterwards. */
void gl_digest_final(const struct gl_digest *digest, uint8_t ret_bytes[GL_DIGEST_SIZE]);
/* In one go. */
void gl_digest_of(const void *data, size_t len, uint8_t ret_bytes[GL_DIGEST_SIZE]);
/* 32 lower-case hex digits. Returns buf. */
char *gl_digest_format(const uint8_t bytes[GL_DIGEST_SIZE], char buf[GL_DIGEST_TEXT_SIZE]);

/*
 * XXH3-64 with a seed, in one go. The seed chains: the running hash of a session is
 * gl_hash64(payload, len, gl_hash64(header, len, hash so far)), see doc/PROTOCOL.md.
 */
uint64_t gl_hash64(const void *data, size_t len, uint64_t seed);

#endif
