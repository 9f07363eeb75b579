/* SPDX-License-Identifier: MIT */
/* What the tests of exec-process.h run, on Linux; the twin is in windows/. For exec-run.h. */
#ifndef GL_EXEC_PROGRAMS_H
#define GL_EXEC_PROGRAMS_H

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "exec-helper.h"
#include "unit.h"

#define SHELL(cmd) ARGV("sh", "-c", cmd)

#define EXEC_BOTH     SHELL("echo out; echo err >&2; exit 42")
#define EXEC_CAT      ARGV("cat")
#define EXEC_FLOOD    SHELL("yes | head -c 20000000; echo done >&2") /* so many bytes */
#define EXEC_SLEEP    ARGV("sleep", "300")
#define EXEC_NO_INPUT SHELL("exec <&-; echo closed; sleep 0.2; exit 3") /* closes it */
#define EXEC_LEAVES_CHATTER                                                                        \
    SHELL("(trap '' PIPE; while sleep 0.01; do echo x || exit; done) & echo $!")
#define EXEC_MANY 200

/* First in main(): returns only if this is the test program, not what it runs. */
static inline void exec_programs_main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], GL_EXEC_HELPER_OPTION) == 0)
        gl_exec_helper_main();
    /* A write to a pipe without reader is an error, as in the agent. */
    signal(SIGPIPE, SIG_IGN);
}

/* No child is left. */
static inline void exec_programs_expect_none(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* No process has this pid. */
static inline void expect_gone(long pid)
{
    ck_assert_int_gt(pid, 1);
    ck_assert_int_eq(kill((pid_t)pid, 0), -1);
    ck_assert_int_eq(errno, ESRCH);
}

#endif
