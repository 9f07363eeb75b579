/* SPDX-License-Identifier: MIT */
#include "password.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "utf8.h"

/* What is wrong with it, or NULL. */
static const char *judge(const char *line, size_t len)
{
    if (len == 0)
        return "the password is empty";
    if (len > GL_PASSWORD_MAX)
        return "the password is longer than 512 bytes";
    if (memchr(line, '\0', len))
        return "the password holds a NUL byte";
    if (!gl_utf8_valid(line, len))
        return "the password is not UTF-8";
    return NULL;
}

int gl_password_read(struct gl_cli *cli, const char *guest, const char *user,
                     char ret_password[GL_PASSWORD_MAX + 1])
{
    char name[256], prompt[300], line[GL_PASSWORD_MAX + 1];
    size_t len = 0;
    gl_escape(name, sizeof(name), user, strlen(user));
    snprintf(prompt, sizeof(prompt), "Password for %s: ", name);
    int error = gl_secret_line(prompt, line, sizeof(line), &len);
    if (!error && len > 0 && line[len - 1] == '\r')
        len--;
    const char *why = error == UV_EOF     ? "--password-stdin: there is none on standard input"
                      : error == UV_E2BIG ? judge(line, GL_PASSWORD_MAX + 1)
                      : error             ? uv_strerror(error)
                                          : judge(line, len);
    if (!why) {
        memcpy(ret_password, line, len);
        ret_password[len] = '\0';
    }
    sodium_memzero(line, sizeof(line));
    if (!why)
        return 0;
    return gl_cli_error(cli, guest,
                        error && error != UV_EOF && error != UV_E2BIG ? gl_status_from_errno(error)
                                                                      : GL_STATUS_INVALID,
                        "%s", why);
}
