/* SPDX-License-Identifier: MIT */
/* info.get when the system does not answer: here it is this file, and so is the rest of the agent.
 */
#include "info.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "mem.h"
#include "registry.h"
#include "service.h"
#include "unit.h"

extern const struct gl_service gl_service_info;

/* ------------------------------------------------------------------ the system */

/* Closed while the part hangs. */
struct gate {
    uv_mutex_t lock;
    uv_cond_t wake;
    bool closed;
};

static struct gate disks, services;

static void gate_init(struct gate *gate)
{
    uv_mutex_init(&gate->lock);
    uv_cond_init(&gate->wake);
    gate->closed = false;
}

static void gate_done(struct gate *gate)
{
    uv_cond_destroy(&gate->wake);
    uv_mutex_destroy(&gate->lock);
}

static void gate_set(struct gate *gate, bool closed)
{
    uv_mutex_lock(&gate->lock);
    gate->closed = closed;
    uv_cond_broadcast(&gate->wake);
    uv_mutex_unlock(&gate->lock);
}

static void gate_pass(struct gate *gate)
{
    uv_mutex_lock(&gate->lock);
    while (gate->closed)
        uv_cond_wait(&gate->wake, &gate->lock);
    uv_mutex_unlock(&gate->lock);
}

void gl_info_collect(Gl__Info *info)
{
    gl_info_set(&info->system, "here");
}

void gl_info_collect_filesystems(Gl__Info *info)
{
    gate_pass(&disks);
    gl_info_set(&gl_info_add_filesystem(info)->type, "disk");
}

void gl_info_collect_answers(Gl__Info *info)
{
    gate_pass(&services);
    gl_info_set(&info->hostname, "name");
    gl_info_set(&gl_info_add_address(info)->address, "10.0.0.1");
    gl_info_set(&gl_info_add_session(info)->user, "alice");
}

/* ------------------------------------------------------------------ the agent */

struct gl_call {
    const struct gl_call_events *events;
    void *ctx;
    bool finished;
    char system[16], hostname[16], disk[16], address[16], user[16];
};

static uv_loop_t loop;

struct gl_agent *gl_agent_of(const struct gl_call *call)
{
    (void)call;
    return NULL;
}

uv_loop_t *gl_agent_loop(const struct gl_agent *agent)
{
    (void)agent;
    return &loop;
}

const struct gl_service *const *gl_registry_services(void)
{
    static const struct gl_service *const all[] = {NULL};
    return all;
}

void gl_call_handle(struct gl_call *call, const struct gl_call_events *events, void *ctx)
{
    call->events = events;
    call->ctx = ctx;
}

int gl_call_reply(struct gl_call *call, const void *message)
{
    const Gl__Info *info = message;
    snprintf(call->system, sizeof(call->system), "%s", info->system);
    snprintf(call->hostname, sizeof(call->hostname), "%s", info->hostname);
    if (info->n_filesystems > 0)
        snprintf(call->disk, sizeof(call->disk), "%s", info->filesystems[0]->type);
    if (info->n_addresses > 0)
        snprintf(call->address, sizeof(call->address), "%s", info->addresses[0]->address);
    if (info->n_sessions > 0)
        snprintf(call->user, sizeof(call->user), "%s", info->sessions[0]->user);
    return 0;
}

void gl_call_finish(struct gl_call *call, enum gl_status status, const char *format, ...)
{
    (void)format;
    ck_assert(!call->finished);
    ck_assert_int_eq(status, GL_STATUS_OK);
    call->finished = true;
}

/* ------------------------------------------------------------------ the tests */

static void setup(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    gate_init(&disks);
    gate_init(&services);
}

static void teardown(void)
{
    gate_set(&disks, false);
    gate_set(&services, false);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    gate_done(&disks);
    gate_done(&services);
}

static void ask(struct gl_call *call)
{
    *call = (struct gl_call){.events = NULL};
    gl_service_info.methods[0].start(call, NULL);
}

static void wait_for(const struct gl_call *call)
{
    while (!call->finished) {
        int alive = uv_run(&loop, UV_RUN_ONCE);
        ck_assert(alive || call->finished);
    }
    ck_assert_str_eq(call->system, "here");
}

static void expect(const struct gl_call *call, bool disk, bool answers)
{
    ck_assert_str_eq(call->disk, disk ? "disk" : "");
    ck_assert_str_eq(call->hostname, answers ? "name" : "");
    ck_assert_str_eq(call->address, answers ? "10.0.0.1" : "");
    ck_assert_str_eq(call->user, answers ? "alice" : "");
}

START_TEST(all_parts_come)
{
    struct gl_call calls[3];
    for (int i = 0; i < 3; i++)
        ask(&calls[i]);
    for (int i = 0; i < 3; i++) {
        wait_for(&calls[i]);
        expect(&calls[i], true, true);
    }
}
END_TEST

START_TEST(a_part_that_hangs_is_left_out)
{
    struct gate *hang = _i == 0 ? &disks : &services;
    struct gl_call first, second;
    gate_set(hang, true);
    ask(&first);
    ck_assert(!first.finished);
    wait_for(&first);
    expect(&first, hang != &disks, hang != &services);
    /* It hangs still, and nobody waits for it any more; the other one is asked anew. */
    uint64_t before = uv_hrtime();
    ask(&second);
    wait_for(&second);
    expect(&second, hang != &disks, hang != &services);
    ck_assert_uint_lt(uv_hrtime() - before, UINT64_C(1500000000));
    /* Until it comes back. */
    gate_set(hang, false);
    uv_run(&loop, UV_RUN_DEFAULT);
    ask(&first);
    wait_for(&first);
    expect(&first, true, true);
}
END_TEST

START_TEST(who_goes_away_gets_what_is_there)
{
    struct gl_call gone, other;
    gate_set(&disks, true);
    ask(&gone);
    ask(&other);
    gone.events->on_cancel(gone.ctx, &gone, GL_STATUS_CANCELLED);
    ck_assert(gone.finished);
    gate_set(&disks, false);
    wait_for(&other);
    expect(&other, true, true);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("info");
    TCase *tcase = tcase_create("info");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, all_parts_come);
    tcase_add_loop_test(tcase, a_part_that_hangs_is_left_out, 0, 2);
    tcase_add_test(tcase, who_goes_away_gets_what_is_there);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
