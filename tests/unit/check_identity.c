/* SPDX-License-Identifier: MIT */
#include "identity.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "harm.h"
#include "log.h"
#include "mem.h"
#include "os.h"
#include "proto/guestlink.pb-c.h"
#include "scratch.h"
#include "unit.h"

static const uint8_t here[GL_MACHINE_SIZE] = "machine number 1";
static const uint8_t elsewhere[GL_MACHINE_SIZE] = "machine number 2";

static char dir[GL_SCRATCH_PATH];

static void setup(void)
{
    ck_assert_int_eq(gl_key_global_init(), 0);
    gl_log_set_level(GL_LOG_ERROR);
    gl_scratch_new(dir, "identity");
}

static const char *path_of(const char *name)
{
    static char path[GL_SCRATCH_PATH + 32];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void teardown(void)
{
    static const char *const names[] = {"agent.key", "rekey", "site.cert", "kept", "agent.key.old"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(names); i++)
        gl_scratch_unlink(path_of(names[i]));
    gl_scratch_rmdir(dir); /* and nothing else was left in it */
}

static struct gl_identity load(const uint8_t *machine)
{
    struct gl_identity identity;
    char *error = NULL;
    int err = gl_identity_load(dir, machine, &identity, &error);
    ck_assert_msg(err == 0, "%s", error);
    return identity;
}

static void refuse(int err, const char *what)
{
    struct gl_identity identity;
    char *error = NULL;
    ck_assert_int_eq(gl_identity_load(dir, here, &identity, &error), err);
    ck_assert_msg(strstr(error, path_of("agent.key")) && strstr(error, what), "%s", error);
    gl_free(error);
}

static bool same_key(const struct gl_identity *a, const struct gl_identity *b)
{
    return memcmp(a->key.public_key, b->key.public_key, GL_KEY_SIZE) == 0;
}

START_TEST(made_once)
{
    struct gl_identity first = load(here), second = load(here);
    ck_assert(same_key(&first, &second));
    ck_assert_uint_eq(first.rekey.len, 0);
    ck_assert(gl_harm_is_private(path_of("agent.key")));
    gl_identity_done(&first);
    gl_identity_done(&second);
}
END_TEST

START_TEST(without_machine)
{
    struct gl_identity first = load(NULL), second = load(here), third = load(NULL);
    ck_assert(same_key(&first, &second));
    ck_assert(same_key(&first, &third));
    ck_assert(!third.has_machine);
    gl_identity_done(&second);
    /* The key was bound to the machine when that became known. */
    second = load(elsewhere);
    ck_assert(!same_key(&first, &second));
    gl_identity_done(&first);
    gl_identity_done(&second);
    gl_identity_done(&third);
}
END_TEST

START_TEST(another_machine)
{
    uint8_t old_key[GL_KEY_SIZE];
    struct gl_identity first = load(here);
    struct gl_slice certificate =
        gl_certificate_make(&first.key, first.key.public_key, "web", GL__ROLE__ROLE_GUEST, 0);
    gl_identity_take_certificate(&first, certificate, 1);
    gl_slice_unref(&certificate);
    ck_assert(gl_scratch_exists(path_of("site.cert")));

    /* A second name for the old file, to see what becomes of its bytes. */
    char old_path[GL_SCRATCH_PATH + 32];
    uv_fs_t req;
    snprintf(old_path, sizeof(old_path), "%s", path_of("agent.key"));
    ck_assert_int_eq(uv_fs_link(NULL, &req, old_path, path_of("kept"), NULL), 0);
    uv_fs_req_cleanup(&req);

    struct gl_identity second = load(elsewhere);
    ck_assert(!same_key(&first, &second));
    ck_assert_int_eq(
        gl_rekey_check(second.rekey.data, second.rekey.len, second.key.public_key, old_key), 0);
    ck_assert_mem_eq(old_key, first.key.public_key, GL_KEY_SIZE);
    ck_assert_uint_eq(second.certificate.len, 0);
    ck_assert(!gl_scratch_exists(path_of("site.cert")));

    char bytes[512];
    size_t n = gl_scratch_get(path_of("kept"), bytes, sizeof(bytes));
    ck_assert_uint_gt(n, 40);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(bytes[i], 0);

    /* It stays so, and the note is shown again. */
    struct gl_identity third = load(elsewhere);
    ck_assert(same_key(&second, &third));
    ck_assert_uint_gt(third.rekey.len, 0);
    gl_identity_done(&first);
    gl_identity_done(&second);
    gl_identity_done(&third);
}
END_TEST

/* As when it was stopped after the note was written and before the key was. */
START_TEST(note_for_another_key)
{
    struct gl_identity first = load(here), second = load(elsewhere);
    ck_assert_uint_gt(second.rekey.len, 0);
    ck_assert_int_eq(gl_key_save(path_of("agent.key"), &first.key, here), 0);
    struct gl_identity third = load(here);
    ck_assert(same_key(&first, &third));
    ck_assert_uint_eq(third.rekey.len, 0);
    ck_assert(!gl_scratch_exists(path_of("rekey")));
    gl_identity_done(&first);
    gl_identity_done(&second);
    gl_identity_done(&third);
}
END_TEST

START_TEST(certificates)
{
    struct gl_key site, other;
    gl_key_generate(&site);
    gl_key_generate(&other);
    struct gl_identity identity = load(here);
    struct gl_slice good =
        gl_certificate_make(&site, identity.key.public_key, "web", GL__ROLE__ROLE_GUEST, 0);
    struct gl_slice bad[] = {
        gl_certificate_make(&site, other.public_key, "web", GL__ROLE__ROLE_GUEST, 0),
        gl_certificate_make(&site, identity.key.public_key, "web", GL__ROLE__ROLE_HOST, 0),
        gl_certificate_make(&site, identity.key.public_key, "web", GL__ROLE__ROLE_GUEST, 99),
        gl_slice_copy("nonsense", 8),
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++) {
        gl_identity_take_certificate(&identity, bad[i], 100);
        ck_assert_uint_eq(identity.certificate.len, 0);
        gl_slice_unref(&bad[i]);
    }
    gl_identity_take_certificate(&identity, good, 100);
    ck_assert_uint_eq(identity.certificate.len, good.len);
    gl_identity_done(&identity);
    identity = load(here);
    ck_assert_uint_eq(identity.certificate.len, good.len);
    ck_assert_mem_eq(identity.certificate.data, good.data, good.len);
    gl_identity_done(&identity);
    gl_slice_unref(&good);
}
END_TEST

START_TEST(refused)
{
    struct gl_identity identity = load(here);
    gl_identity_done(&identity);
    gl_harm_others_read(path_of("agent.key"));
    refuse(UV_EACCES, "readable by nobody else");
    refuse(UV_EACCES, GL_OS_WINDOWS ? "Administrators" : "chmod 600");
    gl_scratch_put_text(path_of("agent.key"), "not a key\n");
    gl_harm_undo(path_of("agent.key"));
    refuse(UV_EINVAL, "not a key file");
    gl_scratch_unlink(path_of("agent.key"));
    if (gl_harm_link("kept", path_of("agent.key")))
        refuse(UV_ELOOP, "symbolic link");
    else
        puts("refused: no links to files here");
}
END_TEST

static void link_file(const char *from, const char *to)
{
    char from_path[GL_SCRATCH_PATH + 32];
    uv_fs_t req;
    snprintf(from_path, sizeof(from_path), "%s", path_of(from));
    ck_assert_int_eq(uv_fs_link(NULL, &req, from_path, path_of(to), NULL), 0);
    uv_fs_req_cleanup(&req);
}

/* Windows, as when it was stopped while the key was replaced: before the new one was there, */
START_TEST(stopped_before_new_key)
{
    struct gl_identity first = load(here);
    link_file("agent.key", "agent.key.old");
    struct gl_identity second = load(here);
    ck_assert(same_key(&first, &second));
    ck_assert(!gl_scratch_exists(path_of("agent.key.old")));

    /* likewise without second names, */
    link_file("agent.key", "agent.key.old");
    gl_scratch_unlink(path_of("agent.key"));
    struct gl_identity third = load(here);
    ck_assert(same_key(&first, &third));
    ck_assert(!gl_scratch_exists(path_of("agent.key.old")));
    gl_identity_done(&first);
    gl_identity_done(&second);
    gl_identity_done(&third);
}
END_TEST

/* and after it. */
START_TEST(stopped_after_new_key)
{
    char bytes[512];
    struct gl_identity first = load(here);
    link_file("agent.key", "agent.key.old");
    link_file("agent.key", "kept");
    struct gl_key key;
    gl_key_generate(&key);
    ck_assert_int_eq(gl_key_save(path_of("agent.key"), &key, here), 0);
    struct gl_identity second = load(here);
    ck_assert_mem_eq(second.key.public_key, key.public_key, GL_KEY_SIZE);
    ck_assert(!gl_scratch_exists(path_of("agent.key.old")));
    size_t n = gl_scratch_get(path_of("kept"), bytes, sizeof(bytes));
    ck_assert_uint_gt(n, 40);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(bytes[i], 0);
    gl_identity_done(&first);
    gl_identity_done(&second);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("identity");
    TCase *tc = tcase_create("identity");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, made_once);
    tcase_add_test(tc, without_machine);
    tcase_add_test(tc, another_machine);
    tcase_add_test(tc, note_for_another_key);
    tcase_add_test(tc, certificates);
    tcase_add_test(tc, refused);
    if (GL_OS_WINDOWS) {
        tcase_add_test(tc, stopped_before_new_key);
        tcase_add_test(tc, stopped_after_new_key);
    }
    suite_add_tcase(s, tc);
    return s;
}

GL_UNIT_MAIN(suite)
