/* SPDX-License-Identifier: MIT */
/* Whether a process that was made is that of the file that was judged. */
#ifndef GL_AGENT_WINDOWS_EXEC_IMAGE_H
#define GL_AGENT_WINDOWS_EXEC_IMAGE_H

#include <stdbool.h>
#include <windows.h>

/*
 * False: what the process runs is another file, *ret_other for gl_free(). A name may mean another
 * file to CreateProcess() than to whoever opened it, and the system may run something else in a
 * program's place ("Image File Execution Options", a debugger). True also where the image cannot be
 * opened to be compared, on another machine, say.
 */
bool gl_exec_image_is(HANDLE process, HANDLE file, char **ret_other);

#endif
