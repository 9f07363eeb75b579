/* SPDX-License-Identifier: MIT */
/* The host's trust store on a disk that fails it, as only Linux can be made to. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "scratch.h"
#include "trust.h"
#include "unit.h"

static char directory[GL_SCRATCH_PATH], path[GL_SCRATCH_PATH + 32];
static bool directories_fail;

/* In place of the C library's: a disk that cannot keep a directory's new entry. */
int fsync(int fd)
{
    struct stat st;
    if (directories_fail && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

static void setup(void)
{
    gl_scratch_new(directory, "trust_disk");
    snprintf(path, sizeof path, "%s/guests.json", directory);
    ck_assert_int_eq(gl_key_global_init(), 0);
    gl_log_set_level(GL_LOG_ERROR);
}

static void teardown(void)
{
    gl_scratch_remove(directory);
}

static struct gl_trust *open_with(enum gl_trust_policy policy)
{
    struct gl_trust *trust = NULL;
    struct gl_why why;
    int err = gl_trust_open(path, policy, &trust, &why);
    ck_assert_msg(err == 0, "%s", why.text);
    return trust;
}

/* Keys need not be real ones here: n is the first byte. */
static struct gl_trust_entry *judge(struct gl_trust *trust, uint8_t n, const char *proposal,
                                    enum gl_status expected)
{
    struct gl_trust_entry *entry = NULL;
    struct gl_why why = {""};
    const uint8_t key[GL_KEY_SIZE] = {n};
    struct gl_trust_claim claim = {
        .key = key,
        .proposal = proposal,
        .place = "vsock:3",
        .quota = 8,
        .address = "vsock:3:600",
        .software = "guestlink-agent 0.1.0",
        .now_s = 1700000000,
    };
    enum gl_status status = gl_trust_judge(trust, &claim, &entry, &why);
    ck_assert_msg(status == expected, "%s: %s", gl_status_name(status), why.text);
    return entry;
}

START_TEST(a_failed_write_changes_nothing)
{
    if (geteuid() == 0)
        return; /* root writes anywhere: see check_trust for a directory in its place */
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_trust_entry *entry = judge(trust, 1, "web", GL_STATUS_OK);
    struct gl_why why;
    chmod(directory, 0500);
    judge(trust, 2, "db", GL_STATUS_INTERNAL);
    ck_assert_uint_eq(trust->count, 1);
    ck_assert_int_eq(gl_trust_rename(trust, entry, "other", &why), GL_STATUS_INTERNAL);
    ck_assert_str_eq(entry->name, "web");
    gl_trust_free(trust);
}
END_TEST

/* A pin or a revocation that the next crash may undo is none. */
START_TEST(what_may_not_last_does_not_count)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_trust_entry *entry = judge(trust, 1, "web", GL_STATUS_OK);
    struct gl_why why;
    directories_fail = true;
    judge(trust, 2, "db", GL_STATUS_INTERNAL);
    ck_assert_uint_eq(trust->count, 1);
    ck_assert_int_eq(gl_trust_revoke(trust, entry, &why), GL_STATUS_INTERNAL);
    ck_assert_ptr_nonnull(strstr(why.text, path));
    directories_fail = false;
    judge(trust, 2, "db", GL_STATUS_OK);
    gl_trust_free(trust);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("trust_disk");
    TCase *tcase = tcase_create("trust_disk");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_failed_write_changes_nothing);
    tcase_add_test(tcase, what_may_not_last_does_not_count);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
