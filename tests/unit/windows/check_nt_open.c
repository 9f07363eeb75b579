/* SPDX-License-Identifier: MIT */
/* How a name that somebody has given is opened: what is asked for, and what an oplock does. */
#include "windows/nt-open.h"

#include <limits.h>
#include <ntstatus.h>
#include <stdbool.h>

#include "mem.h"
#include "unit.h"

#define BREAKING             ((NTSTATUS)0x00000108) /* STATUS_OPLOCK_BREAK_IN_PROGRESS */
#define BATCH_BREAK_UNDERWAY 9

static unsigned opens, busy; /* so many more of them find an oplock */
static NTSTATUS how_busy;
static HANDLE last;

static bool is_open(HANDLE handle)
{
    DWORD flags;
    return GetHandleInformation(handle, &flags);
}

static NTAPI NTSTATUS create(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES object,
                             PIO_STATUS_BLOCK io, PLARGE_INTEGER size, ULONG attributes,
                             ULONG share, ULONG disposition, ULONG options, PVOID ea, ULONG ea_len)
{
    const SECURITY_QUALITY_OF_SERVICE *quality = object->SecurityQualityOfService;
    (void)size, (void)attributes, (void)share, (void)disposition, (void)ea, (void)ea_len;
    ck_assert_int_eq(quality->ImpersonationLevel, SecurityIdentification);
    ck_assert(access & SYNCHRONIZE);
    ck_assert(options & FILE_COMPLETE_IF_OPLOCKED);
    ck_assert(!last || !is_open(last)); /* what the last open gave is not kept */
    opens++;
    NTSTATUS status = busy ? how_busy : STATUS_SUCCESS;
    if (busy)
        busy--;
    if (NT_SUCCESS(status))
        last = *handle = CreateEventW(NULL, TRUE, FALSE, NULL);
    else if (opens % 2) /* else it is left alone, as where a call fails early */
        io->Information = BATCH_BREAK_UNDERWAY;
    return status;
}

static NTSTATUS open_it(ULONG disposition, NTSTATUS status, unsigned times, HANDLE *ret_handle)
{
    const struct gl_nt_open how = {.name = L"x", .len = 1, .disposition = disposition};
    opens = 0;
    last = NULL;
    how_busy = status;
    busy = times;
    return gl_nt_open_by(create, &how, ret_handle);
}

START_TEST(an_oplock_that_is_given_up_is_waited_for)
{
    HANDLE handle = NULL;
    ck_assert_int_eq(open_it(FILE_OPEN, BREAKING, 3, &handle), STATUS_SUCCESS);
    ck_assert_uint_eq(opens, 4);
    ck_assert_ptr_eq(handle, last);
    ck_assert(CloseHandle(handle));
}
END_TEST

START_TEST(an_oplock_that_is_not_given_up_is_told)
{
    HANDLE handle = NULL;
    ULONGLONG began = GetTickCount64();
    ck_assert_int_eq(open_it(FILE_OPEN, BREAKING, UINT_MAX, &handle), STATUS_SHARING_VIOLATION);
    ck_assert_uint_ge(GetTickCount64() - began + 100, GL_NT_BUSY_MS);
    ck_assert_ptr_null(handle);
    ck_assert(!is_open(last));
    ck_assert_uint_gt(opens, 5);
}
END_TEST

/* Whoever has the file open does not share it, and is being asked to let go of it. */
START_TEST(an_oplock_of_one_who_does_not_share)
{
    HANDLE handle = NULL;
    ck_assert_int_eq(open_it(FILE_OPEN, STATUS_SHARING_VIOLATION, 1, &handle), STATUS_SUCCESS);
    ck_assert_uint_eq(opens, 2);
    ck_assert_ptr_eq(handle, last);
    ck_assert(CloseHandle(handle));
}
END_TEST

/* The second time there is no oplock: it is an answer. */
START_TEST(who_does_not_share_is_told)
{
    HANDLE handle = NULL;
    ck_assert_int_eq(open_it(FILE_OPEN, STATUS_SHARING_VIOLATION, UINT_MAX, &handle),
                     STATUS_SHARING_VIOLATION);
    ck_assert_uint_eq(opens, 2);
    ck_assert_ptr_null(handle);
    ck_assert_int_eq(open_it(FILE_OPEN, STATUS_ACCESS_DENIED, UINT_MAX, &handle),
                     STATUS_ACCESS_DENIED);
    ck_assert_uint_eq(opens, 1);
}
END_TEST

/* That the name was free is sure only once it is made; and then it is kept, whatever is broken. */
START_TEST(what_is_made_is_made_once)
{
    HANDLE handle = NULL;
    ck_assert(NT_SUCCESS(open_it(FILE_CREATE, BREAKING, 1, &handle)));
    ck_assert_uint_eq(opens, 1);
    ck_assert_ptr_eq(handle, last);
    ck_assert(CloseHandle(handle));
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        an_oplock_that_is_given_up_is_waited_for,
        an_oplock_that_is_not_given_up_is_told,
        an_oplock_of_one_who_does_not_share,
        who_does_not_share_is_told,
        what_is_made_is_made_once,
    };
    Suite *suite = suite_create("nt open");
    TCase *tcase = tcase_create("nt open");
    for (size_t i = 0; i < GL_ARRAY_SIZE(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

GL_UNIT_MAIN(suite)
