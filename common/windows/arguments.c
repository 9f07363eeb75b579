/* SPDX-License-Identifier: MIT */
#include "arguments.h"

#include <windows.h>

#include <shellapi.h>

#include "mem.h"
#include "wide.h"

/* A lone surrogate, which no user types, becomes U+FFFD: nothing has such a name in UTF-8. */
void gl_arguments(int *argc, char ***argv)
{
    int n;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &n);
    if (!wide)
        return;
    char **words = GL_NEW0_ARRAY(char *, (size_t)n + 1);
    for (int i = 0; i < n; i++)
        words[i] = gl_narrow_lossy(wide[i]);
    LocalFree(wide);
    *argc = n;
    *argv = words;
}
