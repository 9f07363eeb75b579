/* SPDX-License-Identifier: MIT */
/* Programs and how they end, as only Windows has it; the twin is in linux/. */
#include <stdlib.h>
#include <windows.h>

#include "exec-run.h"
#include "proto/guestlink.pb-c.h"

static HANDLE open_process(struct run *run, const char *before)
{
    const char *at = strstr(run->out[1], before);
    ck_assert_ptr_nonnull(at);
    HANDLE process =
        OpenProcess(SYNCHRONIZE | PROCESS_TERMINATE, FALSE, strtoul(at + strlen(before), NULL, 10));
    ck_assert_ptr_nonnull(process);
    return process;
}

START_TEST(a_status_has_32_bits)
{
    struct run *run = run_whole(CHILD("exit", "0xC0000005"));
    expect_exit(run, 0xC0000005u);
    run_free(run);
}
END_TEST

START_TEST(only_standard_handles_are_inherited)
{
    SECURITY_ATTRIBUTES inherit = {sizeof(inherit), NULL, TRUE};
    HANDLE leak = NULL;
    /* High enough to be none of the program's own. */
    for (int i = 0; i < 500; i++)
        leak = CreateEventW(&inherit, TRUE, FALSE, NULL);
    char number[32];
    snprintf(number, sizeof(number), "%llu", (unsigned long long)(uintptr_t)leak);
    struct run *run = run_whole(CHILD("handles", number));
    expect_exit(run, 0);
    ck_assert_str_eq(run->out[1], "closed\n");
    run_free(run);
}
END_TEST

START_TEST(environment_is_like_a_login)
{
    SetEnvironmentVariableW(L"SECRET_OF_THE_AGENT", L"x");
    struct run *run = run_new(CHILD("env"));
    run->spec.env = ARGV("A=1", "a=2", "zz=Gr\xc3\xbc\xc3\x9f", "EMPTY=");
    run_to_end(run);
    expect_exit(run, 0);
    expect_output(run, ARGV("a=2\n", "zz=Gr\xc3\xbc\xc3\x9f\n", "EMPTY=\n", "PATH="),
                  ARGV("A=1\n", "SECRET"));
    run_free(run);
}
END_TEST

/* The end of input comes although nobody has read the rest yet. */
START_TEST(short_input_is_whole)
{
    for (int i = 0; i < 5; i++) {
        struct run *run = run_new(CHILD("cat"));
        run->spec.stdin_open = true;
        run_start(run);
        gl_exec_process_write(run->process, gl_slice_copy("a line\r\n\x1a\0x", 11), 11);
        gl_exec_process_write_end(run->process);
        run_until_end(run);
        expect_exit(run, 0);
        ck_assert_uint_eq(run->out_len[1], 11);
        ck_assert_mem_eq(run->out[1], "a line\r\n\x1a\0x", 11);
        run_free(run);
    }
}
END_TEST

/* Its last words come, although it ended long before they were read; what it left behind stays. */
START_TEST(output_outlives_the_program)
{
    struct run *run = run_new(CHILD("leave", "sleep"));
    run_start(run);
    gl_exec_process_pause(run->process, true);
    run_for(run, 1500);
    ck_assert_uint_eq(run->total, 0);
    ck_assert(!gl_exec_process_is_running(run->process));
    gl_exec_process_pause(run->process, false);
    uint64_t before = uv_hrtime();
    run_until_end(run);
    expect_exit(run, 0);
    ck_assert_uint_lt(ms_since(before), 1500);
    HANDLE left = open_process(run, "child ");
    ck_assert_uint_eq(WaitForSingleObject(left, 200), WAIT_TIMEOUT);
    TerminateProcess(left, 0);
    CloseHandle(left);
    run_free(run);
}
END_TEST

/* ------------------------------------------------------------------ events and the end by force */

START_TEST(interrupt)
{
    struct run *run = run_new(CHILD("events"));
    run->spec.kill_after_ms = 200;
    run_start(run);
    wait_for_output(run, "up\n");
    ck_assert_int_eq(gl_exec_process_signal(run->process, GL__EXEC_SIGNAL__EXEC_SIGNAL_INT), 0);
    wait_for_output(run, "got C\n");
    ck_assert_int_eq(gl_exec_process_signal(run->process, GL__EXEC_SIGNAL__EXEC_SIGNAL_QUIT), 0);
    if (is_wine()) { /* knows Ctrl-C only */
        gl_exec_process_terminate(run->process, true);
        run_until_end(run);
    } else {
        run_until_end(run);
        ck_assert_ptr_nonnull(strstr(run->out[1], "got BREAK\n"));
        expect_exit(run, 7);
    }
    run_free(run);
}
END_TEST

START_TEST(unknown_signals)
{
    struct run *run = run_new(CHILD("sleep"));
    run->spec.kill_after_ms = 200;
    run_start(run);
    ck_assert_int_eq(gl_exec_process_signal(run->process, 0), UV_EINVAL);
    ck_assert_int_eq(gl_exec_process_signal(run->process, GL__EXEC_SIGNAL__EXEC_SIGNAL_USR1),
                     UV_EINVAL);
    ck_assert_int_eq(gl_exec_process_signal(run->process, 99), UV_EINVAL);
    gl_exec_process_terminate(run->process, true);
    run_until_end(run);
    run_free(run);
}
END_TEST

START_TEST(terminate_is_gentle_first)
{
    if (is_wine()) /* knows Ctrl-C only */
        return;
    struct run *run = run_new(CHILD("events"));
    run_start(run);
    wait_for_output(run, "up\n");
    uint64_t before = uv_hrtime();
    gl_exec_process_terminate(run->process, false);
    run_until_end(run);
    expect_exit(run, 7);
    ck_assert_str_eq(run->out[1], "up\ngot BREAK\n");
    ck_assert_uint_lt(ms_since(before), 4500);
    run_free(run);
}
END_TEST

START_TEST(terminate_leaves_nothing)
{
    struct run *run = run_new(CHILD("tree"));
    run->spec.kill_after_ms = 300;
    run_start(run);
    wait_for_output(run, "up\n");
    HANDLE child_process = open_process(run, "child ");
    gl_exec_process_terminate(run->process, true);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_OK);
    ck_assert_uint_ne(run->result.code, 0);
    ck_assert_uint_eq(WaitForSingleObject(child_process, 0), WAIT_OBJECT_0);
    CloseHandle(child_process);
    run_free(run);
}
END_TEST

START_TEST(early_signal_is_kept)
{
    struct run *run = run_new(CHILD("sleep"));
    run->spec.kill_after_ms = 500;
    run_start(run);
    gl_exec_process_signal(run->process, GL__EXEC_SIGNAL__EXEC_SIGNAL_TERM);
    run_until_end(run);
    expect_exit(run, 0xC000013Au);
    run_free(run);
}
END_TEST

/* This program's place as the agent is taken by another process, which is killed: with it goes its
 * program, and what that has started. Nothing of Check can be used in there. */
static void stand_in_started(void *ctx, uint64_t pid)
{
    (void)ctx;
    printf("program %lu\n", (unsigned long)pid);
}

static void stand_in_output(void *ctx, uint8_t channel, struct gl_slice data)
{
    (void)ctx;
    (void)channel;
    fwrite(data.data, 1, data.len, stdout);
    fflush(stdout);
    gl_slice_unref(&data);
}

static void stand_in_end(void *ctx, const struct gl_exec_result *result)
{
    (void)ctx;
    printf("ended: %s\n", result->text);
    fflush(stdout);
}

static int stand_in_agent(void)
{
    static const struct gl_exec_events events = {
        .on_started = stand_in_started, .on_output = stand_in_output, .on_end = stand_in_end};
    uv_loop_t loop;
    struct gl_exec_process *process;
    struct gl_exec_spec spec = {.argv = CHILD("tree")};
    if (uv_loop_init(&loop) != 0 ||
        gl_exec_process_start(&loop, &spec, &events, NULL, &process) != 0)
        return 2;
    uv_run(&loop, UV_RUN_DEFAULT);
    return 1;
}

START_TEST(agent_killed)
{
    struct run *agent = run_new(ARGV(exec_self, "--stand-in-agent"));
    run_start(agent);
    wait_for_output(agent, "up");
    HANDLE program = open_process(agent, "program "), left = open_process(agent, "child ");
    HANDLE process = OpenProcess(PROCESS_TERMINATE, FALSE, (DWORD)agent->pid);
    ck_assert(TerminateProcess(process, 9));
    CloseHandle(process);
    run_until_end(agent);
    expect_exit(agent, 9);
    ck_assert_uint_eq(WaitForSingleObject(program, 10000), WAIT_OBJECT_0);
    ck_assert_uint_eq(WaitForSingleObject(left, 10000), WAIT_OBJECT_0);
    CloseHandle(program);
    CloseHandle(left);
    run_free(agent);
}
END_TEST

/* ------------------------------------------------------------------ terminals */

START_TEST(terminal)
{
    struct run *run = run_new(CHILD("console"));
    run->spec.terminal = true;
    run->spec.stdin_open = true;
    run->spec.columns = 100;
    run->spec.rows = 33;
    run_start(run);
    wait_for_output(run, "size 100x33");
    ck_assert_int_eq(gl_exec_process_resize(run->process, 0, 5), UV_EINVAL);
    ck_assert_int_eq(gl_exec_process_resize(run->process, 132, 43), 0);
    gl_exec_process_write(run->process, gl_slice_copy("hello\r", 6), 16);
    run_until_end(run);
    expect_exit(run, 5);
    ck_assert_ptr_nonnull(strstr(run->out[1], "[hello]"));
    ck_assert_uint_eq(run->input_used, 16);
    run_free(run);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("exec_process_windows", a_status_has_32_bits,
                         only_standard_handles_are_inherited, environment_is_like_a_login,
                         short_input_is_whole, output_outlives_the_program, interrupt,
                         unknown_signals, terminate_is_gentle_first, terminate_leaves_nothing,
                         early_signal_is_kept, agent_killed, terminal);
}

int main(int argc, char **argv)
{
    exec_programs_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--stand-in-agent") == 0)
        return stand_in_agent();
    return gl_unit_run(suite());
}
