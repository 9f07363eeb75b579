/* SPDX-License-Identifier: MIT */
#include "shell-word.h"

#include <string.h>

#include "mem.h"

#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+-~\\"

static char *put_backslashes(char *to, size_t n)
{
    memset(to, '\\', n);
    return to + n;
}

/* Backslashes are themselves, but before a quote, where two stand for one. */
char *gl_shell_word(const char *word)
{
    size_t len = strlen(word), backslashes = 0;
    if (len > 0 && word[strspn(word, PLAIN)] == '\0')
        return gl_strdup(word);
    char *quoted = gl_alloc(2 * len + 3), *to = quoted;
    *to++ = '"';
    for (; *word != '\0'; word++) {
        if (*word == '"')
            to = put_backslashes(to, backslashes + 1);
        backslashes = *word == '\\' ? backslashes + 1 : 0;
        *to++ = *word;
    }
    to = put_backslashes(to, backslashes);
    *to++ = '"';
    *to = '\0';
    return quoted;
}
