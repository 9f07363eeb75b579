/* SPDX-License-Identifier: MIT */
#include "nt-open.h"

#include <ntstatus.h>
#include <stdint.h>

/* A success: it is open, and its oplock is being broken. Not in all of mingw-w64's headers. */
#ifndef STATUS_OPLOCK_BREAK_IN_PROGRESS
#define STATUS_OPLOCK_BREAK_IN_PROGRESS ((NTSTATUS)0x00000108)
#endif

#define FIRST_WAIT_MS 1u

NTSTATUS gl_nt_open_by(gl_nt_create_fn *create, const struct gl_nt_open *how, HANDLE *ret_handle)
{
    if (how->len > 0xFFFE / sizeof *how->name)
        return STATUS_NAME_TOO_LONG;
    UNICODE_STRING text = {
        .Length = (USHORT)(how->len * sizeof *how->name),
        .MaximumLength = (USHORT)(how->len * sizeof *how->name),
        .Buffer = (wchar_t *)(uintptr_t)how->name,
    };
    SECURITY_QUALITY_OF_SERVICE quality = {
        .Length = sizeof quality,
        .ImpersonationLevel = SecurityIdentification,
        .ContextTrackingMode = SECURITY_STATIC_TRACKING,
    };
    ULONG options = how->options | FILE_SYNCHRONOUS_IO_NONALERT;
    if (how->disposition == FILE_OPEN) /* nobody has one on what is made only now */
        options |= FILE_COMPLETE_IF_OPLOCKED;
    OBJECT_ATTRIBUTES object;
    InitializeObjectAttributes(&object, &text, OBJ_CASE_INSENSITIVE, how->root, how->descriptor);
    object.SecurityQualityOfService = &quality;
    for (DWORD wait = FIRST_WAIT_MS, waited = 0;; waited += wait, wait *= 2) {
        IO_STATUS_BLOCK io;
        HANDLE handle;
        NTSTATUS status =
            create(&handle, how->access | FILE_READ_ATTRIBUTES | SYNCHRONIZE, &object, &io, NULL,
                   FILE_ATTRIBUTE_NORMAL, how->share, how->disposition, options, NULL, 0);
        if (status != STATUS_OPLOCK_BREAK_IN_PROGRESS) {
            if (NT_SUCCESS(status))
                *ret_handle = handle;
            return status;
        }
        CloseHandle(handle);
        if (waited + wait > GL_NT_BUSY_MS)
            return STATUS_SHARING_VIOLATION;
        Sleep(wait);
    }
}

NTSTATUS gl_nt_open(const struct gl_nt_open *how, HANDLE *ret_handle)
{
    return gl_nt_open_by(NtCreateFile, how, ret_handle);
}
