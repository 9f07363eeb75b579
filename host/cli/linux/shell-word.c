/* SPDX-License-Identifier: MIT */
#include "shell-word.h"

#include <string.h>

#include "mem.h"

#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-~"

char *gl_shell_word(const char *word)
{
    size_t len = strlen(word);
    if (len > 0 && word[0] != '~' && word[strspn(word, PLAIN)] == '\0')
        return gl_strdup(word);
    char *quoted = gl_alloc(4 * len + 3), *to = quoted;
    *to++ = '\'';
    for (; *word != '\0'; word++) {
        if (*word == '\'') { /* nothing but the end of it is anything inside of quotes */
            memcpy(to, "'\\'", 3);
            to += 3;
        }
        *to++ = *word;
    }
    *to++ = '\'';
    *to = '\0';
    return quoted;
}
