/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "digest.h"
#include "disk.h"
#include "mem.h"

#define PART_PREFIX ".guestlink-"
#define PART_SUFFIX ".part"
#define PART_DIGITS 16

void gl_path_init(struct gl_path *path, const char *start)
{
    path->len = strlen(start);
    path->room = path->len + 256;
    path->text = gl_alloc(path->room);
    memcpy(path->text, start, path->len + 1);
}

void gl_path_done(struct gl_path *path)
{
    gl_free(path->text);
    *path = (struct gl_path){NULL, 0, 0};
}

size_t gl_path_push(struct gl_path *path, const char *name)
{
    size_t before = path->len, add = strlen(name);
    if (!add)
        return before;
    if (path->len + add + 2 > path->room) {
        path->room = 2 * (path->len + add + 2);
        path->text = gl_realloc(path->text, path->room);
    }
    if (path->len && !gl_path_has_slash(path->text))
        path->text[path->len++] = '/';
    memcpy(path->text + path->len, name, add + 1);
    path->len += add;
    return before;
}

void gl_path_pop(struct gl_path *path, size_t len)
{
    path->len = len;
    path->text[len] = '\0';
}

const char *gl_path_report(const struct gl_path *path, size_t *ret_len)
{
    size_t cut = path->len > GL_PATH_REPORT_MAX ? path->len - GL_PATH_REPORT_MAX : 0;
    *ret_len = path->len - cut;
    return path->text + cut;
}

bool gl_path_has_drive(const char *path)
{
    char c = path[0];
    return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) && path[1] == ':' &&
           (path[2] == '\\' || path[2] == '/');
}

/* Which characters separate the components of a path. */
enum rule {
    HERE,  /* as this system has it */
    THERE, /* as can be told from the path alone */
};

/* Whether it begins with the two backslashes of a share: on Linux, a name may begin so. */
static bool is_share(const char *path, enum rule rule)
{
    return strncmp(path, "\\\\", 2) == 0 && (rule == THERE || gl_disk_separates('\\'));
}

static bool is_separator(const char *path, char c, enum rule rule)
{
    if (c == '\\' && (gl_path_has_drive(path) || is_share(path, rule)))
        return true;
    return c == '/' || (rule == HERE && gl_disk_separates(c));
}

static size_t skip_components(const char *path, size_t at, unsigned count)
{
    while (count--) {
        at += strcspn(path + at, "\\/");
        at += path[at] != '\0';
    }
    return at;
}

/*
 * The beginning that is no component of its own: "C:\", "\\server\share\", and both after "\\?\".
 * ("Naming Files, Paths, and Namespaces", learn.microsoft.com)
 */
static size_t root_length(const char *path, enum rule rule)
{
    static const char verbatim[] = "\\\\?\\", unc[] = "\\\\?\\UNC\\";
    if (!is_share(path, rule))
        return gl_path_has_drive(path) ? 3 : 0;
    if (strncmp(path, unc, sizeof unc - 1) == 0)
        return skip_components(path, sizeof unc - 1, 2);
    if (strncmp(path, verbatim, sizeof verbatim - 1) == 0)
        return skip_components(path, sizeof verbatim - 1, 1);
    return skip_components(path, 2, 2);
}

/* Where the last component begins and ends, separators at the end of the path left out. */
static void last_component(const char *path, enum rule rule, size_t *ret_start, size_t *ret_end)
{
    size_t least = root_length(path, rule);
    size_t end = strlen(path);
    while (end > least && is_separator(path, path[end - 1], rule))
        end--;
    size_t start = end;
    while (start > least && !is_separator(path, path[start - 1], rule))
        start--;
    *ret_start = start;
    *ret_end = end;
}

static char *base(const char *path, enum rule rule)
{
    size_t start, end;
    last_component(path, rule, &start, &end);
    const char *name = path + start;
    size_t len = end - start;
    if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
        len = 0;
    return gl_strndup(name, len);
}

char *gl_path_base(const char *path)
{
    return base(path, HERE);
}

char *gl_path_base_there(const char *path)
{
    return base(path, THERE);
}

char *gl_path_parent(const char *path)
{
    size_t start, end;
    last_component(path, HERE, &start, &end);
    return start ? gl_strndup(path, start) : gl_strdup(".");
}

bool gl_path_has_slash(const char *path)
{
    size_t len = strlen(path);
    return len && is_separator(path, path[len - 1], HERE);
}

bool gl_path_is_component(const uint8_t *name, size_t len)
{
    if (len == 0 || memchr(name, '/', len) || memchr(name, '\0', len))
        return false;
    return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

static void format_part(uint64_t number, char ret_part[GL_PART_NAME_SIZE])
{
    snprintf(ret_part, GL_PART_NAME_SIZE, PART_PREFIX "%016" PRIx64 PART_SUFFIX, number);
}

void gl_part_name(const char *name, char ret_part[GL_PART_NAME_SIZE])
{
    format_part(gl_hash64(name, strlen(name), 0), ret_part);
}

void gl_part_name_random(char ret_part[GL_PART_NAME_SIZE])
{
    uint64_t number;
    randombytes_buf(&number, sizeof number);
    format_part(number, ret_part);
}

bool gl_part_is_name(const char *name)
{
    size_t prefix = strlen(PART_PREFIX);
    return strncmp(name, PART_PREFIX, prefix) == 0 &&
           strspn(name + prefix, "0123456789abcdef") == PART_DIGITS &&
           strcmp(name + prefix + PART_DIGITS, PART_SUFFIX) == 0;
}
