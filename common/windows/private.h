/* SPDX-License-Identifier: MIT */
/*
 * Files of this account's alone, by their security descriptors. "Ours" are the account that this
 * process runs as, SYSTEM, Administrators and TrustedInstaller: the others can reach everything
 * anyway.
 */
#ifndef GL_WINDOWS_PRIVATE_H
#define GL_WINDOWS_PRIVATE_H

#include <stdbool.h>
#include <windows.h>

/* What somebody else must not be able to do to a file or folder that only we may change. */
#define GL_PRIVATE_CHANGE                                                                          \
    (FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES |                  \
     FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER)
/* The same for one that only we may see. */
#define GL_PRIVATE_ANY (GL_PRIVATE_CHANGE | FILE_READ_DATA)

/*
 * The text of a descriptor (SDDL) that lets ours do all, and nobody else anything; with
 * users_read others may look into a folder and the folders in it, but read no file: whoever may
 * read one can have it open alone, and keep us from it. Protected: nothing is inherited from above.
 * What is made in a folder that has it gets the same. For gl_free(); NULL: the account cannot be
 * found out.
 */
char *gl_private_sddl(bool users_read);
/* The descriptor itself, for SECURITY_ATTRIBUTES; for LocalFree(). UV_E*. */
int gl_private_descriptor(bool users_read, PSECURITY_DESCRIPTOR *ret_descriptor);

/*
 * Whether the thing belongs to us and its DACL gives nobody else one of `rights`. 0, or UV_EACCES
 * with *ret_why (for gl_free(); may be NULL if nobody asks), as "it belongs to X", "X may change
 * it". The handle needs READ_CONTROL.
 */
int gl_private_judge(HANDLE file, ACCESS_MASK rights, char **ret_why);
/* The same of a thing that has this descriptor. */
int gl_private_judge_descriptor(PSECURITY_DESCRIPTOR descriptor, ACCESS_MASK rights,
                                char **ret_why);
/*
 * Whether nobody else can put another program in the place of this one, or something beside it
 * that it would load: neither by it, nor by the folder that it is in, nor by what that is in, up to
 * the root. `path` is absolute, with backslashes. 0; UV_EACCES, or whatever it cannot be looked at
 * for, with *ret_why (for gl_free()) as above after the name of what it is about.
 */
int gl_private_judge_program(const wchar_t *path, char **ret_why);

#endif
