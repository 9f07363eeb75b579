/* SPDX-License-Identifier: MIT */
/* Which program is run, as whom and where, and what cannot be, on Linux; the twin is in windows/.
 */
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec-run.h"
#include "linux/disk-linux.h"

static void expect_refused(const char *program, const char *path, enum gl_status status)
{
    char *variable = gl_asprintf("PATH=%s", path ? path : "/usr/bin:/bin");
    expect_refused_in(program, variable, status);
    gl_free(variable);
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
    run_to_end(run);
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
    run_to_end(run);
    ck_assert_str_eq(run->out[1], "/usr/bin\n");
    run_free(run);

    expect_no_directory(ARGV("pwd"), "/no/such/place", GL_STATUS_NOT_FOUND);
    expect_no_directory(ARGV("pwd"), "/etc/passwd", GL_STATUS_NOT_DIRECTORY);
}
END_TEST

START_TEST(user)
{
    struct run *run = run_new(ARGV("id"));
    run->spec.user = "no-such-user-here";
    run_to_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(run->text, "no-such-user-here"));
    run_free(run);

    run = run_new(SHELL("id -un; id -G; pwd; echo $HOME $USER"));
    run->spec.user = geteuid() == 0 ? "nobody" : "root";
    run_to_end(run);
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
    run_to_end(run);
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
    run_to_end(run);
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

static Suite *suite(void)
{
    return GL_UNIT_SUITE("exec_program_linux", programs_that_cannot_run, directory, user,
                         policy_sees_the_resolved_program, what_runs_is_what_was_judged,
                         names_of_a_program, names_of_a_program_in_safe_folders, steady_paths);
}

int main(int argc, char **argv)
{
    exec_programs_main(argc, argv);
    return gl_unit_run(suite());
}
