/* SPDX-License-Identifier: MIT */
/* Unfinished streams by id. Ids of a side are consecutive, so their low bits spread well. */
#include "mux-internal.h"

static struct gl_stream **bucket_of(const struct gl_mux *mux, uint32_t id)
{
    return &mux->map[id & (mux->map_size - 1)];
}

static void grow(struct gl_mux *mux)
{
    struct gl_stream **old = mux->map;
    uint32_t old_size = mux->map_size;
    mux->map_size = old_size ? old_size * 2 : 16;
    mux->map = GL_NEW0_ARRAY(struct gl_stream *, mux->map_size);
    for (uint32_t i = 0; i < old_size; i++) {
        while (old[i]) {
            struct gl_stream *stream = old[i];
            old[i] = stream->map_next;
            struct gl_stream **bucket = bucket_of(mux, stream->id);
            stream->map_next = *bucket;
            *bucket = stream;
        }
    }
    gl_free(old);
}

void gl_stream_map_add(struct gl_mux *mux, struct gl_stream *stream)
{
    if (mux->map_count >= mux->map_size)
        grow(mux);
    struct gl_stream **bucket = bucket_of(mux, stream->id);
    stream->map_next = *bucket;
    *bucket = stream;
    mux->map_count++;
}

void gl_stream_map_remove(struct gl_mux *mux, struct gl_stream *stream)
{
    struct gl_stream **at = bucket_of(mux, stream->id);
    while (*at != stream)
        at = &(*at)->map_next;
    *at = stream->map_next;
    stream->map_next = NULL;
    mux->map_count--;
}

struct gl_stream *gl_stream_map_find(const struct gl_mux *mux, uint32_t id)
{
    if (!mux->map_count)
        return NULL;
    struct gl_stream *stream = *bucket_of(mux, id);
    while (stream && stream->id != id)
        stream = stream->map_next;
    return stream;
}
