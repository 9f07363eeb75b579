/* SPDX-License-Identifier: MIT */
/*
 * Waits for our own children, each by its pid: others, as libuv's, are left alone. One watcher of
 * SIGCHLD for all of them; it is there while there is a child.
 */
#ifndef GL_AGENT_LINUX_REAPER_H
#define GL_AGENT_LINUX_REAPER_H

#include <sys/types.h>
#include <uv.h>

#include "list.h"

struct gl_reaper_child {
    struct gl_list node;
    pid_t pid; /* 0: none yet, or reaped */
    /* It was reaped and is no longer on the list. May be NULL. */
    void (*on_reaped)(struct gl_reaper_child *child);
};

/* Best before it is started, with a pid of 0, so that no failure leaves a zombie. 0 or UV_E*. */
int gl_reaper_add(uv_loop_t *loop, struct gl_reaper_child *child);
/* Nobody waits for it any more; a no-op for one that was reaped. */
void gl_reaper_remove(struct gl_reaper_child *child);
/* Kills it; it is reaped when the kernel lets it go. While another child is on the list. */
void gl_reaper_abandon(pid_t pid);

#endif
