/* SPDX-License-Identifier: MIT */
#include "windows/exec-text.h"

#include "windows/error-text.h"

char *gl_exec_error_text(DWORD error)
{
    char *text = gl_error_text(error);
    return text ? text : gl_asprintf("error %lu", (unsigned long)error);
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
