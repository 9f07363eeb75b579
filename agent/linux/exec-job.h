/* SPDX-License-Identifier: MIT */
/* What the parts of the exec helper share: the job as it was asked for, and whom it runs as. */
#ifndef GL_AGENT_LINUX_EXEC_JOB_H
#define GL_AGENT_LINUX_EXEC_JOB_H

#include <stdbool.h>
#include <sys/types.h>

#include "exec-protocol.h"

struct gl_exec_account {
    uid_t uid;
    gid_t gid;
    char *name;         /* the number in decimal if the account has no entry */
    char *home, *shell; /* never NULL */
    bool known;         /* it has an entry */
};

struct gl_exec_job {
    const struct gl_exec_request *request; /* the strings below lie behind it */
    const char *user, *directory, *term;   /* may be empty */
    const char **argv, **env;              /* NULL-terminated */
    int fds[3]; /* stdin, stdout, stderr; of a terminal only the first, the rest are -1 */
    struct gl_exec_account account;
    char **environment; /* that the program gets */
    pid_t helper;
};

/* Tells the agent; what is NULL is left out. Errors are ignored: an agent that is gone needs no
 * report. */
void gl_exec_report(enum gl_exec_report_type type, enum gl_exec_stage stage, int error, int value,
                    const char *text, const char *more);

/* ---- exec-account.c */

/* Looks up job->user or, if that is empty, who we are. 0, or a stage that failed, which was
 * reported. */
int gl_exec_account_find(struct gl_exec_job *job);
/* The login-like environment, `pam` (may be NULL) over it, what was asked for over both. */
void gl_exec_account_environment(struct gl_exec_job *job, char *const *pam);
/* Value of a variable in job->environment, or NULL. */
const char *gl_exec_account_variable(const struct gl_exec_job *job, const char *name);

/* ---- exec-pam.c */

/*
 * Opens a session for the account if PAM is built in, we are root, and /etc/pam.d/guestlink exists.
 * *ret_env are variables from PAM, NULL without it. 0, or -1 if PAM said no, which was reported.
 */
int gl_exec_pam_open(const struct gl_exec_job *job, const char *tty, char ***ret_env);
void gl_exec_pam_close(void); /* what was opened */

/* ---- exec-child.c */

/*
 * In the child: becomes the program, or reports why not, writes a byte to `failed` and ends.
 */
void gl_exec_child_run(struct gl_exec_job *job, int failed) __attribute__((noreturn));

#endif
