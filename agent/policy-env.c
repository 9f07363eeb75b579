/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include <string.h>

#include "glob.h"
#include "mem.h"

static const char *const harmless[] = {
    "LANG", "LANGUAGE", "LC_*", "TZ", "TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES",
};

bool gl_policy_env_harmless(const char *pair)
{
    char name[32];
    size_t len = strcspn(pair, "=");
    const char *value = pair + len + 1;
    if (pair[len] != '=' || len >= sizeof(name))
        return false;
    memcpy(name, pair, len);
    name[len] = '\0';
    /* % begins a conversion in a catalogue's or terminal's name; the rest is a path. */
    if (strchr(value, '%') || *value == '/' || *value == ':' || strstr(value, ".."))
        return false;
    for (size_t i = 0; i < GL_ARRAY_SIZE(harmless); i++)
        if (gl_glob_match(harmless[i], name))
            return true;
    return false;
}
