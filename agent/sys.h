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
 * First thing in the process: files are private (umask 077), a broken pipe is an error and no
 * signal, standard descriptors are open, and as many files may be open as the system lets us have.
 */
void gl_sys_prepare(void);
/* The limit of open files before that: what programs that the agent starts should get. 0: not
 * known. */
uint64_t gl_sys_saved_open_files(void);

/*
 * Makes the state directory (mode 0700, and missing parents 0755), checks that it is a directory of
 * ours that nobody else may write and we can, and takes it for this process until it ends: two
 * agents with one key would take each other's sessions over. 0, or negative UV_E* (UV_EBUSY:
 * another agent has it); *ret_why is a static text that completes "DIR: ".
 */
int gl_sys_state_directory(const char *path, const char **ret_why);

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
 * the host. */
bool gl_sys_is_own_cid(uint32_t cid);

/* Tells the service manager, if there is one: "READY=1", "STOPPING=1", "STATUS=...", as
 * sd_notify(3). */
void gl_sys_notify(const char *state);

/* The host name, for a proposal; "localhost" if there is none. */
void gl_sys_hostname(char *out, size_t size);

#endif
