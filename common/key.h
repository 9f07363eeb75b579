/* SPDX-License-Identifier: MIT */
/*
 * Keys and certificates (doc/PROTOCOL.md chapter 3): Ed25519 by libsodium. Pure but for
 * gl_key_load/save, which read and write one file (key-file.c, over secret-file.h).
 */
#ifndef GL_KEY_H
#define GL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define GL_KEY_SIZE         32u /* public key, bytes */
#define GL_SECRET_SIZE      64u
#define GL_SIGNATURE_SIZE   64u
#define GL_FINGERPRINT_SIZE 65u /* hex of SHA-256 of the public key, and NUL */
#define GL_MACHINE_SIZE     16u /* SMBIOS UUID */

struct gl_key {
    uint8_t public_key[GL_KEY_SIZE];
    uint8_t secret[GL_SECRET_SIZE];
};

/* Call once before anything else here. */
int gl_key_global_init(void);

void gl_key_generate(struct gl_key *ret_key);
void gl_key_wipe(struct gl_key *key);
/*
 * Whether these bytes can be somebody's public key: a point of the main subgroup in its only
 * encoding, so neither zeros nor one of the few points for which anybody can make signatures.
 */
bool gl_key_is_usable(const uint8_t public_key[GL_KEY_SIZE]);
/* Lower-case hex of the SHA-256 of the 32 bytes. */
void gl_key_fingerprint(const uint8_t public_key[GL_KEY_SIZE], char ret_text[GL_FINGERPRINT_SIZE]);

/*
 * Signature (plain Ed25519, RFC 8032) over label, one 0 byte, and the parts one after the other. A
 * public key that is not usable verifies nothing.
 */
void gl_key_sign(const struct gl_key *key, const char *label, const struct gl_slice *parts,
                 size_t n, uint8_t ret_signature[GL_SIGNATURE_SIZE]);
bool gl_key_verify(const uint8_t public_key[GL_KEY_SIZE], const char *label,
                   const struct gl_slice *parts, size_t n,
                   const uint8_t signature[GL_SIGNATURE_SIZE]);

/*
 * A key file: "guestlink key 1", the secret seed in base64, and optionally the machine id that it
 * was made on in hex, a line each.
 *
 * Load: UV_ENOENT; UV_EACCES unless it is the caller's own with mode 0600 exactly, UV_ELOOP for a
 * symbolic link (more: secret-file.h); UV_EINVAL: not a key file. ret_machine (untouched if the
 * file has none) and ret_has_machine may be NULL. Wipe the key when done with it.
 */
int gl_key_load(const char *path, struct gl_key *ret_key, uint8_t ret_machine[GL_MACHINE_SIZE],
                bool *ret_has_machine);
/* Makes the file anew (temporary name, fsync, rename), mode 0600. machine may be NULL. */
int gl_key_save(const char *path, const struct gl_key *key, const uint8_t *machine);

/* Certificates: role is a Gl__Role. `not_after` in seconds since 1970, 0: no end. */
struct gl_certificate {
    uint8_t key[GL_KEY_SIZE];
    uint8_t site[GL_KEY_SIZE];
    char name[256];
    int role;
    uint64_t not_after;
};
/* A SignedCertificate, packed. `name`: UTF-8, at most 255 bytes. */
struct gl_slice gl_certificate_make(const struct gl_key *site, const uint8_t key[GL_KEY_SIZE],
                                    const char *name, int role, uint64_t not_after);
/*
 * Checks form, signature and expiry at `now_s`: UV_EINVAL, UV_EACCES (signature), UV_ETIMEDOUT
 * (expired). The role is GUEST or HOST. Whose key it certifies, and whether the site is ours, is
 * the caller's to compare.
 */
int gl_certificate_check(const uint8_t *data, size_t len, uint64_t now_s,
                         struct gl_certificate *ret_certificate);

/* SignedRekey: announces that `new_key` replaces `old` (a cloned image); machine may be NULL. */
struct gl_slice gl_rekey_make(const struct gl_key *old, const uint8_t new_key[GL_KEY_SIZE],
                              const uint8_t machine[GL_MACHINE_SIZE]);
/* UV_EINVAL: form, or not for new_key; UV_EACCES: signature. */
int gl_rekey_check(const uint8_t *data, size_t len, const uint8_t new_key[GL_KEY_SIZE],
                   uint8_t ret_old_key[GL_KEY_SIZE]);

#endif
