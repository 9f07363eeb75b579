/* SPDX-License-Identifier: MIT */
#include "site.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "harm.h"
#include "proto/guestlink.pb-c.h"
#include "scratch.h"
#include "unit.h"

#define NOW 1700000000u

static char directory[GL_SCRATCH_PATH], other_directory[GL_SCRATCH_PATH];

static void setup(void)
{
    gl_scratch_new(directory, "site");
    gl_scratch_new(other_directory, "site");
    ck_assert_int_eq(gl_key_global_init(), 0);
}

static void teardown(void)
{
    gl_scratch_remove(directory);
    gl_scratch_remove(other_directory);
}

static const char *file(const char *name)
{
    static char path[GL_SCRATCH_PATH + 32];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static struct gl_site *open_in(const char *in)
{
    struct gl_site *site = NULL;
    struct gl_why why;
    int err = gl_site_open(in, "host.example", NOW, &site, &why);
    ck_assert_msg(err == 0, "%s", why.text);
    return site;
}

static void write_file(const char *path, const char *text)
{
    gl_scratch_put_text(path, text);
    gl_harm_undo(path);
}

static struct gl_certificate check(struct gl_slice certificate, uint64_t now_s)
{
    struct gl_certificate out;
    ck_assert_int_eq(gl_certificate_check(certificate.data, certificate.len, now_s, &out), 0);
    return out;
}

START_TEST(a_lone_host_makes_its_site_and_keeps_it)
{
    struct gl_site *site = open_in(directory);
    struct gl_certificate cert = check(site->certificate, NOW);
    ck_assert_mem_eq(cert.key, site->host.public_key, GL_KEY_SIZE);
    ck_assert_mem_eq(cert.site, site->site.public_key, GL_KEY_SIZE);
    ck_assert_int_eq(cert.role, GL__ROLE__ROLE_HOST);
    ck_assert_uint_eq(cert.not_after, NOW + GL_SITE_HOST_VALIDITY);
    ck_assert_str_eq(cert.name, "host.example");
    struct gl_site *again = open_in(directory);
    ck_assert_str_eq(again->fingerprint, site->fingerprint);
    ck_assert_str_eq(again->host_fingerprint, site->host_fingerprint);
    gl_site_free(again);
    gl_site_free(site);
}
END_TEST

START_TEST(certificates_are_renewed_in_time)
{
    struct gl_site *site = open_in(directory);
    gl_site_renew(site, NOW + 86400);
    ck_assert_uint_eq(site->not_after, NOW + GL_SITE_HOST_VALIDITY);
    uint64_t late = NOW + GL_SITE_HOST_VALIDITY - 86400;
    gl_site_renew(site, late);
    ck_assert_uint_eq(check(site->certificate, late).not_after, late + GL_SITE_HOST_VALIDITY);
    gl_site_free(site);
}
END_TEST

START_TEST(guests_are_certified)
{
    struct gl_site *site = open_in(directory);
    struct gl_key guest;
    gl_key_generate(&guest);
    struct gl_slice slice = gl_site_certify_guest(site, guest.public_key, "web1", NOW);
    struct gl_certificate cert = check(slice, NOW);
    ck_assert_mem_eq(cert.key, guest.public_key, GL_KEY_SIZE);
    ck_assert_str_eq(cert.name, "web1");
    ck_assert_int_eq(cert.role, GL__ROLE__ROLE_GUEST);
    ck_assert_int_eq(
        gl_certificate_check(slice.data, slice.len, NOW + GL_SITE_GUEST_VALIDITY + 1, &cert),
        UV_ETIMEDOUT);
    gl_slice_unref(&slice);
    gl_site_free(site);
}
END_TEST

/* That the key which the second host's site had before is kept, and for its account alone. */
static void old_key_is(const char *fingerprint)
{
    char path[GL_SCRATCH_PATH + 32], found[GL_FINGERPRINT_SIZE];
    struct gl_key key;
    snprintf(path, sizeof path, "%s/site.key.old", other_directory);
    ck_assert_int_eq(gl_key_load(path, &key, NULL, NULL), 0);
    gl_key_fingerprint(key.public_key, found);
    ck_assert_str_eq(found, fingerprint);
}

START_TEST(a_site_moves_by_its_bundle)
{
    struct gl_why why;
    struct gl_site *one = open_in(directory), *two = open_in(other_directory);
    char own[GL_FINGERPRINT_SIZE];
    snprintf(own, sizeof own, "%s", two->fingerprint);
    ck_assert_str_ne(one->fingerprint, own);
    ck_assert_int_eq(gl_site_init(one, "north", false, NOW, &why), GL_STATUS_OK);
    char *bundle = gl_site_export(one);
    ck_assert_int_eq(gl_site_join(two, bundle, strlen(bundle), false, NOW, &why), GL_STATUS_OK);
    ck_assert_str_eq(two->fingerprint, one->fingerprint);
    ck_assert_str_eq(two->name, "north");
    ck_assert_str_ne(two->host_fingerprint, one->host_fingerprint);
    ck_assert_mem_eq(check(two->certificate, NOW).site, one->site.public_key, GL_KEY_SIZE);
    gl_site_free(two);
    two = open_in(other_directory);
    ck_assert_str_eq(two->fingerprint, one->fingerprint);
    ck_assert_int_eq(gl_site_init(two, "south", false, NOW, &why), GL_STATUS_EXISTS);
    /* It has no other copy of a key of its own, maybe; its own bundle changes nothing. */
    size_t len = strlen(bundle);
    ck_assert_int_eq(gl_site_join(two, bundle, len, false, NOW, &why), GL_STATUS_OK);
    old_key_is(own);
    ck_assert_int_eq(gl_site_init(two, "south", true, NOW, &why), GL_STATUS_OK);
    old_key_is(one->fingerprint);
    snprintf(own, sizeof own, "%s", two->fingerprint);
    ck_assert_int_eq(gl_site_join(two, bundle, len, false, NOW, &why), GL_STATUS_EXISTS);
    ck_assert_str_eq(two->name, "south");
    ck_assert_int_eq(gl_site_join(two, bundle, len, true, NOW, &why), GL_STATUS_OK);
    ck_assert_str_eq(two->fingerprint, one->fingerprint);
    old_key_is(own);
    gl_free(bundle);
    gl_site_free(one);
    gl_site_free(two);
}
END_TEST

/* What agents have pinned must not change because somebody names the site. */
START_TEST(init_names_the_first_site_and_only_force_makes_another)
{
    struct gl_why why;
    struct gl_site *site = open_in(directory);
    char first[GL_FINGERPRINT_SIZE];
    memcpy(first, site->fingerprint, sizeof first);
    ck_assert_int_eq(gl_site_init(site, "a/b", false, NOW, &why), GL_STATUS_INVALID);
    ck_assert_int_eq(gl_site_init(site, "north", false, NOW, &why), GL_STATUS_OK);
    ck_assert_str_eq(site->fingerprint, first);
    ck_assert_int_eq(gl_site_init(site, "south", false, NOW, &why), GL_STATUS_EXISTS);
    ck_assert_str_eq(site->name, "north");
    ck_assert_int_eq(gl_site_init(site, "", true, NOW, &why), GL_STATUS_OK);
    ck_assert_str_ne(site->fingerprint, first);
    ck_assert_str_eq(site->name, "north");
    gl_site_free(site);
}
END_TEST

START_TEST(damaged_bundles_are_refused)
{
    struct gl_why why;
    struct gl_site *site = open_in(directory), *two = open_in(other_directory);
    char *bundle = gl_site_export(site);
    size_t len = strlen(bundle);
    /* One byte changed anywhere but in the comment or the name: the name is not covered, it is for
     * people. */
    size_t secret = (size_t)(strstr(bundle, "secret: ") - bundle);
    for (size_t i = secret; i < len; i++) {
        char *bad = gl_memdup(bundle, len + 1);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        ck_assert_msg(gl_site_join(two, bad, len, false, NOW, &why) == GL_STATUS_INVALID,
                      "byte %zu", i);
        gl_free(bad);
    }
    for (size_t n = 0; n < len - 1; n++)
        ck_assert_int_eq(gl_site_join(two, bundle, n, false, NOW, &why), GL_STATUS_INVALID);
    ck_assert_int_eq(gl_site_join(two, NULL, 0, false, NOW, &why), GL_STATUS_INVALID);
    ck_assert_int_eq(gl_site_join(two, "guestlink site 1\0", 17, false, NOW, &why),
                     GL_STATUS_INVALID);
    ck_assert_str_ne(two->fingerprint, site->fingerprint);
    gl_free(bundle);
    gl_site_free(site);
    gl_site_free(two);
}
END_TEST

START_TEST(wrong_files_are_never_replaced)
{
    struct gl_why why;
    struct gl_site *site = open_in(directory);
    gl_site_free(site);
    site = NULL;

    gl_harm_others_read(file("host.key"));
    ck_assert_int_eq(gl_site_open(directory, "h", NOW, &site, &why), UV_EACCES);
    write_file(file("host.key"), "nonsense\n");
    ck_assert_int_eq(gl_site_open(directory, "h", NOW, &site, &why), UV_EINVAL);
    ck_assert_ptr_nonnull(strstr(why.text, "host.key"));
    ck_assert_int_eq(gl_site_check(directory, &why), UV_EINVAL);
    gl_scratch_unlink(file("host.key"));

    gl_scratch_unlink(file("site.key"));
    ck_assert_int_eq(gl_site_open(directory, "h", NOW, &site, &why), UV_ENOENT);
    ck_assert_ptr_nonnull(strstr(why.text, "site.key"));
    ck_assert_int_eq(gl_site_check(directory, &why), UV_ENOENT);
    ck_assert(!gl_scratch_exists(file("site.key")));

    write_file(file("site.json"), "{\"schema\": 1}");
    ck_assert_int_eq(gl_site_open(directory, "h", NOW, &site, &why), UV_EINVAL);
    ck_assert_ptr_null(site);
    ck_assert_int_eq(gl_site_check(directory, &why), UV_EINVAL);
}
END_TEST

START_TEST(a_check_makes_nothing)
{
    struct gl_why why;
    ck_assert_int_eq(gl_site_check(directory, &why), 0);
    ck_assert(!gl_scratch_exists(file("host.key")) && !gl_scratch_exists(file("site.key")) &&
              !gl_scratch_exists(file("site.json")));
    gl_site_free(open_in(directory));
    ck_assert_int_eq(gl_site_check(directory, &why), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("site");
    TCase *tcase = tcase_create("site");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_lone_host_makes_its_site_and_keeps_it);
    tcase_add_test(tcase, certificates_are_renewed_in_time);
    tcase_add_test(tcase, guests_are_certified);
    tcase_add_test(tcase, a_site_moves_by_its_bundle);
    tcase_add_test(tcase, init_names_the_first_site_and_only_force_makes_another);
    tcase_add_test(tcase, damaged_bundles_are_refused);
    tcase_add_test(tcase, wrong_files_are_never_replaced);
    tcase_add_test(tcase, a_check_makes_nothing);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
