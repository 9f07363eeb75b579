/* SPDX-License-Identifier: MIT */
/*
 * What the tests of exec-process.h run, on Windows: this program itself, with words that say what
 * to do. The twin is in linux/. For exec-run.h.
 */
#ifndef GL_EXEC_PROGRAMS_H
#define GL_EXEC_PROGRAMS_H

#include <stdbool.h>

extern char exec_self[4096]; /* this program's path, once exec_programs_main() was called */

#define CHILD(...) ARGV(exec_self, "--child", __VA_ARGS__)

#define EXEC_BOTH           CHILD("both")
#define EXEC_CAT            CHILD("cat")
#define EXEC_FLOOD          CHILD("flood", "20000000")
#define EXEC_SLEEP          CHILD("sleep")
#define EXEC_NO_INPUT       CHILD("close-and-sleep")
#define EXEC_LEAVES_CHATTER CHILD("leave", "chatter")
#define EXEC_MANY           20

/* First in main(): returns only if this is the test program, not what it runs. */
void exec_programs_main(int argc, char **argv);

/* Whether a child is left is not to be asked here: nobody waits for one. */
static inline void exec_programs_expect_none(void)
{
}

/* Wine 8 lacks a few things that are tested. */
bool is_wine(void);

#endif
