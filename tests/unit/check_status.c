/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <errno.h>
#include <string.h>
#include <uv.h>

#include "unit.h"

/* The wire's numbers, written out once more: whoever changes one must lie twice. */
static const char *const wire[] = {
    "OK",
    "CANCELLED",
    "INTERNAL",
    "INVALID",
    "NOT_FOUND",
    "EXISTS",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNSUPPORTED",
    "LIMIT",
    "TIMED_OUT",
    "PRECONDITION",
    "PROTOCOL",
    "LOST",
    "NOT_STARTED",
    "DATA_LOSS",
    "NO_SPACE",
    "READ_ONLY",
    "IS_DIRECTORY",
    "NOT_DIRECTORY",
    "NOT_EMPTY",
    "NAME_TOO_LONG",
    "LOOP",
    "BUSY",
    "IO",
    "CROSS_DEVICE",
    "TOO_BIG",
    "DUPLICATE_KEY",
    "PENDING",
    "REVOKED",
    "KEY_MISMATCH",
    "RESUME_REFUSED",
    "GOING_AWAY",
    "NOT_EXECUTABLE",
    "PROGRAM_NOT_FOUND",
};
#define WIRE_COUNT (sizeof(wire) / sizeof(wire[0]))

START_TEST(numbers_are_fixed)
{
    for (uint32_t i = 0; i < WIRE_COUNT; i++) {
        enum gl_status status = GL_STATUS_INTERNAL;
        ck_assert(gl_status_valid(i));
        ck_assert_str_eq(gl_status_name(i), wire[i]);
        ck_assert_int_eq(gl_status_parse(wire[i], &status), 0);
        ck_assert_uint_eq(status, i);
        ck_assert_uint_gt(strlen(gl_status_text(i)), 0);
    }
    ck_assert_int_eq(GL_STATUS_PERMISSION_DENIED, 6);
    ck_assert_int_eq(GL_STATUS_PROGRAM_NOT_FOUND, 35);
}
END_TEST

START_TEST(unknown_numbers_are_harmless)
{
    enum gl_status status = GL_STATUS_LOST;
    ck_assert(!gl_status_valid(WIRE_COUNT));
    ck_assert(!gl_status_valid(UINT32_MAX));
    ck_assert_str_eq(gl_status_name(UINT32_MAX), "UNKNOWN");
    ck_assert_ptr_nonnull(gl_status_text(UINT32_MAX));
    ck_assert_int_eq(gl_status_parse("not_found", &status), UV_ENOENT);
    ck_assert_int_eq(status, GL_STATUS_LOST);
}
END_TEST

START_TEST(errors_of_the_system)
{
    static const struct {
        int err;
        enum gl_status status;
    } cases[] = {
        {0, GL_STATUS_OK},
        {UV_ECANCELED, GL_STATUS_CANCELLED},
        {UV_ENOENT, GL_STATUS_NOT_FOUND},
        {UV_EACCES, GL_STATUS_PERMISSION_DENIED},
        {UV_EPERM, GL_STATUS_PERMISSION_DENIED},
        {UV_ECONNREFUSED, GL_STATUS_UNAVAILABLE},
        {UV_ECONNRESET, GL_STATUS_LOST},
        {UV_EOF, GL_STATUS_LOST},
        {UV_ENOSPC, GL_STATUS_NO_SPACE},
#ifdef EDQUOT
        {-EDQUOT, GL_STATUS_NO_SPACE},
#endif
        {UV_EROFS, GL_STATUS_READ_ONLY},
        {UV_EISDIR, GL_STATUS_IS_DIRECTORY},
        {UV_ENOTDIR, GL_STATUS_NOT_DIRECTORY},
        {UV_ENOTEMPTY, GL_STATUS_NOT_EMPTY},
        {UV_ENAMETOOLONG, GL_STATUS_NAME_TOO_LONG},
        {UV_ELOOP, GL_STATUS_LOOP},
        {UV_EXDEV, GL_STATUS_CROSS_DEVICE},
        {UV_EMFILE, GL_STATUS_LIMIT},
        {-99999, GL_STATUS_INTERNAL},
        {1, GL_STATUS_INTERNAL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_str_eq(gl_status_name(gl_status_from_errno(cases[i].err)),
                         gl_status_name(cases[i].status));
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("status", numbers_are_fixed, unknown_numbers_are_harmless,
                         errors_of_the_system);
}

GL_UNIT_MAIN(suite)
