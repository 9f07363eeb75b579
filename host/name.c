/* SPDX-License-Identifier: MIT */
#include "name.h"

#include <stdio.h>
#include <string.h>

/* Not isalnum() and its kin: they know the locale. */
static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool looks_like_id(const char *name)
{
    size_t n = 0;
    while (is_hex(name[n]))
        n++;
    return !name[n] && (n == 16 || n == 64);
}

const char *gl_name_fault(const char *name)
{
    size_t len = strlen(name);
    if (len == 0)
        return "it is empty";
    if (len >= GL_NAME_SIZE)
        return "it is longer than 63 characters";
    if (len == 1)
        return "one letter alone could be a drive";
    if (!is_alnum(name[0]))
        return "it does not begin with a letter or digit";
    for (const char *p = name; *p; p++)
        if (!is_alnum(*p) && !strchr("._-", *p))
            return "it has other characters than letters, digits, '.', '_' and '-'";
    if (looks_like_id(name))
        return "it looks like an id";
    return NULL;
}

void gl_name_sanitise(const char *proposal, char out[GL_NAME_SIZE])
{
    size_t n = 0;
    for (const char *p = proposal; *p && n < GL_NAME_SIZE - 1; p++) {
        if (is_alnum(*p) || (n && strchr("._-", *p)))
            out[n++] = *p;
        else if (n && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n && !is_alnum(out[n - 1]))
        n--;
    out[n] = '\0';
    if (n == 0) {
        strcpy(out, "guest");
    } else if (gl_name_fault(out)) {
        char plain[GL_NAME_SIZE];
        memcpy(plain, out, n + 1);
        snprintf(out, GL_NAME_SIZE, "guest-%.57s", plain);
    }
}

void gl_name_number(const char *base, unsigned number, char out[GL_NAME_SIZE])
{
    char suffix[16];
    int len = snprintf(suffix, sizeof suffix, "-%u", number);
    snprintf(out, GL_NAME_SIZE, "%.*s%s", GL_NAME_SIZE - 1 - len, base, suffix);
}

bool gl_name_alike(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) == lower(*b);
}
