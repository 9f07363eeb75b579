/* SPDX-License-Identifier: MIT */
/* Signals to all that descends from this process, found by /proc. */
#ifndef GL_AGENT_LINUX_EXEC_TREE_H
#define GL_AGENT_LINUX_EXEC_TREE_H

#include <stddef.h>
#include <sys/types.h>

struct gl_exec_tree_filter {
    pid_t session; /* only those of this session; 0: any */
    pid_t group;   /* only those of this process group; 0: any */
};

/*
 * Sends `signals` (ended by 0; none: only counts) to each live descendant that the filter lets
 * through. Returns how many there were, our own zombies included, which wait to be reaped; those
 * that we may not signal (other user) are not counted. Without /proc: 0.
 */
size_t gl_exec_tree_signal(const struct gl_exec_tree_filter *filter, const int *signals);

#endif
