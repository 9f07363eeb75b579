/* SPDX-License-Identifier: MIT */
#include "exec-programs.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "exec-helper.h"
#include "mem.h"
#include "windows/wide.h"

char exec_self[4096];

bool is_wine(void)
{
    return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;
}

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
    char *line = gl_asprintf("\"%s\" --child %s", exec_self, mode);
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
        Sleep(1000);
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

void exec_programs_main(int argc, char **argv)
{
    GetModuleFileNameA(NULL, exec_self, sizeof(exec_self));
    if (argc > 1 && strcmp(argv[1], GL_EXEC_HELPER_OPTION) == 0)
        gl_exec_helper_main();
    if (argc > 2 && strcmp(argv[1], "--child") == 0)
        exit(child(argv));
}
