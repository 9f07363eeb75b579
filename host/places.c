/* SPDX-License-Identifier: MIT */
#include "places.h"

#include "list.h"
#include "mem.h"
#include "quota.h"

struct place {
    struct gl_list node;
    uint32_t cid;
    struct gl_quota quota;
};

struct gl_places {
    struct gl_list list; /* the one that dialled last comes first */
    unsigned count;
};

struct gl_places *gl_places_new(void)
{
    struct gl_places *places = GL_NEW0(struct gl_places);
    gl_list_init(&places->list);
    return places;
}

void gl_places_free(struct gl_places *places)
{
    if (!places)
        return;
    GL_LIST_FOREACH_SAFE (node, &places->list)
        gl_free(GL_CONTAINER_OF(node, struct place, node));
    gl_free(places);
}

static struct place *find(struct gl_places *places, uint32_t cid)
{
    GL_LIST_FOREACH (node, &places->list) {
        struct place *place = GL_CONTAINER_OF(node, struct place, node);
        if (place->cid == cid)
            return place;
    }
    return NULL;
}

/* A new one, or the one that has been silent for longest, made anew. */
static struct place *make(struct gl_places *places, uint32_t cid)
{
    struct place *place;
    if (places->count < GL_PLACES_MAX) {
        place = GL_NEW0(struct place);
        places->count++;
    } else {
        place = GL_CONTAINER_OF(gl_list_last(&places->list), struct place, node);
        gl_list_remove(&place->node);
    }
    gl_list_init(&place->node);
    place->cid = cid;
    place->quota = (struct gl_quota){.burst = GL_PLACE_BURST, .every_ms = GL_PLACE_EVERY_MS};
    return place;
}

bool gl_places_take(struct gl_places *places, uint32_t cid, uint64_t now_ms)
{
    struct place *place = find(places, cid);
    if (place)
        gl_list_remove(&place->node);
    else
        place = make(places, cid);
    gl_list_prepend(&places->list, &place->node);
    return gl_quota_take(&place->quota, now_ms, NULL);
}
