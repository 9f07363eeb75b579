/* SPDX-License-Identifier: MIT */
/*
 * NtCreateFile() for paths and names that others have given: "NtCreateFile function",
 * learn.microsoft.com. What is open is not inherited, and is read and written in order.
 *
 * A name may lead to a pipe, whose server then learns who we are, but cannot act as us
 * ("Impersonation Levels"). And it may be a file that somebody has an oplock on, and an open waits
 * until he has let go of it, which he may never do ("Opportunistic Locks"): it is waited for, but
 * not longer than GL_NT_BUSY_MS.
 */
#ifndef GL_WINDOWS_NT_OPEN_H
#define GL_WINDOWS_NT_OPEN_H

#include <stddef.h>
#include <windows.h>
#include <winternl.h>

#define GL_NT_SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define GL_NT_BUSY_MS   2000u

struct gl_nt_open {
    HANDLE root;         /* what `name` is seen from; NULL: it is an NT path */
    const wchar_t *name; /* `len` units; none: root itself, once more */
    size_t len;
    ACCESS_MASK access; /* besides what every handle gets: FILE_READ_ATTRIBUTES, SYNCHRONIZE */
    ULONG share, disposition, options;
    PSECURITY_DESCRIPTOR descriptor; /* of what is made; NULL: its folder says it */
};

/* STATUS_SHARING_VIOLATION also for an oplock that nobody gives up. */
NTSTATUS gl_nt_open(const struct gl_nt_open *how, HANDLE *ret_handle);

/* The same by what a test has in place of NtCreateFile(). */
typedef __typeof__(NtCreateFile) gl_nt_create_fn;
NTSTATUS gl_nt_open_by(gl_nt_create_fn *create, const struct gl_nt_open *how, HANDLE *ret_handle);

#endif
