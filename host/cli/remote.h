/* SPDX-License-Identifier: MIT */
/*
 * The conversation of exec.start as exec and shell have it: standard input, output and error,
 * signals, the terminal, the exit status.
 */
#ifndef GL_CLI_REMOTE_H
#define GL_CLI_REMOTE_H

#include "cli.h"
#include "proto/guestlink.pb-c.h"

struct gl_remote {
    Gl__ExecStart *start; /* terminal, its size and TERM, and stdin_open are filled in here, and a
                             password is wiped as soon as it was handed on */
    bool input;           /* standard input is passed on */
    bool terminal;        /* a terminal in the guest */
    uint64_t begun_ns;    /* by uv_hrtime(): since when the time limit of `start` counts */
};

#define GL_REMOTE_TIMED_OUT 124

/*
 * Runs it and returns this program's exit status:
 *   0 to 255      the program's (a greater one, which Windows has, becomes 255)
 *   128+N         it was killed by signal N; also 128+N if we were told twice within 2 s to end by
 * signal N and did 124           its time limit ran out 125           ours: not connected, refused,
 * lost, output cannot be written, ... after an error line 126, 127      found but cannot be run;
 * not found; after an error line 141           nobody reads our standard output any more: the
 * program was ended, nothing is said, as if SIGPIPE had killed it here
 */
int gl_remote_run(struct gl_cli *cli, const char *guest, const struct gl_remote *remote);

#endif
