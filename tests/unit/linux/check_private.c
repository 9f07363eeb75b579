/* SPDX-License-Identifier: MIT */
/* Files of this account's alone, by Linux' modes and kinds of files; the twin is in windows/. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "config.h"
#include "mem.h"
#include "secret-place.h"
#include "unit.h"

START_TEST(written_for_us_alone)
{
    struct stat st;
    static const mode_t masks[] = {0, 022, 077, 0777};
    for (size_t i = 0; i < GL_ARRAY_SIZE(masks); i++) {
        mode_t mask = umask(masks[i]);
        ck_assert_int_eq(gl_secret_file_write(path, (const uint8_t *)"x", 1), 0);
        umask(mask);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
    }
    ck_assert_uint_eq(gl_scratch_each(folder, NULL), 1);
}
END_TEST

START_TEST(every_other_mode_is_refused)
{
    static const mode_t bad[] = {0640, 0604, 0620, 0602, 0700, 0400, 04600, 01600};
    ck_assert_int_eq(gl_secret_file_write(path, (const uint8_t *)"x", 1), 0);
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++) {
        ck_assert_int_eq(chmod(path, bad[i]), 0);
        ck_assert_msg(read_it(path) == UV_EACCES, "mode %o", bad[i]);
    }
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(read_it(path), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(path, 12345, (gid_t)-1), 0);
        ck_assert_int_eq(read_it(path), UV_EACCES);
    }
}
END_TEST

START_TEST(only_plain_files)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(read_it(path), UV_EINVAL); /* and does not hang */
    gl_scratch_unlink(path);
    ck_assert_int_eq(symlink("elsewhere", path), 0);
    ck_assert_int_eq(read_it(path), UV_ELOOP);
    ck_assert_int_eq(read_it(folder), UV_EINVAL);
}
END_TEST

static cfg_opt_t opts[] = {CFG_STR("name", "none", CFGF_NONE), CFG_END()};

/* The error, with *ret_text for gl_free(), or 0. */
static int load(char **ret_text)
{
    cfg_t *cfg = NULL;
    *ret_text = NULL;
    int err = gl_config_load(path, opts, &cfg, ret_text);
    if (cfg)
        cfg_free(cfg);
    return err;
}

/* Root does what the file says: nobody else may write it. For others it is theirs anyway. */
START_TEST(configuration)
{
    static const struct {
        mode_t mode;
        bool fine;
    } cases[] = {{0644, true}, {0600, true}, {0620, false}, {0602, false}, {0666, false}};
    char *text;
    gl_scratch_put_text(path, "name = x\n");
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        ck_assert_int_eq(chmod(path, cases[i].mode), 0);
        int wanted = cases[i].fine || geteuid() != 0 ? 0 : UV_EACCES;
        ck_assert_msg(load(&text) == wanted, "mode %o", cases[i].mode);
        ck_assert(wanted == 0 || strstr(text, "may write"));
        gl_free(text);
    }
    ck_assert_int_eq(chmod(path, 0644), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(path, 65534, 0), 0);
        ck_assert_int_eq(load(&text), UV_EACCES);
        gl_free(text);
    }
    gl_scratch_unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(load(&text), UV_EINVAL);
    ck_assert_ptr_nonnull(strstr(text, "not a regular file"));
    gl_free(text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("private");
    TCase *tcase = tcase_create("private");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, written_for_us_alone);
    tcase_add_test(tcase, every_other_mode_is_refused);
    tcase_add_test(tcase, only_plain_files);
    tcase_add_test(tcase, configuration);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
