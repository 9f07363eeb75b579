/* SPDX-License-Identifier: MIT */
#include "forgotten.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"

static size_t find(const struct gl_forgotten *forgotten, const char *fingerprint)
{
    size_t i = 0;
    while (i < forgotten->count && strcmp(forgotten->keys[i].fingerprint, fingerprint) != 0)
        i++;
    return i;
}

bool gl_forgotten_has(const struct gl_forgotten *forgotten, const char *fingerprint)
{
    return find(forgotten, fingerprint) < forgotten->count;
}

static void remove_at(struct gl_forgotten *forgotten, size_t i)
{
    forgotten->count--;
    memmove(&forgotten->keys[i], &forgotten->keys[i + 1],
            (forgotten->count - i) * sizeof *forgotten->keys);
}

bool gl_forgotten_add(struct gl_forgotten *forgotten, const char *fingerprint, uint64_t now_s)
{
    bool is_new = !gl_forgotten_remove(forgotten, fingerprint);
    if (forgotten->count == GL_FORGOTTEN_MAX) {
        if (forgotten->keys[0].at >= forgotten->issued_from)
            forgotten->issued_from = forgotten->keys[0].at + 1;
        remove_at(forgotten, 0);
    }
    forgotten->keys =
        gl_realloc_array(forgotten->keys, forgotten->count + 1, sizeof *forgotten->keys);
    struct gl_forgotten_key *key = &forgotten->keys[forgotten->count++];
    snprintf(key->fingerprint, sizeof key->fingerprint, "%s", fingerprint);
    key->at = now_s;
    return is_new;
}

bool gl_forgotten_remove(struct gl_forgotten *forgotten, const char *fingerprint)
{
    size_t i = find(forgotten, fingerprint);
    if (i == forgotten->count)
        return false;
    remove_at(forgotten, i);
    return true;
}

void gl_forgotten_done(struct gl_forgotten *forgotten)
{
    gl_free(forgotten->keys);
    *forgotten = (struct gl_forgotten){0};
}

/* ------------------------------------------------------------------ the file */

json_t *gl_forgotten_to_json(const struct gl_forgotten *forgotten)
{
    json_t *list = json_array();
    for (size_t i = 0; i < forgotten->count; i++) {
        json_t *object = json_object();
        json_object_set_new(object, "fingerprint", json_string(forgotten->keys[i].fingerprint));
        json_object_set_new(object, "at", json_integer((json_int_t)forgotten->keys[i].at));
        json_array_append_new(list, object);
    }
    return list;
}

const char *gl_forgotten_from_json(struct gl_forgotten *forgotten, const json_t *list)
{
    if (!list)
        return NULL;
    if (!json_is_array(list) || json_array_size(list) > GL_FORGOTTEN_MAX)
        return "forgotten";
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *object = json_array_get(list, i), *at = json_object_get(object, "at");
        const char *text = json_string_value(json_object_get(object, "fingerprint"));
        if (!text || strlen(text) != GL_FINGERPRINT_SIZE - 1 ||
            strspn(text, "0123456789abcdef") != GL_FINGERPRINT_SIZE - 1)
            return "fingerprint";
        if (!json_is_integer(at) || json_integer_value(at) < 0)
            return "at";
        gl_forgotten_add(forgotten, text, (uint64_t)json_integer_value(at));
    }
    return NULL;
}
