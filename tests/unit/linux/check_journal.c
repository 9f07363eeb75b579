/* SPDX-License-Identifier: MIT */
/* Lines of the log as the journal wants them. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture.h"
#include "log.h"
#include "unit.h"

START_TEST(journal)
{
    struct stat st;
    char stream[64];
    capture();
    ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    gl_error("one");
    gl_info("two");
    setenv("JOURNAL_STREAM", "1:1", 1); /* somebody else's: stderr was redirected */
    gl_info("three");
    const char *text = captured_text();
    ck_assert_ptr_eq(strstr(text, "<3>one\n<6>two\n"), text);
    ck_assert_ptr_null(strstr(text, "<6>three"));
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("journal", journal);
}

GL_UNIT_MAIN(suite)
