/* SPDX-License-Identifier: MIT */
/*
 * What exec-process.h promises on each system. What only one has is in linux/ and windows/, by the
 * same name.
 */
#include <stdlib.h>

#include "exec-run.h"

START_TEST(outputs_are_apart_and_whole)
{
    struct run *run = run_whole(EXEC_BOTH);
    expect_exit(run, 42);
    ck_assert_str_eq(run->out[1], "out\n");
    ck_assert_str_eq(run->out[2], "err\n");
    ck_assert_uint_gt(run->pid, 1);
    ck_assert_str_ne(run->user, "");
    run_free(run);
}
END_TEST

START_TEST(input_goes_through)
{
    struct run *run = run_new(EXEC_CAT);
    run->spec.stdin_open = true;
    run_start(run);
    size_t size = 3u * 1024 * 1024; /* more than any pipe holds */
    struct gl_block *block = gl_block_new(size);
    for (size_t i = 0; i < size; i++)
        gl_block_data(block)[i] = (uint8_t)(i * 7 + i / 251);
    gl_exec_process_write(run->process, gl_slice_of(block, 0, 5), 16);
    gl_exec_process_write(run->process, gl_slice_of(block, 5, size - 5), size - 5);
    gl_exec_process_write_end(run->process);
    ck_assert_uint_lt(run->input_used, size); /* nobody reads yet */
    run_until_end(run);
    expect_exit(run, 0);
    ck_assert_uint_eq(run->input_used, 16 + size - 5);
    ck_assert_uint_eq(run->out_len[1], size);
    ck_assert_mem_eq(run->out[1], gl_block_data(block), size);
    gl_block_unref(block);
    run_free(run);
}
END_TEST

START_TEST(input_that_nobody_reads_is_dropped)
{
    struct run *run = run_new(EXEC_NO_INPUT);
    run->spec.stdin_open = true;
    run_start(run);
    wait_for_output(run, "closed");
    for (int i = 0; i < 40; i++)
        gl_exec_process_write(run->process, gl_slice_copy("0123456789", 10), 100000);
    while (run->input_used < 40 * 100000) {
        ck_assert(!run->ended);
        uv_run(&run->loop, UV_RUN_ONCE);
    }
    gl_exec_process_write_end(run->process);
    run_until_end(run);
    ck_assert_uint_eq(run->input_used, 40 * 100000);
    expect_exit(run, 3);
    run_free(run);
}
END_TEST

START_TEST(no_input_has_an_end)
{
    struct run *run = run_whole(EXEC_CAT);
    expect_exit(run, 0);
    ck_assert_uint_eq(run->total, 0);
    run_free(run);
}
END_TEST

START_TEST(pause_stalls_the_program)
{
    struct run *run = run_new(EXEC_FLOOD);
    run_start(run);
    gl_exec_process_pause(run->process, true);
    run_for(run, 500);
    ck_assert_uint_eq(run->total, 0);
    ck_assert(!run->ended);
    gl_exec_process_pause(run->process, false);
    run_until_end(run);
    expect_exit(run, 0);
    ck_assert_uint_eq(run->total, 20000000 + 5);
    ck_assert_str_eq(run->out[2], "done\n");
    run_free(run);
}
END_TEST

START_TEST(chatter_of_those_left_behind_has_an_end)
{
    struct run *run = run_new(EXEC_LEAVES_CHATTER);
    uint64_t before = uv_hrtime();
    run_to_end(run);
    expect_exit(run, 0);
    ck_assert_uint_lt(ms_since(before), 8000);
    run_free(run);
}
END_TEST

START_TEST(terminate_at_once)
{
    struct run *run = run_new(EXEC_SLEEP);
    run_start(run);
    gl_exec_process_terminate(run->process, true);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_CANCELLED);
    ck_assert_uint_eq(run->pid, 0);
    run_free(run);
}
END_TEST

START_TEST(many_at_once)
{
    enum { COUNT = EXEC_MANY };
    struct run *first = run_new(EXEC_CAT);
    struct run *runs[COUNT];
    for (int i = 0; i < COUNT; i++) {
        runs[i] = GL_NEW0(struct run);
        runs[i]->out[1] = gl_alloc0(64);
        runs[i]->out[2] = gl_alloc0(64);
        runs[i]->spec = first->spec;
        runs[i]->spec.stdin_open = true;
        ck_assert_int_eq(gl_exec_process_start(&first->loop, &runs[i]->spec, &run_events, runs[i],
                                               &runs[i]->process),
                         0);
    }
    for (int i = 0; i < COUNT; i++) {
        char line[16];
        snprintf(line, sizeof(line), "%d\n", i);
        gl_exec_process_write(runs[i]->process, gl_slice_copy(line, strlen(line)), 16);
        gl_exec_process_write_end(runs[i]->process);
    }
    uv_run(&first->loop, UV_RUN_DEFAULT);
    for (int i = 0; i < COUNT; i++) {
        ck_assert(runs[i]->ended);
        expect_exit(runs[i], 0);
        ck_assert_int_eq(strtol(runs[i]->out[1], NULL, 10), i);
        gl_free(runs[i]->out[1]);
        gl_free(runs[i]->out[2]);
        gl_free(runs[i]);
    }
    run_free(first);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("exec_process", outputs_are_apart_and_whole, input_goes_through,
                         input_that_nobody_reads_is_dropped, no_input_has_an_end,
                         pause_stalls_the_program, chatter_of_those_left_behind_has_an_end,
                         terminate_at_once, many_at_once);
}

int main(int argc, char **argv)
{
    exec_programs_main(argc, argv);
    return gl_unit_run(suite());
}
