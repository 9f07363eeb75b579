/* SPDX-License-Identifier: MIT */
/*
 * Small files in the agent's state directory. They are replaced whole (temporary name, fsync,
 * rename), so that a crash leaves the old or the new one; mode 0600. Calls block for a moment: they
 * happen at the start and when a session begins.
 */
#ifndef GL_AGENT_STATE_H
#define GL_AGENT_STATE_H

#include <stddef.h>

/* Makes the path of a file in the directory: gl_free() it. */
char *gl_state_path(const char *dir, const char *name);
/*
 * Reads a regular file of at most max bytes; *ret_text is NUL-terminated (and may hold NULs
 * before): gl_free() it. UV_ENOENT, UV_EFBIG, or what the system says.
 */
int gl_state_read(const char *dir, const char *name, size_t max, char **ret_text, size_t *ret_len);
int gl_state_write(const char *dir, const char *name, const void *data, size_t len);
/* 0 also when there is no such file. */
int gl_state_remove(const char *dir, const char *name);

#endif
