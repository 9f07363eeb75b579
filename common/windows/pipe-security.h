/* SPDX-License-Identifier: MIT */
/* Who may open a named pipe of ours, and whose pipe a client may trust. */
#ifndef GL_WINDOWS_PIPE_SECURITY_H
#define GL_WINDOWS_PIPE_SECURITY_H

#include <windows.h>

#include "transport.h"

/*
 * What a client asks for and is given: all of FILE_GENERIC_READ and FILE_GENERIC_WRITE but
 * FILE_CREATE_PIPE_INSTANCE, which has the number of FILE_APPEND_DATA and would let him serve
 * others in our place. "Named Pipe Security and Access Rights", learn.microsoft.com.
 */
#define GL_PIPE_CLIENT_ACCESS                                                                      \
    ((DWORD)(FILE_GENERIC_READ | FILE_GENERIC_WRITE) & ~(DWORD)FILE_APPEND_DATA)

/*
 * The descriptor of a pipe as SDDL, for gl_free(). Owner is the user of this process, or SYSTEM.
 * All rights: SYSTEM, Administrators and that user. GL_PIPE_CLIENT_ACCESS: Hyper-V Administrators;
 * options->gid, if the mode has 060; all who are logged on to this machine (Authenticated Users),
 * if it has 06. Nobody else, and nothing is inherited. NULL: options->gid is no group's that was
 * got from gl_principal_group_by_name().
 */
char *gl_pipe_sddl(const struct gl_listen_options *options);
/* The same as a security descriptor, for LocalFree(). */
int gl_pipe_descriptor(const struct gl_listen_options *options,
                       PSECURITY_DESCRIPTOR *ret_descriptor);

/*
 * Whether the pipe at whose client's end we are belongs to SYSTEM, Administrators or our own user.
 * 0; UV_EPERM: another user's, who may have taken the name to be spoken to in the daemon's place.
 */
int gl_pipe_check_owner(HANDLE pipe);
/* The decision alone. */
int gl_pipe_judge_owner(PSID owner);

/* Who is at the other end: call it when something of his was read, as ImpersonateNamedPipeClient()
 * wants it. Without credentials if he does not let himself be identified. */
void gl_pipe_identify(HANDLE pipe, struct gl_peer *peer);

/*
 * "\\.\pipe\NAME", for gl_free(). UV_ENAMETOOLONG: over 256 characters in all ("CreateNamedPipeW
 * function", learn.microsoft.com). UV_EINVAL: not UTF-8, or with a slash, which Windows would turn.
 */
int gl_pipe_name(const struct gl_address *address, wchar_t **ret_name);

#endif
