/* SPDX-License-Identifier: MIT */
#include "host-trust.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "log.h"
#include "mem.h"
#include "proto/guestlink.pb-c.h"
#include "scratch.h"
#include "secret-file.h"
#include "unit.h"

static char dir[GL_SCRATCH_PATH], path[GL_SCRATCH_PATH + 32];
static struct gl_settings settings;
static struct gl_host_trust trust;

/* Hosts and sites, told apart by their first byte. */
static struct gl_hello host(uint8_t key, uint8_t site)
{
    struct gl_hello hello = {.key = {key}, .has_certificate = site != 0};
    hello.certificate.site[0] = site;
    hello.certificate.role = GL__ROLE__ROLE_HOST;
    return hello;
}

static void reload(void)
{
    char *error = NULL;
    if (trust.path)
        gl_host_trust_done(&trust);
    int err = gl_host_trust_load(&settings, &trust, &error);
    ck_assert_msg(err == 0, "%s", error);
}

static void start(enum gl_host_trust_mode mode)
{
    settings.host_trust = mode;
    reload();
}

static void setup(void)
{
    ck_assert_int_eq(gl_key_global_init(), 0);
    gl_log_set_level(GL_LOG_ERROR);
    gl_scratch_new(dir, "host_trust");
    snprintf(path, sizeof(path), "%s/host-trust", dir);
    settings = (struct gl_settings){.state = dir};
}

static void teardown(void)
{
    if (trust.path)
        gl_host_trust_done(&trust);
    gl_scratch_unlink(path);
    gl_scratch_rmdir(dir);
}

/* Whether it is trusted; if so, it is remembered. */
static bool meet(uint8_t key, uint8_t site)
{
    struct gl_hello hello = host(key, site);
    char *why = NULL;
    if (gl_host_trust_judge(&trust, &hello, &why)) {
        ck_assert_ptr_null(why);
        gl_host_trust_remember(&trust, &hello);
        return true;
    }
    ck_assert_ptr_nonnull(why);
    gl_free(why);
    return false;
}

START_TEST(first_key_is_pinned)
{
    start(GL_HOST_TRUST_PINNED);
    ck_assert(meet('a', 0));
    ck_assert(!meet('b', 0));
    ck_assert(!meet('b', 's'));
    reload();
    ck_assert(meet('a', 0));
    ck_assert(!meet('b', 0));
    gl_scratch_unlink(path);
    reload();
    ck_assert(meet('b', 0));
    ck_assert(!meet('a', 0));
}
END_TEST

/* Judging alone pins nothing: the host might not be the one that welcomes us in the end. */
START_TEST(judging_pins_nothing)
{
    struct gl_hello hello = host('a', 's');
    char *why;
    start(GL_HOST_TRUST_PINNED);
    ck_assert(gl_host_trust_judge(&trust, &hello, &why));
    ck_assert(!gl_scratch_exists(path));
    ck_assert(meet('b', 0));
}
END_TEST

START_TEST(first_site_is_pinned)
{
    start(GL_HOST_TRUST_PINNED);
    ck_assert(meet('a', 's'));
    ck_assert(meet('b', 's'));
    ck_assert(!meet('b', 't'));
    ck_assert(!meet('c', 0));
    reload();
    ck_assert(meet('c', 's'));
    ck_assert(!meet('c', 't'));
}
END_TEST

START_TEST(known_host_joins_a_site)
{
    start(GL_HOST_TRUST_PINNED);
    ck_assert(meet('a', 's'));
    ck_assert(meet('a', 't'));
    reload();
    ck_assert(meet('b', 't'));
    ck_assert(!meet('b', 's'));
    ck_assert(meet('a', 0));
    ck_assert(meet('b', 't'));
}
END_TEST

START_TEST(a_guests_certificate_is_none)
{
    struct gl_hello hello = host('b', 's');
    char *why;
    start(GL_HOST_TRUST_PINNED);
    ck_assert(meet('a', 's'));
    hello.certificate.role = GL__ROLE__ROLE_GUEST;
    ck_assert(!gl_host_trust_judge(&trust, &hello, &why));
    gl_free(why);
}
END_TEST

START_TEST(site_wants_a_certificate)
{
    start(GL_HOST_TRUST_SITE);
    ck_assert(!meet('a', 0));
    ck_assert(meet('a', 's'));
    ck_assert(!meet('a', 0));
    ck_assert(!meet('a', 't'));
    reload();
    ck_assert(meet('b', 's'));
    ck_assert(!meet('b', 't'));
}
END_TEST

/* A key that was pinned before does not count when a site is asked for, and the first site is kept.
 */
START_TEST(from_pinned_to_site)
{
    start(GL_HOST_TRUST_PINNED);
    ck_assert(meet('a', 0));
    start(GL_HOST_TRUST_SITE);
    ck_assert(!meet('a', 0));
    ck_assert(meet('b', 's'));
    ck_assert(!meet('c', 't'));
}
END_TEST

START_TEST(configured_site)
{
    uint8_t site[GL_KEY_SIZE] = {'s'};
    gl_key_fingerprint(site, settings.site_key);
    start(GL_HOST_TRUST_SITE);
    ck_assert(!meet('a', 't'));
    ck_assert(!meet('a', 0));
    ck_assert(meet('a', 's'));
    ck_assert(!gl_scratch_exists(path));
}
END_TEST

START_TEST(any)
{
    start(GL_HOST_TRUST_ANY);
    ck_assert(meet('a', 0));
    ck_assert(meet('b', 's'));
    ck_assert(!gl_scratch_exists(path));
}
END_TEST

START_TEST(nothing_is_kept_after_a_cut_configuration)
{
    settings.cut_short = true;
    start(GL_HOST_TRUST_PINNED);
    ck_assert(meet('a', 0));
    ck_assert(!gl_scratch_exists(path));
}
END_TEST

static void refuse(const char *text, const char *what)
{
    char *error = NULL;
    ck_assert_int_eq(gl_secret_file_write(path, (const uint8_t *)text, strlen(text)), 0);
    ck_assert_int_eq(gl_host_trust_load(&settings, &trust, &error), UV_EINVAL);
    ck_assert_msg(strstr(error, path) && strstr(error, what), "%s", error);
    gl_free(error);
}

START_TEST(damaged_file)
{
    refuse("", "damaged");
    refuse("guestlink host-trust 2\n", "damaged");
    refuse("guestlink host-trust 1\nhost abc\n", "damaged");
    refuse("guestlink host-trust 1\nhost "
           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
           "damaged");
    refuse("guestlink host-trust 1\nanybody\n", "damaged");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("host-trust");
    TCase *tc = tcase_create("host-trust");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, first_key_is_pinned);
    tcase_add_test(tc, judging_pins_nothing);
    tcase_add_test(tc, first_site_is_pinned);
    tcase_add_test(tc, known_host_joins_a_site);
    tcase_add_test(tc, a_guests_certificate_is_none);
    tcase_add_test(tc, site_wants_a_certificate);
    tcase_add_test(tc, from_pinned_to_site);
    tcase_add_test(tc, configured_site);
    tcase_add_test(tc, any);
    tcase_add_test(tc, nothing_is_kept_after_a_cut_configuration);
    tcase_add_test(tc, damaged_file);
    suite_add_tcase(s, tc);
    return s;
}

GL_UNIT_MAIN(suite)
