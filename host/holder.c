/* SPDX-License-Identifier: MIT */
#include "holder.h"

#include "mem.h"

struct gl_holder *gl_holder_get(struct gl_list *holders, uint32_t uid)
{
    GL_LIST_FOREACH (node, holders) {
        struct gl_holder *holder = GL_CONTAINER_OF(node, struct gl_holder, node);
        if (holder->uid == uid) {
            holder->connections++;
            return holder;
        }
    }
    struct gl_holder *holder = GL_NEW0(struct gl_holder);
    holder->uid = uid;
    holder->connections = 1;
    holder->account.held_max = GL_HOLDER_MAX;
    holder->account.growth_max = GL_HOLDER_GROWTH_MAX;
    gl_list_init(&holder->node);
    gl_list_append(holders, &holder->node);
    return holder;
}

void gl_holder_put(struct gl_holder *holder)
{
    if (--holder->connections)
        return;
    gl_list_remove(&holder->node);
    gl_free(holder);
}
