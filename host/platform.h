/* SPDX-License-Identifier: MIT */
/* What the host daemon asks of the system, beyond libuv: linux/platform.c, host-win/. */
#ifndef GL_PLATFORM_H
#define GL_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "why.h"

uint32_t gl_platform_uid(void); /* the effective one */
/* The gid of a group; UV_ENOENT. */
int gl_platform_group(const char *name, uint32_t *ret_gid);
/* The uid of a user; UV_ENOENT. */
int gl_platform_user(const char *name, uint32_t *ret_uid);
/* Whether this process is root, or its primary group is that of that name: then the control socket
 * is shared with the group. */
bool gl_platform_serves_group(const char *name);
/*
 * The control socket that the service manager hands over: it listens already. *ret_fd is the
 * caller's, -1 if there is none. UV_EINVAL, UV_EBADF: it is something else, or more than that. A
 * second call finds none.
 */
int gl_platform_take_socket(int *ret_fd, struct gl_why *why);

#endif
