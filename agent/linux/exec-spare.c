/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn(3) of ourselves. Not uv_spawn: that knows no single descriptor 3 without its own
 * ideas of the others, and reaps behind our back. Not fork: the agent has threads and may be large.
 */
#include "exec-spare.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec-helper.h"
#include "exec-protocol.h"
#include "mem.h"
#include "reaper.h"

/* Not our file by its name: after an upgrade there is another one. proc_pid_exe(5) reaches the one
 * that we are. */
#define SELF "/proc/self/exe"

/* ------------------------------------------------------------------ the start */

/* A process group of its own, so that a ^C to an agent on a terminal is heard by the agent alone.
 */
static int spawn(int control, pid_t *ret_pid)
{
    static char name[] = "guestlink-agent", option[] = GL_EXEC_HELPER_OPTION;
    char *argv[] = {name, option, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    int err = posix_spawn_file_actions_init(&actions);
    if (err)
        return -err;
    err = posix_spawnattr_init(&attributes);
    if (err) {
        posix_spawn_file_actions_destroy(&actions);
        return -err;
    }
    /* The helper sees to the dispositions of signals. */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    err = posix_spawn_file_actions_adddup2(&actions, control, GL_EXEC_FD);
    if (!err)
        err = posix_spawn(ret_pid, SELF, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -err;
}

int gl_exec_helper_start(pid_t *ret_helper, int *ret_control)
{
    int control[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0)
        return -errno;
    int err = fcntl(control[0], F_SETFL, O_RDWR | O_NONBLOCK) < 0 ? -errno : 0;
    if (!err)
        err = spawn(control[1], ret_helper);
    close(control[1]);
    if (err)
        close(control[0]);
    else
        *ret_control = control[0];
    return err;
}

/* ------------------------------------------------------------------ the one that waits */

/* One agent in a process, so one of it. */
static struct spare {
    struct gl_reaper_child helper; /* pid 0: not started, or reaped */
    int control;                   /* -1: not started */
    uv_timer_t timer;              /* until its start, then until its end */
} * spare;

static void on_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

static void on_reaped(struct gl_reaper_child *helper)
{
    struct spare *s = GL_CONTAINER_OF(helper, struct spare, helper);
    if (s == spare) /* killed by somebody */
        gl_exec_spare_drop();
    else
        uv_close((uv_handle_t *)&s->timer, on_closed);
}

static void on_limit(uv_timer_t *timer)
{
    (void)timer;
    gl_exec_spare_drop();
}

static void on_due(uv_timer_t *timer)
{
    struct spare *s = timer->data;
    s->helper.on_reaped = on_reaped;
    int err = gl_reaper_add(timer->loop, &s->helper);
    if (!err)
        err = gl_exec_helper_start(&s->helper.pid, &s->control);
    if (err)
        gl_exec_spare_drop(); /* whoever needs one next will say what is wrong */
    else
        uv_timer_start(timer, on_limit, GL_EXEC_SPARE_MS, 0);
}

void gl_exec_spare_prepare(uv_loop_t *loop)
{
    if (spare)
        return;
    struct spare *s = GL_NEW0(struct spare);
    s->control = -1;
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    uv_timer_start(&s->timer, on_due, GL_EXEC_SPARE_DELAY_MS, 0);
    spare = s;
}

int gl_exec_spare_take(pid_t *ret_helper, int *ret_control)
{
    struct spare *s = spare;
    if (!s || s->control < 0)
        return UV_ENOENT;
    spare = NULL;
    *ret_helper = s->helper.pid;
    *ret_control = s->control;
    gl_reaper_remove(&s->helper);
    uv_close((uv_handle_t *)&s->timer, on_closed);
    return 0;
}

void gl_exec_spare_drop(void)
{
    struct spare *s = spare;
    if (!s)
        return;
    spare = NULL;
    uv_timer_stop(&s->timer);
    if (s->control >= 0)
        close(s->control); /* which it takes as the order to leave */
    if (s->helper.pid)
        return; /* on_reaped() goes on */
    gl_reaper_remove(&s->helper);
    uv_close((uv_handle_t *)&s->timer, on_closed);
}
