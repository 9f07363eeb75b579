/* SPDX-License-Identifier: MIT */
#include "glob.h"

#include <stddef.h>

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
