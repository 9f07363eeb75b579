/* SPDX-License-Identifier: MIT */
/* A password from standard input, as exec --password-stdin has it. */
#ifndef GL_CLI_PASSWORD_H
#define GL_CLI_PASSWORD_H

#include "cli.h"

#define GL_PASSWORD_MAX 512u /* bytes */

/*
 * The first line of standard input, without its end (LF or CR LF; the input's end counts, too).
 * Nothing that follows it is read. At a terminal the user is asked, and what is typed is not shown.
 * 0, or the exit status to return, after an error line: there is none, it is empty, too long, no
 * UTF-8, or holds a NUL. Wipe the password with sodium_memzero().
 */
int gl_password_read(struct gl_cli *cli, const char *guest, const char *user,
                     char ret_password[GL_PASSWORD_MAX + 1]);

/*
 * The line with its CR, if there is one, and without its LF. Twins: linux/secret-line.c,
 * windows/secret-line.c. UV_EOF: the end comes first; UV_E2BIG: it is longer than `size`, of which
 * so much was read; UV_E*. Asks with `prompt` at a terminal, which is put back whatever ends it,
 * signals too. Wipe the line, in any case.
 */
int gl_secret_line(const char *prompt, char *line, size_t size, size_t *ret_len);

#endif
