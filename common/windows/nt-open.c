/* SPDX-License-Identifier: MIT */
#include "nt-open.h"

#include <ntstatus.h>
#include <stdbool.h>
#include <stdint.h>

/* A success: it is open, and its oplock is being broken. Not in all of mingw-w64's headers. */
#ifndef STATUS_OPLOCK_BREAK_IN_PROGRESS
#define STATUS_OPLOCK_BREAK_IN_PROGRESS ((NTSTATUS)0x00000108)
#endif

/* The same said of one who does not share what is asked for: STATUS_SHARING_VIOLATION, with this in
 * IoStatus.Information. It is not open then. (FILE_OPBATCH_BREAK_UNDERWAY, ntifs.h.) */
#define BATCH_BREAK_UNDERWAY 9u

#define FIRST_WAIT_MS 1u

static bool is_breaking(NTSTATUS status, const IO_STATUS_BLOCK *io)
{
    return status == STATUS_OPLOCK_BREAK_IN_PROGRESS ||
           (status == STATUS_SHARING_VIOLATION && io->Information == BATCH_BREAK_UNDERWAY);
}

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
    /* Also for what is to be made: a file system may break an oplock of what has the name before it
     * says that the name is taken. */
    const ULONG options = how->options | FILE_SYNCHRONOUS_IO_NONALERT | FILE_COMPLETE_IF_OPLOCKED;
    OBJECT_ATTRIBUTES object;
    InitializeObjectAttributes(&object, &text, OBJ_CASE_INSENSITIVE, how->root, how->descriptor);
    object.SecurityQualityOfService = &quality;
    for (DWORD wait = FIRST_WAIT_MS, left = GL_NT_BUSY_MS;; wait *= 2) {
        IO_STATUS_BLOCK io = {.Information = 0};
        HANDLE handle;
        NTSTATUS status =
            create(&handle, how->access | FILE_READ_ATTRIBUTES | SYNCHRONIZE, &object, &io, NULL,
                   FILE_ATTRIBUTE_NORMAL, how->share, how->disposition, options, NULL, 0);
        /* What was made now is ours: the oplock is of something else, as of the folder. */
        bool made = NT_SUCCESS(status) && how->disposition == FILE_CREATE;
        if (made || !is_breaking(status, &io)) {
            if (NT_SUCCESS(status))
                *ret_handle = handle;
            return status;
        }
        if (NT_SUCCESS(status))
            CloseHandle(handle);
        if (!left)
            return STATUS_SHARING_VIOLATION;
        wait = wait < left ? wait : left;
        Sleep(wait);
        left -= wait;
    }
}

NTSTATUS gl_nt_open(const struct gl_nt_open *how, HANDLE *ret_handle)
{
    return gl_nt_open_by(NtCreateFile, how, ret_handle);
}
