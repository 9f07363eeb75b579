/* SPDX-License-Identifier: MIT */
#include "windows/exec-environment.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "windows/wide.h"

/* A leading = belongs to the name. */
static size_t name_length(const wchar_t *pair)
{
    const wchar_t *equals = *pair ? wcschr(pair + 1, L'=') : NULL;
    return equals ? (size_t)(equals - pair) : wcslen(pair);
}

/* As the system sorts and finds them. */
static int compare_names(const wchar_t *a, const wchar_t *b)
{
    int order = CompareStringOrdinal(a, (int)name_length(a), b, (int)name_length(b), TRUE);
    return order - CSTR_EQUAL;
}

static int compare_entries(const void *a, const void *b)
{
    return compare_names(*(const wchar_t *const *)a, *(const wchar_t *const *)b);
}

struct list {
    const wchar_t **items;
    size_t count;
};

static void set(struct list *list, const wchar_t *pair)
{
    for (size_t i = 0; i < list->count; i++) {
        if (compare_names(list->items[i], pair) != 0)
            continue;
        list->items[i] = pair;
        return;
    }
    list->items[list->count++] = pair;
}

static wchar_t *join(const struct list *list)
{
    size_t size = 2;
    for (size_t i = 0; i < list->count; i++)
        size += wcslen(list->items[i]) + 1;
    wchar_t *block = GL_NEW0_ARRAY(wchar_t, size), *at = block;
    for (size_t i = 0; i < list->count; i++) {
        size_t length = wcslen(list->items[i]) + 1;
        memcpy(at, list->items[i], length * sizeof(*at));
        at += length;
    }
    return block;
}

static size_t count_pairs(const wchar_t *block)
{
    size_t count = 0;
    for (const wchar_t *p = block; p && *p; p += wcslen(p) + 1)
        count++;
    return count;
}

wchar_t *gl_exec_environment(const wchar_t *base, const char *const *changes)
{
    size_t n_changes = 0;
    while (changes && changes[n_changes])
        n_changes++;
    wchar_t **wide = GL_NEW0_ARRAY(wchar_t *, n_changes + 1), *block = NULL;
    struct list list = {GL_NEW0_ARRAY(const wchar_t *, count_pairs(base) + n_changes + 1), 0};
    bool fine = true;
    for (const wchar_t *p = base; p && *p; p += wcslen(p) + 1)
        list.items[list.count++] = p;
    for (size_t i = 0; i < n_changes && fine; i++) {
        wide[i] = gl_wide(changes[i]);
        fine = wide[i] && wide[i][0] != L'=' && wcschr(wide[i], L'=');
        if (fine)
            set(&list, wide[i]);
    }
    if (fine) {
        qsort(list.items, list.count, sizeof(*list.items), compare_entries);
        block = join(&list);
    }
    for (size_t i = 0; i < n_changes; i++)
        gl_free(wide[i]);
    gl_free(wide);
    gl_free(list.items);
    return block;
}

const wchar_t *gl_exec_environment_get(const wchar_t *block, const wchar_t *name)
{
    int length = (int)wcslen(name);
    for (const wchar_t *p = block; *p; p += wcslen(p) + 1) {
        size_t found = name_length(p);
        if (p[found] == L'=' &&
            CompareStringOrdinal(p, (int)found, name, length, TRUE) == CSTR_EQUAL)
            return p + found + 1;
    }
    return NULL;
}
