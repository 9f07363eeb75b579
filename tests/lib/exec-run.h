/* SPDX-License-Identifier: MIT */
/*
 * A run of a program by exec-process.h, and what came of it, for tests. Included by one file of a
 * test program, whose main() begins with exec_programs_main(), as this program is also the agent's
 * helper.
 */
#ifndef GL_EXEC_RUN_H
#define GL_EXEC_RUN_H

#include <stdio.h>
#include <string.h>

#include "exec-process.h"
#include "mem.h"
#include "unit.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

#include "exec-programs.h"

#define RUN_OUTPUT_MAX (4u * 1024 * 1024)

struct run {
    uv_loop_t loop;
    struct gl_exec_process *process;
    struct gl_exec_spec spec;
    char *out[3]; /* by channel */
    size_t out_len[3];
    size_t total; /* output, bytes, kept or not */
    size_t input_used;
    char program[512], user[64];
    enum gl_status verdict;
    uint64_t pid;
    bool ended;
    struct gl_exec_result result;
    char text[1024], signal_name[16];
    void (*on_judged)(void); /* between the answer and the start */
};

static inline enum gl_status run_resolved(void *ctx, const struct gl_exec_target *target,
                                          const char **ret_text)
{
    struct run *run = ctx;
    snprintf(run->program, sizeof(run->program), "%s", target->program);
    snprintf(run->user, sizeof(run->user), "%s", target->user);
    *ret_text = "the rule says no";
    if (run->on_judged)
        run->on_judged();
    return run->verdict;
}

static inline void run_started(void *ctx, uint64_t pid)
{
    ((struct run *)ctx)->pid = pid;
}

static inline void run_output(void *ctx, uint8_t channel, struct gl_slice data)
{
    struct run *run = ctx;
    ck_assert(channel == GL_EXEC_STDOUT || channel == GL_EXEC_STDERR);
    run->total += data.len;
    if (run->out_len[channel] + data.len < RUN_OUTPUT_MAX) {
        memcpy(run->out[channel] + run->out_len[channel], data.data, data.len);
        run->out_len[channel] += data.len;
        run->out[channel][run->out_len[channel]] = 0;
    }
    gl_slice_unref(&data);
}

static inline void run_input_used(void *ctx, size_t charge)
{
    ((struct run *)ctx)->input_used += charge;
}

static inline void run_end(void *ctx, const struct gl_exec_result *result)
{
    struct run *run = ctx;
    ck_assert(!run->ended);
    run->ended = true;
    run->process = NULL;
    run->result = *result;
    snprintf(run->text, sizeof(run->text), "%s", result->text);
    snprintf(run->signal_name, sizeof(run->signal_name), "%s", result->signal_name);
}

static const struct gl_exec_events run_events = {
    .on_resolved = run_resolved,
    .on_started = run_started,
    .on_output = run_output,
    .on_input_used = run_input_used,
    .on_end = run_end,
};

/* ------------------------------------------------------------------ from its making to its end */

/* The arguments are the caller's, and there until it has started, as is all of run->spec. */
static inline struct run *run_new(const char *const *argv)
{
    struct run *run = GL_NEW0(struct run);
    ck_assert_int_eq(uv_loop_init(&run->loop), 0);
    run->spec.argv = argv;
    for (int i = 1; i < 3; i++)
        run->out[i] = gl_alloc0(RUN_OUTPUT_MAX);
    return run;
}

static inline void run_start(struct run *run)
{
    ck_assert_int_eq(gl_exec_process_start(&run->loop, &run->spec, &run_events, run, &run->process),
                     0);
}

static inline void run_until_end(struct run *run)
{
    while (!run->ended && uv_run(&run->loop, UV_RUN_ONCE) != 0)
        ;
    ck_assert(run->ended);
}

static inline void run_to_end(struct run *run)
{
    run_start(run);
    run_until_end(run);
}

static inline struct run *run_whole(const char *const *argv)
{
    struct run *run = run_new(argv);
    run_to_end(run);
    return run;
}

/* Frees it, and sees that nothing is left of it: no handle of the loop, no child. */
static inline void run_free(struct run *run)
{
    uv_run(&run->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&run->loop), 0);
    exec_programs_expect_none();
    for (int i = 1; i < 3; i++)
        gl_free(run->out[i]);
    gl_free(run);
}

/* ------------------------------------------------------------------ meanwhile */

static inline void run_stop_loop(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
    uv_stop(timer->loop);
}

static inline void run_for(struct run *run, uint64_t ms)
{
    uv_timer_t timer;
    uv_timer_init(&run->loop, &timer);
    uv_timer_start(&timer, run_stop_loop, ms, 0);
    uv_run(&run->loop, UV_RUN_DEFAULT);
    uv_run(&run->loop, UV_RUN_NOWAIT); /* closes the timer */
}

static inline void wait_for_output(struct run *run, const char *text)
{
    while (!strstr(run->out[1], text)) {
        ck_assert_msg(!run->ended, "ended without '%s': '%s' '%s' %s %#x", text, run->out[1],
                      run->out[2], run->text, run->result.code);
        uv_run(&run->loop, UV_RUN_ONCE);
    }
}

static inline uint64_t ms_since(uint64_t before)
{
    return (uv_hrtime() - before) / 1000000;
}

/* ------------------------------------------------------------------ afterwards */

static inline void expect_exit(const struct run *run, uint32_t code)
{
    ck_assert_msg(run->result.status == GL_STATUS_OK, "%s: %s", gl_status_name(run->result.status),
                  run->text);
    ck_assert_uint_eq(run->result.signal, 0);
    ck_assert_str_eq(run->signal_name, "");
    ck_assert_uint_eq(run->result.code, code);
}

/* Which texts its output has, and which it does not have. */
static inline void expect_output(const struct run *run, const char *const *there,
                                 const char *const *absent)
{
    for (; *there; there++)
        ck_assert_msg(strstr(run->out[1], *there), "no '%s' in: %s", *there, run->out[1]);
    for (; *absent; absent++)
        ck_assert_msg(!strstr(run->out[1], *absent), "'%s' in: %s", *absent, run->out[1]);
}

/* `variable`: the only one of its environment, where it is searched. */
static inline void expect_refused_in(const char *program, const char *variable,
                                     enum gl_status status)
{
    struct run *run = run_new(ARGV(program));
    run->spec.env = ARGV(variable);
    run_to_end(run);
    ck_assert_msg(run->result.status == status, "%s: %s, '%s'", program,
                  gl_status_name(run->result.status), run->text);
    ck_assert_ptr_nonnull(strstr(run->text, program));
    ck_assert_uint_eq(run->pid, 0);
    run_free(run);
}

/* In a working directory it cannot have; its name is told. */
static inline void expect_no_directory(const char *const *argv, const char *directory,
                                       enum gl_status status)
{
    struct run *run = run_new(argv);
    run->spec.directory = directory;
    run_to_end(run);
    ck_assert_int_eq(run->result.status, status);
    ck_assert_ptr_nonnull(strstr(run->text, directory));
    run_free(run);
}

#endif
