/* SPDX-License-Identifier: MIT */
/*
 * An exec helper that is started ahead and waits for its job: the start of a program of ours (its
 * libraries, above all) is a third of the time of a short command, and who runs one command mostly
 * runs another. One is made ready when a program has ended, and goes after GL_EXEC_SPARE_MS unused,
 * so that an idle agent is one process.
 */
#ifndef GL_AGENT_LINUX_EXEC_SPARE_H
#define GL_AGENT_LINUX_EXEC_SPARE_H

#include <sys/types.h>
#include <uv.h>

#define GL_EXEC_SPARE_MS 10000
/* First the news of the program's end goes out, since the agent stands still for a helper's start.
 */
#define GL_EXEC_SPARE_DELAY_MS 1

/*
 * Starts a helper that waits at its end of the socket *ret_control, which is the caller's: CLOEXEC,
 * does not block. 0 or negative UV_E*.
 */
int gl_exec_helper_start(pid_t *ret_helper, int *ret_control);

/* Makes one ready soon, if there is none. */
void gl_exec_spare_prepare(uv_loop_t *loop);
/*
 * As gl_exec_helper_start(), of the one that is ready; UV_ENOENT if there is none. To be called
 * when a child is on the reaper's list already, so that the end of this one is not missed.
 */
int gl_exec_spare_take(pid_t *ret_helper, int *ret_control);
/* Ends the one that waits, if any. */
void gl_exec_spare_drop(void);

#endif
