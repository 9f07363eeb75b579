/* SPDX-License-Identifier: MIT */
/*
 * An intrusive, circular, doubly linked list. A head and a node are the same struct; the list owns
 * nothing. A node is in one list at most: before it is put into another it must be removed.
 * gl_list_remove leaves the node initialised, so that removing it twice does no harm, and a node
 * that was only ever gl_list_init()ed may be removed as well.
 */
#ifndef GL_LIST_H
#define GL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct gl_list {
    struct gl_list *next;
    struct gl_list *prev;
};

#define GL_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void gl_list_init(struct gl_list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool gl_list_empty(const struct gl_list *list)
{
    return list->next == list;
}

static inline void gl_list_insert_after(struct gl_list *place, struct gl_list *node)
{
    node->prev = place;
    node->next = place->next;
    place->next->prev = node;
    place->next = node;
}

/* Puts node first in the list. */
static inline void gl_list_prepend(struct gl_list *list, struct gl_list *node)
{
    gl_list_insert_after(list, node);
}

/* Puts node last in the list. */
static inline void gl_list_append(struct gl_list *list, struct gl_list *node)
{
    gl_list_insert_after(list->prev, node);
}

static inline void gl_list_remove(struct gl_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    gl_list_init(node);
}

/* The first and last node, or NULL when the list is empty. */
static inline struct gl_list *gl_list_first(const struct gl_list *list)
{
    return gl_list_empty(list) ? NULL : list->next;
}

static inline struct gl_list *gl_list_last(const struct gl_list *list)
{
    return gl_list_empty(list) ? NULL : list->prev;
}

/* Appends all nodes of from to list, in order, and leaves from empty. */
static inline void gl_list_splice(struct gl_list *list, struct gl_list *from)
{
    if (gl_list_empty(from))
        return;
    from->next->prev = list->prev;
    list->prev->next = from->next;
    from->prev->next = list;
    list->prev = from->prev;
    gl_list_init(from);
}

/*
 * for (struct gl_list *node = each node of list). In the body of the first the list must not
 * change; in that of the second the current node, and only that one, may be removed and freed.
 */
#define GL_LIST_FOREACH(node, list)                                                                \
    for (struct gl_list *node = (list)->next; node != (list); node = node->next)

#define GL_LIST_FOREACH_SAFE(node, list)                                                           \
    for (struct gl_list *node = (list)->next, *node##_next = node->next; node != (list);           \
         node = node##_next, node##_next = node->next)

#endif
