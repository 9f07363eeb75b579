/* SPDX-License-Identifier: MIT */
#include "glob.h"

#include <stddef.h>
#include <string.h>

/*
 * Each * is tried as short as it can be; when what follows does not fit, only the last * takes one
 * more: an earlier one could gain nothing. So the time is bounded by the product of the lengths,
 * without recursion.
 */
bool gl_glob_match(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;
    while (*text) {
        bool literal = *pattern == '\\' && pattern[1];
        const char *p = literal ? pattern + 1 : pattern;
        if (!literal && *p == '*') {
            star = ++pattern;
            resume = text;
        } else if ((!literal && *p == '?') || (*p && *p == *text)) {
            pattern = p + 1;
            text++;
        } else if (star) {
            pattern = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

const char *gl_glob_fault(const char *pattern)
{
    for (const char *p = pattern; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (*p == '[')
            return "[ is no wildcard here, only * and ? are; '\\[' in single quotes is [ itself";
        else if (*p == '{')
            return "{ is no wildcard here: write a list, {'a', 'b'}; '\\{' is { itself";
    }
    return NULL;
}

static const char *part_fault(const char *part, size_t len, bool first, bool last)
{
    if (len == 0 && !first)
        return last ? "a path does not end with a slash" : "no path has two slashes together";
    if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
        return "paths are judged without '.' and '..'";
    return NULL;
}

const char *gl_glob_path_fault(const char *pattern)
{
    char part[3]; /* its beginning, without backslashes: enough for what is looked for */
    size_t len = 0;
    bool first = true;
    const char *fault = gl_glob_fault(pattern);
    if (strcmp(pattern, "/") == 0)
        return NULL;
    for (const char *p = pattern; !fault; p++) {
        if (*p == '\\' && p[1])
            p++;
        if (*p == '/' || !*p) {
            fault = part_fault(part, len, first, !*p);
            first = false;
            len = 0;
            if (!*p)
                break;
        } else {
            if (len < sizeof part)
                part[len] = *p;
            len++;
        }
    }
    return fault;
}
