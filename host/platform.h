/* SPDX-License-Identifier: MIT */
/* What the host daemon asks of the system, beyond libuv: linux/platform.c, host-win/. */
#ifndef GL_PLATFORM_H
#define GL_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "why.h"

/* umask, broken pipes are errors and no signals, as many descriptors as the system lets us have. */
void gl_platform_prepare(void);

uint32_t gl_platform_uid(void); /* the effective one */
/* The gid of a group; UV_ENOENT. */
int gl_platform_group(const char *name, uint32_t *ret_gid);
/* Whether this process is root, or its primary group is that of that name: then the control socket
 * is shared with the group. */
bool gl_platform_serves_group(const char *name);

/*
 * Makes the state directory (0700) if it is missing, with its parents (0755); refuses one that
 * belongs to, or can be written by, others; takes a lock in it that lasts as long as the process.
 * UV_EBUSY: another daemon uses it.
 */
int gl_platform_claim_state(const char *directory, struct gl_why *why);
/* Makes the directory that the file at path is to be in, 0755. Best effort: what fails next says
 * why. */
void gl_platform_make_parent(const char *path);

/* Tells the service manager, if there is one: "READY=1", "STOPPING=1", "STATUS=...". */
void gl_platform_notify(const char *state);

#endif
