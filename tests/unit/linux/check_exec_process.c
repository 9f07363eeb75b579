/* SPDX-License-Identifier: MIT */
/* Programs and how they end, as only Linux has it; the twin is in windows/. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec-run.h"
#include "proto/guestlink.pb-c.h"

/* ------------------------------------------------------------------ how it begins and ends */

START_TEST(killed_by_signal)
{
    struct run *run = run_whole(SHELL("kill -SEGV $$"));
    ck_assert_int_eq(run->result.status, GL_STATUS_OK);
    ck_assert_uint_eq(run->result.signal, SIGSEGV);
    ck_assert_str_eq(run->signal_name, "SIGSEGV");
    run_free(run);
}
END_TEST

START_TEST(arguments_hold_any_byte)
{
    char bytes[256];
    for (int i = 1; i < 256; i++)
        bytes[i - 1] = (char)i;
    bytes[255] = 0;
    struct run *run = run_whole(ARGV("printf", "%s", bytes));
    expect_exit(run, 0);
    ck_assert_uint_eq(run->out_len[1], 255);
    ck_assert_mem_eq(run->out[1], bytes, 255);
    run_free(run);
}
END_TEST

START_TEST(nothing_is_inherited)
{
    /* One that is not CLOEXEC, on purpose: as a careless library's. */
    int leak = fcntl(0, F_DUPFD, 20);
    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct run *run = run_whole(SHELL("ls /proc/$$/fd; grep -E 'SigBlk|SigIgn' /proc/self/status"));
    expect_exit(run, 0);
    ck_assert_str_eq(run->out[1],
                     "0\n1\n2\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    close(leak);
    run_free(run);
}
END_TEST

START_TEST(environment_is_like_a_login)
{
    setenv("SECRET_OF_THE_AGENT", "x", 1);
    setenv("LANG", "de_DE.UTF-8", 1);
    struct run *run = run_new(ARGV("env"));
    run->spec.env = ARGV("A=1", "HOME=/tmp", "A=2", "EMPTY=");
    run_to_end(run);
    expect_exit(run, 0);
    expect_output(run,
                  ARGV("A=2\n", "HOME=/tmp\n", "EMPTY=\n", "USER=", "LOGNAME=", "SHELL=/", "PATH=/",
                       "LANG=de_DE.UTF-8\n"),
                  ARGV("A=1\n", "TERM=", "MAIL=", "SECRET"));
    run_free(run);
}
END_TEST

START_TEST(no_input_is_dev_null)
{
    struct run *run = run_whole(SHELL("cat; readlink /proc/self/fd/0"));
    expect_exit(run, 0);
    ck_assert_str_eq(run->out[1], "/dev/null\n");
    run_free(run);
}
END_TEST

/* The program's own last words come, although it ended long before they were read. */
START_TEST(output_outlives_the_program)
{
    struct run *run = run_new(SHELL("head -c 60000 /dev/zero; sleep 300 & echo $! >&2"));
    run_start(run);
    gl_exec_process_pause(run->process, true);
    run_for(run, 500);
    ck_assert_uint_eq(run->total, 0);
    gl_exec_process_pause(run->process, false);
    uint64_t before = uv_hrtime();
    run_until_end(run);
    expect_exit(run, 0);
    ck_assert_uint_eq(run->out_len[1], 60000);
    ck_assert_uint_lt(ms_since(before), 1500);
    long pid = strtol(run->out[2], NULL, 10);
    ck_assert_int_eq(kill((pid_t)pid, SIGKILL), 0); /* it was left alone */
    run_free(run);
}
END_TEST

/* ------------------------------------------------------------------ signals and the end by force
 */

START_TEST(signals)
{
    static const struct {
        int number;
        const char *name;
    } all[] = {
        {GL__EXEC_SIGNAL__EXEC_SIGNAL_HUP, "HUP"},   {GL__EXEC_SIGNAL__EXEC_SIGNAL_INT, "INT"},
        {GL__EXEC_SIGNAL__EXEC_SIGNAL_QUIT, "QUIT"}, {GL__EXEC_SIGNAL__EXEC_SIGNAL_TERM, "TERM"},
        {GL__EXEC_SIGNAL__EXEC_SIGNAL_USR1, "USR1"}, {GL__EXEC_SIGNAL__EXEC_SIGNAL_USR2, "USR2"}};
    struct run *run = run_new(
        SHELL("for s in HUP INT QUIT TERM USR1 USR2; do trap \"echo got $s\" $s; done; echo up; "
              "n=0; while [ $n -lt 1000 ]; do sleep 0.02; n=$((n+1)); done"));
    run_start(run);
    wait_for_output(run, "up\n");
    for (size_t i = 0; i < GL_ARRAY_SIZE(all); i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "got %s\n", all[i].name);
        ck_assert_int_eq(gl_exec_process_signal(run->process, all[i].number), 0);
        wait_for_output(run, expected);
    }
    ck_assert_int_eq(gl_exec_process_signal(run->process, 0), UV_EINVAL);
    ck_assert_int_eq(gl_exec_process_signal(run->process, 7), UV_EINVAL);
    gl_exec_process_terminate(run->process, true);
    run_until_end(run);
    run_free(run);
}
END_TEST

START_TEST(early_signal_is_kept)
{
    struct run *run = run_new(ARGV("sleep", "300"));
    run_start(run);
    gl_exec_process_signal(run->process, GL__EXEC_SIGNAL__EXEC_SIGNAL_TERM);
    run_until_end(run);
    ck_assert_uint_eq(run->result.signal, SIGTERM);
    run_free(run);
}
END_TEST

/* All of its family, those that ignore TERM, sit in another session, or are stopped, included. */
START_TEST(terminate_leaves_nothing)
{
    struct run *run = run_new(SHELL(
        "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo a $!; "
        "setsid sh -c 'echo b $$; sleep 300 & echo c $!; sleep 300' & "
        "sleep 300 & kill -STOP $!; echo d $!; sleep 0.3; echo up; while :; do sleep 1; done"));
    run->spec.kill_after_ms = 300;
    run_start(run);
    wait_for_output(run, "up\n");
    long pids[4];
    for (int i = 0; i < 4; i++) {
        char mark[4] = {(char)('a' + i), ' ', 0};
        const char *at = strstr(run->out[1], mark);
        ck_assert_ptr_nonnull(at);
        pids[i] = strtol(at + 2, NULL, 10);
        ck_assert_int_eq(kill((pid_t)pids[i], 0), 0);
    }
    long pid = (long)run->pid;
    gl_exec_process_terminate(run->process, true);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_OK);
    ck_assert_uint_eq(run->result.signal, SIGKILL);
    expect_gone(pid);
    for (int i = 0; i < 4; i++)
        expect_gone(pids[i]);
    run_free(run);
}
END_TEST

START_TEST(terminate_is_gentle_first)
{
    struct run *run =
        run_new(SHELL("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.02; done"));
    run_start(run);
    wait_for_output(run, "up\n");
    uint64_t before = uv_hrtime();
    gl_exec_process_terminate(run->process, false);
    run_until_end(run);
    expect_exit(run, 7);
    ck_assert_str_eq(run->out[1], "up\nbye\n");
    ck_assert_uint_lt(ms_since(before), 4000);
    run_free(run);
}
END_TEST

/* ------------------------------------------------------------------ ahead, and the agent's death
 */

/* Waits for what is started ahead. Returns its pid: our only child. */
static long prepare(struct run *run)
{
    char path[64];
    long pid = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    gl_exec_process_prepare(&run->loop);
    gl_exec_process_prepare(&run->loop); /* one is enough */
    while (pid == 0) {
        uv_run(&run->loop, UV_RUN_NOWAIT); /* ONCE would wait for what comes after it */
        FILE *file = fopen(path, "r");
        ck_assert_ptr_nonnull(file);
        if (fscanf(file, "%ld", &pid) != 1)
            pid = 0;
        fclose(file);
    }
    return pid;
}

START_TEST(what_was_prepared_runs_the_next_one)
{
    struct run *run = run_new(SHELL("echo $PPID"));
    long helper = prepare(run);
    run_to_end(run);
    expect_exit(run, 0);
    ck_assert_int_eq(strtol(run->out[1], NULL, 10), helper);
    run_free(run);
}
END_TEST

START_TEST(what_was_prepared_may_die)
{
    struct run *run = run_new(SHELL("echo $PPID"));
    siginfo_t info;
    long helper = prepare(run);
    ck_assert_int_eq(kill((pid_t)helper, SIGKILL), 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)helper, &info, WEXITED | WNOWAIT), 0);
    run_to_end(run);
    expect_exit(run, 0);
    ck_assert_int_ne(strtol(run->out[1], NULL, 10), helper);
    run_free(run);
}
END_TEST

/* run_free() sees that nothing is left. */
START_TEST(what_was_prepared_goes_at_the_end)
{
    struct run *run = run_new(SHELL("true"));
    uint64_t before = uv_hrtime();
    prepare(run);
    gl_exec_process_stop_preparing();
    gl_exec_process_prepare(&run->loop);
    run_free(run);
    ck_assert_uint_lt(ms_since(before), 5000);
}
END_TEST

/* A process with the place of the agent is killed: nothing of its job remains. */
START_TEST(agent_killed)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    pid_t agent = fork();
    if (agent == 0) {
        struct run *run =
            run_new(SHELL("trap '' TERM; setsid sleep 300 & echo $!; wait; sleep 300"));
        run->spec.kill_after_ms = 100;
        run_start(run);
        wait_for_output(run, "\n");
        long pids[2] = {(long)run->pid, strtol(run->out[1], NULL, 10)};
        if (write(fds[1], pids, sizeof(pids)) != sizeof(pids))
            _exit(1);
        run_until_end(run);
        _exit(1);
    }
    close(fds[1]);
    long pids[2];
    ck_assert_int_eq(read(fds[0], pids, sizeof(pids)), sizeof(pids));
    close(fds[0]);
    kill(agent, SIGKILL);
    waitpid(agent, NULL, 0);
    for (int i = 0; i < 2; i++) {
        int tries = 0;
        while (kill((pid_t)pids[i], 0) == 0 && tries++ < 500)
            usleep(10000);
        expect_gone(pids[i]);
    }
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("exec_process_linux", killed_by_signal, arguments_hold_any_byte,
                         nothing_is_inherited, environment_is_like_a_login, no_input_is_dev_null,
                         output_outlives_the_program, signals, early_signal_is_kept,
                         terminate_leaves_nothing, terminate_is_gentle_first,
                         what_was_prepared_runs_the_next_one, what_was_prepared_may_die,
                         what_was_prepared_goes_at_the_end, agent_killed);
}

int main(int argc, char **argv)
{
    exec_programs_main(argc, argv);
    return gl_unit_run(suite());
}
