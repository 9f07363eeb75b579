/* SPDX-License-Identifier: MIT */
/* Programs with a terminal, on Linux. */
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "exec-run.h"
#include "proto/guestlink.pb-c.h"

START_TEST(terminal)
{
    struct run *run =
        run_new(SHELL("tty >/dev/null && echo $TERM; stty size; read x; echo [$x]; "
                      "trap 'stty size; exit 5' WINCH; echo up; while :; do sleep 0.02; done"));
    run->spec.terminal = true;
    run->spec.stdin_open = true;
    run->spec.columns = 100;
    run->spec.rows = 33;
    run->spec.term = "vt220";
    run_start(run);
    wait_for_output(run, "vt220\r\n33 100\r\n");
    gl_exec_process_write(run->process, gl_slice_copy("hello\n", 6), 16);
    wait_for_output(run, "[hello]\r\nup\r\n");
    ck_assert_uint_eq(run->input_used, 16);
    ck_assert_int_eq(gl_exec_process_resize(run->process, 0, 5), UV_EINVAL);
    ck_assert_int_eq(gl_exec_process_resize(run->process, 132, 43), 0);
    run_until_end(run);
    expect_exit(run, 5);
    ck_assert_ptr_nonnull(strstr(run->out[1], "43 132\r\n"));
    run_free(run);
}
END_TEST

START_TEST(terminal_end_of_input)
{
    struct run *run = run_new(ARGV("cat"));
    run->spec.terminal = true;
    run->spec.stdin_open = true;
    run_start(run);
    gl_exec_process_write(run->process, gl_slice_copy("a\nb", 3), 16);
    gl_exec_process_write_end(run->process);
    run_until_end(run);
    expect_exit(run, 0);
    run_free(run);
}
END_TEST

/* A terminal that nobody has open for a while is no end, neither of the program nor of its output.
 */
START_TEST(terminal_that_is_vacant)
{
    struct run *run = run_new(SHELL("echo one; exec <&- >&- 2>&-; sleep 0.3; exec >/dev/tty; echo "
                                    "two; exec >&-; sleep 0.3; exit 6"));
    run->spec.terminal = true;
    run->spec.stdin_open = true;
    run_to_end(run);
    expect_exit(run, 6);
    ck_assert_str_eq(run->out[1], "one\r\ntwo\r\n");
    run_free(run);
}
END_TEST

/* The kernel carries a terminal's output to its other side a moment later; none of it may be lost.
 */
START_TEST(terminal_output_is_whole)
{
    for (int i = 0; i < 20; i++) {
        struct run *run = run_new(SHELL("head -c 3000 /dev/zero | tr '\\0' x; echo; echo END"));
        run->spec.terminal = true;
        run->spec.stdin_open = true;
        run_to_end(run);
        expect_exit(run, 0);
        ck_assert_uint_eq(run->out_len[1], 3000 + 2 + 5);
        run_free(run);
    }
}
END_TEST

START_TEST(terminal_signal_to_foreground)
{
    struct run *run = run_new(ARGV("bash", "-ic", "echo up; sleep 300; echo after $?"));
    run->spec.terminal = true;
    run->spec.stdin_open = true;
    run->spec.env = ARGV("PS1=", "HOME=/nonexistent");
    run_start(run);
    wait_for_output(run, "up\r\n");
    run_for(run, 300);
    gl_exec_process_signal(run->process, GL__EXEC_SIGNAL__EXEC_SIGNAL_TERM);
    wait_for_output(run, "after 143\r\n");
    run_until_end(run);
    expect_exit(run, 0);
    run_free(run);
}
END_TEST

/* With a terminal its session ends; who made another one stays, as with ssh. */
START_TEST(terminal_hangs_up)
{
    struct run *run = run_new(SHELL("setsid sh -c 'echo s $$; exec sleep 300 <&- >&- 2>&-'& "
                                    "sleep 300 & echo b $!; sleep 0.3; echo up; wait"));
    run->spec.terminal = true;
    run->spec.stdin_open = true;
    run_start(run);
    wait_for_output(run, "up\r\n");
    long stays = strtol(strstr(run->out[1], "s ") + 2, NULL, 10);
    long goes = strtol(strstr(run->out[1], "b ") + 2, NULL, 10);
    gl_exec_process_terminate(run->process, true);
    run_until_end(run);
    expect_gone(goes);
    ck_assert_int_eq(kill((pid_t)stays, SIGKILL), 0);
    run_free(run);
}
END_TEST

START_TEST(login_shell)
{
    const struct passwd *entry = getpwuid(geteuid());
    if (entry && (strstr(entry->pw_shell, "nologin") || strstr(entry->pw_shell, "false"))) {
        printf("skipped: this account has no shell\n");
        return;
    }
    struct run *run = run_new(NULL);
    run->spec.login_shell = true;
    run->spec.stdin_open = true;
    run_start(run);
    const char *script = "echo $0; exit 9\n";
    gl_exec_process_write(run->process, gl_slice_copy(script, strlen(script)), 16);
    run_until_end(run);
    expect_exit(run, 9);
    ck_assert_int_eq(run->out[1][0], '-');
    run_free(run);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("exec_terminal_linux", terminal, terminal_end_of_input,
                         terminal_that_is_vacant, terminal_output_is_whole,
                         terminal_signal_to_foreground, terminal_hangs_up, login_shell);
}

int main(int argc, char **argv)
{
    exec_programs_main(argc, argv);
    return gl_unit_run(suite());
}
