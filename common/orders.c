/* SPDX-License-Identifier: MIT */
#include "orders.h"

#include <stdbool.h>
#include <stdlib.h>

static uv_once_t once; /* UV_ONCE_INIT is all zero, and lacks braces on Windows */
static struct {
    uv_mutex_t lock;
    bool given[2]; /* by enum gl_order */
    bool open;
    uv_async_t async;
    void (*on_order)(void *ctx, enum gl_order order);
    void *ctx;
} orders;

static void init(void)
{
    if (uv_mutex_init(&orders.lock) != 0)
        abort();
}

static bool take(enum gl_order order)
{
    uv_mutex_lock(&orders.lock);
    bool given = orders.given[order];
    orders.given[order] = false;
    uv_mutex_unlock(&orders.lock);
    return given;
}

static void on_async(uv_async_t *async)
{
    (void)async;
    if (take(GL_ORDER_RELOAD))
        orders.on_order(orders.ctx, GL_ORDER_RELOAD);
    if (take(GL_ORDER_STOP))
        orders.on_order(orders.ctx, GL_ORDER_STOP);
}

void gl_orders_give(enum gl_order order)
{
    uv_once(&once, init);
    uv_mutex_lock(&orders.lock);
    orders.given[order] = true;
    if (orders.open)
        uv_async_send(&orders.async);
    uv_mutex_unlock(&orders.lock);
}

void gl_orders_open(uv_loop_t *loop, void (*on_order)(void *ctx, enum gl_order order), void *ctx)
{
    uv_once(&once, init);
    orders.on_order = on_order;
    orders.ctx = ctx;
    if (uv_async_init(loop, &orders.async, on_async) != 0)
        abort();
    uv_mutex_lock(&orders.lock);
    orders.open = true;
    if (orders.given[GL_ORDER_STOP] || orders.given[GL_ORDER_RELOAD])
        uv_async_send(&orders.async);
    uv_mutex_unlock(&orders.lock);
}

void gl_orders_close(void)
{
    uv_once(&once, init);
    uv_mutex_lock(&orders.lock);
    bool was_open = orders.open;
    orders.open = false;
    uv_mutex_unlock(&orders.lock);
    if (was_open)
        uv_close((uv_handle_t *)&orders.async, NULL);
}
