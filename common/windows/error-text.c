/* SPDX-License-Identifier: MIT */
#include "windows/error-text.h"

#include <string.h>

#include "mem.h"
#include "windows/wide.h"

/* The length of an insert, "%1" or "%1!format!"; 0: there is none ("FormatMessageW function",
 * learn.microsoft.com). */
static size_t insert_length(const char *p)
{
    if (p[0] != '%' || p[1] < '1' || p[1] > '9')
        return 0;
    size_t len = 2;
    len += p[len] >= '0' && p[len] <= '9';
    const char *end = p[len] == '!' ? strchr(p + len + 1, '!') : NULL;
    return end ? (size_t)(end - p) + 1 : len;
}

/* No longer than it was: "it" is as long as the shortest insert. */
static void fill_inserts(char *text)
{
    char *to = text;
    for (const char *p = text; *p;) {
        size_t len = insert_length(p);
        if (!len) {
            *to++ = *p++;
            continue;
        }
        *to++ = 'i';
        *to++ = 't';
        p += len;
    }
    *to = '\0';
}

char *gl_error_text(DWORD error)
{
    wchar_t wide[512] = L"";
    DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    if (FormatMessageW(flags, NULL, error, MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), wide,
                       GL_ARRAY_SIZE(wide), NULL) == 0)
        FormatMessageW(flags, NULL, error, 0, wide, GL_ARRAY_SIZE(wide), NULL);
    char *text = gl_narrow_lossy(wide);
    size_t len = strlen(text);
    while (len > 0 && strchr(". \r\n", text[len - 1]))
        len--;
    text[len] = '\0';
    fill_inserts(text);
    if (len > 0)
        return text;
    gl_free(text);
    return NULL;
}
