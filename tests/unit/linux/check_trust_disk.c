/* SPDX-License-Identifier: MIT */
/* The host's trust store on a disk that fails it, as only Linux can be made to. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "trust-store.h"

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

START_TEST(a_failed_write_changes_nothing)
{
    if (geteuid() == 0)
        return; /* root writes anywhere: see check_trust for a directory in its place */
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_trust_entry *entry = judge(trust, claim_of(1, "web"), GL_STATUS_OK);
    struct gl_why why;
    chmod(directory, 0500);
    judge(trust, claim_of(2, "db"), GL_STATUS_INTERNAL);
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
    struct gl_trust_entry *entry = judge(trust, claim_of(1, "web"), GL_STATUS_OK);
    struct gl_why why;
    directories_fail = true;
    judge(trust, claim_of(2, "db"), GL_STATUS_INTERNAL);
    ck_assert_uint_eq(trust->count, 1);
    ck_assert_int_eq(gl_trust_revoke(trust, entry, &why), GL_STATUS_INTERNAL);
    ck_assert_ptr_nonnull(strstr(why.text, path));
    directories_fail = false;
    judge(trust, claim_of(2, "db"), GL_STATUS_OK);
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
