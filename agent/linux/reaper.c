/* SPDX-License-Identifier: MIT */
#include "reaper.h"

#include <signal.h>
#include <sys/wait.h>

#include "mem.h"

static struct reaper {
    uv_signal_t signal;
    struct gl_list children;
} * reaper;

static void on_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

static void on_sigchld(uv_signal_t *handle, int number)
{
    struct reaper *r = handle->data;
    (void)number;
    GL_LIST_FOREACH_SAFE (node, &r->children) {
        struct gl_reaper_child *child = GL_CONTAINER_OF(node, struct gl_reaper_child, node);
        if (child->pid == 0 || waitpid(child->pid, NULL, WNOHANG) == 0)
            continue;
        child->pid = 0;
        gl_reaper_remove(child);
        if (child->on_reaped)
            child->on_reaped(child);
    }
}

int gl_reaper_add(uv_loop_t *loop, struct gl_reaper_child *child)
{
    if (!reaper) {
        struct reaper *r = GL_NEW0(struct reaper);
        gl_list_init(&r->children);
        int err = uv_signal_init(loop, &r->signal);
        if (err) {
            gl_free(r);
            return err;
        }
        r->signal.data = r;
        err = uv_signal_start(&r->signal, on_sigchld, SIGCHLD);
        if (err) {
            uv_close((uv_handle_t *)&r->signal, on_closed);
            return err;
        }
        reaper = r;
    }
    gl_list_append(&reaper->children, &child->node);
    return 0;
}

void gl_reaper_remove(struct gl_reaper_child *child)
{
    if (!child->node.next)
        return;
    gl_list_remove(&child->node);
    if (reaper && gl_list_empty(&reaper->children)) {
        uv_close((uv_handle_t *)&reaper->signal, on_closed);
        reaper = NULL;
    }
}

static void on_abandoned(struct gl_reaper_child *child)
{
    gl_free(child);
}

void gl_reaper_abandon(pid_t pid)
{
    struct gl_reaper_child *child = GL_NEW0(struct gl_reaper_child);
    child->pid = pid;
    child->on_reaped = on_abandoned;
    gl_list_append(&reaper->children, &child->node);
    kill(pid, SIGKILL); /* whose SIGCHLD comes after this */
}
