/* SPDX-License-Identifier: MIT */
/* Tells the service manager that the loop still turns, as sd_watchdog_enabled(3) has it: a daemon
 * whose loop hangs falls silent, is killed and started anew. */
#ifndef GL_WATCHDOG_H
#define GL_WATCHDOG_H

#include <uv.h>

/* Embedded; stays until the loop has run the close callbacks after gl_watchdog_stop(). */
struct gl_watchdog {
    uv_timer_t timer;
};

/* Does nothing if nobody asked ($WATCHDOG_USEC). Does not keep the loop alive. */
void gl_watchdog_start(struct gl_watchdog *watchdog, uv_loop_t *loop);
/* Closes the handle. After gl_watchdog_start(), once. */
void gl_watchdog_stop(struct gl_watchdog *watchdog);

#endif
