/* SPDX-License-Identifier: MIT */
/* What both daemons ask of the system about their own process; linux/ and windows/ have the twins.
 */
#ifndef GL_STARTUP_H
#define GL_STARTUP_H

#include <stdint.h>

/*
 * First thing in a daemon: files are private (umask 077), a broken pipe is an error and no signal,
 * standard descriptors are open, and as many files may be open as the system lets us have.
 */
void gl_startup_prepare(void);
/* The limit of open files before that: what programs that are started should get. 0: not known. */
uint64_t gl_startup_saved_open_files(void);

/*
 * Makes the state directory (mode 0700) if it is missing, with its parents (0755); refuses one that
 * belongs to others or can be written by them; takes it for this process until it ends. 0, or
 * negative UV_E* (UV_EBUSY: another process has it) with *ret_error one line, for gl_free();
 * `program` is who the other process must be.
 */
int gl_startup_claim_state(const char *directory, const char *program, char **ret_error);
/* Makes the directory that the file at path is to be in, with its parents, all 0755. Best effort:
 * what fails next says why. */
void gl_startup_make_parents(const char *path);

/*
 * Ends the process as it is, handlers of atexit() and all that is still busy left alone; a service
 * manager that asked for it learns that the service has stopped.
 */
void gl_startup_end_now(int status) __attribute__((noreturn));

/* Tells the service manager, if there is one: "READY=1", "STOPPING=1", "STATUS=..." (sd_notify(3)).
 */
void gl_startup_notify(const char *state);

#endif
