/* SPDX-License-Identifier: MIT */
/*
 * A program that runs in the guest for somebody on the host: starting it, carrying its input and
 * output, ending it with all that it has started. The twins are linux/exec-process.c and
 * windows/exec-process.c.
 *
 * One loop, one thread; nothing here blocks it. Events come from the loop or from within the
 * gl_exec_process_* calls that say so, never from within gl_exec_process_start().
 *
 * The life of it: start, on_resolved, on_started, on_output..., on_end; or start, [on_resolved],
 * on_end with a status. on_end is the last event and always comes.
 *
 * What happens to the processes that the program leaves behind:
 *
 * - The program has ended by itself. They stay, as they do with ssh and docker: `service x start`
 * must work. Its own output is delivered whole, however slow the reader. Processes left behind that
 * still hold its output are waited for only while they write: the end comes when nothing was
 * written for 100 ms, or 2 s after the program's own output was delivered. (ssh waits for all to
 * close it, so that `sleep 1000 &` hangs; 100 ms are for the likes of `exec > >(tee log)`, whose
 * last words come a moment after their parent's end.)
 * - It was ended by gl_exec_process_terminate(). Nothing stays: it, its process group and all that
 * descends from it, in whatever session, gets TERM (with a terminal HUP too), and KILL after
 * `kill_after_ms`. on_end comes when all are gone. The one exception is what was started from a
 * terminal and made a session of its own (setsid: tmux, daemons; on Windows with
 * CREATE_BREAKAWAY_FROM_JOB): that is how a process says that it outlives its terminal, and it
 * does.
 * - The agent died. As if ended by gl_exec_process_terminate().
 */
#ifndef GL_AGENT_EXEC_PROCESS_H
#define GL_AGENT_EXEC_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "buf.h"
#include "status.h"

#define GL_EXEC_STDOUT        1 /* channels of on_output, as in exec.start */
#define GL_EXEC_STDERR        2
#define GL_EXEC_KILL_AFTER_MS 5000u

struct gl_exec_process;

/* What to run. Read during gl_exec_process_start() only. */
struct gl_exec_spec {
    const char *const
        *argv; /* NULL-terminated; argv[0] is searched in the PATH of the environment made */
    const char *const *env; /* "NAME=value", NULL-terminated; over the login-like environment */
    const char *directory;  /* NULL: the home directory, or / if there is none; relative to that */
    const char *user;       /* name or number; NULL: the agent's own */
    const char *password;   /* Windows: of `user`; NULL: none */
    const char *session;    /* Windows: as whoever is logged on there, on that desktop: "console" or
                               a number; NULL: none */
    bool local_only;  /* Windows: no share is looked at, wherever the program's name, PATH or a
                         link may lead: PERMISSION_DENIED */
    bool login_shell; /* the account's shell as a login shell; argv is not used */
    bool terminal;    /* one terminal for all three, output comes on GL_EXEC_STDOUT */
    unsigned columns, rows; /* of it; 0: 80, 24 */
    const char *term;       /* TERM for it; NULL: "xterm" */
    bool stdin_open;        /* else /dev/null, also with a terminal: nobody types there */
    uint64_t kill_after_ms; /* between TERM and KILL; 0: GL_EXEC_KILL_AFTER_MS */
};

/* What was found: to be judged before it runs. */
struct gl_exec_target {
    const char *program;   /* absolute, symbolic links resolved */
    const char *user;      /* name of the account, or its number in decimal if it has none */
    const char *directory; /* Windows: the one asked for, links resolved; else NULL */
};

struct gl_exec_result {
    /*
     * OK: it ran, the rest says how it ended. PROGRAM_NOT_FOUND, NOT_EXECUTABLE: not started.
     * NOT_FOUND (user, working directory), PERMISSION_DENIED (on_resolved said so, the agent may
     * not become that user, PAM refused), NOT_DIRECTORY, ...: not started. CANCELLED: ended by
     * gl_exec_process_terminate() before it was started. INTERNAL: the helper died.
     */
    enum gl_status status;
    const char *text; /* with any but OK: one line for people, names the thing in question; may hold
                         anything, escape it */
    uint32_t code;    /* exit status, if signal is 0 */
    uint32_t signal;  /* that killed it; this system's number */
    const char *signal_name; /* "SIGTERM"; "" if signal is 0 */
};

/* All but on_end may be NULL. */
struct gl_exec_events {
    /* With a password, before it is tried: may anything run as this user? As on_resolved. */
    enum gl_status (*on_account)(void *ctx, const char *user, const char **ret_text);
    /* May it run? GL_STATUS_OK, or what result.status shall be, with *ret_text (copied). */
    enum gl_status (*on_resolved)(void *ctx, const struct gl_exec_target *target,
                                  const char **ret_text);
    void (*on_started)(void *ctx, uint64_t pid);
    /* The slice is the callee's. */
    void (*on_output)(void *ctx, uint8_t channel, struct gl_slice data);
    /* Input that came with this charge was written, or dropped because nobody reads it. Also from
     * within _write and _terminate. */
    void (*on_input_used)(void *ctx, size_t charge);
    /* All is over and cleaned up; the process is freed after this returns. */
    void (*on_end)(void *ctx, const struct gl_exec_result *result);
};

/*
 * Starts it. UV_E* if not even the attempt could be made (no memory, descriptors or processes): no
 * event follows. Terminal not available: UV_E* of opening it. UV_ENOTSUP: a session or a password,
 * on Linux.
 */
int gl_exec_process_start(uv_loop_t *loop, const struct gl_exec_spec *spec,
                          const struct gl_exec_events *events, void *ctx,
                          struct gl_exec_process **ret_process);

/*
 * Input for the program, in order; takes the slice. The caller bounds what is in flight by waiting
 * for on_input_used. A program that does not read any more (or has none) uses it up at once: nobody
 * is told, as ssh does it.
 */
void gl_exec_process_write(struct gl_exec_process *process, struct gl_slice data, size_t charge);
/* End of input, after what was written. With a terminal: its end-of-file character, if it is in
 * line mode. */
void gl_exec_process_write_end(struct gl_exec_process *process);

/* Backpressure: no on_output while paused, the program is stalled when its pipe is full. Fine from
 * within on_output. */
void gl_exec_process_pause(struct gl_exec_process *process, bool pause);

/* Signals of exec.start (enum ExecSignal), to the process group; with a terminal to its foreground
 * group. Others are UV_EINVAL. */
int gl_exec_process_signal(struct gl_exec_process *process, int exec_signal);
/* UV_EINVAL: without a terminal, or a size of 0 or over 65535. */
int gl_exec_process_resize(struct gl_exec_process *process, unsigned columns, unsigned rows);

/* Whether the program itself has not ended, as far as is known; what it wrote may still be on its
 * way. */
bool gl_exec_process_is_running(const struct gl_exec_process *process);

/*
 * Ends it and all that it has started, see above. Fine to call twice. discard: nobody wants what it
 * still writes; there is no on_output any more, pause has no effect, and input is dropped.
 */
void gl_exec_process_terminate(struct gl_exec_process *process, bool discard);

/*
 * Likely there will be another program soon: in a moment, does ahead what can be done so that its
 * start is faster, and undoes it when none comes. It may keep the loop alive for so long.
 */
void gl_exec_process_prepare(uv_loop_t *loop);
/* The agent stops: nothing is kept ready any more. */
void gl_exec_process_stop_preparing(void);

#endif
