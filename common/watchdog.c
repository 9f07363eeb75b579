/* SPDX-License-Identifier: MIT */
#include "watchdog.h"

#include <stdbool.h>
#include <stdlib.h>

#include "startup.h"

/* The first of three that is late may be late for another reason; sd_watchdog_enabled(3) wants two
 * at least. */
#define PER_INTERVAL 3

static bool parse_number(const char *name, uint64_t *ret_value)
{
    const char *text = getenv(name);
    char *end;
    if (!text || *text < '0' || *text > '9')
        return false;
    *ret_value = strtoull(text, &end, 10); /* too much gives the most there is, which is fine */
    return !*end;
}

/* Milliseconds from one sign of life to the next; 0: none are wanted. */
static uint64_t interval(void)
{
    uint64_t us, pid;
    if (!parse_number("WATCHDOG_USEC", &us) || us == 0)
        return 0;
    if (getenv("WATCHDOG_PID") &&
        (!parse_number("WATCHDOG_PID", &pid) || pid != (uint64_t)uv_os_getpid()))
        return 0; /* it was meant for a parent of ours */
    uint64_t ms = us / 1000 / PER_INTERVAL;
    return ms ? ms : 1;
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
    gl_startup_notify("WATCHDOG=1");
}

void gl_watchdog_start(struct gl_watchdog *watchdog, uv_loop_t *loop)
{
    uint64_t ms = interval();
    uv_timer_init(loop, &watchdog->timer);
    uv_unref((uv_handle_t *)&watchdog->timer);
    if (ms)
        uv_timer_start(&watchdog->timer, on_timer, ms, ms);
}

void gl_watchdog_stop(struct gl_watchdog *watchdog)
{
    uv_close((uv_handle_t *)&watchdog->timer, NULL);
}
