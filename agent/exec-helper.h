/* SPDX-License-Identifier: MIT */
/*
 * `guestlink-agent --exec-helper`: a fresh process between the agent and one program that it runs.
 *
 * It is started for each job, makes what the program needs (account, groups, terminal, limits,
 * environment, folder), starts it, and stays as its parent until it has ended. It is there because
 * all of this may block or change the process for good, which the agent, with its threads, can do
 * neither of; because a PAM session wants a parent that closes it; and because somebody must
 * outlive the agent by a moment to clean up if that is killed.
 */
#ifndef GL_AGENT_EXEC_HELPER_H
#define GL_AGENT_EXEC_HELPER_H

#define GL_EXEC_HELPER_OPTION "--exec-helper"

/*
 * What main() does first when argv[1] is GL_EXEC_HELPER_OPTION, before anything else of the agent
 * is set up. Does not return: ends the process. All it works on comes over the inherited descriptor
 * 3 (linux/exec-protocol.h).
 */
void gl_exec_helper_main(void) __attribute__((noreturn));

#endif
