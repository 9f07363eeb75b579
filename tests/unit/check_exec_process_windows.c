/* SPDX-License-Identifier: MIT */
/* This program is its own helper, as the agent is, and all the programs that it runs: see main().
 */
#include "exec-process.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "exec-helper.h"
#include "mem.h"
#include "proto/guestlink.pb-c.h"
#include "unit.h"
#include "windows/wide.h"

#define OUTPUT_MAX (4u * 1024 * 1024)

static char self[4096]; /* this program's path */

/* Wine 8 lacks a few things that are tested here. */
static bool is_wine(void)
{
    return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;
}

/* ------------------------------------------------------------------ the programs */

/* The C runtime's own: main() gets what it makes of them, in another encoding. */
int __cdecl __wgetmainargs(int *argc, wchar_t ***argv, wchar_t ***env, int glob, int *new_mode);

static void child_arguments(void)
{
    int count, new_mode = 0;
    wchar_t **wide, **env;
    if (__wgetmainargs(&count, &wide, &env, 0, &new_mode) != 0)
        exit(8);
    for (int i = 3; i < count; i++) {
        char *text = gl_narrow_lossy(wide[i]);
        fwrite(text, 1, strlen(text) + 1, stdout); /* with the NUL, as a text may have lines */
        gl_free(text);
    }
}

static void child_cat(void)
{
    static char buf[65536];
    int n;
    while ((n = _read(0, buf, sizeof(buf))) > 0)
        for (int at = 0, m; at < n; at += m)
            if ((m = _write(1, buf + at, (unsigned)(n - at))) <= 0)
                exit(9);
}

static void say(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

/* Another one like this, with our output; it outlives us. */
static void child_leave_behind(const char *mode)
{
    STARTUPINFOA startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION made;
    char *line = gl_asprintf("\"%s\" --child %s", self, mode);
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &made))
        exit(8);
    printf("child %lu\n", made.dwProcessId);
    fflush(stdout);
    gl_free(line);
}

static BOOL WINAPI on_event(DWORD event)
{
    say(event == CTRL_C_EVENT       ? "got C\n"
        : event == CTRL_BREAK_EVENT ? "got BREAK\n"
                                    : "got other\n");
    if (event == CTRL_BREAK_EVENT)
        ExitProcess(7);
    return TRUE;
}

static int child(char **argv)
{
    const char *mode = argv[2];
    _setmode(0, _O_BINARY);
    _setmode(1, _O_BINARY);
    _setmode(2, _O_BINARY);
    if (strcmp(mode, "both") == 0) {
        say("out\n");
        fputs("err\n", stderr);
        return 42;
    } else if (strcmp(mode, "arguments") == 0) {
        child_arguments();
    } else if (strcmp(mode, "exit") == 0) {
        ExitProcess((UINT)strtoul(argv[3], NULL, 0));
    } else if (strcmp(mode, "cat") == 0) {
        child_cat();
    } else if (strcmp(mode, "env") == 0) {
        wchar_t *block = GetEnvironmentStringsW();
        for (const wchar_t *p = block; *p; p += wcslen(p) + 1) {
            char *text = gl_narrow_lossy(p);
            printf("%s\n", text);
            gl_free(text);
        }
    } else if (strcmp(mode, "pwd") == 0) {
        wchar_t path[4096];
        GetCurrentDirectoryW(4096, path);
        char *text = gl_narrow_lossy(path);
        printf("%s\n", text);
        gl_free(text);
    } else if (strcmp(mode, "flood") == 0) {
        static char buf[10000];
        memset(buf, 'y', sizeof(buf));
        for (long left = strtol(argv[3], NULL, 10); left > 0; left -= (long)sizeof(buf))
            fwrite(buf, 1, sizeof(buf), stdout);
        fputs("done\n", stderr);
    } else if (strcmp(mode, "leave") == 0) {
        child_leave_behind(argv[3]);
    } else if (strcmp(mode, "tree") == 0) {
        child_leave_behind("sleep");
        say("up\n");
        Sleep(60000);
    } else if (strcmp(mode, "sleep") == 0) {
        Sleep(60000);
    } else if (strcmp(mode, "close-and-sleep") == 0) {
        fclose(stdin);
        CloseHandle(GetStdHandle(STD_INPUT_HANDLE));
        say("closed\n");
        Sleep(300);
        return 3;
    } else if (strcmp(mode, "chatter") == 0) {
        for (int i = 0; i < 3000 && printf("x") > 0 && fflush(stdout) == 0; i++)
            Sleep(10);
    } else if (strcmp(mode, "events") == 0) {
        SetConsoleCtrlHandler(on_event, TRUE);
        say("up\n");
        Sleep(20000);
    } else if (strcmp(mode, "console") == 0) {
        /* By name: Wine's pseudo consoles leave the standard handles as they are. */
        CONSOLE_SCREEN_BUFFER_INFO info = {.dwSize = {0, 0}};
        HANDLE out = CreateFileW(L"CONOUT$", GENERIC_READ | GENERIC_WRITE,
                                 FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
        GetConsoleScreenBufferInfo(out, &info);
        char text[100], line[100];
        DWORD n = 0;
        int len = snprintf(text, sizeof(text), "size %dx%d\r\n",
                           info.srWindow.Right - info.srWindow.Left + 1,
                           info.srWindow.Bottom - info.srWindow.Top + 1);
        WriteFile(out, text, (DWORD)len, &n, NULL);
        HANDLE in = CreateFileW(L"CONIN$", GENERIC_READ | GENERIC_WRITE,
                                FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
        if (!ReadFile(in, line, sizeof(line) - 1, &n, NULL))
            return 6;
        line[n] = '\0';
        len = snprintf(text, sizeof(text), "[%.*s]\r\n", (int)strcspn(line, "\r\n"), line);
        WriteFile(out, text, (DWORD)len, &n, NULL);
        return 5;
    } else if (strcmp(mode, "handles") == 0) {
        /* Which of the numbers up to the given one are handles that we have? */
        DWORD flags;
        bool open = GetHandleInformation((HANDLE)(intptr_t)strtoull(argv[3], NULL, 10), &flags);
        say(open ? "open\n" : "closed\n");
    }
    return 0;
}

/* ------------------------------------------------------------------ a run, and what came of it */

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
    char text[1024];
};

static enum gl_status run_resolved(void *ctx, const struct gl_exec_target *target,
                                   const char **ret_text)
{
    struct run *run = ctx;
    snprintf(run->program, sizeof(run->program), "%s", target->program);
    snprintf(run->user, sizeof(run->user), "%s", target->user);
    *ret_text = "the rule says no";
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

/* Frees it, and sees that no handle of the loop is left of it. */
static void run_free(struct run *run)
{
    uv_run(&run->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&run->loop), 0);
    for (int i = 1; i < 3; i++)
        gl_free(run->out[i]);
    gl_free(run);
}

#define ARGV(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define CHILD(...) ARGV(self, "--child", __VA_ARGS__)

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
    ck_assert_str_eq(run->result.signal_name, "");
    ck_assert_uint_eq(run->result.code, code);
}

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
        ck_assert_msg(!run->ended, "ended without '%s': '%s' '%s' %s %#x", text, run->out[1],
                      run->out[2], run->text, run->result.code);
        uv_run(&run->loop, UV_RUN_ONCE);
    }
}

static HANDLE open_process(struct run *run, const char *before)
{
    const char *at = strstr(run->out[1], before);
    ck_assert_ptr_nonnull(at);
    HANDLE process =
        OpenProcess(SYNCHRONIZE | PROCESS_TERMINATE, FALSE, strtoul(at + strlen(before), NULL, 10));
    ck_assert_ptr_nonnull(process);
    return process;
}

static uint64_t since(uint64_t before)
{
    return (uv_hrtime() - before) / 1000000;
}

/* ------------------------------------------------------------------ how it ends */

START_TEST(outputs_are_apart_and_whole)
{
    struct run *run = run_whole(CHILD("both"));
    expect_exit(run, 42);
    ck_assert_str_eq(run->out[1], "out\n");
    ck_assert_str_eq(run->out[2], "err\n");
    ck_assert_uint_gt(run->pid, 0);
    ck_assert_str_ne(run->user, "");
    run_free(run);
}
END_TEST

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
    run_start(run);
    run_until_end(run);
    expect_exit(run, 0);
    const char *env = run->out[1];
    ck_assert_ptr_nonnull(strstr(env, "a=2\n"));
    ck_assert_ptr_null(strstr(env, "A=1\n"));
    ck_assert_ptr_nonnull(strstr(env, "zz=Gr\xc3\xbc\xc3\x9f\n"));
    ck_assert_ptr_nonnull(strstr(env, "EMPTY=\n"));
    ck_assert_ptr_nonnull(strstr(env, "PATH="));
    ck_assert_ptr_null(strstr(env, "SECRET"));
    run_free(run);
}
END_TEST

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
        const char *argv[3 + ARGUMENTS + 1] = {self, "--child", "arguments"};
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
    char *text = gl_asprintf("@\"%s\" --child arguments %s\r\n", self, content);
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
    struct run *run = run_new(ARGV(program));
    char *variable = gl_asprintf("Path=%s", path ? path : "C:\\windows\\system32");
    run->spec.env = ARGV(variable);
    run_start(run);
    run_until_end(run);
    ck_assert_msg(run->result.status == status, "%s: %s, '%s'", program,
                  gl_status_name(run->result.status), run->text);
    ck_assert_uint_eq(run->pid, 0);
    gl_free(variable);
    run_free(run);
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
    run_start(run);
    run_until_end(run);
    expect_exit(run, 6);
    ck_assert_int_eq(_stricmp(run->program, "C:\\windows\\system32\\cmd.exe"), 0);
    run_free(run);
}
END_TEST

START_TEST(policy_sees_the_program)
{
    struct run *run = run_new(ARGV("c:/WINDOWS/./system32/../system32/CMD.EXE", "/c", "echo ran"));
    run->verdict = GL_STATUS_DENIED;
    run_start(run);
    run_until_end(run);
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
    run_start(run);
    run_until_end(run);
    expect_exit(run, 0);
    ck_assert_int_eq(_stricmp(run->out[1], "C:\\windows\n"), 0);
    run_free(run);

    run = run_new(CHILD("pwd"));
    run->spec.directory = "C:\\no\\such\\place";
    run_start(run);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(run->text, "C:\\no\\such\\place"));
    run_free(run);

    run = run_new(CHILD("pwd"));
    run->spec.directory = "C:\\windows\\system32\\cmd.exe";
    run_start(run);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_NOT_DIRECTORY);
    run_free(run);
}
END_TEST

START_TEST(user_and_session)
{
    struct run *run = run_new(CHILD("pwd"));
    run->spec.user = "no-such-user-here";
    run_start(run);
    run_until_end(run);
    ck_assert_msg(run->result.status != GL_STATUS_OK, "ran as '%s'", run->user);
    ck_assert_ptr_nonnull(strstr(run->text, "no-such-user-here"));
    run_free(run);

    run = run_new(CHILD("pwd"));
    run->spec.session = "screen";
    run_start(run);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_INVALID);
    run_free(run);

    if (is_wine()) /* gives its one user's token for any session */
        return;
    run = run_new(CHILD("pwd"));
    run->spec.session = "4711";
    run_start(run);
    run_until_end(run);
    ck_assert_int_ne(run->result.status, GL_STATUS_OK);
    ck_assert_uint_eq(run->pid, 0);
    run_free(run);
}
END_TEST

/* ------------------------------------------------------------------ input and output */

START_TEST(input_goes_through)
{
    struct run *run = run_new(CHILD("cat"));
    run->spec.stdin_open = true;
    run_start(run);
    size_t size = 3u * 1024 * 1024; /* more than any pipe holds */
    struct gl_block *block = gl_block_new(size);
    for (size_t i = 0; i < size; i++)
        gl_block_data(block)[i] = (uint8_t)(i * 7 + i / 251);
    gl_exec_process_write(run->process, gl_slice_of(block, 0, 5), 16);
    gl_exec_process_write(run->process, gl_slice_of(block, 5, size - 5), size - 5);
    gl_exec_process_write_end(run->process);
    run_until_end(run);
    expect_exit(run, 0);
    ck_assert_uint_eq(run->input_used, 16 + size - 5);
    ck_assert_uint_eq(run->out_len[1], size);
    ck_assert_mem_eq(run->out[1], gl_block_data(block), size);
    gl_block_unref(block);
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

START_TEST(input_that_nobody_reads_is_dropped)
{
    struct run *run = run_new(CHILD("close-and-sleep"));
    run->spec.stdin_open = true;
    run_start(run);
    wait_for_output(run, "closed");
    for (int i = 0; i < 40; i++)
        gl_exec_process_write(run->process, gl_slice_copy("0123456789", 10), 100000);
    gl_exec_process_write_end(run->process);
    run_until_end(run);
    ck_assert_uint_eq(run->input_used, 40 * 100000);
    expect_exit(run, 3);
    run_free(run);
}
END_TEST

START_TEST(no_input_is_nul)
{
    struct run *run = run_whole(CHILD("cat"));
    expect_exit(run, 0);
    ck_assert_uint_eq(run->total, 0);
    run_free(run);
}
END_TEST

START_TEST(pause_stalls_the_program)
{
    struct run *run = run_new(CHILD("flood", "20000000"));
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
    ck_assert_uint_lt(since(before), 1500);
    HANDLE left = open_process(run, "child ");
    ck_assert_uint_eq(WaitForSingleObject(left, 200), WAIT_TIMEOUT);
    TerminateProcess(left, 0);
    CloseHandle(left);
    run_free(run);
}
END_TEST

START_TEST(chatter_of_those_left_behind_has_an_end)
{
    struct run *run = run_new(CHILD("leave", "chatter"));
    uint64_t before = uv_hrtime();
    run_start(run);
    run_until_end(run);
    expect_exit(run, 0);
    ck_assert_uint_lt(since(before), 8000);
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
    ck_assert_uint_lt(since(before), 4500);
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

START_TEST(terminate_at_once)
{
    struct run *run = run_new(CHILD("sleep"));
    run_start(run);
    gl_exec_process_terminate(run->process, true);
    run_until_end(run);
    ck_assert_int_eq(run->result.status, GL_STATUS_CANCELLED);
    ck_assert_uint_eq(run->pid, 0);
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
    struct run *agent = run_new(ARGV(self, "--stand-in-agent"));
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

/* ------------------------------------------------------------------ many */

START_TEST(many_at_once)
{
    enum { COUNT = 20 };
    struct run *first = run_new(CHILD("cat"));
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
    return GL_UNIT_SUITE(
        "exec_process_windows", outputs_are_apart_and_whole, a_status_has_32_bits,
        only_standard_handles_are_inherited, environment_is_like_a_login, arguments_arrive_as_sent,
        arguments_that_windows_cannot_have, arguments_of_batch_files_arrive_as_sent,
        arguments_that_cmd_would_run_are_refused, programs_that_cannot_run, programs_are_searched,
        policy_sees_the_program, directory, user_and_session, input_goes_through,
        short_input_is_whole, input_that_nobody_reads_is_dropped, no_input_is_nul,
        pause_stalls_the_program, output_outlives_the_program,
        chatter_of_those_left_behind_has_an_end, interrupt, unknown_signals,
        terminate_is_gentle_first, terminate_leaves_nothing, terminate_at_once,
        early_signal_is_kept, agent_killed, terminal, many_at_once);
}

int main(int argc, char **argv)
{
    GetModuleFileNameA(NULL, self, sizeof(self));
    if (argc > 1 && strcmp(argv[1], GL_EXEC_HELPER_OPTION) == 0)
        gl_exec_helper_main();
    if (argc > 2 && strcmp(argv[1], "--child") == 0)
        return child(argv);
    if (argc > 1 && strcmp(argv[1], "--stand-in-agent") == 0)
        return stand_in_agent();
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
