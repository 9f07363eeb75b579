/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <string.h>

#include "digest.h"
#include "mem.h"

struct gl_names_entry {
    uint64_t meaning, bytes; /* hashes; meaning 0: the place is free */
};

static struct gl_names_entry *place_of(struct gl_names_entry *entries, size_t room,
                                       uint64_t meaning)
{
    size_t at = (size_t)meaning & (room - 1);
    while (entries[at].meaning && entries[at].meaning != meaning)
        at = (at + 1) & (room - 1);
    return &entries[at];
}

static void grow(struct gl_names *names)
{
    size_t room = names->room ? 2 * names->room : 16;
    struct gl_names_entry *entries = GL_NEW0_ARRAY(struct gl_names_entry, room);
    for (size_t i = 0; i < names->room; i++)
        if (names->entries[i].meaning)
            *place_of(entries, room, names->entries[i].meaning) = names->entries[i];
    gl_free(names->entries);
    names->entries = entries;
    names->room = room;
}

enum gl_names_result gl_names_add(struct gl_names *names, struct gl_dir *dir, const char *name,
                                  uint64_t seed)
{
    if (4 * (names->count + 1) > 3 * names->room)
        grow(names);
    uint64_t meaning = gl_dir_name_hash(dir, name, seed);
    uint64_t bytes = gl_hash64(name, strlen(name), seed);
    if (!meaning)
        meaning = 1;
    struct gl_names_entry *entry = place_of(names->entries, names->room, meaning);
    if (entry->meaning)
        return entry->bytes == bytes ? GL_NAMES_AGAIN : GL_NAMES_CLASH;
    *entry = (struct gl_names_entry){meaning, bytes};
    names->count++;
    return GL_NAMES_NEW;
}

void gl_names_done(struct gl_names *names)
{
    gl_free(names->entries);
    *names = GL_NAMES_NONE;
}
