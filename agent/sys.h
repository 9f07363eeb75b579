/* SPDX-License-Identifier: MIT */
/* What the agent asks of the system it runs on; linux/sys.c and windows/sys.c implement it. */
#ifndef GL_AGENT_SYS_H
#define GL_AGENT_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GL_SYS_MACHINE_SIZE    16
#define GL_SYS_GENERATION_SIZE 16

/*
 * SMBIOS UUID of the (virtual) machine, in the order in which it is written. false: it has none, it
 * may not be read, or it is one of those that vendors leave in many machines (all zeros, all ones).
 */
bool gl_sys_machine(uint8_t ret_machine[GL_SYS_MACHINE_SIZE]);

/*
 * VM generation id: changes when the machine was set back to a snapshot or copied
 * (https://go.microsoft.com/fwlink/?LinkId=260709). false: not known here.
 */
bool gl_sys_generation(uint8_t ret_generation[GL_SYS_GENERATION_SIZE]);

/* Whether this vsock CID is the guest's own: connecting to it reaches a process of this guest, not
 * the host. As it is now: the host's CID (2) is so while no device leads to a host. */
bool gl_sys_is_own_cid(uint32_t cid);

/* For --help, whole lines: how the agent is told to stop and to read its policy again, what its
 * exit status says; and what comes last. */
extern const char *const gl_sys_help_signals;
extern const char *const gl_sys_help_more;

/* The signals that stop the agent, with a 0 at the end, and the one that has it read its policy
 * again; 0: none, an order does (orders.h). */
extern const int gl_sys_stop_signals[];
extern const int gl_sys_reload_signal;

/* Gives back to the system what the allocator keeps and nobody uses. */
void gl_sys_trim_memory(void);

/* The host name, for a proposal; "localhost" if there is none. */
void gl_sys_hostname(char *out, size_t size);

/*
 * Names of accounts and of environment variables, and paths, in the form in which the system
 * compares them: equal if they mean the same thing to it. On Windows without regard to case, paths
 * with / in place of \; on Linux as they are. What is not UTF-8 stays as it is. For gl_free().
 */
char *gl_sys_fold(const char *name);
char *gl_sys_fold_path(const char *path);
/*
 * Whether a path, as given or folded, may be another way to what has a path of its own here, which
 * nobody can tell from its text: on Windows what begins with two slashes, a share (that of this
 * very machine: //localhost/C$) or a volume by its id. Links resolved, it stays so.
 */
bool gl_sys_path_eludes(const char *path);
/* For patterns (glob.h) of folded paths: NULL, or why there is no path here that begins so. */
const char *gl_sys_pattern_fault(const char *pattern);
/* Of such a pattern what begins with the root's slash, where a drive's name stands before it,
 * or another slash. */
const char *gl_sys_pattern_from_root(const char *pattern);

#endif
