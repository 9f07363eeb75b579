/* SPDX-License-Identifier: MIT */
/*
 * Orders to the daemon from another thread: of a service manager that sends no signals, as Windows'
 * does.
 */
#ifndef GL_ORDERS_H
#define GL_ORDERS_H

#include <uv.h>

enum gl_order { GL_ORDER_STOP, GL_ORDER_RELOAD };

/*
 * From any thread, at any time. What comes before gl_orders_open() waits for it, what comes after
 * gl_orders_close() does nothing.
 */
void gl_orders_give(enum gl_order order);

/* Calls back on the loop's thread for each kind that was given, STOP last. One reader at a time. */
void gl_orders_open(uv_loop_t *loop, void (*on_order)(void *ctx, enum gl_order order), void *ctx);
void gl_orders_close(void); /* fine to call twice */

#endif
