/* SPDX-License-Identifier: MIT */
/* How a name that somebody has given is opened: what is asked for, and what an oplock does. */
#include "windows/nt-open.h"

#include <limits.h>
#include <ntstatus.h>

#include "mem.h"
#include "unit.h"

#define BREAKING ((NTSTATUS)0x00000108) /* STATUS_OPLOCK_BREAK_IN_PROGRESS */

static unsigned opens, busy; /* so many more of them find an oplock */
static HANDLE last;
static ULONG asked;

static NTAPI NTSTATUS create(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES object,
                             PIO_STATUS_BLOCK io, PLARGE_INTEGER size, ULONG attributes,
                             ULONG share, ULONG disposition, ULONG options, PVOID ea, ULONG ea_len)
{
    const SECURITY_QUALITY_OF_SERVICE *quality = object->SecurityQualityOfService;
    (void)io, (void)size, (void)attributes, (void)share, (void)disposition, (void)ea, (void)ea_len;
    ck_assert_uint_eq(quality->ImpersonationLevel, SecurityIdentification);
    ck_assert(access & SYNCHRONIZE);
    opens++;
    asked = options;
    if (opens > 1) { /* what the last open gave is not kept */
        DWORD flags;
        ck_assert(!GetHandleInformation(last, &flags));
    }
    last = *handle = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!busy)
        return STATUS_SUCCESS;
    busy--;
    return BREAKING;
}

static NTSTATUS open_it(ULONG disposition, unsigned times, HANDLE *ret_handle)
{
    const struct gl_nt_open how = {.name = L"x", .len = 1, .disposition = disposition};
    opens = 0;
    busy = times;
    return gl_nt_open_by(create, &how, ret_handle);
}

START_TEST(an_oplock_that_is_given_up_is_waited_for)
{
    HANDLE handle = NULL;
    ck_assert_int_eq(open_it(FILE_OPEN, 3, &handle), STATUS_SUCCESS);
    ck_assert_uint_eq(opens, 4);
    ck_assert(asked & FILE_COMPLETE_IF_OPLOCKED);
    ck_assert_ptr_eq(handle, last);
    ck_assert(CloseHandle(handle));
}
END_TEST

START_TEST(an_oplock_that_is_not_given_up_is_told)
{
    HANDLE handle = NULL;
    DWORD flags;
    ck_assert_int_eq(open_it(FILE_OPEN, UINT_MAX, &handle), STATUS_SHARING_VIOLATION);
    ck_assert_ptr_null(handle);
    ck_assert(!GetHandleInformation(last, &flags));
    ck_assert_uint_gt(opens, 5);
}
END_TEST

START_TEST(what_is_made_has_none)
{
    HANDLE handle;
    ck_assert_int_eq(open_it(FILE_CREATE, 0, &handle), STATUS_SUCCESS);
    ck_assert(!(asked & FILE_COMPLETE_IF_OPLOCKED));
    CloseHandle(handle);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {an_oplock_that_is_given_up_is_waited_for,
                                  an_oplock_that_is_not_given_up_is_told, what_is_made_has_none};
    Suite *suite = suite_create("nt open");
    TCase *tcase = tcase_create("nt open");
    for (size_t i = 0; i < GL_ARRAY_SIZE(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

GL_UNIT_MAIN(suite)
