/* SPDX-License-Identifier: MIT */
#include "name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "key.h"
#include "mem.h"
#include "utf8.h"

#define VM_PREFIX  "vm-"
#define SEPARATORS ":/\\"

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
    if (len > GL_NAME_MAX)
        return "it is longer than 63 characters";
    if (!is_alnum(name[0]))
        return "it does not begin with a letter or digit";
    if (len == 1)
        return "one character alone could be a drive";
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
    for (const char *p = proposal; *p && n < GL_NAME_MAX; p++) {
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

/* ------------------------------------------------------------------ a hypervisor's */

/* Of the character there; 1 for a byte that is of none. */
static size_t char_len(const char *p)
{
    size_t len = gl_utf8_char_len(p, strnlen(p, 4));
    return len ? len : 1;
}

struct range {
    uint32_t first, last;
};

/* They have no shape, and two names that differ in them alone look the same: what the Unicode
 * Character Database (DerivedCoreProperties.txt) calls Default_Ignorable_Code_Point, and some that
 * are blank all the same. */
static const struct range invisible[] = {
    {0x00AD, 0x00AD},   {0x034F, 0x034F},   {0x061C, 0x061C},   {0x115F, 0x1160},
    {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x206F},   {0x2800, 0x2800}, /* braille, no dot */
    {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},
    {0xFFF0, 0xFFFB}, /* annotations too */
    {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

/* Its general category Zs, and not the common one. */
static const struct range other_spaces[] = {
    {0x00A0, 0x00A0}, {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
};

static bool is_in(const struct range *ranges, size_t n, const char *p, size_t len)
{
    uint32_t point = gl_utf8_code_point(p, len);
    for (size_t i = 0; i < n; i++)
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    return false;
}

/* What stands for the character in a name; '\0': itself. */
static char substitute(const char *p, size_t len)
{
    char shown[32];
    if (gl_escape(shown, sizeof shown, p, len) != len || memcmp(shown, p, len) != 0 ||
        strchr(SEPARATORS, *p) || is_in(invisible, GL_ARRAY_SIZE(invisible), p, len))
        return '-';
    return is_in(other_spaces, GL_ARRAY_SIZE(other_spaces), p, len) ? ' ' : '\0';
}

static bool begins_odd(const char *name)
{
    return strchr("-._", name[0]) != NULL; /* its NUL too */
}

/* So much of the text, in whole characters, fits. */
static size_t fit(const char *text, size_t room)
{
    size_t len = 0;
    for (size_t next; text[len] && len + (next = char_len(text + len)) <= room; len += next)
        continue;
    return len;
}

/* Cut there, and no spaces at the end. */
static void trim(char *text, size_t len)
{
    while (len && text[len - 1] == ' ')
        len--;
    text[len] = '\0';
}

void gl_name_of_vm(const char *vm, char out[GL_NAME_SIZE])
{
    char body[GL_NAME_SIZE];
    size_t n = 0, len;
    for (const char *p = vm; *p; p += len) {
        len = char_len(p);
        const char put = substitute(p, len);
        const size_t width = put ? 1 : len;
        if (n + width > GL_NAME_VM_MAX)
            break;
        memcpy(body + n, put ? &put : p, width);
        n += n || body[0] != ' ' ? width : 0; /* no spaces at the beginning */
    }
    body[n] = '\0';
    trim(body, n);
    bool odd = strlen(body) < 2 || begins_odd(body) || looks_like_id(body);
    if (odd)
        trim(body, fit(body, GL_NAME_VM_MAX - strlen(VM_PREFIX)));
    snprintf(out, GL_NAME_SIZE, "%s%.*s", odd ? VM_PREFIX : "", GL_NAME_VM_MAX, body);
}

bool gl_name_is_vm(const char *name)
{
    char again[GL_NAME_SIZE];
    gl_name_of_vm(name, again);
    return strcmp(name, again) == 0;
}

const char *gl_name_ref_fault(const char *ref)
{
    const char *chosen = ref;
    size_t len;
    while (is_alnum(*chosen) || (*chosen && strchr("._-", *chosen)))
        chosen++;
    if (!*ref)
        return "it is empty";
    if (strlen(ref) >= (gl_name_vms ? GL_NAME_SIZE : GL_FINGERPRINT_SIZE))
        return "it is too long";
    if (!gl_name_vms && (*chosen || begins_odd(ref)))
        return "names have letters, digits, '.', '_', '-', and begin with one of the former two";
    if (begins_odd(ref) || *ref == ' ')
        return "no name begins with '-', '.', '_' or a space";
    for (const char *p = ref; *p; p += len) {
        len = char_len(p);
        if (substitute(p, len))
            return "no name has ':', '/', '\\', spaces but the plain one or characters that cannot "
                   "be seen";
    }
    return NULL;
}

/* ------------------------------------------------------------------ numbers */

void gl_name_number(const char *base, unsigned number, char out[GL_NAME_SIZE])
{
    char suffix[16];
    size_t max = strlen(base) > GL_NAME_MAX ? GL_NAME_VM_MAX : GL_NAME_MAX;
    size_t room = max - (size_t)snprintf(suffix, sizeof suffix, "-%u", number);
    snprintf(out, GL_NAME_SIZE, "%.*s%s", (int)fit(base, room), base, suffix);
}

bool gl_name_is_number(const char *base, const char *name)
{
    const char *dash = strrchr(name, '-');
    char again[GL_NAME_SIZE];
    if (!dash || strlen(dash + 1) > 9)
        return false;
    gl_name_number(base, (unsigned)strtoul(dash + 1, NULL, 10), again);
    return strcmp(name, again) == 0;
}

/* ------------------------------------------------------------------ */

bool gl_name_alike(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) == lower(*b);
}

/* FNV-1a. */
uint32_t gl_name_hash(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)lower(*name)) * 16777619u;
    return hash;
}
