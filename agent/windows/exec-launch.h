/* SPDX-License-Identifier: MIT */
/*
 * The start of a program in two steps, which block and hence run on a thread of the pool: finding
 * out whom and what to run, and making the process. Between them the owner asks whether it may run.
 */
#ifndef GL_AGENT_WINDOWS_EXEC_LAUNCH_H
#define GL_AGENT_WINDOWS_EXEC_LAUNCH_H

#include <stdbool.h>
#include <windows.h>

#include "exec-process.h"
#include "windows/exec-account.h"
#include "windows/exec-console.h"
#include "windows/exec-search.h"

struct gl_exec_launch {
    /* As asked for; copies. */
    char **argv, **env; /* NULL-terminated */
    char *directory, *user, *session, *term;
    char *password; /* wiped as soon as it was used */
    bool login_shell, terminal, local_only;
    unsigned columns, rows;
    /* Of the program; inheritable. With a terminal input and output of the console, error NULL. */
    HANDLE std[3];

    /* From _prepare. */
    struct gl_exec_account account;
    struct gl_exec_program program;
    wchar_t *environment, *folder;
    char *where;          /* the folder that was asked for, links resolved; NULL: none was */
    wchar_t *line;        /* its command line */
    wchar_t *interpreter; /* of a batch file; NULL: none */

    /* From _run. */
    struct gl_exec_console *console; /* NULL: none */
    HANDLE job, process;
    HANDLE thread; /* of it, which waits to be resumed */
    DWORD pid;

    struct gl_exec_failure failure;
};

/* Copies the spec. */
void gl_exec_launch_init(struct gl_exec_launch *launch, const struct gl_exec_spec *spec);
/* Before that, with a password: the name of the account, for gl_free(). */
char *gl_exec_launch_identify(const struct gl_exec_launch *launch);
/* Account, environment, directory, program, command line. 0, or -1 and ->failure. */
int gl_exec_launch_prepare(struct gl_exec_launch *launch);
/*
 * Makes the process, in a job of its own that dies with the agent, not yet running. 0, or -1 and
 * ->failure.
 */
int gl_exec_launch_run(struct gl_exec_launch *launch);
/* Closes what only the start needed: the program's ends of its pipes and its file. */
void gl_exec_launch_started(struct gl_exec_launch *launch);
/* All that is left. May block if a profile is loaded. The console must have been closed. */
void gl_exec_launch_done(struct gl_exec_launch *launch);

/* ---- the job: a program with all that descends from it ("Job Objects", learn.microsoft.com) */

/* What is in it stays when the agent goes. */
void gl_exec_job_release(HANDLE job);
void gl_exec_job_kill(HANDLE job, unsigned code);
/* How many processes are in it. */
unsigned gl_exec_job_count(HANDLE job);

#endif
