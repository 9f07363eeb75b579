/* SPDX-License-Identifier: MIT */
#include "dirstack.h"

#include "mem.h"

void gl_dirstack_init(struct gl_dirstack *stack)
{
    *stack = (struct gl_dirstack){NULL, 0, 0};
}

void gl_dirstack_done(struct gl_dirstack *stack)
{
    for (size_t i = 0; i < stack->depth; i++)
        gl_dir_unref(stack->levels[i].dir);
    gl_free(stack->levels);
    gl_dirstack_init(stack);
}

void gl_dirstack_push(struct gl_dirstack *stack, struct gl_dir *dir)
{
    if (stack->depth == stack->room) {
        stack->room = stack->room ? 2 * stack->room : 16;
        stack->levels = gl_realloc_array(stack->levels, stack->room, sizeof *stack->levels);
    }
    stack->levels[stack->depth++] =
        (struct gl_dirstack_level){dir, gl_dir_device(dir), gl_dir_inode(dir)};
    if (stack->depth > GL_DIRSTACK_OPEN_MAX) {
        struct gl_dirstack_level *far = &stack->levels[stack->depth - GL_DIRSTACK_OPEN_MAX - 1];
        gl_dir_unref(far->dir);
        far->dir = NULL;
    }
}

struct gl_dir *gl_dirstack_top(const struct gl_dirstack *stack)
{
    return stack->levels[stack->depth - 1].dir;
}

int gl_dirstack_pop(struct gl_dirstack *stack)
{
    struct gl_dir *left = gl_dirstack_top(stack);
    stack->depth--;
    int err = 0;
    if (stack->depth) {
        struct gl_dirstack_level *above = &stack->levels[stack->depth - 1];
        if (!above->dir)
            err = gl_dir_open_above(left, above->device, above->inode, &above->dir);
    }
    gl_dir_unref(left);
    return err;
}
