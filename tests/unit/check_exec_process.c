/* SPDX-License-Identifier: MIT */
/* This program is its own exec helper, as the agent is: see main(). */
#include "exec-process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec-helper.h"
#include "linux/disk-linux.h"
#include "mem.h"
#include "proto/guestlink.pb-c.h"
#include "unit.h"

#define OUTPUT_MAX (4u * 1024 * 1024)

/* One run of a program, and what came of it. */
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
    void (*on_out)(struct run *run);
    void (*on_judged)(void); /* between the answer and the start */
};

static enum gl_status run_resolved(void *ctx, const struct gl_exec_target *target,
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

static void run_started(void *ctx, uint64_t pid)
{
    ((struct run *)ctx)->pid = pid;
}

static void run_output(void *ctx, uint8_t channel, struct gl_slice data)
{
    struct run *run = ctx;
    ck_assert(channel == GL_EXEC_STDOUT || channel == GL_EXEC_STDERR);
    run->total += data.len;
    if (run->out_len[channel] + data.len < OUTPUT_MAX) {
        memcpy(run->out[channel] + run->out_len[channel], data.data, data.len);
        run->out_len[channel] += data.len;
        run->out[channel][run->out_len[channel]] = 0;
    }
    gl_slice_unref(&data);
    if (run->on_out)
        run->on_out(run);
}

static void run_input_used(void *ctx, size_t charge)
{
    ((struct run *)ctx)->input_used += charge;
}

static void run_end(void *ctx, const struct gl_exec_result *result)
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

static struct run *run_new(const char *const *argv)
{
    struct run *run = GL_NEW0(struct run);
    ck_assert_int_eq(uv_loop_init(&run->loop), 0);
    run->spec.argv = argv;
    for (int i = 1; i < 3; i++)
        run->out[i] = gl_alloc0(OUTPUT_MAX);
    return run;
}

static void run_start(struct run *run)
{
    ck_assert_int_eq(gl_exec_process_start(&run->loop, &run->spec, &run_events, run, &run->process),
                     0);
}

static void run_until_end(struct run *run)
{
    while (!run->ended && uv_run(&run->loop, UV_RUN_ONCE) != 0)
        ;
    ck_assert(run->ended);
}

/* Frees it, and sees that nothing is left of it: no handle, no child. */
static void run_free(struct run *run)
{
    uv_run(&run->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&run->loop), 0);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
    for (int i = 1; i < 3; i++)
        gl_free(run->out[i]);
    gl_free(run);
}

#define ARGV(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(cmd) ARGV("sh", "-c", cmd)

static struct run *run_whole(const char *const *argv)
{
    struct run *run = run_new(argv);
    run_start(run);
    run_until_end(run);
    return run;
}

static void expect_exit(const struct run *run, uint32_t code)
{
    ck_assert_msg(run->result.status == GL_STATUS_OK, "%s: %s", gl_status_name(run->result.status),
                  run->text);
    ck_assert_uint_eq(run->result.signal, 0);
    ck_assert_uint_eq(run->result.code, code);
}

/* Waits, without events, until no process has this pid. */
static void expect_gone(long pid)
{
    ck_assert_int_gt(pid, 1);
    ck_assert_int_eq(kill((pid_t)pid, 0), -1);
    ck_assert_int_eq(errno, ESRCH);
}

static void run_for(struct run *run, uint64_t ms);

static void stop_loop(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
    uv_stop(timer->loop);
}

static void run_for(struct run *run, uint64_t ms)
{
    uv_timer_t timer;
    uv_timer_init(&run->loop, &timer);
    uv_timer_start(&timer, stop_loop, ms, 0);
    uv_run(&run->loop, UV_RUN_DEFAULT);
    uv_run(&run->loop, UV_RUN_NOWAIT); /* closes the timer */
}

static void wait_for_output(struct run *run, const char *text)
{
    while (!strstr(run->out[1], text)) {
        ck_assert_msg(!run->ended, "ended without '%s': '%s' '%s' %s", text, run->out[1],
                      run->out[2], run->text);
        uv_run(&run->loop, UV_RUN_ONCE);
    }
}

/* ------------------------------------------------------------------ how it ends */

START_TEST(outputs_are_apart_and_whole)
{
    struct run *run = run_whole(SHELL("echo out; echo err >&2; exit 42"));
    expect_exit(run, 42);
    ck_assert_str_eq(run->out[1], "out\n");
    ck_assert_str_eq(run->out[2], "err\n");
    ck_assert_uint_gt(run->pid, 1);
    run_free(run);
}
END_TEST

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
    run_start(run);
    run_until_end(run);
    expect_exit(run, 0);
    const char *env = run->out[1];
    ck_assert_ptr_nonnull(strstr(env, "A=2\n"));
    ck_assert_ptr_null(strstr(env, "A=1\n"));
    ck_assert_ptr_nonnull(strstr(env, "HOME=/tmp\n"));
    ck_assert_ptr_nonnull(strstr(env, "EMPTY=\n"));
    ck_assert_ptr_nonnull(strstr(env, "USER="));
    ck_assert_ptr_nonnull(strstr(env, "LOGNAME="));
    ck_assert_ptr_nonnull(strstr(env, "SHELL=/"));
    ck_assert_ptr_nonnull(strstr(env, "PATH=/"));
    ck_assert_ptr_nonnull(strstr(env, "LANG=de_DE.UTF-8\n"));
    ck_assert_ptr_null(strstr(env, "TERM="));
    ck_assert_ptr_null(strstr(env, "MAIL="));
    ck_assert_ptr_null(strstr(env, "SECRET"));
    run_free(run);
}
END_TEST

/* ------------------------------------------------------------------ what cannot be started */

static void expect_refused(const char *program, const char *path, enum gl_status status)
{
    struct run *run = run_new(ARGV(program));
    char *variable = gl_asprintf("PATH=%s", path ? path : "/usr/bin:/bin");
    run->spec.env = ARGV(variable);
    run_start(run);
    run_until_end(run);
    ck_assert_msg(run->result.status == status, "%s: %s, '%s'", program,
                  gl_status_name(run->result.status), run->text);
    ck_assert_ptr_nonnull(strstr(run->text, program));
    ck_assert_uint_eq(run->pid, 0);
    gl_free(variable);
    run_free(run);
}

START_TEST(programs_that_cannot_run)
{
    char dir[] = "/tmp/gl-exec-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    static const struct {
        const char *name, *content;
        mode_t mode;
    } files[] = {{"script", "echo no first line\n", 0755},
                 {"lost", "#!/no/such/interpreter\n", 0755},
                 {"plain", "#!/bin/sh\n", 0644}};
    char path[64];
    for (size_t i = 0; i < GL_ARRAY_SIZE(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        FILE *file = fopen(path, "w");
        fputs(files[i].content, file);
        fclose(file);
        chmod(path, files[i].mode);
        expect_refused(path, NULL, GL_STATUS_NOT_EXECUTABLE);
        expect_refused(files[i].name, dir, GL_STATUS_NOT_EXECUTABLE);
    }
    expect_refused(dir, NULL, GL_STATUS_NOT_EXECUTABLE);
    expect_refused("no-such-program-here", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("/no/such/program", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("/etc/passwd/x", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("sh", dir, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("", NULL, GL_STATUS_PROGRAM_NOT_FOUND);

    /* What is found but cannot be run does not end the search. */
    snprintf(path, sizeof(path), "PATH=%s:/bin", dir);
    struct run *run = run_new(ARGV("true"));
    char shadow[64];
    snprintf(shadow, sizeof(shadow), "%s/true", dir);
    ck_assert_int_eq(mkdir(shadow, 0755), 0);
    run->spec.env = ARGV(path);
    run_start(run);
    run_until_end(run);
    expect_exit(run, 0);
    run_free(run);

    ck_assert_int_eq(rmdir(shadow), 0);
    for (size_t i = 0; i < GL_ARRAY_SIZE(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(directory)
{
    struct run *run = run_new(ARGV("pwd"));
    run->spec.directory = "/usr/bin";
    run_start(run);
    run_until_end(run);
    ck_assert_str_eq(run->out[1], "/usr/bin\n");
    run_free(run);

    run = run_new(ARGV("pwd"));
    run->spec.directory = "/no/such/place";
    run_start(run);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(run->text, "/no/such/place"));
    run_free(run);

    run = run_new(ARGV("pwd"));
    run->spec.directory = "/etc/passwd";
    run_start(run);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_NOT_DIRECTORY);
    run_free(run);
}
END_TEST

START_TEST(user)
{
    struct run *run = run_new(ARGV("id"));
    run->spec.user = "no-such-user-here";
    run_start(run);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(run->text, "no-such-user-here"));
    run_free(run);

    run = run_new(SHELL("id -un; id -G; pwd; echo $HOME $USER"));
    run->spec.user = geteuid() == 0 ? "nobody" : "root";
    run_start(run);
    run_until_end(run);
    if (geteuid() != 0) {
        ck_assert_int_eq(run->result.status, GL_STATUS_DENIED);
        ck_assert_ptr_nonnull(strstr(run->text, "not root"));
    } else {
        expect_exit(run, 0);
        ck_assert_str_eq(run->out[1], "nobody\n65534\n/\n/nonexistent nobody\n");
        ck_assert_str_eq(run->user, "nobody");
    }
    run_free(run);
}
END_TEST

START_TEST(policy_sees_the_resolved_program)
{
    char link[] = "/tmp/gl-link-XXXXXX", expected[PATH_MAX];
    close(mkstemp(link));
    unlink(link);
    ck_assert_int_eq(symlink("/bin/sh", link), 0);
    ck_assert_ptr_nonnull(realpath("/bin/sh", expected));
    struct run *run = run_new(ARGV(link, "-c", "echo ran"));
    run->verdict = GL_STATUS_DENIED;
    run_start(run);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_DENIED);
    ck_assert_str_eq(run->text, "the rule says no");
    ck_assert_str_eq(run->program, expected);
    ck_assert_uint_eq(run->out_len[1], 0);
    run_free(run);
    unlink(link);
}
END_TEST

/* A folder in which anybody may change names, which is where that matters. */
static char open_folder[64];

static void open_folder_make(void)
{
    snprintf(open_folder, sizeof(open_folder), "/tmp/gl-exec-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(open_folder));
    ck_assert_int_eq(chdir(open_folder), 0);
    ck_assert_int_eq(chmod(".", 0777), 0);
}

static void open_folder_remove(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    char *command = gl_asprintf("rm -rf %s", open_folder);
    ck_assert_int_eq(system(command), 0);
    gl_free(command);
}

static void put_script(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "#!/bin/sh\n%s\n", text);
    ck_assert_int_eq(fchmod(fileno(file), 0755), 0);
    fclose(file);
}

static struct run *run_in_open_folder(const char *program, void (*on_judged)(void))
{
    char *path = gl_asprintf("%s/%s", open_folder, program);
    struct run *run = run_new(ARGV(path, "an-argument"));
    run->on_judged = on_judged;
    run_start(run);
    run_until_end(run);
    gl_free(path);
    return run;
}

static void link_leads_to_another(void)
{
    ck_assert_int_eq(unlink("link"), 0);
    ck_assert_int_eq(symlink("evil/program", "link"), 0);
}

static void folder_becomes_a_link(void)
{
    ck_assert_int_eq(rename("good", "gone"), 0);
    ck_assert_int_eq(symlink("evil", "good"), 0);
}

static void program_becomes_a_link(void)
{
    ck_assert_int_eq(unlink("good/program"), 0);
    ck_assert_int_eq(symlink("../evil/program", "good/program"), 0);
}

static void program_goes(void)
{
    ck_assert_int_eq(unlink("good/program"), 0);
}

/* By a link that leads elsewhere by then, and by names that were none. As program and as script. */
START_TEST(what_runs_is_what_was_judged)
{
    static void (*const changes[])(void) = {folder_becomes_a_link, program_becomes_a_link,
                                            program_goes};
    for (size_t i = 0; i < 2 * (1 + GL_ARRAY_SIZE(changes)); i++) {
        bool script = i % 2;
        open_folder_make();
        ck_assert_int_eq(system("mkdir good evil && cp /bin/echo evil/program && "
                                "cp /bin/true good/program && ln -s good/program link"),
                         0);
        if (script) {
            put_script("good/program", "true");
            put_script("evil/program", "echo \"$@\"");
        }
        struct run *run = i < 2 ? run_in_open_folder("link", link_leads_to_another)
                                : run_in_open_folder("good/program", changes[i / 2 - 1]);
        ck_assert_ptr_nonnull(strstr(run->program, "/good/program"));
        ck_assert_str_eq(run->out[1], "");
        if (i < 2) {
            expect_exit(run, 0);
        } else {
            char *expected =
                gl_asprintf("'%s/good/program': changed while it was looked at", open_folder);
            ck_assert_int_eq(run->result.status, GL_STATUS_NOT_EXECUTABLE);
            ck_assert_str_eq(run->text, expected);
            gl_free(expected);
        }
        run_free(run);
        open_folder_remove();
    }
}
END_TEST

/* What a program can know of its name: argv[0], comm, $0. */
START_TEST(names_of_a_program)
{
    open_folder_make();
    ck_assert_int_eq(system("cp /bin/cat cat && ln -s cat link"), 0);
    put_script("script", "echo \"$0\"");
    ck_assert_int_eq(symlink("script", "to-script"), 0);
    char *program = gl_asprintf("%s/link", open_folder);
    struct run *run = run_whole(ARGV(program, "/proc/self/comm", "/proc/self/cmdline"));
    char *expected = gl_asprintf("cat\n%s", program);
    expect_exit(run, 0);
    ck_assert_str_eq(run->out[1], expected);
    run_free(run);
    gl_free(expected);
    gl_free(program);
    /* The link is not to be trusted. */
    run = run_in_open_folder("to-script", NULL);
    expected = gl_asprintf("%s/script\n", open_folder);
    expect_exit(run, 0);
    ck_assert_str_eq(run->out[1], expected);
    run_free(run);
    gl_free(expected);
    open_folder_remove();
}
END_TEST

/* In a folder that only we, and root, may write to, and so on up to the root, as in /usr/bin. */
START_TEST(names_of_a_program_in_safe_folders)
{
    char here[PATH_MAX];
    ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
    char *folder = gl_asprintf("%s/gl-exec-XXXXXX", here), *resolved;
    bool steady;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(gl_disk_resolve_steady(folder, geteuid(), &resolved, &steady), 0);
    if (steady) {
        char *script = gl_asprintf("%s/script", folder), *link = gl_asprintf("%s/link", folder);
        put_script(script, "echo \"$0\"");
        ck_assert_int_eq(symlink("script", link), 0);
        struct run *run = run_whole(ARGV(link));
        expect_exit(run, 0);
        ck_assert_mem_eq(run->out[1], link, strlen(link));
        run_free(run);
        unlink(link);
        unlink(script);
        gl_free(link);
        gl_free(script);
    } else {
        printf("not tested: others may write to a folder above %s\n", here);
    }
    rmdir(folder);
    gl_free(resolved);
    gl_free(folder);
}
END_TEST

/* Of which folders a path leads through is it told that they are safe? */
START_TEST(steady_paths)
{
    static const struct {
        const char *path;
        bool steady;
    } cases[] = {
        {"/usr/bin/env", true},
        {"/bin/sh", true},
        {"/usr/../usr/./bin/env", true},
        {"/proc/self/exe", false},
        {"/proc/self/root/usr/bin/env", false},
        {"/tmp/../usr/bin/env", false},
        {"env", false},
        {"./env", false},
    };
    open_folder_make();
    ck_assert_int_eq(symlink("/usr/bin/env", "env"), 0);
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        char *resolved;
        bool steady;
        ck_assert_int_eq(gl_disk_resolve_steady(cases[i].path, 0, &resolved, &steady), 0);
        ck_assert_msg(steady == cases[i].steady, "%s", cases[i].path);
        ck_assert_ptr_nonnull(strchr(resolved + 1, '/'));
        gl_free(resolved);
    }
    open_folder_remove();
}
END_TEST

/* ------------------------------------------------------------------ input and output */

START_TEST(input_goes_through)
{
    struct run *run = run_new(ARGV("cat"));
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
    struct run *run = run_new(SHELL("exec <&-; echo closed; read x < /proc/self/fd/1; exit 3"));
    run->spec.argv = SHELL("exec <&-; echo closed; sleep 0.2; exit 3");
    run->spec.stdin_open = true;
    run_start(run);
    wait_for_output(run, "closed");
    for (int i = 0; i < 40; i++)
        gl_exec_process_write(run->process, gl_slice_copy("0123456789", 10), 100000);
    ck_assert_uint_eq(run->input_used, 40 * 100000);
    gl_exec_process_write_end(run->process);
    run_until_end(run);
    expect_exit(run, 3);
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

START_TEST(pause_stalls_the_program)
{
    struct run *run = run_new(SHELL("yes | head -c 20000000; echo done >&2"));
    run_start(run);
    gl_exec_process_pause(run->process, true);
    run_for(run, 300);
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
    ck_assert_uint_lt(uv_hrtime() - before, 1500000000u);
    long pid = strtol(run->out[2], NULL, 10);
    ck_assert_int_eq(kill((pid_t)pid, SIGKILL), 0); /* it was left alone */
    run_free(run);
}
END_TEST

START_TEST(chatter_of_those_left_behind_has_an_end)
{
    struct run *run =
        run_new(SHELL("(trap '' PIPE; while sleep 0.01; do echo x || exit; done) & echo $!"));
    uint64_t before = uv_hrtime();
    run_start(run);
    run_until_end(run);
    expect_exit(run, 0);
    ck_assert_uint_lt(uv_hrtime() - before, 8000000000u);
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
    ck_assert_uint_lt(uv_hrtime() - before, 4000000000u);
    run_free(run);
}
END_TEST

START_TEST(terminate_at_once)
{
    struct run *run = run_new(ARGV("sleep", "300"));
    run_start(run);
    gl_exec_process_terminate(run->process, true);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_CANCELLED);
    run_free(run);
}
END_TEST

/* ------------------------------------------------------------------ terminals */

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
    run_start(run);
    run_until_end(run);
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
        run_start(run);
        run_until_end(run);
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

/* ------------------------------------------------------------------ many, and the agent's death */

START_TEST(many_at_once)
{
    enum { COUNT = 200 };
    struct run *first = run_new(SHELL("read x; echo $x"));
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
    run_start(run);
    run_until_end(run);
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
    run_start(run);
    run_until_end(run);
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
    ck_assert_uint_lt((uv_hrtime() - before) / 1000000, 5000);
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
    Suite *s = GL_UNIT_SUITE(
        "exec_process", outputs_are_apart_and_whole, killed_by_signal, arguments_hold_any_byte,
        nothing_is_inherited, environment_is_like_a_login, programs_that_cannot_run, directory,
        user, policy_sees_the_resolved_program, what_runs_is_what_was_judged, names_of_a_program,
        names_of_a_program_in_safe_folders, steady_paths, input_goes_through,
        input_that_nobody_reads_is_dropped, no_input_is_dev_null, pause_stalls_the_program,
        output_outlives_the_program, chatter_of_those_left_behind_has_an_end, signals,
        early_signal_is_kept, terminate_leaves_nothing, terminate_is_gentle_first,
        terminate_at_once, terminal, terminal_end_of_input, terminal_that_is_vacant,
        terminal_output_is_whole, terminal_signal_to_foreground, terminal_hangs_up, login_shell,
        many_at_once, what_was_prepared_runs_the_next_one, what_was_prepared_may_die,
        what_was_prepared_goes_at_the_end, agent_killed);
    return s;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], GL_EXEC_HELPER_OPTION) == 0)
        gl_exec_helper_main();
    /* A write to a pipe without reader is an error, as in the agent. */
    signal(SIGPIPE, SIG_IGN);
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
