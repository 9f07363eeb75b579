/* SPDX-License-Identifier: MIT */
/* Starts an exec helper with a job. */
#ifndef GL_AGENT_LINUX_EXEC_SPAWN_H
#define GL_AGENT_LINUX_EXEC_SPAWN_H

#include <sys/types.h>

#include "exec-process.h"

/* What the agent has of it. All descriptors are CLOEXEC and do not block; -1: none. */
struct gl_exec_spawned {
    pid_t helper;
    int control;
    int in;       /* to be written; of a terminal: its master */
    int out, err; /* to be read; of a terminal: its master once more, none */
};

/* 0 or negative UV_E*. */
int gl_exec_spawn(const struct gl_exec_spec *spec, struct gl_exec_spawned *ret_spawned);

#endif
