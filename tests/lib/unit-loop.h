/* SPDX-License-Identifier: MIT */
/*
 * A loop for unit tests, in place of sleeping: gl_unit_loop_setup() and _teardown() as a checked
 * fixture. Teardown fails the test if a handle or a descriptor is left over.
 */
#ifndef GL_UNIT_LOOP_H
#define GL_UNIT_LOOP_H

#include <uv.h>

#include "handles.h"
#include "unit.h"

#define GL_UNIT_TIME_LIMIT 20000000000u /* ns, for whatever a test waits for */

static uv_loop_t loop;
static uv_timer_t gl_unit_heart; /* ends each turn of the loop, so that a time limit is noticed */
static int gl_unit_fds_before;

static inline void gl_unit_on_heart(uv_timer_t *timer)
{
    (void)timer;
}

static inline void gl_unit_loop_setup(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &gl_unit_heart);
    uv_timer_start(&gl_unit_heart, gl_unit_on_heart, 50, 50);
    uv_unref((uv_handle_t *)&gl_unit_heart);
    gl_unit_fds_before = gl_handles_open();
}

static inline void gl_unit_loop_teardown(void)
{
    ck_assert_int_eq(uv_run(&loop, UV_RUN_NOWAIT), 0);
    uv_close((uv_handle_t *)&gl_unit_heart, NULL);
    ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert_int_le(gl_handles_open(), gl_unit_fds_before);
}

/* Turns the loop until the condition holds. */
#define gl_unit_run_until(condition)                                                               \
    do {                                                                                           \
        uint64_t gl_unit_limit = uv_hrtime() + GL_UNIT_TIME_LIMIT;                                 \
        while (!(condition)) {                                                                     \
            ck_assert_msg(uv_hrtime() < gl_unit_limit, "waited in vain for " #condition);          \
            uv_run(&loop, UV_RUN_ONCE);                                                            \
        }                                                                                          \
    } while (0)

/* Turns the loop for so long, to see that something does not happen. */
static inline void gl_unit_run_for(uint64_t ms)
{
    uint64_t end = uv_hrtime() + ms * 1000000;
    while (uv_hrtime() < end) {
        uv_run(&loop, UV_RUN_NOWAIT);
        uv_sleep(1);
    }
}

#endif
