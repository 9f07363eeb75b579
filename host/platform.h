/* SPDX-License-Identifier: MIT */
/* What the host daemon asks of the system, beyond libuv: linux/platform.c, host-win/platform.c. */
#ifndef GL_PLATFORM_H
#define GL_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "why.h"

/*
 * A user is a number: the uid, or on Windows what windows/principal.h gives a user in place of one,
 * which holds for this process only.
 */
/* Whether the number means something to others, too: it is told to guests. */
extern const bool gl_platform_uids_are_shown;
uint32_t gl_platform_uid(void); /* the one that this process runs as, in effect */
/* Root; LocalSystem, and an administrator who is elevated: who could change the rules anyway. */
bool gl_platform_is_superuser(uint32_t uid);
/* For messages: "root", "SYSTEM and Administrators". */
extern const char *const gl_platform_superusers;
/* The gid of a group; UV_ENOENT. */
int gl_platform_group(const char *name, uint32_t *ret_gid);
/* The uid of a user; UV_ENOENT. */
int gl_platform_user(const char *name, uint32_t *ret_uid);
/* Whether this process is root, or its primary group is that of that name: then the control socket
 * is shared with the group. */
bool gl_platform_serves_group(const char *name);
/*
 * Why control-mode cannot be set here, nor mode= and group= of a listener, for a message; NULL: it
 * can.
 */
extern const char *const gl_platform_no_modes;

/* For --help: the end of the sentences that say what the daemon does, and what comes last; both are
 * whole lines. */
extern const char *const gl_platform_help_stays;
extern const char *const gl_platform_help_more;

/* What ends the daemon, up to a 0, and what has it read its file again, 0 where no signal does. */
extern const int gl_platform_stop_signals[];
extern const int gl_platform_reload_signal;
/*
 * The control socket that the service manager hands over: it listens already. *ret_fd is the
 * caller's, -1 if there is none. UV_EINVAL, UV_EBADF: it is something else, or more than that. A
 * second call finds none.
 */
int gl_platform_take_socket(int *ret_fd, struct gl_why *why);

#endif
