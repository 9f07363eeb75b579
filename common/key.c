/* SPDX-License-Identifier: MIT */
#include "key.h"

#include <sodium.h>
#include <string.h>
#include <uv.h>

#include "mem.h"
#include "message.h"
#include "proto/guestlink.pb-c.h"

#define LABEL_CERTIFICATE "guestlink/1 certificate"
#define LABEL_REKEY       "guestlink/1 rekey"

_Static_assert(GL_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "public key");
_Static_assert(GL_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "secret key");
_Static_assert(GL_SIGNATURE_SIZE == crypto_sign_BYTES, "signature");

int gl_key_global_init(void)
{
    return sodium_init() < 0 ? UV_EIO : 0;
}

void gl_key_generate(struct gl_key *ret_key)
{
    crypto_sign_keypair(ret_key->public_key, ret_key->secret);
}

void gl_key_wipe(struct gl_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

bool gl_key_is_usable(const uint8_t public_key[GL_KEY_SIZE])
{
    return crypto_core_ed25519_is_valid_point(public_key) == 1;
}

void gl_key_fingerprint(const uint8_t public_key[GL_KEY_SIZE], char ret_text[GL_FINGERPRINT_SIZE])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, public_key, GL_KEY_SIZE);
    sodium_bin2hex(ret_text, GL_FINGERPRINT_SIZE, hash, sizeof(hash));
}

/* ------------------------------------------------------------------ signatures */

/*
 * Plain Ed25519 wants what is signed in one piece (libsodium's piecewise form is Ed25519ph, which
 * few others have). Parts are small: two hellos.
 */
static uint8_t *join(const char *label, const struct gl_slice *parts, size_t n, size_t *ret_len)
{
    size_t label_len = strlen(label) + 1, len = label_len;
    for (size_t i = 0; i < n; i++)
        len += parts[i].len;
    uint8_t *data = gl_alloc(len), *p = data + label_len;
    memcpy(data, label, label_len);
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len)
            memcpy(p, parts[i].data, parts[i].len);
        p += parts[i].len;
    }
    *ret_len = len;
    return data;
}

void gl_key_sign(const struct gl_key *key, const char *label, const struct gl_slice *parts,
                 size_t n, uint8_t ret_signature[GL_SIGNATURE_SIZE])
{
    size_t len;
    uint8_t *data = join(label, parts, n, &len);
    crypto_sign_detached(ret_signature, NULL, data, len, key->secret);
    gl_free(data);
}

bool gl_key_verify(const uint8_t public_key[GL_KEY_SIZE], const char *label,
                   const struct gl_slice *parts, size_t n,
                   const uint8_t signature[GL_SIGNATURE_SIZE])
{
    if (!gl_key_is_usable(public_key))
        return false;
    size_t len;
    uint8_t *data = join(label, parts, n, &len);
    bool good = crypto_sign_verify_detached(signature, data, len, public_key) == 0;
    gl_free(data);
    return good;
}

static struct gl_slice slice_of_bytes(ProtobufCBinaryData bytes)
{
    return (struct gl_slice){NULL, bytes.data, bytes.len};
}

/* ------------------------------------------------------------------ certificates */

struct gl_slice gl_certificate_make(const struct gl_key *site, const uint8_t key[GL_KEY_SIZE],
                                    const char *name, int role, uint64_t not_after)
{
    Gl__Certificate certificate = GL__CERTIFICATE__INIT;
    certificate.key = gl_message_bytes(key, GL_KEY_SIZE);
    certificate.name = (char *)(uintptr_t)name;
    certificate.role = (Gl__Role)role;
    certificate.not_after = not_after;
    struct gl_slice inner = gl_message_pack(&certificate);

    uint8_t signature[GL_SIGNATURE_SIZE];
    gl_key_sign(site, LABEL_CERTIFICATE, &inner, 1, signature);
    Gl__SignedCertificate outer = GL__SIGNED_CERTIFICATE__INIT;
    outer.certificate = gl_message_bytes(inner.data, inner.len);
    outer.site = gl_message_bytes(site->public_key, GL_KEY_SIZE);
    outer.signature = gl_message_bytes(signature, sizeof(signature));
    struct gl_slice slice = gl_message_pack(&outer);
    gl_slice_unref(&inner);
    return slice;
}

static int check_certificate(const Gl__SignedCertificate *outer, uint64_t now_s,
                             struct gl_certificate *ret_certificate)
{
    if (outer->site.len != GL_KEY_SIZE || outer->signature.len != GL_SIGNATURE_SIZE)
        return UV_EINVAL;
    struct gl_slice inner = slice_of_bytes(outer->certificate);
    if (!gl_key_verify(outer->site.data, LABEL_CERTIFICATE, &inner, 1, outer->signature.data))
        return UV_EACCES;

    ProtobufCMessage *message;
    int err =
        gl_message_unpack(&gl__certificate__descriptor, inner.data, inner.len, &message, NULL);
    if (err < 0)
        return err;
    const Gl__Certificate *c = (const Gl__Certificate *)message;
    struct gl_certificate result = {.role = (int)c->role, .not_after = c->not_after};
    if (c->key.len != GL_KEY_SIZE || !gl_key_is_usable(c->key.data) ||
        strlen(c->name) >= sizeof(result.name) ||
        (c->role != GL__ROLE__ROLE_GUEST && c->role != GL__ROLE__ROLE_HOST)) {
        err = UV_EINVAL;
    } else if (c->not_after && now_s > c->not_after) {
        err = UV_ETIMEDOUT;
    } else {
        memcpy(result.key, c->key.data, GL_KEY_SIZE);
        memcpy(result.site, outer->site.data, GL_KEY_SIZE);
        strcpy(result.name, c->name);
        *ret_certificate = result;
    }
    gl_message_free(message);
    return err;
}

int gl_certificate_check(const uint8_t *data, size_t len, uint64_t now_s,
                         struct gl_certificate *ret_certificate)
{
    ProtobufCMessage *outer;
    int err = gl_message_unpack(&gl__signed_certificate__descriptor, data, len, &outer, NULL);
    if (err < 0)
        return err;
    err = check_certificate((const Gl__SignedCertificate *)outer, now_s, ret_certificate);
    gl_message_free(outer);
    return err;
}

/* ------------------------------------------------------------------ change of key */

struct gl_slice gl_rekey_make(const struct gl_key *old, const uint8_t new_key[GL_KEY_SIZE],
                              const uint8_t machine[GL_MACHINE_SIZE])
{
    Gl__Rekey rekey = GL__REKEY__INIT;
    rekey.old_key = gl_message_bytes(old->public_key, GL_KEY_SIZE);
    rekey.new_key = gl_message_bytes(new_key, GL_KEY_SIZE);
    if (machine)
        rekey.machine = gl_message_bytes(machine, GL_MACHINE_SIZE);
    struct gl_slice inner = gl_message_pack(&rekey);

    uint8_t signature[GL_SIGNATURE_SIZE];
    gl_key_sign(old, LABEL_REKEY, &inner, 1, signature);
    Gl__SignedRekey outer = GL__SIGNED_REKEY__INIT;
    outer.rekey = gl_message_bytes(inner.data, inner.len);
    outer.signature = gl_message_bytes(signature, sizeof(signature));
    struct gl_slice slice = gl_message_pack(&outer);
    gl_slice_unref(&inner);
    return slice;
}

static int check_rekey(const Gl__SignedRekey *outer, const uint8_t new_key[GL_KEY_SIZE],
                       uint8_t ret_old_key[GL_KEY_SIZE])
{
    if (outer->signature.len != GL_SIGNATURE_SIZE)
        return UV_EINVAL;
    struct gl_slice inner = slice_of_bytes(outer->rekey);
    ProtobufCMessage *message;
    int err = gl_message_unpack(&gl__rekey__descriptor, inner.data, inner.len, &message, NULL);
    if (err < 0)
        return err;
    const Gl__Rekey *r = (const Gl__Rekey *)message;
    if (r->old_key.len != GL_KEY_SIZE || r->new_key.len != GL_KEY_SIZE ||
        (r->machine.len && r->machine.len != GL_MACHINE_SIZE) ||
        memcmp(r->new_key.data, new_key, GL_KEY_SIZE) != 0 ||
        memcmp(r->old_key.data, new_key, GL_KEY_SIZE) == 0)
        err = UV_EINVAL;
    else if (!gl_key_verify(r->old_key.data, LABEL_REKEY, &inner, 1, outer->signature.data))
        err = UV_EACCES;
    else
        memcpy(ret_old_key, r->old_key.data, GL_KEY_SIZE);
    gl_message_free(message);
    return err;
}

int gl_rekey_check(const uint8_t *data, size_t len, const uint8_t new_key[GL_KEY_SIZE],
                   uint8_t ret_old_key[GL_KEY_SIZE])
{
    ProtobufCMessage *outer;
    int err = gl_message_unpack(&gl__signed_rekey__descriptor, data, len, &outer, NULL);
    if (err < 0)
        return err;
    err = check_rekey((const Gl__SignedRekey *)outer, new_key, ret_old_key);
    gl_message_free(outer);
    return err;
}
