/* SPDX-License-Identifier: MIT */
#include "key.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "harm.h"
#include "mem.h"
#include "message.h"
#include "proto/guestlink.pb-c.h"
#include "scratch.h"
#include "secret-file.h"
#include "unit.h"

static char folder[GL_SCRATCH_PATH];
static char path[GL_SCRATCH_PATH + 32];

static void setup(void)
{
    ck_assert_int_eq(gl_key_global_init(), 0);
    gl_scratch_new(folder, "key");
    snprintf(path, sizeof(path), "%s/key", folder);
}

static void teardown(void)
{
    gl_scratch_unlink(path);
    gl_scratch_rmdir(folder); /* no temporary file was left */
}

static void write_file(const char *text, size_t len)
{
    gl_scratch_put(path, text, len);
    gl_harm_undo(path);
}

static struct gl_slice bytes(const void *data, size_t len)
{
    return (struct gl_slice){NULL, data, len};
}

/* ------------------------------------------------------------------ signatures */

/* RFC 8032, section 7.1, test 1: the public key of this seed. */
#define RFC_SEED "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define RFC_KEY  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

static struct gl_key rfc_key(void)
{
    struct gl_key key;
    uint8_t seed[32];
    sodium_hex2bin(seed, sizeof(seed), RFC_SEED, 64, NULL, NULL, NULL);
    crypto_sign_seed_keypair(key.public_key, key.secret, seed);
    return key;
}

START_TEST(signature_covers_label_and_parts)
{
    struct gl_key key, other;
    gl_key_generate(&key);
    gl_key_generate(&other);
    struct gl_slice parts[2] = {bytes("abc", 3), bytes("de", 2)};
    uint8_t signature[GL_SIGNATURE_SIZE];
    gl_key_sign(&key, "label", parts, 2, signature);
    ck_assert(gl_key_verify(key.public_key, "label", parts, 2, signature));

    /* By hand, as PROTOCOL.md says it. */
    ck_assert_int_eq(
        crypto_sign_verify_detached(signature, (const uint8_t *)"label\0abcde", 11, key.public_key),
        0);

    ck_assert(!gl_key_verify(other.public_key, "label", parts, 2, signature));
    ck_assert(!gl_key_verify(key.public_key, "labe", parts, 2, signature));
    ck_assert(!gl_key_verify(key.public_key, "label", parts, 1, signature));
    struct gl_slice changed[2] = {bytes("abc", 3), bytes("dE", 2)};
    ck_assert(!gl_key_verify(key.public_key, "label", changed, 2, signature));
    for (size_t i = 0; i < sizeof(signature) * 8; i++) {
        uint8_t bad[GL_SIGNATURE_SIZE];
        memcpy(bad, signature, sizeof(bad));
        bad[i / 8] ^= (uint8_t)(1 << i % 8);
        ck_assert(!gl_key_verify(key.public_key, "label", parts, 2, bad));
    }
}
END_TEST

START_TEST(empty_parts)
{
    struct gl_key key;
    gl_key_generate(&key);
    uint8_t signature[GL_SIGNATURE_SIZE];
    struct gl_slice part = GL_SLICE_EMPTY;
    gl_key_sign(&key, "", &part, 1, signature);
    ck_assert(gl_key_verify(key.public_key, "", NULL, 0, signature));
}
END_TEST

/*
 * The points of small order, as https://cr.yp.to/ecdh.html and libsodium's own list have them: with
 * these as a public key, and R = the neutral element, S = 0, a signature is "good" for about any
 * text.
 */
START_TEST(weak_keys_are_unusable)
{
    static const char *const weak[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    uint8_t signature[GL_SIGNATURE_SIZE] = {1};
    for (size_t i = 0; i < GL_ARRAY_SIZE(weak); i++) {
        uint8_t key[GL_KEY_SIZE];
        sodium_hex2bin(key, sizeof(key), weak[i], 64, NULL, NULL, NULL);
        ck_assert_msg(!gl_key_is_usable(key), "%s", weak[i]);
        struct gl_slice part = bytes("text", 4);
        ck_assert(!gl_key_verify(key, "label", &part, 1, signature));
    }
    struct gl_key good;
    gl_key_generate(&good);
    ck_assert(gl_key_is_usable(good.public_key));
}
END_TEST

START_TEST(fingerprint)
{
    struct gl_key key = rfc_key();
    char hex[65], text[GL_FINGERPRINT_SIZE];
    sodium_bin2hex(hex, sizeof(hex), key.public_key, GL_KEY_SIZE);
    ck_assert_str_eq(hex, RFC_KEY);
    gl_key_fingerprint(key.public_key, text);
    /* printf RFC_KEY | xxd -r -p | sha256sum */
    ck_assert_str_eq(text, "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9");
}
END_TEST

/* ------------------------------------------------------------------ files */

START_TEST(save_and_load)
{
    struct gl_key key, got;
    uint8_t machine[GL_MACHINE_SIZE], got_machine[GL_MACHINE_SIZE];
    bool has;
    gl_key_generate(&key);
    randombytes_buf(machine, sizeof(machine));

    ck_assert_int_eq(gl_key_save(path, &key, machine), 0);
    ck_assert(gl_harm_is_private(path));

    ck_assert_int_eq(gl_key_load(path, &got, got_machine, &has), 0);
    ck_assert(has);
    ck_assert_mem_eq(&got, &key, sizeof(key));
    ck_assert_mem_eq(got_machine, machine, sizeof(machine));

    /* Replaced by another, without a machine id. */
    gl_key_generate(&key);
    ck_assert_int_eq(gl_key_save(path, &key, NULL), 0);
    ck_assert_int_eq(gl_key_load(path, &got, NULL, NULL), 0);
    ck_assert_int_eq(gl_key_load(path, &got, got_machine, &has), 0);
    ck_assert(!has);
    ck_assert_mem_eq(&got, &key, sizeof(key));
    gl_key_wipe(&got);
    ck_assert(sodium_is_zero((const uint8_t *)&got, sizeof(got)));
}
END_TEST

START_TEST(file_form)
{
    struct gl_key key = rfc_key(), got;
    uint8_t machine[GL_MACHINE_SIZE] = {0xab, 0xcd};
    ck_assert_int_eq(gl_key_save(path, &key, machine), 0);
    const char *want = "guestlink key 1\nnWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n"
                       "abcd0000000000000000000000000000\n";
    char text[256] = "";
    ck_assert_uint_eq(gl_scratch_get(path, text, sizeof(text) - 1), strlen(want));
    ck_assert_str_eq(text, want);

    /* As an editor on Windows may leave it. */
    const char *dos = "guestlink key 1\r\nnWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\r\n";
    write_file(dos, strlen(dos));
    ck_assert_int_eq(gl_key_load(path, &got, NULL, NULL), 0);
    ck_assert_mem_eq(&got, &key, sizeof(key));
}
END_TEST

#define SEED "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="

START_TEST(bad_files)
{
    static const struct {
        const char *text;
        size_t len;
    } bad[] = {
#define BYTES(t) {t, sizeof(t) - 1}
        BYTES(""),
        BYTES("\n"),
        BYTES("guestlink key 1"),
        BYTES("guestlink key 1\n"),
        BYTES("guestlink key 2\n" SEED "\n"),
        BYTES("guestlink key 1\n\n"),
        BYTES("guestlink key 1\nAAAA\n"),
        BYTES("guestlink key 1\n" SEED SEED "\n"),
        BYTES("guestlink key 1\nnWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2\n"),
        BYTES("guestlink key 1\n*WGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n"),
        BYTES("guestlink key 1\n" SEED "\nabcd\n"),
        BYTES("guestlink key 1\n" SEED "\nabcd00000000000000000000000000000000\n"),
        BYTES("guestlink key 1\n" SEED "\nxbcd0000000000000000000000000000\n"),
        BYTES("guestlink key 1\n" SEED "\nabcd0000000000000000000000000000\nmore\n"),
        BYTES("guestlink key 1\n" SEED "\0\n"),
    };
    struct gl_key key;
    memset(&key, 0x55, sizeof(key));
    struct gl_key before = key;
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++) {
        write_file(bad[i].text, bad[i].len);
        ck_assert_msg(gl_key_load(path, &key, NULL, NULL) == UV_EINVAL, "file %zu", i);
    }
    char *large = gl_alloc0(100000);
    write_file(large, 100000);
    ck_assert_int_eq(gl_key_load(path, &key, NULL, NULL), UV_EINVAL);
    gl_free(large);
    ck_assert_mem_eq(&key, &before, sizeof(key)); /* untouched on failure */
}
END_TEST

START_TEST(access_is_checked)
{
    struct gl_key key;
    gl_key_generate(&key);
    ck_assert_int_eq(gl_key_load(path, &key, NULL, NULL), UV_ENOENT);
    ck_assert_int_eq(gl_key_save(path, &key, NULL), 0);
    gl_harm_others_read(path);
    ck_assert_int_eq(gl_key_load(path, &key, NULL, NULL), UV_EACCES);
    gl_harm_others_write(path);
    ck_assert_int_eq(gl_key_load(path, &key, NULL, NULL), UV_EACCES);
    gl_harm_undo(path);
    ck_assert_int_eq(gl_key_load(path, &key, NULL, NULL), 0);
    if (gl_harm_give_away(path))
        ck_assert_int_eq(gl_key_load(path, &key, NULL, NULL), UV_EACCES);
}
END_TEST

START_TEST(only_plain_files)
{
    struct gl_key key;
    gl_key_generate(&key);
    char target[GL_SCRATCH_PATH + 64];
    ck_assert_int_eq(gl_key_load(folder, &key, NULL, NULL), UV_EINVAL);
    snprintf(target, sizeof(target), "%s.target", path);
    ck_assert_int_eq(gl_key_save(target, &key, NULL), 0);
    if (!gl_harm_link(target, path)) {
        puts("only_plain_files: no links to files here");
        gl_scratch_unlink(target);
        return;
    }
    ck_assert_int_eq(gl_key_load(path, &key, NULL, NULL), UV_ELOOP);

    /* Saving replaces the link and does not write through it. */
    struct gl_key other, got;
    gl_key_generate(&other);
    ck_assert_int_eq(gl_key_save(path, &other, NULL), 0);
    ck_assert_int_eq(gl_key_load(target, &got, NULL, NULL), 0);
    ck_assert_mem_eq(&got, &key, sizeof(key));
    gl_scratch_unlink(target);
}
END_TEST

START_TEST(failed_save_leaves_the_old_file)
{
    struct gl_key key;
    gl_key_generate(&key);
    char deep[GL_SCRATCH_PATH + 32];
    snprintf(deep, sizeof(deep), "%s/missing/key", folder);
    ck_assert_int_eq(gl_key_save(deep, &key, NULL), UV_ENOENT);
    snprintf(deep, sizeof(deep), "%s/", folder);
    ck_assert_int_eq(gl_key_save(deep, &key, NULL), UV_EISDIR);

    /* rename() over a folder fails after the temporary file was written: teardown looks for it. */
    gl_scratch_mkdir(path);
    ck_assert_int_lt(gl_key_save(path, &key, NULL), 0);
    gl_scratch_rmdir(path);
}
END_TEST

/* ------------------------------------------------------------------ certificates */

START_TEST(certificate)
{
    struct gl_key site, key;
    struct gl_certificate got;
    gl_key_generate(&site);
    gl_key_generate(&key);
    struct gl_slice slice =
        gl_certificate_make(&site, key.public_key, "host-1", GL__ROLE__ROLE_HOST, 1000);
    ck_assert_int_eq(gl_certificate_check(slice.data, slice.len, 1000, &got), 0);
    ck_assert_mem_eq(got.key, key.public_key, GL_KEY_SIZE);
    ck_assert_mem_eq(got.site, site.public_key, GL_KEY_SIZE);
    ck_assert_str_eq(got.name, "host-1");
    ck_assert_int_eq(got.role, GL__ROLE__ROLE_HOST);
    ck_assert_uint_eq(got.not_after, 1000);
    ck_assert_int_eq(gl_certificate_check(slice.data, slice.len, 1001, &got), UV_ETIMEDOUT);
    gl_slice_unref(&slice);

    slice = gl_certificate_make(&site, key.public_key, "", GL__ROLE__ROLE_GUEST, 0);
    ck_assert_int_eq(gl_certificate_check(slice.data, slice.len, UINT64_MAX, &got), 0);
    gl_slice_unref(&slice);
}
END_TEST

/* No single changed bit gives another certificate. */
START_TEST(certificate_tampered)
{
    struct gl_key site, key;
    struct gl_certificate got, first;
    gl_key_generate(&site);
    gl_key_generate(&key);
    struct gl_slice slice =
        gl_certificate_make(&site, key.public_key, "host-1", GL__ROLE__ROLE_HOST, 1000);
    ck_assert_int_eq(gl_certificate_check(slice.data, slice.len, 1, &first), 0);
    for (size_t i = 0; i < slice.len * 8; i++) {
        uint8_t *copy = gl_memdup(slice.data, slice.len);
        copy[i / 8] ^= (uint8_t)(1 << i % 8);
        int err = gl_certificate_check(copy, slice.len, 1, &got);
        ck_assert_msg(err == UV_EINVAL || err == UV_EACCES, "bit %zu: %d", i, err);
        gl_free(copy);
    }
    for (size_t len = 0; len < slice.len; len++) {
        uint8_t *copy = gl_memdup(slice.data, len);
        ck_assert_int_lt(gl_certificate_check(copy, len, 1, &got), 0);
        gl_free(copy);
    }
    gl_slice_unref(&slice);
}
END_TEST

START_TEST(certificate_form)
{
    struct gl_key site, key;
    struct gl_certificate got;
    gl_key_generate(&site);
    gl_key_generate(&key);
    static const int roles[] = {GL__ROLE__ROLE_NONE, GL__ROLE__ROLE_CLIENT, 99, -1};
    for (size_t i = 0; i < GL_ARRAY_SIZE(roles); i++) {
        struct gl_slice s = gl_certificate_make(&site, key.public_key, "x", roles[i], 0);
        ck_assert_int_eq(gl_certificate_check(s.data, s.len, 1, &got), UV_EINVAL);
        gl_slice_unref(&s);
    }
    char name[300];
    memset(name, 'n', sizeof(name));
    for (size_t len = 255; len <= 256; len++) {
        name[len] = '\0';
        struct gl_slice s = gl_certificate_make(&site, key.public_key, name, 1, 0);
        ck_assert_int_eq(gl_certificate_check(s.data, s.len, 1, &got), len == 255 ? 0 : UV_EINVAL);
        gl_slice_unref(&s);
        name[len] = 'n';
    }
    uint8_t zero[GL_KEY_SIZE] = {0};
    struct gl_slice s = gl_certificate_make(&site, zero, "x", 1, 0);
    ck_assert_int_eq(gl_certificate_check(s.data, s.len, 1, &got), UV_EINVAL);
    gl_slice_unref(&s);
}
END_TEST

START_TEST(rekey)
{
    struct gl_key old, new, other;
    uint8_t got[GL_KEY_SIZE], machine[GL_MACHINE_SIZE] = {1};
    gl_key_generate(&old);
    gl_key_generate(&new);
    gl_key_generate(&other);
    struct gl_slice slice = gl_rekey_make(&old, new.public_key, machine);
    ck_assert_int_eq(gl_rekey_check(slice.data, slice.len, new.public_key, got), 0);
    ck_assert_mem_eq(got, old.public_key, GL_KEY_SIZE);
    ck_assert_int_eq(gl_rekey_check(slice.data, slice.len, other.public_key, got), UV_EINVAL);
    ck_assert_int_eq(gl_rekey_check(slice.data, slice.len, old.public_key, got), UV_EINVAL);
    for (size_t i = 0; i < slice.len * 8; i++) {
        uint8_t *copy = gl_memdup(slice.data, slice.len);
        copy[i / 8] ^= (uint8_t)(1 << i % 8);
        ck_assert_int_lt(gl_rekey_check(copy, slice.len, new.public_key, got), 0);
        gl_free(copy);
    }
    for (size_t len = 0; len < slice.len; len++)
        ck_assert_int_lt(gl_rekey_check(slice.data, len, new.public_key, got), 0);
    gl_slice_unref(&slice);

    slice = gl_rekey_make(&old, new.public_key, NULL);
    ck_assert_int_eq(gl_rekey_check(slice.data, slice.len, new.public_key, got), 0);
    gl_slice_unref(&slice);
    /* A key that replaces itself says nothing. */
    slice = gl_rekey_make(&old, old.public_key, NULL);
    ck_assert_int_eq(gl_rekey_check(slice.data, slice.len, old.public_key, got), UV_EINVAL);
    gl_slice_unref(&slice);
}
END_TEST

/* A signature for one purpose is none for another, though the same key makes it. */
START_TEST(labels_keep_apart)
{
    struct gl_key key, other;
    struct gl_certificate got;
    gl_key_generate(&key);
    gl_key_generate(&other);
    struct gl_slice rekeying = gl_rekey_make(&key, other.public_key, NULL);
    ProtobufCMessage *m;
    ck_assert_int_eq(
        gl_message_unpack(&gl__signed_rekey__descriptor, rekeying.data, rekeying.len, &m, NULL), 0);
    const Gl__SignedRekey *r = (const Gl__SignedRekey *)m;
    Gl__SignedCertificate forged = GL__SIGNED_CERTIFICATE__INIT;
    forged.certificate = r->rekey;
    forged.signature = r->signature;
    forged.site = gl_message_bytes(key.public_key, GL_KEY_SIZE);
    struct gl_slice slice = gl_message_pack(&forged);
    ck_assert_int_eq(gl_certificate_check(slice.data, slice.len, 1, &got), UV_EACCES);
    gl_slice_unref(&slice);
    gl_message_free(m);
    gl_slice_unref(&rekeying);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("key");
    TCase *t = tcase_create("key");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, signature_covers_label_and_parts);
    tcase_add_test(t, empty_parts);
    tcase_add_test(t, weak_keys_are_unusable);
    tcase_add_test(t, fingerprint);
    tcase_add_test(t, save_and_load);
    tcase_add_test(t, file_form);
    tcase_add_test(t, bad_files);
    tcase_add_test(t, access_is_checked);
    tcase_add_test(t, only_plain_files);
    tcase_add_test(t, failed_save_leaves_the_old_file);
    tcase_add_test(t, certificate);
    tcase_add_test(t, certificate_tampered);
    tcase_add_test(t, certificate_form);
    tcase_add_test(t, rekey);
    tcase_add_test(t, labels_keep_apart);
    suite_add_tcase(s, t);
    return s;
}

GL_UNIT_MAIN(suite)
