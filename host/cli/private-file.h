/* SPDX-License-Identifier: MIT */
/* Files of the user's own, for secrets. Twins: linux/private-file.c, windows/private-file.c. */
#ifndef GL_CLI_PRIVATE_FILE_H
#define GL_CLI_PRIVATE_FILE_H

#include <uv.h>

/*
 * Makes a file for writing that only this user may open (Windows: and SYSTEM and Administrators,
 * whom nothing keeps out), from its first moment. Returns the descriptor, or negative UV_E*:
 * UV_EEXIST if there is something of that name.
 */
uv_file gl_private_file_create(const char *path);

#endif
