/* SPDX-License-Identifier: MIT */
#include "windows/exec-text.h"

#include <string.h>

#include "windows/wide.h"

char *gl_exec_error_text(DWORD error)
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
    if (len > 0)
        return text;
    gl_free(text);
    return gl_asprintf("error %lu", (unsigned long)error);
}

int gl_exec_fail(struct gl_exec_failure *failure, enum gl_status status, const char *format, ...)
{
    if (failure->status != GL_STATUS_OK)
        return -1;
    va_list args;
    va_start(args, format);
    failure->status = status;
    failure->text = gl_vasprintf(format, args);
    va_end(args);
    return -1;
}
