/* SPDX-License-Identifier: MIT */
/*
 * NtCreateFile() for paths and names that others have given: "NtCreateFile function",
 * learn.microsoft.com. What is open is not inherited, and is read and written in order.
 */
#ifndef GL_WINDOWS_NT_OPEN_H
#define GL_WINDOWS_NT_OPEN_H

#include <stddef.h>
#include <windows.h>
#include <winternl.h>

#define GL_NT_SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

struct gl_nt_open {
    HANDLE root;         /* what `name` is seen from; NULL: it is an NT path */
    const wchar_t *name; /* `len` units; none: root itself, once more */
    size_t len;
    ACCESS_MASK access; /* besides what every handle gets: FILE_READ_ATTRIBUTES, SYNCHRONIZE */
    ULONG share, disposition, options;
    PSECURITY_DESCRIPTOR descriptor; /* of what is made; NULL: its folder says it */
};

NTSTATUS gl_nt_open(const struct gl_nt_open *how, HANDLE *ret_handle);

#endif
