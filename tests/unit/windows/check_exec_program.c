/* SPDX-License-Identifier: MIT */
/* Which program is run, with which arguments, as whom and where, and what cannot be, on Windows;
 * the twin is in linux/. */
#include <stdlib.h>
#include <windows.h>

#include "exec-run.h"
#include "windows/exec-image.h"
#include "windows/exec-search.h"
#include "windows/wide.h"

/* ------------------------------------------------------------------ arguments */

static uint32_t dice_state = 4711;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (dice_state >> 8) % sides;
}

/* Made of these pieces, up to `most` of them. */
static char *make_argument(const char *const *pieces, uint32_t n_pieces, uint32_t most)
{
    char *text = gl_strdup("");
    for (uint32_t left = dice(most + 1); left > 0; left--) {
        char *longer = gl_asprintf("%s%s", text, pieces[dice(n_pieces)]);
        gl_free(text);
        text = longer;
    }
    return text;
}

/* What came out is argv from `first` on, each with its NUL. */
static void expect_arguments(const struct run *run, const char *const *argv, size_t first)
{
    const char *at = run->out[1];
    expect_exit(run, 0);
    for (size_t i = first; argv[i]; i++) {
        ck_assert_msg(at < run->out[1] + run->out_len[1], "argument %d is missing", (int)i);
        ck_assert_str_eq(at, argv[i]);
        at += strlen(at) + 1;
    }
    ck_assert_uint_eq((size_t)(at - run->out[1]), run->out_len[1]);
}

enum { ARGUMENTS = 300 };

static void free_arguments(const char **argv, size_t first)
{
    for (size_t i = first; argv[i]; i++)
        gl_free((char *)(uintptr_t)argv[i]);
}

START_TEST(arguments_arrive_as_sent)
{
    static const char *const pieces[] = {
        "\\", "\\\\", "\"", " ",   "\t", "a", "-b",       "%PATH%",
        "^",  "&",    "\n", "\r",  "*",  "'", "\xc3\xbc", "\xf0\x9f\x90\xa7",
        "|",  "<",    "=",  "\x01"};
    for (int round = 0; round < 3; round++) {
        const char *argv[3 + ARGUMENTS + 1] = {exec_self, "--child", "arguments"};
        for (size_t i = 0; i < ARGUMENTS; i++)
            argv[3 + i] = make_argument(pieces, GL_ARRAY_SIZE(pieces), 10);
        struct run *run = run_whole(argv);
        expect_arguments(run, argv, 3);
        run_free(run);
        free_arguments(argv, 3);
    }
}
END_TEST

START_TEST(arguments_that_windows_cannot_have)
{
    struct run *run = run_whole(CHILD("arguments", "\xff\xfe"));
    ck_assert_int_eq(run->result.status, GL_STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(run->text, "UTF-8"));
    run_free(run);
    char *longest = gl_alloc(40001);
    memset(longest, 'x', 40000);
    longest[40000] = '\0';
    run = run_whole(CHILD("arguments", longest));
    ck_assert_int_eq(run->result.status, GL_STATUS_TOO_BIG);
    gl_free(longest);
    run_free(run);
}
END_TEST

/* ------------------------------------------------------------------ batch files */

static char folder[512]; /* of this test, made anew */

static void make_folder(void)
{
    char temp[256];
    GetTempPathA(sizeof(temp), temp);
    snprintf(folder, sizeof(folder), "%sgl-exec-%lu", temp, GetCurrentProcessId());
    CreateDirectoryA(folder, NULL);
}

static char *put_file(const char *name, const char *content)
{
    char *path = gl_asprintf("%s\\%s", folder, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    fclose(file);
    return path;
}

static void remove_folder(void)
{
    WIN32_FIND_DATAA found;
    char *pattern = gl_asprintf("%s\\*", folder);
    HANDLE find = FindFirstFileA(pattern, &found);
    do {
        char *path = gl_asprintf("%s\\%s", folder, found.cFileName);
        DeleteFileA(path);
        gl_free(path);
    } while (FindNextFileA(find, &found));
    FindClose(find);
    gl_free(pattern);
    ck_assert(RemoveDirectoryA(folder));
}

/* A name with what cmd.exe makes something of. */
static char *put_batch_file(const char *content)
{
    make_folder();
    char *text = gl_asprintf("@\"%s\" --child arguments %s\r\n", exec_self, content);
    char *path = put_file("a & b (c) ^d.cmd", text);
    gl_free(text);
    return path;
}

START_TEST(arguments_of_batch_files_arrive_as_sent)
{
    static const char *const pieces[] = {
        "a", "B", "&", "|", "<", ">", "^", "(",  ")", "!", ",", ";", "=",        " ",     "~",  "'",
        "`", "@", "#", "$", "+", "-", ".", "/x", ":", "[", "]", "{", "\xc3\xbc", "&echo", "\\a"};
    char *path = put_batch_file("%*");
    const char *argv[1 + ARGUMENTS + 1] = {path};
    for (size_t i = 0; i < ARGUMENTS; i++)
        argv[1 + i] = make_argument(pieces, GL_ARRAY_SIZE(pieces), 8);
    struct run *run = run_whole(argv);
    expect_arguments(run, argv, 1);
    ck_assert_str_eq(run->program + strlen(run->program) - 4, ".cmd");
    run_free(run);
    free_arguments(argv, 1);
    gl_free(path);
    remove_folder();
}
END_TEST

START_TEST(arguments_that_cmd_would_run_are_refused)
{
    char *path = put_batch_file("%*");
    static const char *const bad[] = {"\"&echo owned", "%PATH%", "a\necho owned", "\""};
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++) {
        struct run *run = run_whole(ARGV(path, bad[i]));
        ck_assert_int_eq(run->result.status, GL_STATUS_INVALID);
        ck_assert_ptr_nonnull(strstr(run->text, "cmd.exe"));
        ck_assert_uint_eq(run->total, 0);
        run_free(run);
    }
    gl_free(path);
    remove_folder();
}
END_TEST

/* ------------------------------------------------------------------ what cannot be started */

static void expect_refused(const char *program, const char *path, enum gl_status status)
{
    char *variable = gl_asprintf("Path=%s", path ? path : "C:\\windows\\system32");
    expect_refused_in(program, variable, status);
    gl_free(variable);
}

START_TEST(programs_that_cannot_run)
{
    make_folder();
    char *text = put_file("text.exe", "no program\n"), *script = put_file("doc.vbs", "x");
    expect_refused(text, NULL, GL_STATUS_NOT_EXECUTABLE);
    expect_refused("text", folder, GL_STATUS_NOT_EXECUTABLE);
    expect_refused(folder, NULL, GL_STATUS_NOT_EXECUTABLE);
    expect_refused("no-such-program-here", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("C:\\no\\such\\program", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("cmd", folder, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("C:text", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("\\\\.\\NUL", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("C:\\windows\\system32\\cmd.exe::$DATA", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("\\\\?\\C:\\windows\\system32\\cmd.exe:x", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("cmd.exe:x", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("", NULL, GL_STATUS_PROGRAM_NOT_FOUND);
    /* Neither the current directory nor a relative entry of PATH. */
    SetCurrentDirectoryA(folder);
    expect_refused("text", "C:\\windows\\system32", GL_STATUS_PROGRAM_NOT_FOUND);
    expect_refused("text", ".;;", GL_STATUS_PROGRAM_NOT_FOUND);
    SetCurrentDirectoryA("C:\\");
    gl_free(text);
    gl_free(script);
    remove_folder();
}
END_TEST

START_TEST(programs_are_searched)
{
    struct run *run = run_new(ARGV("cmd", "/c", "exit", "6"));
    run->spec.env = ARGV("Path=relative;\"C:\\no;where\";C:\\windows\\system32");
    run_to_end(run);
    expect_exit(run, 6);
    ck_assert_int_eq(_stricmp(run->program, "C:\\windows\\system32\\cmd.exe"), 0);
    run_free(run);
}
END_TEST

START_TEST(policy_sees_the_program)
{
    struct run *run = run_new(ARGV("c:/WINDOWS/./system32/../system32/CMD.EXE", "/c", "echo ran"));
    run->verdict = GL_STATUS_DENIED;
    run_to_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_DENIED);
    ck_assert_str_eq(run->text, "the rule says no");
    ck_assert_int_eq(_stricmp(run->program, "C:\\windows\\system32\\cmd.exe"), 0);
    ck_assert_uint_eq(run->out_len[1], 0);
    run_free(run);
}
END_TEST

START_TEST(directory)
{
    struct run *run = run_new(CHILD("pwd"));
    run->spec.directory = "C:/windows";
    run_to_end(run);
    expect_exit(run, 0);
    ck_assert_int_eq(_stricmp(run->out[1], "C:\\windows\n"), 0);
    run_free(run);

    expect_no_directory(CHILD("pwd"), "C:\\no\\such\\place", GL_STATUS_NOT_FOUND);
    expect_no_directory(CHILD("pwd"), "C:\\windows\\system32\\cmd.exe", GL_STATUS_NOT_DIRECTORY);
}
END_TEST

START_TEST(user_and_session)
{
    struct run *run = run_new(CHILD("pwd"));
    run->spec.user = "no-such-user-here";
    run_to_end(run);
    ck_assert_msg(run->result.status != GL_STATUS_OK, "ran as '%s'", run->user);
    ck_assert_ptr_nonnull(strstr(run->text, "no-such-user-here"));
    run_free(run);

    run = run_new(CHILD("pwd"));
    run->spec.session = "screen";
    run_to_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_INVALID);
    run_free(run);

    if (is_wine()) /* gives its one user's token for any session */
        return;
    run = run_new(CHILD("pwd"));
    run->spec.session = "4711";
    run_to_end(run);
    ck_assert_int_ne(run->result.status, GL_STATUS_OK);
    ck_assert_uint_eq(run->pid, 0);
    run_free(run);
}
END_TEST

/* ------------------------------------------------------------------ what is judged is what runs */

/* In the folder "dir.", which without \\?\ only "dir.." leads to, and "dir." does not. */
START_TEST(names_that_windows_takes_for_others)
{
    make_folder();
    char *path = gl_asprintf("\\\\?\\%s\\dir.", folder);
    wchar_t *self = gl_wide(exec_self), *dir = gl_wide(path), in[600], sub[600];
    swprintf(in, GL_ARRAY_SIZE(in), L"%ls\\x.exe", dir);
    swprintf(sub, GL_ARRAY_SIZE(sub), L"%ls\\sub", dir);
    ck_assert(CreateDirectoryW(dir, NULL));
    ck_assert(CreateDirectoryW(sub, NULL));
    ck_assert(CopyFileW(self, in, TRUE));
    char *program = gl_asprintf("%s\\dir..\\x.exe", folder),
         *place = gl_asprintf("%s\\dir..\\sub", folder);
    struct run *run = run_whole(ARGV(program, "--child", "pwd"));
    ck_assert_int_eq(run->result.status, GL_STATUS_NOT_EXECUTABLE);
    ck_assert_msg(strstr(run->text, "dot"), "%s", run->text);
    run_free(run);
    expect_no_directory(CHILD("pwd"), place, GL_STATUS_INVALID);
    ck_assert(DeleteFileW(in));
    ck_assert(RemoveDirectoryW(sub));
    ck_assert(RemoveDirectoryW(dir));
    gl_free(program);
    gl_free(place);
    gl_free(path);
    gl_free(self);
    gl_free(dir);
    remove_folder();
}
END_TEST

START_TEST(the_image_is_compared)
{
    char *other = NULL;
    make_folder();
    char *path = gl_asprintf("%s\\x.exe", folder);
    ck_assert(CopyFileA(exec_self, path, TRUE));
    HANDLE self = CreateFileA(exec_self, 0, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, 0, NULL);
    HANDLE copy = CreateFileA(path, 0, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    ck_assert(gl_exec_image_is(GetCurrentProcess(), self, &other));
    ck_assert(!gl_exec_image_is(GetCurrentProcess(), copy, &other));
    ck_assert_ptr_nonnull(strstr(other, "check_exec_program"));
    gl_free(other);
    CloseHandle(self);
    CloseHandle(copy);
    gl_free(path);
    remove_folder();
}
END_TEST

/* ------------------------------------------------------------------ shares that nobody may see */

static struct run *run_local(const char *const *argv, const char *const *env, const char *place)
{
    struct run *run = run_new(argv);
    run->spec.env = env;
    run->spec.directory = place;
    run->spec.local_only = true;
    run_to_end(run);
    return run;
}

static void expect_shunned(const char *program, const char *const *env, const char *place)
{
    struct run *run = run_local(ARGV(program, "/c", "exit", "6"), env, place);
    ck_assert_int_eq(run->result.status, GL_STATUS_DENIED);
    ck_assert_ptr_nonnull(strstr(run->text, "share"));
    run_free(run);
}

START_TEST(shares_are_not_looked_at)
{
    static const char cmd[] = "C:\\windows\\system32\\cmd.exe";
    expect_shunned("//nowhere.invalid/x/y.exe", NULL, NULL);
    expect_shunned("\\\\?\\UNC\\nowhere.invalid\\x\\y.exe", NULL, NULL);
    expect_shunned("y", ARGV("Path=\\\\nowhere.invalid\\x"), NULL);
    expect_shunned(cmd, NULL, "//nowhere.invalid/x");
    struct run *run = run_local(ARGV("cmd", "/c", "exit", "6"),
                                ARGV("Path=\\\\nowhere.invalid\\x;C:\\windows\\system32",
                                     "USERPROFILE=//nowhere.invalid/x"),
                                NULL);
    expect_exit(run, 6);
    run_free(run);
    run = run_local(ARGV(cmd, "/c", "exit", "6"), NULL, "C:/windows");
    expect_exit(run, 6);
    run_free(run);
}
END_TEST

/* Where a working directory really is can be judged. */
START_TEST(a_directory_is_told)
{
    struct gl_exec_failure failure = {GL_STATUS_OK, NULL};
    char *where = NULL;
    wchar_t *found = gl_exec_directory("c:/WINDOWS/./system32/..", NULL, false, &where, &failure);
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(_stricmp(where, "C:\\windows"), 0);
    gl_free(found);
    gl_free(where);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE(
        "exec_program_windows", arguments_arrive_as_sent, arguments_that_windows_cannot_have,
        arguments_of_batch_files_arrive_as_sent, arguments_that_cmd_would_run_are_refused,
        programs_that_cannot_run, programs_are_searched, policy_sees_the_program, directory,
        user_and_session, names_that_windows_takes_for_others, the_image_is_compared,
        shares_are_not_looked_at, a_directory_is_told);
}

int main(int argc, char **argv)
{
    exec_programs_main(argc, argv);
    return gl_unit_run(suite());
}
