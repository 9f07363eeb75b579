/* SPDX-License-Identifier: MIT */
#include "nt-open.h"

#include <ntstatus.h>
#include <stdint.h>

NTSTATUS gl_nt_open(const struct gl_nt_open *how, HANDLE *ret_handle)
{
    if (how->len > 0xFFFE / sizeof *how->name)
        return STATUS_NAME_TOO_LONG;
    UNICODE_STRING text = {
        .Length = (USHORT)(how->len * sizeof *how->name),
        .MaximumLength = (USHORT)(how->len * sizeof *how->name),
        .Buffer = (wchar_t *)(uintptr_t)how->name,
    };
    OBJECT_ATTRIBUTES object;
    IO_STATUS_BLOCK io;
    InitializeObjectAttributes(&object, &text, OBJ_CASE_INSENSITIVE, how->root, how->descriptor);
    return NtCreateFile(ret_handle, how->access | FILE_READ_ATTRIBUTES | SYNCHRONIZE, &object, &io,
                        NULL, FILE_ATTRIBUTE_NORMAL, how->share, how->disposition,
                        how->options | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
}
