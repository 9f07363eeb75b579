/* SPDX-License-Identifier: MIT */
/*
 * What the agent and its exec helper say to each other, over a SOCK_SEQPACKET socket pair,
 * descriptor 3 of the helper. Both are the same program file, so these structs are its own and have
 * no version.
 *
 *     agent                              helper
 *     START + descriptors  ----------->
 *                          <-----------  RESOLVED (program, user), or FAILED
 *     GO                   ----------->
 *                          <-----------  STARTED (pid), or FAILED
 *     SIGNAL ...           ----------->
 *                          <-----------  EXITED (wait status)
 *     end of the socket    ----------->  ends all that was started, if it is still there
 *
 * START carries a memfd with the request (struct gl_exec_request and what follows it) and the
 * program's descriptors: the slave of a terminal, or stdin, stdout and stderr. Nothing is in argv
 * or the environment, which other users may read.
 */
#ifndef GL_AGENT_LINUX_EXEC_PROTOCOL_H
#define GL_AGENT_LINUX_EXEC_PROTOCOL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GL_EXEC_FD 3

/*
 * The start of the memfd. NUL-terminated strings follow: user, directory, term, lang (all may be
 * empty), argv, env. `size` is all of it.
 */
struct gl_exec_request {
    uint64_t size;
    uint32_t argc, envc;
    uint32_t login_shell, terminal;
    uint32_t no_input; /* with a terminal: standard input is /dev/null all the same */
    uint32_t kill_after_ms;
    uint64_t open_files; /* soft limit to be given to the program; 0: leave it */
};

enum gl_exec_order_type { GL_EXEC_START = 1, GL_EXEC_GO, GL_EXEC_SIGNAL };

struct gl_exec_order {
    uint32_t type;
    int32_t signal; /* SIGNAL: this system's number */
    int32_t group;  /* SIGNAL: foreground process group of the terminal, 0: the program's */
};

enum gl_exec_report_type {
    GL_EXEC_RESOLVED = 1, /* text: user, program */
    GL_EXEC_FAILED,       /* stage, error, text: what it is about */
    GL_EXEC_STARTED,      /* value: pid */
    GL_EXEC_EXITED,       /* value: status of waitpid(2) */
};

/* What could not be done. */
enum gl_exec_stage {
    GL_EXEC_STAGE_HELPER = 1, /* anything that always works */
    GL_EXEC_STAGE_USER,       /* no such account (error 0), or it cannot be looked up */
    GL_EXEC_STAGE_SWITCH,     /* becoming that user */
    GL_EXEC_STAGE_PAM,        /* text: what PAM says */
    GL_EXEC_STAGE_TERMINAL,
    GL_EXEC_STAGE_DIRECTORY,
    GL_EXEC_STAGE_SEARCH,  /* the program is not found, or what is found cannot be run */
    GL_EXEC_STAGE_EXEC,    /* execve(2) */
    GL_EXEC_STAGE_CHANGED, /* the program is not there any more, or is a link, since it was judged
                            */
};

#define GL_EXEC_TEXT_MAX (PATH_MAX + 512)

/* Sent as far as text is used. */
struct gl_exec_report {
    uint32_t type;
    uint32_t stage;
    int32_t error;
    int32_t value;
    char text[GL_EXEC_TEXT_MAX]; /* NUL-terminated strings */
};
#define GL_EXEC_REPORT_HEAD offsetof(struct gl_exec_report, text)

#endif
