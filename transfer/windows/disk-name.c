/* SPDX-License-Identifier: MIT */
/* Names of disk.h: which ones Windows has, and which mean the same. */
#include <string.h>
#include <uv.h>

#include "digest.h"
#include "disk-windows.h"
#include "mem.h"
#include "path.h"

/* ------------------------------------------------------------------ WTF-8 */

static bool is_lead(uint32_t unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_trail(uint32_t unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* One code point; its bytes, or 0: malformed. */
static size_t take_point(const uint8_t *at, uint32_t *ret_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80             ? 1
                 : (at[0] & 0xE0) == 0xC0 ? 2
                 : (at[0] & 0xF0) == 0xE0 ? 3
                 : (at[0] & 0xF8) == 0xF0 ? 4
                                          : 0;
    static const uint8_t first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    if (!len)
        return 0;
    uint32_t point = at[0] & first_bits[len];
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80) /* the NUL at the end, too */
            return 0;
        point = point << 6 | (at[i] & 0x3Fu);
    }
    *ret_point = point;
    return point < least[len] || point > 0x10FFFF ? 0 : len;
}

wchar_t *gl_disk_wide(const char *text, size_t *ret_len)
{
    wchar_t *wide = GL_NEW0_ARRAY(wchar_t, strlen(text) + 1);
    size_t len = 0;
    for (const uint8_t *at = (const uint8_t *)text; *at;) {
        uint32_t point;
        size_t used = take_point(at, &point);
        /* Two halves that belong together have another form, and there must be one only. */
        if (!used || (is_trail(point) && len && is_lead(wide[len - 1]))) {
            gl_free(wide);
            return NULL;
        }
        at += used;
        if (point >= 0x10000) {
            wide[len++] = (wchar_t)(0xD800 + ((point - 0x10000) >> 10));
            wide[len++] = (wchar_t)(0xDC00 + ((point - 0x10000) & 0x3FF));
        } else {
            wide[len++] = (wchar_t)point;
        }
    }
    if (ret_len)
        *ret_len = len;
    return wide;
}

static size_t put_point(char *to, uint32_t point)
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (char)(0xC0 | point >> 6);
        to[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (char)(0xE0 | point >> 12);
        to[1] = (char)(0x80 | (point >> 6 & 0x3F));
        to[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | point >> 18);
    to[1] = (char)(0x80 | (point >> 12 & 0x3F));
    to[2] = (char)(0x80 | (point >> 6 & 0x3F));
    to[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

char *gl_disk_narrow(const wchar_t *text, size_t len)
{
    char *narrow = gl_alloc(3 * len + 1);
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t point = text[i];
        if (is_lead(point) && i + 1 < len && is_trail(text[i + 1]))
            point = 0x10000 + ((point - 0xD800) << 10) + (text[++i] - 0xDC00u);
        at += put_point(narrow + at, point);
    }
    narrow[at] = '\0';
    return narrow;
}

/* ------------------------------------------------------------------ which can be had */

bool gl_disk_separates(char c)
{
    return c == '/' || c == '\\';
}

bool gl_disk_is_absolute(const char *path)
{
    bool drive = ((path[0] | 0x20) >= 'a' && (path[0] | 0x20) <= 'z') && path[1] == ':';
    return drive || gl_disk_separates(path[0]);
}

/* "Naming Files, Paths, and Namespaces", learn.microsoft.com: fully qualified against relative
 * paths. */
const char *gl_disk_path_adrift(const char *path)
{
    bool slash = gl_disk_separates(path[0]);
    if (!gl_disk_is_absolute(path) || gl_path_has_drive(path) ||
        (slash && gl_disk_separates(path[1])))
        return NULL;
    return slash ? "a path of this guest that begins with / or \\ lacks the drive: write C:/x"
                 : "C: with nothing behind it, or C:x, is no full path of a drive: write C:/x";
}

int gl_disk_component(const char *name, struct gl_disk_component *ret_component)
{
    if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strpbrk(name, "/\\:"))
        return UV_EINVAL;
    size_t len;
    wchar_t *wide = gl_disk_wide(name, &len);
    if (!wide)
        return UV_EINVAL;
    int err = len > GL_DISK_UNITS_MAX ? UV_ENAMETOOLONG : 0;
    if (!err) {
        memcpy(ret_component->text, wide, (len + 1) * sizeof *wide);
        ret_component->len = len;
    }
    gl_free(wide);
    return err;
}

/* Not documented for user programs, but by ntdll since NT 3.1 and what the file systems compare by:
 * "RtlUpcaseUnicodeChar function (ntifs.h)", learn.microsoft.com. */
WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR c);

bool gl_disk_same_name(const wchar_t *a, size_t a_len, const wchar_t *b, size_t b_len)
{
    if (a_len != b_len)
        return false;
    for (size_t i = 0; i < a_len; i++)
        if (RtlUpcaseUnicodeChar(a[i]) != RtlUpcaseUnicodeChar(b[i]))
            return false;
    return true;
}

char *gl_disk_fold(const char *text)
{
    size_t len;
    wchar_t *wide = gl_disk_wide(text, &len);
    if (!wide)
        return NULL;
    for (size_t i = 0; i < len; i++)
        wide[i] = RtlUpcaseUnicodeChar(wide[i]);
    char *folded = gl_disk_narrow(wide, len);
    gl_free(wide);
    return folded;
}

static bool is_any_of(const wchar_t *name, size_t len, const wchar_t *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gl_disk_same_name(name, len, names[i], wcslen(names[i])))
            return true;
    return false;
}

/*
 * Whatever the folder and what follows the first dot ("Naming Files, Paths, and Namespaces",
 * learn.microsoft.com); the superscripts one to three count as digits. Spaces before the dot do not
 * matter.
 */
static bool is_device(const wchar_t *name)
{
    static const wchar_t *const whole[] = {L"CON",    L"PRN",     L"AUX",   L"NUL",
                                           L"CONIN$", L"CONOUT$", L"CLOCK$"};
    static const wchar_t *const numbered[] = {L"COM", L"LPT"};
    size_t len = wcscspn(name, L".");
    while (len && name[len - 1] == L' ')
        len--;
    if (is_any_of(name, len, whole, GL_ARRAY_SIZE(whole)))
        return true;
    return len == 4 && wcschr(L"0123456789\u00b9\u00b2\u00b3", name[3]) &&
           is_any_of(name, 3, numbered, GL_ARRAY_SIZE(numbered));
}

/*
 * A name like LONGNA~1.TXT that a file with a longer one has besides: to write to it would replace
 * that one ("GetShortPathNameW", learn.microsoft.com).
 */
static bool is_short_name(struct gl_dir *dir, const struct gl_disk_component *name)
{
    HANDLE handle;
    struct gl_disk_info info;
    wchar_t *path;
    if (!wcschr(name->text, L'~') ||
        gl_disk_open_in(gl_dir_handle(dir), name->text, name->len, 0, &handle, &info))
        return false;
    int err = gl_disk_wide_path_of(handle, &path);
    CloseHandle(handle);
    if (err)
        return false;
    const wchar_t *last = wcsrchr(path, L'\\');
    bool other = last && !gl_disk_same_name(last + 1, wcslen(last + 1), name->text, name->len);
    gl_free(path);
    return other;
}

const char *gl_dir_name_trouble(struct gl_dir *dir, const char *name)
{
    struct gl_disk_component component;
    size_t len = strlen(name);
    if (strchr(name, ':'))
        return "has a colon, after which Windows would take the name of a stream";
    for (const char *c = name; *c; c++)
        if ((uint8_t)*c < 0x20 || strchr("/\\*?\"<>|", *c))
            return "has a character that names cannot have on Windows";
    int err = gl_disk_component(name, &component);
    if (err == UV_ENAMETOOLONG)
        return NULL; /* who makes it is told so */
    if (err)
        return "is not UTF-8, which names are on Windows";
    if (name[len - 1] == '.' || name[len - 1] == ' ')
        return "ends in a dot or a space, which Windows drops";
    if (is_device(component.text))
        return "is a name that Windows keeps for a device";
    if (is_short_name(dir, &component))
        return "is the short name of another file there";
    return NULL;
}

const char *gl_disk_path_trouble(const char *path)
{
    wchar_t *wide = gl_disk_wide(path, NULL);
    if (!wide)
        return "is not UTF-8, which names are on Windows";
    gl_free(wide);
    bool two = gl_disk_separates(path[0]) && gl_disk_separates(path[1]);
    if (two && path[2] == '.' && gl_disk_separates(path[3]))
        return "is a device";
    const char *colon = strrchr(path, ':');
    if (colon && colon > path + 1 && !(two && gl_path_has_drive(colon - 1)))
        return "has a colon, after which Windows would take the name of a stream";
    bool verbatim = two && path[2] == '?' && gl_disk_separates(path[3]);
    for (const char *c = verbatim ? path + 4 : path; *c; c++)
        if ((uint8_t)*c < 0x20 || strchr("*?\"<>|", *c))
            return "has a character that names cannot have on Windows; patterns like * are not "
                   "expanded";
    return NULL;
}

const char *gl_disk_target_trouble(const char *target)
{
    wchar_t *wide = gl_disk_wide(target, NULL);
    if (!wide)
        return "leads to a name that is not UTF-8, which names are on Windows";
    gl_free(wide);
    if (strchr(target, '\\'))
        return "leads to a name with a backslash, which separates names on Windows";
    for (const char *c = target; *c; c++) {
        bool drive = c == target + 1 && gl_path_has_drive(target);
        if ((uint8_t)*c < 0x20 || (!drive && strchr(":*?\"<>|", *c)))
            return "leads to a name that Windows cannot have";
    }
    /* Whoever only looks at such a link introduces himself to that machine. */
    if (strncmp(target, "//", 2) == 0)
        return "leads to another machine";
    return NULL;
}

/* ------------------------------------------------------------------ which mean the same */

/*
 * Folders that tell "a" from "A" are made for WSL and by fsutil ("Adjust case sensitivity",
 * learn.microsoft.com); "FILE_CASE_SENSITIVE_INFORMATION structure (ntifs.h)".
 */
bool gl_dir_folds(struct gl_dir *dir)
{
    static const FILE_INFORMATION_CLASS case_sensitive = (FILE_INFORMATION_CLASS)71;
    IO_STATUS_BLOCK io;
    ULONG flags = 0;
    NTSTATUS status =
        NtQueryInformationFile(gl_dir_handle(dir), &io, &flags, sizeof flags, case_sensitive);
    return !NT_SUCCESS(status) || !(flags & 1);
}

uint64_t gl_dir_name_hash(struct gl_dir *dir, const char *name, uint64_t seed)
{
    struct gl_disk_component component;
    (void)dir;
    if (gl_disk_component(name, &component))
        return gl_hash64(name, strlen(name), seed);
    for (size_t i = 0; i < component.len; i++)
        component.text[i] = RtlUpcaseUnicodeChar(component.text[i]);
    return gl_hash64(component.text, component.len * sizeof *component.text, seed);
}
