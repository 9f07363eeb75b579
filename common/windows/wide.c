/* SPDX-License-Identifier: MIT */
#include "wide.h"

#include <string.h>
#include <windows.h>

wchar_t *gl_wide(const char *text)
{
    int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    if (n <= 0)
        return NULL;
    wchar_t *wide = gl_alloc((size_t)n * sizeof *wide);
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, n);
    return wide;
}

static char *narrow(const wchar_t *text, DWORD flags)
{
    int n = WideCharToMultiByte(CP_UTF8, flags, text, -1, NULL, 0, NULL, NULL);
    if (n <= 0)
        return NULL;
    char *utf8 = gl_alloc((size_t)n);
    WideCharToMultiByte(CP_UTF8, flags, text, -1, utf8, n, NULL, NULL);
    return utf8;
}

/* Wine's WC_ERR_INVALID_CHARS lets lone surrogates pass in some versions: looked for here. */
static bool is_paired(const wchar_t *text)
{
    for (; *text; text++) {
        if (*text >= 0xDC00 && *text <= 0xDFFF)
            return false;
        if (*text >= 0xD800 && *text <= 0xDBFF) {
            if (text[1] < 0xDC00 || text[1] > 0xDFFF)
                return false;
            text++;
        }
    }
    return true;
}

char *gl_narrow(const wchar_t *text)
{
    return is_paired(text) ? narrow(text, WC_ERR_INVALID_CHARS) : NULL;
}

char *gl_narrow_lossy(const wchar_t *text)
{
    char *utf8 = narrow(text, 0);
    return utf8 ? utf8 : gl_strdup("");
}

/* What comes before a full path so that it may be long; *ret_skip characters of it are replaced. */
static const wchar_t *prefix_for(const wchar_t *full, size_t *ret_skip)
{
    *ret_skip = 0;
    if (wcsncmp(full, L"\\\\?\\", 4) == 0 || wcsncmp(full, L"\\\\.\\", 4) == 0)
        return L"";
    if (wcsncmp(full, L"\\\\", 2) == 0) {
        *ret_skip = 2;
        return L"\\\\?\\UNC\\";
    }
    return L"\\\\?\\";
}

static bool is_verbatim(const char *path)
{
    return strncmp(path, "\\\\?\\", 4) == 0 || strncmp(path, "\\\\.\\", 4) == 0;
}

wchar_t *gl_wide_path(const char *path)
{
    wchar_t *wide = gl_wide(path), *full, *result = NULL;
    if (!wide || !*wide || is_verbatim(path)) {
        if (wide && *wide)
            return wide;
        gl_free(wide);
        return NULL;
    }
    DWORD size = GetFullPathNameW(wide, 0, NULL, NULL);
    full = gl_alloc(((size_t)size + 1) * sizeof *full);
    DWORD len = size ? GetFullPathNameW(wide, size, full, NULL) : 0;
    /* Longer than it was: the working directory has changed meanwhile. */
    if (len > 0 && len < size) {
        size_t skip;
        const wchar_t *prefix = prefix_for(full, &skip);
        result = gl_alloc((wcslen(prefix) + len - skip + 1) * sizeof *result);
        wcscpy(result, prefix);
        wcscat(result, full + skip);
    }
    gl_free(full);
    gl_free(wide);
    return result;
}
